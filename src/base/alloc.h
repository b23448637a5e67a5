// The one seam to memory: slabs for what is small, jemalloc for the rest.
//
// Slabs, which hold items and indexes, lie on huge pages: that takes 15 to 20 % off look-ups in
// large key spaces. All else does not: the first touch of a huge page takes the kernel a tenth of a
// millisecond at best and many on a virtual machine, all at once, and buffers that come and go
// would pay it in the middle of a command.
//
// Items, label texts and index nodes come from an Allocator, which counts what it gave out: that
// count is what memory limits are about, so it is exact and costs one addition. It belongs to one
// thread at a time.
#pragma once

#include <cstddef>
#include <span>

#include "base/shared_count.h"
#include "base/slabs.h"

namespace ampt {

class Allocator {
 public:
  Allocator();
  // Its small blocks are gone with it.
  ~Allocator() = default;
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // At least `bytes`, aligned to 8; never null: running out of memory ends the process.
  // `*usable` receives what the block really holds.
  void* Allocate(size_t bytes, size_t* usable);
  void* Allocate(size_t bytes) {
    size_t usable;
    return Allocate(bytes, &usable);
  }
  // Frees a block of this Allocator. `bytes` as asked for, or as `usable` said.
  void Free(void* block, size_t bytes);

  // Bytes given out and not yet freed, as the allocator rounds them. From any thread.
  size_t used_bytes() const { return used_bytes_; }

  Slabs& slabs() { return slabs_; }
  const Slabs& slabs() const { return slabs_; }

 private:
  Slabs slabs_;
  SharedCount used_bytes_;
};

// How many bytes a block of `bytes` really takes.
size_t RoundedAllocation(size_t bytes);

struct MemoryFigures {
  size_t allocated_bytes;  // asked for by the process
  size_t active_bytes;     // in pages that hold at least one of them
  size_t resident_bytes;   // physically there, the allocator's own data included
};
// Of jemalloc and of the slabs of these allocators. Cost: tens of microseconds; call it from a
// timer, not per command.
MemoryFigures ReadMemoryFigures(std::span<const Allocator* const> allocators);
// Returns jemalloc's unused pages to the system (MEMORY PURGE).
void PurgeMemory();
// Has slabs grow by regions that `take` gives, from now on. `take` returns Slabs::kRegionBytes,
// mapped and aligned to as much, or null: then the system is asked. It must not use an Allocator
// and is never forgotten, nor is `context`. To be called before there are other threads. False:
// this build has no slabs.
bool GrowSlabsBy(void* (*take)(void* context), void* context);
// Has jemalloc keep freed blocks of 8 MB and more for the ten seconds it keeps smaller ones, from
// now on: it would give them back at once, and the kernel would clear as much again for the next
// large value. To be called once.
void KeepFreedLargeBlocks();
// "jemalloc-5.3.0" or "libc".
const char* AllocatorName();

}  // namespace ampt
