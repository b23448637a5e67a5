// APPEND. What was a number, a boolean or null is a string afterwards.
#include <string>

#include "commands/grammar.h"
#include "commands/string_write.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  std::string_view value;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("value", &Args::value));

constexpr Example kExamples[] = {
    {"APPEND greeting Hello", "(integer) 5"},
    {"APPEND greeting \" World\"", "(integer) 11"},
    {"GET greeting", "\"Hello World\""},
};

constexpr Spec kSpec{
    .name = "append",
    .group = Group::kString,
    .summary = "Appends to the string value of a key, creating it if it does not exist",
    .since = "2.0.0",
    .complexity = "O(m) for a result of m bytes",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  const ValueView old = ref.exists() ? ref.item().value() : StringValue("");
  if (!old.is_scalar()) return WrongType();
  const size_t bytes = old.text.size() + args.value.size();
  AMPT_RETURN_IF_ERROR(CheckLengthenedBytes(context.settings, bytes));
  std::string& text = context.scratch.value;
  text.assign(old.text).append(args.value);
  StoreChanged(ref, StringValue(text), context.now_s());
  context.reply.Integer(static_cast<int64_t>(bytes));
  return {};
}

}  // namespace

extern const Command kAppend;
constexpr Command kAppend = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
