// AMPT.EVENTS. Durable consumers of change events; they belong to the selected database. What is
// behind it is the event layer (src/event/events.h); here is only how its words are read and its
// answers written.
//
// Consumers are not keys: a command names one like a simple key, but none of its words is a key of
// the database, and whoever uses it must be allowed all keys. On several nodes every node has the
// backlog of its own items, and a reader asks each.
#include "commands/grammar.h"
#include "commands/texts.h"
#include "model/key.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr int64_t kMostEvents = 1000;  // of one READ or DEAD
constexpr int64_t kDeadShown = 100;    // by DEAD without COUNT
constexpr size_t kMostIds = 1000;      // in one ACK or REPLAY
constexpr int64_t kMostFilters = 100;  // of one consumer
constexpr size_t kReasonBytes = 1024;  // of a NAK

constexpr Example kCreate = {"AMPT.EVENTS CREATE mailer FILTERS 1 created:user:*", "OK"};

// The canonical name, kept in `*scratch` where it is not a part of `raw`.
Result<std::string_view> ReadName(std::string_view raw, std::string* scratch) {
  const Result<std::string_view> name = CanonicalKey(raw, KeyUse::kWrite, scratch);
  if (name.ok() && name->find(':') == std::string_view::npos) return *name;
  return Status::Err(
      "Invalid consumer name: it takes 1 to 256 bytes of UTF-8 without ':', not '*'");
}

Result<std::vector<uint64_t>> ReadIds(Words words) {
  if (words.size() > kMostIds) return Status::Err("at most 1000 ids may be given at once");
  std::vector<uint64_t> ids;
  ids.reserve(words.size());
  for (const std::string_view word : words) {
    const std::optional<int64_t> id = ParseInteger(word);
    if (!id) return Status::Err("an event's id is a number");
    ids.push_back(static_cast<uint64_t>(*id));
  }
  return ids;
}

Result<size_t> ReadCount(const std::optional<int64_t>& count, int64_t otherwise) {
  const int64_t value = count.value_or(otherwise);
  if (value < 1 || value > kMostEvents) return Status::Err("COUNT must be between 1 and 1000");
  return static_cast<size_t>(value);
}

void AnswerEvents(Reply& reply, const std::vector<std::string>& events) {
  reply.Array(events.size());
  for (const std::string& event : events) reply.Bulk(event);
}

// --- CREATE
// ---------------------------------------------------------------------------------------

