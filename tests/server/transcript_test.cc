// Runs the transcripts of tests/commands/, each on a fresh server, in RESP2 and in RESP3.
//
// A transcript reads like a redis-cli session:
//
//   # a comment
//   > SET greeting "Hello\n"          a command, in redis-cli's quoting; %{x*300} is 300 times x
//   OK                                what redis-cli prints, up to an empty line or the next
//   command > TIME 1) "x" ? 2\) "[0-9]+"                    a regular expression for this whole
//   line
//   ...                               whatever else is printed
//   2| 1) "a"                         a line of RESP2 only; 3| of RESP3 only
//   @server max-item-size 1mb         a setting of the server; first of all
//   @only RESP2                       the first line: not run in the other protocol
//   @clock 4102444800000              the server's clock stands at this millisecond,
//   @clock +1500                      and is moved on
//   @client other                     goes on with the connection of that name ("main" at first)
//   @closed                           the server closes this connection; it is opened anew
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <tuple>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

constexpr char kFolder[] = "tests/commands";

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  if (lines.empty()) lines.emplace_back();
  return lines;
}

std::string Shortened(const std::string& line) {
  return line.size() <= 600 ? line : line.substr(0, 300) + " … " + line.substr(line.size() - 200);
}

bool LineMatches(const std::string& expected, const std::string& actual) {
  if (expected.starts_with("= ")) {
    return Render({.type = '$', .text = ExpandRepeats(expected.substr(2)), .elements = {}}) ==
           actual;
  }
  if (!expected.starts_with("? ")) return ExpandRepeats(expected) == actual;
  return std::regex_match(actual, std::regex(expected.substr(2)));
}

// What differs, or "".
std::string Difference(const std::vector<std::string>& expected, const std::string& reply) {
  const std::vector<std::string> actual = Lines(reply);
  bool same = true;
  size_t i = 0;
  for (; same && i < expected.size(); ++i) {
    if (expected[i] == "...") return "";
    same = i < actual.size() && LineMatches(expected[i], actual[i]);
  }
  if (same && i == actual.size()) return "";
  std::string text = "expected:";
  for (const std::string& line : expected) text += "\n  " + Shortened(line);
  text += "\nactual:";
  for (const std::string& line : actual) text += "\n  " + Shortened(line);
  return text;
}

class Transcript {
 public:
  Transcript(const std::string& path, int resp) : path_(path), resp_(resp) {}

  void Run() {
    std::ifstream file(path_);
    ASSERT_TRUE(file) << path_;
    for (std::string line; std::getline(file, line);) {
      ++line_;
      if (server_ && !server_->running()) FAIL() << path_ << ":" << line_ << ": no server";
      if (line == "@only RESP2" || line == "@only RESP3") {
        EXPECT_EQ(line_, 1) << path_;
      } else if (line.starts_with("@")) {
        Finish();
        Direct(line);
        if (testing::Test::HasFatalFailure()) return;
      } else if (line.starts_with("> ")) {
        Finish();
        command_ = line.substr(2);
        command_line_ = line_;
      } else if (line.empty() || line.starts_with("#")) {
        Finish();
      } else if (line.starts_with("2| ") || line.starts_with("3| ")) {
        if (line[0] - '0' == resp_) expected_.push_back(line.substr(3));
      } else {
        expected_.push_back(line);
      }
    }
    Finish();
    EXPECT_GT(commands_, 0) << path_ << " has no command";
  }

  std::string Log() const { return server_ ? server_->Log() : ""; }

 private:
  // Sends the command whose expectation is complete now.
  void Finish() {
    const std::string command = std::exchange(command_, {});
    const std::vector<std::string> expected = std::exchange(expected_, {});
    if (command.empty()) {
      EXPECT_TRUE(expected.empty()) << path_ << ":" << line_ << ": a reply without a command";
      return;
    }
    ++commands_;
    const std::string difference = Difference(expected, Connection().Ask(command));
    if (!difference.empty()) {
      ADD_FAILURE_AT(path_.c_str(), command_line_) << "> " << Shortened(command) << "\n"
                                                   << difference;
    }
  }

  void Direct(const std::string& line) {
    std::istringstream words(line);
    std::string name;
    std::string first;
    std::string second;
    words >> name >> first >> second;
    if (name == "@server") {
      EXPECT_EQ(server_, nullptr) << path_ << ":" << line_ << ": too late for a setting";
      settings_.emplace_back(first, second == "\"\"" ? "" : second);
    } else if (name == "@clock") {
      const int64_t by_or_to = std::stoll(first);
      clock_ms_ = first.starts_with("+") ? clock_ms_ + by_or_to : by_or_to;
      const Value reply = Connection().Run({"DEBUG", "CLOCK", std::to_string(clock_ms_)});
      EXPECT_EQ(Render(reply), "OK") << path_ << ":" << line_;
    } else if (name == "@client") {
      name_ = first;
    } else if (name == "@closed") {
      ASSERT_TRUE(Connection().WaitClosed()) << path_ << ":" << line_;
      clients_.erase(name_);
    } else {
      ADD_FAILURE() << path_ << ":" << line_ << ": unknown: " << line;
    }
  }

