// Latencies in buckets that are at most 1/128 (0.8 %) wide: exact enough for any percentile, of a
// fixed 58 kB however many are counted.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ampt::bench {

class Histogram {
 public:
  void Add(uint64_t value_ns) {
    buckets_[BucketOf(value_ns)]++;
    count_++;
    max_ns_ = std::max(max_ns_, value_ns);
  }

  void Merge(const Histogram& other) {
    for (size_t i = 0; i < buckets_.size(); i++) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    max_ns_ = std::max(max_ns_, other.max_ns_);
  }

  // The smallest bucket bound that `share` (0 to 1) of all values do not exceed; 0 if there are
  // none.
  uint64_t PercentileNs(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count_) + 0.5);
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); i++) {
      seen += buckets_[i];
      if (seen > 0 && seen >= wanted) return std::min(BoundOf(i), max_ns_);
    }
    return 0;
  }

  uint64_t count() const { return count_; }
  uint64_t max_ns() const { return max_ns_; }

 private:
  static constexpr int kSubBits = 7;
  static constexpr size_t kSub = size_t{1} << kSubBits;

  // Values below 2 * kSub have a bucket each; above, every power of two is cut into kSub buckets.
  static size_t BucketOf(uint64_t value) {
    const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kSubBits - 1);
    return shift * kSub + (value >> shift);
  }
  static uint64_t BoundOf(size_t bucket) {
    if (bucket < 2 * kSub) return bucket;
    const size_t shift = bucket / kSub - 1;
    return ((bucket - shift * kSub + 1) << shift) - 1;
  }

  std::vector<uint64_t> buckets_ = std::vector<uint64_t>(BucketOf(UINT64_MAX) + 1);
  uint64_t count_ = 0;
  uint64_t max_ns_ = 0;
};

}  // namespace ampt::bench
