// SharedCount: a count that one thread at a time changes and any may read.
#pragma once

#include <atomic>
#include <cstddef>

namespace ampt {

class SharedCount {
 public:
  // As cheap as of a plain number: nobody else changes it meanwhile.
  void operator+=(size_t n) { set(*this + n); }
  void operator-=(size_t n) { set(*this - n); }
  operator size_t() const { return count_.load(std::memory_order_relaxed); }

 private:
  void set(size_t count) { count_.store(count, std::memory_order_relaxed); }
  std::atomic<size_t> count_{0};
};

}  // namespace ampt
