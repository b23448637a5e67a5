// HLEN. An object is a hash to a Redis client; tools that walk a server (redis-cli --bigkeys) ask
// how many fields one has. The attributes are counted, not kept counted: writing is what must be
// fast.
#include "commands/grammar.h"
#include "commands/texts.h"
#include "model/json.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {R"(AMPT.SET user:1 '{"name":"Ann","tags":["a","b"]}' QUIET)", "OK"},
    {"HLEN user:1", "(integer) 2"},
    {"HLEN nothing", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "hlen",
    .group = Group::kGeneric,
    .summary = "Returns how many attributes an object has",
    .since = "2.0.0",
    .complexity = "O(size of the value)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Item* item = context.store.Find(args.key, context.now_ms);
  int64_t attributes = 0;
  if (item != nullptr) {
    const ValueView value = item->value();
    if (!value.is_object()) return WrongType();
    ObjectReader reader(value.text);
    for (ObjectReader::Member member; reader.Next(&member);) ++attributes;
  }
  context.reply.Integer(attributes);
  return {};
}

}  // namespace

extern const Command kHlen;
constexpr Command kHlen = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
