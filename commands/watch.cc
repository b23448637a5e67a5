// WATCH. Optimistic locking: what was read since WATCH is still so when EXEC runs, or EXEC runs
// nothing. A write through any command counts, one that leaves the value as it was included, and so
// does a deadline that comes.
#include "commands/grammar.h"
#include "commands/runner.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words keys;
};

constexpr auto kGrammar = Redis<Args>(Rest("key", &Args::keys, kAreKeys));

constexpr Example kExamples[] = {
    {"WATCH stock", "OK"}, {"AMPT.SET stock 3", "\"3\""}, {"MULTI", "OK"}, {"DECR stock", "QUEUED"},
    {"EXEC", "(nil)"},
};

constexpr Spec kSpec{
    .name = "watch",
    .group = Group::kTransactions,
    .summary = "Lets the next EXEC run only if none of these keys changes before it",
    .since = "2.2.0",
    .complexity = "O(k) for k keys",
    .flags = kNoScript | kStale | kFast | kAllowBusy,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(context.runner->transactions().Watch(context, args.keys));
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kWatch;
constexpr Command kWatch = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
