// Context: everything a running command can reach.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "commands/host.h"
#include "commands/reply.h"
#include "event/events.h"
#include "model/json.h"
#include "model/keyspace.h"

namespace ampt {

struct Command;
class CommandTable;
class Runner;

// The words of one request, the command's name first. They point into the connection's buffer and
// are good until the command returns.
using Words = std::span<const std::string_view>;

// The store behind the commands: one database. A module puts another class of the same shape here.
using Store = Keyspace;
using Databases = std::vector<std::unique_ptr<Store>>;

// Settings that the model's commands obey.
struct ModelSettings {
  JsonLimits json{limits::kMaxJsonDepthDefault, limits::kMaxItemBytesDefault};
  size_t max_bulk_bytes = limits::kMaxBulkBytesDefault;  // what APPEND and SETRANGE may reach
};

struct Context {
  Databases& databases;
  Store& store;  // the one the client selected
  Reply& reply;
  TimeMs now_ms;  // the same for all commands of a loop turn
  Session& session;
  Host& host;
  const ModelSettings& settings;
  const CommandTable& commands;
  Random& random;
  Events& events;
  // Buffers that keep their memory between commands, so that a write allocates nothing but its
  // item. Any command may use them; none may keep them.
  struct Scratch {
    std::string key;
    std::string value;
    std::string fallback;
    std::string result;
    std::array<std::string, limits::kLabels> labels;
    std::array<std::string, limits::kLabels> encoded_labels;
  } & scratch;
  // Set where the command must finish at once (a transaction, a script): sliced work then runs to
  // its end.
  bool to_the_end = false;
  // A command that has more to do than fits a slice leaves its work here instead of answering.
  std::unique_ptr<SlicedWork> work;
  // A command that waits leaves this here instead of answering. Not where `to_the_end` is set.
  std::unique_ptr<BlockedWork> blocked;
  // Who runs the commands of a transaction or a script; null where there are neither.
  Runner* runner = nullptr;

  uint32_t now_s() const { return static_cast<uint32_t>(now_ms / 1000); }
  Store& database(int number) { return *databases[static_cast<size_t>(number)]; }
};

// Does `work` now as far as one slice goes, or to its end where the context asks for that, and
// leaves the rest to the host.
void RunSliced(Context& context, std::unique_ptr<SlicedWork> work);

}  // namespace ampt
