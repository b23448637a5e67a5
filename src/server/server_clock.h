// ServerClock: the machine's clock as the server uses it, and DEBUG CLOCK's hand on it.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace ampt {

// Never runs backwards, whatever the machine's clock does. One thread.
class ServerClock : public Clock {
 public:
  TimeMs NowMs() override { return WallMicros() / 1000; }
  int64_t StopwatchMicros() override { return StopwatchNanos() / 1000; }

  // Microseconds since 1970, on the same hands as NowMs().
  int64_t WallMicros() {
    if (!stopped_) last_us_ = std::max(last_us_, Read(CLOCK_REALTIME) / 1000 + ahead_us_);
    return last_us_;
  }
  // For measuring; goes on while the clock is stopped. Cost: about 25 ns.
  static int64_t StopwatchNanos() { return Read(CLOCK_MONOTONIC); }

  // Has the clock stand at a time, possibly in the past. REQUIRES: nobody has read it yet.
  void BeginStopped(TimeMs at_ms) {
    stopped_ = true;
    last_us_ = at_ms * 1000;
  }
  // Stops the clock at a time, not before the one it shows; nullopt lets it run on from there.
  void Stop(std::optional<TimeMs> at_ms) {
    WallMicros();
    stopped_ = at_ms.has_value();
    if (stopped_) {
      last_us_ = std::max(last_us_, std::min(*at_ms, kLatestMs) * 1000);
    } else {
      ahead_us_ = std::max<int64_t>(0, last_us_ - Read(CLOCK_REALTIME) / 1000);
    }
  }

 private:
  static constexpr TimeMs kLatestMs = 253402300799999;  // the end of the year 9999

  static int64_t Read(clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  }

  bool stopped_ = false;
  int64_t last_us_ = 0;
  int64_t ahead_us_ = 0;
};

}  // namespace ampt
