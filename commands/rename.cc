// RENAME. The item moves whole, with created, modified, labels and deadline; over itself it stays
// as it is.
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
    {"SET old 1", "OK"},
    {"RENAME old new", "OK"},
    {"GET new", "\"1\""},
    {"RENAME old new", "(error) ERR no such key"},
};

constexpr Spec kSpec{
    .name = "rename",
    .group = Group::kGeneric,
    .summary = "Renames a key, overwriting the new one",
    .since = "1.0.0",
    .complexity = "O(log n)",
    .flags = kWrite,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.new_key));
  const Item* item = context.store.Find(args.key, context.now_ms);
  if (item == nullptr) return NoSuchKey();
  if (args.key != args.new_key) {
    MoveItem(context, args.key, context.store, args.new_key);
  }
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kRename;
constexpr Command kRename = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
