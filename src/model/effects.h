// Effects: what every change of an item is reported to.
//
// The canonical effect of a write is the item's whole state after it, with absolute times, so that
// whoever listens (log, snapshot, events, replicas) needs no clock and no command. The keyspace
// calls these for every change through every door; it decides nothing about who listens.
#pragma once

#include <cstdint>

namespace ampt {

class Item;

enum class Origin : uint8_t { kClient, kExpired, kEvicted, kMoved, kLoaded };
enum class ChangeKind : uint8_t { kCreated, kUpdated, kDeleted };

// Why an item is no more, as events tell it and the log keeps it.
enum class DeleteReason : uint8_t { kRemoved, kExpired, kEvicted };
constexpr DeleteReason ReasonOf(Origin origin) {
  return origin == Origin::kExpired   ? DeleteReason::kExpired
         : origin == Origin::kEvicted ? DeleteReason::kEvicted
                                      : DeleteReason::kRemoved;
}
// An origin of that reason, for replay.
constexpr Origin OriginOf(DeleteReason reason) {
  return reason == DeleteReason::kExpired   ? Origin::kExpired
         : reason == DeleteReason::kEvicted ? Origin::kEvicted
                                            : Origin::kClient;
}

class Effects {
 public:
  virtual ~Effects() = default;

  // Just before an existing item is changed or deleted: its old state, still linked.
  virtual void WillChange(int database, const Item& item, Origin origin) = 0;
  // After a change. For kDeleted: the last state, already unlinked, freed when this returns.
  virtual void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) = 0;
  // All items of a database are about to be detached (FLUSHDB, FLUSHALL).
  virtual void WillFlush(int database) = 0;
};

}  // namespace ampt
