#include "persistence/snapshot.h"

#include <lz4.h>

#include <algorithm>

#include "base/assert.h"

namespace ampt {

namespace {

// The mark of an item ahead of the walk that is in a block already, or newer than the snapshot.
constexpr uint32_t kPassOver = 1;
// To sync 16 MB keeps the kernel on a core for 3 ms in which no other thread has it.
constexpr size_t kSyncEveryBytes = 2u << 20;
constexpr size_t kSpareBlocks = 64;
// Below this nothing is gained by compressing.
constexpr size_t kCompressFromBytes = 64;

}  // namespace

// --- SnapshotWalk
// ---------------------------------------------------------------------------------

void SnapshotWalk::Begin() {
  AMPT_ASSERT(idle());
  state_ = State::kWalking;
  aborted_ = gave_up_ = false;
  database_ = 0;
  started_ = false;
  last_key_.clear();
  items_ = strays_ = 0;
  sorted_ = NewBlock(BlockKind::kSorted);
  unsorted_ = NewBlock(BlockKind::kUnsorted);
  others_left_ = other_source_ != nullptr;
  if (others_left_) other_source_->BeginSave(*this);
}

SnapshotBlock SnapshotWalk::NewBlock(BlockKind kind) {
  SnapshotBlock block;
  block.kind = kind;
  if (!spare_.empty()) {
    block.bytes = std::move(spare_.back());
    spare_.pop_back();
  } else {
    block.bytes.reserve(kBlockBytes + kBlockBytes / 8);
  }
  return block;
}

void SnapshotWalk::CloseBlock(SnapshotBlock* block) {
  if (block->bytes.empty()) return;
  pending_bytes_ += block->bytes.size();
  const BlockKind kind = block->kind;
  blocks_.push_back(std::move(*block));
  *block = NewBlock(kind);
}

bool SnapshotWalk::TakeBlock(SnapshotBlock* block) {
  if (blocks_.empty()) return false;
  *block = std::move(blocks_.front());
  blocks_.pop_front();
  return true;
}

void SnapshotWalk::Recycle(SnapshotBlock block) {
  pending_bytes_ -= std::min(pending_bytes_, block.bytes.size());
  if (state_ == State::kIdle || spare_.size() >= kSpareBlocks ||
      block.bytes.capacity() > 4 * kBlockBytes)
    return;
  block.bytes.clear();
  spare_.push_back(std::move(block.bytes));
}

void SnapshotWalk::AddOther(int database, uint32_t kind, std::string_view bytes) {
  AMPT_ASSERT(state_ == State::kWalking);
  AppendOther(database, kind, bytes, &unsorted_.bytes);
  ++unsorted_.others;
  if (unsorted_.bytes.size() >= kBlockBytes) CloseBlock(&unsorted_);
}

bool SnapshotWalk::DoSome(Clock& clock, int64_t micros) {
  const int64_t until = clock.StopwatchMicros() + micros;
  const auto count = static_cast<int>(databases_.size());
  if (state_ == State::kIdle) return true;
  while (others_left_) {
    const Pause pause = TakeOthers(clock, until);
    if (pause != Pause::kEnd) return pause == Pause::kEnough;
  }
  while (database_ < count) {
    const Pause pause = WalkDatabase(clock, until);
    if (pause != Pause::kEnd) return pause == Pause::kEnough;
    // A block holds items of one database.
    CloseBlock(&sorted_);
    Release(static_cast<size_t>(database_));
    ++database_;
    started_ = false;
  }
  CloseBlock(&unsorted_);
  state_ = State::kIdle;
  // Between snapshots no memory is kept.
  sorted_ = unsorted_ = SnapshotBlock();
  spare_ = {};
  return true;
}

SnapshotWalk::Pause SnapshotWalk::TakeOthers(Clock& clock, int64_t until) {
  for (int steps = 1;; ++steps) {
    if (is_far_ahead()) return Pause::kEnough;
    const size_t before = unsorted_.bytes.size();
    others_left_ = other_source_->SaveSome(*this);
    if (!others_left_) return Pause::kEnd;
    // A large one may have closed its block.
    const bool large = unsorted_.bytes.size() < before || unsorted_.bytes.size() > before + 4096;
    if ((steps % 16 == 0 || large) && clock.StopwatchMicros() >= until) return Pause::kTime;
  }
}

SnapshotWalk::Pause SnapshotWalk::WalkDatabase(Clock& clock, int64_t until) {
  const KeyIndex& index = IndexOf(static_cast<size_t>(database_));
  KeyIndex::Cursor at = started_ ? index.Seek(last_key_) : index.First();
  if (started_ && at.Valid() && at.item()->key() == last_key_) at.Next();
  Pause pause = Pause::kEnd;
  const Item* last = nullptr;
  for (int steps = 1; at.Valid(); ++steps) {
    if (is_far_ahead()) {
      pause = Pause::kEnough;
      break;
    }
    last = at.item();
    at.Prefetch(8);
    if (last->snapshot_mark() == kPassOver) {
      last->set_snapshot_mark(0);
    } else if (state_ == State::kWalking) {
      AppendPut(database_, last->key(), last->state(), &sorted_.bytes);
      ++sorted_.items;
      ++items_;
      if (sorted_.bytes.size() >= kBlockBytes) CloseBlock(&sorted_);
    }
    at.Next();
    // Looking at the clock is dear beside a small item and cheap beside a large one.
    if ((steps % 16 == 0 || last->value().text.size() > 4096) && at.Valid() &&
        clock.StopwatchMicros() >= until) {
      pause = Pause::kTime;
      break;
    }
  }
  // Changes may come before the next slice: no cursor lives that long, but a key does.
  if (last != nullptr && pause != Pause::kEnd) {
    last_key_.assign(last->key());
    started_ = true;
  }
  return pause;
}

void SnapshotWalk::Abort() {
  if (state_ == State::kWalking) {
    state_ = State::kClearing;
    if (others_left_) other_source_->AbortSave();
    others_left_ = false;
    for (size_t n = 0; n < detached_.size(); ++n) Release(n);
  }
  aborted_ = true;
  for (SnapshotBlock& block : blocks_) Recycle(std::move(block));
  blocks_.clear();
  sorted_ = unsorted_ = SnapshotBlock();
}

void SnapshotWalk::Release(size_t database) {
  if (detached_[database] == nullptr) return;
  detached_[database] = nullptr;
  --held_;
}

void SnapshotWalk::WillChange(int database, const Item& item, Origin /*origin*/) {
  if (state_ != State::kWalking || item.snapshot_mark() == kPassOver) return;
  if (!IsAhead(database, item.key()) || detached_[static_cast<size_t>(database)] != nullptr) return;
  AppendPut(database, item.key(), item.state(), &unsorted_.bytes);
  ++unsorted_.items;
  ++items_;
  ++strays_;
  item.set_snapshot_mark(kPassOver);
  if (unsorted_.bytes.size() >= kBlockBytes) CloseBlock(&unsorted_);
  if (pending_bytes_ > kMostPendingBytes) {
    Abort();
    gave_up_ = true;
  }
}

void SnapshotWalk::DidChange(int database, ChangeKind kind, const Item& item, Origin /*origin*/) {
  if (state_ != State::kWalking || kind != ChangeKind::kCreated) return;
  if (!IsAhead(database, item.key()) || detached_[static_cast<size_t>(database)] != nullptr) return;
  item.set_snapshot_mark(kPassOver);
}

void SnapshotWalk::WillFlush(int database) {
  const auto at = static_cast<size_t>(database);
  // Of two flushes the first one took what the snapshot is about.
  if (state_ != State::kWalking || database < database_ || detached_[at] != nullptr) return;
  if (databases_[at]->items() == 0) return;
  detached_[at] = &databases_[at]->by_key();
  ++held_;
}

// --- SnapshotFile
// ---------------------------------------------------------------------------------

Result<std::unique_ptr<SnapshotFile>> SnapshotFile::Create(Disk& disk, std::string path,
                                                           const SnapshotHeader& header,
                                                           bool compress) {
  Result<std::unique_ptr<File>> file = disk.Open(path + ".temp", OpenMode::kCreate);
  if (!file.ok()) return file.status();
  std::unique_ptr<SnapshotFile> snapshot(
      new SnapshotFile(disk, std::move(path), std::move(*file), header.salt, compress));
  char bytes[SnapshotHeader::kBytes];
  WriteHeader(header, bytes);
  AMPT_RETURN_IF_ERROR(snapshot->file_->WriteAt(0, {bytes, sizeof bytes}));
  snapshot->offset_ = sizeof bytes;
  return snapshot;
}

SnapshotFile::~SnapshotFile() {
  file_.reset();
  if (!finished_) [[maybe_unused]]
    const Status ignored = disk_.Remove(temp_path());
}

Status SnapshotFile::WriteBlock(BlockKind kind, uint32_t effects, std::string_view bytes) {
  AMPT_ASSERT(bytes.size() <= kMostBlockBytes);
  BlockHeader header;
  header.kind = kind;
  header.index = blocks_++;
  header.effects = effects;
  header.raw_bytes = static_cast<uint32_t>(bytes.size());
  raw_bytes_ += bytes.size();
  packed_.resize(BlockHeader::kBytes);
  if (compress_ && bytes.size() >= kCompressFromBytes) {
    const int room = LZ4_compressBound(static_cast<int>(bytes.size()));
    packed_.resize(BlockHeader::kBytes + static_cast<size_t>(room));
    const int packed = LZ4_compress_default(bytes.data(), packed_.data() + BlockHeader::kBytes,
                                            static_cast<int>(bytes.size()), room);
    if (packed > 0 && static_cast<size_t>(packed) < bytes.size() - bytes.size() / 16) {
      header.compression = Compression::kLz4;
      packed_.resize(BlockHeader::kBytes + static_cast<size_t>(packed));
    } else {
      packed_.resize(BlockHeader::kBytes);
    }
  }
  if (header.compression == Compression::kNone) packed_.append(bytes);
  const std::string_view stored = std::string_view(packed_).substr(BlockHeader::kBytes);
  header.stored_bytes = static_cast<uint32_t>(stored.size());
  header.payload_checksum = Checksum(stored, salt_);
  WriteHeader(header, salt_, packed_.data());
  AMPT_RETURN_IF_ERROR(file_->WriteAt(offset_, packed_));
  offset_ += packed_.size();
  if (packed_.capacity() > 16 * SnapshotWalk::kBlockBytes) std::string().swap(packed_);
  return Status::Ok();
}

Status SnapshotFile::Add(const SnapshotBlock& block) {
  AMPT_RETURN_IF_ERROR(WriteBlock(block.kind, block.items + block.others, block.bytes));
  (block.kind == BlockKind::kSorted ? counts_.sorted : counts_.unsorted) += block.items;
  counts_.others += block.others;
  if (offset_ - synced_ < kSyncEveryBytes) return Status::Ok();
  synced_ = offset_;
  return file_->Sync();
}

Status SnapshotFile::Finish(const std::string& directory) {
  char counts[SnapshotCounts::kBytes];
  WriteCounts(counts_, counts);
  AMPT_RETURN_IF_ERROR(WriteBlock(BlockKind::kEnd, 0, {counts, sizeof counts}));
  AMPT_RETURN_IF_ERROR(file_->Sync());
  AMPT_RETURN_IF_ERROR(disk_.Rename(temp_path(), path_));
  if (Status status = disk_.SyncDirectory(directory); !status.ok()) {
    [[maybe_unused]] const Status ignored = disk_.Remove(path_);
    return status;
  }
  finished_ = true;
  return Status::Ok();
}

// --- reading
// --------------------------------------------------------------------------------------

namespace {

Status At(const File& file, uint64_t offset, std::string_view code, std::string_view what) {
  return Status::Coded(
      code, file.path() + " at byte " + std::to_string(offset) + ": " + std::string(what));
}

// Passes on to a sink what is in a block, and sees to the order and the kinds of effects.
class BlockSink : public EffectSink {
 public:
  explicit BlockSink(EffectSink& sink) : sink_(sink) {}

