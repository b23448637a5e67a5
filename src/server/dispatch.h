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

  // Around a row of requests. A command is timed from the end of the one before. Fast ones take
  // less than a look at the clock costs: of those, equal ones that follow each other are timed as
  // one, and each is counted with its share.
  void StartTiming() { last_nanos_ = ServerClock::StopwatchNanos(); }
  void StopTiming() { CountRun(); }

 private:
  // Executed commands that are not counted yet, all the same.
  struct Run {
    const Command* command = nullptr;
    CommandFigures* figures = nullptr;
    uint32_t calls = 0;
  };

  void CountRun();
  // Why a request is not run; OK if it is. `part` is what will run: the command, or the container's
  // part.
  Status Check(const Connection& connection, const Command* command, const Command* part,
               Words words) const;

  Environment environment_;
  Context::Scratch scratch_;
  Run run_;
  int64_t last_nanos_ = 0;
};

// "ERR unknown command 'foo', with args beginning with: 'a' 'b' "
Status UnknownCommand(Words words);

}  // namespace ampt
