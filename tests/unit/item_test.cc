#include "model/item.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace ampt {
namespace {

// A state that owns its bytes.
struct Owned {
  ValueType type = ValueType::kString;
  std::string value;
  uint32_t created_s = 0;
  uint32_t modified_s = 0;
  TimeMs deadline_ms = kNoDeadline;
  std::array<std::string, limits::kLabels> labels;

  ItemState State() const {
    ItemState state{{type, value}, created_s, modified_s, deadline_ms, {}};
    for (size_t n = 0; n < labels.size(); ++n) state.labels[n] = labels[n];
    return state;
  }
};

void ExpectState(const Item& item, std::string_view key, const Owned& expected) {
  ASSERT_TRUE(item.IsConsistent());
  ASSERT_EQ(item.key(), key);
  ASSERT_EQ(item.value().type, expected.type);
  ASSERT_EQ(item.value().text, expected.value);
  ASSERT_EQ(item.created_s(), expected.created_s);
  ASSERT_EQ(item.modified_s(), expected.modified_s);
  ASSERT_EQ(item.deadline_ms(), expected.deadline_ms);
  ASSERT_EQ(item.has_deadline(), expected.deadline_ms != kNoDeadline);
  bool any = false;
  for (int n = 0; n < limits::kLabels; ++n) {
    ASSERT_EQ(item.label(n), expected.labels[static_cast<size_t>(n)]);
    any |= !item.label(n).empty();
  }
  ASSERT_EQ(item.has_labels(), any);
  const ItemState state = item.state();
  ASSERT_EQ(state.value.text, expected.value);
  ASSERT_EQ(state.labels[4], expected.labels[4]);
}

std::string Fill(Random& random, size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; i += 1 + size / 64) text[i] = static_cast<char>(random.Below(256));
  return text;
}

