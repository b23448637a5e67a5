#include "model/item.h"

#include <algorithm>
#include <functional>
#include <string>

#include "base/assert.h"

namespace ampt {

namespace {
// Set bits of a label mask; the baseline of x86-64 has no instruction for it.
int LabelCount(uint32_t mask) {
  constexpr uint8_t kCounts[32] = {0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,
                                   1, 2, 2, 3, 2, 3, 3, 4, 2, 3, 3, 4, 3, 4, 4, 5};
  return kCounts[mask & 31];
}

// Copies `text`, which may overlap `to` and, where it is empty, may be a null view. Returns the
// end.
char* Append(char* to, std::string_view text) {
  if (!text.empty()) std::memmove(to, text.data(), text.size());
  return to + text.size();
}
}  // namespace

void Item::PrefetchRest() const {
  constexpr uintptr_t kMostLines = 3;
  uintptr_t from = (reinterpret_cast<uintptr_t>(this) & ~(kLineBytes - 1)) + 2 * kLineBytes;
  uintptr_t end = reinterpret_cast<uintptr_t>(bytes() + key_size_ + inline_bytes_);
  if (__builtin_expect(is_outside_, 0)) {
    from = reinterpret_cast<uintptr_t>(outside());
    end = from + kMostLines * kLineBytes;
  }
  end = std::min(end, from + kMostLines * kLineBytes);
  for (; from < end; from += kLineBytes) PrefetchLine(reinterpret_cast<const void*>(from));
}

size_t Item::LabelBytes(const ItemState& state) {
  size_t bytes = 0;
  if (state.deadline_ms != kNoDeadline) bytes += sizeof(TimeMs);
  for (const std::string_view label : state.labels) {
    if (!label.empty()) bytes += sizeof(uint16_t) + label.size();
  }
  return bytes;
}

size_t Item::TailBytes(const ItemState& state) {
  return LabelBytes(state) + state.value.text.size();
}

char* Item::WriteLabels(const ItemState& state, char* tail) {
  if (state.deadline_ms != kNoDeadline) {
    std::memcpy(tail, &state.deadline_ms, sizeof state.deadline_ms);
    tail += sizeof state.deadline_ms;
  }
  for (const std::string_view label : state.labels) {
    if (label.empty()) continue;
    const auto size = static_cast<uint16_t>(label.size());
    std::memcpy(tail, &size, sizeof size);
    tail += sizeof size;
  }
  for (const std::string_view label : state.labels) tail = Append(tail, label);
  return tail;
}

void Item::SetFields(const ItemState& state) {
  created_s_ = state.created_s;
  modified_s_ = state.modified_s;
  value_size_ = static_cast<uint32_t>(state.value.text.size());
  type_ = static_cast<uint32_t>(state.value.type);
  has_deadline_ = state.deadline_ms != kNoDeadline;
  uint32_t mask = 0;
  for (int n = 0; n < limits::kLabels; ++n) {
    if (!state.labels[n].empty()) mask |= 1u << n;
  }
  label_mask_ = mask & 31;
}

Item* Item::Create(Allocator& allocator, std::string_view key, const ItemState& state,
                   size_t spare_bytes) {
  AMPT_ASSERT(key.size() <= limits::kRawKeyBytes);
  const size_t tail_bytes = TailBytes(state);
  // There is always room for the address of a tail outside.
  const size_t inside = tail_bytes > kInlineTailBytes
                            ? sizeof(Outside*)
                            : std::max(tail_bytes + spare_bytes, sizeof(Outside*));
  static_assert(kInlineTailBytes + kInlineTailBytes / 8 <= kMostInlineBytes);
  size_t usable;
  Item* item = static_cast<Item*>(allocator.Allocate(kHeaderBytes + key.size() + inside, &usable));
  item->inline_bytes_ =
      std::min(usable - kHeaderBytes - key.size(), kMostInlineBytes) & kMostInlineBytes;
  item->access_ = 0;
  item->is_outside_ = 0;
  item->snapshot_mark_ = 0;
  item->spare_ = 0;
  item->key_size_ = key.size() & 0x1ffff;
  item->SetFields(state);
  Append(item->bytes(), key);
  Append(WriteLabels(state, item->PlaceTail(allocator, tail_bytes)), state.value.text);
  return item;
}

Item* Item::CreateInPlaceOf(Allocator& allocator, const Item& item, const ItemState& state) {
  Item* created = Create(allocator, item.key(), state, TailBytes(state) / 8);
  created->access_ = item.access_;
  created->snapshot_mark_ = item.snapshot_mark_;
  return created;
}

void Item::Destroy(Allocator& allocator, Item* item) {
  if (item->is_outside_) allocator.Free(item->outside(), item->outside()->block_bytes);
  allocator.Free(item, kHeaderBytes + item->key_size_ + item->inline_bytes_);
}

char* Item::PlaceTail(Allocator& allocator, size_t tail_bytes) {
  if (is_outside_) {
    Outside* block = outside();
    const size_t room = block->block_bytes - sizeof(Outside);
    // Keep a block that is neither too small nor more than half empty.
    if (tail_bytes > inline_bytes_ && tail_bytes <= room && tail_bytes >= room / 2) {
      return block->data;
    }
    allocator.Free(block, block->block_bytes);
    is_outside_ = 0;
  }
  if (tail_bytes <= inline_bytes_) return bytes() + key_size_;
  AMPT_ASSERT(tail_bytes > kInlineTailBytes);
  size_t usable;
  Outside* block = static_cast<Outside*>(allocator.Allocate(sizeof(Outside) + tail_bytes, &usable));
  block->block_bytes = usable;
  std::memcpy(bytes() + key_size_, &block, sizeof block);
  is_outside_ = 1;
  return block->data;
}

void Item::Assign(Allocator& allocator, const ItemState& state) {
  // `state` may hold views of the tail that is about to be overwritten. What lies in front of the
  // value is built aside, always; the value, which may be large, only if it is such a view.
  const size_t label_bytes = LabelBytes(state);
  std::string_view value = state.value.text;
  // Nothing in front of it: one move, whatever it is a view of.
  if (__builtin_expect(label_bytes == 0 && !is_outside_ && value.size() <= inline_bytes_, 1)) {
    Append(bytes() + key_size_, value);
    SetFields(state);
    return;
  }
  const size_t old_bytes = value_offset() + value_size_;
  const std::less_equal<> is_not_behind;
  const bool is_own =
      is_not_behind(tail(), value.data()) && is_not_behind(value.data(), tail() + old_bytes);
  char small[512];
  std::string large;
  char* aside = small;
  const size_t aside_bytes = label_bytes + (is_own ? value.size() : 0);
  if (aside_bytes > sizeof small) {
    large.resize(aside_bytes);
    aside = large.data();
  }
  char* const end = WriteLabels(state, aside);
  if (is_own) {
    Append(end, value);
    value = {end, value.size()};
  }
  SetFields(state);
  char* const place = PlaceTail(allocator, label_bytes + value.size());
  std::memcpy(place, aside, label_bytes);
  Append(place + label_bytes, value);
}

void Item::AssignValue(Allocator& allocator, const ValueView& value, uint32_t modified_s) {
  const size_t offset = value_offset();
  const size_t tail_bytes = offset + value.text.size();
  const size_t room = is_outside_ ? 0 : inline_bytes_;
  if (__builtin_expect(tail_bytes <= room, 1)) {
    Append(tail() + offset, value.text);
    value_size_ = static_cast<uint32_t>(value.text.size());
    type_ = static_cast<uint32_t>(value.type);
    modified_s_ = modified_s;
    return;
  }
  ItemState changed = state();
  changed.value = value;
  changed.modified_s = modified_s;
  Assign(allocator, changed);
}

size_t Item::value_offset_behind_labels() const {
  const char* lengths = tail() + labels_offset();
  const int count = LabelCount(label_mask_);
  size_t offset = labels_offset() + static_cast<size_t>(count) * sizeof(uint16_t);
  for (int i = 0; i < count; ++i) {
    uint16_t size;
    std::memcpy(&size, lengths + static_cast<size_t>(i) * sizeof size, sizeof size);
    offset += size;
  }
  return offset;
}

std::string_view Item::label(int n) const {
  if ((label_mask_ >> n & 1) == 0) return {};
  const char* lengths = tail() + labels_offset();
  const int before = LabelCount(label_mask_ & ((1u << n) - 1));
  const char* text = lengths + static_cast<size_t>(LabelCount(label_mask_)) * sizeof(uint16_t);
  uint16_t size;
  for (int i = 0; i < before; ++i) {
    std::memcpy(&size, lengths + static_cast<size_t>(i) * sizeof size, sizeof size);
    text += size;
  }
  std::memcpy(&size, lengths + static_cast<size_t>(before) * sizeof size, sizeof size);
  return {text, size};
}

Labels Item::labels() const {
  Labels all;
  if (label_mask_ != 0) {
    for (int n = 0; n < limits::kLabels; ++n) all[n] = label(n);
  }
  return all;
}

ItemState Item::state() const {
  return {value(), created_s_, modified_s_, deadline_ms(), labels()};
}

size_t Item::allocated_bytes() const {
  return RoundedAllocation(kHeaderBytes + key_size_ + inline_bytes_) +
         (is_outside_ ? outside()->block_bytes : 0);
}

bool Item::IsConsistent() const {
  if (spare_ != 0 || type_ > static_cast<uint32_t>(ValueType::kObject)) return false;
  const size_t tail_bytes = value_offset() + value_size_;
  if (is_outside_) return outside()->block_bytes >= sizeof(Outside) + tail_bytes;
  return tail_bytes <= inline_bytes_;
}

}  // namespace ampt
