// EffectsChain: several listeners to the changes of the databases, each told in turn.
//
// The order is the order of Add(): the log and the snapshot first, so that whoever comes behind may
// add records of its own to the frame of the change.
#pragma once

#include <array>
#include <cstddef>

#include "base/assert.h"
#include "model/effects.h"

namespace ampt {

class EffectsChain final : public Effects {
 public:
  static constexpr size_t kMostListeners = 6;

  // The listener outlives the chain. REQUIRES: fewer than kMostListeners yet.
  void Add(Effects& listener) {
    AMPT_ASSERT(count_ < kMostListeners);
    listeners_[count_++] = &listener;
  }

  void WillChange(int database, const Item& item, Origin origin) override {
    for (size_t n = 0; n < count_; ++n) listeners_[n]->WillChange(database, item, origin);
  }
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    for (size_t n = 0; n < count_; ++n) listeners_[n]->DidChange(database, kind, item, origin);
  }
  void WillFlush(int database) override {
    for (size_t n = 0; n < count_; ++n) listeners_[n]->WillFlush(database);
  }

 private:
  std::array<Effects*, kMostListeners> listeners_{};
  size_t count_ = 0;
};

}  // namespace ampt
