// DEBUG. For tests and for looking into a server: allowed by the setting enable-debug-command only.
// Most of it takes as long as there are items while nobody else is served; POPULATE alone goes in
// slices, since it is also how a bench fills a server. In a cluster every node speaks for itself.
#include <charconv>
#include <cmath>

#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kAdmin | kNoScript | kStale;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

// --- DEBUG DIGEST
// ---------------------------------------------------------------------------------

namespace digest {

constexpr Example kExamples[] = {{"DEBUG DIGEST", "0000000000000000"}};

constexpr Spec kSpec{
    .name = "debug|digest",
    .group = Group::kServer,
    .summary = "Returns a hash of all items and event backlogs, the same for the same data",
    .since = "1.0.0",
    .complexity = "O(n) where n is the number of items",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  uint64_t sum = 0;
  for (const auto& database : context.databases) {
    // An odd factor of its own tells the same items in another database apart.
    const auto factor = static_cast<uint64_t>(database->database()) * 2 + 1;
    sum += database->Digest(context.now_ms) * factor;
    sum += context.events.Digest(database->database()) * factor;
  }
  std::string hex(16, '0');
  for (size_t i = hex.size(); i-- > 0; sum >>= 4) hex[i] = "0123456789abcdef"[sum & 15];
  context.reply.Simple(hex);
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace digest

// --- DEBUG VERIFY
// ---------------------------------------------------------------------------------

namespace verify {

constexpr Example kExamples[] = {
    {"SET greeting Hello EX 100", "OK"},
    {"DEBUG VERIFY", "OK"},
};

constexpr Spec kSpec{
    .name = "debug|verify",
    .group = Group::kServer,
    .summary = "Checks that all indexes agree; a server in which they do not ends itself",
    .since = "1.0.0",
    .complexity = "O(n) where n is the number of items",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  for (const auto& database : context.databases) database->CheckInvariants();
  context.databases.front()->allocator().slabs().CheckInvariants();
  context.events.CheckInvariants();
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace verify

// --- DEBUG POPULATE
// -------------------------------------------------------------------------------

namespace populate {

constexpr int64_t kMostItems = 100'000'000;
constexpr size_t kLongestPrefix = 1024;

struct Args {
  int64_t count = 0;
  std::optional<std::string_view> prefix;
  std::optional<int64_t> size;
};

constexpr auto kGrammar = Redis<Args>(Word("count", &Args::count), Maybe("prefix", &Args::prefix),
                                      Maybe("size", &Args::size));

constexpr Example kExamples[] = {
    {"DEBUG POPULATE 3 user", "OK"},
    {"GET user:2", "\"value:2\""},
    {"DEBUG POPULATE 1 big 10", "OK"},
    {"GET big:0", "\"value:0...\""},
};

constexpr Spec kSpec{
    .name = "debug|populate",
    .group = Group::kServer,
    .summary = "Adds strings prefix:0, prefix:1, … where there is no such key yet",
    .since = "1.0.0",
    .complexity = "O(n) where n is the number of items added",
    .flags = kFlags | kWrite | kDenyOom,
    .scope = Scope::kNode,
    .examples = kExamples,
};

class Populate : public SlicedWork {
 public:
  Populate(Store& store, int64_t count, std::string_view prefix, std::optional<size_t> size)
      : store_(store), count_(count), prefix_(prefix), size_(size) {}

  bool DoSome(TimeMs now_ms) override {
    size_t written = 0;
    for (int items = 0; next_ < count_ && items < kItemsPerSlice && written < kBytesPerSlice;
         ++next_, ++items) {
      const IntegerText number(next_);
      key_.assign(prefix_).append(1, ':').append(number);
      KeyRef ref = store_.Open(key_, now_ms);
      if (ref.exists()) continue;
      value_.assign("value:").append(number);
      if (size_) value_.resize(*size_, '.');
      const auto now_s = static_cast<uint32_t>(now_ms / 1000);
      ref.Put({.value = StringValue(value_), .created_s = now_s, .modified_s = now_s});
      written += value_.size();
    }
    return next_ == count_;
  }
  bool Answer(Reply& reply) override {
    reply.Ok();
    return true;
  }

 private:
  static constexpr int kItemsPerSlice = 500;
  static constexpr size_t kBytesPerSlice = 1u << 20;

  Store& store_;
  const int64_t count_;
  const std::string prefix_;
  const std::optional<size_t> size_;
  int64_t next_ = 0;
  std::string key_;
  std::string value_;
};

Status Run(Context& context, const Args& args) {
  if (args.count < 0 || args.count > kMostItems) {
    return Status::Err("count must be between 0 and 100000000");
  }
  const std::string_view prefix = args.prefix.value_or("key");
  if (prefix.size() > kLongestPrefix) return Status::Err("prefix is longer than 1024 bytes");
  std::optional<size_t> size;
  if (args.size) {
    const size_t most = context.settings.json.max_bytes;
    if (*args.size < 0 || static_cast<uint64_t>(*args.size) > most) {
      return Status::Err("size must be between 0 and max-item-size");
    }
    size = static_cast<size_t>(*args.size);
  }
  RunSliced(context, std::make_unique<Populate>(context.store, args.count, prefix, size));
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace populate

// --- DEBUG CLOCK
// ----------------------------------------------------------------------------------

namespace clock {

struct Args {
  std::string_view when;
};

constexpr auto kGrammar = Redis<Args>(Word("unix-time-milliseconds | RUN", &Args::when));

constexpr Example kExamples[] = {
    {"DEBUG CLOCK 1", "(error) ERR the clock cannot go back"},
    {"DEBUG CLOCK RUN", "OK"},
};

constexpr Spec kSpec{
    .name = "debug|clock",
    .group = Group::kServer,
    .summary = "Stops the clock that deadlines go by at a time not yet over, or lets it run again",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kFlags | kLoading,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (EqualsIgnoreCase(args.when, "run")) {
    context.host.SetClock(std::nullopt);
  } else {
    const std::optional<int64_t> when_ms = ParseInteger(args.when);
    if (!when_ms) return NotAnInteger();
    // What comes after must not overflow when a lifetime is added.
    if (*when_ms > kNoDeadline / 2) return Status::Err("the time is out of range");
    if (*when_ms < context.now_ms) return Status::Err("the clock cannot go back");
    context.host.SetClock(*when_ms);
  }
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace clock

// --- DEBUG SLEEP
// ----------------------------------------------------------------------------------

namespace sleep {

constexpr double kLongestSeconds = 3600;

struct Args {
  std::string_view seconds;
};

constexpr auto kGrammar = Redis<Args>(Word("seconds", &Args::seconds));

constexpr Example kExamples[] = {{"DEBUG SLEEP 0", "OK"}};

constexpr Spec kSpec{
    .name = "debug|sleep",
    .group = Group::kServer,
    .summary = "Does nothing and serves nobody for that long, at most an hour",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kFlags | kLoading,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  double seconds = 0;
  const char* end = args.seconds.data() + args.seconds.size();
  const auto [read, error] = std::from_chars(args.seconds.data(), end, seconds);
  if (error != std::errc() || read != end || !std::isfinite(seconds)) return NotAFloat();
  if (seconds < 0 || seconds > kLongestSeconds) {
    return Status::Err("seconds must be between 0 and 3600");
  }
  context.host.Sleep(seconds);
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace sleep

// --- DEBUG OBJECT
// ---------------------------------------------------------------------------------

namespace object {

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {"SET greeting Hello", "OK"},
    {"DEBUG OBJECT greeting", ""},
    {"DEBUG OBJECT nothing", "(error) ERR no such key"},
};

constexpr Spec kSpec{
    .name = "debug|object",
    .group = Group::kServer,
    .summary = "Returns the inner fields of an item",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kFlags | kReadonly,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  constexpr std::string_view kTypes[] = {"null",   "boolean", "boolean", "number",
                                         "string", "array",   "object"};
  const Item* item = context.store.Peek(args.key, context.now_ms);
  if (item == nullptr) return NoSuchKey();
  std::string text;
  const auto append = [&text](std::string_view name, int64_t value) {
    text.append(1, ' ').append(name).append(1, ':').append(IntegerText(value));
  };
  text.append("type:").append(kTypes[static_cast<size_t>(item->value().type)]);
  append("valuelength", static_cast<int64_t>(item->value().text.size()));
  append("allocated", static_cast<int64_t>(item->allocated_bytes()));
  append("created", item->created_s());
  append("modified", item->modified_s());
  append("deadline_ms", item->has_deadline() ? item->deadline_ms() : -1);
  int64_t labels = 0;
  for (const std::string_view label : item->labels()) labels += label.empty() ? 0 : 1;
  append("labels", labels);
  append("access", item->access());
  context.reply.Simple(text);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace object

// --- DEBUG RELOAD
// ---------------------------------------------------------------------------------

namespace reload {

constexpr Example kExamples[] = {
    {"SET greeting Hello", "OK"},
    {"DEBUG RELOAD", "OK"},
    {"GET greeting", "\"Hello\""},
};

constexpr Spec kSpec{
    .name = "debug|reload",
    .group = Group::kServer,
    .summary = "Saves a snapshot, forgets everything and loads it again",
    .since = "1.0.0",
    .complexity = "O(n) where n is the number of items",
    .flags = kFlags | kNoMulti,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  AMPT_RETURN_IF_ERROR(context.host.Reload());
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace reload

// --- DEBUG FAILPOINT
// ------------------------------------------------------------------------------

namespace failpoint {

struct Args {
  std::string_view operation;
  std::optional<std::string_view> action;
  std::optional<int64_t> number;
};

constexpr auto kGrammar =
    Redis<Args>(Word("operation | OFF", &Args::operation), Maybe("action", &Args::action),
                Maybe("times | milliseconds", &Args::number));

constexpr Example kExamples[] = {
    {"DEBUG FAILPOINT sync delay 1", "OK"},
    {"DEBUG FAILPOINT write EIO 0", "OK"},
    {"DEBUG FAILPOINT OFF", "OK"},
    {"DEBUG FAILPOINT write", "(error) ERR syntax error"},
};

constexpr Spec kSpec{
    .name = "debug|failpoint",
    .group = Group::kServer,
    .summary = "Has calls of the disk fail so many times (0 is for ever), or take so long",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kFlags | kLoading,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (!args.action) {
    if (!EqualsIgnoreCase(args.operation, "off")) return SyntaxError();
    AMPT_RETURN_IF_ERROR(context.host.SetFailpoint(std::nullopt, {}, 0));
  } else {
    AMPT_RETURN_IF_ERROR(
        context.host.SetFailpoint(args.operation, *args.action, args.number.value_or(1)));
  }
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace failpoint

// --- the container
// --------------------------------------------------------------------------------

constexpr const Command* kParts[] = {&digest::kCommand, &verify::kCommand,   &populate::kCommand,
                                     &clock::kCommand,  &sleep::kCommand,    &object::kCommand,
                                     &reload::kCommand, &failpoint::kCommand};

constexpr Example kExamples[] = {
    {"DEBUG FOO", "(error) ERR unknown subcommand 'FOO'. Try DEBUG HELP."},
};

constexpr Spec kSpec{
    .name = "debug",
    .group = Group::kServer,
    .summary = "Commands for tests and for looking into the server",
    .since = "1.0.0",
    .complexity = "Depends on subcommand",
    .flags = kFlags | kLoading,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

extern const Command kDebug;

namespace {

void ExecuteDebug(Context& context, Words words) {
  if (!context.host.DebugAllowed(context.session)) {
    return context.reply.Error(Status::Err(
        "DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you "
        "can run it from a local connection, otherwise you need to set this option in the "
        "configuration file, and then restart the server."));
  }
  ExecuteSubcommand(context, words, kDebug);
}

constexpr Command MakeDebug() {
  Command command = DefineContainer<kDebug>(kSpec, kParts);
  command.execute = &ExecuteDebug;
  return command;
}

}  // namespace

constexpr Command kDebug = MakeDebug();

}  // namespace ampt
