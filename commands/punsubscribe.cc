// PUNSUBSCRIBE. A pattern of events ends for every database it was subscribed to in.
#include "commands/grammar.h"
#include "commands/subscribe_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words patterns;
};

constexpr auto kGrammar = Redis<Args>(Maybe("pattern", &Args::patterns));

constexpr Example kExamples[] = {
    {"PSUBSCRIBE news.*", "1) \"psubscribe\"\n2) \"news.*\"\n3) (integer) 1"},
    {"PUNSUBSCRIBE news.*", "1) \"punsubscribe\"\n2) \"news.*\"\n3) (integer) 0"},
    {"PUNSUBSCRIBE", "1) \"punsubscribe\"\n2) (nil)\n3) (integer) 0"},
};

constexpr Spec kSpec{
    .name = "punsubscribe",
    .group = Group::kPubsub,
    .summary = "Stops listening to globs, or to all of them",
    .since = "2.0.0",
    .complexity = "O(n) where n is the number of patterns",
    .flags = kPubsub | kNoScript | kLoading | kStale | kSubscribed,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  UnsubscribeFrom(context, Topic::kPattern, kSpec.name, args.patterns);
  return {};
}

}  // namespace

extern const Command kPunsubscribe;
constexpr Command kPunsubscribe = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
