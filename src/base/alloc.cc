#include "base/alloc.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#ifndef AMPT_WITHOUT_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

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

// Slabs grow by what jemalloc's own heap grows by. Its statistics do not know of them.
class HeapSource : public Slabs::Source {
 public:
  void* Take() override {
    extent_hooks_t* hooks = nullptr;
    size_t size = sizeof hooks;
    mallctl("arena.0.extent_hooks", &hooks, &size, nullptr, 0);
    bool is_zero = false;
    bool is_committed = true;
    return hooks->alloc(hooks, nullptr, Slabs::kRegionBytes, Slabs::kRegionBytes, &is_zero,
                        &is_committed, 0);
  }
  void Return(void* region) override { munmap(region, Slabs::kRegionBytes); }
  void Discard(void* at, size_t bytes) override { madvise(at, bytes, MADV_DONTNEED); }
};

// jemalloc hands its hooks the address of their table, which is all they know.
struct GrowHooks {
  extent_hooks_t table;
  extent_hooks_t* original;
  size_t chunk_bytes;
  void* (*take)(void* context);
  void* context;
};

void* Grow(extent_hooks_t* table, void* at, size_t bytes, size_t alignment, bool* is_zero,
           bool* is_committed, unsigned arena) {
  GrowHooks& hooks = *reinterpret_cast<GrowHooks*>(table);
  if (at == nullptr && bytes == hooks.chunk_bytes && alignment <= bytes) {
    if (void* const chunk = hooks.take(hooks.context); chunk != nullptr) {
      *is_zero = true;
      *is_committed = true;
      return chunk;
    }
  }
  return hooks.original->alloc(hooks.original, at, bytes, alignment, is_zero, is_committed, arena);
}

}  // namespace

bool GrowHeapBy(size_t chunk_bytes, void* (*take)(void* context), void* context) {
  bool is_used = false;
  unsigned arenas = 0;
  size_t size = sizeof arenas;
  mallctl("arenas.narenas", &arenas, &size, nullptr, 0);
  for (unsigned arena = 0; arena < arenas; ++arena) {
    // An arena begins with its first allocation.
    void* const first = mallocx(1, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
    if (first != nullptr) dallocx(first, MALLOCX_TCACHE_NONE);
    const std::string name = "arena." + std::to_string(arena);
    const std::string hooks_name = name + ".extent_hooks";
    extent_hooks_t* original = nullptr;
    size = sizeof original;
    if (mallctl(hooks_name.c_str(), &original, &size, nullptr, 0) != 0) continue;
    auto* const hooks = new GrowHooks{*original, original, chunk_bytes, take, context};
    hooks->table.alloc = Grow;
    extent_hooks_t* table = &hooks->table;
    if (mallctl(hooks_name.c_str(), nullptr, nullptr, &table, sizeof table) != 0) {
      delete hooks;
      continue;
    }
    is_used = true;
    // It would ask for ever larger pieces.
    mallctl((name + ".retain_grow_limit").c_str(), nullptr, nullptr, &chunk_bytes,
            sizeof chunk_bytes);
  }
  return is_used;
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
}  // namespace

bool GrowHeapBy(size_t, void* (*)(void*), void*) {
  return false;
}

size_t RoundedAllocation(size_t bytes) {
  return Slabs::Rounded(bytes);
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

Allocator::Allocator()
    : slabs_([]() -> Slabs::Source& {
        static HeapSource source;  // it has no state
        return source;
      }()) {}

}  // namespace ampt
