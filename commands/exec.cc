// EXEC. What is queued runs as one: no other client comes between, all of it happens at one time,
// and a command that fails does not keep the others from running.
#include "commands/grammar.h"
#include "commands/runner.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"SET stock 3", "OK"},
    {"WATCH stock", "OK"},
    {"MULTI", "OK"},
    {"DECR stock", "QUEUED"},
    {"EXEC", "1) (integer) 2"},
    {"EXEC", "(error) ERR EXEC without MULTI"},
};

constexpr Spec kSpec{
    .name = "exec",
    .group = Group::kTransactions,
    .summary = "Runs the commands queued since MULTI, or none of them if a watched key has changed",
    .since = "1.2.0",
    .complexity = "O(1) and what the queued commands cost",
    .flags = kNoScript | kLoading | kStale | kMayWrite | kRunsOthers,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  return context.runner->transactions().Exec(context);
}

}  // namespace

extern const Command kExec;
constexpr Command kExec = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
