// EXPIREAT. See expire_family.h.
#include "commands/expire_family.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr auto kGrammar = ExpireGrammar("unix-time-seconds");

constexpr Example kExamples[] = {
    {"SET session open", "OK"},
    {"EXPIREAT session 33177117420", "(integer) 1"},
    {"EXPIRETIME session", "(integer) 33177117420"},
};

constexpr Spec kSpec{
    .name = "expireat",
    .group = Group::kGeneric,
    .summary = "Gives a key a deadline in seconds since 1970",
    .since = "1.2.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const ExpireArgs& args) {
  return Expire(context, args, kAtSecond, "expireat");
}

}  // namespace

extern const Command kExpireat;
constexpr Command kExpireat = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
