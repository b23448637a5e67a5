// LASTSAVE. In a cluster every node tells its own.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"LASTSAVE", ""}};

constexpr Spec kSpec{
    .name = "lastsave",
    .group = Group::kServer,
    .summary = "Returns the Unix time that the latest snapshot shows",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kLoading | kStale | kFast | kAdmin,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.reply.Integer(context.host.last_save_s());
  return {};
}

}  // namespace

extern const Command kLastsave;
constexpr Command kLastsave = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
