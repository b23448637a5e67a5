// WAIT. There are no replicas to wait for, so it answers 0 at once, whatever was asked: a client
// that needs a replica learns that it has none.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  int64_t replicas = 0;
  std::string_view timeout_ms;
};

constexpr auto kGrammar =
    Redis<Args>(Word("numreplicas", &Args::replicas), Word("timeout", &Args::timeout_ms));

constexpr Example kExamples[] = {{"WAIT 1 100", "(integer) 0"}};

constexpr Spec kSpec{
    .name = "wait",
    .group = Group::kConnection,
    .summary = "Returns how many replicas have what was written, always 0",
    .since = "3.0.0",
    .complexity = "O(1)",
    .flags = kNoScript,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const std::optional<int64_t> timeout_ms = ParseInteger(args.timeout_ms);
  if (!timeout_ms) return Status::Err("timeout is not an integer or out of range");
  if (*timeout_ms < 0) return Status::Err("timeout is negative");
  context.reply.Integer(0);
  return {};
}

}  // namespace

extern const Command kWait;
constexpr Command kWait = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
