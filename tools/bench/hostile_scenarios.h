// What hostile clients do: one scenario each, told apart from how its harm is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench/crowd.h"

namespace ampt::bench {

inline constexpr size_t kMaxClients = 10'000;  // the default of both
inline constexpr size_t kProbers = 2;          // connections that measure
// So long that a single wait of 50 ms, which the host of a virtual machine may cause, is no p99.
inline constexpr double kWindowS = 10;

struct Scenario {
  std::string name;
  std::vector<Manner> manners;
  // The most that resident memory may grow by, in MB.
  double most_mb;
  // Items there are before.
  uint64_t keys = 0;
  // Requests before.
  std::vector<std::vector<std::string>> before = {};
  // Behind them, for what is data and stays: what it took is to be given back as well.
  std::vector<std::vector<std::string>> after = {};
  // All its clients do is to be there, so others' latency is compared with that of an idle server.
  bool is_quiet = false;
  // Only our server knows these commands, or the other takes too long for them.
  bool is_ours = false;
  // It takes others' items away.
  bool takes_keys = false;
  // One work as it must be: an item, many keys at one moment, a script. Its time is not judged.
  bool is_exempt = false;
};

// In the order of the table. `most_connections`: what this process may open.
std::vector<Scenario> AllScenarios(size_t most_connections);

// What others do all day: a SET, and a wait for its reply.
Manner WellBehaved(size_t connections);

// Of Scenario::keys, from 0 on.
std::string HostileKey(uint64_t number);

}  // namespace ampt::bench
