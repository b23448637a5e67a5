// MOVE. The item moves whole, with created, modified, labels and deadline.
#include "commands/grammar.h"
#include "commands/move_family.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  int64_t database = 0;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("db", &Args::database));

constexpr Example kExamples[] = {
    {"SET a 1", "OK"},
    {"MOVE a 1", "(integer) 1"},
    {"EXISTS a", "(integer) 0"},
    {"MOVE a 1", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "move",
    .group = Group::kGeneric,
    .summary = "Moves a key to another database unless it exists there",
    .since = "1.0.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<Store*> target = DatabaseAt(context, args.database);
  if (!target.ok()) return target.status();
  if (*target == &context.store) return SameObject();
  const bool moves = context.store.Find(args.key, context.now_ms) != nullptr &&
                     (*target)->Find(args.key, context.now_ms) == nullptr;
  if (moves) MoveItem(context, args.key, **target, args.key);
  context.reply.Integer(moves ? 1 : 0);
  return {};
}

}  // namespace

extern const Command kMove;
constexpr Command kMove = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
