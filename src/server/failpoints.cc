#include "server/failpoints.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/bytes.h"

namespace ampt {
namespace {

using Operation = Failpoints::Operation;

constexpr std::array<std::string_view, 5> kErrors = {"ENOSPC", "EIO", "EROFS", "EACCES", "EDQUOT"};
constexpr int64_t kLongestDelayMs = 60'000;

class FailpointFile : public File {
 public:
  FailpointFile(std::unique_ptr<File> file, Failpoints& failpoints)
      : File(file->path()), file_(std::move(file)), failpoints_(failpoints) {}

  Result<size_t> ReadAt(uint64_t offset, char* to, size_t bytes) override {
    AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kRead, path()));
    return file_->ReadAt(offset, to, bytes);
  }
  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    if (Status error = failpoints_.Pass(Operation::kWrite, path()); !error.ok()) {
      // As a full disk does: a part of it is there.
      [[maybe_unused]] const Status part =
          file_->WriteAt(offset, bytes.substr(0, bytes.size() / 2));
      return error;
    }
    return file_->WriteAt(offset, bytes);
  }
  Status Sync() override {
    AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kSync, path()));
    return file_->Sync();
  }
  Status Truncate(uint64_t bytes) override {
    AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kTruncate, path()));
    return file_->Truncate(bytes);
  }
  void Reserve(uint64_t offset, uint64_t bytes) override { file_->Reserve(offset, bytes); }
  Result<uint64_t> Size() override { return file_->Size(); }

 private:
  std::unique_ptr<File> file_;
  Failpoints& failpoints_;
};

}  // namespace

Status Failpoints::Set(std::string_view operation, std::string_view action, int64_t number) {
  const auto name = std::ranges::find_if(
      kNames, [&](std::string_view known) { return EqualsIgnoreCase(known, operation); });
  if (name == kNames.end()) {
    return Status::Err(
        "operation must be open, read, write, sync, truncate, rename, remove, list or "
        "sync-directory");
  }
  if (number < 0) return Status::Err("number must not be negative");
  Point point;
  if (EqualsIgnoreCase(action, "delay")) {
    if (number == 0 || number > kLongestDelayMs) {
      return Status::Err("a delay must be between 1 and 60000 milliseconds");
    }
    point.delay_ms = number;
  } else {
    const auto error = std::ranges::find_if(
        kErrors, [&](std::string_view known) { return EqualsIgnoreCase(known, action); });
    if (error == kErrors.end()) {
      return Status::Err("action must be ENOSPC, EIO, EROFS, EACCES, EDQUOT or delay");
    }
    point.error = *error;
    point.times = number;
  }
  const std::lock_guard lock(mutex_);
  points_[static_cast<size_t>(name - kNames.begin())] = point;
  return {};
}

void Failpoints::Clear() {
  const std::lock_guard lock(mutex_);
  points_ = {};
}

Status Failpoints::Pass(Operation operation, const std::string& path) {
  const auto number = static_cast<size_t>(operation);
  std::unique_lock lock(mutex_);
  Point& point = points_[number];
  const int64_t delay_ms = point.delay_ms;
  const std::string error = point.error;
  if (!error.empty() && point.times > 0 && --point.times == 0) point = {};
  lock.unlock();
  if (delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
  if (error.empty()) return {};
  return Status::Coded(error, "cannot " + std::string(kNames[number]) + " " + path +
                                  ": a failpoint is set (DEBUG FAILPOINT OFF removes it)");
}

// --- FailpointDisk -------------------------------------------------------------------------------

Result<std::unique_ptr<File>> FailpointDisk::Open(const std::string& path, OpenMode mode) {
  AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kOpen, path));
  Result<std::unique_ptr<File>> file = disk_.Open(path, mode);
  if (!file.ok()) return file;
  return std::unique_ptr<File>(std::make_unique<FailpointFile>(std::move(*file), failpoints_));
}

Status FailpointDisk::Rename(const std::string& from, const std::string& to) {
  AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kRename, from));
  return disk_.Rename(from, to);
}

Status FailpointDisk::Remove(const std::string& path) {
  AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kRemove, path));
  return disk_.Remove(path);
}

Result<std::vector<std::string>> FailpointDisk::List(const std::string& directory) {
  AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kList, directory));
  return disk_.List(directory);
}

Status FailpointDisk::SyncDirectory(const std::string& directory) {
  AMPT_RETURN_IF_ERROR(failpoints_.Pass(Operation::kSyncDirectory, directory));
  return disk_.SyncDirectory(directory);
}

Result<std::unique_ptr<FileLock>> FailpointDisk::Lock(const std::string& path) {
  return disk_.Lock(path);
}

}  // namespace ampt
