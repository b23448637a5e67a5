// PUBSUB. Who listens, without who they are: that is CLIENT LIST TYPE pubsub. In a cluster every
// node speaks for itself.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kPubsub | kLoading | kStale;

// --- PUBSUB CHANNELS
// ------------------------------------------------------------------------------

namespace channels {

struct Args {
  std::optional<std::string_view> pattern;
};

constexpr auto kGrammar = Redis<Args>(Maybe("pattern", &Args::pattern));

constexpr Example kExamples[] = {
    {"PUBSUB CHANNELS", "(empty array)"},
    {"PUBSUB CHANNELS news.*", "(empty array)"},
};

constexpr Spec kSpec{
    .name = "pubsub|channels",
    .group = Group::kPubsub,
    .summary = "Returns the channels that somebody listens to, all or those that match a glob",
    .since = "2.8.0",
    .complexity = "O(n) where n is the number of channels",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const std::vector<std::string> found = context.host.ActiveChannels(args.pattern.value_or("*"));
  context.reply.Array(found.size());
  for (const std::string& channel : found) context.reply.Bulk(channel);
  return {};
}

void ExecuteChannels(Context& context, Words words) {
  if (words.size() > 2) {
    // Redis' own words for this one.
    return context.reply.Error(Status::Err("unknown subcommand or wrong number of arguments for '" +
                                           std::string(words[0].substr(0, 128)) +
                                           "'. Try PUBSUB HELP."));
  }
  Execute<kGrammar, Run>(context, words);
}

constexpr Command MakeChannels() {
  Command command = Define<kGrammar, Run>(kSpec);
  command.execute = &ExecuteChannels;
  return command;
}

constexpr Command kCommand = MakeChannels();

}  // namespace channels

// --- PUBSUB NUMSUB
// --------------------------------------------------------------------------------

namespace numsub {

struct Args {
  Words channels;
};

constexpr auto kGrammar = Redis<Args>(Maybe("channel", &Args::channels));

constexpr Example kExamples[] = {
    {"PUBSUB NUMSUB news", "1) \"news\"\n2) (integer) 0"},
};

constexpr Spec kSpec{
    .name = "pubsub|numsub",
    .group = Group::kPubsub,
    .summary = "Returns how many clients listen to each channel by its name",
    .since = "2.8.0",
    .complexity = "O(n) where n is the number of channels asked for",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  // A flat array in RESP3, too.
  context.reply.Array(2 * args.channels.size());
  for (const std::string_view channel : args.channels) {
    context.reply.Bulk(channel);
    context.reply.Integer(static_cast<int64_t>(context.host.SubscriberCount(channel)));
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace numsub

// --- PUBSUB NUMPAT
// --------------------------------------------------------------------------------

namespace numpat {

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"PUBSUB NUMPAT", "(integer) 0"}};

constexpr Spec kSpec{
    .name = "pubsub|numpat",
    .group = Group::kPubsub,
    .summary = "Returns how many different patterns somebody listens to",
    .since = "2.8.0",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.reply.Integer(static_cast<int64_t>(context.host.pattern_count()));
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace numpat

constexpr const Command* kParts[] = {&channels::kCommand, &numsub::kCommand, &numpat::kCommand};

constexpr Example kExamples[] = {
    {"PUBSUB FOO", "(error) ERR unknown subcommand 'FOO'. Try PUBSUB HELP."},
};

constexpr Spec kSpec{
    .name = "pubsub",
    .group = Group::kPubsub,
    .summary = "Commands about who listens to what",
    .since = "2.8.0",
    .complexity = "Depends on subcommand",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

// kPubsub is a flag of commands.
extern const Command kPubsubCommand;
constexpr Command kPubsubCommand = DefineContainer<kPubsubCommand>(kSpec, kParts);

}  // namespace ampt
