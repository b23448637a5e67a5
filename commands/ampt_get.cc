// AMPT.GET: one item by its key, or a page of a query. The exact key is the hot path: it is told
// from a query without parsing one.
//
// On several nodes: a key or a namespace lies on one of them; pages of `*` are merged by key.
#include "commands/grammar.h"
#include "commands/query.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view expression;
  bool meta = false;
  bool reverse = false;
  std::optional<std::string_view> limit;
  std::optional<std::string_view> start;
  std::optional<std::string_view> label;
};

constexpr auto kGrammar =
    Ampt<Args>(Key("expression", &Args::expression), Flag("META", &Args::meta),
               Option("LIMIT", "n", &Args::limit), Flag("REVERSE", &Args::reverse),
               Option("START", "lastKey", &Args::start), Option("LABEL", "label", &Args::label));

constexpr Example kExamples[] = {
    {"AMPT.SET order:1 '{\"total\":9.5}' QUIET LABEL1 status:open", "OK"},
    {"AMPT.SET order:2 '{\"total\":20}' QUIET LABEL1 status:paid", "OK"},
    {"AMPT.GET order:1", "\"{\\\"total\\\":9.5}\""},
    {"AMPT.GET order:3", "(nil)"},
    {"AMPT.GET order:* LIMIT 1",
     "\"{\\\"items\\\":[{\\\"key\\\":\\\"order:1\\\",\\\"value\\\":{\\\"total\\\":9.5}}],"
     "\\\"lastKey\\\":\\\"order:1\\\"}\""},
    {"AMPT.GET order:* START order:1",
     "\"{\\\"items\\\":[{\\\"key\\\":\\\"order:2\\\",\\\"value\\\":{\\\"total\\\":20}}]}\""},
    {"AMPT.GET status:paid LABEL label1",
     "\"{\\\"items\\\":[{\\\"key\\\":\\\"order:2\\\",\\\"value\\\":{\\\"total\\\":20}}]}\""},
    {"AMPT.GET order:* LIMIT 0", "(error) ERR 'limit' must be between 1 and 1000"},
};

constexpr Spec kSpec{
    .name = "ampt.get",
    .group = Group::kItems,
    .summary = "Returns the value of a key, or a page of the items that a query finds",
    .since = "1.0.0",
    .complexity = "O(1) for a key, O(log N + M) for a page of M items",
    .flags = kReadonly | kFast | kQuery,
    .scope = Scope::kNamespace,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  Query query{args.expression, args.meta, args.reverse, args.limit, args.start, std::nullopt};
  if (args.label) {
    const Result<int> label = LabelNumber(*args.label);
    if (!label.ok()) return label.status();
    query.label = *label;
  }
  return AnswerQuery(context, query);
}

}  // namespace

extern const Command kAmptGet;
constexpr Command kAmptGet = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
