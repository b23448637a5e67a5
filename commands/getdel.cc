// GETDEL. The value is answered before its item is freed, so nothing is copied aside.
#include "commands/grammar.h"
#include "commands/string_write.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key));

constexpr Example kExamples[] = {
    {"SET ticket 42", "OK"},
    {"GETDEL ticket", "\"42\""},
    {"GETDEL ticket", "(nil)"},
};

constexpr Spec kSpec{
    .name = "getdel",
    .group = Group::kString,
    .summary = "Returns the string value of a key and deletes the key",
    .since = "6.2.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  AMPT_RETURN_IF_ERROR(AnswerText(context.reply, ref.exists() ? &ref.item() : nullptr));
  if (ref.exists()) ref.Erase();
  return {};
}

}  // namespace

extern const Command kGetdel;
constexpr Command kGetdel = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
