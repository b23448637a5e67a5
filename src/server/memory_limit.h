// MemoryLimit: `maxmemory`, and what is done to keep to it.
//
// What counts is what items and indexes take, to the byte, as their allocator counts it. Apart from
// it are the buffers of clients and of the log, and what a flush has detached: that is nobody's
// data any more, so nothing is evicted while it waits to be freed.
//
// Items are evicted in two places, both by the policy (model/eviction.h):
//
//   MakeRoom()   before a command that may need memory: as much as it takes, but no more than
//                limits::kSliceMicros in a turn of the loop, and always a few items, so that a
//                write pays for itself whatever the turn has spent
//   EvictSome()  at the end of every turn while there is too much: a slice. So lowering `maxmemory`
//                is answered at once, and the loop works it off
//
// A write is refused (OOM) only where the policy leaves nothing to evict. Otherwise it goes ahead
// although there may be too much for the moment. Large values over small items could so outrun the
// eviction: when more than a sixteenth of the limit has piled up, writers wait (WritersMustWait)
// for the loop to catch up. What was in use when the limit was lowered does not make them wait.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/status.h"
#include "model/access.h"
#include "model/eviction.h"
#include "server/settings.h"

namespace ampt {

class MemoryLimit {
 public:
  // All outlive it, the allocator is that of the databases' items. It becomes their access tracker.
  MemoryLimit(const Settings& settings, const Allocator& allocator, Evictor::Databases& databases,
              uint64_t seed);
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  AccessTracker& tracker() { return tracker_; }
  // The settings have changed.
  void ApplySettings();

  // --- what counts ---
  size_t used_bytes() const { return allocator_.used_bytes(); }
  size_t counted_bytes() const { return used_bytes() - std::min(used_bytes(), detached_bytes_); }
  bool is_over() const { return limit_bytes_ > 0 && counted_bytes() > limit_bytes_; }
  // So much was detached (an estimate will do); so much of that is freed.
  void AddDetached(size_t bytes) { detached_bytes_ += bytes; }
  void SubtractDetached(size_t bytes) { detached_bytes_ -= std::min(detached_bytes_, bytes); }

  // --- in a turn of the loop ---
  void BeginTurn(TimeMs now_ms) {
    now_ms_ = now_ms;
    turn_nanos_left_ = limits::kSliceMicros * 1000;
  }
  // Before a command that may need memory: OK, or the OOM error it is answered. Cost while there is
  // room: a comparison.
  Status MakeRoom() { return __builtin_expect(is_over(), 0) ? MakeRoomNow() : Status(); }
  // A slice; true if there is nothing more to do for now.
  bool EvictSome();
  // Whether commands that may need memory are to wait for EvictSome().
  bool WritersMustWait() const {
    return __builtin_expect(limit_bytes_ > 0, 0) && !is_exhausted_ &&
           counted_bytes() > waits_above_bytes_;
  }

  // --- what INFO shows ---
  // For how long there was more than `maxmemory`: all such times, and the present one.
  int64_t total_exceeded_ms() const { return exceeded_nanos_ / 1'000'000; }
  int64_t current_exceeded_ms() const;
  void ResetStatistics() { exceeded_nanos_ = 0; }

 private:
  // What a write evicts whatever time it takes: itself and one more.
  static constexpr size_t kLeastItems = 2;

  Status MakeRoomNow();
  // Evicts until there is room, the time is up or nothing is left; at least `least` items. Returns
  // the nanoseconds it took beyond these.
  int64_t Evict(size_t least, int64_t most_nanos);
  // Takes note of what is in use now.
  void Look();

  const Settings& settings_;
  const Allocator& allocator_;
  AccessTracker tracker_;
  Evictor evictor_;
  size_t limit_bytes_ = 0;  // 0: none
  size_t detached_bytes_ = 0;
  TimeMs now_ms_ = 0;
  int64_t turn_nanos_left_ = 0;
  bool is_exhausted_ = false;  // the policy left nothing to evict
  size_t pardoned_bytes_ = 0;  // in use since before the limit was lowered
  size_t waits_above_bytes_ = 0;
  int64_t exceeded_since_nanos_ = 0;  // 0: it is not
  int64_t exceeded_nanos_ = 0;        // before
};

}  // namespace ampt
