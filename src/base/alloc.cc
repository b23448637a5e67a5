#include "base/alloc.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#ifndef AMPT_WITHOUT_JEMALLOC
#include <jemalloc/jemalloc.h>

// Read by jemalloc at start. Huge pages take 15 to 20 % off look-ups in large key spaces; the
// background thread gives pages back without holding up the loop.
extern "C" const char* malloc_conf;
const char* malloc_conf = "background_thread:true,thp:always,metadata_thp:auto,narenas:2";
#else
#include <malloc.h>
#endif

namespace ampt {

namespace {
[[noreturn, gnu::cold]] void OutOfMemory(size_t bytes) {
  std::fprintf(stderr, "ampt-server: out of memory allocating %zu bytes\n", bytes);
  std::abort();
}
}  // namespace

#ifndef AMPT_WITHOUT_JEMALLOC

size_t RoundedAllocation(size_t bytes) {
  return nallocx(bytes, 0);
}

void* Allocator::Allocate(size_t bytes, size_t* usable) {
  const size_t rounded = nallocx(bytes, 0);
  void* block = mallocx(rounded, 0);
  if (block == nullptr) OutOfMemory(bytes);
  used_bytes_ += rounded;
  *usable = rounded;
  return block;
}

void Allocator::Free(void* block, size_t bytes) {
  const size_t rounded = nallocx(bytes, 0);
  used_bytes_ -= rounded;
  sdallocx(block, rounded, 0);
}

void Allocator::FreeElsewhere(void* block, size_t bytes) {
  const size_t rounded = nallocx(bytes, 0);
  freed_elsewhere_bytes_.fetch_add(rounded, std::memory_order_relaxed);
  sdallocx(block, rounded, 0);
}

MemoryFigures ReadMemoryFigures() {
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  const auto read = [](const char* name) {
    size_t value = 0;
    size_t length = sizeof value;
    mallctl(name, &value, &length, nullptr, 0);
    return value;
  };
  return {read("stats.allocated"), read("stats.active"), read("stats.resident")};
}

void PurgeMemory() {
  char command[32];
  std::snprintf(command, sizeof command, "arena.%u.purge",
                static_cast<unsigned>(MALLCTL_ARENAS_ALL));
  mallctl(command, nullptr, nullptr, nullptr, 0);
}

const char* AllocatorName() {
  return "jemalloc-" JEMALLOC_VERSION;
}

#else  // The sanitizers bring their own allocator.

size_t RoundedAllocation(size_t bytes) {
  return (bytes + 15) & ~size_t{15};
}

void* Allocator::Allocate(size_t bytes, size_t* usable) {
  const size_t rounded = RoundedAllocation(bytes);
  void* block = std::malloc(rounded);
  if (block == nullptr) OutOfMemory(bytes);
  used_bytes_ += rounded;
  *usable = rounded;
  return block;
}

void Allocator::Free(void* block, size_t bytes) {
  used_bytes_ -= RoundedAllocation(bytes);
  std::free(block);
}

void Allocator::FreeElsewhere(void* block, size_t bytes) {
  freed_elsewhere_bytes_.fetch_add(RoundedAllocation(bytes), std::memory_order_relaxed);
  std::free(block);
}

MemoryFigures ReadMemoryFigures() {
  const struct mallinfo2 info = mallinfo2();
  return {info.uordblks, info.arena + info.hblkhd, info.arena + info.hblkhd};
}

void PurgeMemory() {
  malloc_trim(0);
}

const char* AllocatorName() {
  return "libc";
}

#endif

}  // namespace ampt
