// Snapshot: all databases as they were at one moment, taken while they go on changing, without
// fork.
//
// **SnapshotWalk** (event loop) walks the key indexes in slices, in order of database and key, and
// copies items into blocks. Begin() is the moment. The walk hears of every change: of an item that
// is still ahead of it, the old state is copied first (a *stray*, in a block of its own kind); an
// item that is created ahead of it is newer than the snapshot and will be passed over. Two bits of
// the item remember either, and are 0 again when the walk is over, aborted ones included.
//
// A flush is right as well: the walk goes on over the index that the flush detached. So while
// holds_detached_items() the host must not free what a flush detached; freeing nothing at all is
// the simplest way.
//
// **SnapshotFile** (worker threads) takes the blocks: compresses, checksums, writes.
//
// Cost of the walk: about 0.2 us an item, plus the copy. Memory: the blocks that the file has not
// taken yet. The walk stops by itself while that is over kWalkAheadBytes; strays cannot stop, so
// the host makes writers wait while writers_must_wait(), and past kMostPendingBytes the walk gives
// up (aborted(), gave_up()): it never takes the server's memory.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "model/effects.h"
#include "model/keyspace.h"
#include "persistence/codec.h"

namespace ampt {

struct SnapshotBlock {
  BlockKind kind = BlockKind::kSorted;
  uint32_t items = 0;
  uint32_t others = 0;  // effects that are not items
  std::string bytes;
};

// Receives what somebody adds to a snapshot that is no item (AppendOther).
class OtherReceiver {
 public:
  virtual ~OtherReceiver() = default;
  virtual void AddOther(int database, uint32_t kind, std::string_view bytes) = 0;
};

// Has more to keep than items: asked by the walk, on the event loop.
class OtherSource {
 public:
  virtual ~OtherSource() = default;
  // The moment. What is small may be added at once.
  virtual void BeginSave(OtherReceiver& to) = 0;
  // Adds the next piece; false when there is none any more (and no call follows). What it adds may
  // be of a later moment only if replaying the log over it comes to the same.
  virtual bool SaveSome(OtherReceiver& to) = 0;
  // The save is over before that.
  virtual void AbortSave() = 0;
};

class SnapshotWalk : public Effects, private OtherReceiver {
 public:
  static constexpr size_t kBlockBytes = 128u << 10;
  static constexpr size_t kWalkAheadBytes = 4u << 20;
  static constexpr size_t kWritersWaitBytes = 32u << 20;
  static constexpr size_t kMostPendingBytes = 256u << 20;

  // `databases` in order of their numbers; the keyspaces outlive the walk.
  explicit SnapshotWalk(std::span<Keyspace* const> databases)
      : databases_(databases.begin(), databases.end()), detached_(databases.size()) {}

  // Null (the default), or somebody who outlives the walk. REQUIRES: idle().
  void set_other_source(OtherSource* source) { other_source_ = source; }

  // The moment. REQUIRES: idle().
  void Begin();
  // Adds something that is no item to the snapshot. REQUIRES: a snapshot is being taken.
  void AddOther(int database, uint32_t kind, std::string_view bytes) override;

  // Walks on for about `micros`. True when there is nothing to do for now: the walk is over, or
  // enough blocks wait to be taken.
  bool DoSome(Clock& clock, int64_t micros);
  // Drops all blocks; DoSome() then walks on only to clear marks.
  void Abort();

  // Nothing is under way; no block is left.
  bool idle() const { return state_ == State::kIdle && blocks_.empty(); }
  // Every item is in a block that was taken or can be.
  bool complete() const { return state_ == State::kIdle && !aborted_; }
  bool aborted() const { return aborted_; }
  bool gave_up() const { return gave_up_; }
  bool holds_detached_items() const { return held_ > 0; }
  // So many blocks wait to be taken that it goes on only when some are.
  bool is_far_ahead() const {
    return state_ == State::kWalking && pending_bytes_ >= kWalkAheadBytes;
  }
  bool writers_must_wait() const { return pending_bytes_ > kWritersWaitBytes; }
  size_t pending_bytes() const { return pending_bytes_; }
  // Items in blocks so far, and of those, strays.
  uint64_t items() const { return items_; }
  uint64_t strays() const { return strays_; }

  // The next block for the file; false if there is none.
  bool TakeBlock(SnapshotBlock* block);
  // Gives a taken block's memory back for the next one.
  void Recycle(SnapshotBlock block);

