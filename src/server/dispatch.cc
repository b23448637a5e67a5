#include "server/dispatch.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/bytes.h"

namespace ampt {

extern const Command kAmptEvents;
extern const Command kMulti;
extern const Command kExec;
extern const Command kDiscard;
extern const Command kWatch;
extern const Command kQuit;
extern const Command kReset;
extern const Command kTouch;

namespace {

// Redis' own bound on what this error repeats.
constexpr size_t kEchoedBytes = 128;

// The part of a container that will run, for statistics and CLIENT LIST.
const Command* CommandOrPart(const Command* command, Words words) {
  if (command->subcommands.empty() || words.size() < 2) return command;
  const Command* part = command->Subcommand(words[1]);
  return part != nullptr ? part : command;
}

bool IsOneOf(const Command* command, std::initializer_list<const Command*> some) {
  return std::find(some.begin(), some.end(), command) != some.end();
}

// Every session of this server is a connection.
Connection& ConnectionOf(Session& session) {
  return static_cast<Connection&>(session);
}

bool IsQueueing(const Connection& connection) {
  const Transaction* transaction = connection.transaction();
  return __builtin_expect(transaction != nullptr, 0) && transaction->is_open();
}

// Why a container cannot run this: it finds that itself, but a transaction must know before.
Status CheckPart(const Command* command, const Command* part, Words words) {
  if (!part->ArityFits(words.size())) return WrongArity(part->spec.name);
  const bool is_found = command->subcommands.empty() || part != command;
  return is_found || EqualsIgnoreCase(words[1], "help") ? Status()
                                                        : UnknownSubcommand(*command, words[1]);
}

}  // namespace

Status UnknownCommand(Words words) {
  std::string arguments;
  for (size_t i = 1; i < words.size() && arguments.size() < kEchoedBytes; ++i) {
    const size_t most = kEchoedBytes - arguments.size();
    arguments.append("'").append(words[i].substr(0, most)).append("' ");
  }
  return Status::Err("unknown command '" + std::string(words[0].substr(0, kEchoedBytes)) +
                     "', with args beginning with: " + arguments);
}

Status Dispatcher::Check(const Connection& connection, const Command* command, const Command* part,
                         Words words) const {
  if (command == nullptr) return UnknownCommand(words);
  if (!command->ArityFits(words.size())) return WrongArity(command->spec.name);
  if (__builtin_expect(connection.must_log_in(), 0) && !part->Is(kNoAuth)) {
    return Status::Coded("NOAUTH", "Authentication required.");
  }
  uint32_t flags = part->spec.flags;
  if (IsQueueing(connection)) {
    AMPT_RETURN_IF_ERROR(
        CheckInTransaction(*connection.transaction(), command, part, words, &flags));
  }
  AMPT_RETURN_IF_ERROR(
      environment_.acl.Check(connection, connection.user(), *part, words, IsQueueing(connection)));
  const Storage& storage = environment_.storage;
  if (__builtin_expect(storage.loading(), 0) && (flags & kLoading) == 0) {
    return Status::Coded("LOADING", "Redis is loading the dataset in memory");
  }
  if (__builtin_expect(is_busy(), 0) && !part->Is(kAllowBusy)) return Scripting::BusyError();
  if ((flags & kWrite) != 0) AMPT_RETURN_IF_ERROR(storage.WriteRefusal());
  // While data is loaded nothing is there to be evicted.
  if ((flags & kDenyOom) != 0 && !storage.loading()) {
    AMPT_RETURN_IF_ERROR(environment_.memory.MakeRoom());
  }
  // Consumers' own commands make room.
  if ((flags & kWrite) != 0 && __builtin_expect(environment_.events.may_refuse(), 0) &&
      command != &kAmptEvents) {
    AMPT_RETURN_IF_ERROR(CheckBacklogs(connection, *part, words));
  }
  if (__builtin_expect(connection.is_monitor(), 0) && (flags & (kWrite | kReadonly)) != 0) {
    return Status::Err("Replica can't interact with the keyspace");  // Redis' text
  }
  if (connection.subscription_count() > 0 && connection.resp_version() == 2 &&
      !part->Is(kSubscribed)) {
    // Its replies could not be told from messages.
    return Status::Err("Can't execute '" + std::string(part->spec.name) +
                       "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
                       "allowed in this context");
  }
  return {};
}

Status Dispatcher::CheckBacklogs(const Connection& connection, const Command& part,
                                 Words words) const {
  const Events& events = environment_.events;
  const auto is_full = [&](int database, std::span<const std::string_view> keys) {
    if (!events.WouldExceed(database)) return false;
    if (part.spec.scope == Scope::kNode || part.spec.scope == Scope::kNamespace) return true;
    return std::any_of(keys.begin(), keys.end(),
                       [&](std::string_view key) { return events.WouldExceed(database, key); });
  };
  const std::vector<std::string_view> keys = KeysOf(part, words);
  // MOVE and COPY reach into another database, FLUSHALL into all.
  const bool is_everywhere = part.spec.scope == Scope::kNode || part.spec.scope == Scope::kKeys;
  for (int n = 0; n < static_cast<int>(environment_.databases.size()); ++n) {
    if ((n == connection.database() || is_everywhere) && is_full(n, keys)) {
      return Status::Coded("OOM",
                           "command not allowed when the backlogs of event consumers are over "
                           "'events-max-memory'.");
    }
  }
  return {};
}

uint32_t Dispatcher::FlagsOf(const Connection& connection, const Command& command) {
  const uint32_t flags = command.spec.flags;
  if (&command != &kExec || !IsQueueing(connection)) return flags;
  return (flags & ~uint32_t{kMayWrite}) | connection.transaction()->flags();
}

void Dispatcher::CountRun() {
  if (run_.calls == 0) return;
  const int64_t nanos = ServerClock::StopwatchNanos();
  const int64_t duration_nanos = nanos - last_nanos_;
  run_.figures->CountCalls(run_.calls, duration_nanos);
  last_nanos_ = nanos;
  Monitoring& monitoring = environment_.monitoring;
  if (__builtin_expect(duration_nanos >= monitoring.least_nanos(), 0)) {
    if (run_.calls == 1) {
      monitoring.CommandTook(*run_.command, run_.words, *run_.client, duration_nanos);
    } else {
      monitoring.RunTook();
    }
  }
  run_.calls = 0;
}

std::unique_ptr<SlicedWork> Dispatcher::Execute(Connection& connection, const Command* command,
                                                Words words, TimeMs now_ms) {
  if (command != nullptr && __builtin_expect(command->Is(kRunsOthers), 0) && !is_busy() &&
      !fiber_.is_running()) {
    return ExecuteOnFiber(connection, command, words, now_ms);
  }
  const bool skip = connection.reply_mode() == ReplyMode::kSkipNext;
  if (__builtin_expect(skip, 0)) connection.set_reply_mode(ReplyMode::kSkipThis);
  connection.BeginReply();
  RespReply reply(connection.output(), connection.resp_version_in_use());
  std::unique_ptr<SlicedWork> work;

  // The container itself is executed: it checks the part's arity and takes its own name away.
  const Command* part = command != nullptr ? CommandOrPart(command, words) : nullptr;
  if (const Status refusal = Check(connection, command, part, words); !refusal.ok()) {
    Refuse(connection, part, refusal, reply);
  } else if (IsQueueing(connection) &&
             !IsOneOf(part, {&kExec, &kDiscard, &kMulti, &kWatch, &kQuit, &kReset})) {
    Queue(connection, command, part, words);
    reply.Simple("QUEUED");
  } else {
    connection.set_last_command(part);
    connection.NoteWrite((part->spec.flags & (kWrite | kMayWrite)) != 0);
    work = RunChecked(connection, command, part, words, now_ms, false, reply);
  }

  // CLIENT REPLY OFF and SKIP silence the command that says so, SKIP also the next one, unless that
  // is CLIENT REPLY ON.
  connection.set_silenced(connection.reply_mode() != ReplyMode::kOn);
  if (connection.reply_mode() == ReplyMode::kSkipThis) connection.set_reply_mode(ReplyMode::kOn);
  if (__builtin_expect(connection.is_silenced(), 0) && !reply.has_pushed()) connection.DropReply();
  connection.EndReply();
  return work;
}

std::unique_ptr<SlicedWork> Dispatcher::ExecuteOnFiber(Connection& connection,
                                                       const Command* command, Words words,
                                                       TimeMs now_ms) {
  mark_ = environment_.storage.mark();
  // Scripts and transactions leave no work to be done in slices.
  if (fiber_.Run([this, &connection, command, words, now_ms] {
        Execute(connection, command, words, now_ms);
      })) {
    return nullptr;
  }
  busy_connection_ = &connection;
  connection.set_suspended(true);
  busy_run_ = std::exchange(run_, {});
  busy_last_nanos_ = last_nanos_;
  StartTiming();
  return nullptr;
}

bool Dispatcher::GoOn() {
  const Run run = std::exchange(run_, busy_run_);
  const int64_t last_nanos = std::exchange(last_nanos_, busy_last_nanos_);
  const bool is_over = fiber_.GoOn();
  busy_run_ = std::exchange(run_, run);
  busy_last_nanos_ = std::exchange(last_nanos_, last_nanos);
  if (is_over) busy_connection_ = nullptr;
  return is_over;
}

void Dispatcher::Abandon() {
  is_abandoned_ = true;
  scripting_.Abandon();
  while (!GoOn()) {
  }
  is_abandoned_ = false;
}

template <typename AnyReply>
void Dispatcher::Refuse(const Command* part, const Status& refusal, AnyReply& reply) {
  Statistics& statistics = environment_.statistics;
  ++statistics.Of(part).rejected;
  ++statistics.commands_processed;
  reply.Error(refusal);
  statistics.CountError(reply.error_code());
}

void Dispatcher::Refuse(Connection& connection, const Command* part, const Status& refusal,
                        RespReply& reply) {
  Statistics& statistics = environment_.statistics;
  if (part != nullptr) ++statistics.Of(part).rejected;
  Transaction* transaction = connection.transaction();
  if (part == &kExec) {
    std::string_view reason = refusal.text();
    if (reason.starts_with("ERR ")) reason.remove_prefix(4);
    reply.Error(
        Status::Coded("EXECABORT", "Transaction discarded because of: " + std::string(reason)));
    if (transaction != nullptr) transaction->Close();
  } else {
    reply.Error(refusal);
    if (transaction != nullptr && transaction->is_open()) transaction->Abort();
  }
  ++statistics.commands_processed;
  statistics.CountError(reply.error_code());
}

template <typename AnyReply>
std::unique_ptr<SlicedWork> Dispatcher::RunChecked(Connection& connection, const Command* command,
                                                   const Command* part, Words words, TimeMs now_ms,
                                                   bool to_the_end, AnyReply& reply) {
  Statistics& statistics = environment_.statistics;
  Context context{environment_.databases,
                  *environment_.databases[static_cast<size_t>(connection.database())],
                  reply,
                  now_ms,
                  connection,
                  environment_.host,
                  environment_.host.model_settings(),
                  environment_.commands,
                  environment_.random,
                  environment_.events,
                  scratch_,
                  to_the_end};
  context.runner = this;
  if (part != run_.command) {
    CountRun();
    run_ = {part, &statistics.Of(part), 0};
  }
  run_.client = &connection;
  run_.words = words;
  Monitoring& monitoring = environment_.monitoring;
  constexpr bool kByScript = !std::is_same_v<AnyReply, RespReply>;
  const bool is_script = part->spec.group == Group::kScripting;
  // A script comes before what it runs, EXEC behind.
  if (__builtin_expect(monitoring.has_monitors(), 0) && is_script) {
    monitoring.Show(*part, words, connection, kByScript);
  }
  Notifications& notifications = environment_.notifications;
  // Of a command that runs others these are what is notified.
  const bool notifies = notifications.is_on() && !part->Is(kMayWrite);
  if (__builtin_expect(notifies, 0)) {
    notifications.CommandBegins(*part, words, context.store, now_ms);
  }
  // TOUCH is asked for nothing else.
  if (__builtin_expect(!loading(), 1)) {
    environment_.memory.tracker().set_paused(connection.no_touch() && part != &kTouch);
  }
  command->execute(context, words);
  blocked_ = std::move(context.blocked);
  if (__builtin_expect(notifies, 0)) notifications.CommandEnds(reply.errors() > 0);
  if (__builtin_expect(monitoring.has_monitors(), 0) && !is_script) {
    monitoring.Show(*part, words, connection, kByScript);
  }
  ++statistics.commands_processed;
  run_.figures->failed += reply.errors() > 0;
  if (reply.errors() > 0) statistics.CountError(reply.error_code());
  if (context.work != nullptr && !part->Is(kFast)) {
    // It is counted when it is over.
    const int64_t began_nanos = last_nanos_;
    StartTiming();
    return monitoring.Measured(std::move(context.work), *run_.figures, *part, words, connection,
                               last_nanos_ - began_nanos);
  }
  ++run_.calls;
  // Brief ones share a look at the clock; a password takes time.
  const bool is_brief = (part->Is(kFast) && !part->Is(kNoAuth)) || part->Is(kBrief);
  if (!is_brief || monitoring.measures_alone()) CountRun();
  return std::move(context.work);
}

class Dispatcher::Nested {
 public:
  explicit Nested(Dispatcher& dispatcher)
      : dispatcher_(dispatcher),
        outer_(std::exchange(dispatcher.run_, {})),
        began_nanos_(dispatcher.last_nanos_) {
    dispatcher_.StartTiming();
  }
  ~Nested() {
    dispatcher_.StopTiming();
    dispatcher_.run_ = outer_;
    dispatcher_.last_nanos_ = began_nanos_;
  }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  Dispatcher& dispatcher_;
  const Run outer_;
  const int64_t began_nanos_;
};

// --- transactions
// ---------------------------------------------------------------------------------

Status Dispatcher::CheckInTransaction(const Transaction& transaction, const Command* command,
                                      const Command* part, Words words, uint32_t* flags) const {
  AMPT_RETURN_IF_ERROR(CheckPart(command, part, words));
  if (part->Is(kNoMulti)) return Status::Err("Command not allowed inside a transaction");
  if (part == &kExec) {
    *flags |= transaction.flags();
  } else if (!IsOneOf(part, {&kDiscard, &kQuit, &kReset})) {
    *flags |= kDenyOom;  // the queue needs memory too
  }
  return {};
}

Transaction& Dispatcher::TransactionOf(Connection& connection) {
  if (connection.transaction() == nullptr) {
    connection.set_transaction(
        std::make_unique<Transaction>(environment_.watches, environment_.old_queues));
  }
  return *connection.transaction();
}

void Dispatcher::Queue(Connection& connection, const Command* command, const Command* part,
                       Words words) {
  connection.transaction()->Queue(command, words, part->spec.flags);
  CheckQueueLimit(connection);
}

void Dispatcher::CheckQueueLimit(Connection& connection) {
  const auto most_bytes = static_cast<size_t>(environment_.settings.client_query_buffer_limit);
  if (connection.transaction()->allocated_bytes() <= most_bytes) return;
  ++environment_.statistics.query_limit_disconnections;
  connection.Close();
}

Status Dispatcher::Multi(Session& session) {
  Transaction& transaction = TransactionOf(ConnectionOf(session));
  if (transaction.is_open()) return Status::Err("MULTI calls can not be nested");
  transaction.Open();
  return {};
}

Status Dispatcher::Discard(Session& session) {
  Connection& connection = ConnectionOf(session);
  if (!IsQueueing(connection)) return Status::Err("DISCARD without MULTI");
  connection.transaction()->Close();
  return {};
}

Status Dispatcher::MayWatch(Session& session) {
  if (!IsQueueing(ConnectionOf(session))) return {};
  return Status::Err("WATCH inside MULTI is not allowed");
}

void Dispatcher::Watch(Session& session, Store& store, Words keys, TimeMs now_ms) {
  Connection& connection = ConnectionOf(session);
  Transaction& transaction = TransactionOf(connection);
  for (const std::string_view key : keys) {
    transaction.Watch(connection.database(), key, store.Peek(key, now_ms));
  }
  CheckQueueLimit(connection);
}

void Dispatcher::Unwatch(Session& session) {
  if (Transaction* transaction = ConnectionOf(session).transaction()) transaction->Unwatch();
}

Status Dispatcher::Exec(Context& context) {
  Connection& connection = ConnectionOf(context.session);
  if (!IsQueueing(connection)) return Status::Err("EXEC without MULTI");
  Transaction& transaction = *connection.transaction();
  if (transaction.is_aborted()) {
    transaction.Close();
    return Status::Coded("EXECABORT", "Transaction discarded because of previous errors.");
  }
  if (transaction.is_spoilt(context.now_ms)) {
    transaction.Close();
    context.reply.NullArray();
    return {};
  }
  transaction.Unwatch();

  // Counted before the queue goes: the slow log shows words of it.
  auto nested = std::make_optional<Nested>(*this);
  context.reply.Array(transaction.queue().size());
  bool is_silenced = false;
  for (const Transaction::Queued& queued : transaction.queue()) {
    if (__builtin_expect(is_abandoned_, 0)) break;
    const Words words(queued.words);
    RespReply reply(connection.output(), connection.resp_version_in_use());
    const Command* const part = CommandOrPart(queued.command, words);
    // The user may have lost that right since.
    const Status refusal = environment_.acl.CheckWithin(Acl::From::kTransaction, connection,
                                                        connection.user(), *part, words);
    if (refusal.ok()) {
      RunChecked(connection, queued.command, part, words, context.now_ms, true, reply);
    } else {
      Refuse(part, refusal, reply);
    }
    // With CLIENT REPLY OFF or SKIP in it EXEC would be answered in part, which no client can read.
    is_silenced = is_silenced || connection.reply_mode() != ReplyMode::kOn;
    if (connection.CloseIfOverOutputLimit()) is_silenced = true;
    if (is_silenced) connection.DropReply();
  }
  nested.reset();
  transaction.Close();
  return {};
}

// --- scripts
// --------------------------------------------------------------------------------------

bool Dispatcher::IsPermitted(Context& context, const Command& part, Words words) const {
  return environment_.acl.Allows(ConnectionOf(context.session).user(), part, words);
}

void Dispatcher::RunForScript(Context& context, const Command* command, Words words,
                              ScriptReply& reply) {
  const Nested nested(*this);
  Connection& connection = ConnectionOf(context.session);
  const Command* const part = CommandOrPart(command, words);
  const Status refusal =
      environment_.acl.CheckWithin(Acl::From::kScript, connection, connection.user(), *part, words);
  if (!refusal.ok()) return Refuse(part, refusal, reply);
  RunChecked(connection, command, part, words, context.now_ms, true, reply);
}

}  // namespace ampt
