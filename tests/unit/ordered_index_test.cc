#include "model/ordered_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/alloc.h"
#include "base/random.h"
#include "model/item.h"
#include "model/label.h"

namespace ampt {
namespace {

using KeyIndex = OrderedIndex<ByKey>;
using Keys = std::set<std::string>;

// Owns items, by key; an index only refers to them.
class Items {
 public:
  explicit Items(Allocator& allocator) : allocator_(allocator) {}
  Items(const Items&) = delete;
  ~Items() {
    for (const auto& [key, item] : items_) Item::Destroy(allocator_, item);
  }
  Item* Make(const std::string& key, const ItemState& state = {}) {
    Item*& item = items_[key];
    EXPECT_EQ(item, nullptr);
    item = Item::Create(allocator_, key, state);
    return item;
  }
  Item* Get(const std::string& key) { return items_.at(key); }
  // Another item of the same key; the old one is the caller's.
  Item* MakeAgain(const std::string& key) {
    return items_.at(key) = Item::Create(allocator_, key, {});
  }
  void Destroy(const std::string& key) {
    Item::Destroy(allocator_, items_.at(key));
    items_.erase(key);
  }

 private:
  Allocator& allocator_;
  std::map<std::string, Item*> items_;
};

// The index and a std::set beside it.
class Model {
 public:
  void Insert(const std::string& key) {
    index_.Insert(items_.Make(key));
    keys_.insert(key);
  }
  void Erase(const std::string& key) {
    index_.Erase(items_.Get(key));
    items_.Destroy(key);
    keys_.erase(key);
  }
  void Replace(const std::string& key) {
    Item* const old = items_.Get(key);
    index_.Replace(old, items_.MakeAgain(key));
    // Whoever still refers to it reads what is no item any more.
    Item::Destroy(allocator_, old);
  }
  bool Has(const std::string& key) const { return keys_.contains(key); }

  void CheckWalks() const {
    index_.CheckInvariants();
    ASSERT_EQ(index_.size(), keys_.size());
    auto forward = keys_.begin();
    for (KeyIndex::Cursor at = index_.First(); at.Valid(); at.Next(), ++forward) {
      ASSERT_TRUE(forward != keys_.end());
      ASSERT_EQ(at.item()->key(), *forward);
    }
    ASSERT_TRUE(forward == keys_.end());
    auto backward = keys_.rbegin();
    for (KeyIndex::Cursor at = index_.Last(); at.Valid(); at.Prev(), ++backward) {
      ASSERT_TRUE(backward != keys_.rend());
      ASSERT_EQ(at.item()->key(), *backward);
    }
    ASSERT_TRUE(backward == keys_.rend());
  }

  // Cost: linear, for the rank.
  void CheckProbe(const std::string& probe) const {
    const auto at = keys_.lower_bound(probe);
    const KeyIndex::Cursor found = index_.Seek(probe);
    ASSERT_EQ(found.Valid(), at != keys_.end());
    if (found.Valid()) {
      ASSERT_EQ(found.item()->key(), *at);
    }
    const KeyIndex::Cursor before = index_.SeekBefore(probe);
    ASSERT_EQ(before.Valid(), at != keys_.begin());
    if (before.Valid()) {
      ASSERT_EQ(before.item()->key(), *std::prev(at));
    }
    const auto rank = static_cast<size_t>(std::distance(keys_.begin(), at));
    ASSERT_EQ(index_.Rank(probe), rank);
    if (at != keys_.end()) {
      ASSERT_EQ(index_.Nth(rank)->key(), *at);
    }
  }

  const Keys& keys() const { return keys_; }
  KeyIndex& index() { return index_; }
  const Allocator& allocator() const { return allocator_; }

