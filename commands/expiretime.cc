// EXPIRETIME. See expire_family.h.
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
    {"SET session open EXAT 33177117420", "OK"},
    {"EXPIRETIME session", "(integer) 33177117420"},
};

constexpr Spec kSpec{
    .name = "expiretime",
    .group = Group::kGeneric,
    .summary =
        "Returns a key's deadline in seconds since 1970: -1 without deadline, -2 if it does not "
        "exist",
    .since = "7.0.0",
    .complexity = "O(1)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AnswerDeadline(context, args.key, kAtSecond);
  return {};
}

}  // namespace

extern const Command kExpiretime;
constexpr Command kExpiretime = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
