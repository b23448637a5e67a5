// HashIndex: from an exact key to its item.
//
// Extendible hashing (Fagin et al., 1979): a directory indexed by the upper bits of the hash points
// to segments of 127 buckets in 8 KiB; a full segment splits into two, so growing never touches
// more than about 1,000 items at a time, whatever the size. A bucket is one cache line: nine items,
// one byte of each one's hash, and a count of the items that found it full and went on to the next
// (as in F14, Bronson and Shi, 2019), so that erasing leaves no tombstones.
//
// It refers to items and never owns them. Cost: Find, Insert, Erase O(1), two cache misses and the
// item; 8 to 17 bytes an item. Prefetch() and PrefetchItem() bring the two misses forward for a
// batch. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/alloc.h"
#include "base/bytes.h"
#include "model/item.h"
#include "model/item_pointer.h"

namespace ampt {

class HashIndex {
 public:
  // `seed` makes the order of buckets unknown to clients.
  HashIndex(Allocator& allocator, uint64_t seed);
  HashIndex(const HashIndex&) = delete;
  HashIndex& operator=(const HashIndex&) = delete;
  ~HashIndex();

  uint64_t HashOf(std::string_view key) const { return HashBytes(key, seed_); }

  // Null if there is none.
  Item* Find(std::string_view key, uint64_t hash) const;
  // REQUIRES: no item of that key is in the index.
  void Insert(Item* item, uint64_t hash);
  // REQUIRES: the item is in the index.
  void Erase(Item* item, uint64_t hash);
  // Puts an item of the same key in its place. REQUIRES: `item` is in the index.
  void Replace(Item* item, Item* by, uint64_t hash);

  // First stage: asks for the bucket. Second stage, some time later: asks for the beginning of the
  // item, and returns it; null: there is none. Now and then it is another one. The third stage is
  // Item::PrefetchRest().
  void Prefetch(uint64_t hash) const;
  const Item* PrefetchItem(uint64_t hash) const;

  // Fills `items` with items that lie together at a place that `random` chooses, none of them
  // twice; which items share a place is as good as random, too. Returns how many: fewer, or none,
  // where the index has far more room than items. Cost: a line for six items or so, none of
  // theirs.
  size_t Sample(uint64_t random, std::span<const Item*> items) const;

  size_t size() const { return size_; }
  size_t allocated_bytes() const;

  // Frees up to that many segments; true when none is left. Only the destructor may follow.
  bool DropSome(size_t segments);

  void CheckInvariants() const;

 private:
  static constexpr int kSlots = 9;
  static constexpr uint32_t kBuckets = 127;
  // A segment splits above this many items: 88 % of its slots.
  static constexpr uint32_t kSplitAbove = 1006;
  static constexpr int kMaxDepth = 40;

  struct Bucket {
    uint8_t tags[kSlots];  // 0 = free
    uint8_t passed;        // items that went on to a later bucket; 255 sticks
    ItemPointer items[kSlots];
  };
  struct Segment {
    uint32_t count;
    uint32_t depth;   // how many upper bits of the hash all its items share
    char unused[56];  // so that every bucket is one line of an 8 KiB block
    Bucket buckets[kBuckets];
  };
  static_assert(sizeof(Bucket) == 64 && sizeof(Segment) == 8192);

  static uint8_t TagOf(uint64_t hash) {
    const auto tag = static_cast<uint8_t>(hash & 0xff);
    return tag == 0 ? 1 : tag;
  }
  static uint32_t BucketOf(uint64_t hash) {
    return static_cast<uint32_t>((hash >> 8 & 0xffff) * kBuckets >> 16);
  }
  size_t SegmentOf(uint64_t hash) const { return depth_ == 0 ? 0 : hash >> (64 - depth_); }

  Segment* NewSegment(uint32_t depth);
  void FreeSegment(Segment* segment);
  struct Slot {
    Segment* segment;
    uint32_t bucket;
    int number;
  };
  // REQUIRES: the item is in the index.
  Slot SlotOf(const Item* item, uint64_t hash) const;
  static void InsertInto(Segment* segment, Item* item, uint64_t hash);
  void Split(size_t at);

  Allocator* allocator_;
  uint64_t seed_;
  std::vector<Segment*> directory_;  // 2^depth_ entries once there is an item
  int depth_ = 0;
  size_t size_ = 0;
  size_t segments_ = 0;
};

}  // namespace ampt
