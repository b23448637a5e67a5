#include "tools/bench/durability.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "tools/bench/load.h"
#include "tools/bench/report.h"
#include "tools/bench/rows.h"
#include "tools/bench/servers.h"

namespace ampt::bench {
namespace {

constexpr size_t kLogValueBytes = 64;
constexpr size_t kSnapshotValueBytes = 200;
// Between two looks at whether a snapshot is finished, and at the memory.
constexpr uint64_t kRequestsAtOnce = 20'000;
// Far from what any server can do, so that a latency is a stall and not a queue.
constexpr double kProbeRate = 10'000;

struct Policy {
  std::string_view name;
  std::string_view flags;
  double target;  // least throughput at P=16, as a share of that without a log; 0: none
};
constexpr Policy kPolicies[] = {
    {"off", " --appendonly no", 0},
    {"everysec", " --appendonly yes --appendfsync everysec", 0.9},
    {"always", " --appendonly yes --appendfsync always", 0.7},
};
constexpr std::string_view kNoRewrites = " --auto-aof-rewrite-percentage 0";

// A server with some settings more, and connections to it.
class Rival {
 public:
  Rival(const ServerSpec& spec, std::string_view flags, const Cores& cores, size_t clients)
      : server_(ServerSpec{spec.name, spec.command + std::string(flags)}, cores.server),
        clients_(clients) {
    Connect();
  }

  Server& server() { return server_; }
  Load& load() { return *load_; }
  Reply Ask(std::initializer_list<std::string_view> words) {
    const Reply reply = Client(server_.port()).Ask(words);
    if (reply.error()) throw Failure(server_.name() + ": " + reply.text);
    return reply;
  }
  double Restart() {
    load_.reset();
    const double seconds = server_.Restart();
    Connect();
    return seconds;
  }
  // Whether INFO persistence has `line`.
  bool Tells(std::string_view line) {
    return Ask({"INFO", "persistence"}).text.find(line) != std::string::npos;
  }

 private:
  void Connect() { load_ = std::make_unique<Load>(server_.port(), clients_); }

