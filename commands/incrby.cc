// INCRBY. See incr_family.h.
#include "commands/grammar.h"
#include "commands/incr_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  int64_t increment = 0;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("increment", &Args::increment));

constexpr Example kExamples[] = {
    {"SET visits 10", "OK"},
    {"INCRBY visits 5", "(integer) 15"},
    {"SET name Ann", "OK"},
    {"INCRBY name 5", "(error) ERR value is not an integer or out of range"},
};

constexpr Spec kSpec{
    .name = "incrby",
    .group = Group::kString,
    .summary = "Adds an integer to the integer value of a key",
    .since = "1.0.0",
    .complexity = "O(1), O(log n) for a new key",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  return IncrementBy(context, args.key, args.increment);
}

}  // namespace

extern const Command kIncrby;
constexpr Command kIncrby = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
