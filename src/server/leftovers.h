// Leftovers: what has many pieces and is needed no more, taken apart in slices.
//
// A queue that was discarded, what a client that has gone was subscribed to: to give that back in
// one go would have everybody wait. Whoever left it does not wait for it either.
//
// The more has piled up the more is taken apart in a slice, so that it cannot pile up without
// bound, however fast clients leave things behind.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

#include "base/limits.h"
#include "server/slices.h"

namespace ampt {

template <typename Thing>
class Leftovers {
 public:
  // So few pieces are better taken apart at once.
  static constexpr size_t kFew = 64;

  // `slices` outlives it. `take_away` takes the next piece of a thing away; true: it was the last.
  Leftovers(Slices& slices, std::function<bool(Thing&)> take_away)
      : slices_(slices), take_away_(std::move(take_away)) {}
  Leftovers(const Leftovers&) = delete;
  Leftovers& operator=(const Leftovers&) = delete;

  // REQUIRES: it has a piece at least; `pieces` is how many, at a guess. Cost: constant.
  void Add(Thing thing, size_t pieces) {
    things_.push_back({std::move(thing), pieces});
    pieces_ += pieces;
    if (things_.size() > 1) return;
    slices_.Add([this](TimeMs) { return TakeSomeAway(); });
  }
  bool empty() const { return things_.empty(); }

 private:
  static constexpr size_t kSlicesOfPile = 1024;

  struct Counted {
    Thing thing;
    size_t pieces;
  };

  bool TakeSomeAway() {
    for (size_t n = std::max(limits::kSliceNames, pieces_ / kSlicesOfPile); n > 0; --n) {
      if (!take_away_(things_.front().thing)) continue;
      pieces_ -= things_.front().pieces;
      things_.pop_front();
      if (things_.empty()) return true;
    }
    return false;
  }

  Slices& slices_;
  std::function<bool(Thing&)> take_away_;
  std::deque<Counted> things_;
  size_t pieces_ = 0;
};

}  // namespace ampt
