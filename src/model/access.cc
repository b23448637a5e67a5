#include "model/access.h"

#include <algorithm>

namespace ampt {

void AccessTracker::Configure(AccessKind kind, uint32_t log_factor, uint32_t decay_minutes) {
  kind_ = kind;
  log_factor_ = log_factor;
  decay_minutes_ = decay_minutes;
}

uint32_t AccessTracker::Frequency(const Item& item, TimeMs now_ms) const {
  const uint32_t counter = item.access() & kMostFrequent;
  if (decay_minutes_ == 0) return counter;
  const uint32_t idle_minutes = (Minutes(now_ms) - (item.access() >> 8)) & 0xffff;
  return counter - std::min(counter, idle_minutes / decay_minutes_);
}

void AccessTracker::Count(Item& item, TimeMs now_ms) {
  uint32_t counter = Frequency(item, now_ms);
  if (counter < kMostFrequent) {
    const uint32_t above = counter - std::min(counter, kInitialFrequency);
    if (random_.OneIn(uint64_t{above} * log_factor_ + 1)) ++counter;
  }
  item.set_access(Minutes(now_ms) << 8 | counter);
}

}  // namespace ampt