  void BeginBlock(BlockKind kind) { kind_ = kind; }
  const SnapshotCounts& counts() const { return counts_; }

  void Expect(int database, std::string_view key) override { sink_.Expect(database, key); }
  Status Put(int database, std::string_view key, const ItemState& state) override {
    if (kind_ == BlockKind::kSorted) {
      const bool in_order =
          database > database_ || (database == database_ && (!any_ || key > last_key_));
      if (!in_order) return Status::Err("the items are out of order");
      database_ = database;
      any_ = true;
      last_key_.assign(key);
      ++counts_.sorted;
    } else {
      ++counts_.unsorted;
    }
    return sink_.Put(database, key, state);
  }
  Status Delete(int, std::string_view, DeleteReason) override {
    return Status::Err("a snapshot deletes nothing");
  }
  Status Flush(int) override { return Status::Err("a snapshot flushes nothing"); }
  Status Other(int database, uint32_t kind, std::string_view bytes) override {
    if (kind_ == BlockKind::kSorted) return Status::Err("more than items in a block of items");
    ++counts_.others;
    return sink_.Other(database, kind, bytes);
  }

 private:
  EffectSink& sink_;
  BlockKind kind_ = BlockKind::kSorted;
  SnapshotCounts counts_;
  int database_ = 0;
  bool any_ = false;
  std::string last_key_;
};

// A buffer that is not filled with zeros only to be overwritten.
class RawBuffer {
 public:
  char* Room(size_t bytes) {
    if (bytes > capacity_ || data_ == nullptr) {
      capacity_ = std::max<size_t>(bytes, 1);
      data_ = std::make_unique_for_overwrite<char[]>(capacity_);
    }
    return data_.get();
  }

