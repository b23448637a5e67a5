#include "base/alloc.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"

namespace ampt {
namespace {

TEST(Allocator, CountsExactlyWhatItGaveOut) {
  Allocator allocator;
  Random random(1);
  std::vector<std::pair<void*, size_t>> blocks;
  size_t expected = 0;
  for (int i = 0; i < 5'000; ++i) {
    if (blocks.empty() || random.Below(3) > 0) {
      const size_t bytes = 1 + random.Below(random.OneIn(50) ? 2'000'000 : 300);
      size_t usable = 0;
      void* block = allocator.Allocate(bytes, &usable);
      ASSERT_GE(usable, bytes);
      ASSERT_EQ(usable, RoundedAllocation(bytes));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % 8, 0u);
      std::memset(block, 0xaa, usable);
      // Either size is allowed when it is freed.
      blocks.emplace_back(block, random.OneIn(2) ? bytes : usable);
      expected += usable;
    } else {
      std::swap(blocks[random.Below(blocks.size())], blocks.back());
      expected -= RoundedAllocation(blocks.back().second);
      allocator.Free(blocks.back().first, blocks.back().second);
      blocks.pop_back();
    }
    ASSERT_EQ(allocator.used_bytes(), expected);
  }
  for (const auto& [block, bytes] : blocks) allocator.Free(block, bytes);
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

TEST(Allocator, BlocksMayBeFreedFromOtherThreads) {
  Allocator allocator;
  std::vector<void*> blocks;
  for (int i = 0; i < 1'000; ++i) blocks.push_back(allocator.Allocate(100));
  std::thread other([&] {
    for (size_t i = 0; i < blocks.size(); i += 2) allocator.FreeElsewhere(blocks[i], 100);
  });
  for (size_t i = 1; i < blocks.size(); i += 2) allocator.Free(blocks[i], 100);
  other.join();
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

#ifndef AMPT_WITHOUT_JEMALLOC  // a sanitizer's own allocator has no such figures
TEST(Allocator, FiguresOfTheProcess) {
  Allocator allocator;
  constexpr size_t kBytes = 32u << 20;
  void* block = allocator.Allocate(kBytes);
  std::memset(block, 1, kBytes);
  const MemoryFigures figures = ReadMemoryFigures();
  EXPECT_GE(figures.allocated_bytes, kBytes);
  EXPECT_GE(figures.active_bytes, kBytes);
  EXPECT_GE(figures.resident_bytes, kBytes);
  allocator.Free(block, kBytes);
  PurgeMemory();
  EXPECT_LT(ReadMemoryFigures().allocated_bytes, figures.allocated_bytes);
}
#endif

TEST(Allocator, HasAName) {
  EXPECT_NE(std::string(AllocatorName()), "");
}

}  // namespace
}  // namespace ampt
