// DEL. In a cluster: the sum of the nodes' answers.
#include "commands/del_family.h"
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
    {"DEL a b c", "(integer) 2"},
};

constexpr Spec kSpec{
    .name = "del",
    .group = Group::kGeneric,
    .summary = "Deletes keys and returns how many there were",
    .since = "1.0.0",
    .complexity = "O(k log n) for k keys",
    .flags = kWrite,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  context.reply.Integer(DeleteKeys(context, args.keys));
  return {};
}

}  // namespace

extern const Command kDel;
constexpr Command kDel = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
