// ampt-bench: our server beside others, row by row, in one run on one machine.
//
// README.md tells what the rows mean. The exit status is 1 only if a server failed or replied with
// an error; a missed target is a line in the table.

#include <fmt/format.h>
#include <regex.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tools/bench/durability.h"
#include "tools/bench/events.h"
#include "tools/bench/load.h"
#include "tools/bench/report.h"
#include "tools/bench/rows.h"
#include "tools/bench/run.h"
#include "tools/bench/servers.h"

namespace ampt::bench {
namespace {

struct Options {
  Settings settings;
  std::vector<std::string> servers;
  std::string rows = ".";
  std::string json_file;
  uint64_t keys = 1'000'000;
  bool quick = false;
  bool list = false;
  bool durability = false;
  bool events = false;
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
    std::erase_if(rows, [this](const Row& row) {
      return regexec(&compiled_, row.title().c_str(), 0, nullptr, 0) != 0;
    });
    return rows;
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

void Run(Options options) {
  if (options.durability) {
    options.settings.servers = ParseServers(options.servers);
    fmt::print("{}", RunDurability(options.settings, options.keys, options.quick ? 0.2 : 1.0));
    return;
  }
  if (options.events) {
    options.settings.servers = ParseServers(options.servers);
    fmt::print("{}", RunEvents(options.settings, options.keys, options.quick ? 0.2 : 1.0));
    return;
  }
  const Pattern pattern(options.rows);
  const auto rows = pattern.Matching(AllRows(options.keys, options.quick ? 0.2 : 1.0));
  // An open loop is about time, not about memory.
  const auto memory_rows =
      options.settings.rate > 0 ? std::vector<MemoryRow>() : pattern.Matching(AllMemoryRows());
  if (options.list) {
    fmt::print("{}", RowList(rows, memory_rows));
    return;
  }
  if (rows.empty() && memory_rows.empty()) {
    throw Failure(fmt::format("--rows {}: no row matches, see --list", options.rows));
  }

  Settings& settings = options.settings;
  settings.servers = ParseServers(options.servers);

  const Results results = RunAll(settings, rows, memory_rows, options.keys);
  fmt::print("{}", MarkdownReport(settings, results));
  if (!options.json_file.empty()) {
    std::ofstream file(options.json_file);
    file << JsonReport(settings, results);
    file.close();
    if (!file) throw Failure(fmt::format("cannot write {}", options.json_file));
  }
}

}  // namespace
}  // namespace ampt::bench

int main(int argc, char** argv) {
  using namespace ampt::bench;
  Options options;
  CLI::App app("Compares RESP servers; the first is the baseline, the second the subject.");
  app.add_option("--server", options.servers,
                 "name=command, with {port} and {dir} in it, or redis, ampt or valkey alone; "
                 "repeat for each server (default: redis, ampt, and valkey if installed)");
  app.add_option("--rows", options.rows, "only rows whose 'name P=n' matches this regex");
  auto* rounds = app.add_option("--rounds", options.settings.rounds, "runs of each row and server")
                     ->check(CLI::Range(1, 1000))
                     ->capture_default_str();
  auto* keys = app.add_option("--keys", options.keys, "items in a data set")
                   ->check(CLI::Range(1'000, 100'000'000))
                   ->capture_default_str();
  app.add_option("--clients", options.settings.clients, "connections")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--rate", options.settings.rate,
                 "open loop: this many requests per second, and latencies instead of ratios")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json_file, "also write every sample to this file");
  app.add_flag("--quick", options.quick,
               "a fifth of the requests; 2 rounds and 200,000 keys unless given");
  app.add_flag("--durability", options.durability,
               "instead of the rows: what logs and snapshots cost, and how long loading takes");
  app.add_flag(
      "--events", options.events,
      "instead of the rows: what change events cost, and how late those of deadlines come");
  app.add_flag("--list", options.list, "list the rows and their targets, run nothing");
  CLI11_PARSE(app, argc, argv);
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
