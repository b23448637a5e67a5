// COPY. The copy has the labels and the deadline of its source, but is created and modified now.
#include <optional>

#include "commands/grammar.h"
#include "commands/move_family.h"
#include "commands/string_write.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view source;
  std::string_view destination;
  std::optional<int64_t> database;
  bool replace = false;
};

constexpr auto kGrammar =
    Redis<Args>(Key("source", &Args::source), Key("destination", &Args::destination),
                Option("DB", "destination-db", &Args::database), Flag("REPLACE", &Args::replace));

constexpr Example kExamples[] = {
    {"SET a 1", "OK"},
    {"COPY a b", "(integer) 1"},
    {"COPY a b", "(integer) 0"},
    {"COPY a b REPLACE", "(integer) 1"},
    {"COPY a a DB 1", "(integer) 1"},
};

constexpr Spec kSpec{
    .name = "copy",
    .group = Group::kGeneric,
    .summary = "Copies the value at a key to another key",
    .since = "6.2.0",
    .complexity = "O(m + log n) for a value of m bytes",
    .flags = kWrite | kDenyOom,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<Store*> target =
      args.database ? DatabaseAt(context, *args.database) : Result<Store*>(&context.store);
  if (!target.ok()) return target.status();
  if (*target == &context.store && args.source == args.destination) return SameObject();
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.destination));
  const Item* item = context.store.Find(args.source, context.now_ms);
  const bool copies =
      item != nullptr &&
      (args.replace || (*target)->Find(args.destination, context.now_ms) == nullptr);
  if (copies) {
    ItemState copy = StateAside(context, *item);
    copy.created_s = copy.modified_s = context.now_s();
    (*target)->Open(args.destination, context.now_ms).Put(copy);
  }
  context.reply.Integer(copies ? 1 : 0);
  return {};
}

}  // namespace

extern const Command kCopy;
constexpr Command kCopy = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
