// What each policy chooses, over random work by seed. Time is a number here, so every choice can be
// repeated.
#include "model/eviction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/access.h"
#include "model/effects.h"
#include "model/keyspace.h"

namespace ampt {
namespace {

constexpr TimeMs kStart = 1'700'000'000'000;

constexpr EvictionPolicy kAllPolicies[] = {
    EvictionPolicy::kVolatileLru,  EvictionPolicy::kVolatileLfu, EvictionPolicy::kVolatileRandom,
    EvictionPolicy::kVolatileTtl,  EvictionPolicy::kAllKeysLru,  EvictionPolicy::kAllKeysLfu,
    EvictionPolicy::kAllKeysRandom};

// Remembers what was deleted, and why.
class Deletions : public Effects {
 public:
  void WillChange(int, const Item&, Origin) override {}
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    if (kind != ChangeKind::kDeleted) return;
    keys.push_back(std::to_string(database) + "/" + std::string(item.key()));
    origins.insert(origin);
    deadlines_ms.push_back(item.deadline_ms());
  }
  void WillFlush(int) override {}

  std::vector<std::string> keys;
  std::set<Origin> origins;
  std::vector<TimeMs> deadlines_ms;
};

class Store {
 public:
  explicit Store(EvictionPolicy policy, uint64_t seed = 1, size_t samples = 5, int databases = 2)
      : tracker_(seed), evictor_(databases_, tracker_, seed) {
    for (int number = 0; number < databases; ++number) {
      databases_.push_back(std::make_unique<Keyspace>(allocator_, number, 99));
      databases_.back()->set_access_tracker(&tracker_);
      databases_.back()->set_effects(&deletions);
    }
    Configure(policy, samples);
  }
  void Configure(EvictionPolicy policy, size_t samples = 5) {
    tracker_.Configure(IsByFrequency(policy) ? AccessKind::kFrequency : AccessKind::kTime, 10, 1);
    evictor_.Configure(policy, samples);
  }
  void Put(const std::string& key, TimeMs deadline_ms = kNoDeadline, int database = 0) {
    ItemState state;
    state.value = StringValue("value");
    state.created_s = state.modified_s = static_cast<uint32_t>(now_ms / 1000);
    state.deadline_ms = deadline_ms;
    of(database).Open(key, now_ms).Put(state);
  }
  bool Read(const std::string& key, int database = 0) {
    return of(database).Find(key, now_ms) != nullptr;
  }
  bool Evict() { return evictor_.EvictOne(now_ms); }
  Keyspace& of(int database) { return *databases_[static_cast<size_t>(database)]; }
  size_t items() const {
    size_t sum = 0;
    for (const auto& database : databases_) sum += database->items();
    return sum;
  }
  uint64_t evicted() const {
    uint64_t sum = 0;
    for (const auto& database : databases_) sum += database->evicted();
    return sum;
  }
  AccessTracker& tracker() { return tracker_; }
  ~Store() {
    for (const auto& database : databases_) database->CheckInvariants();
  }

  TimeMs now_ms = kStart;
  Deletions deletions;

