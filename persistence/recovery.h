// Recovery: from the files of a directory to the databases in memory.
//
// Nothing here looks at a clock: an item whose deadline has passed is loaded like any other, and
// what is due is expired afterwards by the server, as writes with effects of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "model/keyspace.h"
#include "persistence/codec.h"
#include "persistence/data_directory.h"
#include "persistence/log_writer.h"

namespace ampt {

// Receives what is in the files beside items (AppendOther), in its order among the effects.
class OtherSink {
 public:
  virtual ~OtherSink() = default;
  virtual Status Other(int database, uint32_t kind, std::string_view bytes) = 0;
  // Who hears of the changes that the log tells, in front of whatever others it has; not of those
  // of the snapshot. Null: nobody.
  virtual Effects* ReplayEffects() { return nullptr; }
  // What a flush in the log detached. Gives back what it does not take, to be freed.
  virtual std::optional<DetachedItems> TakeFlushed(int /*database*/, DetachedItems items) {
    return items;
  }
};

// Applies effects to keyspaces, whose own effects should be off meanwhile.
class KeyspaceSink : public EffectSink {
 public:
  // `others` may be null: effects that are not items are then an error.
  KeyspaceSink(std::span<Keyspace* const> databases, OtherSink* others)
      : databases_(databases), others_(others) {}

  // While loading a snapshot a key may come once only.
  void set_once(bool once) { once_ = once; }
  uint64_t effects() const { return effects_; }

  void Expect(int database, std::string_view key) override;
  Status Put(int database, std::string_view key, const ItemState& state) override;
  // A key that is not there is no error: eviction and expiry may race with a flush.
  Status Delete(int database, std::string_view key, DeleteReason reason) override;
  Status Flush(int database) override;
  Status Other(int database, uint32_t kind, std::string_view bytes) override;

 private:
  // Null where the server has no such database.
  Keyspace* DatabaseOf(int database) const;
  Status NoDatabase(int database) const;

  std::span<Keyspace* const> databases_;
  OtherSink* others_;
  bool once_ = false;
  uint64_t effects_ = 0;
};

struct Recovered {
  std::unique_ptr<DataDirectory> directory;
  // Where LogWriter::Open goes on. Its next_sequence is also OpenDetached's.
  LogPosition log;
  bool has_log = false;         // the directory has files of the log
  uint64_t base_bytes = 0;      // of the snapshot, 0: none
  uint64_t base_raw_bytes = 0;  // before compression
  int64_t base_created_ms = 0;  // LASTSAVE; 0: none
  uint64_t base_items = 0;
  uint64_t frames = 0;   // replayed
  uint64_t effects = 0;  // in them
  uint64_t cut_bytes = 0;
  // For the server's own log: what was cut, what was removed, what looks strange.
  std::vector<std::string> warnings;
};

// Called at least once a block or frame with the bytes done and in all; false: stop loading.
using RecoveryProgress = std::function<bool(uint64_t done, uint64_t total)>;

// Locks the directory, loads its snapshot, replays its log (with the effects of `others` on), cuts
// a torn tail, syncs what it keeps and removes what a crash left behind. Blocking. `databases`:
// empty, their effects off. On an error they hold a part and nothing in the directory has changed;
// the text names file and offset and says what to do:
//
//   LOCKED    another server uses the directory
//   DAMAGED   a bad snapshot, or a bad frame that was synced once, or a file is missing
//   FOREIGN   a file of another program or another directory
//   VERSION   written by a newer ampt-server
//   STOPPED   `progress` returned false
//   else      the system's reason (ENOENT, EACCES, EROFS, EIO, …)
//
// Cost: reading the files, and about 0.4 us an item.
Result<Recovered> Recover(Disk& disk, const std::string& path, uint64_t random,
                          std::span<Keyspace* const> databases, OtherSink* others,
                          const RecoveryProgress& progress);

}  // namespace ampt
