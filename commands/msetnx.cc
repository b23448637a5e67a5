// MSETNX. One look over all keys before the first write, so it sets all or none.
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
    {"MSETNX a 1 b 2", "(integer) 1"},
    {"MSETNX b 3 c 4", "(integer) 0"},
    {"MGET a b c", "1) \"1\"\n2) \"2\"\n3) (nil)"},
};

constexpr Spec kSpec{
    .name = "msetnx",
    .group = Group::kString,
    .summary = "Sets the string values of several keys only if none of them exists",
    .since = "1.0.1",
    .complexity = "O(n) for n keys, O(log n) more for each if it sets",
    .flags = kWrite | kDenyOom,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckPairs(context, args.pairs, "msetnx"));
  for (size_t i = 0; i < args.pairs.size(); i += 2) {
    if (context.store.Find(args.pairs[i], context.now_ms) != nullptr) {
      context.reply.Integer(0);
      return {};
    }
  }
  SetPairs(context, args.pairs);
  context.reply.Integer(1);
  return {};
}

}  // namespace

extern const Command kMsetnx;
constexpr Command kMsetnx = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
