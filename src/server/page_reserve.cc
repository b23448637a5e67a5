#include "server/page_reserve.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/alloc.h"

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
  ++asked_;
  {
    // The thread that has it may wait for a processor as long as others want that.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return nullptr;
    if (ready_.empty()) {
      target_ = std::clamp<size_t>(2 * target_, 1, kMostChunks);
    } else {
      chunk = ready_.back();
      ready_.pop_back();
      ++given_;
    }
  }
  changed_.notify_one();
  return chunk;
}

PageReserve::Figures PageReserve::figures() const {
  const std::lock_guard lock(mutex_);
  return {ready_.size(), target_, asked_, given_};
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
    const uint64_t asked = asked_;
    const auto has_changed = [&] { return asked_ != asked || is_ending_; };
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

const PageReserve* GrowSlabsFromReserve() {
  static_assert(PageReserve::kChunkBytes == Slabs::kRegionBytes);
  // The heap outlives everything, and so does this.
  auto* const reserve = new PageReserve();
  const auto take = [](void* context) { return static_cast<PageReserve*>(context)->Take(); };
  if (GrowSlabsBy(take, reserve)) return reserve;
  delete reserve;
  return nullptr;
}

}  // namespace ampt
