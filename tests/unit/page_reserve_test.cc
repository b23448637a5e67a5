#include "server/page_reserve.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
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

TEST(PageReserve, HoldsNothingUntilSomebodyHasAsked) {
  PageReserve reserve(std::chrono::hours(1));
  EXPECT_EQ(reserve.figures().target, 0u);
  EXPECT_EQ(reserve.Take(), nullptr);
  EXPECT_EQ(reserve.figures().found_empty, 1u);
  EXPECT_TRUE(Becomes([&] { return reserve.figures().ready == 1; }));
}

TEST(PageReserve, GivesZeroedAlignedChunks) {
  PageReserve reserve(std::chrono::hours(1));
  EXPECT_EQ(reserve.Take(), nullptr);
  std::vector<uint64_t*> chunks;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Becomes([&] { return reserve.figures().ready > 0; }));
    auto* const chunk = static_cast<uint64_t*>(reserve.Take());
    ASSERT_NE(chunk, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(chunk) % PageReserve::kChunkBytes, 0u);
    uint64_t* const end = chunk + PageReserve::kChunkBytes / sizeof *chunk;
    EXPECT_TRUE(std::all_of(chunk, end, [](uint64_t word) { return word == 0; }));
    std::fill(chunk, end, ~uint64_t{0});
    chunks.push_back(chunk);
  }
  EXPECT_EQ(reserve.figures().taken, 6u);
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
  PageReserve reserve(milliseconds(1));
  EXPECT_EQ(reserve.Take(), nullptr);
  EXPECT_TRUE(Becomes([&] {
    const PageReserve::Figures figures = reserve.figures();
    return figures.target == 0 && figures.ready == 0;
  }));
}

TEST(PageReserve, MayBeAskedByManyThreads) {
  PageReserve reserve(milliseconds(1));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) {
        if (void* const chunk = reserve.Take(); chunk != nullptr) Return(chunk);
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reserve.figures().taken, 80u);
}

TEST(PageReserve, TheHeapGrowsFromIt) {
  const PageReserve* const reserve = GrowHeapFromReserve();
  if (reserve == nullptr) GTEST_SKIP() << "a build without jemalloc";
  Allocator allocator;
  constexpr size_t kBytes = 1000;
  constexpr size_t kMost = 200'000;
  std::vector<void*> blocks;
  const auto was_given = [&] {
    const PageReserve::Figures figures = reserve->figures();
    return figures.taken - figures.found_empty;
  };
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
