// DBSIZE. Items past their deadline do not count, removed already or not. In a cluster: the sum of
// the nodes' answers.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"MSET a 1 b 2", "OK"},
    {"DBSIZE", "(integer) 2"},
};

constexpr Spec kSpec{
    .name = "dbsize",
    .group = Group::kServer,
    .summary = "Returns the number of keys in the selected database",
    .since = "1.0.0",
    .complexity = "O(log n)",
    .flags = kReadonly | kFast,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.reply.Integer(static_cast<int64_t>(context.store.VisibleItems(context.now_ms)));
  return {};
}

}  // namespace

extern const Command kDbsize;
constexpr Command kDbsize = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
