// HotKeys: the keys that are used most, as INFO hotkeys shows them.
//
// One of about kOneIn keys that commands name is looked at, at random distances so that no rhythm
// of a client hides its keys. What is looked at is counted by Space-Saving: a fixed number of
// counters; a key without one takes over the smallest, count included. So a key that has a share of
// more than 1/kCounters of the commands has a counter, and its count is too high by no more than
// `error`. Every minute all counts are halved: what was hot yesterday is not for long.
//
// Cost: a subtraction and a comparison for each group of commands that are looked up together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace ampt {

class HotKeys {
 public:
  static constexpr uint32_t kOneIn = 64;
  static constexpr size_t kCounters = 64;
  static constexpr size_t kMostKeyBytes = 128;  // of a key that are kept to show

  struct Counter {
    int database = 0;
    uint64_t hash = 0;
    std::string key;  // its first kMostKeyBytes
    uint64_t count = 0;
    uint64_t error = 0;
  };

  explicit HotKeys(uint64_t seed) : random_(seed), until_next_(kOneIn) {}

  // So many keys were named. Which of them, from 0, is to be given to Count(); kNone: none of them.
  static constexpr size_t kNone = SIZE_MAX;
  size_t Pick(size_t keys) {
    if (keys < until_next_) [[likely]] {
      until_next_ -= static_cast<uint32_t>(keys);
      return kNone;
    }
    return PickNow(keys);
  }
  // `hash`: of the key, to tell keys apart.
  void Count(int database, uint64_t hash, std::string_view key);

  // Called about once a minute.
  void Age();
  void Reset();

  // The counters with most first.
  std::vector<Counter> Top(size_t most) const;
  // How often Count() was called, halved as the counts are.
  uint64_t total() const { return total_; }

 private:
  size_t PickNow(size_t keys);

  Random random_;
  uint32_t until_next_;
  uint64_t total_ = 0;
  std::vector<Counter> counters_;
};

}  // namespace ampt
