// Names come and go, whatever their number, and no single step is a long one.
#include "base/name_map.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.h"

namespace ampt {
namespace {

using Map = NameMap<int>;

TEST(NameMapTest, FindsWhatWasAdded) {
  Map map(1);
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.Find("a"), nullptr);
  Map::Node& a = map.Add("a");
  a.value = 7;
  map.Add("").value = 8;
  EXPECT_EQ(map.Find("a"), &a);
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(map.Find("")->value, 8);
  EXPECT_EQ(map.size(), 2u);
  map.Remove(a);
  EXPECT_EQ(map.Find("a"), nullptr);
  map.Remove(*map.Find(""));
  EXPECT_TRUE(map.empty());
}

TEST(NameMapTest, NodesStayWhereTheyAre) {
  Map map(2);
  Map::Node& first = map.Add("first");
  constexpr int kNames = 10'000;
  for (int i = 0; i < kNames; ++i) map.Add(std::to_string(i)).value = i;
  EXPECT_EQ(map.Find("first"), &first);
  for (int i = 0; i < kNames; ++i) {
    Map::Node* const node = map.Find(std::to_string(i));
    ASSERT_NE(node, nullptr) << i;
    EXPECT_EQ(node->value, i);
    map.Remove(*node);
  }
  EXPECT_EQ(map.size(), 1u);
  EXPECT_EQ(map.Find("first"), &first);
}

TEST(NameMapTest, AVisitEndsWhenItIsToldTo) {
  Map map(3);
  for (int i = 0; i < 100; ++i) map.Add(std::to_string(i)).value = i;
  int visited = 0;
  EXPECT_TRUE(map.AnyOf([&](const Map::Node&) { return ++visited == 10; }));
  EXPECT_EQ(visited, 10);
  EXPECT_FALSE(map.AnyOf([&](const Map::Node& node) { return node.value == 100; }));
}

// Against a std::map, growing and shrinking over many powers of two.
TEST(NameMapTest, AnyNamesInAnyOrder) {
  Map map(4);
  std::map<std::string, int> model;
  Random random(5);
  for (int step = 0; step < 200'000; ++step) {
    // Waves of more and of fewer.
    const bool grows = step / 20'000 % 2 == 0;
    const std::string name = std::to_string(random.Next() % 5000);
    Map::Node* const node = map.Find(name);
    ASSERT_EQ(node != nullptr, model.contains(name));
    if (node != nullptr) {
      ASSERT_EQ(node->value, model[name]);
    }
    const bool wants = random.Next() % 8 != 0 ? grows : !grows;
    if (wants && node == nullptr) {
      map.Add(name).value = step;
      model[name] = step;
    } else if (!wants && node != nullptr) {
      map.Remove(*node);
      model.erase(name);
    }
    ASSERT_EQ(map.size(), model.size());
    if (step % 10'000 != 0) continue;
    std::map<std::string, int> visited;
    map.ForEach([&](const Map::Node& each) { visited[each.name] = each.value; });
    ASSERT_EQ(visited, model);
  }
}

}  // namespace
}  // namespace ampt
