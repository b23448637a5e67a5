// PEXPIRE. See expire_family.h.
#include "commands/expire_family.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr auto kGrammar = ExpireGrammar("milliseconds");

constexpr Example kExamples[] = {
    {"SET session open", "OK"},
    {"PEXPIRE session 1500", "(integer) 1"},
    {"PTTL session", "(integer) 1500"},
};

constexpr Spec kSpec{
    .name = "pexpire",
    .group = Group::kGeneric,
    .summary = "Gives a key a time to live in milliseconds",
    .since = "2.6.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const ExpireArgs& args) {
  return Expire(context, args, kInMilliseconds, "pexpire");
}

}  // namespace

extern const Command kPexpire;
constexpr Command kPexpire = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
