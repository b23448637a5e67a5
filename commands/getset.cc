// GETSET. SET with GET: the deadline goes, as with SET.
#include "commands/grammar.h"
#include "commands/string_write.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  std::string_view value;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("value", &Args::value));

constexpr Example kExamples[] = {
    {"GETSET turn white", "(nil)"},
    {"GETSET turn black", "\"white\""},
};

constexpr Spec kSpec{
    .name = "getset",
    .group = Group::kString,
    .summary = "Sets the string value of a key and returns the one before",
    .since = "1.0.0",
    .complexity = "O(1), O(log n) for a new key",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, args.value.size()));
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  AMPT_RETURN_IF_ERROR(AnswerText(context.reply, ref.exists() ? &ref.item() : nullptr));
  ref.Put(NewItem(StringValue(args.value), context.now_s()));
  return {};
}

}  // namespace

extern const Command kGetset;
constexpr Command kGetset = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
