// PERSIST. A deadline gone is no change of the value, so modified stays.
#include "commands/deadline.h"
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {"SET session open EX 60", "OK"},
    {"PERSIST session", "(integer) 1"},
    {"PERSIST session", "(integer) 0"},
    {"TTL session", "(integer) -1"},
};

constexpr Spec kSpec{
    .name = "persist",
    .group = Group::kGeneric,
    .summary = "Removes the deadline of a key",
    .since = "2.2.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  const bool changes = ref.exists() && ref.item().has_deadline();
  if (changes) ChangeDeadline(ref, kNoDeadline, context.now_ms);
  context.reply.Integer(changes ? 1 : 0);
  return {};
}

}  // namespace

extern const Command kPersist;
constexpr Command kPersist = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
