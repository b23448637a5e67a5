// DECRBY. See incr_family.h. The least integer has no opposite.
#include "commands/grammar.h"
#include "commands/incr_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  int64_t decrement = 0;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("decrement", &Args::decrement));

constexpr Example kExamples[] = {
    {"SET seats 10", "OK"},
    {"DECRBY seats 3", "(integer) 7"},
};

constexpr Spec kSpec{
    .name = "decrby",
    .group = Group::kString,
    .summary = "Subtracts an integer from the integer value of a key",
    .since = "1.0.0",
    .complexity = "O(1), O(log n) for a new key",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.decrement == INT64_MIN) return Status::Err("decrement would overflow");
  return IncrementBy(context, args.key, -args.decrement);
}

}  // namespace

extern const Command kDecrby;
constexpr Command kDecrby = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
