// Disk and File: the only way this code base touches files.
//
// Every call may block, so the event loop makes none once data is loaded: worker threads do. A Disk
// may be used by many threads at once; a File by one at a time. Tests put a simulated disk in their
// place, so what is promised here is what durability may rely on, and nothing else is:
//
//   - What WriteAt() and Truncate() did is durable once a later Sync() of that file returned OK;
//     before that a crash may keep any part of it, in any order.
//   - A file's name, its renaming and its removal are durable once SyncDirectory() returned OK.
//   - Rename() is atomic: after a crash the new name means the old or the new file, whole.
//   - When Sync() fails, what was written since the last good one may be lost for ever, though it
//     can still be read and a later Sync() succeeds. Whoever needs it writes it again.
//
// Errors: one line whose first word is the system's name of the reason (ENOSPC, EIO, …; LOCKED for
// a lock that somebody else holds), then what was tried, the path and the system's own words.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace ampt {

class File {
 public:
  explicit File(std::string path) : path_(std::move(path)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  // Closes without syncing.
  virtual ~File() = default;

  const std::string& path() const { return path_; }

  // Reads up to `bytes`; fewer only where the file ends. Returns how many.
  virtual Result<size_t> ReadAt(uint64_t offset, char* to, size_t bytes) = 0;
  // Writes all of `bytes`, past the end if need be. On an error any part of them may be there.
  virtual Status WriteAt(uint64_t offset, std::string_view bytes) = 0;
  // Makes contents and size durable (fdatasync).
  virtual Status Sync() = 0;
  // Also gives back what Reserve() took beyond that.
  virtual Status Truncate(uint64_t bytes) = 0;
  // Asks the disk for room there without changing contents or size, so that writing and syncing
  // need not look for it. Only a hint: nothing tells whether there was any.
  virtual void Reserve(uint64_t offset, uint64_t bytes) = 0;
  virtual Result<uint64_t> Size() = 0;

 private:
  std::string path_;
};

// Held as long as the object lives; the system releases it when the process ends, however it does.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : uint8_t {
  kRead,       // must exist
  kReadWrite,  // must exist
  kCreate,     // to read and write; created, or emptied if it exists
};

class Disk {
 public:
  virtual ~Disk() = default;

  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // Replaces what `to` names.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  // Names of the entries of a directory, "." and ".." left out, sorted.
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;
  virtual Status SyncDirectory(const std::string& directory) = 0;
  // An exclusive lock, on a file that is created if need be and left behind. Two locks of one
  // process exclude each other, too. The error of a lock that is held names the holder's process.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
};

// The files of the machine. Owner-only permissions (0600) for what it creates.
class PosixDisk : public Disk {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status SyncDirectory(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
};

// True if the error says that a file is not there.
inline bool IsNotFound(const Status& status) {
  return !status.ok() && status.text().starts_with("ENOENT ");
}

// The whole of a file. For small ones: an error if it is larger than `most_bytes`.
Result<std::string> ReadWhole(File& file, size_t most_bytes);

// `directory` and `name` with one '/' between them.
std::string JoinPath(std::string_view directory, std::string_view name);

}  // namespace ampt