Owned AnyState(Random& random) {
  // Sizes around the borders between the places a tail can have.
  const size_t sizes[] = {0,   1,    7,    8,    9,    30,      511,    512,
                          513, 1023, 1024, 1025, 4096, 100'000, 1 << 20};
  Owned state;
  state.type = static_cast<ValueType>(random.Below(7));
  state.value = Fill(random, sizes[random.Below(random.OneIn(8) ? std::size(sizes) : 13)]);
  state.created_s = static_cast<uint32_t>(random.Next());
  state.modified_s = static_cast<uint32_t>(random.Next());
  if (random.OneIn(2)) state.deadline_ms = static_cast<TimeMs>(random.Next() >> 1) - 1;
  for (std::string& label : state.labels) {
    if (random.OneIn(3)) label = Fill(random, 1 + random.Below(random.OneIn(5) ? 1026 : 20));
  }
  return state;
}

// What the keyspace does, without indexes.
void Become(Allocator& allocator, Item** item, const ItemState& state) {
  if ((*item)->HasRoomFor(state)) {
    (*item)->Assign(allocator, state);
    return;
  }
  Item* const old = *item;
  *item = Item::CreateInPlaceOf(allocator, *old, state);
  Item::Destroy(allocator, old);
}
void BecomeValue(Allocator& allocator, Item** item, const ValueView& value, uint32_t modified_s) {
  if ((*item)->HasRoomForValue(value.text.size())) {
    (*item)->AssignValue(allocator, value, modified_s);
    return;
  }
  ItemState state = (*item)->state();
  state.value = value;
  state.modified_s = modified_s;
  Become(allocator, item, state);
}

TEST(Item, TakesAllSizesOfKeysAndValues) {
  Allocator allocator;
  Random random(1);
  for (const size_t key_size : {0u, 1u, 7u, 8u, 100u, 65'535u, 65'536u}) {
    for (const size_t size : {0u, 1u, 8u, 1024u, 1025u, 70'000u, 1u << 20}) {
      const std::string key = Fill(random, key_size);
      Owned state;
      state.value = Fill(random, size);
      Item* item = Item::Create(allocator, key, state.State());
      ExpectState(*item, key, state);
      EXPECT_EQ(item->allocated_bytes(), allocator.used_bytes());
      Item::Destroy(allocator, item);
    }
  }
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

TEST(Item, NullViewsAreEmpty) {
  Allocator allocator;
  ItemState state;
  state.value = {ValueType::kString, {}};
  Item* item = Item::Create(allocator, {}, state);
  EXPECT_EQ(item->key(), "");
  EXPECT_EQ(item->value().text, "");
  item->AssignValue(allocator, {ValueType::kString, {}}, 1);
  EXPECT_TRUE(item->IsConsistent());
  Item::Destroy(allocator, item);
}

TEST(Item, GrowsAndShrinksThroughRandomStates) {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Allocator allocator;
    const std::string key = Fill(random, random.Below(300));
    Owned state = AnyState(random);
    Item* item = Item::Create(allocator, key, state.State());
    item->set_access(0xabcdef);
    item->set_snapshot_mark(2);
    for (int i = 0; i < 3'000; ++i) {
      ASSERT_NO_FATAL_FAILURE(ExpectState(*item, key, state));
      ASSERT_EQ(item->allocated_bytes(), allocator.used_bytes());
      Owned next = AnyState(random);
      if (random.OneIn(2)) {
        state.value = next.value;
        state.type = next.type;
        state.modified_s = next.modified_s;
        BecomeValue(allocator, &item, {next.type, next.value}, next.modified_s);
      } else {
        state = next;
        Become(allocator, &item, next.State());
      }
    }
    EXPECT_EQ(item->access(), 0xabcdefu);
    EXPECT_EQ(item->snapshot_mark(), 2u);
    Item::Destroy(allocator, item);
    EXPECT_EQ(allocator.used_bytes(), 0u);
  }
}

// A state may hold views of the very item it is assigned to.
TEST(Item, AssigningViewsOfItself) {
  for (const uint64_t seed : {4u, 5u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Allocator allocator;
    for (int i = 0; i < 1'500; ++i) {
      Owned expected = AnyState(random);
      Item* item = Item::Create(allocator, "key", expected.State());
      ItemState state = item->state();
      switch (random.Below(5)) {
        case 0:  // the deadline comes or goes, everything behind it moves
          expected.deadline_ms = state.deadline_ms = item->has_deadline() ? kNoDeadline : 5;
          Become(allocator, &item, state);
          break;
        case 1: {  // a part of the value as the value
          const size_t from = random.Below(expected.value.size() + 1);
          expected.value = expected.value.substr(from);
          BecomeValue(allocator, &item, {state.value.type, state.value.text.substr(from)}, 9);
          expected.modified_s = 9;
          break;
        }
        case 2: {  // labels change places
          std::swap(state.labels[0], state.labels[4]);
          std::swap(expected.labels[0], expected.labels[4]);
          Become(allocator, &item, state);
          break;
        }
        case 3:  // the value as a label
          expected.labels[1] = expected.value.substr(0, 1026);
          state.labels[1] = state.value.text.substr(0, 1026);
          Become(allocator, &item, state);
          break;
        case 4:  // a label as the value
          expected.value = expected.labels[2];
          BecomeValue(allocator, &item, {expected.type, item->label(2)}, expected.modified_s);
          break;
      }
      ASSERT_NO_FATAL_FAILURE(ExpectState(*item, "key", expected));
      Item::Destroy(allocator, item);
    }
    EXPECT_EQ(allocator.used_bytes(), 0u);
  }
}

TEST(Item, GivesBackTheMemoryOfALargeValue) {
  Allocator allocator;
  Item* item = Item::Create(allocator, "key", {});
  const size_t small = allocator.used_bytes();
  const std::string large(1 << 20, 'x');
  BecomeValue(allocator, &item, StringValue(large), 1);
  EXPECT_GT(allocator.used_bytes(), large.size());
  BecomeValue(allocator, &item, StringValue(std::string_view(large).substr(0, 100'000)), 1);
  EXPECT_LT(allocator.used_bytes(), 250'000u);
  BecomeValue(allocator, &item, StringValue("x"), 1);
  EXPECT_EQ(allocator.used_bytes(), small);
  Item::Destroy(allocator, item);
}

// One whose value has grown is expected to grow again.
TEST(Item, HasRoomToGrowOnceItHasGrown) {
  Allocator allocator;
  Item* item = Item::Create(allocator, "key", {});
  std::string value(400, 'x');
  BecomeValue(allocator, &item, StringValue(value), 1);
  Item* const grown = item;
  EXPECT_TRUE(item->HasRoomForValue(450));
  EXPECT_FALSE(item->HasRoomForValue(500));
  value.resize(450, 'y');
  BecomeValue(allocator, &item, StringValue(value), 1);
  EXPECT_EQ(item, grown);
  EXPECT_EQ(item->value().text, value);
  Item::Destroy(allocator, item);
  EXPECT_EQ(allocator.used_bytes(), 0u);
}

TEST(Item, IsInvisibleFromItsMillisecondOn) {
  Allocator allocator;
  ItemState state;
  Item* item = Item::Create(allocator, "key", state);
  EXPECT_TRUE(item->IsVisible(INT64_MAX));
  state.deadline_ms = 1'000;
  Become(allocator, &item, state);
  EXPECT_TRUE(item->IsVisible(999));
  EXPECT_FALSE(item->IsVisible(1'000));
  EXPECT_FALSE(item->IsVisible(1'001));
  Item::Destroy(allocator, item);
}

}  // namespace
}  // namespace ampt
