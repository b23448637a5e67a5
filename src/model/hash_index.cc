#include "model/hash_index.h"

#include <bit>
#include <cstring>
#include <new>

#include "base/assert.h"
#include "base/prefetch.h"

namespace ampt {

namespace {

// One bit for each of the nine tags at `tags` that equals `tag`, the first in the lowest.
uint32_t MatchTags(const uint8_t* tags, uint8_t tag) {
  uint64_t word;
  std::memcpy(&word, tags, sizeof word);
  const uint64_t x = word ^ (0x0101010101010101u * tag);
  // Exact zero bytes only (no borrow into the next byte).
  const uint64_t low7 = 0x7f7f7f7f7f7f7f7f;
  const uint64_t zero = ~(((x & low7) + low7) | x | low7);
  // Each byte's upper bit into the uppermost byte, side by side.
  const auto first_eight = static_cast<uint32_t>((zero >> 7) * 0x0102040810204080 >> 56);
  return first_eight | (tags[8] == tag ? 1u << 8 : 0u);
}

}  // namespace

HashIndex::HashIndex(Allocator& allocator, uint64_t seed) : allocator_(&allocator), seed_(seed) {}

HashIndex::~HashIndex() {
  while (!DropSome(1u << 20)) {
  }
}

HashIndex::Segment* HashIndex::NewSegment(uint32_t depth) {
  Segment* segment = new (allocator_->Allocate(sizeof(Segment))) Segment();
  segment->depth = depth;
  ++segments_;
  return segment;
}

void HashIndex::FreeSegment(Segment* segment) {
  allocator_->Free(segment, sizeof(Segment));
  --segments_;
}

Item* HashIndex::Find(std::string_view key, uint64_t hash) const {
  if (size_ == 0) return nullptr;
  const Segment* segment = directory_[SegmentOf(hash)];
  const uint8_t tag = TagOf(hash);
  uint32_t at = BucketOf(hash);
  for (uint32_t probes = 0; probes < kBuckets; ++probes) {
    const Bucket& bucket = segment->buckets[at];
    for (uint32_t match = MatchTags(bucket.tags, tag); match != 0; match &= match - 1) {
      Item* item = bucket.items[std::countr_zero(match)];
      if (item->key() == key) return item;
    }
    if (bucket.passed == 0) return nullptr;
    at = at + 1 == kBuckets ? 0 : at + 1;
  }
  return nullptr;
}

void HashIndex::InsertInto(Segment* segment, Item* item, uint64_t hash) {
  uint32_t at = BucketOf(hash);
  while (true) {
    Bucket& bucket = segment->buckets[at];
    const uint32_t free = MatchTags(bucket.tags, 0);
    if (free != 0) {
      const int slot = std::countr_zero(free);
      bucket.tags[slot] = TagOf(hash);
      bucket.items[slot] = item;
      ++segment->count;
      return;
    }
    if (bucket.passed != 255) ++bucket.passed;
    at = at + 1 == kBuckets ? 0 : at + 1;
  }
}

void HashIndex::Insert(Item* item, uint64_t hash) {
  if (directory_.empty()) directory_.push_back(NewSegment(0));
  size_t at = SegmentOf(hash);
  while (directory_[at]->count >= kSplitAbove && directory_[at]->depth < kMaxDepth) {
    Split(at);
    at = SegmentOf(hash);
  }
  // Only more than 2^40 items, or an attack on a known seed, could fill a segment of full depth.
  AMPT_ASSERT(directory_[at]->count < kSlots * kBuckets);
  InsertInto(directory_[at], item, hash);
  ++size_;
}

void HashIndex::Split(size_t at) {
  Segment* old = directory_[at];
  const uint32_t depth = old->depth + 1;
  if (static_cast<int>(depth) > depth_) {
    // Twice the directory: eight bytes for every 400 items or so.
    std::vector<Segment*> twice(directory_.size() * 2);
    for (size_t i = 0; i < directory_.size(); ++i) twice[2 * i] = twice[2 * i + 1] = directory_[i];
    directory_ = std::move(twice);
    ++depth_;
    at *= 2;
  }
  Segment* halves[2] = {NewSegment(depth), NewSegment(depth)};
  for (const Bucket& bucket : old->buckets) {
    for (int slot = 0; slot < kSlots; ++slot) {
      if (bucket.tags[slot] != 0) PrefetchLine(bucket.items[slot]);
    }
  }
  for (const Bucket& bucket : old->buckets) {
    for (int slot = 0; slot < kSlots; ++slot) {
      if (bucket.tags[slot] == 0) continue;
      Item* item = bucket.items[slot];
      const uint64_t hash = HashOf(item->key());
      InsertInto(halves[hash >> (64 - depth) & 1], item, hash);
    }
  }
  const size_t span = size_t{1} << (depth_ - static_cast<int>(depth));
  const size_t first = (at / (2 * span)) * (2 * span);
  for (size_t i = 0; i < 2 * span; ++i) directory_[first + i] = halves[i / span];
  FreeSegment(old);
}

HashIndex::Slot HashIndex::SlotOf(const Item* item, uint64_t hash) const {
  Segment* segment = directory_[SegmentOf(hash)];
  const uint8_t tag = TagOf(hash);
  uint32_t at = BucketOf(hash);
  for (uint32_t probes = 0; probes < kBuckets; ++probes) {
    const Bucket& bucket = segment->buckets[at];
    for (uint32_t match = MatchTags(bucket.tags, tag); match != 0; match &= match - 1) {
      const int number = std::countr_zero(match);
      if (bucket.items[number] == item) return {segment, at, number};
    }
    at = at + 1 == kBuckets ? 0 : at + 1;
  }
  AMPT_ASSERT(!"the item is in its hash index");
  return {};
}

void HashIndex::Erase(Item* item, uint64_t hash) {
  const auto [segment, at, number] = SlotOf(item, hash);
  segment->buckets[at].tags[number] = 0;
  segment->buckets[at].items[number] = nullptr;
  for (uint32_t i = BucketOf(hash); i != at; i = i + 1 == kBuckets ? 0 : i + 1) {
    if (segment->buckets[i].passed != 255) --segment->buckets[i].passed;
  }
  --segment->count;
  --size_;
}

void HashIndex::Replace(Item* item, Item* by, uint64_t hash) {
  const auto [segment, at, number] = SlotOf(item, hash);
  segment->buckets[at].items[number] = by;
}

void HashIndex::Prefetch(uint64_t hash) const {
  if (size_ == 0) return;
  PrefetchLine(&directory_[SegmentOf(hash)]->buckets[BucketOf(hash)]);
}

const Item* HashIndex::PrefetchItem(uint64_t hash) const {
  if (size_ == 0) return nullptr;
  const Segment* const segment = directory_[SegmentOf(hash)];
  uint32_t at = BucketOf(hash);
  uint32_t match = MatchTags(segment->buckets[at].tags, TagOf(hash));
  if (match == 0 && segment->buckets[at].passed != 0) {
    at = at + 1 == kBuckets ? 0 : at + 1;
    match = MatchTags(segment->buckets[at].tags, TagOf(hash));
  }
  if (match == 0) return nullptr;
  const Bucket& bucket = segment->buckets[at];
  const Item* const item = bucket.items[std::countr_zero(match)];
  item->PrefetchBegin();
  return item;
}

size_t HashIndex::Sample(uint64_t random, std::span<const Item*> items) const {
  if (size_ == 0) return 0;
  const Segment* segment = directory_[SegmentOf(random)];
  uint32_t at = BucketOf(random);
  // From any slot on: of a full bucket the last ones would never come.
  int slot = static_cast<int>((random & 0xff) * kSlots >> 8);
  size_t found = 0;
  for (uint32_t probes = 0; probes < kBuckets && found < items.size(); ++probes, slot = 0) {
    const Bucket& bucket = segment->buckets[at];
    for (; slot < kSlots && found < items.size(); ++slot) {
      if (bucket.tags[slot] == 0) continue;
      PrefetchLine(bucket.items[slot]);
      items[found++] = bucket.items[slot];
    }
    at = at + 1 == kBuckets ? 0 : at + 1;
  }
  return found;
}

size_t HashIndex::allocated_bytes() const {
  return segments_ * RoundedAllocation(sizeof(Segment)) + directory_.capacity() * sizeof(Segment*);
}

bool HashIndex::DropSome(size_t segments) {
  while (!directory_.empty() && segments > 0) {
    Segment* last = directory_.back();
    while (!directory_.empty() && directory_.back() == last) directory_.pop_back();
    FreeSegment(last);
    --segments;
  }
  if (directory_.empty()) size_ = 0;
  return directory_.empty();
}

void HashIndex::CheckInvariants() const {
  size_t total = 0;
  AMPT_ASSERT(directory_.empty() || directory_.size() == size_t{1} << depth_);
  for (size_t d = 0; d < directory_.size(); ++d) {
    const Segment* segment = directory_[d];
    if (d > 0 && segment == directory_[d - 1]) continue;
    uint32_t count = 0;
    for (const Bucket& bucket : segment->buckets) {
      for (int slot = 0; slot < kSlots; ++slot) {
        if (bucket.tags[slot] == 0) continue;
        ++count;
        const Item* item = bucket.items[slot];
        const uint64_t hash = HashOf(item->key());
        AMPT_ASSERT(bucket.tags[slot] == TagOf(hash));
        AMPT_ASSERT(directory_[SegmentOf(hash)] == segment);
        AMPT_ASSERT(Find(item->key(), hash) == item);
      }
    }
    AMPT_ASSERT(count == segment->count);
    total += count;
  }
  AMPT_ASSERT(total == size_);
}

}  // namespace ampt
