// PSUBSCRIBE. A glob that begins with `ampt:` is matched with `ampt:<event>:<key>` for the change
// events of the database that is selected now; any other glob sees plain channels only.
#include "commands/grammar.h"
#include "commands/subscribe_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words patterns;
};

constexpr auto kGrammar = Redis<Args>(Rest("pattern", &Args::patterns));

constexpr Example kExamples[] = {
    {"PSUBSCRIBE news.*", "1) \"psubscribe\"\n2) \"news.*\"\n3) (integer) 1"},
    {"PSUBSCRIBE ampt:*:users:?", "1) \"psubscribe\"\n2) \"ampt:*:users:?\"\n3) (integer) 2"},
};

constexpr Spec kSpec{
    .name = "psubscribe",
    .group = Group::kPubsub,
    .summary = "Listens to all channels that match globs",
    .since = "2.0.0",
    .complexity = "O(n) where n is the number of patterns",
    .flags = kPubsub | kNoScript | kLoading | kStale | kSubscribed,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  return SubscribeTo(context, Topic::kPattern, kSpec.name, args.patterns);
}

}  // namespace

extern const Command kPsubscribe;
constexpr Command kPsubscribe = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
