// SET. It writes a new item: created is now, labels are gone, and so is the deadline without
// KEEPTTL. The old value is answered before the new one takes its place, so nothing is copied
// aside.
#include "commands/deadline.h"
#include "commands/grammar.h"
#include "commands/item_write.h"
#include "commands/string_write.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

enum class Condition : uint8_t { kNone, kIfMissing, kIfThere };

struct Args {
  std::string_view key;
  std::string_view value;
  Condition condition = Condition::kNone;
  bool get = false;
  bool keep_ttl = false;
  DeadlineOption deadline;
};

constexpr auto kGrammar = Redis<Args>(
    Key("key", &Args::key), Word("value", &Args::value),
    OneOf(Flag("NX", &Args::condition, Condition::kIfMissing),
          Flag("XX", &Args::condition, Condition::kIfThere)),
    Flag("GET", &Args::get),
    OneOf(Option("EX", "seconds", &Args::deadline), Option("PX", "milliseconds", &Args::deadline),
          Option("EXAT", "unix-time-seconds", &Args::deadline),
          Option("PXAT", "unix-time-milliseconds", &Args::deadline),
          Flag("KEEPTTL", &Args::keep_ttl)));

constexpr Example kExamples[] = {
    {"SET greeting Hello", "OK"},
    {"SET greeting Bonjour NX", "(nil)"},
    {"SET greeting Bonjour GET EX 60", "\"Hello\""},
    {"SET greeting Salut XX KEEPTTL", "OK"},
    {"TTL greeting", "(integer) 60"},
    {"SET greeting Hello EX 0", "(error) ERR invalid expire time in 'set' command"},
};

constexpr Spec kSpec{
    .name = "set",
    .group = Group::kString,
    .summary = "Sets the string value of a key, whatever it held before",
    .since = "1.0.0",
    .complexity = "O(1), O(log n) for a new key or another deadline",
    .flags = kWrite | kDenyOom | kBrief,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, args.value.size()));
  TimeMs deadline_ms = kNoDeadline;
  if (args.deadline.given()) {
    const Result<TimeMs> given = args.deadline.Resolve(context.now_ms, "set");
    if (!given.ok()) return given.status();
    deadline_ms = *given;
  }
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  const bool applies =
      args.condition == Condition::kNone || (args.condition == Condition::kIfThere) == ref.exists();
  if (args.get) {
    AMPT_RETURN_IF_ERROR(AnswerText(context.reply, ref.exists() ? &ref.item() : nullptr));
  } else if (applies) {
    context.reply.Ok();
  } else {
    context.reply.Null();
  }
  if (!applies) return {};
  if (args.keep_ttl && ref.exists()) deadline_ms = ref.item().deadline_ms();
  StoreOrExpire(ref, NewItem(StringValue(args.value), context.now_s(), deadline_ms),
                context.now_ms);
  return {};
}

}  // namespace

extern const Command kSet;
constexpr Command kSet = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