 private:
  std::unique_ptr<char[]> data_;
  size_t capacity_ = 0;
};

}  // namespace

Result<SnapshotFacts> ReadSnapshot(File& file, EffectSink& sink, const ReadProgress& progress) {
  SnapshotFacts facts;
  Result<uint64_t> size = file.Size();
  if (!size.ok()) return size.status();
  facts.file_bytes = *size;

  char head[std::max(SnapshotHeader::kBytes, BlockHeader::kBytes)];
  Result<size_t> got = file.ReadAt(0, head, SnapshotHeader::kBytes);
  if (!got.ok()) return got.status();
  if (Status status = ReadHeader(std::string_view(head, *got), &facts.header); !status.ok()) {
    const size_t code = status.text().find(' ');
    return At(file, 0, status.text().substr(0, code), status.text().substr(code + 1));
  }
  const uint64_t salt = facts.header.salt;

  BlockSink blocks(sink);
  RawBuffer stored_buffer;
  RawBuffer raw_buffer;
  uint64_t offset = SnapshotHeader::kBytes;
  for (uint32_t index = 0;; ++index) {
    const auto damaged = [&](std::string_view what) { return At(file, offset, "DAMAGED", what); };
    got = file.ReadAt(offset, head, BlockHeader::kBytes);
    if (!got.ok()) return got.status();
    if (*got < BlockHeader::kBytes) return damaged("the file is cut short: it has no end block");
    BlockHeader header;
    if (!ReadHeader(std::string_view(head, *got), salt, &header)) {
      return damaged("no header of a block");
    }
    if (header.index != index) return damaged("a block is missing or out of order");
    const uint64_t rest = facts.file_bytes - offset - BlockHeader::kBytes;
    if (header.stored_bytes > rest) return damaged("the file is cut short within a block");
    const bool packed = header.compression == Compression::kLz4;
    // LZ4 makes nothing more than 255 times smaller.
    if (header.raw_bytes > kMostBlockBytes || header.stored_bytes > kMostBlockBytes ||
        (packed ? header.raw_bytes / 255 > header.stored_bytes
                : header.compression != Compression::kNone ||
                      header.raw_bytes != header.stored_bytes)) {
      return damaged("a block of impossible size or compression");
    }
    char* stored = stored_buffer.Room(header.stored_bytes);
    got = file.ReadAt(offset + BlockHeader::kBytes, stored, header.stored_bytes);
    if (!got.ok()) return got.status();
    if (*got < header.stored_bytes) return damaged("the file is cut short within a block");
    std::string_view bytes(stored, header.stored_bytes);
    if (Checksum(bytes, salt) != header.payload_checksum) {
      return damaged("wrong checksum of a block");
    }
    if (packed) {
      char* raw = raw_buffer.Room(header.raw_bytes);
      if (LZ4_decompress_safe(stored, raw, static_cast<int>(header.stored_bytes),
                              static_cast<int>(header.raw_bytes)) !=
          static_cast<int>(header.raw_bytes)) {
        return damaged("a block that cannot be decompressed");
      }
      bytes = {raw, header.raw_bytes};
    }
    const uint64_t end = offset + BlockHeader::kBytes + header.stored_bytes;
    if (header.kind == BlockKind::kEnd) {
      if (bytes.size() != SnapshotCounts::kBytes || header.effects != 0) {
        return damaged("an end block of another size");
      }
      ReadCounts(bytes, &facts.counts);
      const SnapshotCounts& found = blocks.counts();
      if (facts.counts.sorted != found.sorted || facts.counts.unsorted != found.unsorted ||
          facts.counts.others != found.others) {
        return damaged("the file holds another number of items than it says");
      }
      if (end != facts.file_bytes) {
        offset = end;
        return damaged("there are bytes behind the end");
      }
      if (progress && !progress(end)) return Status::Coded("STOPPED", "loading was stopped");
      return facts;
    }
    if (header.kind != BlockKind::kSorted && header.kind != BlockKind::kUnsorted) {
      return damaged("a block of a kind this program does not know");
    }
    facts.raw_bytes += header.raw_bytes;
    blocks.BeginBlock(header.kind);
    if (Status status = ReadEffects(bytes, header.effects, blocks); !status.ok()) {
      return damaged(status.text().substr(4));
    }
    offset = end;
    if (progress && !progress(offset)) return Status::Coded("STOPPED", "loading was stopped");
  }
}

}  // namespace ampt
