// EXISTS. A key named twice counts twice. In a cluster: the sum of the nodes' answers.
#include "commands/exists_family.h"
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words keys;
};

constexpr auto kGrammar = Redis<Args>(Rest("key", &Args::keys, kAreKeys));

constexpr Example kExamples[] = {
    {"SET a 1", "OK"},
    {"EXISTS a b a", "(integer) 2"},
};

constexpr Spec kSpec{
    .name = "exists",
    .group = Group::kGeneric,
    .summary = "Returns how many of the keys exist",
    .since = "1.0.0",
    .complexity = "O(k) for k keys",
    .flags = kReadonly | kFast,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  return CountKeys<&Store::Inspect>(context, args.keys);
}

}  // namespace

extern const Command kExists;
constexpr Command kExists = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
