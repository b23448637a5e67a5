// UNLINK. The same as DEL: an item is one or two blocks of memory, so there is nothing to free in
// the background. In a cluster: the sum of the nodes' answers.
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
    {"UNLINK a b c", "(integer) 2"},
};

constexpr Spec kSpec{
    .name = "unlink",
    .group = Group::kGeneric,
    .summary = "Deletes keys and returns how many there were",
    .since = "4.0.0",
    .complexity = "O(k log n) for k keys",
    .flags = kWrite | kFast,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  context.reply.Integer(DeleteKeys(context, args.keys));
  return {};
}

}  // namespace

extern const Command kUnlink;
constexpr Command kUnlink = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
