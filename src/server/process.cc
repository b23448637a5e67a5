#include "server/process.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

namespace ampt {
namespace {

// Files of the server's own: listeners, logs, data files, libuv.
constexpr rlim_t kOwnFiles = 64;

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

}  // namespace

Result<std::string> ReadWholeFile(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return Status::Err(std::strerror(errno));
  std::string text;
  char buffer[16 * 1024];
  while (const size_t bytes = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, bytes);
  }
  if (std::ferror(file.get()) != 0) return Status::Err(std::strerror(errno));
  return text;
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

Status EnterFolder(const std::string& dir) {
  if (chdir(dir.c_str()) == 0) return {};
  return Status::Err(
      fmt::format("cannot enter the folder {} (dir): {}", dir, std::strerror(errno)));
}

void MakeRoomForClients(Settings& settings, Log& log) {
  const rlim_t wanted = static_cast<rlim_t>(settings.maxclients) + kOwnFiles;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  rlimit raised{wanted, limit.rlim_max < wanted ? wanted : limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return;
  // Only root may go above the hard limit.
  raised = {limit.rlim_max, limit.rlim_max};
  if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = limit.rlim_max;
  if (limit.rlim_cur >= wanted) return;
  const rlim_t clients = limit.rlim_cur > kOwnFiles ? limit.rlim_cur - kOwnFiles : 1;
  log.Warning("maxclients is {} instead of {}: the system allows {} open files (ulimit -n)",
              clients, settings.maxclients, limit.rlim_cur);
  settings.maxclients = static_cast<int64_t>(clients);
}

PidFile::PidFile(const std::string& path, Log& log) {
  if (path.empty()) return;
  const File file(std::fopen(path.c_str(), "w"), std::fclose);
  if (file == nullptr || std::fprintf(file.get(), "%d\n", getpid()) < 0) {
    log.Warning("The pidfile {} cannot be written: {}", path, std::strerror(errno));
    return;
  }
  path_ = AbsolutePath(path);
}

PidFile::~PidFile() {
  if (!path_.empty()) unlink(path_.c_str());
}

}  // namespace ampt
