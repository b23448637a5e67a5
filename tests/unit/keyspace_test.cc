#include "model/keyspace.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"

namespace ampt {
namespace {

constexpr TimeMs kNow = 1'700'000'000'000;

// Writes down every call: "will k=old client", "created k=new client", "flush".
class RecordingEffects : public Effects {
 public:
  explicit RecordingEffects(const Keyspace* keyspace) : keyspace_(keyspace) {}

  void WillChange(int database, const Item& item, Origin origin) override {
    EXPECT_EQ(database, keyspace_->database());
    // Still linked.
    EXPECT_EQ(keyspace_->by_key().Seek(item.key()).item(), &item);
    Note("will", item, origin);
  }
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    EXPECT_EQ(database, keyspace_->database());
    const auto at = keyspace_->by_key().Seek(item.key());
    const bool linked = at.Valid() && at.item() == &item;
    EXPECT_EQ(linked, kind != ChangeKind::kDeleted);
    static constexpr const char* kKinds[] = {"created", "updated", "deleted"};
    Note(kKinds[static_cast<int>(kind)], item, origin);
  }
  void WillFlush(int database) override {
    EXPECT_EQ(database, keyspace_->database());
    calls_.push_back("flush " + std::to_string(keyspace_->items()));
  }

  std::vector<std::string> Take() { return std::exchange(calls_, {}); }

 private:
  void Note(const char* what, const Item& item, Origin origin) {
    static constexpr const char* kOrigins[] = {"client", "expired", "evicted", "moved", "loaded"};
    std::string call = what;
    call.append(1, ' ').append(item.key()).append(1, '=').append(item.value().text);
    calls_.push_back(call + " " + kOrigins[static_cast<int>(origin)]);
  }
  const Keyspace* keyspace_;
  std::vector<std::string> calls_;
};

using Calls = std::vector<std::string>;

ItemState Text(std::string_view value, TimeMs deadline_ms = kNoDeadline) {
  return {StringValue(value), 1, 1, deadline_ms, {}};
}

class KeyspaceTest : public testing::Test {
 protected:
  KeyspaceTest() { keyspace_.set_effects(&effects_); }
  void Put(std::string_view key, std::string_view value, TimeMs deadline_ms = kNoDeadline) {
    keyspace_.Open(key, kNow).Put(Text(value, deadline_ms));
  }
  std::string Value(std::string_view key, TimeMs now_ms = kNow) {
    const Item* item = keyspace_.Find(key, now_ms);
    return item == nullptr ? "(none)" : std::string(item->value().text);
  }

