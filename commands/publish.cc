// PUBLISH. To `ampt:` channels nobody may publish: what comes by them has happened. In a cluster
// the message goes to the subscribers of one node.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view channel;
  std::string_view message;
};

constexpr auto kGrammar =
    Redis<Args>(Word("channel", &Args::channel), Word("message", &Args::message));

constexpr Example kExamples[] = {
    {"PUBLISH news hello", "(integer) 0"},
    {"PUBLISH ampt:created hello",
     "(error) ERR Channels that begin with 'ampt:' carry the change events of this server only; "
     "publish to a channel with another name"},
};

constexpr Spec kSpec{
    .name = "publish",
    .group = Group::kPubsub,
    .summary = "Sends a message to a channel and returns how many clients it went to",
    .since = "2.0.0",
    .complexity = "O(n + m) for n subscribers of the channel and m patterns of all clients",
    .flags = kPubsub | kLoading | kStale | kFast,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.channel.starts_with(kEventChannelPrefix)) {
    return Status::Err(
        "Channels that begin with 'ampt:' carry the change events of this server only; publish to "
        "a channel with another name");
  }
  context.reply.Integer(context.host.Publish(args.channel, args.message));
  return {};
}

}  // namespace

extern const Command kPublish;
constexpr Command kPublish = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
