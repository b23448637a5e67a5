#include "commands/key_walk.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/test_context.h"

namespace ampt {
namespace {

constexpr int kItems = 2000;

// How many calls it takes to look at all items, 1,000 at most each, and the keys that match.
struct Walked {
  int calls = 0;
  std::vector<std::string> keys;
};
Walked WalkAll(TestContext& server, std::string_view pattern) {
  Walked walked;
  KeyWalk walk(pattern);
  bool ended = false;
  while (!ended) {
    ended = walk.Advance(server.store(), server.clock.NowMs(), 1000,
                         [&](const Item& item) { walked.keys.emplace_back(item.key()); });
    ++walked.calls;
  }
  return walked;
}

TEST(KeyWalkTest, ACallIsShorterWhereKeysTakeLongToMatch) {
  TestContext server;
  const std::string as(150, 'a');
  std::vector<std::string> all;
  for (int i = 0; i < kItems; ++i) {
    all.push_back(as + std::to_string(10'000 + i));
    server.Run("SET " + all.back() + " x");
  }
  const Walked plain = WalkAll(server, as.substr(100) + "*");
  EXPECT_EQ(plain.keys, all);
  EXPECT_LE(plain.calls, 4);
  // The search begins again at each byte and goes on for 75: 10 KB a key.
  const std::string slow = "*" + as.substr(75);
  EXPECT_EQ(WalkAll(server, slow + "*").keys, all);
  const Walked none = WalkAll(server, slow + "b*");
  EXPECT_TRUE(none.keys.empty());
  EXPECT_GT(none.calls, kItems / 20);
}

}  // namespace
}  // namespace ampt
