// DECR. See incr_family.h.
#include "commands/grammar.h"
#include "commands/incr_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {"SET seats 10", "OK"},
    {"DECR seats", "(integer) 9"},
};

constexpr Spec kSpec{
    .name = "decr",
    .group = Group::kString,
    .summary = "Subtracts one from the integer value of a key",
    .since = "1.0.0",
    .complexity = "O(1), O(log n) for a new key",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  return IncrementBy(context, args.key, -1);
}

}  // namespace

extern const Command kDecr;
constexpr Command kDecr = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
