// PSETEX. SET with PX in another order of words.
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

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("milliseconds", &Args::amount),
                                      Word("value", &Args::value));

constexpr Example kExamples[] = {
    {"PSETEX session 60000 open", "OK"},
    {"PTTL session", "(integer) 60000"},
};

constexpr Spec kSpec{
    .name = "psetex",
    .group = Group::kString,
    .summary = "Sets the string value of a key with a time to live in milliseconds",
    .since = "2.6.0",
    .complexity = "O(log n)",
    .flags = kWrite | kDenyOom | kBrief,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, args.value.size()));
  const Result<TimeMs> deadline_ms =
      PositiveDeadlineFrom(args.amount, kInMilliseconds, context.now_ms, "psetex");
  if (!deadline_ms.ok()) return deadline_ms.status();
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  ref.Put(NewItem(StringValue(args.value), context.now_s(), *deadline_ms));
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kPsetex;
constexpr Command kPsetex = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
