// TOUCH. Looking a key up is the use that eviction goes by (model/access.h), for this command even
// where the client asked for none to be noted (CLIENT NO-TOUCH). It makes no event. In a cluster:
// the sum of the nodes' answers.
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
    {"MSET a 1 b 2", "OK"},
    {"TOUCH a b c", "(integer) 2"},
};

constexpr Spec kSpec{
    .name = "touch",
    .group = Group::kGeneric,
    .summary = "Marks keys as used, for eviction; returns how many exist",
    .since = "3.2.1",
    .complexity = "O(k) for k keys",
    .flags = kReadonly | kFast,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  return CountKeys<&Store::Find>(context, args.keys);
}

}  // namespace

extern const Command kTouch;
constexpr Command kTouch = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
