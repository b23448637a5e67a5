// What comes out: a Markdown table that reads well in a terminal, and JSON with every sample.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/bench/run.h"

namespace ampt::bench {

// A Markdown table: the first line is the header, the first column is flush left.
class Table {
 public:
  explicit Table(std::vector<std::string> header) { lines_.push_back(std::move(header)); }
  void Add(std::vector<std::string> line) { lines_.push_back(std::move(line)); }
  std::string Text() const;

 private:
  std::vector<std::vector<std::string>> lines_;
};

// The rows with their targets. "met" compares the subject's CPU time (or memory) with the target,
// and is never more than information.
std::string MarkdownReport(const Settings& settings, const Results& results);

std::string JsonReport(const Settings& settings, const Results& results);

// The rows there are, one a line.
std::string RowList(const std::vector<Row>& rows, const std::vector<MemoryRow>& memory_rows);

}  // namespace ampt::bench
