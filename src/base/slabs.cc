#include "base/slabs.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "base/assert.h"

namespace ampt {

namespace {
constexpr uint64_t kAll = ~uint64_t{0};
// A region with less to give than this is left whole: giving a part of a huge page away makes small
// pages of all of it.
constexpr int kWorthReleasing = 8;
}  // namespace

template <typename Entry>
void Slabs::Link(Entry** first, Entry* entry) {
  entry->next = *first;
  entry->previous = nullptr;
  if (*first != nullptr) (*first)->previous = entry;
  *first = entry;
}

template <typename Entry>
void Slabs::Unlink(Entry** first, Entry* entry) {
  if (entry->previous == nullptr) {
    *first = entry->next;
  } else {
    entry->previous->next = entry->next;
  }
  if (entry->next != nullptr) entry->next->previous = entry->previous;
}

Slabs::~Slabs() {
  for (Region* region : regions_) source_.Return(region);
  for (void* region : empty_) source_.Return(region);
}

void* Slabs::Allocate(size_t bytes) {
  const size_t rounded = Rounded(bytes);
  const size_t size_class = rounded / kAlignment;
  Run* run = available_[size_class];
  if (__builtin_expect(run == nullptr, 0)) {
    run = NewRun(size_class);
    if (run == nullptr) return nullptr;
  }
  const size_t number = NumberOf(run);
  char* const blocks = BlocksOf(RegionOf(run), number);
  char* block;
  if (run->first_free != kNone) {
    block = blocks + run->first_free * kAlignment;
    std::memcpy(&run->first_free, block, sizeof run->first_free);
  } else {
    block = blocks + run->fresh * kAlignment;
    run->fresh = static_cast<uint16_t>(run->fresh + size_class);
  }
  ++run->used;
  allocated_bytes_ += rounded;
  if (run->first_free == kNone && run->fresh + size_class > UnitsOf(number)) {
    Unlink(&available_[size_class], run);
  }
  return block;
}

void Slabs::Free(void* block, size_t bytes) {
  const size_t rounded = Rounded(bytes);
  const size_t size_class = rounded / kAlignment;
  Region* const region = RegionOf(block);
  const size_t number = NumberOf(block);
  Run* const run = &region->runs[number];
  AMPT_ASSERT(run->size_class == size_class && run->used > 0);
  const bool was_full = run->first_free == kNone && run->fresh + size_class > UnitsOf(number);
  std::memcpy(block, &run->first_free, sizeof run->first_free);
  run->first_free = static_cast<uint16_t>(
      static_cast<size_t>(static_cast<char*>(block) - BlocksOf(region, number)) / kAlignment);
  --run->used;
  allocated_bytes_ -= rounded;
  if (was_full) Link(&available_[size_class], run);
  // The only one of its class stays, so that a block that comes and goes does not cost a run.
  if (run->used == 0 && (run->next != nullptr || run->previous != nullptr)) FreeRun(run);
}

Slabs::Run* Slabs::NewRun(size_t size_class) {
  Region* region = roomy_;
  if (region == nullptr) {
    region = NewRegion();
    if (region == nullptr) return nullptr;
  }
  // Rather one that is in memory.
  const uint64_t resident = region->free & ~region->given;
  const auto number =
      static_cast<size_t>(std::countr_zero(resident != 0 ? resident : region->free));
  const uint64_t bit = uint64_t{1} << number;
  if ((region->given & bit) != 0) resident_bytes_ += kRunBytes;
  region->free &= ~bit;
  region->settled &= ~bit;
  region->given &= ~bit;
  if (region->free == 0) Unlink(&roomy_, region);
  Run* const run = &region->runs[number];
  *run = {nullptr, nullptr, kNone, 0, 0, static_cast<uint16_t>(size_class)};
  Link(&available_[size_class], run);
  active_bytes_ += kRunBytes;
  return run;
}

void Slabs::FreeRun(Run* run) {
  Region* const region = RegionOf(run);
  Unlink(&available_[run->size_class], run);
  run->size_class = 0;
  if (region->free == 0) Link(&roomy_, region);
  region->free |= uint64_t{1} << NumberOf(run);
  active_bytes_ -= kRunBytes;
}

Slabs::Region* Slabs::NewRegion() {
  void* place;
  if (empty_.empty()) {
    place = source_.Take();
    if (place == nullptr) return nullptr;
    AMPT_ASSERT(RegionOf(place) == place);
  } else {
    place = empty_.back();
    empty_.pop_back();
  }
  auto* const region = new (place) Region();
  region->free = kAll;
  region->place = regions_.size();
  regions_.push_back(region);
  Link(&roomy_, region);
  resident_bytes_ += kRegionBytes;
  return region;
}

size_t Slabs::Release(Region* region, uint64_t runs) {
  size_t released = 0;
  for (size_t number = 0; number < kRuns;) {
    if ((runs >> number & 1) == 0) {
      ++number;
      continue;
    }
    // As many as lie side by side at once; the first without the region's header.
    const size_t begin = number;
    while (number < kRuns && (runs >> number & 1) != 0) ++number;
    char* const from =
        reinterpret_cast<char*>(region) + (begin == 0 ? kPageBytes : begin * kRunBytes);
    char* const to = reinterpret_cast<char*>(region) + number * kRunBytes;
    source_.Discard(from, static_cast<size_t>(to - from));
    released += (number - begin) * kRunBytes;
  }
  region->given |= runs;
  resident_bytes_ -= released;
  return released;
}

void Slabs::Dissolve(Region* region) {
  Unlink(&roomy_, region);
  resident_bytes_ -= kRegionBytes - static_cast<size_t>(std::popcount(region->given)) * kRunBytes;
  regions_[region->place] = regions_.back();
  regions_[region->place]->place = region->place;
  regions_.pop_back();
  empty_.push_back(region);
  source_.Discard(region, kRegionBytes);
}

void Slabs::ReleaseSome(size_t regions) {
  size_t released = 0;
  for (regions = std::min(regions, regions_.size()); regions > 0 && released < kReleasedAtOnce;
       --regions) {
    if (looked_at_ >= regions_.size()) looked_at_ = 0;
    Region* const region = regions_[looked_at_];
    const uint64_t idle = region->free & region->settled;
    region->settled = region->free;
    if (idle == kAll) {
      Dissolve(region);  // another one is at this place now
      ++released;
      continue;
    }
    ++looked_at_;
    if (std::popcount(idle & ~region->given) < kWorthReleasing) continue;
    Release(region, idle & ~region->given);
    ++released;
  }
}

void Slabs::ReleaseAll() {
  for (size_t i = regions_.size(); i-- > 0;) {
    Region* const region = regions_[i];
    if (region->free == kAll) {
      Dissolve(region);
    } else {
      Release(region, region->free & ~region->given);
    }
  }
}

void Slabs::CheckInvariants() const {
  Figures counted{};
  size_t roomy = 0;
  size_t available = 0;
  for (size_t place = 0; place < regions_.size(); ++place) {
    Region* const region = regions_[place];
    AMPT_ASSERT(RegionOf(region) == region && region->place == place);
    AMPT_ASSERT((region->settled & ~region->free) == 0 && (region->given & ~region->free) == 0);
    roomy += region->free != 0;
    counted.resident_bytes +=
        kRegionBytes - static_cast<size_t>(std::popcount(region->given)) * kRunBytes;
    for (size_t number = 0; number < kRuns; ++number) {
      if ((region->free >> number & 1) != 0) continue;
      const Run& run = region->runs[number];
      AMPT_ASSERT(run.size_class > 0 && run.size_class < kClasses);
      const size_t units = UnitsOf(number);
      size_t free_blocks = 0;
      for (uint16_t at = run.first_free; at != kNone; ++free_blocks) {
        AMPT_ASSERT(at % run.size_class == 0 && at < run.fresh && free_blocks <= units);
        std::memcpy(&at, BlocksOf(region, number) + at * kAlignment, sizeof at);
      }
      AMPT_ASSERT(run.fresh <= units);
      AMPT_ASSERT(run.fresh / run.size_class == run.used + free_blocks);
      available += free_blocks > 0 || run.fresh + size_t{run.size_class} <= units;
      counted.allocated_bytes += size_t{run.used} * run.size_class * kAlignment;
      counted.active_bytes += kRunBytes;
    }
  }
  for (const Region* region = roomy_; region != nullptr; region = region->next) {
    AMPT_ASSERT(region->free != 0);
    AMPT_ASSERT(region->next == nullptr || region->next->previous == region);
    --roomy;
  }
  for (size_t size_class = 0; size_class < kClasses; ++size_class) {
    for (const Run* run = available_[size_class]; run != nullptr; run = run->next) {
      AMPT_ASSERT(run->size_class == size_class);
      AMPT_ASSERT(run->next == nullptr || run->next->previous == run);
      --available;
    }
  }
  AMPT_ASSERT(roomy == 0 && available == 0);
  AMPT_ASSERT(counted.allocated_bytes == allocated_bytes_);
  AMPT_ASSERT(counted.active_bytes == active_bytes_);
  AMPT_ASSERT(counted.resident_bytes == resident_bytes_);
}

}  // namespace ampt
