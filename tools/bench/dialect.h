// How each operation is said to each kind of server: one table of writers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tools/bench/load.h"

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

// What a request does. All keys are `key:%012d`.
enum class Op {
  kPing,
  kGet,
  kSet,
  kIncrement,
  kMset,  // of ten keys
  kAmptGet,
  kAmptAdd,
  kObject,        // a JSON object of 130 bytes, replaced as a whole
  kAttribute,     // one of its six attributes
  kCounter,       // a number that did not exist
  kRecord,        // a value with two labels of up to 1,000 values each, which its key gives
  kUpdate,        // of such a record: both labels at random
  kRangeByKey,    // 100 records
  kRangeByLabel,  // 100 records of one label
  kCount,         // none of them: how many there are
};

// Who is spoken to.
enum class Dialect {
  kRedis,         // plain strings
  kRedisWithLua,  // and scripts over sorted sets in place of labels and of key order
  kAmpt,
  kMemcached,
  kTarantool,
};

// SHA1 of the scripts of kRedisWithLua.
struct Scripts {
  std::string put;
  std::string range_by_key;
  std::string range_by_label;
};
// Empty strings where the server has no Lua. Only for a server that speaks RESP.
Scripts LoadScripts(uint16_t port);

// Everything a request may depend on.
struct Request {
  const Scripts& scripts;
  uint64_t keys;  // in the data set
  uint64_t key;   // the one this request is about
  Random& random;
  size_t value_bytes;  // of what kSet stores; at most kMaxValueBytes
};
constexpr size_t kMaxValueBytes = 2048;

// Adds one request. A plain function: a row of the table below is data.
using Writer = void (*)(const Request&, Batches*);

// nullptr: that dialect has no word for it.
Writer WriterOf(Dialect dialect, Op op);

}  // namespace ampt::bench
