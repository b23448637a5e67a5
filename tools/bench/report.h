// What comes out: a Markdown table that reads well in a terminal, and JSON with every sample.
#pragma once

#include <string>
#include <vector>

#include "tools/bench/run.h"

namespace ampt::bench {

// The rows with their targets. "met" compares the subject's CPU time (or memory) with the target,
// and is never more than information.
std::string MarkdownReport(const Settings& settings, const Results& results);

std::string JsonReport(const Settings& settings, const Results& results);

// The rows there are, one a line.
std::string RowList(const std::vector<Row>& rows, const std::vector<MemoryRow>& memory_rows);

}  // namespace ampt::bench
