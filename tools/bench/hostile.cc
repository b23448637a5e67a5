#include "tools/bench/hostile.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tools/bench/crowd.h"
#include "tools/bench/histogram.h"
#include "tools/bench/hostile_scenarios.h"
#include "tools/bench/load.h"
#include "tools/bench/mutations.h"
#include "tools/bench/report.h"
#include "tools/bench/rows.h"
#include "tools/bench/servers.h"

namespace ampt::bench {
namespace {

using std::chrono::milliseconds;

constexpr double kProbesPerS = 1000;
constexpr uint64_t kProbedKeys = 100;
// Others' latency may grow so much over what it is alone or beside as many connections that behave,
// whichever is more: both are what a client sees without the hostile ones.
constexpr double kMostRatio = 3;
// How long memory may take to be given back: the allocator waits for 10 s before it begins, and
// takes some more.
constexpr auto kGiveBackPatience = std::chrono::seconds(25);
constexpr auto kMemoryPoll = milliseconds(5);
constexpr size_t kOwnFiles = 64;
constexpr size_t kMostBeside = 1000;
constexpr double kMb = 1 << 20;

// --- measuring -----------------------------------------------------------------------------------

// How many connections this process and its servers may have.
size_t RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > kOwnFiles ? limit.rlim_cur - kOwnFiles : 0;
}

// A client that behaves: requests at a fixed rate, and how long each took from when it was due.
class Prober {
 public:
  Prober(const Server& server, bool keys_may_go)
      : load_(server.port(), kProbers),
        speaks_ampt_(server.speaks_ampt()),
        keys_may_go_(keys_may_go) {
    Batches sets(10);
    for (uint64_t i = 0; i < kProbedKeys; ++i) sets.Add({"SET", ProbedKey(i), kValue});
    load_.RunClosed(sets);
  }
  ~Prober() {
    if (thread_.joinable()) thread_.join();
  }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Starts to send, for so long.
  void Begin(double seconds) {
    is_done_ = false;
    failure_.clear();
    latencies_ = Histogram();
    thread_ = std::thread([this, seconds] {
      // The crowd has the same core: what is measured is the server, not who of them comes first.
      sched_param first{};
      first.sched_priority = 1;
      sched_setscheduler(0, SCHED_FIFO, &first);
      try {
        load_.RunOpen(Requests(seconds), kProbesPerS, &latencies_);
      } catch (const Failure& failure) {
        failure_ = failure.what();
      }
      is_done_ = true;
    });
  }
  bool is_done() const { return is_done_; }
  // Throws Failure if a reply was wrong or did not come.
  const Histogram& End() {
    thread_.join();
    if (!failure_.empty()) throw Failure(failure_);
    return latencies_;
  }

 private:
  static constexpr std::string_view kValue =
      "sixty-four bytes that a well-behaved client has put there: 012345";

  static std::string ProbedKey(uint64_t number) { return fmt::format("probed:{:03d}", number); }

  Batches Requests(double seconds) const {
    Batches requests(1);
    const auto count = static_cast<uint64_t>(seconds * kProbesPerS);
    for (uint64_t i = 0; i < count; ++i) {
      const std::string key = ProbedKey(i / 3 % kProbedKeys);
      if (i % 3 == 0) {
        requests.Add({"SET", key, kValue});
      } else if (i % 3 == 1) {
        requests.Add({keys_may_go_ ? "STRLEN" : "GET", key});
      } else {
        requests.Add({!speaks_ampt_  ? keys_may_go_ ? "EXISTS" : "GET"
                      : keys_may_go_ ? "AMPT.COUNT"
                                     : "AMPT.GET",
                      key});
      }
    }
    return requests;
  }

