// MGET. Objects and arrays show as null, as keys of another type do in Redis.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words keys;
};

constexpr auto kGrammar = Redis<Args>(Rest("key", &Args::keys, kAreKeys));

constexpr Example kExamples[] = {
    {"MSET a 1 b 2", "OK"},
    {"MGET a nothing b", "1) \"1\"\n2) (nil)\n3) \"2\""},
};

constexpr Spec kSpec{
    .name = "mget",
    .group = Group::kString,
    .summary = "Returns the string values of several keys",
    .since = "1.0.0",
    .complexity = "O(n) for n keys",
    .flags = kReadonly | kFast,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  context.reply.Array(args.keys.size());
  for (const std::string_view key : args.keys) {
    const Item* item = context.store.Find(key, context.now_ms);
    if (item != nullptr && item->value().is_scalar()) {
      context.reply.Bulk(item->value().text);
    } else {
      context.reply.Null();
    }
  }
  return {};
}

}  // namespace

extern const Command kMget;
constexpr Command kMget = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
