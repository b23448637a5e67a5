// EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT and their counterparts TTL, PTTL, EXPIRETIME, PEXPIRETIME.
//
// A deadline not in the future deletes the item as expired. Another deadline is no change of the
// value: created, modified and labels stay. To GT and LT an item without a deadline has one that
// is infinitely far.
#pragma once

#include <string_view>

#include "base/status.h"
#include "commands/context.h"
#include "commands/deadline.h"
#include "commands/grammar.h"

namespace ampt {

struct ExpireArgs {
  std::string_view key;
  std::string_view amount;
  Words conditions;
};

// `amount`: what the second word is called. The conditions are read by hand: Redis has texts of its
// own for them, and looks at them before the amount.
constexpr auto ExpireGrammar(std::string_view amount) {
  using namespace grammar;
  return Redis<ExpireArgs>(Key("key", &ExpireArgs::key), Word(amount, &ExpireArgs::amount),
                           Maybe("NX | XX | GT | LT", &ExpireArgs::conditions));
}

// Answers 1 where the deadline is now what was asked for, 0 where there is no item or a condition
// does not hold.
Status Expire(Context& context, const ExpireArgs& args, DeadlineForm form,
              std::string_view command);

// Answers the deadline in that form, seconds rounded; -1 for none, -2 for no item.
void AnswerDeadline(Context& context, std::string_view key, DeadlineForm form);

}  // namespace ampt
