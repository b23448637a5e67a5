// ampt-bench: our server beside others, row by row, in one run on one machine.
//
// README.md tells what the rows mean. The exit status is 1 only if a server failed or replied with
// an error; a missed target is a line in the table.

#include <fmt/format.h>
#include <regex.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/bench/curves.h"
#include "tools/bench/durability.h"
#include "tools/bench/events.h"
#include "tools/bench/hostile.h"
#include "tools/bench/load.h"
#include "tools/bench/report.h"
#include "tools/bench/rows.h"
#include "tools/bench/run.h"
#include "tools/bench/servers.h"
#include "tools/bench/tails.h"

namespace ampt::bench {
namespace {

// What there is beside the table of rows.
struct Section {
  const char* flag;
  const char* help;
  enum Takes { kAll, kFirstTwo, kThoseWithResp, kFirstTwoWithResp } servers;
  bool by_default;  // runs where nothing is chosen
  std::string (*run)(const Settings& settings, uint64_t keys, double scale);
};
constexpr Section kSections[] = {
    {"--depths", "throughput and cost against pipeline depth", Section::kAll, true, RunDepths},
    {"--memory", "memory of an item against the size of its value", Section::kAll, true, RunMemory},
    {"--latency", "latency against offered load", Section::kFirstTwo, true, RunLatency},
    {"--growth", "cost against the number of items", Section::kFirstTwo, true, RunGrowth},
    {"--tails", "the longest wait of others while something large happens",
     Section::kFirstTwoWithResp, true, RunTails},
    {"--durability", "what logs and snapshots cost, and how long loading takes",
     Section::kThoseWithResp, false, RunDurability},
    {"--events", "what change events cost, and how late those of deadlines come",
     Section::kThoseWithResp, false, RunEvents},
};

struct Options {
  Settings settings;
  std::vector<std::string> servers;
  std::string rows = ".";
  std::string json_file;
  uint64_t keys = 1'000'000;
  bool quick = false;
  bool list = false;
  bool only_rows = false;
  bool sections[std::size(kSections)] = {};
  bool hostile = false;
  double hostile_fuzz_s = 0;
  uint64_t hostile_seed = 1;
};

// A POSIX extended regular expression, in any case.
class Pattern {
 public:
  explicit Pattern(const std::string& text) {
    if (const int error = regcomp(&compiled_, text.c_str(), REG_EXTENDED | REG_ICASE | REG_NOSUB)) {
      char reason[128];
      regerror(error, &compiled_, reason, sizeof reason);
      throw Failure(fmt::format("--rows {}: {}", text, reason));
    }
  }
  ~Pattern() { regfree(&compiled_); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  template <typename Row>
  std::vector<Row> Matching(std::vector<Row> rows) const {
    std::erase_if(rows, [this](const Row& row) { return !Matches(row.title()); });
    return rows;
  }
  bool Matches(const std::string& text) const {
    return regexec(&compiled_, text.c_str(), 0, nullptr, 0) == 0;
  }

 private:
  regex_t compiled_;
};

std::vector<ServerSpec> ParseServers(const std::vector<std::string>& texts) {
  if (texts.empty()) return DefaultServers();
  std::vector<ServerSpec> servers;
  for (const std::string& text : texts) {
    ServerSpec server = ParseServer(text);
    for (const ServerSpec& other : servers) {
      if (other.name == server.name) {
        throw Failure(fmt::format("--server {}: two servers are named {}", text, server.name));
      }
    }
    servers.push_back(std::move(server));
  }
  return servers;
}

std::vector<ServerSpec> ServersOf(std::vector<ServerSpec> servers, Section::Takes takes) {
  if (takes == Section::kThoseWithResp || takes == Section::kFirstTwoWithResp) {
    std::erase_if(servers, [](const auto& spec) { return spec.protocol != Protocol::kResp; });
  }
  const bool only_two = takes == Section::kFirstTwo || takes == Section::kFirstTwoWithResp;
  if (only_two && servers.size() > 2) servers.resize(2);
  return servers;
}

// The table of rows, or the list of them.
std::string RunRows(const Options& options, const Pattern& pattern) {
  const auto rows = pattern.Matching(AllRows(options.keys, options.quick ? 0.2 : 1.0));
  // An open loop is about time, not about memory.
  const auto memory_rows =
      options.settings.rate > 0 ? std::vector<MemoryRow>() : pattern.Matching(AllMemoryRows());
  if (options.list) return RowList(rows, memory_rows);
  if (rows.empty() && memory_rows.empty()) {
    throw Failure(fmt::format("--rows {}: no row matches, see --list", options.rows));
  }
  const Results results = RunAll(options.settings, rows, memory_rows, options.keys);
  if (!options.json_file.empty()) {
    WriteFile(options.json_file, JsonReport(options.settings, results));
  }
  return MarkdownReport(options.settings, results);
}

void Run(Options options) {
  options.settings.servers = ParseServers(options.servers);
  const Pattern pattern(options.rows);
  options.settings.chooses = [&](const std::string& name) { return pattern.Matches(name); };
  if (options.hostile || options.hostile_fuzz_s > 0) {
    options.settings.servers = ServersOf(options.settings.servers, Section::kThoseWithResp);
    if (options.hostile) {
      fmt::print("{}", RunHostile(options.settings, options.quick ? 0.2 : 1.0));
    }
    if (options.hostile_fuzz_s > 0) {
      fmt::print("{}",
                 RunHostileFuzz(options.settings, options.hostile_fuzz_s, options.hostile_seed));
    }
    return;
  }
  std::string report;
  const auto tell = [&](const std::string& text) {
    report += text;
    fmt::print("{}", text);
    std::fflush(stdout);
  };
  const bool chosen = std::ranges::any_of(options.sections, std::identity());
  if (!options.list) tell(Heading(options.settings));
  if (!chosen) tell(RunRows(options, pattern));
  if (options.list || (!chosen && options.only_rows)) return;
  for (size_t i = 0; i < std::size(kSections); i++) {
    const Section& section = kSections[i];
    if (chosen ? !options.sections[i] : !section.by_default) continue;
    Settings settings = options.settings;
    settings.servers = ServersOf(settings.servers, section.servers);
    tell(section.run(settings, options.keys, options.quick ? 0.2 : 1.0));
  }
  WriteFile(options.settings.plots_dir + "/report.md", report);
  fmt::print(stderr, "report and plots: {}\n", options.settings.plots_dir);
}

}  // namespace
}  // namespace ampt::bench

int main(int argc, char** argv) {
  using namespace ampt::bench;
  Options options;
  CLI::App app("Compares servers; the first is the baseline, the second the subject.");
  app.add_option("--server", options.servers,
                 "name=command, with {port} and {dir} in it, or a name alone: redis, ampt, valkey, "
                 "memcached, tarantool; repeat for each server (default: those installed)");
  auto* only_rows = app.add_option(
      "--rows", options.rows,
      "only rows whose 'name P=n' matches this regex; of --tails, --durability and --hostile too");
  auto* rounds = app.add_option("--rounds", options.settings.rounds, "runs of each row and server")
                     ->check(CLI::Range(1, 1000))
                     ->capture_default_str();
  auto* keys = app.add_option("--keys", options.keys, "items in a data set")
                   ->check(CLI::Range(1'000, 100'000'000))
                   ->capture_default_str();
  app.add_option("--clients", options.settings.clients, "connections")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  auto* rate =
      app.add_option("--rate", options.settings.rate,
                     "only rows, in an open loop: this many requests per second, and latencies "
                     "instead of ratios")
          ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json_file, "also write every sample to this file");
  app.add_flag("--quick", options.quick,
               "a fifth of the requests; 2 rounds and 200,000 keys unless given");
  for (size_t i = 0; i < std::size(kSections); i++) {
    app.add_flag(kSections[i].flag, options.sections[i],
                 fmt::format("only this, and what else is chosen so: {}", kSections[i].help));
  }
  app.add_flag("--hostile", options.hostile,
               "instead of the rows: what hostile clients do to others' latency and to memory; "
               "--rows chooses scenarios");
  app.add_option("--hostile-fuzz-s", options.hostile_fuzz_s,
                 "damaged requests and noise for so many seconds, behind --hostile or alone")
      ->check(CLI::PositiveNumber);
  app.add_option("--hostile-seed", options.hostile_seed, "of what --hostile-fuzz-s sends")
      ->capture_default_str();
  app.add_flag("--list", options.list, "list the rows and their targets, run nothing");
  options.settings.plots_dir = DirectoryOfThisProgram() + "/bench";
  app.add_option("--plots", options.settings.plots_dir, "folder for report.md and the plots")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  options.only_rows = !only_rows->empty() || !rate->empty();
  if (options.quick && rounds->empty()) options.settings.rounds = 2;
  if (options.quick && keys->empty()) options.keys = 200'000;

  CatchInterrupts();
  try {
    Run(options);
  } catch (const Failure& failure) {
    fmt::print(stderr, "ampt-bench: {}\n", failure.what());
    return 1;
  }
  return 0;
}