 private:
  Allocator allocator_;
  AccessTracker tracker_;
  Evictor::Databases databases_;
  Evictor evictor_;
};

std::string Key(uint64_t n) {
  return "key:" + std::to_string(n);
}

// A cache of `room` items over 20 times as many keys, of which some are asked for far more often
// than others; every miss is put in. Returns the share of hits.
double HitRate(EvictionPolicy policy, size_t samples, uint64_t seed) {
  constexpr size_t kRoom = 500;
  constexpr int kReads = 60'000;
  Store store(policy, seed, samples, 1);
  Random random(seed);
  int hits = 0;
  for (int i = 0; i < kReads; ++i) {
    store.now_ms += 50;
    // About Zipf's law: the logarithm of the rank is uniform.
    const auto rank = static_cast<uint64_t>(std::pow(20.0 * kRoom, random.Unit()));
    if (store.Read(Key(rank))) {
      ++hits;
      continue;
    }
    store.Put(Key(rank), store.now_ms + 100'000'000);
    while (store.items() > kRoom) EXPECT_TRUE(store.Evict());
  }
  EXPECT_EQ(store.items(), kRoom);
  return static_cast<double>(hits) / kReads;
}

TEST(EvictionTest, LruAndLfuKeepWhatIsAskedForMoreOftenThanChanceDoes) {
  const double random = HitRate(EvictionPolicy::kAllKeysRandom, 5, 7);
  for (const EvictionPolicy policy : {EvictionPolicy::kAllKeysLru, EvictionPolicy::kAllKeysLfu,
                                      EvictionPolicy::kVolatileLru, EvictionPolicy::kVolatileLfu}) {
    EXPECT_GT(HitRate(policy, 5, 7), random + 0.02) << static_cast<int>(policy);
  }
  EXPECT_NEAR(HitRate(EvictionPolicy::kVolatileRandom, 5, 7), random, 0.01);
}

TEST(EvictionTest, LruTakesTheOldestHalfAlmostOnly) {
  for (const size_t samples : {5u, 10u}) {
    Store store(EvictionPolicy::kAllKeysLru, 3, samples, 1);
    constexpr uint64_t kItems = 4000;
    for (uint64_t n = 0; n < kItems; ++n) store.Put(Key(n));
    // Read in another order than written, a second apart.
    std::vector<uint64_t> order(kItems);
    for (uint64_t n = 0; n < kItems; ++n) order[n] = n;
    Random random(5);
    for (size_t n = order.size(); n > 1; --n) std::swap(order[n - 1], order[random.Below(n)]);
    for (const uint64_t n : order) {
      store.now_ms += 1000;
      EXPECT_TRUE(store.Read(Key(n)));
    }
    for (uint64_t n = 0; n < kItems / 4; ++n) ASSERT_TRUE(store.Evict());
    size_t young = 0;
    for (size_t at = kItems / 2; at < order.size(); ++at) young += !store.Read(Key(order[at]));
    EXPECT_LT(young, kItems / 4 / 20) << samples;  // by chance it were half of them
  }
}

TEST(EvictionTest, WhatWasUsedSinceItWasACandidateStays) {
  Store store(EvictionPolicy::kAllKeysLru, 1, Evictor::kMostSamples, 1);
  for (uint64_t n = 0; n < 40; ++n) store.Put(Key(n));
  store.now_ms += 100'000;
  for (uint64_t n = 20; n < 40; ++n) store.Read(Key(n));
  ASSERT_TRUE(store.Evict());
  // The pool is full of the old ones now. All but five are used again.
  std::set<std::string> left;
  store.now_ms += 100'000;
  for (uint64_t n = 0; n < 40; ++n) {
    if (n < 20 && left.size() < 5 && store.of(0).Peek(Key(n), store.now_ms) != nullptr) {
      left.insert("0/" + Key(n));
    } else {
      store.Read(Key(n));
    }
  }
  store.deletions.keys.clear();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(store.Evict());
  EXPECT_EQ(std::set<std::string>(store.deletions.keys.begin(), store.deletions.keys.end()), left);
}

TEST(EvictionTest, LfuPrefersWhatIsUsedOftenToWhatWasUsedJustNow) {
  Store store(EvictionPolicy::kAllKeysLfu, 1, 10, 1);
  for (uint64_t n = 0; n < 1000; ++n) store.Put(Key(n));
  for (int round = 0; round < 200; ++round) {
    for (uint64_t n = 0; n < 100; ++n) store.Read(Key(n));
  }
  for (uint64_t n = 100; n < 1000; ++n) store.Read(Key(n));
  for (int i = 0; i < 900; ++i) ASSERT_TRUE(store.Evict());
  size_t kept = 0;
  for (uint64_t n = 0; n < 100; ++n) kept += store.Read(Key(n));
  EXPECT_GT(kept, 95u);
}

TEST(EvictionTest, VolatilePoliciesTakeOnlyItemsWithADeadline) {
  for (const EvictionPolicy policy : kAllPolicies) {
    if (!IsVolatileOnly(policy)) continue;
    Store store(policy);
    Random random(11);
    for (uint64_t n = 0; n < 2000; ++n) {
      const bool has_deadline = random.OneIn(3);
      store.Put(Key(n), has_deadline ? kStart + 1'000'000 + static_cast<TimeMs>(n) : kNoDeadline,
                static_cast<int>(random.Below(2)));
    }
    const size_t with = store.of(0).items_with_deadline() + store.of(1).items_with_deadline();
    for (size_t i = 0; i < with; ++i) ASSERT_TRUE(store.Evict()) << static_cast<int>(policy);
    EXPECT_FALSE(store.Evict());
    EXPECT_EQ(store.items(), 2000 - with);
    EXPECT_EQ(store.evicted(), with);
    EXPECT_EQ(std::count(store.deletions.deadlines_ms.begin(), store.deletions.deadlines_ms.end(),
                         kNoDeadline),
              0);
  }
}

TEST(EvictionTest, ACandidateThatLostItsDeadlineStays) {
  Store store(EvictionPolicy::kVolatileLru, 1, Evictor::kMostSamples, 1);
  for (uint64_t n = 0; n < 10; ++n) store.Put(Key(n), kStart + 1'000'000);
  ASSERT_TRUE(store.Evict());
  for (uint64_t n = 0; n < 10; ++n) {
    KeyRef ref = store.of(0).Open(Key(n), store.now_ms);
    if (ref.exists()) ref.SetDeadline(kNoDeadline, 1);
  }
  EXPECT_FALSE(store.Evict());
  EXPECT_EQ(store.items(), 9u);
}

TEST(EvictionTest, AllKeysPoliciesEmptyEveryDatabase) {
  for (const EvictionPolicy policy : kAllPolicies) {
    if (IsVolatileOnly(policy)) continue;
    Store store(policy, 5, 5, 16);
    for (uint64_t n = 0; n < 3000; ++n) store.Put(Key(n), kNoDeadline, n % 7 == 0 ? 9 : 3);
    for (int i = 0; i < 3000; ++i) ASSERT_TRUE(store.Evict()) << static_cast<int>(policy);
    EXPECT_FALSE(store.Evict());
    EXPECT_EQ(store.items(), 0u);
    EXPECT_EQ(store.deletions.origins, std::set<Origin>{Origin::kEvicted});
  }
}

TEST(EvictionTest, TtlGoesByTheDeadlineOverAllDatabases) {
  Store store(EvictionPolicy::kVolatileTtl, 1, 5, 3);
  Random random(2);
  for (uint64_t n = 0; n < 3000; ++n) {
    store.Put(Key(n), kStart + 1000 + static_cast<TimeMs>(random.Below(1'000'000)),
              static_cast<int>(random.Below(3)));
  }
  while (store.Evict()) {
  }
  EXPECT_EQ(store.deletions.deadlines_ms.size(), 3000u);
  EXPECT_TRUE(
      std::is_sorted(store.deletions.deadlines_ms.begin(), store.deletions.deadlines_ms.end()));
}

TEST(EvictionTest, WhatIsPastItsDeadlineGoesFirstAndAsExpired) {
  for (const EvictionPolicy policy : kAllPolicies) {
    Store store(policy);
    for (uint64_t n = 0; n < 50; ++n) store.Put(Key(n), n < 10 ? kStart + 5 : kStart + 1'000'000);
    store.now_ms += 5;
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(store.Evict());
    EXPECT_EQ(store.deletions.origins, std::set<Origin>{Origin::kExpired});
    EXPECT_EQ(store.of(0).expired(), 10u);
    ASSERT_TRUE(store.Evict());
    EXPECT_EQ(store.evicted(), 1u);
  }
}

TEST(EvictionTest, RandomTakesTurnsBetweenDatabasesAndReachesEveryItem) {
  std::map<std::string, int> firsts;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Store store(EvictionPolicy::kAllKeysRandom, seed, 5, 2);
    for (uint64_t n = 0; n < 10; ++n) store.Put(Key(n));
    store.Put("only", kNoDeadline, 1);
    ASSERT_TRUE(store.Evict());
    ++firsts[store.deletions.keys[0]];
    ASSERT_TRUE(store.Evict());
    EXPECT_EQ(store.deletions.keys[1], "1/only");
  }
  EXPECT_EQ(firsts.size(), 10u);
}

