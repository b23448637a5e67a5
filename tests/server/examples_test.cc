// What the documentation shows is what the server does: the examples of every command's Spec, and
// the console blocks of README.md.
#include <fstream>

#include "commands/spec.h"
#include "tests/server/harness.h"

namespace ampt::test {
namespace {

class ExamplesTest : public ServerTest {};

void CollectCommands(std::span<const Command* const> commands, std::vector<const Command*>* all) {
  for (const Command* command : commands) {
    all->push_back(command);
    CollectCommands(command->subcommands, all);
  }
}

// Every command and subcommand.
std::vector<const Command*> Commands() {
  static const CommandTable table;
  std::vector<const Command*> all;
  CollectCommands(table.all(), &all);
  return all;
}

// The clock stands: what is left of a deadline is what was asked for.
const Settings kStandingClock = {{"debug-clock", "1795305600000"}};

TEST_F(ExamplesTest, OfEveryCommand) {
  StartServer(kStandingClock);
  for (const Command* command : Commands()) {
    const Spec& spec = command->spec;
    SCOPED_TRACE(spec.name);
    EXPECT_TRUE(!spec.examples.empty() || !command->subcommands.empty())
        << "a command without an example";
    // What the commands of the server change outlives FLUSHALL.
    if (spec.group == Group::kServer) StartServer(kStandingClock);
    Client client = Connect();
    ASSERT_EQ(client.Ask("FLUSHALL"), "OK");
    for (const Example& example : spec.examples) {
      const std::string reply = client.Ask(example.command);
      if (!example.reply.empty()) {
        EXPECT_EQ(reply, example.reply) << "> " << example.command;
      } else if (spec.name != "shutdown") {
        EXPECT_FALSE(reply.starts_with("(error)")) << "> " << example.command << "\n" << reply;
      }
    }
  }
}

struct Step {
  int line;
  std::string command;
  std::string reply;
};

// The steps of all blocks that begin with ```console: "127.0.0.1:6379> command" and its reply.
std::vector<Step> ReadConsoleBlocks(std::istream& text) {
  std::vector<Step> steps;
  bool in_block = false;
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    ++number;
    if (line.starts_with("```")) {
      in_block = line == "```console";
      continue;
    }
    if (!in_block) continue;
    const size_t prompt = line.find("> ");
    if (line.starts_with("127.0.0.1:6379") && prompt != std::string::npos) {
      steps.push_back({number, line.substr(prompt + 2), ""});
    } else if (steps.empty()) {
      ADD_FAILURE() << "README.md:" << number << ": a reply without a command";
    } else {
      std::string& reply = steps.back().reply;
      if (!reply.empty()) reply += "\n";
      reply += line;
    }
  }
  return steps;
}

TEST_F(ExamplesTest, OfTheReadme) {
  std::ifstream readme("README.md");
  ASSERT_TRUE(readme) << "run the tests from the root of the repository";
  const std::vector<Step> steps = ReadConsoleBlocks(readme);
  ASSERT_FALSE(steps.empty()) << "README.md shows no console";
  StartServer(kStandingClock);
  Client client = Connect();
  for (const Step& step : steps) {
    EXPECT_EQ(client.Ask(step.command), step.reply)
        << "README.md:" << step.line << ": > " << step.command;
  }
}

// `make readme` writes it.
TEST(ReadmeTest, ShowsTheTableOfCommands) {
  std::ifstream readme("README.md");
  const std::string text{std::istreambuf_iterator<char>(readme), std::istreambuf_iterator<char>()};
  const TemporaryDirectory directory;
  const Outcome outcome = RunServerToEnd({"--commands=md"}, directory.path());
  ASSERT_EQ(outcome.exit_status, 0);
  ASSERT_GT(outcome.output.size(), 1000u);
  const size_t end = outcome.output.find_last_not_of('\n') + 1;
  EXPECT_NE(text.find(outcome.output.substr(0, end)), std::string::npos)
      << "run `make readme` and commit README.md";
}

}  // namespace
}  // namespace ampt::test
