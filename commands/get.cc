// GET. Strings, numbers, booleans and null are all strings to a Redis client: the text is kept as
// it is read, so this is one look-up and one copy.
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
    {"GET nothing", "(nil)"},
    {"SET greeting Hello", "OK"},
    {"GET greeting", "\"Hello\""},
};

constexpr Spec kSpec{
    .name = "get",
    .group = Group::kString,
    .summary = "Returns the string value of a key",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Item* item = context.store.Find(args.key, context.now_ms);
  if (item == nullptr) {
    context.reply.Null();
    return {};
  }
  const ValueView value = item->value();
  if (!value.is_scalar()) return WrongType();
  context.reply.Bulk(value.text);
  return {};
}

}  // namespace

extern const Command kGet;
constexpr Command kGet = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
