// MSET. All is checked before anything is written. Of equal keys the last value stays: they are
// written one after the other.
#include "commands/grammar.h"
#include "commands/mset_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words pairs;
};

constexpr auto kGrammar = Redis<Args>(Rest("key value", &Args::pairs, kAreKeys, 2));

constexpr Example kExamples[] = {
    {"MSET a 1 b 2", "OK"},
    {"MGET a b", "1) \"1\"\n2) \"2\""},
    {"MSET a 1 b", "(error) ERR wrong number of arguments for 'mset' command"},
};

constexpr Spec kSpec{
    .name = "mset",
    .group = Group::kString,
    .summary = "Sets the string values of several keys, all or none",
    .since = "1.0.1",
    .complexity = "O(n) for n keys, O(log n) more for each new one",
    .flags = kWrite | kDenyOom,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckPairs(context, args.pairs, "mset"));
  SetPairs(context, args.pairs);
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kMset;
constexpr Command kMset = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
