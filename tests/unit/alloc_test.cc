#include "base/alloc.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
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

#ifndef AMPT_WITHOUT_JEMALLOC  // a sanitizer's own allocator has no such figures
TEST(Allocator, FiguresOfTheProcess) {
  Allocator allocator;
  const std::array<const Allocator*, 1> all{&allocator};
  // One for jemalloc, the rest for the slabs.
  constexpr size_t kBytes = 32u << 20;
  void* block = allocator.Allocate(kBytes);
  std::memset(block, 1, kBytes);
  std::vector<void*> small;
  constexpr size_t kSmallBytes = 100;
  while (small.size() * kSmallBytes < kBytes) small.push_back(allocator.Allocate(kSmallBytes));
  const MemoryFigures figures = ReadMemoryFigures(all);
  EXPECT_GE(figures.allocated_bytes, 2 * kBytes);
  EXPECT_GE(figures.active_bytes, figures.allocated_bytes);
  EXPECT_GE(figures.resident_bytes, 2 * kBytes);
  EXPECT_LT(ReadMemoryFigures({}).allocated_bytes, figures.allocated_bytes - kBytes);
  allocator.Free(block, kBytes);
  for (void* one : small) allocator.Free(one, kSmallBytes);
  PurgeMemory();
  EXPECT_LT(ReadMemoryFigures(all).allocated_bytes,
            figures.allocated_bytes - 2 * kBytes + 1'000'000);
  allocator.slabs().ReleaseAll();
  EXPECT_LT(allocator.slabs().figures().resident_bytes, Slabs::kRegionBytes + 1);
}
#endif

TEST(Allocator, HasAName) {
  EXPECT_NE(std::string(AllocatorName()), "");
}

}  // namespace
}  // namespace ampt
