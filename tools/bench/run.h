// Runs rows against servers in turn: A B A B …, so that whatever the machine does meanwhile hits
// all alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/bench/contender.h"
#include "tools/bench/histogram.h"
#include "tools/bench/rows.h"
#include "tools/bench/servers.h"

namespace ampt::bench {

struct Settings {
  std::vector<ServerSpec> servers;
  size_t rounds = 5;
  size_t clients = 50;
  double rate = 0;        // requests per second of the open loop; 0: closed loop
  std::string plots_dir;  // of the drawings
  // Those of --tails, --durability and --hostile that are wanted, by name.
  std::function<bool(const std::string& name)> chooses = [](const std::string&) { return true; };
};

struct RowResult {
  Row row;
  // Who did it: the servers, or the subject twice.
  std::vector<std::string> names;
  // By name, by round; no rounds where a server has no word for it.
  std::vector<std::vector<Sample>> samples;
  std::vector<Histogram> latencies;  // by name, all rounds; open loop only
};

struct MemoryResult {
  MemoryRow row;
  std::vector<double> bytes_per_item;  // by server; 0: it cannot hold them
};

struct Results {
  std::vector<std::string> names;     // by server
  std::vector<std::string> versions;  // by server
  std::vector<RowResult> rows;
  std::vector<MemoryResult> memory;
};

// Runs everything, with a line on standard error for each step. Throws Failure as soon as a server
// fails. The rows of one data set share servers that are loaded once; a row that fills an empty
// server gets a new one for each run. Servers beyond the second run at most kRoundsOfOthers rounds.
constexpr size_t kRoundsOfOthers = 2;
Results RunAll(const Settings& settings, const std::vector<Row>& rows,
               const std::vector<MemoryRow>& memory_rows, uint64_t keys);

}  // namespace ampt::bench
