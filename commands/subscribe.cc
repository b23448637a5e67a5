// SUBSCRIBE. A channel `ampt:<filter>` carries the change events of the database that is selected
// now; any other name is a plain channel. In a cluster every node has channels of its own.
#include "commands/grammar.h"
#include "commands/subscribe_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words channels;
};

constexpr auto kGrammar = Redis<Args>(Rest("channel", &Args::channels));

constexpr Example kExamples[] = {
    {"SUBSCRIBE news", "1) \"subscribe\"\n2) \"news\"\n3) (integer) 1"},
    {"SUBSCRIBE ampt:updated:users:*",
     "1) \"subscribe\"\n2) \"ampt:updated:users:*\"\n3) (integer) 2"},
    {"SUBSCRIBE ampt:renamed", "(error) ERR Invalid event name: renamed"},
};

constexpr Spec kSpec{
    .name = "subscribe",
    .group = Group::kPubsub,
    .summary = "Listens to channels; ampt:<filter> carries change events",
    .since = "2.0.0",
    .complexity = "O(n) where n is the number of channels",
    .flags = kPubsub | kNoScript | kLoading | kStale | kSubscribed,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  return SubscribeTo(context, Topic::kChannel, kSpec.name, args.channels);
}

}  // namespace

extern const Command kSubscribe;
constexpr Command kSubscribe = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