TEST(EvictionTest, SamplesReachEveryItem) {
  Store store(EvictionPolicy::kAllKeysLru, 1, 5, 1);
  constexpr uint64_t kItems = 5000;
  for (uint64_t n = 0; n < kItems; ++n) store.Put(Key(n));
  std::set<const Item*> seen;
  Random random(4);
  for (int i = 0; i < 40'000; ++i) {
    std::array<const Item*, 5> items;
    const size_t found = store.of(0).SampleItems(random.Next(), items);
    ASSERT_EQ(found, items.size());
    ASSERT_EQ(std::set<const Item*>(items.begin(), items.end()).size(), items.size());
    seen.insert(items.begin(), items.end());
  }
  EXPECT_EQ(seen.size(), kItems);
}

TEST(EvictionTest, NoEvictionTakesNothing) {
  Store store(EvictionPolicy::kNoEviction);
  store.Put("a", kStart + 1'000'000);
  EXPECT_FALSE(store.Evict());
  EXPECT_EQ(store.items(), 1u);
}

TEST(EvictionTest, TheSameSeedTakesTheSameItems) {
  for (const EvictionPolicy policy : kAllPolicies) {
    const auto run = [&](uint64_t seed) {
      Store store(policy, seed);
      Random random(17);
      for (int i = 0; i < 5000; ++i) {
        store.now_ms += static_cast<TimeMs>(random.Below(3000));
        const std::string key = Key(random.Below(900));
        const int database = static_cast<int>(random.Below(2));
        if (random.OneIn(2)) {
          store.Put(key, store.now_ms + 10'000'000 + static_cast<TimeMs>(random.Below(1'000'000)),
                    database);
        } else {
          store.Read(key, database);
        }
        if (store.items() > 600) {
          EXPECT_TRUE(store.Evict());
        }
      }
      return store.deletions.keys;
    };
    EXPECT_EQ(run(1), run(1)) << static_cast<int>(policy);
    if (policy != EvictionPolicy::kVolatileTtl) {
      EXPECT_NE(run(1), run(2));
    }
  }
}

