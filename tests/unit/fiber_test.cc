// Fiber: jobs on a stack of their own, which stop and go on.
#include "server/fiber.h"

#include <gtest/gtest.h>
#include <setjmp.h>

#include <memory>
#include <string>
#include <vector>

namespace ampt {
namespace {

TEST(FiberTest, RunsAJobToItsEnd) {
  Fiber fiber;
  std::string log = "a";
  EXPECT_TRUE(fiber.Run([&] {
    EXPECT_TRUE(fiber.is_running());
    log += "b";
  }));
  log += "c";
  EXPECT_EQ(log, "abc");
  EXPECT_FALSE(fiber.is_running());
  EXPECT_FALSE(fiber.is_suspended());
}

TEST(FiberTest, RunsOneJobAfterTheOther) {
  Fiber fiber;
  int sum = 0;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(fiber.Run([&sum, i] { sum += i; }));
  EXPECT_EQ(sum, 999 * 1000 / 2);
}

TEST(FiberTest, GoesOnWhereItWasSuspended) {
  Fiber fiber;
  std::vector<int> seen;
  EXPECT_FALSE(fiber.Run([&] {
    for (int i = 0; i < 3; ++i) {
      seen.push_back(i);
      fiber.Suspend();
    }
    seen.push_back(3);
  }));
  EXPECT_EQ(seen, std::vector<int>({0}));
  EXPECT_TRUE(fiber.is_suspended());
  EXPECT_FALSE(fiber.is_running());
  EXPECT_FALSE(fiber.GoOn());
  EXPECT_FALSE(fiber.GoOn());
  EXPECT_EQ(seen, std::vector<int>({0, 1, 2}));
  EXPECT_TRUE(fiber.GoOn());
  EXPECT_EQ(seen, std::vector<int>({0, 1, 2, 3}));
  EXPECT_FALSE(fiber.is_suspended());
  EXPECT_TRUE(fiber.Run([&] { seen.clear(); }));
  EXPECT_TRUE(seen.empty());
}

// Stack frames below one another, each suspended on its way down and on its way up.
int SumSlowly(Fiber& fiber, int n) {
  std::string text(static_cast<size_t>(n), 'x');
  fiber.Suspend();
  const int sum = n == 0 ? 0 : SumSlowly(fiber, n - 1);
  fiber.Suspend();
  return sum + static_cast<int>(text.size());
}

TEST(FiberTest, KeepsItsFramesWhileItIsSuspended) {
  Fiber fiber;
  int sum = 0;
  EXPECT_FALSE(fiber.Run([&] { sum = SumSlowly(fiber, 100); }));
  int turns = 1;
  while (!fiber.GoOn()) ++turns;
  EXPECT_EQ(turns, 202);
  EXPECT_EQ(sum, 5050);
}

TEST(FiberTest, KeepsTheJobItselfAndEndsItOnce) {
  Fiber fiber;
  auto held = std::make_shared<int>(7);
  const std::weak_ptr<int> watched = held;
  int seen = 0;
  EXPECT_FALSE(fiber.Run([&fiber, &seen, held = std::move(held)] {
    fiber.Suspend();
    seen = *held;
  }));
  EXPECT_FALSE(watched.expired());
  EXPECT_TRUE(fiber.GoOn());
  EXPECT_EQ(seen, 7);
  EXPECT_TRUE(watched.expired());
}

TEST(FiberTest, TwoTakeTurns) {
  Fiber one;
  Fiber other;
  std::string log;
  const auto write = [&log](Fiber& fiber, char c) {
    for (int i = 0; i < 3; ++i) {
      log += c;
      fiber.Suspend();
    }
  };
  EXPECT_FALSE(one.Run([&] { write(one, 'a'); }));
  EXPECT_FALSE(other.Run([&] { write(other, 'b'); }));
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(one.GoOn());
    EXPECT_FALSE(other.GoOn());
  }
  EXPECT_TRUE(one.GoOn());
  EXPECT_TRUE(other.GoOn());
  EXPECT_EQ(log, "ababab");
}

// Each frame takes at least a kilobyte and cannot be left out.
size_t Deep(size_t n) {
  volatile char frame[1024];
  frame[0] = static_cast<char>(n);
  frame[1023] = 1;
  return n == 0 ? 0 : Deep(n - 1) + static_cast<size_t>(frame[1023]);
}

TEST(FiberTest, HasADeepStack) {
  Fiber fiber;
  size_t depth = 0;
  EXPECT_TRUE(fiber.Run([&] { depth = Deep(3000); }));
  EXPECT_EQ(depth, 3000u);
}

// As Lua reports errors.
TEST(FiberTest, JumpsWithinAJob) {
  Fiber fiber;
  int errors = 0;
  const auto fail_some = [&] {
    while (errors < 5) {
      jmp_buf before;
      if (setjmp(before) != 0) {
        ++errors;
        continue;
      }
      fiber.Suspend();
      longjmp(before, 1);
    }
  };
  EXPECT_FALSE(fiber.Run(fail_some));
  while (!fiber.GoOn()) {
  }
  EXPECT_EQ(errors, 5);
}

}  // namespace
}  // namespace ampt
