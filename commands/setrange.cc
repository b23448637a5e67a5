// SETRANGE. An empty text changes nothing, so it neither creates a key nor counts as a write.
#include <string>

#include "commands/grammar.h"
#include "commands/string_write.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  int64_t offset = 0;
  std::string_view value;
};

constexpr auto kGrammar =
    Redis<Args>(Key("key", &Args::key), Word("offset", &Args::offset), Word("value", &Args::value));

constexpr Example kExamples[] = {
    {"SET greeting \"Hello World\"", "OK"}, {"SETRANGE greeting 6 Redis", "(integer) 11"},
    {"GET greeting", "\"Hello Redis\""},    {"SETRANGE padded 2 x", "(integer) 3"},
    {"GET padded", "\"\\x00\\x00x\""},
};

constexpr Spec kSpec{
    .name = "setrange",
    .group = Group::kString,
    .summary = "Overwrites a part of a string value from an offset on, filling up with zero bytes",
    .since = "2.2.0",
    .complexity = "O(m) for a result of m bytes",
    .flags = kWrite | kDenyOom,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.offset < 0) return Status::Err("offset is out of range");
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  const ValueView old = ref.exists() ? ref.item().value() : StringValue("");
  if (!old.is_scalar()) return WrongType();
  if (args.value.empty()) {
    context.reply.Integer(static_cast<int64_t>(old.text.size()));
    return {};
  }
  const uint64_t end = static_cast<uint64_t>(args.offset) + args.value.size();
  AMPT_RETURN_IF_ERROR(CheckLengthenedBytes(context.settings, end));
  std::string& text = context.scratch.value;
  text.assign(old.text);
  if (text.size() < end) text.resize(end);
  text.replace(static_cast<size_t>(args.offset), args.value.size(), args.value);
  StoreChanged(ref, StringValue(text), context.now_s());
  context.reply.Integer(static_cast<int64_t>(text.size()));
  return {};
}

}  // namespace

extern const Command kSetrange;
constexpr Command kSetrange = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
