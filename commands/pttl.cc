// PTTL. See expire_family.h.
#include "commands/expire_family.h"
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {"SET session open PX 1500", "OK"},
    {"PTTL session", "(integer) 1500"},
};

constexpr Spec kSpec{
    .name = "pttl",
    .group = Group::kGeneric,
    .summary =
        "Returns the time a key has left in milliseconds: -1 without deadline, -2 if it does not "
        "exist",
    .since = "2.6.0",
    .complexity = "O(1)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AnswerDeadline(context, args.key, kInMilliseconds);
  return {};
}

}  // namespace

extern const Command kPttl;
constexpr Command kPttl = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
