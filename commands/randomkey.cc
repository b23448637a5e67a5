// RANDOMKEY. Every key is as likely as any other. In a cluster: one node's answer, drawn by the
// nodes' sizes.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"RANDOMKEY", "(nil)"},
    {"SET a 1", "OK"},
    {"RANDOMKEY", "\"a\""},
};

constexpr Spec kSpec{
    .name = "randomkey",
    .group = Group::kGeneric,
    .summary = "Returns a random key of the selected database",
    .since = "1.0.0",
    .complexity = "O(log n)",
    .flags = kReadonly | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  const Item* item = context.store.RandomItem(context.random.Next(), context.now_ms);
  if (item == nullptr) {
    context.reply.Null();
  } else {
    context.reply.Bulk(item->key());
  }
  return {};
}

}  // namespace

extern const Command kRandomkey;
constexpr Command kRandomkey = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
