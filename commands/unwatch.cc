// UNWATCH. EXEC and DISCARD do it too.
#include "commands/grammar.h"
#include "commands/runner.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"WATCH stock", "OK"}, {"SET stock 3", "OK"},    {"UNWATCH", "OK"},
    {"MULTI", "OK"},       {"DECR stock", "QUEUED"}, {"EXEC", "1) (integer) 2"},
};

constexpr Spec kSpec{
    .name = "unwatch",
    .group = Group::kTransactions,
    .summary = "Forgets what WATCH has named",
    .since = "2.2.0",
    .complexity = "O(k) for k watched keys",
    .flags = kNoScript | kLoading | kStale | kFast | kAllowBusy,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.runner->transactions().Unwatch(context.session);
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kUnwatch;
constexpr Command kUnwatch = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
