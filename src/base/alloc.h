// The one seam to memory: slabs for what is small, jemalloc for the rest.
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
// Has the heap grow by chunks of `chunk_bytes` (a power of two from 2 MB on) that `take` gives,
// from now on. `take` returns such a chunk, mapped, aligned to its size and all zero, or null: then
// the system is asked. It is called by any thread, must not allocate, and is never forgotten, nor
// is `context`. False: this allocator cannot do it.
bool GrowHeapBy(size_t chunk_bytes, void* (*take)(void* context), void* context);
// "jemalloc-5.3.0" or "libc".
const char* AllocatorName();

}  // namespace ampt