  Client& Connection() {
    if (!server_) server_ = std::make_unique<ServerProcess>(settings_);
    const auto found = clients_.find(name_);
    if (found != clients_.end()) return found->second;
    Client& client = clients_.emplace(name_, server_->Connect()).first->second;
    if (resp_ == 3) {
      EXPECT_FALSE(client.Run({"HELLO", "3"}).is_error());
    }
    return client;
  }

  const std::string path_;
  const int resp_;
  Settings settings_;
  std::unique_ptr<ServerProcess> server_;
  std::map<std::string, Client> clients_;
  std::string name_ = "main";
  int64_t clock_ms_ = 0;
  int line_ = 0;
  int commands_ = 0;
  int command_line_ = 0;
  std::string command_;
  std::vector<std::string> expected_;
};

struct Parameter {
  std::string name;
  int resp;
};

void PrintTo(const Parameter& parameter, std::ostream* out) {
  *out << parameter.name;
}

class TranscriptTest : public testing::TestWithParam<Parameter> {};

TEST_P(TranscriptTest, Agrees) {
  Transcript transcript(std::string(kFolder) + "/" + GetParam().name + ".txt", GetParam().resp);
  transcript.Run();
  if (HasFailure()) std::fprintf(stderr, "--- the server's log\n%s---\n", transcript.Log().c_str());
}

// Every transcript in each protocol it is for.
std::vector<Parameter> Parameters() {
  std::vector<Parameter> parameters;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder, error)) {
    if (entry.path().extension() != ".txt") continue;
    std::string first_line;
    std::getline(std::ifstream(entry.path()), first_line);
    for (const int resp : {2, 3}) {
      if (first_line.starts_with("@only ") && first_line != "@only RESP" + std::to_string(resp)) {
        continue;
      }
      parameters.push_back({entry.path().stem(), resp});
    }
  }
  std::sort(parameters.begin(), parameters.end(), [](const Parameter& a, const Parameter& b) {
    return std::tie(a.name, a.resp) < std::tie(b.name, b.resp);
  });
  return parameters;
}

// Without transcripts (run from another directory) gtest fails for want of instances.
INSTANTIATE_TEST_SUITE_P(Commands, TranscriptTest, testing::ValuesIn(Parameters()),
                         [](const testing::TestParamInfo<Parameter>& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name + "_RESP" + std::to_string(info.param.resp);
                         });

TEST(Transcripts, ReadRedisCliQuoting) {
  EXPECT_EQ(SplitWords(R"(SET "a b\x00\n\"" 'it\'s' plain)"),
            (Words{"SET", std::string("a b\0\n\"", 6), "it's", "plain"}));
  EXPECT_EQ(SplitWords(R"(GET "open)"), std::nullopt);
  EXPECT_EQ(SplitWords(R"(GET "a"b)"), std::nullopt);
  EXPECT_EQ(SplitWords(R"(GET "")"), (Words{"GET", ""}));
  EXPECT_EQ(ExpandRepeats("a %{[*3}x%{]*2} %{k} b"), "a [[[x]] %{k} b");
}

TEST(Transcripts, PrintLikeRedisCli) {
  const Value text{.type = '$', .text = std::string("a\0\"\xFF", 4), .elements = {}};
  const Value one{.type = ':', .text = "1", .elements = {}};
  const Value none{.type = '*', .text = "", .elements = {}};
  EXPECT_EQ(Render(text), R"("a\x00\"\xff")");
  EXPECT_EQ(Render(none), "(empty array)");
  const Value inner{.type = '*', .text = "", .elements = {one, text, none}};
  const Value map{.type = '%', .text = "", .elements = {text, inner, one, Value{}}};
  EXPECT_EQ(Render(map),
            "1# \"a\\x00\\\"\\xff\" => \n"
            "   1) (integer) 1\n"
            "   2) \"a\\x00\\\"\\xff\"\n"
            "   3) (empty array)\n"
            "2# (integer) 1 => (nil)");
  Value ten{.type = '*', .text = "", .elements = std::vector<Value>(10, one)};
  ten.elements[1] = {.type = '*', .text = "", .elements = {one, one}};
  EXPECT_TRUE(Render(ten).starts_with(" 1) (integer) 1\n 2) 1) (integer) 1\n    2) (integer) 1\n"));
}

// A comparison that finds no difference proves nothing unless it can find one.
TEST(Transcripts, FindDifferences) {
  EXPECT_EQ(Difference({"1) \"a\"", "? 2\\) \"[0-9]+\""}, "1) \"a\"\n2) \"17\""), "");
  EXPECT_EQ(Difference({"1) \"a\"", "..."}, "1) \"a\"\n2) \"17\""), "");
  EXPECT_NE(Difference({"OK"}, "OK\nOK"), "");
  EXPECT_NE(Difference({"OK", "OK"}, "OK"), "");
  EXPECT_NE(Difference({}, "OK"), "");
  EXPECT_NE(Difference({"? [0-9]+"}, "12a"), "");
}

}  // namespace
}  // namespace ampt::test
