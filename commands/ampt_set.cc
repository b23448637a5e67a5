// AMPT.SET: the write of the product. Merges, counts, labels and dates an item in one atomic step;
// the rules are in model/update.h, the options in commands/item_write.h.
#include "commands/item_write.h"
#include "model/json.h"

namespace ampt {
namespace {

using namespace grammar;
using Args = ItemWriteArgs;

constexpr auto kGrammar = ItemWriteGrammar(Key("key", &Args::key), Word("value", &Args::value),
                                           Option("DEFAULT", "json", &Args::fallback),
                                           Several("UNSET", "attribute", &Args::unset));

constexpr Example kExamples[] = {
    {R"(AMPT.SET user:1 '{"name":"Ann","age":30}')", R"("{\"name\":\"Ann\",\"age\":30}")"},
    {R"(AMPT.SET user:1 '{"age":{"$add":1},"city":"Oslo"}' LABEL1 city:oslo)",
     R"("{\"name\":\"Ann\",\"age\":31,\"city\":\"Oslo\"}")"},
    {R"(AMPT.SET user:1 '{"city":null}')", R"("{\"name\":\"Ann\",\"age\":31}")"},
    {R"(AMPT.SET user:1 '{}' UNSET 1 age QUIET)", "OK"},
    {R"(AMPT.SET user:1 '{"name":"Bob"}' EXISTS false)", "(error) EXISTS Item already exists"},
};

constexpr Spec kSpec{
    .name = "ampt.set",
    .group = Group::kItems,
    .summary = "Creates an item or merges a value into it, with labels, deadline and checks",
    .since = "1.0.0",
    .complexity = "O(log N) for a new item or a changed label, else O(size of the value)",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  Update update;
  const Result<ValueView> value =
      ParseJson(args.value, context.settings.json, "value", &context.scratch.value);
  if (!value.ok()) return value.status();
  update.value = *value;
  if (args.fallback) {
    const Result<ValueView> fallback =
        ParseJson(*args.fallback, context.settings.json, "DEFAULT", &context.scratch.fallback);
    if (!fallback.ok()) return fallback.status();
    update.fallback = *fallback;
  }
  update.unset = args.unset;
  return WriteItem(context, args, update);
}

}  // namespace

extern const Command kAmptSet;
constexpr Command kAmptSet = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
