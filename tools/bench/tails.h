// What a bystander feels while something large happens: the longest wait, not the mean.
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/run.h"

namespace ampt::bench {

// Runs it all on servers that speak RESP, with a line on standard error for each step, and returns
// a Markdown table. `keys`: of the data sets; `scale` below 1 makes rounds fewer. Throws Failure as
// RunAll does. README.md tells what is measured.
std::string RunTails(const Settings& settings, uint64_t keys, double scale);

}  // namespace ampt::bench
