#include "model/hash_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/alloc.h"
#include "base/random.h"

namespace ampt {
namespace {

constexpr uint64_t kSeed = 0x5eed;

// An index with the items it refers to.
class Model {
 public:
  ~Model() {
    for (const auto& [key, item] : items_) Item::Destroy(allocator_, item);
  }
  void Insert(const std::string& key) {
    Item* item = Item::Create(allocator_, key, {});
    ASSERT_TRUE(items_.emplace(key, item).second);
    index_.Insert(item, index_.HashOf(key));
  }
  void Erase(const std::string& key) {
    const auto at = items_.find(key);
    index_.Erase(at->second, index_.HashOf(key));
    Item::Destroy(allocator_, at->second);
    items_.erase(at);
  }
  // Another item of the same key takes its place.
  void Replace(const std::string& key) {
    const auto at = items_.find(key);
    Item* item = Item::Create(allocator_, key, {});
    index_.Replace(at->second, item, index_.HashOf(key));
    Item::Destroy(allocator_, at->second);
    at->second = item;
  }
  Item* Find(std::string_view key) const { return index_.Find(key, index_.HashOf(key)); }
  void CheckAll() const {
    index_.CheckInvariants();
    ASSERT_EQ(index_.size(), items_.size());
    for (const auto& [key, item] : items_) ASSERT_EQ(Find(key), item);
  }
  HashIndex& index() { return index_; }
  const std::map<std::string, Item*>& items() const { return items_; }
  const Allocator& allocator() const { return allocator_; }

 private:
  Allocator allocator_;
  HashIndex index_{allocator_, kSeed};
  std::map<std::string, Item*> items_;
};

TEST(HashIndex, EmptyIndex) {
  Model model;
  EXPECT_EQ(model.Find(""), nullptr);
  EXPECT_EQ(model.Find("x"), nullptr);
  model.index().Prefetch(1);
  EXPECT_EQ(model.index().PrefetchItem(1), nullptr);
  model.index().CheckInvariants();
  EXPECT_EQ(model.allocator().used_bytes(), 0u);
}

TEST(HashIndex, PrefetchKnowsNearlyEveryItem) {
  Model model;
  for (int i = 0; i < 5'000; ++i) model.Insert("key:" + std::to_string(i));
  int known = 0;
  for (const auto& [key, item] : model.items()) {
    const Item* found = model.index().PrefetchItem(model.index().HashOf(key));
    known += found == item;
    if (found != nullptr) found->PrefetchRest();
  }
  EXPECT_GT(known, 4'500);
}

TEST(HashIndex, OddKeys) {
  Model model;
  const std::string nul(1, '\0');
  const std::vector<std::string> keys = {"",
                                         nul,
                                         nul + nul,
                                         "\xff",
                                         "a",
                                         "a" + nul,
                                         std::string(65'536, 'x'),
                                         std::string(65'535, 'x')};
  for (const std::string& key : keys) model.Insert(key);
  model.CheckAll();
  EXPECT_EQ(model.Find("b"), nullptr);
  for (const std::string& key : keys) {
    model.Erase(key);
    EXPECT_EQ(model.Find(key), nullptr);
    model.CheckAll();
  }
}

TEST(HashIndex, RandomSequences) {
  for (const uint64_t seed : {1u, 2u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Model model;
    for (int i = 0; i < 60'000; ++i) {
      const std::string key = std::to_string(random.Below(20'000));
      const bool there = model.items().contains(key);
      ASSERT_EQ(model.Find(key) != nullptr, there);
      // Fills up, then empties.
      if (!there && random.Below(3) < (i < 30'000 ? 2u : 1u)) model.Insert(key);
      if (there && random.Below(3) < (i < 30'000 ? 1u : 2u)) model.Erase(key);
      if (there && model.items().contains(key)) model.Replace(key);
      if (i % 5'000 == 0) {
        ASSERT_NO_FATAL_FAILURE(model.CheckAll());
      }
    }
    ASSERT_NO_FATAL_FAILURE(model.CheckAll());
    while (!model.items().empty()) model.Erase(std::string(model.items().begin()->first));
    ASSERT_NO_FATAL_FAILURE(model.CheckAll());
  }
}

TEST(HashIndex, SegmentsSplitAsItGrows) {
  Allocator allocator;
  HashIndex index(allocator, kSeed);
  constexpr int kItems = 300'000;
  std::vector<Item*> items;
  for (int i = 0; i < kItems; ++i) {
    items.push_back(Item::Create(allocator, "key:" + std::to_string(i), {}));
    index.Insert(items.back(), index.HashOf(items.back()->key()));
    if (i % 60'000 == 0) index.CheckInvariants();
  }
  index.CheckInvariants();
  for (Item* item : items) ASSERT_EQ(index.Find(item->key(), index.HashOf(item->key())), item);
  for (int i = 0; i < 1'000; ++i) {
    const std::string key = "other:" + std::to_string(i);
    ASSERT_EQ(index.Find(key, index.HashOf(key)), nullptr);
  }
  EXPECT_LT(index.allocated_bytes(), kItems * 23u);
  // Every other one goes; those that had gone on to a later bucket are still found.
  for (size_t i = 0; i < items.size(); i += 2) {
    index.Erase(items[i], index.HashOf(items[i]->key()));
  }
  index.CheckInvariants();
  EXPECT_EQ(index.size(), kItems / 2u);
  for (size_t i = 0; i < items.size(); ++i) {
    ASSERT_EQ(index.Find(items[i]->key(), index.HashOf(items[i]->key())),
              i % 2 == 0 ? nullptr : items[i]);
  }
  int slices = 1;
  while (!index.DropSome(50)) ++slices;
  EXPECT_GT(slices, 5);
  EXPECT_EQ(index.size(), 0u);
  for (Item* item : items) Item::Destroy(allocator, item);
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

// Keys whose hashes all name the same first bucket: the segments are as full as ever, and every
// item but seven has gone on.
TEST(HashIndex, FiveThousandKeysOfOneBucket) {
  Model model;
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 5'000; ++i) {
    std::string key = "collide:" + std::to_string(i);
    // The bits that choose the bucket, as the index's header says it: above the tag's byte.
    if ((model.index().HashOf(key) >> 8 & 0xffff) * 127 >> 16 == 5) keys.push_back(std::move(key));
  }
  for (const std::string& key : keys) model.Insert(key);
  ASSERT_NO_FATAL_FAILURE(model.CheckAll());
  EXPECT_EQ(model.Find("collide:none"), nullptr);
  Random random(3);
  for (size_t n = keys.size(); n > 1; --n) std::swap(keys[n - 1], keys[random.Below(n)]);
  for (size_t i = 0; i < keys.size(); ++i) {
    model.Erase(keys[i]);
    if (i % 500 == 0) {
      ASSERT_NO_FATAL_FAILURE(model.CheckAll());
    }
  }
  ASSERT_NO_FATAL_FAILURE(model.CheckAll());
  // Counts that had stuck do no harm.
  for (size_t i = 0; i < 1'000; ++i) model.Insert(keys[i]);
  ASSERT_NO_FATAL_FAILURE(model.CheckAll());
}

}  // namespace
}  // namespace ampt
