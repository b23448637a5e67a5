// What `ampt-server` was asked for on its command line.
//
//   ampt-server [file] [--name value …]     serve; settings of the command line win over the file's
//   ampt-server [file] [--name value …] --check-config
//   ampt-server --version | --help | --commands=md
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "commands/spec.h"

namespace ampt {

enum class Task : uint8_t { kServe, kCheckConfig, kVersion, kHelp, kCommands };

struct CommandLine {
  Task task = Task::kServe;
  std::string config_file;                 // empty: none
  std::vector<std::string_view> settings;  // --name value …, for ReadCommandLine()
};

// `words` without the program's name.
CommandLine ParseCommandLine(std::span<const std::string_view> words);

std::string HelpText();
std::string VersionText();
// The README's table of commands, in Markdown: a section for each group, in the table's order.
std::string CommandsAsMarkdown(const CommandTable& commands);

}  // namespace ampt
