// AMPT.REMOVE: up to 25 items by their keys. What AMPT.GET would read as a query is refused, so
// that nobody empties a namespace by mistake: that is what AMPT.REMOVERANGE is for.
//
// On several nodes: the numbers are added.
#include "commands/batch_keys.h"
#include "commands/grammar.h"
#include "model/expression.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words keys;
};

constexpr auto kGrammar = Ampt<Args>(Rest("key", &Args::keys, kAreKeys));

constexpr Example kExamples[] = {
    {"AMPT.SET a 1 QUIET", "OK"},
    {"AMPT.REMOVE a b", "(integer) 1"},
    {"AMPT.REMOVE ns:*",
     "(error) ERR You cannot delete items using conditionals. Please remove each item separately."},
};

constexpr Spec kSpec{
    .name = "ampt.remove",
    .group = Group::kItems,
    .summary = "Removes up to 25 items by their keys and returns how many there were",
    .since = "1.0.0",
    .complexity = "O(N log M) for N keys among M items",
    .flags = kWrite | kFast,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<std::vector<std::string>> keys = ReadBatchKeys(args.keys, "remove");
  if (!keys.ok()) return keys.status();
  for (const std::string& key : *keys) {
    if (FormOf(key) == KeyForm::kQuery) {
      return Status::Err(
          "You cannot delete items using conditionals. Please remove each item separately.");
    }
  }
  int64_t removed = 0;
  for (const std::string& key : *keys) {
    KeyRef ref = context.store.Open(key, context.now_ms);
    if (!ref.exists()) continue;
    ref.Erase();
    ++removed;
  }
  context.reply.Integer(removed);
  return {};
}

}  // namespace

extern const Command kAmptRemove;
constexpr Command kAmptRemove = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
