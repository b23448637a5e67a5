// Time as the core sees it: a number handed in, never read from the machine.
//
// The host (server, module, test) owns a Clock and passes `now_ms` down with each command, so that
// replay and tests are exact. A Clock never runs backwards.
#pragma once

#include <cstdint>

namespace ampt {

// Milliseconds since 1970-01-01T00:00:00Z.
using TimeMs = int64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimeMs NowMs() = 0;
  // A stopwatch for bounding slices; unrelated to NowMs, in microseconds.
  virtual int64_t StopwatchMicros() = 0;
};

// A clock that stands still until told otherwise: tests and DEBUG CLOCK.
class ManualClock : public Clock {
 public:
  explicit ManualClock(TimeMs now_ms) : now_ms_(now_ms) {}
  TimeMs NowMs() override { return now_ms_; }
  int64_t StopwatchMicros() override { return now_ms_ * 1000; }
  // Going back is ignored.
  void Set(TimeMs now_ms) { now_ms_ = now_ms > now_ms_ ? now_ms : now_ms_; }
  void Advance(TimeMs by_ms) { now_ms_ += by_ms; }

 private:
  TimeMs now_ms_;
};

}  // namespace ampt
