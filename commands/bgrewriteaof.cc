// BGREWRITEAOF. The log is shortened by a snapshot that takes its place: the same work as BGSAVE.
// In a cluster every node does it for itself.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"BGREWRITEAOF", "Background append only file rewriting started"}};

constexpr Spec kSpec{
    .name = "bgrewriteaof",
    .group = Group::kServer,
    .summary = "Begins to replace the log by a snapshot",
    .since = "1.0.0",
    .complexity = "O(1); the snapshot is taken in slices",
    .flags = kAdmin | kNoScript,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  if (context.host.saving()) {
    return Status::Err("Background append only file rewriting already in progress");
  }
  AMPT_RETURN_IF_ERROR(context.host.StartSave());
  context.reply.Simple("Background append only file rewriting started");
  return {};
}

}  // namespace

extern const Command kBgrewriteaof;
constexpr Command kBgrewriteaof = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
