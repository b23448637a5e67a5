// Slabs: small blocks in fine classes, on huge pages.
//
// A general allocator's classes lie up to a quarter apart, so that a block of 170 bytes takes 192.
// Where a million items are all that counts, those bytes count. Here a region of 2 MiB (a huge
// page) is cut into runs of 32 KiB, and a run into blocks of one size (Bonwick, "The Slab
// Allocator", 1994); a freed block holds the link to the next free one. Classes lie eight bytes
// apart up to a kilobyte; above, they are what divides a run without much left over.
//
// A run whose blocks are all free goes back to its region and may become one of any size; what a
// region does not need for a while goes back to the system bit by bit (ReleaseSome).
//
// Cost: Allocate and Free O(1), a cache line of the region's header and the block. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/shared_count.h"

namespace ampt {

class Slabs {
 public:
  static constexpr size_t kRegionBytes = size_t{2} << 20;
  // Larger blocks are not for slabs: a run would hold too few of them.
  static constexpr size_t kMostBytes = 8192;
  static constexpr size_t kAlignment = 8;
  static constexpr size_t kLineBytes = 64;
  static constexpr size_t kRunBytes = size_t{32} << 10;

  // Where regions come from.
  class Source {
   public:
    virtual ~Source() = default;
    // kRegionBytes, aligned to as much, of any contents; null if there is no memory.
    virtual void* Take() = 0;
    // What Take() returned is not needed any more.
    virtual void Return(void* region) = 0;
    // The contents are not needed any more: the system may have the memory until it is written to.
    virtual void Discard(void* at, size_t bytes) = 0;
  };

  // `source` outlives the slabs.
  explicit Slabs(Source& source) : source_(source) {}
  // Takes away all blocks that are still given out.
  ~Slabs();
  Slabs(const Slabs&) = delete;
  Slabs& operator=(const Slabs&) = delete;

  // To eight; what nearly fills cache lines gets them whole, and begins where they do: one line
  // less to miss. REQUIRES: bytes <= kMostBytes.
  static constexpr size_t Rounded(size_t bytes) {
    const size_t rounded = bytes == 0 ? kAlignment : (bytes + kAlignment - 1) & ~(kAlignment - 1);
    if (rounded > kMostFineBytes) {
      const size_t blocks_a_run = kRunBytes / rounded;
      return kRunBytes / blocks_a_run & ~(kAlignment - 1);
    }
    return rounded % kLineBytes == kLineBytes - kAlignment ? rounded + kAlignment : rounded;
  }

  // Rounded(bytes) bytes; null if the source has no memory. REQUIRES: bytes <= kMostBytes.
  void* Allocate(size_t bytes);
  // `bytes` as it was asked for, or what it was rounded to.
  void Free(void* block, size_t bytes);

  // Looks at up to so many regions, each in its turn, and gives the system what has been free in
  // them since the look before. Cost: a cache line each, and some ten microseconds for each of the
  // few (at most kReleasedAtOnce) that have something to give.
  void ReleaseSome(size_t regions);
  // The same for all, without waiting for a second look. Cost: linear in the memory that is free.
  void ReleaseAll();

  struct Figures {
    size_t allocated_bytes;  // in blocks, as rounded
    size_t active_bytes;     // in runs that hold at least one of them
    size_t resident_bytes;   // not given back
  };
  // From any thread.
  Figures figures() const { return {allocated_bytes_, active_bytes_, resident_bytes_}; }

  // Every promise of the structure; ends the process where one is broken. Cost: linear in runs and
  // free blocks.
  void CheckInvariants() const;

 private:
  static constexpr size_t kRuns = kRegionBytes / kRunBytes;
  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kClasses = kMostBytes / kAlignment + 1;
  static constexpr size_t kReleasedAtOnce = 4;
  static constexpr size_t kMostFineBytes = 1008;
  static constexpr uint16_t kNone = 0xffff;

  // Blocks are counted from where the first one may lie, in units of kAlignment.
  struct Run {
    Run* next;  // among the runs of its class with free blocks; kept only while it has some
    Run* previous;
    uint16_t first_free;  // link to the first freed block, kNone
    uint16_t fresh;       // from here on no block was ever given out
    uint16_t used;        // blocks given out; 0: the run is free
    uint16_t size_class;
  };
  // Lies at the front of its first run, which is shorter by so much.
  struct alignas(kLineBytes) Region {
    Region* next;  // among the regions with free runs; kept only while it has some
    Region* previous;
    uint64_t free;     // one bit for each run
    uint64_t settled;  // those of them that were free at the latest look
    uint64_t given;    // those of them that the system has
    uint64_t place;    // in regions_
    Run runs[kRuns];
  };
  static_assert(kRuns == 64 && sizeof(Region) <= kPageBytes);

  static Region* RegionOf(const void* at) {
    return reinterpret_cast<Region*>(reinterpret_cast<uintptr_t>(at) & ~(kRegionBytes - 1));
  }
  static size_t NumberOf(const void* block) {
    return (reinterpret_cast<uintptr_t>(block) & (kRegionBytes - 1)) / kRunBytes;
  }
  static size_t NumberOf(const Run* run) { return static_cast<size_t>(run - RegionOf(run)->runs); }
  static char* BlocksOf(Region* region, size_t number) {
    return reinterpret_cast<char*>(region) + (number == 0 ? sizeof(Region) : number * kRunBytes);
  }
  static size_t UnitsOf(size_t number) {
    return (number == 0 ? kRunBytes - sizeof(Region) : kRunBytes) / kAlignment;
  }

  Run* NewRun(size_t size_class);
  void FreeRun(Run* run);
  Region* NewRegion();
  template <typename Entry>
  static void Link(Entry** first, Entry* entry);
  template <typename Entry>
  static void Unlink(Entry** first, Entry* entry);
  // What it gave the system, in bytes.
  size_t Release(Region* region, uint64_t runs);
  void Dissolve(Region* region);

  Source& source_;
  Run* available_[kClasses] = {};  // by class: the runs with free blocks
  Region* roomy_ = nullptr;        // the regions with free runs
  std::vector<Region*> regions_;
  std::vector<void*> empty_;  // regions without anything in them, which the system has
  size_t looked_at_ = 0;      // in regions_
  SharedCount allocated_bytes_;
  SharedCount active_bytes_;
  SharedCount resident_bytes_;
};

}  // namespace ampt
