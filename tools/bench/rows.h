// What is measured: the rows of the table, the data they work on, and the requests they send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/load.h"
#include "tools/bench/resp.h"

namespace ampt::bench {

// SplitMix64: the same requests on every machine and every run.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  // Uniform in [0, bound). REQUIRES: 0 < bound.
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

 private:
  uint64_t state_;
};

// What a server is loaded with before the rows that read or change it. All keys are `key:%012d`.
enum class Dataset {
  kStrings,   // 64-byte values
  kCounters,  // the number 1
  kObjects,   // JSON objects of 130 bytes
  kRecords,   // 64-byte values with two labels of up to 1,000 values each
};

// How to say it to one server: with AMPT commands, or with the nearest thing plain Redis has.
struct Dialect {
  bool ampt = false;
  // SHA1 of the scripts that stand in for labels and ranges; only for Dataset::kRecords.
  std::string put_script;
  std::string range_by_key_script;
  std::string range_by_label_script;
};

// Loads into the server what the dialect needs for `dataset`.
Dialect PrepareDialect(Client* client, bool ampt, Dataset dataset);

// Everything a request may depend on.
struct Request {
  const Dialect& dialect;
  uint64_t keys;  // in the data set
  uint64_t key;   // the one this request is about, below `keys`
  Random& random;
};
using Writer = std::function<void(const Request&, Batches*)>;

// Writes one item of a data set.
Writer WriterOf(Dataset dataset);

struct Row {
  std::string name;
  size_t depth;  // P, the requests a client sends at once
  Dataset dataset;
  // true: every run fills an empty server with the data set, in random order; `write` is its
  // writer. false: requests about random keys of a loaded one.
  bool fills_empty_server;
  uint64_t keys;
  uint64_t requests;
  double target;  // greatest CPU time per request as a share of the baseline's; 0: none
  Writer write;

  std::string title() const;  // "GET P=16"
};

// Resident memory per item, a by-product of loading a data set.
struct MemoryRow {
  std::string name;
  Dataset dataset;
  double target_bytes;

  std::string title() const { return name; }
};

// All rows, those of one data set together. `keys` is the size of the data sets; `scale` multiplies
// the number of requests.
std::vector<Row> AllRows(uint64_t keys, double scale);
std::vector<MemoryRow> AllMemoryRows();

}  // namespace ampt::bench
