#include "server/hot_keys.h"

#include <algorithm>

namespace ampt {

size_t HotKeys::PickNow(size_t keys) {
  const size_t picked = until_next_ - 1;
  // Of several that would be due in one group the first stands for all.
  until_next_ = 1 + static_cast<uint32_t>(random_.Next() % (2 * kOneIn - 1));
  return std::min(picked, keys - 1);
}

void HotKeys::Count(int database, uint64_t hash, std::string_view key) {
  ++total_;
  const auto found = std::ranges::find_if(counters_, [&](const Counter& counter) {
    return counter.hash == hash && counter.database == database;
  });
  if (found != counters_.end()) {
    ++found->count;
    return;
  }
  Counter counter{database, hash, std::string(key.substr(0, kMostKeyBytes)), 1, 0};
  if (counters_.size() < kCounters) {
    counters_.push_back(std::move(counter));
    return;
  }
  Counter& smallest = *std::ranges::min_element(counters_, {}, &Counter::count);
  counter.error = smallest.count;
  counter.count = smallest.count + 1;
  smallest = std::move(counter);
}

void HotKeys::Age() {
  total_ /= 2;
  for (Counter& counter : counters_) {
    counter.count /= 2;
    counter.error /= 2;
  }
  std::erase_if(counters_, [](const Counter& counter) { return counter.count == 0; });
}

void HotKeys::Reset() {
  total_ = 0;
  counters_.clear();
}

std::vector<HotKeys::Counter> HotKeys::Top(size_t most) const {
  std::vector<Counter> top = counters_;
  std::ranges::sort(top, std::greater<>(), &Counter::count);
  if (top.size() > most) top.resize(most);
  return top;
}

}  // namespace ampt
