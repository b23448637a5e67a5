// Dispatcher: from the words of a request to its reply.
//
// The checks that hold for every command, in Redis' order (is there such a command, does its number
// of words fit, may this client, is there memory), then the command, then what is counted.
//
// Within MULTI a command that passes the checks is queued instead; EXEC runs the queue here, in one
// go, so nothing of another client comes between and all of it happens at one time.
//
// A script, or a transaction with scripts in it, may take so long that others are to be answered
// meanwhile. So these run on a stack of their own (fiber.h): when a script asks for it, Execute()
// returns although the command is not over, GoOn() lets it go on for a while, and in between all
// but a few commands are refused (BUSY), so that it stays alone with the data.
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
#include "server/fiber.h"
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
    Transaction::OldQueues& old_queues;
    Notifications& notifications;
    Events& events;
    Log& log;
    Monitoring& monitoring;
  };

  explicit Dispatcher(const Environment& environment)
      : environment_(environment),
        scripting_(*this, environment.commands, environment.settings, environment.log) {}

  // Runs one request; the reply is appended to the connection's output. `command` is what the table
  // has under its name (null: nothing). Work to be done in slices is handed back, unanswered. It
  // may be suspended: see busy_connection().
  std::unique_ptr<SlicedWork> Execute(Connection& connection, const Command* command, Words words,
                                      TimeMs now_ms);

  // Whether commands that may take memory have to wait until there is room.
  bool WritersWaitForMemory() const { return environment_.memory.WritersMustWait(); }
  // What a command may do; EXEC, what is queued.
  static uint32_t FlagsOf(const Connection& connection, const Command& command);
  // While this is so the databases must not be looked at.
  bool loading() const { return environment_.storage.loading(); }

  // What the latest request waits for; null: nothing.
  std::unique_ptr<BlockedWork> TakeBlocked() { return std::move(blocked_); }

  // --- a command that is suspended: REQUIRES, but for the first three, that one is ---
  bool is_busy() const { return fiber_.is_suspended(); }
  // Whose it is; null: none is suspended. It is blocked, and it and the words must stay.
  Connection* busy_connection() const { return busy_connection_; }
  // How far the log was when the latest command began of those that can be suspended.
  Storage::Mark mark() const { return mark_; }
  // Goes on for a slice of time. True if the command is over: it is answered, and its connection is
  // still blocked.
  bool GoOn();
  // Ends the script, with that error, if it has written nothing.
  Status EndScript(const char* why) { return scripting_.End(why); }
  // Ends the command where it stands, whatever it has written.
  void Abandon();

  // Around a row of requests. A command is timed from the end of the one before. Fast ones take
  // less than a look at the clock costs: of those, equal ones that follow each other are timed as
  // one, and each is counted with its share, unless Monitoring asks for each alone.
  void StartTiming() { last_nanos_ = ServerClock::StopwatchNanos(); }
  void StopTiming() { CountRun(); }
  // When the latest command ended that is not fast, or StartTiming() was called.
  int64_t last_nanos() const { return last_nanos_; }

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
  Status MayWatch(Session& session) override;
  void Watch(Session& session, Store& store, Words keys, TimeMs now_ms) override;
  void Unwatch(Session& session) override;
  Transaction& TransactionOf(Connection& connection);
  void Queue(Connection& connection, const Command* command, const Command* part, Words words);
  // A client is closed whose queue and watched keys take more than what it may send at once.
  void CheckQueueLimit(Connection& connection);

  std::unique_ptr<SlicedWork> ExecuteOnFiber(Connection& connection, const Command* command,
                                             Words words, TimeMs now_ms);

  // --- Scripting::Caller ---
  Status WriteRefusal() const override { return environment_.storage.WriteRefusal(); }
  Status MakeRoom() override { return environment_.memory.MakeRoom(); }
  bool IsPermitted(Context& context, const Command& part, Words words) const override;
  void RunForScript(Context& context, const Command* command, Words words,
                    ScriptReply& reply) override;
  void LetOthersRun() override { fiber_.Suspend(); }

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
  Fiber fiber_;
  Storage::Mark mark_;
  Connection* busy_connection_ = nullptr;
  // What of the above is the suspended command's.
  Run busy_run_;
  int64_t busy_last_nanos_ = 0;
  bool is_abandoned_ = false;
};

// "ERR unknown command 'foo', with args beginning with: 'a' 'b' "
Status UnknownCommand(Words words);

}  // namespace ampt
