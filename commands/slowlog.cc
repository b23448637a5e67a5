// SLOWLOG. The requests that took longer than slowlog-log-slower-than; EXEC is shown by what it
// ran, passwords as "(redacted)". In a cluster every node speaks for itself.
#include <algorithm>

#include "commands/grammar.h"
#include "commands/slow_log.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kAdmin | kLoading | kStale;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

// --- SLOWLOG GET
// ----------------------------------------------------------------------------------

namespace get {

constexpr int64_t kCountByDefault = 10;

struct Args {
  std::optional<std::string_view> count;
};

constexpr auto kGrammar = Redis<Args>(Maybe("count", &Args::count));

constexpr Example kExamples[] = {
    {"SLOWLOG GET", "(empty array)"},
    {"SLOWLOG GET -2", "(error) ERR count should be greater than or equal to -1"},
};

constexpr Spec kSpec{
    .name = "slowlog|get",
    .group = Group::kServer,
    .summary = "Returns the newest entries of the slow log, ten or as many as asked for; -1 is all",
    .since = "2.2.12",
    .complexity = "O(n) where n is the number of entries",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const int64_t asked = args.count ? ParseInteger(*args.count).value_or(-2) : kCountByDefault;
  if (asked < -1) return Status::Err("count should be greater than or equal to -1");
  const std::deque<SlowLog::Entry>& entries = context.host.slow_log().entries();
  const size_t count =
      asked == -1 ? entries.size() : std::min(static_cast<size_t>(asked), entries.size());
  context.reply.Array(count);
  for (size_t i = 0; i < count; ++i) {
    const SlowLog::Entry& entry = entries[i];
    context.reply.Array(6);
    context.reply.Integer(entry.id);
    context.reply.Integer(entry.time_s);
    context.reply.Integer(entry.duration_us);
    context.reply.Array(entry.words.size());
    for (const std::string& word : entry.words) context.reply.Bulk(word);
    context.reply.Bulk(entry.address);
    context.reply.Bulk(entry.name);
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace get

// --- SLOWLOG LEN, RESET
// ---------------------------------------------------------------------------

namespace len {

constexpr Example kExamples[] = {{"SLOWLOG LEN", "(integer) 0"}};

constexpr Spec kSpec{
    .name = "slowlog|len",
    .group = Group::kServer,
    .summary = "Returns the number of entries in the slow log",
    .since = "2.2.12",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Integer(static_cast<int64_t>(context.host.slow_log().entries().size()));
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace len

namespace reset {

constexpr Example kExamples[] = {{"SLOWLOG RESET", "OK"}};

constexpr Spec kSpec{
    .name = "slowlog|reset",
    .group = Group::kServer,
    .summary = "Empties the slow log",
    .since = "2.2.12",
    .complexity = "O(n) where n is the number of entries",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.host.slow_log().Reset();
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace reset

// --- the container
// --------------------------------------------------------------------------------

constexpr const Command* kParts[] = {&get::kCommand, &len::kCommand, &reset::kCommand};

constexpr Example kExamples[] = {
    {"SLOWLOG FOO", "(error) ERR unknown subcommand 'FOO'. Try SLOWLOG HELP."},
};

constexpr Spec kSpec{
    .name = "slowlog",
    .group = Group::kServer,
    .summary = "Commands about the slow log",
    .since = "2.2.12",
    .complexity = "Depends on subcommand",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

extern const Command kSlowlog;
constexpr Command kSlowlog = DefineContainer<kSlowlog>(kSpec, kParts);

}  // namespace ampt
