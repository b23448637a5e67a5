// What durability costs: logs, snapshots and loading, each server with its own files.
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/run.h"

namespace ampt::bench {

// Runs it all, with a line on standard error for each step, and returns Markdown tables. `keys`: of
// the data sets. Throws Failure as RunAll does. README.md tells what is measured.
std::string RunDurability(const Settings& settings, uint64_t keys, double scale);

}  // namespace ampt::bench
