#include "event/stored_event.h"

#include <cstring>

#include "base/assert.h"
#include "model/record.h"

namespace ampt {

StoredEvent* StoredEvent::Create(Allocator& allocator, uint64_t id, TimeMs time_ms, EventName name,
                                 DeleteReason reason, std::string_view key, std::string_view item,
                                 std::string_view previous) {
  const size_t bytes = sizeof(StoredEvent) + key.size() + item.size() + previous.size();
  auto* event = new (allocator.Allocate(bytes)) StoredEvent;
  event->id = id;
  event->time_ms = time_ms;
  event->entries = nullptr;
  event->key_bytes = static_cast<uint32_t>(key.size());
  event->item_bytes = static_cast<uint32_t>(item.size());
  event->previous_bytes = static_cast<uint32_t>(previous.size());
  event->name = name;
  event->reason = reason;
  char* to = reinterpret_cast<char*>(event + 1);
  const auto put = [&to](std::string_view part) {
    if (!part.empty()) std::memcpy(to, part.data(), part.size());
    to += part.size();
  };
  put(key);
  put(item);
  put(previous);
  return event;
}

void StoredEvent::Destroy(Allocator& allocator, StoredEvent* event) {
  allocator.Free(event, event->total_bytes());
}

Event StoredEvent::View(int database) const {
  Event view{.database = database, .id = id, .name = name, .reason = reason, .key = key()};
  // Records were made by AppendRecord, or read once when they were loaded.
  AMPT_ASSERT(ReadRecord(item(), &view.item).ok());
  if (previous_bytes > 0) {
    view.previous.emplace();
    AMPT_ASSERT(ReadRecord(previous(), &*view.previous).ok());
  }
  return view;
}

}  // namespace ampt
