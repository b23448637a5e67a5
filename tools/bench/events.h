// What change events cost, and how late those of deadlines come.
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/run.h"

namespace ampt::bench {

// Runs it all on the server that speaks AMPT, with a line on standard error for each step, and
// returns Markdown tables. `keys`: items with other deadlines. Throws Failure as RunAll does.
// README.md tells what is measured.
std::string RunEvents(const Settings& settings, uint64_t keys, double scale);

}  // namespace ampt::bench
