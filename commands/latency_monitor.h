// LatencyMonitor: what held the server up, and when, as LATENCY shows it.
//
// Whoever does something that others have to wait for tells how long it took, under a name
// ("command", "expire-cycle", …); what took no longer than the threshold is forgotten. Of each name
// the last 160 seconds in which something happened are kept. No clock: times are given, in seconds
// since 1970.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ampt {

class LatencyMonitor {
 public:
  struct Sample {
    int64_t time_s;
    int64_t duration_ms;  // the longest of that second
  };
  struct Event {
    std::deque<Sample> samples;  // oldest first; never empty
    int64_t worst_ms = 0;        // since the start or Reset()
  };
  using Events = std::map<std::string, Event, std::less<>>;

  // 0: nothing is kept.
  void set_threshold_ms(int64_t threshold_ms) { threshold_ms_ = threshold_ms; }
  bool is_on() const { return threshold_ms_ > 0; }
  // Cost: a comparison for what took less than the threshold.
  void Add(std::string_view event, int64_t time_s, int64_t duration_ms);

  const Events& events() const { return events_; }
  // Forgets these events, or all if none is named; returns how many there were.
  size_t Reset(std::span<const std::string_view> names);

  // What there is to say about all of it, in words.
  std::string Report() const;
  // The samples of an event as a chart of characters. REQUIRES: there is that event.
  std::string Graph(std::string_view name, int64_t now_s) const;

 private:
  int64_t threshold_ms_ = 0;
  Events events_;
};

// How many calls of a command took how long.
struct CommandLatency {
  std::string_view name;  // a subcommand's with its container's: "client|list"
  uint64_t calls;
  // Pairs of a duration in microseconds, and how many calls did not exceed it; rising in both.
  std::vector<std::pair<int64_t, uint64_t>> not_above_us;
};

}  // namespace ampt
