// Log: what the server tells its operator, a line an event, to a file or to standard output.
//
//   8994:M 22 Nov 2026 01:10:47.350 * Ready to accept connections
//
// As Redis writes it: process, role, local time, a sign for the level (. - * #), text. Never write
// passwords, keys or values here; a client is named by address and id.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "server/settings.h"

namespace spdlog {
class logger;
}

namespace ampt {

class Log {
 public:
  // Standard output until Open() says otherwise.
  Log();
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Writes to `logfile` from now on (empty: standard output), appending. On error it goes on as
  // before.
  Status Open(const std::string& logfile);
  void set_level(LogLevel level) { level_ = level; }

  template <typename... T>
  void Debug(fmt::format_string<T...> text, T&&... values) {
    Write(LogLevel::kDebug, text, std::forward<T>(values)...);
  }
  template <typename... T>
  void Verbose(fmt::format_string<T...> text, T&&... values) {
    Write(LogLevel::kVerbose, text, std::forward<T>(values)...);
  }
  template <typename... T>
  void Notice(fmt::format_string<T...> text, T&&... values) {
    Write(LogLevel::kNotice, text, std::forward<T>(values)...);
  }
  template <typename... T>
  void Warning(fmt::format_string<T...> text, T&&... values) {
    Write(LogLevel::kWarning, text, std::forward<T>(values)...);
  }

 private:
  // Costs one comparison where the level is not wanted.
  template <typename... T>
  void Write(LogLevel level, fmt::format_string<T...> text, T&&... values) {
    if (level >= level_) WriteLine(level, fmt::format(text, std::forward<T>(values)...));
  }
  // Line breaks and control characters in `text` become escapes: one event stays one line.
  void WriteLine(LogLevel level, std::string_view text);

  LogLevel level_ = LogLevel::kNotice;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace ampt
