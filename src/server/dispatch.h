// Dispatcher: from the words of a request to its reply.
//
// The checks that hold for every command, in Redis' order (is there such a command, does its number
// of words fit, may this client, is there memory), then the command, then what is counted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "commands/spec.h"
#include "server/connection.h"
#include "server/server_host.h"
#include "server/statistics.h"

namespace ampt {

class Dispatcher {
 public:
  // What commands run on; outlives the dispatcher.
  struct Environment {
    Databases& databases;
    ServerHost& host;
    const Settings& settings;
    const CommandTable& commands;
    Statistics& statistics;
    Allocator& allocator;
    Random& random;
  };

  explicit Dispatcher(const Environment& environment) : environment_(environment) {}

  // Runs one request; the reply is appended to the connection's output. `command` is what the table
  // has under its name (null: nothing). Work to be done in slices is handed back, unanswered.
  std::unique_ptr<SlicedWork> Execute(Connection& connection, const Command* command, Words words,
                                      TimeMs now_ms);

  // Commands are timed from the end of the one before: call this before the first of a row.
  void StartTiming() { last_nanos_ = ServerClock::StopwatchNanos(); }

 private:
  // Why a request is not run; OK if it is.
  Status Check(const Connection& connection, const Command* command, Words words) const;

  Environment environment_;
  Context::Scratch scratch_;
  int64_t last_nanos_ = 0;
};

// "ERR unknown command 'foo', with args beginning with: 'a' 'b' "
Status UnknownCommand(Words words);

}  // namespace ampt
