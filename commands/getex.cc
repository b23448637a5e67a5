// GETEX. A missing key is answered before the options' number is looked at, as in Redis. Another
// deadline is no change of the value, so modified stays.
#include "commands/deadline.h"
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  DeadlineOption deadline;
  bool persist = false;
};

constexpr auto kGrammar = Redis<Args>(
    Key("key", &Args::key),
    OneOf(Option("EX", "seconds", &Args::deadline), Option("PX", "milliseconds", &Args::deadline),
          Option("EXAT", "unix-time-seconds", &Args::deadline),
          Option("PXAT", "unix-time-milliseconds", &Args::deadline),
          Flag("PERSIST", &Args::persist)));

constexpr Example kExamples[] = {
    {"SET session open", "OK"},      {"GETEX session EX 60", "\"open\""},
    {"TTL session", "(integer) 60"}, {"GETEX session PERSIST", "\"open\""},
    {"TTL session", "(integer) -1"},
};

constexpr Spec kSpec{
    .name = "getex",
    .group = Group::kString,
    .summary = "Returns the string value of a key and may set or remove its deadline",
    .since = "6.2.0",
    .complexity = "O(1), O(log n) for another deadline",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  if (!ref.exists()) {
    context.reply.Null();
    return {};
  }
  if (!ref.item().value().is_scalar()) return WrongType();
  TimeMs deadline_ms = args.persist ? kNoDeadline : ref.item().deadline_ms();
  if (args.deadline.given()) {
    const Result<TimeMs> given = args.deadline.Resolve(context.now_ms, "getex");
    if (!given.ok()) return given.status();
    deadline_ms = *given;
  }
  context.reply.Bulk(ref.item().value().text);
  ChangeDeadline(ref, deadline_ms, context.now_ms);
  return {};
}

}  // namespace

extern const Command kGetex;
constexpr Command kGetex = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
