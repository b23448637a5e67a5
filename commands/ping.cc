// PING. Not allowed while data is loaded, as in Redis, so that a health check waits for a server
// that can serve.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::optional<std::string_view> message;
};

constexpr auto kGrammar = Redis<Args>(Maybe("message", &Args::message));

constexpr Example kExamples[] = {
    {"PING", "PONG"},
    {"PING hello", "\"hello\""},
};

constexpr Spec kSpec{
    .name = "ping",
    .group = Group::kConnection,
    .summary = "Returns PONG, or the message",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kFast | kSubscribed,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Session& session = context.session;
  if (session.resp_version() == 2 && session.subscription_count() > 0) {
    // In the form of a message, which is all that such a client can read.
    context.reply.Array(2);
    context.reply.Bulk("pong");
    context.reply.Bulk(args.message.value_or(""));
  } else if (args.message) {
    context.reply.Bulk(*args.message);
  } else {
    context.reply.Simple("PONG");
  }
  return {};
}

void ExecutePing(Context& context, Words words) {
  // Redis refuses a third word as a wrong count, where a grammar would see an unknown option.
  if (words.size() > 2) return context.reply.Error(WrongArity(kSpec.name));
  Execute<kGrammar, Run>(context, words);
}

constexpr Command MakePing() {
  Command command = Define<kGrammar, Run>(kSpec);
  command.execute = &ExecutePing;
  return command;
}

}  // namespace

extern const Command kPing;
constexpr Command kPing = MakePing();

}  // namespace ampt
