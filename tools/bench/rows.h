// What the table of `make bench` measures: its rows as data, with their targets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/dialect.h"

namespace ampt::bench {

// What the subject does itself in place of the baseline.
struct OwnBaseline {
  Op op;
  std::string_view name;
};

struct Row {
  std::string name;
  size_t depth;  // P, the requests a client sends at once
  Op dataset;    // what wrote each item of the data set
  Op op;
  // true: every run fills an empty server with the data set, in random order; `op` is `dataset`.
  // false: requests about random keys of a loaded one.
  bool fills_empty_server;
  uint64_t keys;
  uint64_t requests;
  double target;  // greatest CPU time per request as a share of the baseline's; 0: none
  std::optional<OwnBaseline> own_baseline;

  std::string title() const;  // "GET P=16"
};

// Resident memory per item, a by-product of loading a data set.
struct MemoryRow {
  std::string name;
  Op dataset;
  double target_bytes;

  std::string title() const { return name; }
};

// All rows, those of one data set together. `keys` is the size of the data sets; `scale` multiplies
// the number of requests.
std::vector<Row> AllRows(uint64_t keys, double scale);
std::vector<MemoryRow> AllMemoryRows();

}  // namespace ampt::bench
