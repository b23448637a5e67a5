// GETRANGE. Both ends are included; negative ones count from the end; what lies outside is cut off
// without an error.
#include <algorithm>

#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  int64_t start = 0;
  int64_t end = 0;
};

constexpr auto kGrammar =
    Redis<Args>(Key("key", &Args::key), Word("start", &Args::start), Word("end", &Args::end));

constexpr Example kExamples[] = {
    {"SET greeting \"Hello World\"", "OK"},
    {"GETRANGE greeting 0 4", "\"Hello\""},
    {"GETRANGE greeting -5 -1", "\"World\""},
    {"GETRANGE greeting 20 30", "\"\""},
};

constexpr Spec kSpec{
    .name = "getrange",
    .group = Group::kString,
    .summary = "Returns a part of a string value",
    .since = "2.4.0",
    .complexity = "O(m) for a part of m bytes",
    .flags = kReadonly,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Item* item = context.store.Find(args.key, context.now_ms);
  if (item != nullptr && !item->value().is_scalar()) return WrongType();
  const std::string_view text = item == nullptr ? std::string_view() : item->value().text;
  const auto size = static_cast<int64_t>(text.size());
  const auto from_begin = [size](int64_t at) {
    return std::max<int64_t>(at < 0 ? size + at : at, 0);
  };
  // Two ends before the beginning would both become 0 and show the first byte.
  const bool reversed = args.start < 0 && args.end < 0 && args.start > args.end;
  const int64_t start = from_begin(args.start);
  const int64_t end = std::min(from_begin(args.end), size - 1);
  if (reversed || start > end) {
    context.reply.Bulk("");
  } else {
    context.reply.Bulk(
        text.substr(static_cast<size_t>(start), static_cast<size_t>(end - start + 1)));
  }
  return {};
}

}  // namespace

extern const Command kGetrange;
constexpr Command kGetrange = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
