// The positions behind SCAN's cursors: the latest limits::kScanCursors of a database.
//
// A cursor is a number; the server keeps the key it stands for, so a scan goes on exactly behind
// that key whatever was written meanwhile. Cost: O(1) amortised. Memory is bounded: where keys are
// so long that they would take over limits::kScanCursorBytes, fewer are kept.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace ampt {

class ScanCursors {
 public:
  // Remembers that a scan has shown everything up to and including `last_key`. Never returns 0.
  uint64_t Remember(std::string_view last_key) {
    while (positions_.size() == limits::kScanCursors ||
           (!positions_.empty() && bytes_ + last_key.size() > limits::kScanCursorBytes)) {
      bytes_ -= positions_.front().size();
      positions_.pop_front();
      ++oldest_;
    }
    positions_.emplace_back(last_key);
    bytes_ += last_key.size();
    return oldest_ + positions_.size() - 1;
  }
  // The key, or nothing where the cursor was never given or is forgotten.
  std::optional<std::string_view> Find(uint64_t cursor) const {
    if (cursor < oldest_ || cursor - oldest_ >= positions_.size()) return std::nullopt;
    return positions_[cursor - oldest_];
  }

 private:
  std::deque<std::string> positions_;
  size_t bytes_ = 0;  // of their keys
  uint64_t oldest_ = 1;
};

}  // namespace ampt
