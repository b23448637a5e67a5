// DISCARD. Also forgets what is watched.
#include "commands/grammar.h"
#include "commands/runner.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"MULTI", "OK"},
    {"INCR visits", "QUEUED"},
    {"DISCARD", "OK"},
    {"GET visits", "(nil)"},
};

constexpr Spec kSpec{
    .name = "discard",
    .group = Group::kTransactions,
    .summary = "Ends a transaction without running what is queued",
    .since = "2.0.0",
    .complexity = "O(n) where n is the number of queued commands",
    .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  AMPT_RETURN_IF_ERROR(context.runner->transactions().Discard(context.session));
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kDiscard;
constexpr Command kDiscard = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
