// Event: what consumers and subscribers are told of one change of one item.
//
//   {"id":"42","name":"updated","item":{…},"previous":{…}}
//
// An event has everything resolved: whoever gets it needs no look at the database, which may have
// moved on. `item` is the item as AMPT.GET META shows it: after the change, or as it last was where
// it was deleted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "model/effects.h"
#include "model/item.h"

namespace ampt {

enum class EventName : uint8_t { kCreated, kUpdated, kDeleted };

// "created", "updated", "deleted".
std::string_view TextOf(EventName name);
// "removed", "expired", "evicted".
std::string_view TextOf(DeleteReason reason);
inline EventName NameOf(ChangeKind kind) {
  return static_cast<EventName>(kind);
}

// Views throughout; whoever hands one out says how long they are good.
struct Event {
  int database = 0;
  uint64_t id = 0;  // rises within a database, never given twice
  EventName name = EventName::kCreated;
  DeleteReason reason = DeleteReason::kRemoved;  // of a deleted one
  std::string_view key;
  ItemState item;
  std::optional<ItemState> previous;  // of an updated one
};

// What a consumer's copy of an event says beside the event.
struct EventDelivery {
  struct Failure {
    uint32_t attempts = 0;
    std::string_view reason;
    TimeMs first_ms = 0;  // when it was handed out first and last
    TimeMs last_ms = 0;
  };
  uint32_t attempt = 0;  // 1, 2, …; 0: not shown
  bool replayed = false;
  std::optional<Failure> failed;  // of a dead letter
};

// Appends the event as compact JSON. Members in this order: id (a string: it may be beyond what a
// double holds), name, reason, attempt, replayed, item, previous, failed. A key or root value that
// is not UTF-8 appears as {"$binary":…}, times as ISO 8601. Cost: one pass over the item(s).
void AppendEventJson(const Event& event, const EventDelivery& delivery, std::string* out);
inline void AppendEventJson(const Event& event, std::string* out) {
  AppendEventJson(event, {}, out);
}

}  // namespace ampt
