// SHUTDOWN. A clean end: the host writes what its settings ask for and stops after this turn. There
// is no answer but the closed connection. A stop is never under way when a command runs, so there
// is nothing for ABORT to end. In a cluster it stops the node that is asked.
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  ShutdownSave save = ShutdownSave::kAsConfigured;
  bool now = false;
  bool force = false;
  bool abort = false;
};

constexpr auto kGrammar =
    Redis<Args>(OneOf(Flag("NOSAVE", &Args::save, ShutdownSave::kNo),
                      Flag("SAVE", &Args::save, ShutdownSave::kYes)),
                Flag("NOW", &Args::now), Flag("FORCE", &Args::force), Flag("ABORT", &Args::abort));

constexpr Example kExamples[] = {
    {"SHUTDOWN ABORT", "(error) ERR No shutdown in progress."},
};

constexpr Spec kSpec{
    .name = "shutdown",
    .group = Group::kServer,
    .summary = "Stops the server",
    .since = "1.0.0",
    .complexity = "O(n) where n is the number of items, if a snapshot is written",
    .flags = kAdmin | kNoScript | kLoading | kStale | kNoMulti | kAllowBusy,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.abort) {
    if (args.save != ShutdownSave::kAsConfigured || args.now || args.force) return SyntaxError();
    return Status::Err("No shutdown in progress.");
  }
  return context.host.Shutdown(args.save, args.force);
}

}  // namespace

extern const Command kShutdown;
constexpr Command kShutdown = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
