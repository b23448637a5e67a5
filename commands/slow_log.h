// SlowLog: the requests that took longest, newest first, as SLOWLOG shows them.
//
// A fixed number of entries, each of bounded size. What was secret in a request must be gone before
// it comes here. No clock: times are given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampt {

// Of one request.
inline constexpr size_t kMostSlowLogWords = 32;

// A request's words as they are kept: the first 31 where there are more than 32, the first 128
// bytes of each, and in place of the rest how much there was ("... (7 more bytes)").
// `words`: the first of a request of `total_words`, kMostSlowLogWords of them at least, or all.
std::vector<std::string> Shortened(std::span<const std::string_view> words, size_t total_words);

class SlowLog {
 public:
  struct Entry {
    int64_t id = 0;      // given by Add()
    int64_t time_s = 0;  // when it was over, since 1970
    int64_t duration_us = 0;
    std::vector<std::string> words;
    std::string address;  // the client's
    std::string name;     // and what it calls itself
  };

  // How many entries are kept; the oldest give way.
  void set_capacity(size_t entries);
  // Cost: O(1).
  void Add(Entry entry);
  // Newest first.
  const std::deque<Entry>& entries() const { return entries_; }
  // Numbers go on.
  void Reset() { entries_.clear(); }

 private:
  size_t capacity_ = 0;
  int64_t next_id_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace ampt
