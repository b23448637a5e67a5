#include "base/random.h"

#include <gtest/gtest.h>

#include <array>

namespace ampt {
namespace {

TEST(Random, FollowsTheReferenceImplementation) {
  // xoshiro256** looks at the second word of its state, which is the second value of splitmix64(0).
  Random random(0);
  const uint64_t s1 = 0x6e789e6aa1b965f4;
  const uint64_t x = s1 * 5;
  EXPECT_EQ(random.Next(), ((x << 7) | (x >> 57)) * 9);
}

TEST(Random, IsRepeatable) {
  Random a(42);
  Random b(42);
  Random other(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t n = a.Next();
    ASSERT_EQ(n, b.Next());
    differs |= n != other.Next();
  }
  EXPECT_TRUE(differs);
}

TEST(Random, BelowIsUniformAndInRange) {
  Random random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 70'000; ++i) ++seen[random.Below(7)];
  for (const int count : seen) {
    EXPECT_GT(count, 9'000);
    EXPECT_LT(count, 11'000);
  }
  EXPECT_EQ(random.Below(1), 0u);
  EXPECT_TRUE(random.OneIn(1));
  for (int i = 0; i < 1'000; ++i) {
    const double unit = random.Unit();
    ASSERT_GE(unit, 0.0);
    ASSERT_LT(unit, 1.0);
  }
}

}  // namespace
}  // namespace ampt
