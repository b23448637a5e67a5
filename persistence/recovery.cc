#include "persistence/recovery.h"

#include <fmt/format.h>

#include <algorithm>

#include "persistence/log_reader.h"
#include "persistence/snapshot.h"

namespace ampt {

namespace {

// Before every deadline: nothing expires while loading.
constexpr TimeMs kBeforeAll = INT64_MIN;

Status Damaged(const std::string& path, uint64_t offset, std::string_view what,
               std::string_view advice) {
  return Status::Coded("DAMAGED",
                       fmt::format("{} at byte {}: {} ({})", path, offset, what, advice));
}

constexpr std::string_view kCheckAdvice =
    "restore the directory from a backup; ampt-check shows what is left of it and --repair cuts "
    "the "
    "file there";

Status WithAdvice(const Status& status) {
  const std::string& text = status.text();
  if (text.starts_with("DAMAGED ")) {
    return Status::Coded("DAMAGED", text.substr(8) + " (" + std::string(kCheckAdvice) + ")");
  }
  if (text.starts_with("FOREIGN ")) {
    return Status::Coded("FOREIGN", text.substr(8) + " (put back the file that belongs there)");
  }
  return status;
}

}  // namespace

// --- KeyspaceSink
// ---------------------------------------------------------------------------------

Keyspace* KeyspaceSink::DatabaseOf(int database) const {
  const auto at = static_cast<size_t>(database);
  return at < databases_.size() ? databases_[at] : nullptr;
}

Status KeyspaceSink::NoDatabase(int database) const {
  return Status::Err(fmt::format("it is about database {}, but `databases` is {}: raise it",
                                 database, databases_.size()));
}

void KeyspaceSink::Expect(int database, std::string_view key) {
  const Keyspace* keyspace = DatabaseOf(database);
  if (keyspace != nullptr) keyspace->Prefetch(keyspace->HashOf(key));
}

Status KeyspaceSink::Put(int database, std::string_view key, const ItemState& state) {
  Keyspace* keyspace = DatabaseOf(database);
  if (keyspace == nullptr) return NoDatabase(database);
  KeyRef ref = keyspace->Open(key, kBeforeAll);
  if (once_ && ref.exists()) return Status::Err("a key comes twice");
  ref.Put(state, Origin::kLoaded);
  ++effects_;
  return Status::Ok();
}

Status KeyspaceSink::Delete(int database, std::string_view key, DeleteReason reason) {
  Keyspace* keyspace = DatabaseOf(database);
  if (keyspace == nullptr) return NoDatabase(database);
  KeyRef ref = keyspace->Open(key, kBeforeAll);
  if (ref.exists()) ref.Erase(OriginOf(reason));
  ++effects_;
  return Status::Ok();
}

Status KeyspaceSink::Flush(int database) {
  Keyspace* keyspace = DatabaseOf(database);
  if (keyspace == nullptr) return NoDatabase(database);
  DetachedItems all = keyspace->Detach();
  // What nobody takes is freed here and now: no client waits yet.
  std::optional<DetachedItems> left;
  if (others_ != nullptr) left = others_->TakeFlushed(database, std::move(all));
  ++effects_;
  return Status::Ok();
}

Status KeyspaceSink::Other(int database, uint32_t kind, std::string_view bytes) {
  if (DatabaseOf(database) == nullptr) return NoDatabase(database);
  if (others_ == nullptr) {
    return Status::Err(fmt::format("it is of kind {}, which this program does not know", kind));
  }
  ++effects_;
  return others_->Other(database, kind, bytes);
}

// --- Recover
// --------------------------------------------------------------------------------------

namespace {

class Recovery {
 public:
  Recovery(Disk& disk, std::span<Keyspace* const> databases, OtherSink* others,
           const RecoveryProgress& progress)
      : disk_(disk),
        databases_(databases),
        others_(others),
        sink_(databases, others),
        progress_(progress) {}
  ~Recovery() { SetEffects(nullptr); }

