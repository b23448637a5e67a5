// AMPT.GETBYLABEL: AMPT.GET … LABEL with the label first. Always a page, in the order of label,
// key.
//
// On several nodes: each has its part of every label; pages are merged by (label, key).
#include "commands/grammar.h"
#include "commands/query.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view label;
  std::string_view expression;
  bool meta = false;
  bool reverse = false;
  std::optional<std::string_view> limit;
  std::optional<std::string_view> start;
};

constexpr auto kGrammar =
    Ampt<Args>(Word("label", &Args::label), Word("expression", &Args::expression),
               Flag("META", &Args::meta), Option("LIMIT", "n", &Args::limit),
               Flag("REVERSE", &Args::reverse), Option("START", "lastKey", &Args::start));

constexpr Example kExamples[] = {
    {"AMPT.SET order:1 9 QUIET LABEL2 day:2026-11-21", "OK"},
    {"AMPT.SET order:2 20 QUIET LABEL2 day:2026-11-22", "OK"},
    {"AMPT.GETBYLABEL label2 day:* LIMIT 1",
     R"("{\"items\":[{\"key\":\"order:1\",\"value\":9}],\"lastKey\":\"order:1|day:2026-11-21\"}")"},
    {"AMPT.GETBYLABEL 2 day:>2026-11-21", R"("{\"items\":[{\"key\":\"order:2\",\"value\":20}]}")"},
    {"AMPT.GETBYLABEL label6 day:*",
     "(error) ERR Labels must be specified as 'label1' through 'label5'."},
};

constexpr Spec kSpec{
    .name = "ampt.getbylabel",
    .group = Group::kItems,
    .summary = "Returns a page of the items whose label a query finds",
    .since = "1.0.0",
    .complexity = "O(log N + M) for a page of M items",
    .flags = kReadonly | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<int> label = LabelNumber(args.label);
  if (!label.ok()) return label.status();
  return AnswerQuery(context,
                     {args.expression, args.meta, args.reverse, args.limit, args.start, *label});
}

}  // namespace

extern const Command kAmptGetbylabel;
constexpr Command kAmptGetbylabel = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
