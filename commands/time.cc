// TIME. The wall clock of the host, not the clock deadlines go by: that one may stand still.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"TIME", ""}};

constexpr Spec kSpec{
    .name = "time",
    .group = Group::kServer,
    .summary = "Returns the Unix time as seconds and microseconds",
    .since = "2.6.0",
    .complexity = "O(1)",
    .flags = kLoading | kStale | kFast,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  constexpr int64_t kMicrosPerSecond = 1000000;
  const int64_t now_us = context.host.WallMicros();
  context.reply.Array(2);
  context.reply.Bulk(IntegerText(now_us / kMicrosPerSecond));
  context.reply.Bulk(IntegerText(now_us % kMicrosPerSecond));
  return {};
}

}  // namespace

extern const Command kTime;
constexpr Command kTime = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