  Result<Recovered> Run(const std::string& path, uint64_t random) {
    Result<std::unique_ptr<DataDirectory>> directory = DataDirectory::Open(disk_, path, random);
    if (!directory.ok()) return directory.status();
    recovered_.directory = std::move(*directory);
    AMPT_RETURN_IF_ERROR(OpenFiles());
    AMPT_RETURN_IF_ERROR(LoadBase());
    SetEffects(others_ != nullptr ? others_->ReplayEffects() : nullptr);
    for (size_t n = 0; n < segments_.size(); ++n) AMPT_RETURN_IF_ERROR(Replay(n));
    SetEffects(nullptr);
    AMPT_RETURN_IF_ERROR(Settle());
    return std::move(recovered_);
  }

 private:
  const Manifest& manifest() const { return recovered_.directory->manifest(); }

  // All at once, so that a missing file is found before the work of loading the others.
  Status OpenFiles() {
    const auto open = [&](const std::string& path, std::unique_ptr<File>* file) {
      Result<std::unique_ptr<File>> opened = disk_.Open(path, OpenMode::kReadWrite);
      if (IsNotFound(opened.status())) {
        return Damaged(path, 0, "the file is missing though the manifest names it",
                       "put it back, or restore the directory from a backup");
      }
      if (!opened.ok()) return opened.status();
      Result<uint64_t> size = (*opened)->Size();
      if (!size.ok()) return size.status();
      total_ += *size;
      *file = std::move(*opened);
      return Status::Ok();
    };
    if (manifest().base) {
      AMPT_RETURN_IF_ERROR(open(recovered_.directory->BasePath(*manifest().base), &base_));
    }
    segments_.resize(manifest().segments.size());
    for (size_t n = 0; n < segments_.size(); ++n) {
      AMPT_RETURN_IF_ERROR(
          open(recovered_.directory->SegmentPath(manifest().segments[n]), &segments_[n]));
    }
    recovered_.has_log = !segments_.empty();
    return Status::Ok();
  }

  void SetEffects(Effects* effects) {
    for (Keyspace* keyspace : databases_) keyspace->set_effects(effects);
  }

  bool Report(uint64_t bytes) { return !progress_ || progress_(done_ + bytes, total_); }

  Status LoadBase() {
    if (base_ == nullptr) return Status::Ok();
    sink_.set_once(true);
    const Result<SnapshotFacts> facts =
        ReadSnapshot(*base_, sink_, [&](uint64_t bytes) { return Report(bytes); });
    sink_.set_once(false);
    if (!facts.ok()) return WithAdvice(facts.status());
    if (facts->header.directory_id != manifest().directory_id ||
        facts->header.number != *manifest().base) {
      return WithAdvice(Status::Coded(
          "FOREIGN", base_->path() + " at byte 0: it was made for another directory or name"));
    }
    recovered_.log.next_sequence = facts->header.sequence + 1;
    recovered_.base_bytes = facts->file_bytes;
    recovered_.base_raw_bytes = facts->raw_bytes;
    recovered_.base_created_ms = facts->header.created_ms;
    recovered_.base_items = facts->counts.sorted + facts->counts.unsorted;
    done_ += facts->file_bytes;
    return Status::Ok();
  }

