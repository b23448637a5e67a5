#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/bytes.h"

namespace ampt {

namespace {

Status SystemError(std::string_view tried, std::string_view path, int error) {
  const char* name = strerrorname_np(error);
  std::string text(tried);
  text.append(1, ' ').append(path).append(": ");
  text.append(std::generic_category().message(error));
  return Status::Coded(name != nullptr ? name : "ERR", text);
}

// One call of the system takes at most this much, so that none is cut short by its own limit.
constexpr size_t kMostBytesPerCall = 1u << 30;

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }

 private:
  int number_;
};

int OpenRetrying(const char* path, int flags) {
  int number;
  do {
    number = ::open(path, flags | O_CLOEXEC, 0600);
  } while (number < 0 && errno == EINTR);
  return number;
}

class PosixFile : public File {
 public:
  PosixFile(std::string path, int number) : File(std::move(path)), descriptor_(number) {}

  Result<size_t> ReadAt(uint64_t offset, char* to, size_t bytes) override {
    size_t done = 0;
    while (done < bytes) {
      const ssize_t got =
          ::pread(descriptor_.number(), to + done, std::min(bytes - done, kMostBytesPerCall),
                  static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return SystemError("cannot read", path(), errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t put = ::pwrite(descriptor_.number(), bytes.data() + done,
                                   std::min(bytes.size() - done, kMostBytesPerCall),
                                   static_cast<off_t>(offset + done));
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return SystemError("cannot write", path(), put < 0 ? errno : EIO);
      done += static_cast<size_t>(put);
    }
    return Status::Ok();
  }

  // Not repeated when a signal interrupts it: after any failure of fdatasync only writing again
  // is safe.
  Status Sync() override {
    if (::fdatasync(descriptor_.number()) == 0) return Status::Ok();
    return SystemError("cannot sync", path(), errno);
  }

  Status Truncate(uint64_t bytes) override {
    while (::ftruncate(descriptor_.number(), static_cast<off_t>(bytes)) != 0) {
      if (errno != EINTR) return SystemError("cannot truncate", path(), errno);
    }
    return Status::Ok();
  }

  void Reserve(uint64_t offset, uint64_t bytes) override {
    // Most file systems can, and none has to.
    [[maybe_unused]] const int done =
        ::fallocate(descriptor_.number(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                    static_cast<off_t>(bytes));
  }

  Result<uint64_t> Size() override {
    struct stat facts;
    if (::fstat(descriptor_.number(), &facts) != 0) {
      return SystemError("cannot get the size of", path(), errno);
    }
    return static_cast<uint64_t>(facts.st_size);
  }

 private:
  Descriptor descriptor_;
};

class PosixLock : public FileLock {
 public:
  explicit PosixLock(int number) : descriptor_(number) {}
  int number() const { return descriptor_.number(); }

 private:
  Descriptor descriptor_;
};

// What the kernel remembers of a large file it drops in one go when the file is removed, and a loop
// that has the same core waits for all of it (5 ms for a snapshot of a million items). So it is
// dropped before, bit by bit, in so few parts that what the worker does next does not wait for
// long. Who has the file open, or another name for it, reads it as before.
void DropCachedPages(const std::string& path) {
  constexpr off_t kLeastBytesAtOnce = 1 << 20;
  constexpr off_t kMostParts = 64;
  const Descriptor file(OpenRetrying(path.c_str(), O_RDONLY | O_NONBLOCK));
  struct stat about;
  if (file.number() < 0 || ::fstat(file.number(), &about) != 0) return;
  const off_t bytes_at_once = std::max(kLeastBytesAtOnce, about.st_size / kMostParts + 1);
  for (off_t at = 0; at < about.st_size; at += bytes_at_once) {
    ::posix_fadvise(file.number(), at, bytes_at_once, POSIX_FADV_DONTNEED);
    ::sched_yield();
  }
}

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::Open(const std::string& path, OpenMode mode) {
  int flags = O_RDONLY;
  if (mode == OpenMode::kReadWrite) flags = O_RDWR;
  if (mode == OpenMode::kCreate) flags = O_RDWR | O_CREAT | O_TRUNC;
  const int number = OpenRetrying(path.c_str(), flags);
  if (number < 0) {
    return SystemError(mode == OpenMode::kCreate ? "cannot create" : "cannot open", path, errno);
  }
  return std::unique_ptr<File>(std::make_unique<PosixFile>(path, number));
}

Status PosixDisk::Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return Status::Ok();
  return SystemError("cannot rename " + from + " to", to, errno);
}

Status PosixDisk::Remove(const std::string& path) {
  DropCachedPages(path);
  if (::unlink(path.c_str()) == 0) return Status::Ok();
  return SystemError("cannot remove", path, errno);
}

Result<std::vector<std::string>> PosixDisk::List(const std::string& directory) {
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) return SystemError("cannot list", directory, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(open)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  const int error = errno;
  ::closedir(open);
  if (error != 0) return SystemError("cannot list", directory, error);
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixDisk::SyncDirectory(const std::string& directory) {
  const Descriptor open(OpenRetrying(directory.c_str(), O_RDONLY | O_DIRECTORY));
  if (open.number() < 0) return SystemError("cannot open directory", directory, errno);
  if (::fsync(open.number()) != 0) return SystemError("cannot sync directory", directory, errno);
  return Status::Ok();
}

Result<std::unique_ptr<FileLock>> PosixDisk::Lock(const std::string& path) {
  const int number = OpenRetrying(path.c_str(), O_RDWR | O_CREAT);
  if (number < 0) return SystemError("cannot open lock file", path, errno);
  auto lock = std::make_unique<PosixLock>(number);
  if (::flock(number, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("cannot lock", path, errno);
    char holder[32];
    const ssize_t size = ::pread(number, holder, sizeof holder, 0);
    std::string_view process(holder, size > 0 ? static_cast<size_t>(size) : 0);
    process = process.substr(0, process.find('\n'));
    return Status::Coded(
        "LOCKED", path + " is locked by another process" +
                      (process.empty() ? std::string() : " (pid " + std::string(process) + ")"));
  }
  // Who holds it: for people and for the message above. That it fails harms nobody.
  const std::string process = std::string(IntegerText(::getpid()).view()) + "\n";
  if (::ftruncate(number, 0) == 0 &&
      ::pwrite(number, process.data(), process.size(), 0) != static_cast<ssize_t>(process.size())) {
    return SystemError("cannot write", path, errno);
  }
  return std::unique_ptr<FileLock>(std::move(lock));
}

Result<std::string> ReadWhole(File& file, size_t most_bytes) {
  Result<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  if (*size > most_bytes) return Status::Coded("EFBIG", file.path() + " is too large");
  std::string bytes(static_cast<size_t>(*size), '\0');
  Result<size_t> got = file.ReadAt(0, bytes.data(), bytes.size());
  if (!got.ok()) return got.status();
  bytes.resize(*got);
  return bytes;
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  std::string path(directory);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

}  // namespace ampt