  Allocator allocator_;
  Keyspace keyspace_{allocator_, 3, 0x5eed};
  RecordingEffects effects_{&keyspace_};
};

TEST_F(KeyspaceTest, EveryChangeIsReportedOnce) {
  KeyRef ref = keyspace_.Open("k", kNow);
  EXPECT_FALSE(ref.exists());
  EXPECT_EQ(effects_.Take(), Calls{});
  ref.Put(Text("1"));
  EXPECT_TRUE(ref.exists());
  EXPECT_EQ(ref.item().value().text, "1");
  EXPECT_EQ(effects_.Take(), (Calls{"created k=1 client"}));
  ref.Put(Text("2"));
  EXPECT_EQ(effects_.Take(), (Calls{"will k=1 client", "updated k=2 client"}));
  ref.SetValue(StringValue("3"), 9);
  EXPECT_EQ(effects_.Take(), (Calls{"will k=2 client", "updated k=3 client"}));
  ref.SetDeadline(kNow + 5, 10, Origin::kMoved);
  EXPECT_EQ(effects_.Take(), (Calls{"will k=3 moved", "updated k=3 moved"}));
  EXPECT_EQ(ref.item().modified_s(), 10u);
  EXPECT_EQ(ref.item().deadline_ms(), kNow + 5);
  ref.Erase();
  EXPECT_FALSE(ref.exists());
  EXPECT_EQ(effects_.Take(), (Calls{"will k=3 client", "deleted k=3 client"}));
  ref.Put(Text("again"), Origin::kLoaded);
  EXPECT_EQ(effects_.Take(), (Calls{"created k=again loaded"}));
  EXPECT_EQ(keyspace_.changes(), 6u);
}

TEST_F(KeyspaceTest, AnExpiredItemOpenedForWritingIsDeletedFirst) {
  Put("k", "old", kNow + 10);
  effects_.Take();
  EXPECT_EQ(Value("k", kNow + 9), "old");
  EXPECT_EQ(Value("k", kNow + 10), "(none)");
  EXPECT_EQ(effects_.Take(), Calls{});  // reading removes nothing
  EXPECT_EQ(keyspace_.items(), 1u);
  KeyRef ref = keyspace_.Open("k", kNow + 10);
  EXPECT_FALSE(ref.exists());
  ref.Put(Text("new"));
  EXPECT_EQ(effects_.Take(),
            (Calls{"will k=old expired", "deleted k=old expired", "created k=new client"}));
  EXPECT_EQ(keyspace_.expired(), 1u);
  keyspace_.CheckInvariants();
}

TEST_F(KeyspaceTest, ExpiresInOrderOfDeadlineThenKeyAndInSlices) {
  Put("c", "3", kNow + 5);
  Put("b", "2", kNow + 5);
  Put("a", "1", kNow + 6);
  Put("d", "4", kNow + 4);
  Put("later", "5", kNow + 7);
  Put("never", "6");
  effects_.Take();
  EXPECT_EQ(keyspace_.NextDeadline(), kNow + 4);
  EXPECT_EQ(keyspace_.VisibleItems(kNow + 3), 6u);
  EXPECT_EQ(keyspace_.VisibleItems(kNow + 4), 5u);
  EXPECT_EQ(keyspace_.VisibleItems(kNow + 6), 2u);
  EXPECT_EQ(keyspace_.ExpireSome(kNow + 3, 10), 0u);
  EXPECT_EQ(keyspace_.ExpireSome(kNow + 6, 3), 3u);
  EXPECT_EQ(effects_.Take(),
            (Calls{"will d=4 expired", "deleted d=4 expired", "will b=2 expired",
                   "deleted b=2 expired", "will c=3 expired", "deleted c=3 expired"}));
  EXPECT_EQ(keyspace_.VisibleItems(kNow + 6), 2u);
  EXPECT_EQ(keyspace_.ExpireSome(kNow + 6, 3), 1u);
  EXPECT_EQ(keyspace_.ExpireSome(kNow + 6, 3), 0u);
  EXPECT_EQ(keyspace_.NextDeadline(), kNow + 7);
  EXPECT_EQ(keyspace_.expired(), 4u);
  EXPECT_EQ(keyspace_.items(), 2u);
  keyspace_.CheckInvariants();
}

TEST_F(KeyspaceTest, TheMeanLifetimeIsOfTheSample) {
  EXPECT_EQ(keyspace_.AverageTtlMs(kNow), 0);
  Put("a", "1", kNow + 1'000);
  Put("b", "1", kNow + 3'000);
  Put("c", "1");
  EXPECT_EQ(keyspace_.AverageTtlMs(kNow), 2'000);
  EXPECT_EQ(keyspace_.AverageTtlMs(kNow + 10'000), 0);
}

TEST_F(KeyspaceTest, RandomItemsAreVisibleOnes) {
  EXPECT_EQ(keyspace_.RandomItem(5, kNow), nullptr);
  for (int i = 0; i < 1'000; ++i) Put("x" + std::to_string(i), "1", kNow + 1);
  EXPECT_EQ(keyspace_.RandomItem(5, kNow + 1), nullptr);
  Put("a", "1");
  Put("b", "1");
  std::set<std::string> seen;
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    const Item* item = keyspace_.RandomItem(random.Next(), kNow + 1);
    ASSERT_NE(item, nullptr);
    seen.emplace(item->key());
    ASSERT_TRUE(item->IsVisible(kNow + 1));
  }
  EXPECT_TRUE(seen.contains("a"));
  keyspace_.ExpireSome(kNow + 1, 10'000);
  std::map<std::string_view, int> counts;
  for (int i = 0; i < 2'000; ++i) ++counts[keyspace_.RandomItem(random.Next(), kNow)->key()];
  EXPECT_GT(counts["a"], 800);
  EXPECT_GT(counts["b"], 800);
}

TEST_F(KeyspaceTest, AStateMayHoldViewsOfTheOldItem) {
  const std::string value(3'000, 'v');
  ItemState state = Text(value, kNow + 100);
  state.labels[0] = "first";
  state.labels[3] = "fourth";
  KeyRef ref = keyspace_.Open("k", kNow);
  ref.Put(state);
  // Labels change places, the deadline goes: all of it out of the old item.
  ItemState next = ref.item().state();
  std::swap(next.labels[0], next.labels[3]);
  next.labels[1] = next.value.text.substr(0, 20);
  next.deadline_ms = kNoDeadline;
  ref.Put(next);
  EXPECT_EQ(ref.item().label(0), "fourth");
  EXPECT_EQ(ref.item().label(1), std::string(20, 'v'));
  EXPECT_EQ(ref.item().label(3), "first");
  EXPECT_EQ(ref.item().value().text, value);
  keyspace_.CheckInvariants();
  EXPECT_EQ(keyspace_.items_with_deadline(), 0u);
  ref.SetValue({ValueType::kString, ref.item().value().text.substr(2'990)}, 2);
  EXPECT_EQ(ref.item().value().text, std::string(10, 'v'));
  ref.SetValue(StringValue(ref.item().label(0)), 2);
  EXPECT_EQ(ref.item().value().text, "fourth");
  keyspace_.CheckInvariants();
}

TEST_F(KeyspaceTest, DetachingTakesAllAtOnceAndFreesInSlices) {
  const size_t empty_bytes = allocator_.used_bytes();
  for (int i = 0; i < 30'000; ++i) {
    const std::string value(static_cast<size_t>(i % 50), 'x');
    ItemState state = Text(value);
    const std::string label = "l:" + std::to_string(i % 100);
    if (i % 2 == 0) state.labels[static_cast<size_t>(i % 5)] = label;
    if (i % 3 == 0) state.deadline_ms = kNow + i;
    keyspace_.Open("k" + std::to_string(i), kNow).Put(state);
  }
  effects_.Take();
  const uint64_t changes = keyspace_.changes();
  {
    DetachedItems detached = keyspace_.Detach();
    EXPECT_EQ(effects_.Take(), (Calls{"flush 30000"}));
    EXPECT_EQ(keyspace_.changes(), changes + 30'000);
    EXPECT_EQ(keyspace_.items(), 0u);
    EXPECT_EQ(Value("k1"), "(none)");
    keyspace_.CheckInvariants();
    // The keyspace goes on while the old items are freed.
    int slices = 1;
    while (!detached.FreeSome(8)) {
      if (slices++ % 20 == 0) Put("new" + std::to_string(slices), "1");
    }
    EXPECT_GT(slices, 50);
    EXPECT_TRUE(detached.FreeSome(8));
    keyspace_.CheckInvariants();
    EXPECT_GT(keyspace_.items(), 0u);
  }
  { const DetachedItems rest = keyspace_.Detach(); }
  EXPECT_EQ(allocator_.used_bytes(), empty_bytes);
  EXPECT_EQ(empty_bytes, 0u);
}

TEST_F(KeyspaceTest, TheDigestIsOfAllPartsAndOfNoOrder) {
  const auto digest_of = [](const std::vector<std::pair<std::string, ItemState>>& items) {
    Allocator allocator;
    Keyspace keyspace(allocator, 0, 1);
    for (const auto& [key, state] : items) keyspace.Open(key, kNow).Put(state);
    return keyspace.Digest(kNow);
  };
  ItemState labelled = Text("1");
  labelled.labels[1] = "x";
  ItemState other_label = Text("1");
  other_label.labels[2] = "x";
  ItemState later = Text("1");
  later.modified_s = 2;
  ItemState older = Text("1");
  older.created_s = 0;
  ItemState number = Text("1");
  number.value = NumberValue("1");
  const std::vector<std::vector<std::pair<std::string, ItemState>>> all = {
      {},
      {{"a", Text("1")}},
      {{"b", Text("1")}},
      {{"a", Text("2")}},
      {{"a", Text("1", kNow + 1)}},
      {{"a", labelled}},
      {{"a", other_label}},
      {{"a", later}},
      {{"a", older}},
      {{"a", number}},
      {{"a", Text("1")}, {"b", Text("1")}}};
  std::set<uint64_t> digests;
  for (const auto& items : all) digests.insert(digest_of(items));
  EXPECT_EQ(digests.size(), all.size());
  EXPECT_EQ(digest_of({{"a", Text("1")}, {"b", Text("2")}}),
            digest_of({{"b", Text("2")}, {"a", Text("1")}}));
  EXPECT_EQ(digest_of({{"a", Text("1")}, {"gone", Text("1", kNow)}}),
            digest_of({{"a", Text("1")}}));
}

// Every operation of a keyspace at random, beside maps.
TEST(Keyspace, RandomSequences) {
  struct Expected {
    std::string value;
    TimeMs deadline_ms = kNoDeadline;
    std::array<std::string, limits::kLabels> labels;
  };
  for (const uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Allocator allocator;
    {
      Keyspace keyspace(allocator, 0, seed);
      std::map<std::string, Expected> model;  // those past their deadline included
      TimeMs now = kNow;
      const auto visible = [&](const Expected& item) { return item.deadline_ms > now; };
      const auto any_label = [&] { return "l" + std::to_string(random.Below(6)); };
      // Most fit where another was; some want a place of their own.
      const auto any_value = [&] {
        return std::string(random.Below(random.OneIn(10) ? 3000 : 60),
                           static_cast<char>('a' + random.Below(26)));
      };
      const auto any_deadline = [&] { return now + 1 + static_cast<TimeMs>(random.Below(300)); };
      for (int i = 0; i < 40'000; ++i) {
        if (random.OneIn(4)) now += static_cast<TimeMs>(random.Below(4));
        const std::string key = "k" + std::to_string(random.Below(600));
        if (random.OneIn(20)) {
          const auto most = random.Below(5);
          const size_t removed = keyspace.ExpireSome(now, most);
          size_t due = 0;
          for (const auto& [name, item] : model) due += !visible(item);
          ASSERT_EQ(removed, std::min<size_t>(most, due));
          for (size_t n = 0; n < removed; ++n) {
            auto first = model.begin();
            for (auto at = model.begin(); at != model.end(); ++at) {
              if (at->second.deadline_ms < first->second.deadline_ms) first = at;
            }
            model.erase(first);
          }
          continue;
        }
        if (random.OneIn(5'000)) {
          DetachedItems detached = keyspace.Detach();
          model.clear();
          continue;
        }
        auto at = model.find(key);
        const bool there = at != model.end() && visible(at->second);
        ASSERT_EQ(keyspace.Find(key, now) != nullptr, there);
        KeyRef ref = keyspace.Open(key, now);
        ASSERT_EQ(ref.exists(), there);
        if (at != model.end() && !there) model.erase(at);
        const uint64_t what = random.Below(5);
        if (what == 0 && there) {
          ref.Erase();
          model.erase(key);
        } else if (what == 1 && there) {
          Expected& item = model[key];
          item.value = any_value();
          ref.SetValue(StringValue(item.value), 1);
        } else if (what == 2 && there) {
          Expected& item = model[key];
          item.deadline_ms = random.OneIn(2) ? kNoDeadline : any_deadline();
          ref.SetDeadline(item.deadline_ms, 1);
        } else {
          Expected& item = model[key];
          item.value = any_value();
          item.deadline_ms = random.OneIn(2) ? kNoDeadline : any_deadline();
          for (std::string& label : item.labels) label = random.OneIn(2) ? any_label() : "";
          ItemState state = Text(item.value, item.deadline_ms);
          for (size_t n = 0; n < item.labels.size(); ++n) state.labels[n] = item.labels[n];
          ref.Put(state);
        }
        if (i % 500 != 0) continue;
        keyspace.CheckInvariants();
        ASSERT_EQ(keyspace.items(), model.size());
        size_t visible_items = 0;
        auto position = keyspace.by_key().First();
        for (const auto& [name, item] : model) {
          visible_items += visible(item);
          ASSERT_TRUE(position.Valid());
          ASSERT_EQ(position.item()->key(), name);
          ASSERT_EQ(position.item()->value().text, item.value);
          ASSERT_EQ(position.item()->deadline_ms(), item.deadline_ms);
          for (int n = 0; n < limits::kLabels; ++n) {
            ASSERT_EQ(position.item()->label(n), item.labels[static_cast<size_t>(n)]);
          }
          position.Next();
        }
        ASSERT_FALSE(position.Valid());
        ASSERT_EQ(keyspace.VisibleItems(now), visible_items);
      }
    }
    EXPECT_EQ(allocator.used_bytes(), 0u);
  }
}

}  // namespace
}  // namespace ampt
