// Statistics: what the server counts about itself; INFO shows it.
//
// Connections and dispatch add to it, a timer takes a sample ten times a second, CONFIG RESETSTAT
// sets it back. One thread, no locks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/alloc.h"
#include "commands/latency_monitor.h"

namespace ampt {

struct Command;

// How often each duration occurred, in buckets an eighth of a power of two wide: a percentile is at
// most 12.5 % too high. About 2 KB.
class LatencyHistogram {
 public:
  static constexpr int kLargestPower = 36;  // of two: all are below

  void Record(int64_t nanos, uint32_t times) { counts_[BucketOf(nanos)] += times; }
  // The duration that this share (0 to 100) of all does not exceed, in nanoseconds; 0 if there is
  // none. Cost: one pass over the buckets.
  int64_t Percentile(double percent) const;
  // How many were shorter than 2^power nanoseconds. Cost: as Percentile(). REQUIRES: power is 3 or
  // more.
  uint64_t CountBelowPower(int power) const;

 private:
  static constexpr int kSteps = 8;
  static constexpr size_t kBuckets = 33 * kSteps;  // up to 34 s, the last takes what is longer
  static size_t BucketOf(int64_t nanos);
  static int64_t UpperBound(size_t bucket);
  std::array<uint64_t, kBuckets> counts_{};
};

struct CommandFigures {
  uint64_t calls = 0;
  uint64_t rejected = 0;  // refused before it ran: arity, NOAUTH, OOM, …
  uint64_t failed = 0;    // ran and answered an error
  int64_t nanos = 0;      // spent running
  LatencyHistogram latency;

  // Calls that took so long together. REQUIRES: more than none.
  void CountCalls(uint32_t how_many, int64_t duration_nanos) {
    calls += how_many;
    nanos += duration_nanos;
    latency.Record(duration_nanos / how_many, how_many);
  }
};

// Averages something that only grows over the last 1.6 seconds, as Redis does.
class Rate {
 public:
  void Sample(int64_t now_nanos, uint64_t total);
  uint64_t PerSecond() const;
  void Reset() { *this = Rate(); }

 private:
  static constexpr size_t kSamples = 16;
  std::array<uint64_t, kSamples> per_second_{};
  size_t next_ = 0;
  int64_t last_nanos_ = 0;
  uint64_t last_total_ = 0;
};

class Statistics {
 public:
  // `commands`: all there are; subcommands are counted apart, under their container's name.
  explicit Statistics(std::span<const Command* const> commands);
  // Counts the slabs of this one among the process's memory, from the next sample on. It outlives
  // the statistics.
  void Watch(const Allocator& allocator) { allocators_.push_back(&allocator); }

  // --- counted by connections and dispatch ---
  uint64_t connections_received = 0;
  uint64_t connections_rejected = 0;  // over `maxclients`
  uint64_t commands_processed = 0;
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
  uint64_t reads = 0;  // calls that read from or wrote to a socket
  uint64_t writes = 0;
  uint64_t output_limit_disconnections = 0;
  uint64_t query_limit_disconnections = 0;
  uint64_t evicted_clients = 0;

  // The figures of a command of the table (of the subcommand, where one ran). Cost: a hash of the
  // pointer. The reference stays good.
  CommandFigures& Of(const Command* command);
  // Every error answered, by its text ("WRONGTYPE Operation …"); only the first word is kept. Past
  // 128 different words the rest counts as ERR.
  void CountError(std::string_view text);

  // --- read by INFO ---
  struct Row {
    std::string name;  // "get", "client|list"
    CommandFigures figures;
  };
  const std::vector<std::unique_ptr<Row>>& commands() const { return rows_; }
  const std::map<std::string, uint64_t, std::less<>>& errors() const { return errors_; }
  // Of every command that was called, for LATENCY HISTOGRAM.
  std::vector<CommandLatency> Latencies() const;
  uint64_t error_replies() const { return error_replies_; }
  const Rate& operations() const { return operations_; }
  const Rate& input() const { return input_; }
  const Rate& output() const { return output_; }
  // As of the latest sample; good enough to hold against `maxmemory`.
  const MemoryFigures& memory() const { return memory_; }
  size_t peak_memory_bytes() const { return peak_memory_bytes_; }
  size_t startup_memory_bytes() const { return startup_memory_bytes_; }

  // Reads the memory figures and the rates. Called by a timer every 100 ms, and by whoever wants
  // memory figures of this moment. Cost: tens of microseconds.
  void Sample(int64_t now_nanos);
  void SampleMemory();
  // Marks what is in use now as what the server needs when it is empty.
  void MarkStartup();
  // CONFIG RESETSTAT.
  void Reset();

 private:
  struct Slot {
    const Command* command = nullptr;
    Row* row = nullptr;
  };
  void Add(const Command* command, std::string name);
  size_t FirstSlot(const Command* command) const;

  std::vector<std::unique_ptr<Row>> rows_;
  std::vector<Slot> slots_;  // open addressing, a power of two
  Row unknown_{"unknown", {}};
  std::map<std::string, uint64_t, std::less<>> errors_;
  uint64_t error_replies_ = 0;
  Rate operations_;
  Rate input_;
  Rate output_;
  std::vector<const Allocator*> allocators_;
  MemoryFigures memory_{};
  size_t peak_memory_bytes_ = 0;
  size_t startup_memory_bytes_ = 0;
};

}  // namespace ampt
