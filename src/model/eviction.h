// Evictor: which items go when memory is full.
//
//   allkeys-lru, volatile-lru      what was not used for longest, by samples
//   allkeys-lfu, volatile-lfu      what is used least often, by samples
//   allkeys-random, volatile-random
//   volatile-ttl                   the nearest deadline of all databases, exactly
//
// volatile-* chooses among the items that have a deadline. Whatever the policy, what is past its
// deadline goes first, as an expired item, since nobody can see it any more.
//
// LRU and LFU keep no order of their items: they look at a few (`samples`) of each database and
// remember the best candidates between calls, so that what they remove comes close to the true
// least (as Redis does since 3.0). A candidate that was used since is none any more.
//
// No clock, no limit, no server: it is told the time and removes one item a call; who calls it
// knows how many are needed. The same seed, items and calls remove the same items.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "model/access.h"
#include "model/eviction_policy.h"
#include "model/keyspace.h"

namespace ampt {

class Evictor {
 public:
  static constexpr size_t kMostSamples = 64;

  using Databases = std::vector<std::unique_ptr<Keyspace>>;

  // Both outlive it. The tracker is the databases' own.
  Evictor(Databases& databases, const AccessTracker& tracker, uint64_t seed)
      : databases_(databases), tracker_(tracker), random_(seed) {}

  // Candidates found so far are forgotten where the policy becomes another.
  // REQUIRES: 1 <= samples <= kMostSamples.
  void Configure(EvictionPolicy policy, size_t samples);
  EvictionPolicy policy() const { return policy_; }

  // Removes one item. False: the policy allows none of them. Cost: a look at each database, and
  // `samples` items of each that has some; some microseconds.
  bool EvictOne(TimeMs now_ms);

 private:
  static constexpr size_t kPoolSize = 16;

  struct Candidate {
    uint32_t score = 0;
    uint32_t access = 0;
    int database = 0;
    std::string key;
  };

  bool volatile_only() const { return IsVolatileOnly(policy_); }
  size_t CandidatesIn(const Keyspace& keyspace) const {
    return volatile_only() ? keyspace.items_with_deadline() : keyspace.items();
  }
  bool EvictNearestDeadline();
  bool EvictRandom();
  bool EvictBestOfSamples(TimeMs now_ms);
  // Puts some items of the keyspace into the pool.
  void Sample(const Keyspace& keyspace, TimeMs now_ms);
  void Offer(const Keyspace& keyspace, const Item& item, TimeMs now_ms);
  // Removes what the best candidate in the pool stands for; false: none stands for an item.
  bool EvictFromPool(TimeMs now_ms);

  Databases& databases_;
  const AccessTracker& tracker_;
  Random random_;
  EvictionPolicy policy_ = EvictionPolicy::kNoEviction;
  size_t samples_ = 5;
  size_t next_database_ = 0;               // of a random policy
  std::array<Candidate, kPoolSize> pool_;  // the first pool_size_, by rising score
  size_t pool_size_ = 0;
};

}  // namespace ampt