  Load load_;
  const bool speaks_ampt_;
  const bool keys_may_go_;
  Histogram latencies_;
  std::string failure_;
  std::atomic<bool> is_done_ = false;
  std::thread thread_;
};

struct Latency {
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
};

Latency LatencyOf(const Histogram& histogram) {
  const auto ms = [](uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  return {ms(histogram.PercentileNs(0.5)), ms(histogram.PercentileNs(0.99)),
          ms(histogram.max_ns())};
}

struct Outcome {
  Latency alone;
  Latency beside;  // as many well-behaved connections
  Latency during;
  double before_mb = 0;
  double peak_mb = 0;
  double after_mb = 0;
  size_t connections = 0;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  uint64_t answered = 0;
  uint64_t thrown_out = 0;
  uint64_t returned = 0;
  std::string failure;  // "": the server was there to the end
};

double RssMb(const Server& server) {
  return static_cast<double>(server.RssBytes()) / kMb;
}

// Raises `peak_mb` while the prober is at work.
Latency Probe(const Server& server, Prober* prober, double seconds, double* peak_mb) {
  prober->Begin(seconds);
  while (!prober->is_done()) {
    if (peak_mb != nullptr) *peak_mb = std::max(*peak_mb, RssMb(server));
    std::this_thread::sleep_for(kMemoryPoll);
  }
  return LatencyOf(prober->End());
}

void Ask(const Server& server, const std::vector<std::vector<std::string>>& requests) {
  Client client(server.port());
  for (const std::vector<std::string>& words : requests) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    const Reply reply = client.Ask(views.data(), views.size());
    if (reply.error()) throw Failure(server.name() + ": " + reply.text);
  }
}

void Fill(const Server& server, const Scenario& scenario) {
  if (scenario.keys > 0) {
    Batches sets(64);
    for (uint64_t i = 0; i < scenario.keys; ++i) sets.Add({"SET", HostileKey(i), "a value"});
    Load(server.port(), 10).RunClosed(sets);
  }
  Ask(server, scenario.before);
}

bool IsGivenBack(const Outcome& outcome) {
  return outcome.after_mb <= 1.1 * outcome.before_mb + 32;
}

// Everything but the start of the server; what the server cannot stand is in the outcome.
Outcome Measure(Server* server, const Scenario& scenario, double scale) {
  Outcome outcome;
  try {
    Fill(*server, scenario);
    Prober prober(*server, scenario.takes_keys);
    outcome.alone = Probe(*server, &prober, kWindowS / 2 * scale, nullptr);
    for (const Manner& manner : scenario.manners) outcome.connections += manner.connections;
    if (!scenario.is_quiet) {
      Crowd others(server->port(), {WellBehaved(std::min(outcome.connections, kMostBeside))});
      others.Begin();
      outcome.beside = Probe(*server, &prober, kWindowS / 2 * scale, nullptr);
    } else {
      outcome.beside = outcome.alone;
    }
    outcome.before_mb = outcome.peak_mb = RssMb(*server);
    {
      Crowd crowd(server->port(), scenario.manners);
      crowd.Begin();
      outcome.during = Probe(*server, &prober, kWindowS * scale, &outcome.peak_mb);
      crowd.Leave();
      outcome.sent_bytes = crowd.sent_bytes();
      outcome.received_bytes = crowd.received_bytes();
      outcome.answered = crowd.answered();
      outcome.thrown_out = crowd.thrown_out();
      outcome.returned = crowd.returned();
      if (!crowd.failure().empty()) throw Failure("a hostile client: " + crowd.failure());
    }
    Ask(*server, scenario.after);
    const int64_t until_ns =
        NowNs() + std::chrono::duration_cast<std::chrono::nanoseconds>(kGiveBackPatience).count();
    do {
      std::this_thread::sleep_for(milliseconds(100));
      outcome.after_mb = RssMb(*server);
    } while (!IsGivenBack(outcome) && NowNs() < until_ns);
    if (Client(server->port()).Ask({"PING"}).error()) throw Failure("it does not answer PING");
  } catch (const Failure& failure) {
    if (std::string_view(failure.what()) == "interrupted") throw;
    outcome.failure = fmt::format("{}: {}", failure.what(), server->Autopsy());
  }
  return outcome;
}

// What the server says to one connection more than maxclients.
std::string OneTooMany(const Server& server) {
  Crowd crowd(server.port(), {{.connections = kMaxClients}});
  for (int tries = 0; tries < 100; ++tries) {
    const int fd = Connect(server.port());
    if (fd < 0) return "cannot connect";
    char buffer[256];
    const timeval patience{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    close(fd);
    // It may not have let in all of the others yet.
    if (count > 0) {
      std::string text(buffer, static_cast<size_t>(count));
      return text.substr(0, text.find('\r'));
    }
  }
  return "nothing";
}

// --- tables --------------------------------------------------------------------------------------

std::string Verdict(const Scenario& scenario, const Outcome& outcome) {
  if (!outcome.failure.empty()) return "NO: it failed";
  std::string verdict;
  const double without_ms = std::max(outcome.alone.p99_ms, outcome.beside.p99_ms);
  if (outcome.during.p99_ms > kMostRatio * without_ms) {
    verdict = scenario.is_exempt ? "exempt" : "no: p99";
  }
  if (outcome.peak_mb - outcome.before_mb > scenario.most_mb) verdict += " no: memory";
  if (!IsGivenBack(outcome)) verdict += " no: not given back";
  return verdict.empty() ? "yes" : verdict;
}

std::string Three(const Latency& latency) {
  return fmt::format("{:.2f} / {:.2f} / {:.1f}", latency.p50_ms, latency.p99_ms, latency.max_ms);
}

// A line for whoever waits; what went wrong is added to `failures`.
void Report(const Scenario& scenario, const std::string& server, const Outcome& outcome,
            std::string* failures) {
  fmt::print(stderr,
             "  {:<62} {:<6} {} ms, {:.0f} MB; sent {:.1f} MB, got {:.1f} MB, {} answers, {} "
             "thrown out, {} came again\n",
             scenario.name, server, Three(outcome.during), outcome.peak_mb,
             static_cast<double>(outcome.sent_bytes) / kMb,
             static_cast<double>(outcome.received_bytes) / kMb, outcome.answered,
             outcome.thrown_out, outcome.returned);
  if (outcome.failure.empty()) return;
  *failures += fmt::format("\n{}, {}: {}\n", scenario.name, server, outcome.failure);
}

const ServerSpec* FindServer(const Settings& settings, const Cores& cores, bool speaks_ampt) {
  for (const ServerSpec& spec : settings.servers) {
    if (spec.protocol != Protocol::kResp) continue;
    if (Server(spec, cores.server).speaks_ampt() == speaks_ampt) return &spec;
  }
  return nullptr;
}

// Connections come from many addresses, none of which is 127.0.0.1. A server that takes whatever it
// is asked for ends at half of the machine's memory, before the system ends others for it.
ServerSpec Open(const ServerSpec& spec) {
  const auto memory_bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return {spec.name,
          fmt::format("prlimit --as={} {} --protected-mode no", memory_bytes / 2, spec.command)};
}

}  // namespace

std::string RunHostile(const Settings& settings, double scale) {
  const Cores cores = ChooseCores();
  PinTo(cores.generator);
  const size_t most_connections = RaiseFileLimit();
  const ServerSpec* const subject = FindServer(settings, cores, true);
  const ServerSpec* const other = FindServer(settings, cores, false);
  if (subject == nullptr) throw Failure("--hostile: no server speaks AMPT");

  std::string text;
  if (most_connections < kMaxClients) {
    text += fmt::format("ulimit -n allows this program {} connections, not {}.\n\n",
                        most_connections, kMaxClients);
  }
  Table table({"hostile clients", "connections", "alone ms", "beside as many others",
               "beside these", "p99 of alone", "p99 of others", "MB before / peak / after", "bound",
               "met", other != nullptr ? other->name + " ms" : "-", "MB"});
  std::string failures;
  for (const Scenario& scenario : AllScenarios(most_connections)) {
    if (!settings.chooses(scenario.name)) continue;
    const auto run = [&](const ServerSpec& spec) {
      Server server(Open(spec), cores.server);
      return Measure(&server, scenario, scale);
    };
    const Outcome outcome = run(*subject);
    std::optional<Outcome> theirs;
    if (other != nullptr && !scenario.is_ours) theirs = run(*other);
    const std::string verdict = Verdict(scenario, outcome);
    table.Add({scenario.name, std::to_string(outcome.connections), Three(outcome.alone),
               scenario.is_quiet ? "–" : Three(outcome.beside), Three(outcome.during),
               fmt::format("{:.1f}", outcome.during.p99_ms / outcome.alone.p99_ms),
               fmt::format("{:.1f}", outcome.during.p99_ms / outcome.beside.p99_ms),
               fmt::format("{:.0f} / {:.0f} / {:.0f}", outcome.before_mb, outcome.peak_mb,
                           outcome.after_mb),
               fmt::format("+{:.0f}", scenario.most_mb), verdict,
               !theirs                   ? "–"
               : theirs->failure.empty() ? Three(theirs->during)
                                         : "failed",
               !theirs ? "–"
                       : fmt::format("{:.0f} / {:.0f} / {:.0f}", theirs->before_mb, theirs->peak_mb,
                                     theirs->after_mb)});
    Report(scenario, subject->name, outcome, &failures);
    if (theirs) Report(scenario, other->name, *theirs, &failures);
  }
  text += table.Text() + failures;
  if (most_connections >= kMaxClients + kOwnFiles && settings.chooses("one connection too many")) {
    const Server server(Open(*subject), cores.server);
    text += fmt::format("\nConnection {} of {}: {}\n", kMaxClients + 1, kMaxClients,
                        OneTooMany(server));
  }
  return text;
}

std::string RunHostileFuzz(const Settings& settings, double seconds, uint64_t seed) {
  const Cores cores = ChooseCores();
  PinTo(cores.generator);
  RaiseFileLimit();
  const ServerSpec* const subject = FindServer(settings, cores, true);
  if (subject == nullptr) throw Failure("--hostile-fuzz-s: no server speaks AMPT");
  fmt::print(stderr, "  fuzzing for {:.0f} s, --hostile-seed {}\n", seconds, seed);
  const ServerSpec spec = Open(*subject);
  Server server({spec.name, spec.command + " --enable-debug-command yes --max-item-size 64kb"},
                cores.server);
  const auto verify = [&] {
    const Reply reply = Client(server.port()).Ask({"DEBUG", "VERIFY"});
    if (reply.text != "OK") throw Failure("DEBUG VERIFY: " + reply.text);
  };
  constexpr double kRoundS = 10;
  Histogram latencies;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  uint64_t connections = 0;
  double peak_mb = 0;
  uint64_t round = 0;
  try {
    for (double left = seconds; left > 0; left -= kRoundS, ++round) {
      // Noise throws its connections out at once, so damaged requests have more of them.
      Crowd crowd(server.port(),
                  {{.connections = 40,
                    .source = DamagedRequests(seed + 2 * round),
                    .hangs_up = true,
                    .returns = true},
                   {.connections = 5,
                    .source = DamagedRequests(seed + 2 * round + 1),
                    .reads = false,
                    .returns = true},
                   {.connections = 5, .source = Noise(seed + round), .returns = true}});
      Prober prober(server, /*keys_may_go=*/true);
      crowd.Begin();
      prober.Begin(std::min(left, kRoundS));
      while (!prober.is_done()) {
        peak_mb = std::max(peak_mb, RssMb(server));
        std::this_thread::sleep_for(kMemoryPoll);
      }
      latencies.Merge(prober.End());
      crowd.Leave();
      sent_bytes += crowd.sent_bytes();
      received_bytes += crowd.received_bytes();
      connections += crowd.connections() + crowd.returned();
      verify();
    }
  } catch (const Failure& failure) {
    throw Failure(fmt::format("--hostile-seed {}, in second {:.0f}: {}\n{}", seed,
                              static_cast<double>(round) * kRoundS, failure.what(),
                              server.Autopsy()));
  }
  return fmt::format(
      "fuzzed for {:.0f} s (seed {}): {:.0f} MB over {} connections, {:.0f} MB of replies; others "
      "waited {} ms; at most {:.0f} MB; up, DEBUG VERIFY OK\n",
      seconds, seed, static_cast<double>(sent_bytes) / kMb, connections,
      static_cast<double>(received_bytes) / kMb, Three(LatencyOf(latencies)), peak_mb);
}

}  // namespace ampt::bench
