// QUIT. Older than closing the socket, and still what people type.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words ignored;
};

constexpr auto kGrammar = Redis<Args>(Maybe("ignored", &Args::ignored));

constexpr Example kExamples[] = {{"QUIT", "OK"}};

constexpr Spec kSpec{
    .name = "quit",
    .group = Group::kConnection,
    .summary = "Closes the connection once all replies are sent",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy | kSubscribed,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.reply.Ok();
  context.session.CloseAfterReply();
  return {};
}

}  // namespace

extern const Command kQuit;
constexpr Command kQuit = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
