// Monitoring: what is seen of the commands that run: SLOWLOG, LATENCY, MONITOR and hot keys.
//
// Dispatch measures runs of equal fast commands together (dispatch.h), which costs a tenth of
// measuring each. An entry of the slow log is right or absent: only what was measured alone makes
// one. A run that took as long together as one command alone would have to is a sign that one of
// them did, so for a second from then on all are measured alone; where the threshold is so low that
// a run reaches it as a rule, always.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "commands/context.h"
#include "commands/latency_monitor.h"
#include "commands/slow_log.h"
#include "commands/spec.h"
#include "server/hot_keys.h"
#include "server/server_clock.h"
#include "server/settings.h"
#include "server/statistics.h"

namespace ampt {

class Connection;

class Monitoring {
 public:
  // Both outlive it. `seed`: random.
  Monitoring(const Settings& settings, ServerClock& clock, uint64_t seed);
  Monitoring(const Monitoring&) = delete;
  Monitoring& operator=(const Monitoring&) = delete;

  // After CONFIG SET.
  void SettingsChanged();
  // Ten times a second.
  void Tick();

  SlowLog& slow_log() { return slow_log_; }
  LatencyMonitor& latency() { return latency_; }
  HotKeys& hot_keys() { return hot_keys_; }

  // --- how long commands took ---
  // What took less is of no interest here.
  int64_t least_nanos() const { return least_nanos_; }
  bool measures_alone() const { return measures_alone_; }
  // One command took at least least_nanos(). `command`: of a container its part.
  void CommandTook(const Command& command, Words words, const Connection& client, int64_t nanos);
  // Several together did.
  void RunTook();
  // Work that goes on in slices: counts the command in `figures` when it is over, as having taken
  // `nanos` so far and all its slices.
  std::unique_ptr<SlicedWork> Measured(std::unique_ptr<SlicedWork> work, CommandFigures& figures,
                                       const Command& command, Words words,
                                       const Connection& client, int64_t nanos);

  // Measures what the loop does from here to the end of its scope. Costs a branch while LATENCY is
  // off.
  class Stopwatch {
   public:
    Stopwatch(Monitoring& monitoring, std::string_view event)
        : monitoring_(monitoring),
          event_(event),
          began_nanos_(monitoring.latency_.is_on() ? ServerClock::StopwatchNanos() : 0) {}
    ~Stopwatch() {
      if (began_nanos_ != 0) monitoring_.EventTook(event_, NanosSince(began_nanos_));
    }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

   private:
    static int64_t NanosSince(int64_t began) { return ServerClock::StopwatchNanos() - began; }
    Monitoring& monitoring_;
    std::string_view event_;
    int64_t began_nanos_;
  };
  void EventTook(std::string_view event, int64_t nanos);

  // --- MONITOR ---
  bool has_monitors() const { return !monitors_.empty(); }
  void AddMonitor(Connection& client);
  void RemoveMonitor(Connection& client);
  // Shows them a command. `by_script`: a script of that client runs it.
  void Show(const Command& command, Words words, const Connection& client, bool by_script);

 private:
  class MeasuredWork;

  void DecideHowToMeasure();
  SlowLog::Entry MakeEntry(const Command& command, Words words, const Connection& client) const;
  bool IsForSlowLog(const Command& command, int64_t nanos) const;
  void NoteLatency(const Command& command, int64_t nanos);
  void AddToSlowLog(SlowLog::Entry entry, int64_t nanos);

  const Settings& settings_;
  ServerClock& clock_;
  SlowLog slow_log_;
  LatencyMonitor latency_;
  HotKeys hot_keys_;
  unsigned ticks_ = 0;
  int64_t least_nanos_ = 0;
  int64_t alone_until_nanos_ = 0;
  bool measures_alone_ = false;
  std::vector<Connection*> monitors_;
};

// A line of MONITOR, as Redis writes it but with long words and long lines cut short.
std::string MonitorLine(int64_t wall_us, int database, std::string_view source,
                        std::span<const std::string_view> words);
// "text" with \n, \r, \t, \a, \b, \" and \x00 for what is not to be printed.
void AppendQuoted(std::string_view text, std::string* out);

}  // namespace ampt
