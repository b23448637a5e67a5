// RESET. For connection pools: the next user of a connection finds it as if it were new.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"SELECT 3", "OK"},
    {"SET here yes", "OK"},
    {"RESET", "RESET"},
    {"GET here", "(nil)"},
};

constexpr Spec kSpec{
    .name = "reset",
    .group = Group::kConnection,
    .summary = "Puts the connection back into the state of a new one",
    .since = "6.2.0",
    .complexity = "O(1)",
    .flags = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy | kSubscribed,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.session.Reset();
  context.reply.Simple("RESET");
  return {};
}

}  // namespace

extern const Command kReset;
constexpr Command kReset = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
