// MULTI. From here to EXEC the connection's commands are queued; those that cannot run for what is
// known already are refused at once, and EXEC runs nothing then.
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
    {"INCR visits", "QUEUED"},
    {"EXEC", "1) (integer) 1\n2) (integer) 2"},
};

constexpr Spec kSpec{
    .name = "multi",
    .group = Group::kTransactions,
    .summary = "Begins a transaction: the commands up to EXEC are queued",
    .since = "1.2.0",
    .complexity = "O(1)",
    .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  AMPT_RETURN_IF_ERROR(context.runner->transactions().Multi(context.session));
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kMulti;
constexpr Command kMulti = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
