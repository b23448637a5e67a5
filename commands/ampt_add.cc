// AMPT.ADD: AMPT.SET with {"$add":n}, as the value or as one attribute's.
//
// The attribute may be missing between key and increment, so the words are counted by hand: if the
// fourth word of the command is a JSON number, the third is the attribute.
#include "base/limits.h"
#include "base/utf8.h"
#include "commands/item_write.h"
#include "model/decimal.h"
#include "model/json.h"

namespace ampt {
namespace {

using namespace grammar;
using Args = ItemWriteArgs;

// What is behind the increment.
constexpr auto kOptions = ItemWriteGrammar();
// For the documentation.
constexpr auto kGrammar =
    ItemWriteGrammar(Key("key", &Args::key), Word("[attribute] increment", &Args::value));

constexpr Example kExamples[] = {
    {"AMPT.ADD visits 1", "\"1\""},
    {"AMPT.ADD visits 0.5", "\"1.5\""},
    {R"(AMPT.SET cart:7 '{"items":2}')", R"("{\"items\":2}")"},
    {"AMPT.ADD cart:7 items 3", R"("{\"items\":5}")"},
    {"AMPT.ADD cart:7 items many", "(error) ERR Values must be numeric"},
};

constexpr Spec kSpec{
    .name = "ampt.add",
    .group = Group::kItems,
    .summary = "Adds a number to an item or to one attribute of it, exactly",
    .since = "1.0.0",
    .complexity = "O(log N) for a new item, else O(size of the value)",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

// A JSON number as ParseJson would keep it.
std::string_view CanonicalNumber(std::string_view number) {
  return number.starts_with("-0") && number.find_first_of("123456789") == std::string_view::npos
             ? number.substr(1)
             : number;
}

void Execute(Context& context, Words words) {
  const bool has_attribute = words.size() > 3 && IsJsonNumber(words[3]);
  const size_t at = has_attribute ? 3 : 2;
  const std::string_view increment = words[at];
  if (!IsJsonNumber(increment) || increment.size() > limits::kNumberBytes) {
    context.reply.Error(Status::Err(IsJsonNumber(increment) ? "a number may have at most 256 bytes"
                                                            : "Values must be numeric"));
    return;
  }
  Args args;
  Status status = kOptions.ParseFrom(words, at + 1, &args);
  if (status.ok()) {
    args.key = words[1];
    std::string& text = context.scratch.value;
    text.clear();
    if (has_attribute) {
      if (!IsValidUtf8(words[2])) {
        context.reply.Error(Status::Err("the attribute's name is not valid UTF-8"));
        return;
      }
      text.append("{\"").append(EscapedName(words[2], &context.scratch.fallback)).append("\":");
    }
    text.append("{\"$add\":").append(CanonicalNumber(increment)).append("}");
    if (has_attribute) text.append("}");
    Update update;
    update.value = ValueView{ValueType::kObject, text};
    status = WriteItem(context, args, update);
  }
  if (!status.ok()) context.reply.Error(status);
}

}  // namespace

extern const Command kAmptAdd;
constexpr Command kAmptAdd{
    kSpec,
    {-3, kGrammar.Keys(), [] { return kGrammar.Usage(); }, [] { return kGrammar.Arguments(); }},
    &Execute,
    {}};

}  // namespace ampt
