// What comes out: Markdown tables that read well in a terminal, plots beside them, and JSON with
// every sample.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/bench/run.h"
#include "tools/bench/svg.h"

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

// Median and range of one figure over the rounds; all 0 where there were none.
struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};
Spread SpreadOf(std::vector<double> values);
Spread SpreadOf(const std::vector<Sample>& samples, double Sample::*figure);

// "1.25M", "98.2k", "640"; and "3.21", "32.1", "321".
std::string RateText(double per_s);
std::string MicrosecondsText(double us);

// Makes the folder if it is not there. Throws Failure if it cannot write.
void WriteFile(const std::string& path, std::string_view text);

// Writes the chart to `file`.svg in the folder for plots; returns the Markdown line that shows it.
std::string Plot(const Settings& settings, const std::string& file, const Chart& chart);

// One line: the machine, the servers, how often.
std::string Heading(const Settings& settings);

// The rows with their targets. "met" compares the subject's CPU time (or memory) with the target,
// and is never more than information.
std::string MarkdownReport(const Settings& settings, const Results& results);

std::string JsonReport(const Settings& settings, const Results& results);

// The rows there are, one a line.
std::string RowList(const std::vector<Row>& rows, const std::vector<MemoryRow>& memory_rows);

}  // namespace ampt::bench
