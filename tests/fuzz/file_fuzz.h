// What the fuzzers of data files share: files in memory, and wrapping that makes checksums right,
// so that the input gets past them.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/assert.h"
#include "base/file.h"

namespace ampt {

class MemoryFile : public File {
 public:
  explicit MemoryFile(std::string bytes) : File("memory"), bytes_(std::move(bytes)) {}
  Result<size_t> ReadAt(uint64_t offset, char* to, size_t bytes) override {
    if (offset >= bytes_.size()) return size_t{0};
    const size_t count = std::min(bytes, bytes_.size() - static_cast<size_t>(offset));
    if (count > 0) std::memcpy(to, bytes_.data() + offset, count);
    return count;
  }
  Status WriteAt(uint64_t, std::string_view) override { return Status::Err("read only"); }
  Status Sync() override { return Status::Ok(); }
  Status Truncate(uint64_t) override { return Status::Err("read only"); }
  void Reserve(uint64_t, uint64_t) override {}
  Result<uint64_t> Size() override { return static_cast<uint64_t>(bytes_.size()); }

 private:
  std::string bytes_;
};

// A disk with one file on it.
class MemoryDisk : public Disk {
 public:
  explicit MemoryDisk(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<std::unique_ptr<File>> Open(const std::string&, OpenMode) override {
    return std::unique_ptr<File>(std::make_unique<MemoryFile>(bytes_));
  }
  Status Rename(const std::string&, const std::string&) override { return Status::Ok(); }
  Status Remove(const std::string&) override { return Status::Ok(); }
  Result<std::vector<std::string>> List(const std::string&) override {
    return std::vector<std::string>();
  }
  Status SyncDirectory(const std::string&) override { return Status::Ok(); }
  Result<std::unique_ptr<FileLock>> Lock(const std::string&) override {
    return Status::Err("no locks");
  }

 private:
  std::string bytes_;
};

// Cuts pieces off an input.
class Pieces {
 public:
  Pieces(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return byte;
  }
  // Two bytes of length, then so many.
  std::string_view Text() {
    size_t size = Byte();
    size = size << 8 | Byte();
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(text.size());
    return text;
  }
  std::string_view Rest() { return std::exchange(rest_, {}); }

 private:
  std::string_view rest_;
};

}  // namespace ampt
