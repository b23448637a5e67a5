// Runs rows against servers in turn: A B A B …, so that whatever the machine does meanwhile hits
// all alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench/histogram.h"
#include "tools/bench/rows.h"
#include "tools/bench/servers.h"

namespace ampt::bench {

struct Settings {
  std::vector<ServerSpec> servers;
  size_t rounds = 5;
  size_t clients = 50;
  double rate = 0;  // requests per second of the open loop; 0: closed loop
};

// One run of one row on one server.
struct Sample {
  double requests_per_s = 0;
  double cpu_us = 0;          // of the server, per request
  double server_busy = 0;     // share of the time that one core was used; over 1: several threads
  double generator_busy = 0;  // near 1: the generator, not the server, set requests_per_s
  double reply_bytes = 0;     // per request
};

struct RowResult {
  Row row;
  std::vector<std::vector<Sample>> samples;  // by server, by round
  std::vector<Histogram> latencies;          // by server, all rounds; open loop only
};

struct MemoryResult {
  MemoryRow row;
  std::vector<double> bytes_per_item;  // by server
};

struct Results {
  std::vector<std::string> names;     // by server
  std::vector<std::string> versions;  // by server
  std::vector<RowResult> rows;
  std::vector<MemoryResult> memory;
};

// Runs everything, with a line on standard error for each step. Throws Failure as soon as a server
// fails. The rows of one data set share servers that are loaded once; a row that fills an empty
// server gets a new one for each run.
Results RunAll(const Settings& settings, const std::vector<Row>& rows,
               const std::vector<MemoryRow>& memory_rows, uint64_t keys);

}  // namespace ampt::bench
