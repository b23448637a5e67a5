// Keyspace: the items of one database and every index on them. The store behind the commands.
//
// An item is in: the hash index and the key index (always), the index of each label it has, the
// deadline index if it has a deadline. All are changed together, so after every call all agree.
// An item past its deadline is invisible at once and removed soon (ExpireSome); a write to it
// removes it first, as an effect of its own.
//
// Commands reach items through KeyRef: open a key once, then read, put, erase. A KeyRef, and what
// it points to, is good until another key is opened or anything else in the keyspace changes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/alloc.h"
#include "base/clock.h"
#include "model/access.h"
#include "model/effects.h"
#include "model/expression.h"
#include "model/hash_index.h"
#include "model/item.h"
#include "model/ordered_index.h"
#include "model/scan_cursors.h"

namespace ampt {

using KeyIndex = OrderedIndex<ByKey>;
using LabelIndex = OrderedIndex<ByLabel>;
using DeadlineIndex = OrderedIndex<ByDeadline>;

class Keyspace;

class KeyRef {
 public:
  bool exists() const { return item_ != nullptr; }
  // REQUIRES: exists().
  const Item& item() const { return *item_; }
  std::string_view key() const { return key_; }

  // Creates the item or replaces everything but its key. `state` may hold views of the old item.
  // Effect: created or updated, one event. Cost: O(log n) per index whose text changes.
  void Put(const ItemState& state, Origin origin = Origin::kClient);
  // A new value; labels, deadline and created stay. REQUIRES: exists().
  void SetValue(const ValueView& value, uint32_t modified_s, Origin origin = Origin::kClient);
  // A new deadline or none (kNoDeadline). REQUIRES: exists().
  void SetDeadline(TimeMs deadline_ms, uint32_t modified_s, Origin origin = Origin::kClient);
  // REQUIRES: exists().
  void Erase(Origin origin = Origin::kClient);

 private:
  friend class Keyspace;
  KeyRef(Keyspace* keyspace, std::string_view key, uint64_t hash, Item* item, uint32_t access)
      : keyspace_(keyspace), key_(key), hash_(hash), item_(item), access_(access) {}
  Keyspace* keyspace_;
  std::string_view key_;
  uint64_t hash_;
  Item* item_;
  uint32_t access_;  // of an item that is created now
};

// All indexes of a keyspace, to be taken away as one.
struct Indexes {
  Indexes(Allocator& allocator, uint64_t hash_seed)
      : allocator(allocator),
        by_hash(allocator, hash_seed),
        by_key(allocator),
        by_label{LabelIndex(allocator, {0}), LabelIndex(allocator, {1}), LabelIndex(allocator, {2}),
                 LabelIndex(allocator, {3}), LabelIndex(allocator, {4})},
        by_deadline(allocator) {}
  size_t allocated_bytes() const;
  Allocator& allocator;
  HashIndex by_hash;
  KeyIndex by_key;
  std::array<LabelIndex, limits::kLabels> by_label;
  DeadlineIndex by_deadline;
};

// The items and indexes of a flushed database: to be freed bit by bit, or first read from the
// front.
class DetachedItems {
 public:
  explicit DetachedItems(std::unique_ptr<Indexes> indexes);
  DetachedItems(DetachedItems&&) noexcept = default;
  DetachedItems& operator=(DetachedItems&&) noexcept = default;
  // Cost: all that is left.
  ~DetachedItems();
  // Frees some; true when nothing is left. Cost: bounded by `nodes` index nodes and their items.
  bool FreeSome(size_t nodes);

  // Items that are not taken and, until FreeSome() is called, not freed.
  size_t size() const { return left_; }
  // The next item in order of key; null behind the last.
  // REQUIRES, as all below: FreeSome() was not called.
  const Item* Front() const { return left_ > 0 ? front_.item() : nullptr; }
  // Frees the item in front. REQUIRES: there is one, and nobody walks these items.
  void PopFront();
  // An estimate of what the items take in memory, from a sample. Cost: constant.
  size_t EstimateBytes() const;
  // What the indexes take, exactly.
  size_t index_bytes() const;
  // To walk over all that are left; good until PopFront().
  KeyIndex::Cursor begin() const { return left_ > 0 ? front_ : KeyIndex::Cursor(); }

 private:
  std::unique_ptr<Indexes> indexes_;
  KeyIndex::Cursor front_;
  size_t left_ = 0;
};

class Keyspace {
 public:
  // `allocator` outlives the keyspace and everything detached from it. `database` is the number
  // that effects are reported under.
  Keyspace(Allocator& allocator, int database, uint64_t hash_seed);
  Keyspace(const Keyspace&) = delete;
  Keyspace& operator=(const Keyspace&) = delete;
  // Cost: linear; a server detaches first.
  ~Keyspace();

