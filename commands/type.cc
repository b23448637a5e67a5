// TYPE. An object is a hash to Redis clients and an array a list; everything else is a string.
#include "commands/grammar.h"
#include "commands/key_walk.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {"SET greeting Hello", "OK"},
    {"TYPE greeting", "string"},
    {"TYPE nothing", "none"},
};

constexpr Spec kSpec{
    .name = "type",
    .group = Group::kGeneric,
    .summary = "Returns the type of the value at a key",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Item* item = context.store.Inspect(args.key, context.now_ms);
  context.reply.Simple(item == nullptr ? "none" : RedisType(item->value()));
  return {};
}

}  // namespace

extern const Command kType;
constexpr Command kType = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
