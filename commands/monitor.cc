// MONITOR. Every command that runs from now on is shown to this client, in Redis' format; commands
// of administrators are not, passwords appear as "(redacted)". Its output is bounded as that of
// subscribers is (client-output-buffer-limit pubsub), and words of a mebibyte and more are cut. It
// ends with RESET or the connection. In a cluster every node shows what it runs itself.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"MONITOR", "OK"}};

constexpr Spec kSpec{
    .name = "monitor",
    .group = Group::kServer,
    .summary = "Shows this client every command that the server runs, until RESET",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kAdmin | kNoScript | kLoading | kStale,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  if (context.to_the_end) {
    return Status::Err("MONITOR isn't allowed for DENY BLOCKING client");
  }
  context.host.Monitor(context.session);
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kMonitor;
constexpr Command kMonitor = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
