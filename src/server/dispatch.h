// Dispatcher: from the words of a request to its reply.
//
// The checks that hold for every command, in Redis' order (is there such a command, does its number
// of words fit, may this client, is there memory), then the command, then what is counted.
//
// Within MULTI a command that passes the checks is queued instead; EXEC runs the queue here, in one
// go, so nothing of another client comes between and all of it happens at one time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "commands/runner.h"
#include "commands/spec.h"
#include "server/acl.h"
#include "server/connection.h"
#include "server/memory_limit.h"
#include "server/monitoring.h"
#include "server/notifications.h"
#include "server/resp_reply.h"
#include "server/scripting.h"
#include "server/server_host.h"
#include "server/statistics.h"
#include "server/storage.h"
#include "server/transactions.h"

namespace ampt {

class Dispatcher final : private Runner, private Transactions, private Scripting::Caller {
 public:
  // What commands run on; outlives the dispatcher.
  struct Environment {
    Databases& databases;
    ServerHost& host;
    const Settings& settings;
    Acl& acl;
    const CommandTable& commands;
    Statistics& statistics;
    MemoryLimit& memory;
    Random& random;
    const Storage& storage;
    Watches& watches;
    Notifications& notifications;
    Events& events;
    Log& log;
    Monitoring& monitoring;
  };

  explicit Dispatcher(const Environment& environment)
      : environment_(environment),
        scripting_(*this, environment.commands, environment.settings, environment.log) {}

  // Runs one request; the reply is appended to the connection's output. `command` is what the table
  // has under its name (null: nothing). Work to be done in slices is handed back, unanswered.
  std::unique_ptr<SlicedWork> Execute(Connection& connection, const Command* command, Words words,
                                      TimeMs now_ms);

  // Whether it has to wait until there is room for what it may need.
  bool MustWaitForMemory(const Command& command) const {
    return __builtin_expect(environment_.memory.WritersMustWait(), 0) &&
           (command.spec.flags & (kDenyOom | kMayWrite)) != 0;
  }
  // While this is so the databases must not be looked at.
  bool loading() const { return environment_.storage.loading(); }

  // What the latest request waits for; null: nothing.
  std::unique_ptr<BlockedWork> TakeBlocked() { return std::move(blocked_); }

  // Around a row of requests. A command is timed from the end of the one before. Fast ones take
  // less than a look at the clock costs: of those, equal ones that follow each other are timed as
  // one, and each is counted with its share, unless Monitoring asks for each alone.
  void StartTiming() { last_nanos_ = ServerClock::StopwatchNanos(); }
  void StopTiming() { CountRun(); }

 private:
  // Executed commands that are not counted yet, all the same.
  struct Run {
    const Command* command = nullptr;
    CommandFigures* figures = nullptr;
    uint32_t calls = 0;
    // Of the latest call; good until the run is counted.
    const Connection* client = nullptr;
    Words words;
  };

  // --- Runner ---
  Transactions& transactions() override { return *this; }
  Scripts& scripts() override { return scripting_; }

  // --- Transactions ---
  Status Multi(Session& session) override;
  Status Exec(Context& context) override;
  Status Discard(Session& session) override;
  Status Watch(Context& context, Words keys) override;
  void Unwatch(Session& session) override;
  Transaction& TransactionOf(Connection& connection);
  void Queue(Connection& connection, const Command* command, const Command* part, Words words);
  // A client is closed whose queue and watched keys take more than what it may send at once.
  void CheckQueueLimit(Connection& connection);

  // --- Scripting::Caller ---
  Status WriteRefusal() const override { return environment_.storage.WriteRefusal(); }
  Status MakeRoom() override { return environment_.memory.MakeRoom(); }
  bool IsPermitted(Context& context, const Command& part, Words words) const override;
  void RunForScript(Context& context, const Command* command, Words words,
                    ScriptReply& reply) override;

  // Commands that run within another are timed by themselves, and the other one as a whole.
  class Nested;
  // Runs a command that has passed its checks, within another one (`to_the_end`) or not.
  template <typename AnyReply>
  std::unique_ptr<SlicedWork> RunChecked(Connection& connection, const Command* command,
                                         const Command* part, Words words, TimeMs now_ms,
                                         bool to_the_end, AnyReply& reply);
  // Within another command.
  template <typename AnyReply>
  void Refuse(const Command* part, const Status& refusal, AnyReply& reply);
  void Refuse(Connection& connection, const Command* part, const Status& refusal, RespReply& reply);
  void CountRun();
  // Why a request is not run; OK if it is. `part` is what will run: the command, or the container's
  // part.
  Status Check(const Connection& connection, const Command* command, const Command* part,
               Words words) const;
  // Whether a write fits the backlogs of the consumers that listen to its keys.
  Status CheckBacklogs(const Connection& connection, const Command& part, Words words) const;
  // What holds within MULTI besides. `*flags`: those of `part`, as the later checks are to see
  // them.
  Status CheckInTransaction(const Transaction& transaction, const Command* command,
                            const Command* part, Words words, uint32_t* flags) const;

  Environment environment_;
  Context::Scratch scratch_;
  std::unique_ptr<BlockedWork> blocked_;
  Run run_;
  int64_t last_nanos_ = 0;
  Scripting scripting_;
};

// "ERR unknown command 'foo', with args beginning with: 'a' 'b' "
Status UnknownCommand(Words words);

}  // namespace ampt
