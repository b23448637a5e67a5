// Stored events, and the entries by which consumers hold them.
//
// An event is stored once, in one block, and freed when its last entry is. An entry says how far
// one consumer is with one event; it hangs in two lists: the entries of its event, and its lane (or
// another list of its owner's, see `previous` and `next`).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/alloc.h"
#include "base/clock.h"
#include "event/event.h"

namespace ampt {

// The Allocator seam for containers, so that what they take is counted to the byte.
template <typename T>
class SeamAllocator {
 public:
  using value_type = T;
  SeamAllocator(Allocator& allocator) : allocator_(&allocator) {}
  template <typename U>
  SeamAllocator(const SeamAllocator<U>& other) : allocator_(other.allocator_) {}
  T* allocate(size_t n) { return static_cast<T*>(allocator_->Allocate(n * sizeof(T))); }
  void deallocate(T* block, size_t n) { allocator_->Free(block, n * sizeof(T)); }
  template <typename U>
  bool operator==(const SeamAllocator<U>& other) const {
    return allocator_ == other.allocator_;
  }

  Allocator* allocator_;
};
using SeamString = std::basic_string<char, std::char_traits<char>, SeamAllocator<char>>;

class Consumer;
struct StoredEvent;

// The part of a key that events are in order within, with the ':' where there is one: the namespace
// "a" and the simple key "a" are two lanes.
inline std::string_view LaneOf(std::string_view key) {
  const size_t colon = key.find(':');
  return colon == std::string_view::npos ? key : key.substr(0, colon + 1);
}

enum class EntryState : uint8_t {
  kQueued,    // to be handed out, as soon as it is the first of its lane
  kInFlight,  // handed out; ACK, NAK or its due time end that
  kWaiting,   // for its retry, at its due time
  kDead,      // a dead letter, in no lane
};

// What an entry has from its first READ on.
struct Delivery {
  explicit Delivery(Allocator& allocator) : reason(SeamAllocator<char>(allocator)) {}
  uint32_t attempts = 0;  // 0 again after REPLAY
  bool replayed = false;
  TimeMs first_ms = 0;
  TimeMs last_ms = 0;
  TimeMs due_ms = kNoDeadline;  // of the state; of a queued entry that was read: of its MAXAGE
  // The place in the lane of a replayed one: behind the event of that id; among those with the same
  // by the sequence. Of a dead letter the sequence is the order of their deaths.
  uint64_t position = 0;
  uint64_t sequence = 0;
  SeamString reason;  // of the last failure
};

struct Entry {
  StoredEvent* event = nullptr;
  Consumer* consumer = nullptr;
  Entry* next_of_event = nullptr;
  Entry* previous = nullptr;
  Entry* next = nullptr;
  Delivery* delivery = nullptr;  // null: never read
  EntryState state = EntryState::kQueued;
  bool is_held = false;  // in the list of those behind a flush
  bool is_due = false;   // among the due ones

  uint64_t id() const;
  uint32_t attempts() const { return delivery != nullptr ? delivery->attempts : 0; }
  uint64_t position() const {
    return delivery != nullptr && delivery->replayed ? delivery->position : id();
  }
  uint64_t sequence() const {
    return delivery != nullptr && delivery->replayed ? delivery->sequence : 0;
  }
};

struct StoredEvent {
  uint64_t id;
  TimeMs time_ms;
  Entry* entries;
  uint32_t key_bytes;
  uint32_t item_bytes;
  uint32_t previous_bytes;  // 0: none
  EventName name;
  DeleteReason reason;

  // `item` and `previous` are item records (model/record.h); an empty one: none. Cost: a copy.
  static StoredEvent* Create(Allocator& allocator, uint64_t id, TimeMs time_ms, EventName name,
                             DeleteReason reason, std::string_view key, std::string_view item,
                             std::string_view previous);
  static void Destroy(Allocator& allocator, StoredEvent* event);

  std::string_view key() const { return {bytes(), key_bytes}; }
  std::string_view item() const { return {bytes() + key_bytes, item_bytes}; }
  std::string_view previous() const { return {bytes() + key_bytes + item_bytes, previous_bytes}; }
  // Views of this event, good as long as it is.
  Event View(int database) const;

 private:
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  size_t total_bytes() const {
    return sizeof(StoredEvent) + key_bytes + item_bytes + previous_bytes;
  }
};

inline uint64_t Entry::id() const {
  return event->id;
}

// A chain of entries by `previous` and `next`. Does not own them.
struct EntryList {
  Entry* first = nullptr;
  Entry* last = nullptr;

  bool empty() const { return first == nullptr; }
  void Append(Entry* entry) {
    entry->previous = last;
    entry->next = nullptr;
    (last != nullptr ? last->next : first) = entry;
    last = entry;
  }
  void Remove(Entry* entry) {
    (entry->previous != nullptr ? entry->previous->next : first) = entry->next;
    (entry->next != nullptr ? entry->next->previous : last) = entry->previous;
    entry->previous = entry->next = nullptr;
  }
};

}  // namespace ampt
