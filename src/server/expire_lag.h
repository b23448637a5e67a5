// ExpireLag: how long after their deadline items are removed, for INFO.
#pragma once

#include <algorithm>

#include "model/effects.h"
#include "model/item.h"
#include "server/server_clock.h"
#include "server/statistics.h"

namespace ampt {

class ExpireLag final : public Effects {
 public:
  explicit ExpireLag(ServerClock& clock) : clock_(clock) {}

  // From now on; what fell due before was nobody's to remove in time.
  void Start() { since_ms_ = clock_.NowMs(); }

  void WillChange(int, const Item&, Origin) override {}
  void DidChange(int, ChangeKind, const Item& item, Origin origin) override {
    if (origin != Origin::kExpired || item.deadline_ms() < since_ms_) return;
    const TimeMs lag_ms = std::max<TimeMs>(0, clock_.NowMs() - item.deadline_ms());
    histogram_.Record(lag_ms * 1'000'000, 1);
  }
  void WillFlush(int) override {}

  // Milliseconds that this share (0 to 100) of all items does not exceed.
  double PercentileMs(double percent) const {
    return static_cast<double>(histogram_.Percentile(percent)) / 1e6;
  }
  void Reset() { histogram_ = LatencyHistogram(); }

 private:
  ServerClock& clock_;
  TimeMs since_ms_ = 0;
  LatencyHistogram histogram_;
};

}  // namespace ampt