  // Null (the default) or somebody who outlives the keyspace or is replaced before.
  void set_effects(Effects* effects) { effects_ = effects; }
  // Who keeps account of uses, for eviction: null (the default: nobody), or somebody who outlives
  // the keyspace.
  void set_access_tracker(AccessTracker* tracker) { access_tracker_ = tracker; }
  const AccessTracker* access_tracker() const { return access_tracker_; }
  int database() const { return database_; }

  uint64_t HashOf(std::string_view key) const;
  void Prefetch(uint64_t hash) const { indexes_->by_hash.Prefetch(hash); }
  const Item* PrefetchItem(uint64_t hash) const { return indexes_->by_hash.PrefetchItem(hash); }

  // The item if it is there and visible, for reading; counted as a hit or a miss, and as a use of
  // the item. The pointer is good until the next change.
  const Item* Find(std::string_view key, TimeMs now_ms) const;
  // The same for what asks about an item, not for its value: no use.
  const Item* Inspect(std::string_view key, TimeMs now_ms) const;
  // The same without being counted at all.
  const Item* Peek(std::string_view key, TimeMs now_ms) const;
  // Opens a key to read and write, a use of the item. One that is past its deadline is removed
  // first (kExpired). `key` must outlive the KeyRef.
  KeyRef Open(std::string_view key, TimeMs now_ms);

  // How many visible items there are. Cost: O(log n).
  size_t VisibleItems(TimeMs now_ms) const;
  // All items, those not yet removed included.
  size_t items() const { return indexes_->by_key.size(); }
  size_t items_with_deadline() const { return indexes_->by_deadline.size(); }
  // The earliest deadline, kNoDeadline if there is none. Cost: O(log n).
  TimeMs NextDeadline() const;
  // Sum of remaining lifetimes over a small sample, for INFO's avg_ttl; 0 without deadlines.
  int64_t AverageTtlMs(TimeMs now_ms) const;
  // A visible item, uniformly by `random`; null if there is none. Cost: O(log n) expected.
  const Item* RandomItem(uint64_t random, TimeMs now_ms) const;

  // Removes up to `most` items whose deadline has come, in order of deadline. Returns how many.
  size_t ExpireSome(TimeMs now_ms, size_t most);

  // Fills `items` with items as good as drawn at random, neighbours of each other in the hash
  // index; never one twice. Returns how many: at least one if there are any. Cost: a few cache
  // misses.
  size_t SampleItems(uint64_t random, std::span<const Item*> items) const;
  // Removes an item of this keyspace to make room (kEvicted).
  void Evict(const Item& item);

  // Takes all items away at once, in O(1); effects hear WillFlush.
  DetachedItems Detach();

  // Reading in order. Ranges of labels are of encoded labels.
  const KeyIndex& by_key() const { return indexes_->by_key; }
  const LabelIndex& by_label(int n) const { return indexes_->by_label[static_cast<size_t>(n)]; }
  const DeadlineIndex& by_deadline() const { return indexes_->by_deadline; }

  ScanCursors& scan_cursors() { return scan_cursors_; }

  // Changes since the start, of any origin.
  uint64_t changes() const { return changes_; }
  uint64_t expired() const { return expired_; }
  uint64_t evicted() const { return evicted_; }
  // How often Find() found an item, and how often not.
  uint64_t hits() const { return hits_; }
  uint64_t misses() const { return misses_; }
  size_t index_bytes() const;
  Allocator& allocator() { return *allocator_; }

  // Every promise of every index; ends the process where one is broken. Cost: linear.
  void CheckInvariants() const;
  // An order-free hash of all visible items with all their parts (DEBUG DIGEST). Cost: linear.
  uint64_t Digest(TimeMs now_ms) const;

 private:
  friend class KeyRef;

  Item* Create(std::string_view key, uint64_t hash, const ItemState& state, uint32_t access,
               Origin origin);
  // Both return the item, which may be another one now.
  Item* Replace(Item* item, uint64_t hash, const ItemState& state, Origin origin);
  Item* SetValue(Item* item, uint64_t hash, const ValueView& value, uint32_t modified_s,
                 Origin origin);
  // Makes an item that becomes `state` where the old one has no room for it, and puts it into the
  // old one's place in every index but those of `left`, in which it is not. The old one is gone.
  struct Left {
    std::array<bool, limits::kLabels> labels{};
    bool deadline = false;
  };
  Item* Move(Item* item, uint64_t hash, const ItemState& state, const Left& left);
  void Erase(Item* item, uint64_t hash, Origin origin);

  Allocator* allocator_;
  int database_;
  uint64_t hash_seed_;
  Effects* effects_ = nullptr;
  AccessTracker* access_tracker_ = nullptr;
  std::unique_ptr<Indexes> indexes_;
  ScanCursors scan_cursors_;
  uint64_t changes_ = 0;
  uint64_t expired_ = 0;
  uint64_t evicted_ = 0;
  mutable uint64_t hits_ = 0;
  mutable uint64_t misses_ = 0;
};

}  // namespace ampt
