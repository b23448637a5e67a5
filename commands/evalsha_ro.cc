// EVALSHA_RO. EVAL_RO by digest.
#include "commands/eval_family.h"

namespace ampt {
namespace {

constexpr Example kExamples[] = {
    {"SCRIPT LOAD \"return ARGV[1]\"", "\"098e0f0d1448c0a81dafe820f66d460eb09263da\""},
    {"EVALSHA_RO 098e0f0d1448c0a81dafe820f66d460eb09263da 0 hello", "\"hello\""},
};

constexpr Spec kSpec{
    .name = "evalsha_ro",
    .group = Group::kScripting,
    .summary = "Runs a script that the server has seen and that may not write",
    .since = "7.0.0",
    .complexity = "That of what the script does",
    .flags = kReadonly | kNoScript | kStale | kRunsOthers,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

void Execute(Context& context, Words words) {
  const Status status =
      context.runner->scripts().EvalSha(context, words, Scripts::Access::kReadonly);
  if (!status.ok()) context.reply.Error(status);
}

}  // namespace

extern const Command kEvalshaRo;
constexpr Command kEvalshaRo = DefineEvalOfDigest(kSpec, Execute);

}  // namespace ampt
