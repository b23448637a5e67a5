// LLEN. An array is a list to a Redis client; see HLEN.
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
    {R"(AMPT.SET tags '["a","b",["c"]]' QUIET)", "OK"},
    {"LLEN tags", "(integer) 3"},
    {"LLEN nothing", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "llen",
    .group = Group::kGeneric,
    .summary = "Returns how many elements an array has",
    .since = "1.0.0",
    .complexity = "O(size of the value)",
    .flags = kReadonly | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

// `text` is canonical text of an array.
int64_t CountElements(std::string_view text) {
  const char* at = text.data() + 1;
  const char* const end = text.data() + text.size();
  if (*at == ']') return 0;
  int64_t elements = 1;
  while (*(at = SkipJsonValue(at, end)) == ',') {
    ++elements;
    ++at;
  }
  return elements;
}

Status Run(Context& context, const Args& args) {
  const Item* item = context.store.Find(args.key, context.now_ms);
  int64_t elements = 0;
  if (item != nullptr) {
    const ValueView value = item->value();
    if (!value.is_array()) return WrongType();
    elements = CountElements(value.text);
  }
  context.reply.Integer(elements);
  return {};
}

}  // namespace

extern const Command kLlen;
constexpr Command kLlen = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
