// What hostile clients do to the others: latencies and memory beside them.
#pragma once

#include <cstdint>
#include <string>

#include "tools/bench/run.h"

namespace ampt::bench {

// Runs the chosen scenarios on the first server that speaks AMPT, and beside it those that are
// cheap on the first that does not, with a line on standard error for each; returns Markdown
// tables. `scale` multiplies the time that each takes. A server that ends is a line in the table;
// throws Failure if one does not even start. README.md tells what is measured.
std::string RunHostile(const Settings& settings, double scale);

// Sends the first server that speaks AMPT damaged requests and noise for so long; returns a line
// that says what came of it. Throws Failure if the server ends, stops answering, or finds its own
// structures damaged. The same seed sends the same.
std::string RunHostileFuzz(const Settings& settings, double seconds, uint64_t seed);

}  // namespace ampt::bench
