// TTL. See expire_family.h.
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
    {"SET session open EX 60", "OK"},
    {"TTL session", "(integer) 60"},
    {"TTL nothing", "(integer) -2"},
};

constexpr Spec kSpec{
    .name = "ttl",
    .group = Group::kGeneric,
    .summary =
        "Returns the time a key has left in seconds: -1 without deadline, -2 if it does not exist",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AnswerDeadline(context, args.key, kInSeconds);
  return {};
}

}  // namespace

extern const Command kTtl;
constexpr Command kTtl = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
