#include "server/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

using CFile = std::unique_ptr<FILE, int (*)(FILE*)>;

Status SystemError(std::string_view what, const std::string& path) {
  return Status::Err(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

// Writes all of `text` to a new file that only its owner and the old file's readers can read, and
// waits until it is on the disk.
Status WriteNewFile(const std::string& path, std::string_view text, mode_t mode) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return SystemError("create", path);
  Status status;
  while (status.ok() && !text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      status = SystemError("write", path);
    }
  }
  if (status.ok() && fchmod(file, mode) != 0) status = SystemError("set the mode of", path);
  if (status.ok() && fsync(file) != 0) status = SystemError("sync", path);
  if (close(file) != 0 && status.ok()) status = SystemError("close", path);
  return status;
}

}  // namespace

Result<std::string> ReadWholeFile(const std::string& path) {
  const CFile file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return Status::Err(std::strerror(errno));
  std::string text;
  char buffer[16 * 1024];
  while (const size_t bytes = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, bytes);
  }
  if (std::ferror(file.get()) != 0) return Status::Err(std::strerror(errno));
  return text;
}

Status ReplaceFile(const std::string& link, std::string_view text) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(link, error);
  const std::string path = error ? link : target.string();
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  struct stat old {};
  const mode_t mode = stat(path.c_str(), &old) == 0 ? old.st_mode & 0777 : 0600;
  Status status = WriteNewFile(temporary, text, mode);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = SystemError("rename a file to", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  // The name is safe once its folder is.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return SystemError("open", folder);
  if (fsync(directory) != 0) status = SystemError("sync", folder);
  close(directory);
  return status;
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
  const CFile file(std::fopen(path.c_str(), "w"), std::fclose);
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
