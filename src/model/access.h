// AccessTracker: when, or how often, each item was used; what LRU and LFU go by.
//
// An item has 24 bits for it (Item::access), which hold one of two things:
//
//   by time        epoch seconds modulo 2^24, 194 days: for LRU, and while nothing is evicted
//   by frequency   epoch minutes modulo 2^16 | a counter of 8 bits: for LFU
//
// The counter is logarithmic (Morris, "Counting large numbers of events in small registers", 1978)
// and decays: a hundred uses bring it to about 10, a million to 255, and every decay time without
// one takes 1 off, so an item that was popular once does not stay for ever. The layout and the
// parameters are Redis'. Where the meaning changes at run time the old bits are read as the new
// kind until the item is used again.
//
// Cost of a use: by time a comparison, and a store once a second in the item's header, which
// whoever used the item has just read; by frequency a random number more. Not thread-safe.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/random.h"
#include "model/item.h"

namespace ampt {

enum class AccessKind : uint8_t { kTime, kFrequency };

class AccessTracker {
 public:
  // A counter of a new item: above zero, so that it is not the first to go.
  static constexpr uint32_t kInitialFrequency = 5;

  explicit AccessTracker(uint64_t seed) : random_(seed) {}

  // `log_factor`: how many more uses each step of the counter takes. `decay_minutes`: after how
  // many without a use it goes down by one; 0: never.
  void Configure(AccessKind kind, uint32_t log_factor, uint32_t decay_minutes);
  AccessKind kind() const { return kind_; }
  // While paused uses leave no trace (CLIENT NO-TOUCH); new items get their first one all the same.
  void set_paused(bool paused) { is_paused_ = paused; }

  // What a new item begins with.
  uint32_t Initial(TimeMs now_ms) const {
    return kind_ == AccessKind::kTime ? Seconds(now_ms) : Minutes(now_ms) << 8 | kInitialFrequency;
  }
  // The item was used.
  void Touch(Item& item, TimeMs now_ms) {
    if (__builtin_expect(is_paused_, 0)) return;
    if (__builtin_expect(kind_ == AccessKind::kFrequency, 0)) return Count(item, now_ms);
    const uint32_t now_s = Seconds(now_ms);
    // Most of what is used often was used this second.
    if (item.access() != now_s) item.set_access(now_s);
  }

  // REQUIRES: kind() is kTime.
  uint32_t IdleSeconds(const Item& item, TimeMs now_ms) const {
    return (Seconds(now_ms) - item.access()) & kMask;
  }
  // 0 to 255, decayed. REQUIRES: kind() is kFrequency.
  uint32_t Frequency(const Item& item, TimeMs now_ms) const;
  // How dispensable an item is: the larger, the sooner it goes.
  uint32_t Score(const Item& item, TimeMs now_ms) const {
    return kind_ == AccessKind::kTime ? IdleSeconds(item, now_ms)
                                      : kMostFrequent - Frequency(item, now_ms);
  }

 private:
  static constexpr uint32_t kMask = (1u << 24) - 1;
  static constexpr uint32_t kMostFrequent = 255;

  static uint32_t Seconds(TimeMs now_ms) { return static_cast<uint32_t>(now_ms / 1000) & kMask; }
  static uint32_t Minutes(TimeMs now_ms) { return static_cast<uint32_t>(now_ms / 60'000) & 0xffff; }
  void Count(Item& item, TimeMs now_ms);

  AccessKind kind_ = AccessKind::kTime;
  bool is_paused_ = false;
  uint32_t log_factor_ = 10;
  uint32_t decay_minutes_ = 1;
  Random random_;
};

}  // namespace ampt
