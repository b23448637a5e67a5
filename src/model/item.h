// Item: one key with its value, times, labels and deadline, in one allocation.
//
//   header (20 bytes) | key | tail            tail = [deadline 8] [label lengths, label texts]
//   value
//
// A long tail lies in a block of its own, whose address takes the tail's place. Overwriting a value
// touches no index as long as it fits what was allocated; where it does not, the keyspace makes a
// new item and puts it in the old one's place. Times are whole seconds in 32 bits (to 2106).
//
// States (checked by CheckInvariants of the keyspace):
//   created unlinked; link and unlink never free; destroying an unlinked item touches only its own
//   bytes and its allocator; dropping a whole index never touches items.
//
// Labels are kept encoded (model/label.h) so that indexes can compare them with memcmp.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/prefetch.h"
#include "model/value.h"

namespace ampt {

inline constexpr TimeMs kNoDeadline = INT64_MAX;

using Labels = std::array<std::string_view, limits::kLabels>;  // "" = no label

// Everything of an item but its key, as views: what a write wants an item to become.
struct ItemState {
  ValueView value;
  uint32_t created_s = 0;
  uint32_t modified_s = 0;
  TimeMs deadline_ms = kNoDeadline;
  Labels labels{};  // encoded
};

class Item {
 public:
  // Cost: one allocation (two for a tail over kInlineTailBytes). The item is unlinked.
  static Item* Create(Allocator& allocator, std::string_view key, const ItemState& state) {
    return Create(allocator, key, state, 0);
  }
  // An item for the place of one that has no room for `state`, which may hold views of it: with its
  // key and marks, and an eighth more room than is needed, since what has grown will grow.
  static Item* CreateInPlaceOf(Allocator& allocator, const Item& item, const ItemState& state);
  // REQUIRES: unlinked. From the allocator's own thread.
  static void Destroy(Allocator& allocator, Item* item);

  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;

  // Asks for its first two lines.
  void PrefetchBegin() const {
    PrefetchLine(this);
    PrefetchLine(reinterpret_cast<const char*>(this) + kLineBytes);
  }
  // Asks for what lies behind these, as far as it is worth it: a longer value is read in a row,
  // which the processor foresees. Best called when the first two have come.
  void PrefetchRest() const;

  std::string_view key() const { return {bytes(), key_size_}; }
  ValueView value() const {
    return {static_cast<ValueType>(type_), {tail() + value_offset(), value_size_}};
  }
  uint32_t created_s() const { return created_s_; }
  uint32_t modified_s() const { return modified_s_; }
  bool has_deadline() const { return has_deadline_; }
  TimeMs deadline_ms() const {
    if (!has_deadline_) return kNoDeadline;
    TimeMs deadline_ms;
    std::memcpy(&deadline_ms, tail(), sizeof deadline_ms);
    return deadline_ms;
  }
  // From its millisecond on an item is invisible to every command.
  bool IsVisible(TimeMs now_ms) const { return !has_deadline_ || deadline_ms() > now_ms; }
  bool has_labels() const { return label_mask_ != 0; }
  // Encoded text of label n (0 to 4), "" if there is none.
  std::string_view label(int n) const;
  Labels labels() const;
  // The whole state; its views live as long as the item is not changed.
  ItemState state() const;

  // A 24-bit word for LRU and LFU, free for the eviction policy.
  uint32_t access() const { return access_; }
  void set_access(uint32_t access) { access_ = access; }
  // Two bits that belong to a running snapshot, no part of the item's state.
  uint32_t snapshot_mark() const { return snapshot_mark_; }
  void set_snapshot_mark(uint32_t mark) const { snapshot_mark_ = mark & 3; }

  // Whether the item can become that without moving; SetValue's form is of a new value alone.
  bool HasRoomFor(const ItemState& state) const { return HasRoomFor(TailBytes(state)); }
  bool HasRoomForValue(size_t value_bytes) const {
    return HasRoomFor(value_offset() + value_bytes);
  }
  // Replaces all but the key. REQUIRES: HasRoomFor(state). The caller has unlinked the item from
  // every label and deadline index whose text changes. `state` may hold views of this very item.
  // Cost: a copy of the tail, of a value that is such a view two.
  void Assign(Allocator& allocator, const ItemState& state);
  // The cheap form for a new value with labels and deadline as they are. REQUIRES:
  // HasRoomForValue(value.text.size()).
  void AssignValue(Allocator& allocator, const ValueView& value, uint32_t modified_s);
  void set_modified_s(uint32_t modified_s) { modified_s_ = modified_s; }

  // What the item takes in memory, its own blocks only.
  size_t allocated_bytes() const;
  // True if the bytes make sense by themselves.
  bool IsConsistent() const;

 private:
  // Above this the tail gets a block of its own from the start.
  static constexpr size_t kInlineTailBytes = 896;
  static constexpr size_t kMostInlineBytes = 1023;  // what inline_bytes_ can say
  static constexpr size_t kHeaderBytes = 20;
  static constexpr size_t kLineBytes = 64;
  // A block of its own begins with its size.
  struct Outside {
    size_t block_bytes;
    char data[];
  };

  Item() = default;

  static Item* Create(Allocator& allocator, std::string_view key, const ItemState& state,
                      size_t spare_bytes);
  bool HasRoomFor(size_t tail_bytes) const {
    return tail_bytes <= inline_bytes_ || (is_outside_ && tail_bytes > kInlineTailBytes);
  }

  // What lies in front of the value.
  static size_t LabelBytes(const ItemState& state);
  static size_t TailBytes(const ItemState& state);
  static char* WriteLabels(const ItemState& state, char* tail);
  // A place for a tail of that many bytes, inside or outside; the old tail is gone.
  char* PlaceTail(Allocator& allocator, size_t tail_bytes);
  void SetFields(const ItemState& state);

  char* bytes() { return reinterpret_cast<char*>(this) + kHeaderBytes; }
  const char* bytes() const { return reinterpret_cast<const char*>(this) + kHeaderBytes; }
  Outside* outside() const {
    Outside* block;
    std::memcpy(&block, bytes() + key_size_, sizeof block);
    return block;
  }
  const char* tail() const {
    return __builtin_expect(is_outside_, 0) ? outside()->data : bytes() + key_size_;
  }
  char* tail() { return const_cast<char*>(static_cast<const Item*>(this)->tail()); }
  size_t labels_offset() const { return has_deadline_ ? sizeof(TimeMs) : 0; }
  size_t value_offset() const {
    return __builtin_expect(label_mask_ == 0, 1) ? labels_offset() : value_offset_behind_labels();
  }
  size_t value_offset_behind_labels() const;

  uint32_t created_s_;
  uint32_t modified_s_;
  uint32_t value_size_;
  uint32_t access_ : 24;
  uint32_t type_ : 3;
  uint32_t is_outside_ : 1;
  uint32_t has_deadline_ : 1;
  mutable uint32_t snapshot_mark_ : 2;
  uint32_t spare_ : 1;
  uint32_t key_size_ : 17;
  uint32_t label_mask_ : 5;
  uint32_t inline_bytes_ : 10;  // what the allocation has behind the key, as far as it can be used
};
static_assert(sizeof(Item) == 20);

}  // namespace ampt
