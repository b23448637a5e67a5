#include "server/memory_limit.h"

#include <algorithm>
#include <utility>

#include "server/server_clock.h"

namespace ampt {
namespace {

constexpr size_t kLeastLeewayBytes = 1 << 20;

}  // namespace

MemoryLimit::MemoryLimit(const Settings& settings, const Allocator& allocator,
                         Evictor::Databases& databases, uint64_t seed)
    : settings_(settings),
      allocator_(allocator),
      tracker_(seed),
      evictor_(databases, tracker_, seed + 1) {
  for (const auto& keyspace : databases) keyspace->set_access_tracker(&tracker_);
  ApplySettings();
  pardoned_bytes_ = SIZE_MAX;  // so is what is loaded
}

void MemoryLimit::ApplySettings() {
  limit_bytes_ = static_cast<size_t>(settings_.maxmemory);
  evictor_.Configure(settings_.maxmemory_policy, static_cast<size_t>(settings_.maxmemory_samples));
  const bool by_frequency = IsByFrequency(settings_.maxmemory_policy);
  tracker_.Configure(by_frequency ? AccessKind::kFrequency : AccessKind::kTime,
                     static_cast<uint32_t>(settings_.lfu_log_factor),
                     static_cast<uint32_t>(settings_.lfu_decay_time_min));
  is_exhausted_ = false;
  pardoned_bytes_ = counted_bytes();
  Look();
}

void MemoryLimit::Look() {
  const size_t counted = counted_bytes();
  pardoned_bytes_ = std::min(pardoned_bytes_, counted);
  waits_above_bytes_ =
      std::max(limit_bytes_, pardoned_bytes_) + std::max(limit_bytes_ / 16, kLeastLeewayBytes);
  if (is_over()) {
    if (exceeded_since_nanos_ == 0) exceeded_since_nanos_ = ServerClock::StopwatchNanos();
  } else {
    is_exhausted_ = false;
    if (exceeded_since_nanos_ != 0) {
      exceeded_nanos_ +=
          ServerClock::StopwatchNanos() - std::exchange(exceeded_since_nanos_, int64_t{0});
    }
  }
}

int64_t MemoryLimit::Evict(size_t least, int64_t most_nanos) {
  int64_t began_nanos = 0;
  int64_t spent_nanos = 0;
  is_exhausted_ = false;
  for (size_t evicted = 0; is_over(); ++evicted) {
    if (evicted >= least) {
      const int64_t nanos = ServerClock::StopwatchNanos();
      if (began_nanos == 0) began_nanos = nanos;
      spent_nanos = nanos - began_nanos;
      if (spent_nanos >= most_nanos) break;
    }
    if (!evictor_.EvictOne(now_ms_)) {
      is_exhausted_ = true;
      break;
    }
  }
  Look();
  return spent_nanos;
}

Status MemoryLimit::MakeRoomNow() {
  turn_nanos_left_ -= Evict(kLeastItems, turn_nanos_left_);
  if (!is_exhausted_) return {};
  return Status::Coded("OOM", "command not allowed when used memory > 'maxmemory'.");
}

bool MemoryLimit::EvictSome() {
  if (!is_over()) {
    if (__builtin_expect(exceeded_since_nanos_ != 0, 0)) Look();
    return true;
  }
  Evict(1, limits::kSliceMicros * 1000);
  return is_exhausted_ || !is_over();
}

int64_t MemoryLimit::current_exceeded_ms() const {
  if (exceeded_since_nanos_ == 0) return 0;
  return (ServerClock::StopwatchNanos() - exceeded_since_nanos_) / 1'000'000;
}

}  // namespace ampt
