// SimulatedDisk: a disk in memory that can crash and fail.
//
// It keeps exactly the promises of base/file.h and breaks everything else that may break: what is
// not synced is lost, torn at any byte, or kept in any order; names are lost until their directory
// is synced; after a failed sync, data is gone though it can still be read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"

namespace ampt {

class SimulatedDisk : public Disk {
 public:
  explicit SimulatedDisk(uint64_t seed) : random_(seed) {}

  // One of the states that a crash of the machine at this moment may leave.
  std::unique_ptr<SimulatedDisk> Crash(uint64_t seed) const;
  // The state after the process died and the machine did not: everything is there, synced or not.
  std::unique_ptr<SimulatedDisk> Kill(uint64_t seed) const;

  // Called before every operation that changes something or syncs: a point to crash at.
  void set_before_operation(std::function<void()> hook) { before_operation_ = std::move(hook); }
  // Operations so far, reading ones included: each can be made to fail.
  uint64_t operations() const { return operations_; }

  enum class Fault : uint8_t {
    kNothingDone,  // the error, and nothing happened
    kPartDone,     // a write wrote a part, a rename or removal happened in spite of the error
    kForgetful,    // as kNothingDone; a failed sync also makes reads show what is on the disk
  };
  // The operation of that number (and `more` behind it) fail, with `code` as the first word.
  void FailAt(uint64_t operation, Fault fault, std::string code, uint64_t more = 0);
  bool fault_happened() const { return operations_ > fail_from_; }

  // For tests that look at, damage or make files.
  std::string Contents(const std::string& path) const;
  void SetContents(const std::string& path, std::string bytes);
  bool Exists(const std::string& path) const { return names_.contains(path); }
  std::vector<std::string> Paths() const;

  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Status SyncDirectory(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

 private:
  struct Change {
    bool truncate = false;
    uint64_t offset = 0;  // or the new size
    std::string bytes;
  };
  struct Inode {
    std::string cached;   // what reads see
    std::string durable;  // what is on the disk for sure
    std::vector<Change> pending;
  };
  struct NameChange {
    std::string removed;  // empty: none
    std::string added;    // empty: none
    std::shared_ptr<Inode> inode;
  };
  class SimulatedFile;
  class SimulatedLock;

  // Counts the operation; the error if it is to fail.
  std::optional<Status> Begin(bool changes, const std::string& what, const std::string& path);
  static void Apply(const Change& change, std::string* contents);
  // A part of a change, as a crash may leave it.
  static void ApplySome(const Change& change, Random& random, std::string* contents);
  void AddName(NameChange change);

  std::map<std::string, std::shared_ptr<Inode>> names_;
  std::map<std::string, std::shared_ptr<Inode>> durable_names_;
  std::vector<NameChange> pending_names_;
  std::set<std::string> locks_;
  Random random_;
  std::function<void()> before_operation_;
  uint64_t operations_ = 0;
  uint64_t fail_from_ = UINT64_MAX;
  uint64_t fail_to_ = 0;
  Fault fault_ = Fault::kNothingDone;
  std::string fault_code_;
};

}  // namespace ampt
