// SETNX. SET with NX, but answering how many keys it set.
#include "commands/grammar.h"
#include "commands/string_write.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  std::string_view value;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("value", &Args::value));

constexpr Example kExamples[] = {
    {"SETNX lock me", "(integer) 1"},
    {"SETNX lock you", "(integer) 0"},
    {"GET lock", "\"me\""},
};

constexpr Spec kSpec{
    .name = "setnx",
    .group = Group::kString,
    .summary = "Sets the string value of a key only if the key does not exist",
    .since = "1.0.0",
    .complexity = "O(1), O(log n) if it sets",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, args.value.size()));
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  const bool sets = !ref.exists();
  if (sets) ref.Put(NewItem(StringValue(args.value), context.now_s()));
  context.reply.Integer(sets ? 1 : 0);
  return {};
}

}  // namespace

extern const Command kSetnx;
constexpr Command kSetnx = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
