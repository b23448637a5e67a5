#include "base/page_reserve.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <string>

#ifndef AMPT_WITHOUT_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace ampt {
namespace {

constexpr size_t kSmallPageBytes = 4096;
// Null: there is no memory. Unlike the allocator's own these mappings are reserved (no
// MAP_NORESERVE), so the kernel does not make one of both, whose lock both would need.
void* MapChunk() {
  constexpr size_t kBytes = PageReserve::kChunkBytes;
  void* const mapped =
      mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  char* const begin = static_cast<char*>(mapped);
  const size_t before = -reinterpret_cast<uintptr_t>(begin) % kBytes;
  char* const chunk = begin + before;
  if (before > 0) munmap(begin, before);
  munmap(chunk + kBytes, kBytes - before);
  madvise(chunk, kBytes, MADV_HUGEPAGE);
  // By touch and not by MADV_POPULATE_WRITE, which would keep others from mapping all that time.
  // Where there are no huge pages every small one is touched, else all but the first cost nothing.
  for (size_t at = 0; at < kBytes; at += kSmallPageBytes) {
    *static_cast<volatile char*>(chunk + at) = 0;
  }
  return chunk;
}

}  // namespace

PageReserve::PageReserve(std::chrono::milliseconds kept_for)
    : kept_for_(kept_for), thread_([this] { Run(); }) {
  const std::lock_guard lock(mutex_);
  // Take() must not allocate: the allocator calls it.
  ready_.reserve(kMostChunks);
}

PageReserve::~PageReserve() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
  for (void* chunk : ready_) munmap(chunk, kChunkBytes);
}

void* PageReserve::Take() {
  void* chunk = nullptr;
  {
    const std::lock_guard lock(mutex_);
    ++taken_;
    if (ready_.empty()) {
      ++found_empty_;
      target_ = std::clamp<size_t>(2 * target_, 1, kMostChunks);
    } else {
      chunk = ready_.back();
      ready_.pop_back();
    }
  }
  changed_.notify_one();
  return chunk;
}

PageReserve::Figures PageReserve::figures() const {
  const std::lock_guard lock(mutex_);
  return {ready_.size(), target_, taken_, found_empty_};
}

void PageReserve::Run() {
  // Where there is one core it goes at once to whoever serves clients. If they leave none of it the
  // reserve is found empty, and they touch for themselves.
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
  std::unique_lock lock(mutex_);
  while (!is_ending_) {
    if (ready_.size() < target_) {
      lock.unlock();
      void* const chunk = MapChunk();
      lock.lock();
      if (chunk == nullptr) {
        target_ = 0;
      } else {
        ready_.push_back(chunk);
      }
      continue;
    }
    if (target_ == 0) {
      changed_.wait(lock);
      continue;
    }
    const uint64_t taken = taken_;
    const auto has_changed = [&] { return taken_ != taken || is_ending_; };
    if (changed_.wait_for(lock, kept_for_, has_changed)) continue;
    target_ = 0;
    while (!ready_.empty()) {
      void* const chunk = ready_.back();
      ready_.pop_back();
      lock.unlock();
      munmap(chunk, kChunkBytes);
      lock.lock();
    }
  }
}

#ifndef AMPT_WITHOUT_JEMALLOC

namespace {

// jemalloc hands its hooks the address of their table, which is all they know.
struct Hooks {
  extent_hooks_t table;
  extent_hooks_t* original;
  PageReserve* reserve;
};

void* Grow(extent_hooks_t* table, void* at, size_t bytes, size_t alignment, bool* is_zero,
           bool* is_committed, unsigned arena) {
  Hooks& hooks = *reinterpret_cast<Hooks*>(table);
  constexpr size_t kBytes = PageReserve::kChunkBytes;
  if (at == nullptr && bytes == kBytes && alignment <= kBytes) {
    if (void* const chunk = hooks.reserve->Take(); chunk != nullptr) {
      *is_zero = true;
      *is_committed = true;
      return chunk;
    }
  }
  return hooks.original->alloc(hooks.original, at, bytes, alignment, is_zero, is_committed, arena);
}

}  // namespace

const PageReserve* GrowHeapFromReserve() {
  // The heap outlives everything, and so do these.
  auto* const reserve = new PageReserve();
  unsigned arenas = 0;
  size_t size = sizeof arenas;
  mallctl("arenas.narenas", &arenas, &size, nullptr, 0);
  for (unsigned arena = 0; arena < arenas; ++arena) {
    // An arena begins with its first allocation.
    if (void* const first = mallocx(1, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
        first != nullptr) {
      dallocx(first, MALLOCX_TCACHE_NONE);
    }
    const std::string prefix = "arena." + std::to_string(arena);
    auto* const hooks = new Hooks{};
    size = sizeof hooks->original;
    if (mallctl((prefix + ".extent_hooks").c_str(), &hooks->original, &size, nullptr, 0) != 0) {
      return reserve;
    }
    hooks->table = *hooks->original;
    hooks->table.alloc = Grow;
    hooks->reserve = reserve;
    extent_hooks_t* const table = &hooks->table;
    mallctl((prefix + ".extent_hooks").c_str(), nullptr, nullptr,
            const_cast<extent_hooks_t**>(&table), sizeof table);
    // It would ask for ever larger pieces.
    size_t most = PageReserve::kChunkBytes;
    mallctl((prefix + ".retain_grow_limit").c_str(), nullptr, nullptr, &most, sizeof most);
  }
  return reserve;
}

#else

const PageReserve* GrowHeapFromReserve() {
  return nullptr;
}

#endif

}  // namespace ampt
