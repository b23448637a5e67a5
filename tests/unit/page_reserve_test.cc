#include "server/page_reserve.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "base/alloc.h"

namespace ampt {
namespace {

using std::chrono::milliseconds;

bool Becomes(const std::function<bool()>& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

void Return(void* chunk) {
  ASSERT_EQ(munmap(chunk, PageReserve::kChunkBytes), 0);
}

// Asks until it has noticed: Take() gives up at once where another thread is inside.
void Rouse(PageReserve& reserve) {
  ASSERT_TRUE(Becomes([&] {
    EXPECT_EQ(reserve.Take(), nullptr);
    return reserve.figures().target > 0;
  }));
}

TEST(PageReserve, HoldsNothingUntilSomebodyHasAsked) {
  PageReserve reserve(std::chrono::hours(1));
  EXPECT_EQ(reserve.figures().target, 0u);
  EXPECT_EQ(reserve.figures().ready, 0u);
  Rouse(reserve);
  EXPECT_TRUE(Becomes([&] { return reserve.figures().ready == 1; }));
}

TEST(PageReserve, GivesZeroedAlignedChunks) {
  PageReserve reserve(std::chrono::hours(1));
  Rouse(reserve);
  std::vector<uint64_t*> chunks;
  for (int i = 0; i < 5; ++i) {
    uint64_t* chunk = nullptr;
    ASSERT_TRUE(Becomes([&] {
      chunk = static_cast<uint64_t*>(reserve.Take());
      return chunk != nullptr;
    }));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(chunk) % PageReserve::kChunkBytes, 0u);
    uint64_t* const end = chunk + PageReserve::kChunkBytes / sizeof *chunk;
    EXPECT_TRUE(std::all_of(chunk, end, [](uint64_t word) { return word == 0; }));
    std::fill(chunk, end, ~uint64_t{0});
    chunks.push_back(chunk);
  }
  EXPECT_EQ(reserve.figures().given, 5u);
  for (uint64_t* chunk : chunks) Return(chunk);
}

TEST(PageReserve, KeepsMoreWhenItWasFoundEmptyUpToABound) {
  PageReserve reserve(std::chrono::hours(1));
  std::vector<void*> chunks;
  for (int i = 0; i < 1'000 && reserve.figures().target < PageReserve::kMostChunks; ++i) {
    if (void* const chunk = reserve.Take(); chunk != nullptr) chunks.push_back(chunk);
  }
  EXPECT_EQ(reserve.figures().target, PageReserve::kMostChunks);
  EXPECT_TRUE(Becomes([&] { return reserve.figures().ready == PageReserve::kMostChunks; }));
  for (void* chunk : chunks) Return(chunk);
}

TEST(PageReserve, GivesAllBackWhenNobodyAsks) {
  // Long enough for what Rouse() waits for to be seen.
  PageReserve reserve(milliseconds(200));
  Rouse(reserve);
  EXPECT_TRUE(Becomes([&] {
    const PageReserve::Figures figures = reserve.figures();
    return figures.target == 0 && figures.ready == 0;
  }));
}

TEST(PageReserve, MayBeAskedByManyThreads) {
  PageReserve reserve(milliseconds(1));
  std::vector<std::thread> threads;
  std::atomic<uint64_t> given{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        if (void* const chunk = reserve.Take(); chunk != nullptr) {
          ++given;
          Return(chunk);
        }
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reserve.figures().asked, 80u);
  EXPECT_EQ(reserve.figures().given, given);
}

TEST(PageReserve, SlabsGrowFromIt) {
  const PageReserve* const reserve = GrowSlabsFromReserve();
  if (reserve == nullptr) GTEST_SKIP() << "a build without slabs";
  Allocator allocator;
  constexpr size_t kBytes = 1000;
  constexpr size_t kMost = 200'000;
  std::vector<void*> blocks;
  const auto was_given = [&] { return reserve->figures().given; };
  while (was_given() < 3 && blocks.size() < kMost) {
    // On a busy machine its thread comes to run now and then.
    ASSERT_TRUE(Becomes([&] {
      const PageReserve::Figures figures = reserve->figures();
      return figures.ready >= figures.target;
    }));
    blocks.push_back(allocator.Allocate(kBytes));
  }
  EXPECT_GE(was_given(), 3u);
  for (void* block : blocks) allocator.Free(block, kBytes);
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

}  // namespace
}  // namespace ampt
