// UNSUBSCRIBE. An event channel ends for every database it was subscribed to in.
#include "commands/grammar.h"
#include "commands/subscribe_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words channels;
};

constexpr auto kGrammar = Redis<Args>(Maybe("channel", &Args::channels));

constexpr Example kExamples[] = {
    {"SUBSCRIBE news", "1) \"subscribe\"\n2) \"news\"\n3) (integer) 1"},
    {"UNSUBSCRIBE news", "1) \"unsubscribe\"\n2) \"news\"\n3) (integer) 0"},
    {"UNSUBSCRIBE", "1) \"unsubscribe\"\n2) (nil)\n3) (integer) 0"},
};

constexpr Spec kSpec{
    .name = "unsubscribe",
    .group = Group::kPubsub,
    .summary = "Stops listening to channels, or to all of them",
    .since = "2.0.0",
    .complexity = "O(n) where n is the number of channels",
    .flags = kPubsub | kNoScript | kLoading | kStale | kSubscribed,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  UnsubscribeFrom(context, Topic::kChannel, kSpec.name, args.channels);
  return {};
}

}  // namespace

extern const Command kUnsubscribe;
constexpr Command kUnsubscribe = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
