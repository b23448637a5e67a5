// One figure against another, as tables and as plots: what a single row of the table cannot tell.
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/run.h"

namespace ampt::bench {

// Each runs what its name says on all servers of `settings` in turn, with a line on standard error
// for each step, draws plots, and returns Markdown. `keys`: of the data sets; `scale` multiplies
// requests. Throws Failure as RunAll does. README.md tells what is measured.

// Requests per second, and CPU time of a request, against pipeline depth.
std::string RunDepths(const Settings& settings, uint64_t keys, double scale);
// Resident memory of an item against the size of its value.
std::string RunMemory(const Settings& settings, uint64_t keys, double scale);
// Latency against offered load, each server at shares of what it manages.
std::string RunLatency(const Settings& settings, uint64_t keys, double scale);
// CPU time of a request against the number of items, to ten times `keys` (records: five times)
// or what memory allows.
std::string RunGrowth(const Settings& settings, uint64_t keys, double scale);

}  // namespace ampt::bench
