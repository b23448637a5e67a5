// FLUSHDB. See flush_family.h: ASYNC and SYNC are the same here. In a cluster: every node does it.
#include "commands/flush_family.h"
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  bool ignored = false;
};

constexpr auto kGrammar =
    Redis<Args>(OneOf(Flag("ASYNC", &Args::ignored), Flag("SYNC", &Args::ignored)));

constexpr Example kExamples[] = {
    {"MSET a 1 b 2", "OK"},
    {"FLUSHDB", "OK"},
    {"DBSIZE", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "flushdb",
    .group = Group::kServer,
    .summary = "Removes all keys of the selected database",
    .since = "1.0.0",
    .complexity = "O(1); memory is freed in slices",
    .flags = kWrite | kDangerous | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  Flush(context, context.store);
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kFlushdb;
constexpr Command kFlushdb = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
