// RENAMENX. As RENAME, but never over an existing key, itself included.
#include "commands/grammar.h"
#include "commands/move_family.h"
#include "commands/string_write.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  std::string_view new_key;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Key("newkey", &Args::new_key));

constexpr Example kExamples[] = {
    {"MSET a 1 b 2", "OK"},
    {"RENAMENX a b", "(integer) 0"},
    {"RENAMENX a c", "(integer) 1"},
};

constexpr Spec kSpec{
    .name = "renamenx",
    .group = Group::kGeneric,
    .summary = "Renames a key only if the new one does not exist",
    .since = "1.0.0",
    .complexity = "O(log n)",
    .flags = kWrite | kFast,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.new_key));
  const Item* item = context.store.Find(args.key, context.now_ms);
  if (item == nullptr) return NoSuchKey();
  const bool moves = context.store.Find(args.new_key, context.now_ms) == nullptr;
  if (moves) MoveItem(context, args.key, context.store, args.new_key);
  context.reply.Integer(moves ? 1 : 0);
  return {};
}

}  // namespace

extern const Command kRenamenx;
constexpr Command kRenamenx = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
