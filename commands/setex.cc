// SETEX. SET with EX in another order of words.
#include "commands/deadline.h"
#include "commands/grammar.h"
#include "commands/string_write.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  int64_t amount = 0;
  std::string_view value;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("seconds", &Args::amount),
                                      Word("value", &Args::value));

constexpr Example kExamples[] = {
    {"SETEX session 60 open", "OK"},
    {"TTL session", "(integer) 60"},
    {"SETEX session 0 open", "(error) ERR invalid expire time in 'setex' command"},
};

constexpr Spec kSpec{
    .name = "setex",
    .group = Group::kString,
    .summary = "Sets the string value of a key with a time to live in seconds",
    .since = "2.0.0",
    .complexity = "O(log n)",
    .flags = kWrite | kDenyOom | kBrief,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, args.value.size()));
  const Result<TimeMs> deadline_ms =
      PositiveDeadlineFrom(args.amount, kInSeconds, context.now_ms, "setex");
  if (!deadline_ms.ok()) return deadline_ms.status();
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  ref.Put(NewItem(StringValue(args.value), context.now_s(), *deadline_ms));
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kSetex;
constexpr Command kSetex = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
