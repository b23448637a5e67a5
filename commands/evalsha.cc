// EVALSHA. Saves sending a script again: it is named by the SHA-1 digest of its text. A client that
// is told NOSCRIPT sends the text with EVAL.
#include "commands/eval_family.h"

namespace ampt {
namespace {

constexpr Example kExamples[] = {
    {"SCRIPT LOAD \"return ARGV[1]\"", "\"098e0f0d1448c0a81dafe820f66d460eb09263da\""},
    {"EVALSHA 098e0f0d1448c0a81dafe820f66d460eb09263da 0 hello", "\"hello\""},
    {"EVALSHA ffffffffffffffffffffffffffffffffffffffff 0",
     "(error) NOSCRIPT No matching script. Please use EVAL."},
};

constexpr Spec kSpec{
    .name = "evalsha",
    .group = Group::kScripting,
    .summary = "Runs a script that the server has seen",
    .since = "2.6.0",
    .complexity = "That of what the script does",
    .flags = kNoScript | kStale | kMayWrite | kRunsOthers,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

void Execute(Context& context, Words words) {
  const Status status = context.runner->scripts().EvalSha(context, words, Scripts::Access::kWrite);
  if (!status.ok()) context.reply.Error(status);
}

}  // namespace

extern const Command kEvalsha;
constexpr Command kEvalsha = DefineEvalOfDigest(kSpec, Execute);

}  // namespace ampt
