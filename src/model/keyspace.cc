#include "model/keyspace.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/prefetch.h"

namespace ampt {

// --- KeyRef --------------------------------------------------------------------------------------

void KeyRef::Put(const ItemState& state, Origin origin) {
  if (item_ == nullptr) {
    item_ = keyspace_->Create(key_, hash_, state, access_, origin);
  } else {
    item_ = keyspace_->Replace(item_, hash_, state, origin);
  }
}

void KeyRef::SetValue(const ValueView& value, uint32_t modified_s, Origin origin) {
  item_ = keyspace_->SetValue(item_, hash_, value, modified_s, origin);
}

void KeyRef::SetDeadline(TimeMs deadline_ms, uint32_t modified_s, Origin origin) {
  ItemState state = item_->state();
  state.deadline_ms = deadline_ms;
  state.modified_s = modified_s;
  item_ = keyspace_->Replace(item_, hash_, state, origin);
}

void KeyRef::Erase(Origin origin) {
  keyspace_->Erase(item_, hash_, origin);
  item_ = nullptr;
}

// --- Indexes -------------------------------------------------------------------------------------

size_t Indexes::allocated_bytes() const {
  size_t bytes =
      by_hash.allocated_bytes() + by_key.allocated_bytes() + by_deadline.allocated_bytes();
  for (const LabelIndex& index : by_label) bytes += index.allocated_bytes();
  return bytes;
}

// --- DetachedItems -------------------------------------------------------------------------------

DetachedItems::DetachedItems(std::unique_ptr<Indexes> indexes) : indexes_(std::move(indexes)) {
  if (indexes_ == nullptr) return;
  front_ = indexes_->by_key.First();
  left_ = indexes_->by_key.size();
}

DetachedItems::~DetachedItems() {
  while (!FreeSome(1u << 20)) {
  }
}

bool DetachedItems::FreeSome(size_t nodes) {
  if (indexes_ == nullptr) return true;
  // Items last: the other indexes never look at them again.
  const auto forget = [](const ItemPointer*, size_t) {};
  for (LabelIndex& index : indexes_->by_label) {
    if (!index.empty()) return index.DropSome(nodes, forget), false;
  }
  if (!indexes_->by_deadline.empty()) return indexes_->by_deadline.DropSome(nodes, forget), false;
  if (indexes_->by_hash.size() > 0) return indexes_->by_hash.DropSome(nodes), false;
  Allocator& allocator = indexes_->allocator;
  // Leaves come from the end, so those already taken come last.
  const bool empty = indexes_->by_key.DropSome(nodes, [&](const ItemPointer* items, size_t count) {
    const size_t taken = count - std::min(count, left_);
    left_ -= count - taken;
    for (size_t i = taken; i < count; ++i) {
      if (i + 8 < count) PrefetchLine(items[i + 8]);
      Item::Destroy(allocator, items[i]);
    }
  });
  if (empty) indexes_.reset();
  return empty;
}

void DetachedItems::PopFront() {
  Item* item = front_.item();
  front_.Next();
  --left_;
  Item::Destroy(indexes_->allocator, item);
}

size_t DetachedItems::EstimateBytes() const {
  if (left_ == 0) return 0;
  constexpr size_t kSample = 64;
  const size_t steps = std::min(left_, kSample);
  const size_t taken = indexes_->by_key.size() - left_;
  size_t bytes = 0;
  for (size_t i = 0; i < steps; ++i) {
    bytes += indexes_->by_key.Nth(taken + i * left_ / steps)->allocated_bytes();
  }
  return bytes / steps * left_;
}

size_t DetachedItems::index_bytes() const {
  return indexes_ == nullptr ? 0 : indexes_->allocated_bytes();
}

// --- Keyspace ------------------------------------------------------------------------------------

Keyspace::Keyspace(Allocator& allocator, int database, uint64_t hash_seed)
    : allocator_(&allocator),
      database_(database),
      hash_seed_(hash_seed),
      indexes_(std::make_unique<Indexes>(allocator, hash_seed)) {}

Keyspace::~Keyspace() {
  effects_ = nullptr;
  DetachedItems all(std::move(indexes_));
}

uint64_t Keyspace::HashOf(std::string_view key) const {
  return HashBytes(key, hash_seed_);
}

const Item* Keyspace::Find(std::string_view key, TimeMs now_ms) const {
  Item* item = indexes_->by_hash.Find(key, HashOf(key));
  if (item == nullptr || !item->IsVisible(now_ms)) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  if (access_tracker_ != nullptr) access_tracker_->Touch(*item, now_ms);
  return item;
}

const Item* Keyspace::Inspect(std::string_view key, TimeMs now_ms) const {
  const Item* item = indexes_->by_hash.Find(key, HashOf(key));
  if (item == nullptr || !item->IsVisible(now_ms)) {
    ++misses_;
    return nullptr;
  }
  ++hits_;
  return item;
}

const Item* Keyspace::Peek(std::string_view key, TimeMs now_ms) const {
  const Item* item = indexes_->by_hash.Find(key, HashOf(key));
  return item != nullptr && item->IsVisible(now_ms) ? item : nullptr;
}

KeyRef Keyspace::Open(std::string_view key, TimeMs now_ms) {
  const uint64_t hash = HashOf(key);
  Item* item = indexes_->by_hash.Find(key, hash);
  if (item != nullptr && !item->IsVisible(now_ms)) {
    ++expired_;
    Erase(item, hash, Origin::kExpired);
    item = nullptr;
  }
  uint32_t access = 0;
  if (access_tracker_ != nullptr) {
    if (item != nullptr) {
      access_tracker_->Touch(*item, now_ms);
    } else {
      access = access_tracker_->Initial(now_ms);
    }
  }
  return {this, key, hash, item, access};
}

size_t Keyspace::VisibleItems(TimeMs now_ms) const {
  const size_t all = indexes_->by_key.size();
  if (indexes_->by_deadline.empty()) return all;
  const DeadlineBytes next(now_ms + 1);
  return all - indexes_->by_deadline.Rank({next.bytes, sizeof next.bytes});
}

TimeMs Keyspace::NextDeadline() const {
  const DeadlineIndex::Cursor first = indexes_->by_deadline.First();
  return first.Valid() ? first.item()->deadline_ms() : kNoDeadline;
}

int64_t Keyspace::AverageTtlMs(TimeMs now_ms) const {
  const size_t count = indexes_->by_deadline.size();
  if (count == 0) return 0;
  constexpr size_t kSample = 16;
  const size_t steps = std::min(count, kSample);
  int64_t sum = 0;
  for (size_t i = 0; i < steps; ++i) {
    const Item* item = indexes_->by_deadline.Nth(i * count / steps);
    sum += std::max<int64_t>(item->deadline_ms() - now_ms, 0) / static_cast<int64_t>(steps);
  }
  return sum;
}

const Item* Keyspace::RandomItem(uint64_t random, TimeMs now_ms) const {
  const size_t count = indexes_->by_key.size();
  if (count == 0 || VisibleItems(now_ms) == 0) return nullptr;
  // Those past their deadline are few for a moment; a bounded number of draws, then a walk.
  for (int draw = 0; draw < 32; ++draw) {
    const Item* item = indexes_->by_key.Nth(static_cast<size_t>(random % count));
    if (item->IsVisible(now_ms)) return item;
    random = random * 6364136223846793005u + 1442695040888963407u;
    random ^= random >> 33;
  }
  for (KeyIndex::Cursor at = indexes_->by_key.First(); at.Valid(); at.Next()) {
    if (at.item()->IsVisible(now_ms)) return at.item();
  }
  return nullptr;
}

size_t Keyspace::ExpireSome(TimeMs now_ms, size_t most) {
  size_t removed = 0;
  while (removed < most) {
    const DeadlineIndex::Cursor first = indexes_->by_deadline.First();
    if (!first.Valid() || first.item()->IsVisible(now_ms)) break;
    Item* item = first.item();
    ++expired_;
    Erase(item, HashOf(item->key()), Origin::kExpired);
    ++removed;
  }
  return removed;
}

size_t Keyspace::SampleItems(uint64_t random, std::span<const Item*> items) const {
  const size_t found = indexes_->by_hash.Sample(random, items);
  if (found > 0 || indexes_->by_key.empty()) return found;
  // A hash index that was once much larger is nearly empty in most places.
  items[0] = indexes_->by_key.Nth(static_cast<size_t>(random % indexes_->by_key.size()));
  return 1;
}

void Keyspace::Evict(const Item& item) {
  const uint64_t hash = HashOf(item.key());
  ++evicted_;
  Erase(indexes_->by_hash.Find(item.key(), hash), hash, Origin::kEvicted);
}

DetachedItems Keyspace::Detach() {
  if (effects_ != nullptr) effects_->WillFlush(database_);
  changes_ += indexes_->by_key.size();
  auto empty = std::make_unique<Indexes>(*allocator_, hash_seed_);
  indexes_.swap(empty);
  return DetachedItems(std::move(empty));
}

Item* Keyspace::Create(std::string_view key, uint64_t hash, const ItemState& state, uint32_t access,
                       Origin origin) {
  Item* item = Item::Create(*allocator_, key, state);
  // What is loaded was last used when it was written, as far as anybody knows.
  const bool loads = origin == Origin::kLoaded && access_tracker_ != nullptr;
  item->set_access(loads ? access_tracker_->Initial(TimeMs{state.modified_s} * 1000) : access);
  indexes_->by_hash.Insert(item, hash);
  indexes_->by_key.Insert(item);
  if (item->has_labels()) {
    for (size_t n = 0; n < limits::kLabels; ++n) {
      if (!state.labels[n].empty()) indexes_->by_label[n].Insert(item);
    }
  }
  if (item->has_deadline()) indexes_->by_deadline.Insert(item);
  ++changes_;
  if (effects_ != nullptr) effects_->DidChange(database_, ChangeKind::kCreated, *item, origin);
  return item;
}

Item* Keyspace::Move(Item* item, uint64_t hash, const ItemState& state, const Left& left) {
  Item* const moved = Item::CreateInPlaceOf(*allocator_, *item, state);
  indexes_->by_hash.Replace(item, moved, hash);
  indexes_->by_key.Replace(item, moved);
  for (size_t n = 0; item->has_labels() && n < limits::kLabels; ++n) {
    if (left.labels[n] || item->label(static_cast<int>(n)).empty()) continue;
    indexes_->by_label[n].Replace(item, moved);
  }
  if (!left.deadline && item->has_deadline()) indexes_->by_deadline.Replace(item, moved);
  Item::Destroy(*allocator_, item);
  return moved;
}

Item* Keyspace::SetValue(Item* item, uint64_t hash, const ValueView& value, uint32_t modified_s,
                         Origin origin) {
  if (effects_ != nullptr) effects_->WillChange(database_, *item, origin);
  if (__builtin_expect(item->HasRoomForValue(value.text.size()), 1)) {
    item->AssignValue(*allocator_, value, modified_s);
  } else {
    ItemState changed = item->state();
    changed.value = value;
    changed.modified_s = modified_s;
    item = Move(item, hash, changed, {});
  }
  ++changes_;
  if (effects_ != nullptr) effects_->DidChange(database_, ChangeKind::kUpdated, *item, origin);
  return item;
}

Item* Keyspace::Replace(Item* item, uint64_t hash, const ItemState& state, Origin origin) {
  if (effects_ != nullptr) effects_->WillChange(database_, *item, origin);
  // Out of every index whose text changes, change, back in.
  Left left;
  const bool any_label =
      item->has_labels() || std::any_of(state.labels.begin(), state.labels.end(),
                                        [](std::string_view label) { return !label.empty(); });
  if (any_label) {
    for (size_t n = 0; n < limits::kLabels; ++n) {
      const std::string_view old = item->label(static_cast<int>(n));
      left.labels[n] = old != state.labels[n];
      if (left.labels[n] && !old.empty()) indexes_->by_label[n].Erase(item);
    }
  }
  left.deadline = item->deadline_ms() != state.deadline_ms;
  if (left.deadline && item->has_deadline()) indexes_->by_deadline.Erase(item);
  if (item->HasRoomFor(state)) {
    item->Assign(*allocator_, state);
  } else {
    item = Move(item, hash, state, left);
  }
  if (any_label) {
    for (size_t n = 0; n < limits::kLabels; ++n) {
      if (!left.labels[n] || item->label(static_cast<int>(n)).empty()) continue;
      indexes_->by_label[n].Insert(item);
    }
  }
  if (left.deadline && item->has_deadline()) indexes_->by_deadline.Insert(item);
  ++changes_;
  if (effects_ != nullptr) effects_->DidChange(database_, ChangeKind::kUpdated, *item, origin);
  return item;
}

void Keyspace::Erase(Item* item, uint64_t hash, Origin origin) {
  if (effects_ != nullptr) effects_->WillChange(database_, *item, origin);
  for (int n = 0; item->has_labels() && n < limits::kLabels; ++n) {
    if (!item->label(n).empty()) indexes_->by_label[static_cast<size_t>(n)].Erase(item);
  }
  if (item->has_deadline()) indexes_->by_deadline.Erase(item);
  indexes_->by_key.Erase(item);
  indexes_->by_hash.Erase(item, hash);
  ++changes_;
  if (effects_ != nullptr) effects_->DidChange(database_, ChangeKind::kDeleted, *item, origin);
  Item::Destroy(*allocator_, item);
}

size_t Keyspace::index_bytes() const {
  return indexes_->allocated_bytes();
}

void Keyspace::CheckInvariants() const {
  indexes_->by_hash.CheckInvariants();
  indexes_->by_key.CheckInvariants();
  indexes_->by_deadline.CheckInvariants();
  AMPT_ASSERT(indexes_->by_hash.size() == indexes_->by_key.size());
  std::array<size_t, limits::kLabels> labelled{};
  size_t deadlines = 0;
  for (KeyIndex::Cursor at = indexes_->by_key.First(); at.Valid(); at.Next()) {
    const Item* item = at.item();
    AMPT_ASSERT(item->IsConsistent());
    AMPT_ASSERT(indexes_->by_hash.Find(item->key(), HashOf(item->key())) == item);
    std::string flat;
    for (int n = 0; n < limits::kLabels; ++n) {
      if (item->label(n).empty()) continue;
      ++labelled[static_cast<size_t>(n)];
      const LabelIndex& index = indexes_->by_label[static_cast<size_t>(n)];
      const auto found = index.Seek(ByLabel{n}.TextOf(*item).Flat(&flat));
      AMPT_ASSERT(found.Valid() && found.item() == item);
    }
    if (item->has_deadline()) {
      ++deadlines;
      const auto& text = ByDeadline().TextOf(*item);
      const auto found = indexes_->by_deadline.Seek(text.Flat(&flat));
      AMPT_ASSERT(found.Valid() && found.item() == item);
    }
  }
  for (size_t n = 0; n < limits::kLabels; ++n) {
    indexes_->by_label[n].CheckInvariants();
    AMPT_ASSERT(indexes_->by_label[n].size() == labelled[n]);
  }
  AMPT_ASSERT(indexes_->by_deadline.size() == deadlines);
}

uint64_t Keyspace::Digest(TimeMs now_ms) const {
  uint64_t digest = 0;
  std::string text;
  for (KeyIndex::Cursor at = indexes_->by_key.First(); at.Valid(); at.Next()) {
    const Item* item = at.item();
    if (!item->IsVisible(now_ms)) continue;
    const auto field = [&](std::string_view bytes) {
      text.append(IntegerText(static_cast<int64_t>(bytes.size())).view()).append(1, ':');
      text.append(bytes);
    };
    text.clear();
    field(item->key());
    field(item->value().text);
    field(IntegerText(static_cast<int64_t>(item->value().type)));
    field(IntegerText(item->created_s()));
    field(IntegerText(item->modified_s()));
    field(IntegerText(item->deadline_ms()));
    for (int n = 0; n < limits::kLabels; ++n) field(item->label(n));
    digest += HashBytes(text, static_cast<uint64_t>(database_));
  }
  return digest;
}

}  // namespace ampt
