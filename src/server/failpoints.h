// Failpoints: a disk that fails when it is told to (DEBUG FAILPOINT), to see what a running server
// makes of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/status.h"

namespace ampt {

// Which calls fail, and how. Set on the loop, asked on worker threads.
class Failpoints {
 public:
  enum class Operation : uint8_t {
    kOpen,
    kRead,
    kWrite,
    kSync,
    kTruncate,
    kRename,
    kRemove,
    kList,
    kSyncDirectory,
  };
  static constexpr std::array<std::string_view, 9> kNames = {
      "open", "read", "write", "sync", "truncate", "rename", "remove", "list", "sync-directory"};

  // What happens at `operation`: an error by its name ("ENOSPC", "EIO", "EROFS", "EACCES",
  // "EDQUOT"), or "delay" for `number` milliseconds. An error comes `number` times; 0: until
  // Clear(). A further call replaces what was set for that operation.
  Status Set(std::string_view operation, std::string_view action, int64_t number);
  void Clear();

  // For the disk: waits, or gives the error that is due.
  Status Pass(Operation operation, const std::string& path);

 private:
  struct Point {
    std::string error;  // empty: none
    int64_t times = 0;  // left; 0: without end
    int64_t delay_ms = 0;
  };

  std::mutex mutex_;
  std::array<Point, kNames.size()> points_;
};

// Another disk behind failpoints. Both outlive it.
class FailpointDisk : public Disk {
 public:
  FailpointDisk(Disk& disk, Failpoints& failpoints) : disk_(disk), failpoints_(failpoints) {}

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status SyncDirectory(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

 private:
  Disk& disk_;
  Failpoints& failpoints_;
};

}  // namespace ampt
