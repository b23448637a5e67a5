// EVAL_RO. For scripts that only read: a command that writes fails in them.
#include "commands/eval_family.h"

namespace ampt {
namespace {

constexpr Example kExamples[] = {
    {"SET greeting Hello", "OK"},
    {"EVAL_RO \"return redis.call('GET', KEYS[1])\" 1 greeting", "\"Hello\""},
};

constexpr Spec kSpec{
    .name = "eval_ro",
    .group = Group::kScripting,
    .summary = "Runs a script in Lua that may not write",
    .since = "7.0.0",
    .complexity = "That of what the script does",
    .flags = kReadonly | kNoScript | kStale | kRunsOthers,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

void Execute(Context& context, Words words) {
  const Status status = context.runner->scripts().Eval(context, words, Scripts::Access::kReadonly);
  if (!status.ok()) context.reply.Error(status);
}

}  // namespace

extern const Command kEvalRo;
constexpr Command kEvalRo = DefineEvalOfText(kSpec, Execute);

}  // namespace ampt
