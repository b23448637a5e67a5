// AMPT.MGET: up to 25 items by their keys, taken literally: what looks like a query is a key here.
//
// On several nodes: each is asked for its keys, the items are put in the order of the request.
#include "commands/batch_keys.h"
#include "commands/grammar.h"
#include "model/item_json.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words keys;
  bool meta = false;
};

constexpr auto kGrammar =
    Ampt<Args>(Counted("numkeys", "key", &Args::keys), Flag("META", &Args::meta));

constexpr Example kExamples[] = {
    {"AMPT.SET a 1 QUIET", "OK"},
    {"AMPT.SET b '\"two\"' QUIET", "OK"},
    {"AMPT.MGET 3 b c a",
     R"("{\"items\":[{\"key\":\"b\",\"value\":\"two\"},{\"key\":\"a\",\"value\":1}]}")"},
    {"AMPT.MGET 2 a a", "(error) ERR Provided list of item keys contains duplicates"},
};

constexpr Spec kSpec{
    .name = "ampt.mget",
    .group = Group::kItems,
    .summary = "Returns up to 25 items by their keys, in the order of the request",
    .since = "1.0.0",
    .complexity = "O(N) for N keys",
    .flags = kReadonly | kFast,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<std::vector<std::string>> keys = ReadBatchKeys(args.keys, "get");
  if (!keys.ok()) return keys.status();
  std::string* out = context.reply.OpenBulk();
  out->append("{\"items\":[");
  for (const std::string& key : *keys) {
    const Item* item = context.store.Find(key, context.now_ms);
    if (item == nullptr) continue;
    if (out->back() != '[') out->append(",");
    AppendElement(*item, args.meta, out);
  }
  out->append("]}");
  context.reply.CloseBulk();
  return {};
}

}  // namespace

extern const Command kAmptMget;
constexpr Command kAmptMget = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