  Status Replay(size_t n) {
    File& file = *segments_[n];
    const bool last = n + 1 == segments_.size();
    LogReader reader(file);
    if (Status status = reader.Open(); !status.ok()) return WithAdvice(status);
    if (reader.header().directory_id != manifest().directory_id ||
        reader.header().number != manifest().segments[n]) {
      return WithAdvice(Status::Coded(
          "FOREIGN", file.path() + " at byte 0: it was made for another directory or name"));
    }
    if (reader.header().first_sequence != recovered_.log.next_sequence) {
      return Damaged(file.path(), 0,
                     fmt::format("it begins with frame {}, but what comes before it ends with {}",
                                 reader.header().first_sequence, recovered_.log.next_sequence - 1),
                     "a file between them is missing or cut: restore the directory from a backup");
    }
    const uint64_t effects = sink_.effects();
    LogReader::Frame frame;
    while (true) {
      const Result<LogReader::Outcome> outcome = reader.Next(&frame);
      if (!outcome.ok()) return outcome.status();
      if (*outcome == LogReader::Outcome::kEnd) break;
      if (*outcome == LogReader::Outcome::kBad) {
        const Result<LogReader::Tail> tail = reader.ReadTail();
        if (!tail.ok()) return tail.status();
        if (!last || tail->damage) {
          return Damaged(file.path(), reader.offset(),
                         reader.reason() + " in a part of the log that was synced", kCheckAdvice);
        }
        recovered_.cut_bytes = reader.file_bytes() - reader.offset();
        recovered_.warnings.push_back(fmt::format(
            "{} at byte {}: {}; cut the last {} bytes with {} further frame headers, which a crash "
            "left before they were synced",
            file.path(), reader.offset(), reader.reason(), recovered_.cut_bytes, tail->frames));
        break;
      }
      const Status status = ReadEffects(frame.payload, frame.header.effects, sink_);
      if (!status.ok()) {
        return Damaged(file.path(), frame.offset, status.text().substr(4), kCheckAdvice);
      }
      ++recovered_.frames;
      if (!Report(reader.offset())) return Status::Coded("STOPPED", "loading was stopped");
    }
    recovered_.effects += sink_.effects() - effects;
    recovered_.log.next_sequence = reader.next_sequence();
    if (last) {
      recovered_.log.segment_bytes = reader.offset();
      synced_offset_ = reader.synced_offset();
    } else {
      recovered_.log.earlier_bytes += reader.offset();
    }
    done_ += reader.file_bytes();
    return Status::Ok();
  }

  // Only now, when all was read without an error, is anything changed.
  Status Settle() {
    DataDirectory& directory = *recovered_.directory;
    base_.reset();
    if (!segments_.empty()) {
      File& last = *segments_.back();
      if (recovered_.cut_bytes > 0)
        AMPT_RETURN_IF_ERROR(last.Truncate(recovered_.log.segment_bytes));
      // What was read may never have reached the disk, not even by a sync from here on, if one
      // failed before; but from now on clients see it. So it is written once more.
      AMPT_RETURN_IF_ERROR(WriteAgain(last, synced_offset_, recovered_.log.segment_bytes));
      AMPT_RETURN_IF_ERROR(last.Sync());
      segments_.clear();
    }
    AMPT_RETURN_IF_ERROR(disk_.SyncDirectory(directory.path()));
    for (std::string& line : directory.RemoveLeftovers()) {
      recovered_.warnings.push_back(std::move(line));
    }
    return Status::Ok();
  }

  static Status WriteAgain(File& file, uint64_t from, uint64_t to) {
    std::string bytes;
    while (from < to) {
      bytes.resize(static_cast<size_t>(std::min<uint64_t>(to - from, 1u << 20)));
      const Result<size_t> got = file.ReadAt(from, bytes.data(), bytes.size());
      if (!got.ok()) return got.status();
      AMPT_RETURN_IF_ERROR(file.WriteAt(from, std::string_view(bytes).substr(0, *got)));
      from += *got;
      if (*got < bytes.size()) break;
    }
    return Status::Ok();
  }

  Disk& disk_;
  std::span<Keyspace* const> databases_;
  OtherSink* others_;
  KeyspaceSink sink_;
  const RecoveryProgress& progress_;
  Recovered recovered_;
  std::unique_ptr<File> base_;
  std::vector<std::unique_ptr<File>> segments_;
  uint64_t total_ = 0;
  uint64_t done_ = 0;
  uint64_t synced_offset_ = 0;  // of the last file of the log
};

}  // namespace

Result<Recovered> Recover(Disk& disk, const std::string& path, uint64_t random,
                          std::span<Keyspace* const> databases, OtherSink* others,
                          const RecoveryProgress& progress) {
  return Recovery(disk, databases, others, progress).Run(path, random);
}

}  // namespace ampt