  // Every change of the databases, from Begin() until idle(); else they cost a comparison.
  void WillChange(int database, const Item& item, Origin origin) override;
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override;
  void WillFlush(int database) override;

 private:
  enum class State : uint8_t { kIdle, kWalking, kClearing };

  bool IsAhead(int database, std::string_view key) const {
    if (database != database_) return database > database_;
    return !started_ || key > last_key_;
  }
  // The index that the walk sees of a database.
  const KeyIndex& IndexOf(size_t database) const {
    const KeyIndex* detached = detached_[database];
    return detached != nullptr ? *detached : databases_[database]->by_key();
  }
  enum class Pause : uint8_t { kEnd, kTime, kEnough };
  Pause WalkDatabase(Clock& clock, int64_t until);
  Pause TakeOthers(Clock& clock, int64_t until);
  void Release(size_t database);
  void CloseBlock(SnapshotBlock* block);
  SnapshotBlock NewBlock(BlockKind kind);

  std::vector<Keyspace*> databases_;
  // What a flush took away from the walk's database or a later one; null: nothing.
  std::vector<const KeyIndex*> detached_;
  size_t held_ = 0;
  OtherSource* other_source_ = nullptr;
  bool others_left_ = false;
  State state_ = State::kIdle;
  bool aborted_ = false;
  bool gave_up_ = false;
  // Where the walk is: everything up to this key is done.
  int database_ = 0;
  bool started_ = false;
  std::string last_key_;

  SnapshotBlock sorted_;
  SnapshotBlock unsorted_;
  std::deque<SnapshotBlock> blocks_;
  std::vector<std::string> spare_;
  size_t pending_bytes_ = 0;  // taken and not recycled ones included
  uint64_t items_ = 0;
  uint64_t strays_ = 0;
};

// A snapshot being written. Blocking. Unless Finish() succeeds the destructor removes the file.
class SnapshotFile {
 public:
  // Creates `path`.temp. `disk` outlives it.
  static Result<std::unique_ptr<SnapshotFile>> Create(Disk& disk, std::string path,
                                                      const SnapshotHeader& header, bool compress);
  ~SnapshotFile();

  // Cost: compression and checksum, about 0.3 ms for a block of 128 KiB, and the write. Syncs every
  // 16 MiB, so that the disk is never given everything at once.
  Status Add(const SnapshotBlock& block);
  // Ends the file, syncs it, gives it its name and syncs the directory.
  Status Finish(const std::string& directory);

  uint64_t file_bytes() const { return offset_; }
  // What was added, before it was compressed.
  uint64_t raw_bytes() const { return raw_bytes_; }
  const SnapshotCounts& counts() const { return counts_; }

 private:
  SnapshotFile(Disk& disk, std::string path, std::unique_ptr<File> file, uint64_t salt,
               bool compress)
      : disk_(disk),
        path_(std::move(path)),
        file_(std::move(file)),
        salt_(salt),
        compress_(compress) {}
  std::string temp_path() const { return path_ + ".temp"; }
  Status WriteBlock(BlockKind kind, uint32_t effects, std::string_view bytes);

  Disk& disk_;
  std::string path_;
  std::unique_ptr<File> file_;
  uint64_t salt_;
  bool compress_;
  bool finished_ = false;
  uint64_t offset_ = 0;
  uint64_t raw_bytes_ = 0;
  uint64_t synced_ = 0;
  uint32_t blocks_ = 0;
  SnapshotCounts counts_;
  std::string packed_;
};

// Reads a snapshot from first to last byte into `sink`: Put in order of key within each database,
// then, or between, strays and others in any order. `progress` (may be empty) hears how many bytes
// are done, at least every block; false ends the reading with an error.
//
// Every byte is checked: the header, each block, their order, the counts at the end, and that the
// file ends there. Errors name file and offset: FOREIGN, VERSION, DAMAGED, or the system's. Memory:
// one block, stored and raw.
using ReadProgress = std::function<bool(uint64_t bytes)>;
struct SnapshotFacts {
  SnapshotHeader header;
  SnapshotCounts counts;
  uint64_t file_bytes = 0;
  uint64_t raw_bytes = 0;  // of the blocks before they were compressed
};
Result<SnapshotFacts> ReadSnapshot(File& file, EffectSink& sink, const ReadProgress& progress);

}  // namespace ampt