TEST(EvictionTest, PoliciesMayChangeAtAnyTime) {
  Store store(EvictionPolicy::kAllKeysLru);
  Random random(23);
  for (int i = 0; i < 20'000; ++i) {
    store.now_ms += static_cast<TimeMs>(random.Below(500));
    const std::string key = Key(random.Below(2000));
    switch (random.Below(6)) {
      case 0:
        store.Configure(kAllPolicies[random.Below(std::size(kAllPolicies))],
                        1 + random.Below(Evictor::kMostSamples));
        break;
      case 1:
        store.Evict();
        break;
      case 2:
        store.Read(key);
        break;
      default:
        store.Put(key, random.OneIn(2) ? store.now_ms + static_cast<TimeMs>(random.Below(60'000))
                                       : kNoDeadline);
    }
    if (i % 1000 == 0) store.of(0).CheckInvariants();
  }
}

// --- the tracker ---

TEST(AccessTrackerTest, TimeIsThatOfTheLastUse) {
  Store store(EvictionPolicy::kAllKeysLru);
  store.Put("a");
  const Item* item = store.of(0).Peek("a", store.now_ms);
  store.now_ms += 10'000;
  EXPECT_EQ(store.tracker().IdleSeconds(*item, store.now_ms), 10u);
  // To look is no use; neither is one by a client that leaves no trace.
  store.of(0).Inspect("a", store.now_ms);
  store.tracker().set_paused(true);
  store.Read("a");
  EXPECT_EQ(store.tracker().IdleSeconds(*item, store.now_ms), 10u);
  store.Put("b");
  EXPECT_EQ(store.tracker().IdleSeconds(*store.of(0).Peek("b", store.now_ms), store.now_ms), 0u);
  store.tracker().set_paused(false);
  store.Read("a");
  EXPECT_EQ(store.tracker().IdleSeconds(*item, store.now_ms), 0u);
  store.now_ms += 7'000;
  store.of(0).Open("a", store.now_ms);
  EXPECT_EQ(store.tracker().IdleSeconds(*item, store.now_ms), 0u);
}

TEST(AccessTrackerTest, TimeGoesOnBeyondItsBits) {
  Store store(EvictionPolicy::kAllKeysLru);
  store.now_ms = ((kStart / 1000 | 0xffffff) - 1) * 1000;
  store.Put("a");
  store.now_ms += 5000;
  EXPECT_EQ(store.tracker().IdleSeconds(*store.of(0).Peek("a", store.now_ms), store.now_ms), 5u);
}

TEST(AccessTrackerTest, TheCounterIsLogarithmicAndDecays) {
  const auto frequency_after = [](int uses, uint32_t log_factor) {
    Store store(EvictionPolicy::kAllKeysLfu);
    store.tracker().Configure(AccessKind::kFrequency, log_factor, 1);
    store.Put("a");
    for (int i = 0; i < uses; ++i) store.Read("a");
    return store.tracker().Frequency(*store.of(0).Peek("a", store.now_ms), store.now_ms);
  };
  EXPECT_EQ(frequency_after(0, 10), AccessTracker::kInitialFrequency);
  // Redis' table of its lfu-log-factor, with room for chance.
  EXPECT_NEAR(frequency_after(100, 10), 10, 5);
  EXPECT_NEAR(frequency_after(1000, 10), 18, 8);
  EXPECT_NEAR(frequency_after(100'000, 10), 142, 25);
  EXPECT_NEAR(frequency_after(100'000, 100), 49, 15);
  EXPECT_EQ(frequency_after(1000, 0), 255u);

  Store store(EvictionPolicy::kAllKeysLfu);
  store.tracker().Configure(AccessKind::kFrequency, 0, 2);
  store.Put("a");
  for (int i = 0; i < 95; ++i) store.Read("a");
  const Item* item = store.of(0).Peek("a", store.now_ms);
  EXPECT_EQ(store.tracker().Frequency(*item, store.now_ms), 100u);
  store.now_ms += 60 * 60'000;
  EXPECT_EQ(store.tracker().Frequency(*item, store.now_ms), 70u);
  store.Read("a");
  EXPECT_EQ(store.tracker().Frequency(*item, store.now_ms), 71u);
  store.now_ms += 10'000 * 60'000;
  EXPECT_EQ(store.tracker().Frequency(*item, store.now_ms), 0u);
  store.tracker().Configure(AccessKind::kFrequency, 0, 0);
  EXPECT_EQ(store.tracker().Frequency(*item, store.now_ms), 71u);
}

TEST(AccessTrackerTest, WhatIsLoadedWasUsedWhenItWasWritten) {
  Store store(EvictionPolicy::kAllKeysLru);
  ItemState state;
  state.value = StringValue("value");
  state.modified_s = static_cast<uint32_t>(kStart / 1000) - 500;
  store.of(0).Open("a", INT64_MIN).Put(state, Origin::kLoaded);
  EXPECT_EQ(store.tracker().IdleSeconds(*store.of(0).Peek("a", store.now_ms), store.now_ms), 500u);
}

}  // namespace
}  // namespace ampt
