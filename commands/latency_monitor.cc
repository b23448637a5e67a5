#include "commands/latency_monitor.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>

#include "base/bytes.h"

namespace ampt {
namespace {

constexpr size_t kMostSamples = 160;  // Redis' own bound
constexpr size_t kGraphColumns = 80;
constexpr size_t kGraphRows = 4;
constexpr std::string_view kLevels = "_o#";  // of a row's height

std::string Number(int64_t value) {
  return std::string(IntegerText(value).view());
}

// How long ago, as short as may be: it stands upright below the chart.
std::string Ago(int64_t seconds) {
  constexpr std::pair<int64_t, char> kUnits[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
  for (const auto& [unit_s, letter] : kUnits) {
    if (seconds >= unit_s) return Number(seconds / unit_s) + letter;
  }
  return Number(std::max<int64_t>(0, seconds)) + 's';
}

// The mean of what `value` makes of each sample.
template <typename Value>
int64_t Mean(const std::deque<LatencyMonitor::Sample>& samples, Value value) {
  int64_t sum = 0;
  for (const LatencyMonitor::Sample& sample : samples) sum += value(sample);
  return sum / static_cast<int64_t>(samples.size());
}

std::string Describe(std::string_view name, const LatencyMonitor::Event& event) {
  const auto& samples = event.samples;
  const int64_t mean_ms = Mean(samples, [](const auto& sample) { return sample.duration_ms; });
  const int64_t deviation_ms =
      Mean(samples, [&](const auto& sample) { return std::abs(sample.duration_ms - mean_ms); });
  const int64_t span_s = samples.back().time_s - samples.front().time_s;
  std::string text = std::string(name) + ": " + Number(static_cast<int64_t>(samples.size())) +
                     " latency spikes (average " + Number(mean_ms) + "ms, mean deviation " +
                     Number(deviation_ms) + "ms";
  if (samples.size() > 1) {
    text += ", one every " + Number(span_s / static_cast<int64_t>(samples.size() - 1)) + "s";
  }
  return text + "). Worst all time event " + Number(event.worst_ms) + "ms.\n";
}

struct Advice {
  std::string_view event;
  std::string_view text;
};

constexpr Advice kAdvice[] = {
    {"command",
     "SLOWLOG GET shows the commands that took long (slowlog-log-slower-than says from when on). "
     "Pages with LIMIT and START, and SCAN, do in small steps what one command does in a large "
     "one; transactions and scripts run to their end while everybody waits."},
    {"fast-command",
     "Commands that take microseconds took milliseconds: the process did not get the processor or "
     "waited for memory. Look for other programs on the machine, a virtual machine that shares its "
     "cores, and swapping; very large values cost too."},
    {"event-loop",
     "Turns of the event loop were long, for all they did together: many clients with long "
     "pipelines, or large replies. Shorter pipelines let others come between."},
    {"expire-cycle",
     "Items expire in slices of about a millisecond: where one takes long, the items are very "
     "large "
     "or the process did not get the processor."},
    {"eviction-cycle", "Items are evicted to make room. Raise maxmemory, or give items deadlines."},
    {"aof-write",
     "The log is written and synced by a worker, so that only clients with appendfsync always wait "
     "for it. A slow disk, or one shared with other programs, is the usual cause."},
    {"snapshot-slice",
     "A snapshot is taken in slices of about a millisecond: where one takes long, the items are "
     "very "
     "large or the process did not get the processor."},
    {"slice",
     "Long work is done in slices of about a millisecond: where one takes long, the items are very "
     "large or the process did not get the processor."},
};

}  // namespace

void LatencyMonitor::Add(std::string_view name, int64_t time_s, int64_t duration_ms) {
  if (!is_on() || duration_ms < threshold_ms_) return;
  auto found = events_.find(name);
  if (found == events_.end()) found = events_.emplace(name, Event()).first;
  Event& event = found->second;
  event.worst_ms = std::max(event.worst_ms, duration_ms);
  if (!event.samples.empty() && event.samples.back().time_s == time_s) {
    event.samples.back().duration_ms = std::max(event.samples.back().duration_ms, duration_ms);
    return;
  }
  event.samples.push_back({time_s, duration_ms});
  if (event.samples.size() > kMostSamples) event.samples.pop_front();
}

size_t LatencyMonitor::Reset(std::span<const std::string_view> names) {
  size_t forgotten = 0;
  if (names.empty()) {
    forgotten = events_.size();
    events_.clear();
  }
  for (const std::string_view name : names) {
    const auto found = events_.find(name);
    if (found == events_.end()) continue;
    events_.erase(found);
    ++forgotten;
  }
  return forgotten;
}

std::string LatencyMonitor::Report() const {
  if (events_.empty() && !is_on()) {
    return "Latency is not monitored. CONFIG SET latency-monitor-threshold <milliseconds> has the "
           "server note what takes that long or longer; ask again some time after that.\n";
  }
  if (events_.empty()) {
    return "Nothing has taken longer than latency-monitor-threshold since the start or LATENCY "
           "RESET.\n";
  }
  std::string text = "What took longer than latency-monitor-threshold:\n\n";
  int64_t number = 0;
  for (const auto& [name, event] : events_) text += Number(++number) + ". " + Describe(name, event);
  text += "\nWhat it may come from:\n\n";
  for (const Advice& advice : kAdvice) {
    if (!events_.contains(advice.event)) continue;
    text.append("- ").append(advice.event).append(": ").append(advice.text).append("\n");
  }
  return text;
}

std::string LatencyMonitor::Graph(std::string_view name, int64_t now_s) const {
  const Event& event = events_.find(name)->second;
  const auto& all = event.samples;
  const size_t columns = std::min(all.size(), kGraphColumns);
  const std::vector<Sample> samples(all.end() - static_cast<ptrdiff_t>(columns), all.end());
  const auto [low, high] = std::ranges::minmax(samples, {}, &Sample::duration_ms);
  const int64_t low_ms = low.duration_ms;
  const int64_t high_ms = high.duration_ms;
  const int64_t range_ms = std::max<int64_t>(1, high_ms - low_ms);
  const auto steps = static_cast<int64_t>(kGraphRows * kLevels.size());

  // Lines from top to bottom: the rows of the chart, then the labels, one character each.
  std::vector<std::string> lines(kGraphRows, std::string(columns, ' '));
  for (size_t column = 0; column < columns; ++column) {
    const int64_t height =
        std::min((samples[column].duration_ms - low_ms) * steps / range_ms, steps - 1);
    const auto top = static_cast<size_t>(height) / kLevels.size();
    for (size_t row = 0; row <= top; ++row) {
      lines[kGraphRows - 1 - row][column] =
          row == top ? kLevels[static_cast<size_t>(height) % kLevels.size()] : '|';
    }
    const std::string label = Ago(now_s - samples[column].time_s);
    if (lines.size() < kGraphRows + 1 + label.size()) {
      lines.resize(kGraphRows + 1 + label.size(), std::string(columns, ' '));
    }
    for (size_t i = 0; i < label.size(); ++i) lines[kGraphRows + 1 + i][column] = label[i];
  }

  std::string text = std::string(name) + " - high " + Number(high_ms) + " ms, low " +
                     Number(low_ms) + " ms (all time high " + Number(event.worst_ms) + " ms)\n" +
                     std::string(kGraphColumns, '-') + "\n";
  for (const std::string& line : lines) text.append(line).append("\n");
  return text;
}

}  // namespace ampt
