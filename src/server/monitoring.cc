#include "server/monitoring.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "server/connection.h"
#include "server/redaction.h"

namespace ampt {

extern const Command kExec;

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
constexpr int64_t kAloneForNanos = 1'000'000'000;
// Runs of fast commands take as long as a rule.
constexpr int64_t kRunNanos = 100'000;
constexpr unsigned kTicksAMinute = 600;
constexpr size_t kMostShownWordBytes = 1 << 20;
constexpr size_t kMostLineBytes = 1 << 22;

}  // namespace

// --- how long commands took
// ---------------------------------------------------------------------

// Takes the place of the work, so that its time counts wherever it runs.
class Monitoring::MeasuredWork : public SlicedWork {
 public:
  MeasuredWork(Monitoring& monitoring, std::unique_ptr<SlicedWork> work, CommandFigures& figures,
               const Command& command, SlowLog::Entry entry, int64_t nanos)
      : monitoring_(monitoring),
        work_(std::move(work)),
        figures_(figures),
        command_(command),
        entry_(std::move(entry)),
        nanos_(nanos) {}

  bool DoSome(TimeMs now_ms) override {
    const int64_t began_nanos = ServerClock::StopwatchNanos();
    const bool is_done = work_->DoSome(now_ms);
    nanos_ += ServerClock::StopwatchNanos() - began_nanos;
    if (is_done) {
      figures_.CountCalls(1, nanos_);
      // Nobody else waited for all of it, so it is nothing to LATENCY.
      if (monitoring_.IsForSlowLog(command_, nanos_)) {
        monitoring_.AddToSlowLog(std::move(entry_), nanos_);
      }
    }
    return is_done;
  }
  bool Answer(Reply& reply) override { return work_->Answer(reply); }
  bool keeps_words() const override { return work_->keeps_words(); }

 private:
  Monitoring& monitoring_;
  std::unique_ptr<SlicedWork> work_;
  CommandFigures& figures_;
  const Command& command_;
  SlowLog::Entry entry_;
  int64_t nanos_;
};

Monitoring::Monitoring(const Settings& settings, ServerClock& clock, uint64_t seed)
    : settings_(settings), clock_(clock), hot_keys_(seed) {
  SettingsChanged();
}

void Monitoring::SettingsChanged() {
  slow_log_.set_capacity(static_cast<size_t>(settings_.slowlog_max_len));
  latency_.set_threshold_ms(settings_.latency_monitor_threshold_ms);
  const int64_t slow_us = settings_.slowlog_log_slower_than_us;
  least_nanos_ = slow_us >= 0 ? std::min(slow_us, kNever / 1000) * 1000 : kNever;
  if (latency_.is_on()) {
    least_nanos_ = std::min(least_nanos_, settings_.latency_monitor_threshold_ms * 1'000'000);
  }
  DecideHowToMeasure();
}

void Monitoring::DecideHowToMeasure() {
  measures_alone_ = least_nanos_ <= kRunNanos || ServerClock::StopwatchNanos() < alone_until_nanos_;
}

void Monitoring::Tick() {
  DecideHowToMeasure();
  if (++ticks_ % kTicksAMinute == 0) hot_keys_.Age();
}

void Monitoring::RunTook() {
  alone_until_nanos_ = ServerClock::StopwatchNanos() + kAloneForNanos;
  measures_alone_ = true;
}

bool Monitoring::IsForSlowLog(const Command& command, int64_t nanos) const {
  const int64_t slow_us = settings_.slowlog_log_slower_than_us;
  // EXEC is shown by what it ran.
  return slow_us >= 0 && nanos / 1000 >= slow_us && &command != &kExec;
}

SlowLog::Entry Monitoring::MakeEntry(const Command& command, Words words,
                                     const Connection& client) const {
  const Words first = words.first(std::min(words.size(), kMostSlowLogWords));
  return {.words = Shortened(WithoutSecrets(command, first), words.size()),
          .address = client.address(),
          .name = std::string(client.name())};
}

void Monitoring::AddToSlowLog(SlowLog::Entry entry, int64_t nanos) {
  entry.time_s = clock_.WallMicros() / 1'000'000;
  entry.duration_us = nanos / 1000;
  slow_log_.Add(std::move(entry));
}

void Monitoring::CommandTook(const Command& command, Words words, const Connection& client,
                             int64_t nanos) {
  if (IsForSlowLog(command, nanos)) AddToSlowLog(MakeEntry(command, words, client), nanos);
  EventTook(command.Is(kFast) ? "fast-command" : "command", nanos);
}

void Monitoring::EventTook(std::string_view event, int64_t nanos) {
  latency_.Add(event, clock_.WallMicros() / 1'000'000, nanos / 1'000'000);
}

std::unique_ptr<SlicedWork> Monitoring::Measured(std::unique_ptr<SlicedWork> work,
                                                 CommandFigures& figures, const Command& command,
                                                 Words words, const Connection& client,
                                                 int64_t nanos) {
  return std::make_unique<MeasuredWork>(*this, std::move(work), figures, command,
                                        MakeEntry(command, words, client), nanos);
}

// --- MONITOR
// ------------------------------------------------------------------------------------

void Monitoring::AddMonitor(Connection& client) {
  if (client.is_monitor()) return;
  client.set_monitor(true);
  monitors_.push_back(&client);
}

void Monitoring::RemoveMonitor(Connection& client) {
  if (!client.is_monitor()) return;
  client.set_monitor(false);
  std::erase(monitors_, &client);
}

void Monitoring::Show(const Command& command, Words words, const Connection& client,
                      bool by_script) {
  if (command.Is(kAdmin)) return;  // as Redis: what administrators do is not for every eye
  const std::string source = by_script          ? "lua"
                             : client.is_unix() ? "unix:" + client.address()
                                                : client.address();
  const std::string line =
      MonitorLine(clock_.WallMicros(), client.database(), source, WithoutSecrets(command, words));
  for (Connection* const monitor : monitors_) monitor->Push(line);
}

std::string MonitorLine(int64_t wall_us, int database, std::string_view source,
                        std::span<const std::string_view> words) {
  std::string line =
      fmt::format("+{}.{:06} [{} {}]", wall_us / 1'000'000, wall_us % 1'000'000, database, source);
  for (size_t i = 0; i < words.size(); ++i) {
    if (line.size() > kMostLineBytes) {
      line += fmt::format(" \"... ({} more arguments)\"", words.size() - i);
      break;
    }
    line += ' ';
    AppendQuoted(words[i].substr(0, kMostShownWordBytes), &line);
    if (words[i].size() > kMostShownWordBytes) {
      line += fmt::format("... ({} more bytes)", words[i].size() - kMostShownWordBytes);
    }
  }
  return line += "\r\n";
}

void AppendQuoted(std::string_view text, std::string* out) {
  constexpr std::string_view kSigns = "\n\r\t\a\b\\\"";
  constexpr std::string_view kLetters = "nrtab\\\"";
  out->push_back('"');
  for (const char c : text) {
    if (const size_t at = kSigns.find(c); at != std::string_view::npos) {
      out->append(1, '\\').append(1, kLetters[at]);
    } else if (c >= ' ' && c <= '~') {
      out->push_back(c);
    } else {
      fmt::format_to(std::back_inserter(*out), "\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  out->push_back('"');
}

}  // namespace ampt
