#include "base/alloc.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#ifndef AMPT_WITHOUT_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

// Read by jemalloc at start. The background thread gives pages back without holding up the loop.
// What was freed is used again however much larger it is than what is asked for: buffers that lay
// side by side are one piece then, and by default (64 times as large at most) new memory would be
// taken beside it, again and again until the old one is given back.
extern "C" const char* malloc_conf;
const char* malloc_conf =
    "background_thread:true,thp:never,narenas:2,oversize_threshold:0,lg_extent_max_active_fit:20";
#else
#include <malloc.h>
#endif

namespace ampt {

namespace {
[[noreturn, gnu::cold]] void OutOfMemory(size_t bytes) {
  std::fprintf(stderr, "ampt-server: out of memory allocating %zu bytes\n", bytes);
  std::abort();
}

MemoryFigures WithSlabs(MemoryFigures figures, std::span<const Allocator* const> allocators) {
  for (const Allocator* allocator : allocators) {
    const Slabs::Figures slabs = allocator->slabs().figures();
    figures.allocated_bytes += slabs.allocated_bytes;
    figures.active_bytes += slabs.active_bytes;
    figures.resident_bytes += slabs.resident_bytes;
  }
  return figures;
}
}  // namespace

#ifndef AMPT_WITHOUT_JEMALLOC

namespace {

class HeapSource : public Slabs::Source {
 public:
  void* Take() override {
    void* const given = take_ != nullptr ? take_(context_) : nullptr;
    return given != nullptr ? given : Map();
  }
  void Return(void* region) override { munmap(region, Slabs::kRegionBytes); }
  void Discard(void* at, size_t bytes) override { madvise(at, bytes, MADV_DONTNEED); }
  void set_take(void* (*take)(void* context), void* context) {
    take_ = take;
    context_ = context;
  }

 private:
  // Twice as much, of which the ends go back: one region is aligned somewhere in between.
  static void* Map() {
    constexpr size_t kBytes = Slabs::kRegionBytes;
    void* const mapped = mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    char* const begin = static_cast<char*>(mapped);
    const size_t before = -reinterpret_cast<uintptr_t>(begin) % kBytes;
    if (before > 0) munmap(begin, before);
    munmap(begin + before + kBytes, kBytes - before);
    madvise(begin + before, kBytes, MADV_HUGEPAGE);
    return begin + before;
  }

  void* (*take_)(void* context) = nullptr;
  void* context_ = nullptr;
};

// The process has one heap.
HeapSource& Heap() {
  static HeapSource heap;
  return heap;
}

}  // namespace

void KeepFreedLargeBlocks() {
  unsigned arenas = 0;
  size_t size = sizeof arenas;
  mallctl("arenas.narenas", &arenas, &size, nullptr, 0);
  for (unsigned arena = 0; arena < arenas; ++arena) {
    // An arena begins with its first allocation.
    void* const first = mallocx(1, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
    if (first != nullptr) dallocx(first, MALLOCX_TCACHE_NONE);
    char name[48];
    std::snprintf(name, sizeof name, "arena.%u.oversize_threshold", arena);
    size_t never = SIZE_MAX;
    mallctl(name, nullptr, nullptr, &never, sizeof never);
  }
}

bool GrowSlabsBy(void* (*take)(void* context), void* context) {
  Heap().set_take(take, context);
  return true;
}

size_t RoundedAllocation(size_t bytes) {
  return bytes <= Slabs::kMostBytes ? Slabs::Rounded(bytes) : nallocx(bytes, 0);
}

void* Allocator::Allocate(size_t bytes, size_t* usable) {
  const size_t rounded = RoundedAllocation(bytes);
  void* const block = bytes <= Slabs::kMostBytes ? slabs_.Allocate(rounded) : mallocx(rounded, 0);
  if (block == nullptr) OutOfMemory(bytes);
  used_bytes_ += rounded;
  *usable = rounded;
  return block;
}

void Allocator::Free(void* block, size_t bytes) {
  const size_t rounded = RoundedAllocation(bytes);
  used_bytes_ -= rounded;
  if (bytes <= Slabs::kMostBytes) {
    slabs_.Free(block, rounded);
  } else {
    sdallocx(block, rounded, 0);
  }
}

MemoryFigures ReadMemoryFigures(std::span<const Allocator* const> allocators) {
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  const auto read = [](const char* name) {
    size_t value = 0;
    size_t length = sizeof value;
    mallctl(name, &value, &length, nullptr, 0);
    return value;
  };
  return WithSlabs({read("stats.allocated"), read("stats.active"), read("stats.resident")},
                   allocators);
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

#else  // The sanitizers bring their own allocator, which sees every block.

namespace {
class HeapSource : public Slabs::Source {
 public:
  void* Take() override { return nullptr; }
  void Return(void*) override {}
  void Discard(void*, size_t) override {}
};
HeapSource& Heap() {
  static HeapSource heap;
  return heap;
}
}  // namespace

void KeepFreedLargeBlocks() {}

bool GrowSlabsBy(void* (*)(void*), void*) {
  return false;
}

size_t RoundedAllocation(size_t bytes) {
  return bytes <= Slabs::kMostBytes ? Slabs::Rounded(bytes) : (bytes + 15) & ~size_t{15};
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

MemoryFigures ReadMemoryFigures(std::span<const Allocator* const> allocators) {
  const struct mallinfo2 info = mallinfo2();
  return WithSlabs({info.uordblks, info.arena + info.hblkhd, info.arena + info.hblkhd}, allocators);
}

void PurgeMemory() {
  malloc_trim(0);
}

const char* AllocatorName() {
  return "libc";
}

#endif

Allocator::Allocator() : slabs_(Heap()) {}

}  // namespace ampt
