#include "server/statistics.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "commands/spec.h"

namespace ampt {
namespace {

constexpr size_t kErrorWords = 128;  // Redis' own bound
constexpr size_t kErrorWordBytes = 64;

}  // namespace

// Below kSteps a bucket for each duration; above, a power of two is cut into kSteps buckets.
size_t LatencyHistogram::BucketOf(int64_t nanos) {
  if (nanos < kSteps) return nanos < 0 ? 0 : static_cast<size_t>(nanos);
  const auto value = static_cast<uint64_t>(nanos);
  const int shift = std::bit_width(value) - std::bit_width(unsigned{kSteps});
  const size_t bucket = static_cast<size_t>(shift) * kSteps + (value >> shift);
  return std::min(bucket, kBuckets - 1);
}

int64_t LatencyHistogram::UpperBound(size_t bucket) {
  if (bucket < 2 * kSteps) return static_cast<int64_t>(bucket);
  const size_t shift = bucket / kSteps - 1;
  const int64_t step = static_cast<int64_t>(bucket % kSteps) + kSteps;
  return ((step + 1) << shift) - 1;
}

int64_t LatencyHistogram::Percentile(double percent) const {
  uint64_t total = 0;
  for (const uint64_t count : counts_) total += count;
  if (total == 0) return 0;
  const double share = std::clamp(percent, 0.0, 100.0) / 100;
  const auto wanted =
      std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(share * static_cast<double>(total))));
  uint64_t seen = 0;
  size_t bucket = 0;
  while ((seen += counts_[bucket]) < wanted) ++bucket;
  return UpperBound(bucket);
}

uint64_t LatencyHistogram::CountBelowPower(int power) const {
  // The last bucket takes all that is longer.
  const size_t end = power == kLargestPower ? kBuckets : BucketOf(int64_t{1} << power);
  uint64_t below = 0;
  for (size_t bucket = 0; bucket < end; ++bucket) below += counts_[bucket];
  return below;
}

void Rate::Sample(int64_t now_nanos, uint64_t total) {
  const int64_t elapsed_nanos = now_nanos - last_nanos_;
  if (last_nanos_ != 0 && elapsed_nanos > 0) {
    const double grown = static_cast<double>(total - std::min(total, last_total_));
    per_second_[next_] = static_cast<uint64_t>(grown * 1e9 / static_cast<double>(elapsed_nanos));
    next_ = (next_ + 1) % kSamples;
  }
  last_nanos_ = now_nanos;
  last_total_ = total;
}

uint64_t Rate::PerSecond() const {
  uint64_t sum = 0;
  for (const uint64_t sample : per_second_) sum += sample;
  return sum / kSamples;
}

Statistics::Statistics(std::span<const Command* const> commands) {
  size_t count = 0;
  for (const Command* command : commands) count += 1 + command->subcommands.size();
  slots_.resize(std::bit_ceil(4 * count + 1));
  rows_.reserve(count);
  for (const Command* command : commands) {
    Add(command, std::string(command->spec.name));
    for (const Command* part : command->subcommands) Add(part, std::string(part->spec.name));
  }
}

void Statistics::Add(const Command* command, std::string name) {
  size_t slot = FirstSlot(command);
  while (slots_[slot].command != nullptr) slot = (slot + 1) & (slots_.size() - 1);
  rows_.push_back(std::make_unique<Row>(Row{std::move(name), {}}));
  slots_[slot] = {command, rows_.back().get()};
}

size_t Statistics::FirstSlot(const Command* command) const {
  // Fibonacci hashing: commands lie at regular distances in memory.
  const uint64_t hash = reinterpret_cast<uintptr_t>(command) * 0x9e3779b97f4a7c15;
  return static_cast<size_t>(hash >> 32) & (slots_.size() - 1);
}

CommandFigures& Statistics::Of(const Command* command) {
  for (size_t slot = FirstSlot(command);; slot = (slot + 1) & (slots_.size() - 1)) {
    if (slots_[slot].command == command) return slots_[slot].row->figures;
    if (slots_[slot].command == nullptr) return unknown_.figures;
  }
}

std::vector<CommandLatency> Statistics::Latencies() const {
  std::vector<CommandLatency> latencies;
  for (const auto& row : rows_) {
    const uint64_t calls = row->figures.calls;
    if (calls == 0) continue;
    CommandLatency latency{row->name, calls, {}};
    uint64_t below = 0;
    // From a microsecond on in powers of two, up to the one that all calls are below.
    for (int power = 10; below < calls && power <= LatencyHistogram::kLargestPower; ++power) {
      const uint64_t more = row->figures.latency.CountBelowPower(power);
      if (more > below) latency.not_above_us.emplace_back((int64_t{1} << power) / 1000, more);
      below = more;
    }
    latencies.push_back(std::move(latency));
  }
  return latencies;
}

void Statistics::CountError(std::string_view text) {
  ++error_replies_;
  std::string_view word = text.substr(0, text.find(' ')).substr(0, kErrorWordBytes);
  auto found = errors_.find(word);
  if (found == errors_.end() && errors_.size() >= kErrorWords) {
    word = "ERR";
    found = errors_.find(word);
  }
  if (found == errors_.end()) found = errors_.emplace(word, 0).first;
  ++found->second;
}

void Statistics::SampleMemory() {
  memory_ = ReadMemoryFigures(allocators_);
  peak_memory_bytes_ = std::max(peak_memory_bytes_, memory_.allocated_bytes);
}

void Statistics::Sample(int64_t now_nanos) {
  SampleMemory();
  operations_.Sample(now_nanos, commands_processed);
  input_.Sample(now_nanos, input_bytes);
  output_.Sample(now_nanos, output_bytes);
}

void Statistics::MarkStartup() {
  SampleMemory();
  startup_memory_bytes_ = memory_.allocated_bytes;
}

void Statistics::Reset() {
  connections_received = 0;
  connections_rejected = 0;
  commands_processed = 0;
  input_bytes = 0;
  output_bytes = 0;
  reads = 0;
  writes = 0;
  output_limit_disconnections = 0;
  query_limit_disconnections = 0;
  evicted_clients = 0;
  for (const auto& row : rows_) row->figures = {};
  unknown_.figures = {};
  errors_.clear();
  error_replies_ = 0;
  operations_.Reset();
  input_.Reset();
  output_.Reset();
  SampleMemory();
  peak_memory_bytes_ = memory_.allocated_bytes;
}

}  // namespace ampt
