// ROLE. There is no replication: always a master without replicas, which is what clients that look
// for one need to hear.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"ROLE", "1) \"master\"\n2) (integer) 0\n3) (empty array)"}};

constexpr Spec kSpec{
    .name = "role",
    .group = Group::kServer,
    .summary = "Returns the replication role, always master",
    .since = "2.8.12",
    .complexity = "O(1)",
    .flags = kNoScript | kLoading | kStale | kFast | kAdmin,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.reply.Array(3);
  context.reply.Bulk("master");
  context.reply.Integer(0);
  context.reply.Array(0);
  return {};
}

}  // namespace

extern const Command kRole;
constexpr Command kRole = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
