#include "server/log.h"

#include <fcntl.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace ampt {
namespace {

constexpr std::array<char, 4> kSigns{'.', '-', '*', '#'};
constexpr std::array<spdlog::level::level_enum, 4> kLevels{
    spdlog::level::debug, spdlog::level::info, spdlog::level::warn, spdlog::level::critical};

// The sign comes with the text, so a line has a place for nothing but time and text.
constexpr const char* kPattern = "%P:M %d %b %Y %H:%M:%S.%e %v";

// A log is for what is rare: every line goes out at once.
std::shared_ptr<spdlog::logger> MakeLogger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("ampt", std::move(sink));
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  logger->set_pattern(kPattern);
  // A full disk must not fill standard error as well.
  logger->set_error_handler([](const std::string&) {});
  return logger;
}

}  // namespace

Log::Log() : logger_(MakeLogger(std::make_shared<spdlog::sinks::stdout_sink_st>())) {}
Log::~Log() = default;

Status Log::Open(const std::string& logfile) {
  if (!logfile.empty()) {
    // spdlog would make missing folders; a slip in the path should be an error.
    const int file = open(logfile.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0) {
      return Status::Err(fmt::format("cannot log to '{}': {}", logfile, std::strerror(errno)));
    }
    close(file);
  }
  try {
    if (logfile.empty()) {
      logger_ = MakeLogger(std::make_shared<spdlog::sinks::stdout_sink_st>());
    } else {
      logger_ = MakeLogger(std::make_shared<spdlog::sinks::basic_file_sink_st>(logfile));
    }
  } catch (const spdlog::spdlog_ex& error) {
    return Status::Err(fmt::format("cannot log to '{}': {}", logfile, error.what()));
  }
  return {};
}

void Log::WriteLine(LogLevel level, std::string_view text) {
  std::string line;
  line.reserve(text.size() + 2);
  line.append(1, kSigns[static_cast<size_t>(level)]).append(1, ' ');
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) {
      line.push_back(c);
    } else {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  logger_->log(kLevels[static_cast<size_t>(level)], "{}", line);
}

}  // namespace ampt