namespace create {

struct Args {
  std::string_view consumer;
  Words words;
};

// BACKOFF takes two words and FILTERS must be there: read by hand.
constexpr auto kGrammar = Ampt<Args>(
    Word("consumer", &Args::consumer),
    Maybe("FILTERS n filter [filter ...] [ACKWAIT ms] [BACKOFF first-ms max-ms] [MAXAGE seconds]",
          &Args::words));

constexpr Example kExamples[] = {
    {"AMPT.EVENTS CREATE mailer FILTERS 2 created:user:* deleted:user:* ACKWAIT 30000", "OK"},
    {"AMPT.EVENTS CREATE mailer FILTERS 1 renamed:user:*",
     "(error) ERR Invalid event name: renamed"},
};

constexpr Spec kSpec{
    .name = "ampt.events|create",
    .group = Group::kItems,
    .summary = "Creates a consumer of the events that match a filter, or gives it new settings",
    .since = "1.0.0",
    .complexity = "O(N) for N filters",
    .flags = kWrite | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

// Reads the options into `*settings`.
class Options {
 public:
  explicit Options(Words words) : words_(words) {}

  Status Read(ConsumerSettings* settings) {
    int64_t maxage_s = settings->maxage_ms / 1000;
    while (at_ < words_.size()) {
      const std::string_view word = words_[at_];
      if (EqualsIgnoreCase(word, "FILTERS")) {
        AMPT_RETURN_IF_ERROR(ReadFilters(settings));
      } else if (EqualsIgnoreCase(word, "ACKWAIT")) {
        AMPT_RETURN_IF_ERROR(ReadNumbers("ACKWAIT", {&settings->ackwait_ms}));
      } else if (EqualsIgnoreCase(word, "BACKOFF")) {
        AMPT_RETURN_IF_ERROR(
            ReadNumbers("BACKOFF", {&settings->backoff_first_ms, &settings->backoff_max_ms}));
      } else if (EqualsIgnoreCase(word, "MAXAGE")) {
        AMPT_RETURN_IF_ERROR(ReadNumbers("MAXAGE", {&maxage_s}));
      } else {
        return UnknownOption(Style::kAmpt, word);
      }
    }
    if (settings->filters == nullptr) {
      return Status::Err("syntax error: option 'FILTERS' is missing");
    }
    // What is out of range stays so.
    constexpr int64_t kMostSeconds = INT64_MAX / 1000;
    settings->maxage_ms = std::min(std::max<int64_t>(maxage_s, 0), kMostSeconds) * 1000;
    return CheckConsumerSettings(*settings);
  }

 private:
  Status Once(std::string_view option) {
    for (const std::string_view seen : seen_) {
      if (seen == option) return GivenTwice(Style::kAmpt, option);
    }
    seen_.push_back(option);
    ++at_;
    return {};
  }

  Status ReadNumbers(std::string_view option, std::initializer_list<int64_t*> numbers) {
    AMPT_RETURN_IF_ERROR(Once(option));
    for (int64_t* number : numbers) {
      if (at_ == words_.size()) return MissingWord(Style::kAmpt, option);
      AMPT_RETURN_IF_ERROR(grammar::Read(words_[at_++], option, number));
    }
    return {};
  }

  Status ReadFilters(ConsumerSettings* settings) {
    AMPT_RETURN_IF_ERROR(Once("FILTERS"));
    int64_t count = 0;
    if (at_ == words_.size()) return MissingWord(Style::kAmpt, "FILTERS");
    AMPT_RETURN_IF_ERROR(grammar::Read(words_[at_++], "FILTERS", &count));
    if (count < 1 || count > kMostFilters) {
      return Status::Err("FILTERS must be between 1 and 100");
    }
    if (static_cast<size_t>(count) > words_.size() - at_) {
      return BadCount(Style::kAmpt, "FILTERS");
    }
    const Words texts = words_.subspan(at_, static_cast<size_t>(count));
    at_ += texts.size();
    Result<std::shared_ptr<const FilterSet>> filters =
        FilterSet::Parse({texts.begin(), texts.end()});
    if (!filters.ok()) return filters.status();
    settings->filters = std::move(*filters);
    return {};
  }

  Words words_;
  size_t at_ = 0;
  std::vector<std::string_view> seen_;
};

Status Run(Context& context, const Args& args) {
  const Result<std::string_view> name = ReadName(args.consumer, &context.scratch.key);
  if (!name.ok()) return name.status();
  ConsumerSettings settings;
  AMPT_RETURN_IF_ERROR(Options(args.words).Read(&settings));
  AMPT_RETURN_IF_ERROR(
      context.events.CreateConsumer(context.store.database(), *name, std::move(settings)));
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace create

// --- READ
// -----------------------------------------------------------------------------------------

namespace read {

struct Args {
  std::string_view consumer;
  std::optional<int64_t> count;
  std::optional<int64_t> block_ms;
};

constexpr auto kGrammar =
    Ampt<Args>(Word("consumer", &Args::consumer), Option("COUNT", "n", &Args::count),
               Option("BLOCK", "ms", &Args::block_ms));

constexpr Example kExamples[] = {
    kCreate,
    {"AMPT.SET user:ann 1 QUIET", "OK"},
    {"AMPT.EVENTS READ mailer COUNT 10", ""},
    {"AMPT.EVENTS READ mailer", "(nil)"},
};

constexpr Spec kSpec{
    .name = "ampt.events|read",
    .group = Group::kItems,
    .summary = "Hands out events, at most one of a namespace; waits for the first if told to",
    .since = "1.0.0",
    .complexity = "O(N log M) for N events of M namespaces",
    .flags = kWrite | kBlocking | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

class WaitForEvents : public BlockedWork {
 public:
  WaitForEvents(Events& events, int database, std::string_view name, uint64_t number, size_t count,
                uint64_t token, TimeMs deadline_ms)
      : events_(events),
        database_(database),
        name_(name),
        number_(number),
        count_(count),
        token_(token),
        deadline_ms_(deadline_ms) {
    events_.Wait(database_, name_, token_);
  }
  ~WaitForEvents() override { events_.StopWaiting(token_); }

  TimeMs deadline_ms() const override { return deadline_ms_; }
  bool TryAgain(Reply& reply) override {
    // One of the same name that was created since is another.
    const Result<uint64_t> number = events_.NumberOf(database_, name_);
    if (!number.ok() || *number != number_) {
      reply.Error(Status::Coded("NOTFOUND", "Consumer does not exist"));
      return true;
    }
    const Result<std::vector<std::string>> events = events_.Read(database_, name_, count_);
    if (events->empty()) {
      events_.Wait(database_, name_, token_);
      return false;
    }
    AnswerEvents(reply, *events);
    return true;
  }
  void TimeOut(Reply& reply) override { reply.NullArray(); }

 private:
  Events& events_;
  const int database_;
  const std::string name_;
  const uint64_t number_;
  const size_t count_;
  const uint64_t token_;
  const TimeMs deadline_ms_;
};

Status Run(Context& context, const Args& args) {
  const Result<std::string_view> name = ReadName(args.consumer, &context.scratch.key);
  if (!name.ok()) return name.status();
  const Result<size_t> count = ReadCount(args.count, 1);
  if (!count.ok()) return count.status();
  if (args.block_ms && *args.block_ms < 0) return Status::Err("timeout is negative");
  if (args.block_ms && *args.block_ms > kNoDeadline / 2) {
    return Status::Err("timeout is out of range");
  }
  const int database = context.store.database();
  const Result<uint64_t> number = context.events.NumberOf(database, *name);
  if (!number.ok()) return number.status();
  const Result<std::vector<std::string>> events = context.events.Read(database, *name, *count);
  if (!events.ok()) return events.status();
  if (!events->empty()) {
    AnswerEvents(context.reply, *events);
  } else if (!args.block_ms || context.to_the_end) {
    context.reply.NullArray();
  } else {
    const TimeMs deadline_ms = *args.block_ms == 0 ? kNoDeadline : context.now_ms + *args.block_ms;
    context.blocked =
        std::make_unique<WaitForEvents>(context.events, database, *name, *number, *count,
                                        static_cast<uint64_t>(context.session.id()), deadline_ms);
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace read

// --- ACK
// ------------------------------------------------------------------------------------------

namespace ack {

struct Args {
  std::string_view consumer;
  Words ids;
};

constexpr auto kGrammar = Ampt<Args>(Word("consumer", &Args::consumer), Rest("id", &Args::ids));

constexpr Example kExamples[] = {
    kCreate,
    {"AMPT.SET user:ann 1 QUIET", "OK"},
    {"AMPT.EVENTS READ mailer", ""},
    {"AMPT.EVENTS ACK mailer 1 2", ""},
    {"AMPT.EVENTS ACK mailer 999999999999", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "ampt.events|ack",
    .group = Group::kItems,
    .summary = "Says that events are done with and returns how many were until now",
    .since = "1.0.0",
    .complexity = "O(N log M) for N ids among M events",
    .flags = kWrite | kFast | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<std::string_view> name = ReadName(args.consumer, &context.scratch.key);
  if (!name.ok()) return name.status();
  const Result<std::vector<uint64_t>> ids = ReadIds(args.ids);
  if (!ids.ok()) return ids.status();
  const Result<int64_t> count = context.events.Acknowledge(context.store.database(), *name, *ids);
  if (!count.ok()) return count.status();
  context.reply.Integer(*count);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace ack

// --- NAK
// ------------------------------------------------------------------------------------------

namespace nak {

struct Args {
  std::string_view consumer;
  std::string_view id;
  std::optional<std::string_view> reason;
};

constexpr auto kGrammar = Ampt<Args>(Word("consumer", &Args::consumer), Word("id", &Args::id),
                                     Maybe("reason", &Args::reason));

constexpr Example kExamples[] = {
    kCreate,
    {"AMPT.EVENTS NAK mailer 999999999999 'no such mailbox'",
     "(error) NOTFOUND Event is not in flight"},
};

constexpr Spec kSpec{
    .name = "ampt.events|nak",
    .group = Group::kItems,
    .summary = "Says that an event could not be handled; it is handed out again after a delay",
    .since = "1.0.0",
    .complexity = "O(log N) for N events",
    .flags = kWrite | kFast | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<std::string_view> name = ReadName(args.consumer, &context.scratch.key);
  if (!name.ok()) return name.status();
  const Result<std::vector<uint64_t>> ids = ReadIds({&args.id, 1});
  if (!ids.ok()) return ids.status();
  const std::string_view reason = args.reason.value_or("");
  if (reason.size() > kReasonBytes) return Status::Err("reason is longer than 1024 bytes");
  AMPT_RETURN_IF_ERROR(
      context.events.Refuse(context.store.database(), *name, ids->front(), reason));
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace nak

// --- INFO
// -----------------------------------------------------------------------------------------

namespace info {

struct Args {
  std::optional<std::string_view> consumer;
};

constexpr auto kGrammar = Ampt<Args>(Maybe("consumer", &Args::consumer));

constexpr Example kExamples[] = {
    {"AMPT.EVENTS INFO", ""},
    kCreate,
    {"AMPT.EVENTS INFO mailer", ""},
    {"AMPT.EVENTS INFO nobody", "(error) NOTFOUND Consumer does not exist"},
};

constexpr Spec kSpec{
    .name = "ampt.events|info",
    .group = Group::kItems,
    .summary = "Returns settings and figures of a consumer, or of all, as JSON",
    .since = "1.0.0",
    .complexity = "O(N) for N consumers",
    .flags = kReadonly | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  std::optional<std::string_view> name;
  if (args.consumer) {
    const Result<std::string_view> read = ReadName(*args.consumer, &context.scratch.key);
    if (!read.ok()) return read.status();
    name = *read;
  }
  std::string json;
  AMPT_RETURN_IF_ERROR(context.events.AppendInfo(context.store.database(), name, &json));
  context.reply.Bulk(json);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace info

// --- DEAD
// -----------------------------------------------------------------------------------------

namespace dead {

struct Args {
  std::string_view consumer;
  std::optional<int64_t> count;
};

constexpr auto kGrammar =
    Ampt<Args>(Word("consumer", &Args::consumer), Option("COUNT", "n", &Args::count));

constexpr Example kExamples[] = {
    kCreate,
    {"AMPT.EVENTS DEAD mailer", "(empty array)"},
};

constexpr Spec kSpec{
    .name = "ampt.events|dead",
    .group = Group::kItems,
    .summary = "Returns the oldest events that could not be handled within MAXAGE",
    .since = "1.0.0",
    .complexity = "O(N) for N events",
    .flags = kReadonly | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<std::string_view> name = ReadName(args.consumer, &context.scratch.key);
  if (!name.ok()) return name.status();
  const Result<size_t> count = ReadCount(args.count, kDeadShown);
  if (!count.ok()) return count.status();
  const Result<std::vector<std::string>> events =
      context.events.DeadLetters(context.store.database(), *name, *count);
  if (!events.ok()) return events.status();
  AnswerEvents(context.reply, *events);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace dead

// --- REPLAY
// ---------------------------------------------------------------------------------------

namespace replay {

struct Args {
  std::string_view consumer;
  Words ids;
};

constexpr auto kGrammar = Ampt<Args>(Word("consumer", &Args::consumer), Rest("id", &Args::ids));

constexpr Example kExamples[] = {
    kCreate,
    {"AMPT.EVENTS REPLAY mailer 1", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "ampt.events|replay",
    .group = Group::kItems,
    .summary = "Puts dead letters back at the end of their namespace and returns how many",
    .since = "1.0.0",
    .complexity = "O(N log M) for N ids among M events",
    .flags = kWrite | kFast | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<std::string_view> name = ReadName(args.consumer, &context.scratch.key);
  if (!name.ok()) return name.status();
  const Result<std::vector<uint64_t>> ids = ReadIds(args.ids);
  if (!ids.ok()) return ids.status();
  const Result<int64_t> count = context.events.Replay(context.store.database(), *name, *ids);
  if (!count.ok()) return count.status();
  context.reply.Integer(*count);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace replay

// --- DROP
// -----------------------------------------------------------------------------------------

namespace drop {

struct Args {
  std::string_view consumer;
};

constexpr auto kGrammar = Ampt<Args>(Word("consumer", &Args::consumer));

constexpr Example kExamples[] = {
    kCreate,
    {"AMPT.EVENTS DROP mailer", "OK"},
    {"AMPT.EVENTS READ mailer", "(error) NOTFOUND Consumer does not exist"},
};

constexpr Spec kSpec{
    .name = "ampt.events|drop",
    .group = Group::kItems,
    .summary = "Removes a consumer with its backlog; who waits for it is told",
    .since = "1.0.0",
    .complexity = "O(N) for N waiting readers; its events are freed in the background",
    .flags = kWrite | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<std::string_view> name = ReadName(args.consumer, &context.scratch.key);
  if (!name.ok()) return name.status();
  AMPT_RETURN_IF_ERROR(context.events.DropConsumer(context.store.database(), *name));
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace drop

// --- the container
// --------------------------------------------------------------------------------

constexpr const Command* kParts[] = {&create::kCommand, &read::kCommand, &ack::kCommand,
                                     &nak::kCommand,    &info::kCommand, &dead::kCommand,
                                     &replay::kCommand, &drop::kCommand};

constexpr Example kExamples[] = {
    {"AMPT.EVENTS FOO", "(error) ERR unknown subcommand 'FOO'. Try AMPT.EVENTS HELP."},
};

constexpr Spec kSpec{
    .name = "ampt.events",
    .group = Group::kItems,
    .summary = "Commands about durable consumers of change events",
    .since = "1.0.0",
    .complexity = "Depends on subcommand",
    .flags = kMayWrite,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

extern const Command kAmptEvents;
constexpr Command kAmptEvents = DefineContainer<kAmptEvents>(kSpec, kParts);

}  // namespace ampt
