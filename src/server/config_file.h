// Configuration files and command lines: redis.conf's syntax, over the table of settings.
//
//   # a comment
//   maxmemory 2gb
//   logfile "/var/log/ampt \"main\".log"
//   include /etc/ampt/local.conf
//
// One directive a line: a name, in any case, and its values. Values with spaces are quoted: "…"
// knows \n \r \t \b \a \" \\ and \xHH, '…' only \'. A later line wins over an earlier one.
// `user name rules …` (server/acl.h) and `rename-command name new-name` are kept in Settings as
// they stand. `include` reads another file at that place; a relative name is looked up in the
// folder of the file that names it. Errors name file, line, directive and what would be right.
//
// No file is touched here: reading goes through a function of the caller.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "server/settings.h"

namespace ampt {

// All bytes of a file, or why they cannot be had ("No such file or directory").
using FileReader = std::function<Result<std::string>(const std::string& path)>;

// The words of a line; nullopt where a quote is not closed or is followed by more than a space.
std::optional<std::vector<std::string>> SplitWords(std::string_view line);
// `word` as SplitWords gives it back: in quotes where it needs them.
std::string QuoteWord(std::string_view word);

// Applies a file to `settings`. On error `settings` is as it was.
Status ReadConfigFile(const std::string& path, const FileReader& read, Settings& settings);
// The same for a text that was read already; `name` is for errors and relative includes.
Status ReadConfigText(std::string_view text, const std::string& name, const FileReader& read,
                      Settings& settings);

// Applies the words of a command line (--port 7000 --bind 127.0.0.1 ::1). On error `settings` is as
// it was.
Status ReadCommandLine(std::span<const std::string_view> words, Settings& settings);

// The text of a file that gives `settings` when read, made from `text` with as little change as
// possible: comments, order and every line that is right stay; what differs is changed in place,
// what is not there is appended. `include` lines stay. The lines
// `user …` become those of settings.users.
Result<std::string> RewriteConfigText(std::string_view text, const std::string& name,
                                      const FileReader& read, const Settings& settings);

}  // namespace ampt
