// EvictionPolicy: the values of `maxmemory-policy`, in Redis' order. What they mean: eviction.h.
#pragma once

#include <cstdint>

namespace ampt {

enum class EvictionPolicy : uint8_t {
  kVolatileLru,
  kVolatileLfu,
  kVolatileRandom,
  kVolatileTtl,
  kAllKeysLru,
  kAllKeysLfu,
  kAllKeysRandom,
  kNoEviction
};

// Whether only items with a deadline may go.
constexpr bool IsVolatileOnly(EvictionPolicy policy) {
  return policy <= EvictionPolicy::kVolatileTtl;
}

// Whether it goes by how often items are used.
constexpr bool IsByFrequency(EvictionPolicy policy) {
  return policy == EvictionPolicy::kVolatileLfu || policy == EvictionPolicy::kAllKeysLfu;
}

}  // namespace ampt