  Server server_;
  size_t clients_;
  std::unique_ptr<Load> load_;
};

// SETs of a value of so many bytes; the keys in order, or at random.
Batches MakeSets(uint64_t keys, uint64_t requests, size_t depth, size_t value_bytes, bool in_order,
                 uint64_t seed) {
  Batches batches(depth);
  Random random(seed);
  for (uint64_t i = 0; i < requests; ++i) {
    const std::string key = fmt::format("key:{:012d}", in_order ? i : random.Below(keys));
    std::string value = fmt::format("{:016x}", random.Next());
    value.resize(value_bytes, '.');
    batches.Add({"SET", key, value});
  }
  return batches;
}

void Fill(Rival* rival, uint64_t keys, size_t value_bytes) {
  rival->load().RunClosed(MakeSets(keys, keys, 64, value_bytes, true, 1));
}

std::string Met(bool met) {
  return met ? "yes" : "no";
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// --- logs ----------------------------------------------------------------------------------------

struct LogSample {
  double requests_per_s;
  double cpu_us;
};

LogSample MeasureLog(Rival* rival, uint64_t keys, size_t depth, uint64_t requests, uint64_t seed) {
  const Batches batches = MakeSets(keys, requests, depth, kLogValueBytes, false, seed);
  const int64_t cpu_begin_ns = rival->server().CpuNs();
  const LoadResult result = rival->load().RunClosed(batches);
  const auto cpu_ns = static_cast<double>(rival->server().CpuNs() - cpu_begin_ns);
  const auto count = static_cast<double>(result.requests);
  return {count / static_cast<double>(result.elapsed_ns) * 1e9, cpu_ns / count / 1e3};
}

std::string RunLogs(const Settings& settings, const Cores& cores, uint64_t keys, double scale) {
  Table table(
      {"SET existing key", "P", "server", "req/s", "of that without", "CPU us", "target", "met"});
  for (const size_t depth : {1, 16}) {
    const auto requests = static_cast<uint64_t>((depth == 1 ? 100'000 : 800'000) * scale);
    // By policy, by server, by round: all in turn, so that whatever the machine does hits all.
    std::vector<std::vector<std::vector<LogSample>>> samples(
        std::size(kPolicies), std::vector<std::vector<LogSample>>(settings.servers.size()));
    std::vector<std::unique_ptr<Rival>> rivals;
    for (const Policy& policy : kPolicies) {
      for (const ServerSpec& spec : settings.servers) {
        rivals.push_back(std::make_unique<Rival>(
            spec, std::string(policy.flags) + std::string(kNoRewrites), cores, settings.clients));
        Fill(rivals.back().get(), keys, kLogValueBytes);
      }
    }
    for (size_t round = 0; round < settings.rounds; ++round) {
      for (size_t n = 0; n < rivals.size(); ++n) {
        const size_t policy = n / settings.servers.size();
        const size_t server = n % settings.servers.size();
        const LogSample sample = MeasureLog(rivals[n].get(), keys, depth, requests, 100 + round);
        samples[policy][server].push_back(sample);
        fmt::print(stderr, "  SET P={:<3} log {:<9} {:<8} {:>10.0f} req/s {:>8.3f} us\n", depth,
                   kPolicies[policy].name, settings.servers[server].name, sample.requests_per_s,
                   sample.cpu_us);
      }
    }
    for (size_t policy = 0; policy < std::size(kPolicies); ++policy) {
      for (size_t server = 0; server < settings.servers.size(); ++server) {
        std::vector<double> rates;
        std::vector<double> shares;
        std::vector<double> cpu;
        for (size_t round = 0; round < settings.rounds; ++round) {
          const LogSample& sample = samples[policy][server][round];
          rates.push_back(sample.requests_per_s);
          shares.push_back(sample.requests_per_s / samples[0][server][round].requests_per_s);
          cpu.push_back(sample.cpu_us);
        }
        // Ours is the second.
        const double target = server == 1 && depth == 16 ? kPolicies[policy].target : 0;
        table.Add({fmt::format("log {}", kPolicies[policy].name), std::to_string(depth),
                   settings.servers[server].name, fmt::format("{:.0f}", Median(rates)),
                   fmt::format("{:.2f}", Median(shares)), fmt::format("{:.2f}", Median(cpu)),
                   target > 0 ? fmt::format(">= {}", target) : "–",
                   target > 0 ? Met(Median(shares) >= target) : "–"});
      }
    }
  }
  return table.Text();
}

// --- snapshots and rewrites ----------------------------------------------------------------------

// What goes through all items in the background.
struct Save {
  std::string_view command;
  std::string flags;
  std::string_view under_way;  // a line of INFO persistence
};

// While `more`, asked between two parts, sends SETs of random keys; what was sent a second.
double WriteWhile(Rival* rival, uint64_t keys, const std::function<bool()>& more) {
  uint64_t requests = 0;
  int64_t elapsed_ns = 0;
  uint64_t seed = 1000;
  do {
    const LoadResult result = rival->load().RunClosed(
        MakeSets(keys, kRequestsAtOnce, 16, kSnapshotValueBytes, false, ++seed));
    requests += result.requests;
    elapsed_ns += result.elapsed_ns;
  } while (more());
  return static_cast<double>(requests) / static_cast<double>(elapsed_ns) * 1e9;
}

// The same at a fixed rate; the longest wait.
LongestWait StallWhile(Rival* rival, uint64_t keys, const std::function<bool()>& more) {
  Histogram latencies;
  LongestWait longest;
  uint64_t seed = 2000;
  do {
    const LoadResult result = rival->load().RunOpen(
        MakeSets(keys, kRequestsAtOnce / 10, 1, kSnapshotValueBytes, false, ++seed), kProbeRate,
        &latencies);
    longest.Take(result.longest);
  } while (more());
  return longest;
}

// Of one round.
struct SaveSample {
  double rate_without;
  double rate_during;
  double memory;  // share of the data set
  LongestWait without;
  LongestWait during;
};

SaveSample MeasureSave(Rival* rival, const Save& save, uint64_t keys, double data_bytes) {
  const auto some_time = [] { return [left = 10]() mutable { return --left > 0; }; };
  SaveSample sample{};
  sample.rate_without = WriteWhile(rival, keys, some_time());
  const uint64_t before_bytes = rival->server().RssBytes();
  uint64_t peak_bytes = before_bytes;
  rival->Ask({save.command});
  sample.rate_during = WriteWhile(rival, keys, [&] {
    peak_bytes = std::max(peak_bytes, rival->server().RssWithChildrenBytes());
    return rival->Tells(save.under_way);
  });
  sample.memory = static_cast<double>(peak_bytes - before_bytes) / data_bytes;
  sample.without = StallWhile(rival, keys, some_time());
  rival->Ask({save.command});
  sample.during = StallWhile(rival, keys, [&] { return rival->Tells(save.under_way); });
  return sample;
}

std::string RunSave(const Save& save, const Settings& settings, const Cores& cores, uint64_t keys) {
  Table table({fmt::format("{} of {} x {} bytes", save.command, keys, kSnapshotValueBytes),
               "figure", "without", "during", "target", "met"});
  for (size_t n = 0; n < settings.servers.size(); ++n) {
    Rival rival(settings.servers[n], save.flags, cores, settings.clients);
    const uint64_t empty_bytes = rival.server().RssBytes();
    Fill(&rival, keys, kSnapshotValueBytes);
    const auto data_bytes = static_cast<double>(rival.server().RssBytes() - empty_bytes);
    const std::string& name = settings.servers[n].name;
    std::vector<SaveSample> samples;
    for (size_t round = 0; round < settings.rounds; ++round) {
      samples.push_back(MeasureSave(&rival, save, keys, data_bytes));
      const SaveSample& sample = samples.back();
      fmt::print(stderr,
                 "  {} {:<8} {:.2f} of the writes, {:+.1f} % memory, {:.1f} ms, due at {:.6f} s of "
                 "CLOCK_MONOTONIC\n",
                 save.command, name, sample.rate_during / sample.rate_without, 100 * sample.memory,
                 sample.during.wait_ms(), static_cast<double>(sample.during.due_ns) / 1e9);
    }
    const auto median_of = [&](const std::function<double(const SaveSample&)>& figure) {
      std::vector<double> values;
      for (const SaveSample& sample : samples) values.push_back(figure(sample));
      return Median(std::move(values));
    };
    const double share =
        median_of([](const SaveSample& of) { return of.rate_during / of.rate_without; });
    const double memory = median_of([](const SaveSample& of) { return of.memory; });
    const auto wait_of = [&](LongestWait SaveSample::*which) {
      std::vector<LongestWait> waits;
      for (const SaveSample& sample : samples) waits.push_back(sample.*which);
      return MedianOf(waits);
    };
    const auto tell = [](const LongestWait& wait) {
      return fmt::format("{:.1f}, the generator's {:.1f}", wait.wait_ms(), wait.generator_ms());
    };
    const LongestWait during = wait_of(&SaveSample::during);
    const bool has_target = n == 1;
    table.Add(
        {name, "writes/s, P=16",
         fmt::format("{:.0f}", median_of([](const SaveSample& of) { return of.rate_without; })),
         fmt::format("{:.0f} ({:.2f})",
                     median_of([](const SaveSample& of) { return of.rate_during; }), share),
         has_target ? ">= 0.8" : "–", has_target ? Met(share >= 0.8) : "–"});
    table.Add({name, "memory, of the data set", "–", fmt::format("{:+.1f} %", 100 * memory),
               has_target ? "<= 5 %" : "–", has_target ? Met(memory <= 0.05) : "–"});
    table.Add({name, "longest wait, ms", tell(wait_of(&SaveSample::without)), tell(during),
               has_target ? "<= 2" : "–", has_target ? Met(during.wait_ms() <= 2) : "–"});
  }
  return table.Text();
}

// --- loading -------------------------------------------------------------------------------------

std::string RunLoading(const Settings& settings, const Cores& cores, uint64_t keys) {
  Table table({fmt::format("start with {} x {} bytes", keys, kSnapshotValueBytes), "server",
               "seconds", "ratio", "target", "met"});
  const struct {
    std::string_view name;
    std::string flags;
    bool saves;
    double target;
  } kWays[] = {
      {"from a snapshot", std::string(kPolicies[0].flags), true, 0.4},
      {"from a log", std::string(kPolicies[1].flags) + std::string(kNoRewrites), false, 0.8},
  };
  for (const auto& way : kWays) {
    double baseline = 0;
    for (size_t n = 0; n < settings.servers.size(); ++n) {
      Rival rival(settings.servers[n], way.flags, cores, settings.clients);
      Fill(&rival, keys, kSnapshotValueBytes);
      if (way.saves) rival.Ask({"SAVE"});
      std::vector<double> seconds;
      for (size_t round = 0; round < settings.rounds; ++round) seconds.push_back(rival.Restart());
      if (rival.Ask({"DBSIZE"}).text != std::to_string(keys)) {
        throw Failure(settings.servers[n].name + ": not all items are there after a restart");
      }
      const double median = Median(seconds);
      if (n == 0) baseline = median;
      table.Add({std::string(way.name), settings.servers[n].name, fmt::format("{:.2f}", median),
                 fmt::format("{:.2f}", median / baseline),
                 n == 1 ? fmt::format("<= {}", way.target) : "–",
                 n == 1 ? Met(median <= way.target * baseline) : "–"});
      fmt::print(stderr, "  load {:<16} {:<8} {:.2f} s\n", way.name, settings.servers[n].name,
                 median);
    }
  }
  return table.Text();
}

}  // namespace

std::string RunDurability(const Settings& settings, uint64_t keys, double scale) {
  const Cores cores = ChooseCores();
  PinTo(cores.generator);
  const Save saves[] = {
      {"BGSAVE", std::string(kPolicies[0].flags), "rdb_bgsave_in_progress:1"},
      {"BGREWRITEAOF", std::string(kPolicies[1].flags) + std::string(kNoRewrites),
       "aof_rewrite_in_progress:1"},
  };
  std::string text;
  if (settings.chooses("SET existing key")) {
    text += RunLogs(settings, cores, std::min<uint64_t>(keys, 1'000'000), scale) + "\n";
  }
  for (const Save& save : saves) {
    if (settings.chooses(std::string(save.command)))
      text += RunSave(save, settings, cores, keys) + "\n";
  }
  if (settings.chooses("start")) text += RunLoading(settings, cores, keys);
  return text;
}

}  // namespace ampt::bench
