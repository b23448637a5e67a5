// STRLEN. Counts bytes, not characters.
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {"SET greeting Hello", "OK"},
    {"STRLEN greeting", "(integer) 5"},
    {"STRLEN nothing", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "strlen",
    .group = Group::kString,
    .summary = "Returns the length of a string value in bytes",
    .since = "2.2.0",
    .complexity = "O(1)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Item* item = context.store.Find(args.key, context.now_ms);
  if (item != nullptr && !item->value().is_scalar()) return WrongType();
  context.reply.Integer(item == nullptr ? 0 : static_cast<int64_t>(item->value().text.size()));
  return {};
}

}  // namespace

extern const Command kStrlen;
constexpr Command kStrlen = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
