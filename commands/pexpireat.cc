// PEXPIREAT. See expire_family.h.
#include "commands/expire_family.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr auto kGrammar = ExpireGrammar("unix-time-milliseconds");

constexpr Example kExamples[] = {
    {"SET session open", "OK"},
    {"PEXPIREAT session 33177117420000", "(integer) 1"},
    {"PEXPIRETIME session", "(integer) 33177117420000"},
};

constexpr Spec kSpec{
    .name = "pexpireat",
    .group = Group::kGeneric,
    .summary = "Gives a key a deadline in milliseconds since 1970",
    .since = "2.6.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const ExpireArgs& args) {
  return Expire(context, args, kAtMillisecond, "pexpireat");
}

}  // namespace

extern const Command kPexpireat;
constexpr Command kPexpireat = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
