// EXPIRE. See expire_family.h.
#include "commands/expire_family.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr auto kGrammar = ExpireGrammar("seconds");

constexpr Example kExamples[] = {
    {"SET session open", "OK"},           {"EXPIRE session 60", "(integer) 1"},
    {"TTL session", "(integer) 60"},      {"EXPIRE session 30 GT", "(integer) 0"},
    {"EXPIRE session -1", "(integer) 1"}, {"EXISTS session", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "expire",
    .group = Group::kGeneric,
    .summary = "Gives a key a time to live in seconds",
    .since = "1.0.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const ExpireArgs& args) {
  return Expire(context, args, kInSeconds, "expire");
}

}  // namespace

extern const Command kExpire;
constexpr Command kExpire = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
