#include "server/command_line.h"

#include <fmt/format.h>

#include <optional>

#include "server/info.h"

namespace ampt {
namespace {

std::optional<Task> TaskOf(std::string_view word) {
  if (word == "--version" || word == "-v") return Task::kVersion;
  if (word == "--help" || word == "-h") return Task::kHelp;
  if (word == "--commands=md") return Task::kCommands;
  if (word == "--check-config") return Task::kCheckConfig;
  return std::nullopt;
}

std::string_view TitleOf(Group group) {
  switch (group) {
    case Group::kItems:
      return "Items";
    case Group::kString:
      return "Strings";
    case Group::kGeneric:
      return "Keys";
    case Group::kTransactions:
      return "Transactions";
    case Group::kScripting:
      return "Scripts";
    case Group::kPubsub:
      return "Publish and subscribe";
    case Group::kConnection:
      return "Connection";
    case Group::kServer:
      return "Server";
  }
  return "";
}

// Within a table `|` would end the cell.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c;
  }
  return cell;
}

void AppendRow(const Command& command, std::string* text) {
  for (const Command* part : command.subcommands) AppendRow(*part, text);
  if (!command.subcommands.empty()) return;
  *text += fmt::format("| `{}` | {} |\n", Cell(command.Usage()), Cell(command.spec.summary));
}

}  // namespace

CommandLine ParseCommandLine(std::span<const std::string_view> words) {
  CommandLine line;
  for (size_t i = 0; i < words.size(); ++i) {
    if (const std::optional<Task> task = TaskOf(words[i])) {
      line.task = *task;
    } else if (i == 0 && !words[i].starts_with('-')) {
      line.config_file = words[i];
    } else {
      line.settings.push_back(words[i]);
    }
  }
  return line;
}

std::string HelpText() {
  return "Usage: ampt-server [file] [--name value ...] [--check-config]\n"
         "       ampt-server --version | --help | --commands=md\n"
         "\n"
         "file             a configuration file; conf/ampt.conf shows every setting\n"
         "--name value     a setting, as in the file; wins over it\n"
         "--check-config   says whether the settings are good, and serves nobody\n"
         "--commands=md    the table of commands, in Markdown\n"
         "\n"
         "Examples:\n"
         "  ampt-server\n"
         "  ampt-server /etc/ampt/ampt.conf --port 7000\n"
         "  ampt-server --bind 127.0.0.1 ::1 --maxmemory 2gb\n";
}

std::string VersionText() {
  return fmt::format("ampt-server {}\n", kAmptVersion);
}

std::string CommandsAsMarkdown(const CommandTable& commands) {
  std::string text;
  std::optional<Group> group;
  for (const Command* command : commands.all()) {
    if (command->spec.group != group) {
      group = command->spec.group;
      text += fmt::format("{}### {}\n\n| Command | What it does |\n|---|---|\n",
                          text.empty() ? "" : "\n", TitleOf(*group));
    }
    AppendRow(*command, &text);
  }
  return text;
}

}  // namespace ampt
