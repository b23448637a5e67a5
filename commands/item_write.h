// What AMPT.SET, AMPT.ADD and AMPT.MSET share: from the options of a write to a stored item.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "commands/grammar.h"
#include "model/update.h"

namespace ampt {

// The words of AMPT.SET and AMPT.ADD.
struct ItemWriteArgs {
  std::string_view key;
  std::string_view value;
  bool meta = false;
  bool quiet = false;
  bool overwrite = false;
  bool remove_nulls = true;
  std::optional<bool> exists;
  std::optional<std::string_view> ttl;
  std::optional<std::string_view> fallback;
  std::optional<std::string_view> created;
  Words unset;
  std::optional<std::string_view> label1, label2, label3, label4, label5;
  std::optional<std::string_view> label1_nx, label2_nx, label3_nx, label4_nx, label5_nx;
};

// A grammar of these positional parts (and options of its own) and the common options.
template <typename... Parts>
constexpr auto ItemWriteGrammar(Parts... parts) {
  using A = ItemWriteArgs;
  using namespace grammar;
  return Ampt<A>(
      parts..., OneOf(Flag("META", &A::meta), Flag("QUIET", &A::quiet)),
      Flag("OVERWRITE", &A::overwrite), Option("EXISTS", "bool", &A::exists),
      Option("TTL", "when", &A::ttl), Option("CREATED", "seconds", &A::created),
      Option("REMOVENULLS", "bool", &A::remove_nulls),
      OneOf(Option("LABEL1", "text", &A::label1), Option("LABEL1NX", "text", &A::label1_nx)),
      OneOf(Option("LABEL2", "text", &A::label2), Option("LABEL2NX", "text", &A::label2_nx)),
      OneOf(Option("LABEL3", "text", &A::label3), Option("LABEL3NX", "text", &A::label3_nx)),
      OneOf(Option("LABEL4", "text", &A::label4), Option("LABEL4NX", "text", &A::label4_nx)),
      OneOf(Option("LABEL5", "text", &A::label5), Option("LABEL5NX", "text", &A::label5_nx)));
}

// Checks everything, writes, answers. `update` holds value, default and unset, already parsed; the
// rest comes from `args`. `key` is as the user wrote it. A refused write changes nothing.
Status WriteItem(Context& context, const ItemWriteArgs& args, Update update);

// Stores `state` under `key`, or, where its deadline is not in the future, removes what is there.
// The caller has answered already: `state` may hold views of the item.
void StoreOrExpire(KeyRef ref, const ItemState& state, TimeMs now_ms);

// The labels of a write: parsed, canonical, encoded into the context's scratch. Index 0 to 4.
Result<std::string_view> EncodedLabel(Context& context, size_t n, std::string_view text);

}  // namespace ampt
