// BGSAVE. A snapshot here also takes the place of the log behind it, so that this is one with
// BGREWRITEAOF, and SCHEDULE has nothing to wait for but a running one. In a cluster every node
// saves for itself.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  bool schedule = false;
};

constexpr auto kGrammar = Redis<Args>(Flag("SCHEDULE", &Args::schedule));

constexpr Example kExamples[] = {{"BGSAVE", "Background saving started"}};

constexpr Spec kSpec{
    .name = "bgsave",
    .group = Group::kServer,
    .summary = "Begins to save a snapshot of all databases",
    .since = "1.0.0",
    .complexity = "O(1); the snapshot is taken in slices",
    .flags = kAdmin | kNoScript,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.schedule && context.host.saving()) {
    context.host.SaveAgain();
    context.reply.Simple("Background saving scheduled");
    return {};
  }
  AMPT_RETURN_IF_ERROR(context.host.StartSave());
  context.reply.Simple("Background saving started");
  return {};
}

}  // namespace

extern const Command kBgsave;
constexpr Command kBgsave = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
