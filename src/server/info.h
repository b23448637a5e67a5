// INFO: the server's state as text, in Redis' sections and under Redis' names.
//
// A figure that this server does not have is left out, not invented; what tools need to see (a
// role, a version to compare with) is there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "server/expire_lag.h"
#include "server/hot_keys.h"
#include "server/server_host.h"
#include "server/settings.h"
#include "server/statistics.h"

namespace ampt {

// The version of Redis that clients may take this server for.
inline constexpr std::string_view kRedisVersion = "7.2.4";
inline constexpr std::string_view kAmptVersion = "1.0.0";

// Everything INFO is made of.
struct InfoSource {
  const Settings& settings;
  const Statistics& statistics;
  const Databases& databases;
  const Invocation& invocation;
  ClientFigures clients;
  std::string_view run_id;
  int64_t wall_us;
  int64_t uptime_s;
  size_t pending_frees;
  size_t pubsub_channels;
  size_t pubsub_patterns;
  StorageFigures storage;
  const Events& events;
  const ExpireLag& expire_lag;
  const MemoryLimit& memory;
  DataFigures data;
  const HotKeys& hot_keys;
};

// `sections` in lower case; empty or "default": all but commandstats, latencystats and hotkeys;
// "all" and "everything": all. Unknown ones are passed over.
std::string MakeInfo(const InfoSource& source, std::span<const std::string_view> sections);

// What is not data: the empty server, buffers of connections, indexes.
size_t MemoryOverheadBytes(const InfoSource& source);
// Physical memory of the process, from the system. Cost: tens of microseconds.
size_t ResidentBytes();
// "1.50M" as Redis writes sizes for people.
std::string HumanBytes(uint64_t bytes);

}  // namespace ampt
