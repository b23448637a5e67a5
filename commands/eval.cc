// EVAL. A script in Lua runs as one: no other client comes between, and all of it happens at one
// time. It is kept, so that EVALSHA finds it.
#include "commands/eval_family.h"

namespace ampt {
namespace {

constexpr Example kExamples[] = {
    {"EVAL \"return redis.call('INCRBY', KEYS[1], ARGV[1])\" 1 visits 5", "(integer) 5"},
    {"SET lock mine", "OK"},
    {"EVAL \"if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) "
     "else return 0 end\" 1 lock mine",
     "(integer) 1"},
    {"EVAL \"return {1, 'two', {3}}\" 0", "1) (integer) 1\n2) \"two\"\n3) 1) (integer) 3"},
};

constexpr Spec kSpec{
    .name = "eval",
    .group = Group::kScripting,
    .summary = "Runs a script in Lua",
    .since = "2.6.0",
    .complexity = "That of what the script does",
    .flags = kNoScript | kStale | kMayWrite | kRunsOthers,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

void Execute(Context& context, Words words) {
  const Status status = context.runner->scripts().Eval(context, words, Scripts::Access::kWrite);
  if (!status.ok()) context.reply.Error(status);
}

}  // namespace

extern const Command kEval;
constexpr Command kEval = DefineEvalOfText(kSpec, Execute);

}  // namespace ampt
