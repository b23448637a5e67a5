// A running server with what it takes to talk to it in its own dialect.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "tools/bench/dialect.h"
#include "tools/bench/histogram.h"
#include "tools/bench/load.h"
#include "tools/bench/servers.h"

namespace ampt::bench {

constexpr size_t kValueBytes = 64;  // where nothing else is said
constexpr size_t kLoadDepth = 64;   // of what is not measured

// One run of one kind of request on one server.
struct Sample {
  double requests_per_s = 0;
  double cpu_us = 0;          // of the server, per request
  double server_busy = 0;     // share of the time that one core was used; over 1: several threads
  double generator_busy = 0;  // near 1: the generator, not the server, set requests_per_s
  double reply_bytes = 0;     // per request
  LongestWait longest;        // of the open loop
};

// Which key each request of a run is about.
using KeyOf = std::function<uint64_t(uint64_t index, Random& random)>;

struct Work {
  Op op;
  uint64_t keys;  // in the data set
  uint64_t requests;
  size_t depth = kLoadDepth;
  uint64_t seed = 1;
  KeyOf key_of = nullptr;  // nullptr: a random one of the data set
  size_t value_bytes = kValueBytes;
  double rate = 0;                 // of the open loop, requests per second; 0: closed loop
  Histogram* latencies = nullptr;  // of the open loop
};

class Contender {
 public:
  // Starts it. Throws Failure as Server does.
  Contender(const ServerSpec& spec, const Cores& cores, size_t clients);

  Server& server() { return *server_; }
  Load& load() { return *load_; }

  // Whether it has a word for it.
  bool Can(Op op) const { return WriterOf(dialect_, op) != nullptr; }

  // Requests are written out before clocks start, a chunk at a time. Throws Failure where it cannot
  // do it and, with the server's last words, if it fails.
  Sample Do(const Work& work);
  // Some of that work, uncounted: connections come with the buffers that it needs.
  void WarmUp(Work work);
  // `work` about the keys of `order` from `begin` on.
  Sample DoInOrder(Work work, const std::vector<uint32_t>& order, uint64_t begin);
  // All items of a data set of so many, in a random order. Returns by how many bytes resident
  // memory grew for each.
  double Fill(Op op, uint64_t keys, size_t value_bytes = kValueBytes);

 private:
  std::unique_ptr<Server> server_;
  std::unique_ptr<Load> load_;
  Scripts scripts_;
  Dialect dialect_;
};

// 0 … count-1 in a random order, always the same.
std::vector<uint32_t> Shuffled(uint64_t count);

}  // namespace ampt::bench