 private:
  Allocator allocator_;
  Items items_{allocator_};
  KeyIndex index_{allocator_};
  Keys keys_;
};

std::string Numbered(const char* prefix, int n) {
  char text[32];
  std::snprintf(text, sizeof text, "%s%06d", prefix, n);
  return text;
}

// A kind of keys: what a random one looks like.
using MakeKey = std::string (*)(Random&);

std::string AnyBytes(Random& random) {
  std::string key;
  const size_t size = random.Below(12);
  // Few different bytes, the least and the greatest among them: many equal heads and prefixes.
  for (size_t i = 0; i < size; ++i) key.push_back("\0\x01\x7f\x80\xfe\xff"[random.Below(6)]);
  return key;
}

std::string SharedPrefixes(Random& random) {
  // One of a few long runs of the same byte, then a little that differs.
  std::string key(random.Below(201), static_cast<char>('a' + random.Below(2)));
  for (uint64_t i = random.Below(4); i > 0; --i) {
    key.push_back(static_cast<char>('a' + random.Below(4)));
  }
  return key;
}

std::string Namespaced(Random& random) {
  return "tenant-" + std::to_string(random.Below(4)) +
         ":order:" + std::to_string(random.Below(100'000));
}

std::string LongKeys(Random& random) {
  std::string key(65'000 + random.Below(3) * 260, 'k');
  for (int i = 0; i < 8; ++i) key.push_back(static_cast<char>('0' + random.Below(3)));
  return key;
}

struct Kind {
  const char* name;
  MakeKey make;
  int operations;
};

class RandomSequences : public testing::TestWithParam<Kind> {};

TEST_P(RandomSequences, AgreeWithASet) {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Model model;
    const int operations = GetParam().operations;
    for (int i = 0; i < operations; ++i) {
      // Grows for a third of the time, then to and fro, and then shrinks.
      const uint64_t insert_of_ten = i < operations / 3 ? 8 : i < operations * 2 / 3 ? 5 : 2;
      const std::string key = GetParam().make(random);
      if (random.Below(10) < insert_of_ten) {
        if (!model.Has(key)) model.Insert(key);
      } else {
        const auto at = model.keys().lower_bound(key);
        if (at != model.keys().end()) model.Erase(std::string(*at));
      }
      if (const auto at = model.keys().lower_bound(GetParam().make(random));
          at != model.keys().end()) {
        model.Replace(std::string(*at));
      }
      if (i % 16 == 0) {
        ASSERT_NO_FATAL_FAILURE(model.CheckProbe(GetParam().make(random)));
      }
      if (i % (operations / 40) == 0) {
        ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
      }
    }
    ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
    while (!model.keys().empty()) model.Erase(std::string(*model.keys().begin()));
    ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
    EXPECT_EQ(model.index().allocated_bytes(), 0u);
    EXPECT_EQ(model.allocator().used_bytes(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(OrderedIndex, RandomSequences,
                         testing::Values(Kind{"AnyBytes", &AnyBytes, 24'000},
                                         Kind{"SharedPrefixes", &SharedPrefixes, 12'000},
                                         Kind{"Namespaced", &Namespaced, 24'000},
                                         Kind{"LongKeys", &LongKeys, 600}),
                         [](const auto& kind) { return kind.param.name; });

TEST(OrderedIndex, EmptyIndex) {
  Allocator allocator;
  const KeyIndex index(allocator);
  index.CheckInvariants();
  EXPECT_TRUE(index.empty());
  EXPECT_FALSE(index.First().Valid());
  EXPECT_FALSE(index.Last().Valid());
  EXPECT_FALSE(index.Seek("").Valid());
  EXPECT_FALSE(index.SeekBefore("x").Valid());
  EXPECT_EQ(index.Rank("x"), 0u);
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

TEST(OrderedIndex, EdgesOfTheOrder) {
  const std::string nul(1, '\0');
  const std::vector<std::string> edges = {"",
                                          nul,
                                          nul + nul,
                                          "\x01",
                                          "a",
                                          "a" + nul,
                                          "a" + nul + nul,
                                          "a" + nul + "b",
                                          "aaaa",
                                          "aaaa" + nul,
                                          "aaaa" + nul + "b",
                                          "aaab",
                                          "\xfe",
                                          "\xff",
                                          "\xff" + nul,
                                          "\xff\xff",
                                          std::string(65'536, 'z'),
                                          std::string(65'536, '\xff')};
  Model model;
  for (const std::string& key : edges) {
    model.Insert(key);
    ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
  }
  for (const std::string& key : edges) {
    ASSERT_NO_FATAL_FAILURE(model.CheckProbe(key));
    ASSERT_NO_FATAL_FAILURE(model.CheckProbe(key + nul));
    ASSERT_NO_FATAL_FAILURE(model.CheckProbe(key + "\xff"));
    if (!key.empty()) {
      ASSERT_NO_FATAL_FAILURE(model.CheckProbe(key.substr(0, key.size() - 1)));
    }
  }
}

TEST(OrderedIndex, AscendingInsertsFillTheNodes) {
  Model model;
  for (int i = 0; i < 50'000; ++i) model.Insert(Numbered("asc:", i));
  ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
  EXPECT_LT(model.index().allocated_bytes(), 50'000u * 14);
  for (const int i : {0, 1, 81, 82, 83, 3279, 3280, 49'999}) {
    ASSERT_NO_FATAL_FAILURE(model.CheckProbe(Numbered("asc:", i)));
  }
}

// Behind an insert into the last leaf the next one looks there first.
TEST(OrderedIndex, InsertsBehindAndBeforeTheLastLeaf) {
  Model model;
  for (int i = 0; i < 10'000; ++i) model.Insert(Numbered("p", i));
  for (int i = 5'000; i < 5'200; ++i) model.Insert(Numbered("q", i));
  // It shares a byte with the last leaf's items, and others with the root's.
  model.Insert(Numbered("q", 1));
  ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
  Random random(7);
  for (int i = 0; i < 3'000; ++i) {
    std::string key = Numbered("r", i);  // behind all
    const auto kind = random.Below(4);
    if (kind == 0) {
      key =
          *std::next(model.keys().rbegin(), static_cast<int>(random.Below(150))) + Numbered("-", i);
    } else if (kind == 1) {
      key = Numbered("a", i);
    } else if (kind == 2) {
      key = Numbered("q0", i);
    }
    model.Insert(key);
    if (random.OneIn(50)) {
      ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
    }
  }
}

TEST(OrderedIndex, DescendingInserts) {
  Model model;
  for (int i = 20'000; i-- > 0;) model.Insert(Numbered("desc:", i));
  ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
  EXPECT_LT(model.index().allocated_bytes(), 20'000u * 28);
}

TEST(OrderedIndex, EraseToEmptyAndBackFromEitherEnd) {
  for (const bool from_the_front : {true, false}) {
    SCOPED_TRACE(from_the_front);
    Model model;
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 8'000; ++i) model.Insert(Numbered("", i * 7919 % 8'000));
      while (!model.keys().empty()) {
        model.Erase(std::string(from_the_front ? *model.keys().begin() : *model.keys().rbegin()));
        if (model.keys().size() % 500 == 0) {
          ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
        }
      }
      EXPECT_EQ(model.index().allocated_bytes(), 0u);
    }
  }
}

// An inner node with one child has a prefix that nothing in the node vouches for.
TEST(OrderedIndex, TheLastChildOfANodeChangesItsFirstItem) {
  Model model;
  // Ascending inserts give leaves of 82 and nodes of 40 of them. The border between p and q lies in
  // the last leaf of the second node.
  constexpr int kNode = 82 * 40;
  for (int i = 0; i < 2 * kNode - 40; ++i) model.Insert(Numbered("p", i));
  for (int i = 0; i < kNode + 40; ++i) model.Insert(Numbered("q", i));
  ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
  for (int i = kNode; i < 2 * kNode - 40; ++i) {
    model.Erase(Numbered("p", i));
    if (i % 82 == 0 || i > 2 * kNode - 100) {
      ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
    }
  }
  ASSERT_NO_FATAL_FAILURE(model.CheckProbe("p999999"));
  ASSERT_NO_FATAL_FAILURE(model.CheckProbe("q000000"));
  for (int i = 0; i < 30; ++i) model.Insert(Numbered("p", kNode + 100 + i));
  ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
}

// Random runs of neighbours go, so that whole subtrees empty beside full ones.
TEST(OrderedIndex, ErasingRunsOfNeighbours) {
  for (const uint64_t seed : {11u, 12u, 13u, 14u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Model model;
    const bool ascending = random.OneIn(2);
    for (int i = 0; i < 15'000; ++i) {
      model.Insert(Numbered("run:", ascending ? i : i * 7919 % 15'000));
    }
    while (model.keys().size() > 100) {
      auto at = model.keys().lower_bound(Numbered("run:", static_cast<int>(random.Below(15'000))));
      for (uint64_t n = random.Below(2'500); n > 0 && at != model.keys().end(); --n) {
        const std::string key = *at++;
        model.Erase(key);
        if (random.OneIn(200)) {
          ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
        }
      }
      for (int n = 0; n < 20; ++n) {
        const std::string key = Numbered("run:", static_cast<int>(random.Below(15'000)));
        if (!model.Has(key)) model.Insert(key);
      }
      ASSERT_NO_FATAL_FAILURE(model.CheckWalks());
    }
  }
}

TEST(OrderedIndex, MovingAndSwapping) {
  Allocator allocator;
  Items items(allocator);
  KeyIndex a(allocator);
  for (int i = 0; i < 200; ++i) a.Insert(items.Make(Numbered("", i)));
  KeyIndex b(std::move(a));
  b.CheckInvariants();
  EXPECT_EQ(b.size(), 200u);
  KeyIndex c(allocator);
  c.Insert(items.Make("x"));
  c = std::move(b);
  c.CheckInvariants();
  EXPECT_EQ(c.size(), 200u);
  EXPECT_EQ(c.First().item()->key(), "000000");
}

TEST(OrderedIndex, DroppingInSlicesReleasesEveryItemOnce) {
  Allocator allocator;
  std::set<std::string> released;
  {
    KeyIndex index(allocator);
    for (int i = 0; i < 20'000; ++i) {
      index.Insert(Item::Create(allocator, Numbered("", i * 7919 % 20'000), {}));
    }
    size_t most = 0;
    int slices = 1;
    while (!index.DropSome(10, [&](const ItemPointer* items, size_t count) {
      for (size_t i = 0; i < count; ++i) {
        EXPECT_TRUE(released.emplace(items[i]->key()).second);
        Item::Destroy(allocator, items[i]);
      }
    })) {
      most = std::max(most, released.size() / static_cast<size_t>(slices));
      EXPECT_EQ(index.size(), 20'000 - released.size());
      ++slices;
    }
    EXPECT_GT(slices, 20);
    EXPECT_LE(most, 10u * 82);
    EXPECT_EQ(released.size(), 20'000u);
    EXPECT_EQ(allocator.used_bytes(), 0u);
    // An emptied index can be used again.
    Item* item = Item::Create(allocator, "again", {});
    index.Insert(item);
    index.CheckInvariants();
    index.Erase(item);
    Item::Destroy(allocator, item);
  }
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

// --- labels and deadlines: pairs
// ------------------------------------------------------------------

TEST(LabelIndex, IsInTheOrderOfLabelAndKey) {
  for (const uint64_t seed : {21u, 22u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Allocator allocator;
    Items items(allocator);
    OrderedIndex<ByLabel> index(allocator, ByLabel{2});
    std::set<std::pair<std::string, std::string>> expected;
    std::map<std::string, std::string> label_of;
    const auto check = [&] {
      index.CheckInvariants();
      auto next = expected.begin();
      std::string scratch;
      for (auto at = index.First(); at.Valid(); at.Next(), ++next) {
        ASSERT_EQ(at.item()->key(), next->second);
        ASSERT_EQ(DecodeLabel(at.item()->label(2), &scratch), next->first);
      }
      ASSERT_TRUE(next == expected.end());
    };
    for (int i = 0; i < 8'000; ++i) {
      const std::string key = AnyBytes(random);
      if (const auto old = label_of.find(key); old != label_of.end()) {
        index.Erase(items.Get(key));
        items.Destroy(key);
        expected.erase({old->second, key});
        label_of.erase(old);
      } else {
        // Many equal labels, and labels that begin with one another.
        std::string label = AnyBytes(random).substr(0, 1 + random.Below(4));
        if (label.empty()) label.assign(1, '\0');
        std::string scratch;
        ItemState state;
        state.labels[2] = EncodeLabel(label, &scratch);
        index.Insert(items.Make(key, state));
        expected.emplace(label, key);
        label_of[key] = label;
      }
      if (i % 400 == 0) {
        ASSERT_NO_FATAL_FAILURE(check());
      }
    }
    ASSERT_NO_FATAL_FAILURE(check());
    // Every prefix of every text finds the same place as in the set.
    for (const auto& [label, key] : expected) {
      std::string scratch;
      std::string text(EncodeLabel(label, &scratch));
      const auto first = expected.lower_bound({label, ""});
      ASSERT_EQ(index.Rank(text), static_cast<size_t>(std::distance(expected.begin(), first)));
      text.append(1, '\0').append(key);
      ASSERT_TRUE(index.Seek(text).Valid());
      ASSERT_EQ(index.Seek(text).item(), items.Get(key));
    }
  }
}

TEST(DeadlineIndex, IsInTheOrderOfTimeAndTiesAreInTheOrderOfKeys) {
  Random random(31);
  Allocator allocator;
  Items items(allocator);
  OrderedIndex<ByDeadline> index(allocator);
  std::set<std::pair<TimeMs, std::string>> expected;
  const TimeMs odd[] = {INT64_MIN, -1, 0, 1, 255, 256, 1'700'000'000'000, INT64_MAX - 1};
  for (int i = 0; i < 6'000; ++i) {
    const std::string key = "k" + std::to_string(i * 7919 % 6'000);
    ItemState state;
    state.deadline_ms = random.OneIn(2) ? odd[random.Below(std::size(odd))]
                                        : 1'700'000'000'000 + static_cast<TimeMs>(random.Below(50));
    index.Insert(items.Make(key, state));
    expected.emplace(state.deadline_ms, key);
    if (random.OneIn(3)) {
      const auto first = *expected.begin();
      ASSERT_EQ(index.First().item()->key(), first.second);
      index.Erase(items.Get(first.second));
      expected.erase(first);
    }
    if (i % 500 == 0) index.CheckInvariants();
  }
  auto next = expected.begin();
  for (auto at = index.First(); at.Valid(); at.Next(), ++next) {
    ASSERT_EQ(at.item()->deadline_ms(), next->first);
    ASSERT_EQ(at.item()->key(), next->second);
  }
  EXPECT_TRUE(next == expected.end());
}

}  // namespace
}  // namespace ampt
