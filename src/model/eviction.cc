#include "model/eviction.h"

#include <algorithm>
#include <span>
#include <utility>

namespace ampt {

void Evictor::Configure(EvictionPolicy policy, size_t samples) {
  samples_ = samples;
  if (policy == policy_) return;
  policy_ = policy;
  pool_size_ = 0;
}

bool Evictor::EvictOne(TimeMs now_ms) {
  for (const auto& keyspace : databases_) {
    if (keyspace->items_with_deadline() > 0 && keyspace->ExpireSome(now_ms, 1) > 0) return true;
  }
  switch (policy_) {
    case EvictionPolicy::kNoEviction:
      return false;
    case EvictionPolicy::kVolatileTtl:
      return EvictNearestDeadline();
    case EvictionPolicy::kVolatileRandom:
    case EvictionPolicy::kAllKeysRandom:
      return EvictRandom();
    case EvictionPolicy::kVolatileLru:
    case EvictionPolicy::kVolatileLfu:
    case EvictionPolicy::kAllKeysLru:
    case EvictionPolicy::kAllKeysLfu:
      return EvictBestOfSamples(now_ms);
  }
  return false;
}

bool Evictor::EvictNearestDeadline() {
  Keyspace* nearest = nullptr;
  TimeMs deadline_ms = kNoDeadline;
  for (const auto& keyspace : databases_) {
    if (keyspace->items_with_deadline() == 0 || keyspace->NextDeadline() >= deadline_ms) continue;
    nearest = keyspace.get();
    deadline_ms = keyspace->NextDeadline();
  }
  if (nearest == nullptr) return false;
  nearest->Evict(*nearest->by_deadline().First().item());
  return true;
}

// Database by database, so that a small one is not spared.
bool Evictor::EvictRandom() {
  for (size_t tried = 0; tried < databases_.size(); ++tried) {
    Keyspace& keyspace = *databases_[next_database_];
    next_database_ = (next_database_ + 1) % databases_.size();
    const size_t count = CandidatesIn(keyspace);
    if (count == 0) continue;
    const size_t n = static_cast<size_t>(random_.Below(count));
    keyspace.Evict(*(volatile_only() ? keyspace.by_deadline().Nth(n) : keyspace.by_key().Nth(n)));
    return true;
  }
  return false;
}

bool Evictor::EvictBestOfSamples(TimeMs now_ms) {
  while (true) {
    bool any = false;
    for (const auto& keyspace : databases_) {
      if (CandidatesIn(*keyspace) == 0) continue;
      Sample(*keyspace, now_ms);
      any = true;
    }
    if (EvictFromPool(now_ms)) return true;
    // Emptied of candidates that had gone, the pool takes every item that is offered next.
    if (!any) return false;
  }
}

void Evictor::Sample(const Keyspace& keyspace, TimeMs now_ms) {
  if (!volatile_only()) {
    std::array<const Item*, kMostSamples> items;
    const size_t found = keyspace.SampleItems(random_.Next(), std::span(items.data(), samples_));
    for (size_t i = 0; i < found; ++i) Offer(keyspace, *items[i], now_ms);
    return;
  }
  const DeadlineIndex& index = keyspace.by_deadline();
  const size_t draws = std::min(samples_, index.size());
  for (size_t i = 0; i < draws; ++i) {
    Offer(keyspace, *index.Nth(static_cast<size_t>(random_.Below(index.size()))), now_ms);
  }
}

void Evictor::Offer(const Keyspace& keyspace, const Item& item, TimeMs now_ms) {
  const uint32_t score = tracker_.Score(item, now_ms);
  if (pool_size_ == kPoolSize && score <= pool_[0].score) return;
  Candidate* const begin = pool_.data();
  Candidate* end = begin + pool_size_;
  Candidate* place = std::lower_bound(
      begin, end, score, [](const Candidate& has, uint32_t wanted) { return has.score < wanted; });
  if (pool_size_ == kPoolSize) {
    // The first, which is the least, makes room; its string is used again.
    std::rotate(begin, begin + 1, place);
    --place;
  } else {
    std::rotate(place, end, end + 1);
    ++pool_size_;
  }
  place->score = score;
  place->access = item.access();
  place->database = keyspace.database();
  place->key.assign(item.key());
}

bool Evictor::EvictFromPool(TimeMs now_ms) {
  while (pool_size_ > 0) {
    const Candidate& best = pool_[--pool_size_];
    Keyspace& keyspace = *databases_[static_cast<size_t>(best.database)];
    const Item* item = keyspace.Peek(best.key, now_ms);
    if (item == nullptr || item->access() != best.access) continue;  // gone, or used since
    if (volatile_only() && !item->has_deadline()) continue;
    keyspace.Evict(*item);
    return true;
  }
  return false;
}

}  // namespace ampt
