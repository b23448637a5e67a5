#include "commands/expire_family.h"

#include <optional>
#include <string>

#include "base/bytes.h"
#include "commands/texts.h"

namespace ampt {
namespace {

struct Conditions {
  bool if_none = false;     // NX
  bool if_any = false;      // XX
  bool if_later = false;    // GT
  bool if_earlier = false;  // LT

  bool Hold(const Item& item, TimeMs deadline_ms) const {
    const TimeMs old_ms = item.deadline_ms();
    return !(if_none && item.has_deadline()) && !(if_any && !item.has_deadline()) &&
           !(if_later && deadline_ms <= old_ms) && !(if_earlier && deadline_ms >= old_ms);
  }
};

Result<Conditions> ReadConditions(Words words) {
  Conditions conditions;
  for (const std::string_view word : words) {
    if (EqualsIgnoreCase(word, "NX")) {
      conditions.if_none = true;
    } else if (EqualsIgnoreCase(word, "XX")) {
      conditions.if_any = true;
    } else if (EqualsIgnoreCase(word, "GT")) {
      conditions.if_later = true;
    } else if (EqualsIgnoreCase(word, "LT")) {
      conditions.if_earlier = true;
    } else {
      return Status::Err("Unsupported option " + std::string(word.substr(0, 128)));
    }
  }
  if (conditions.if_none && (conditions.if_any || conditions.if_later || conditions.if_earlier)) {
    return Status::Err("NX and XX, GT or LT options at the same time are not compatible");
  }
  if (conditions.if_later && conditions.if_earlier) {
    return Status::Err("GT and LT options at the same time are not compatible");
  }
  return conditions;
}

}  // namespace

Status Expire(Context& context, const ExpireArgs& args, DeadlineForm form,
              std::string_view command) {
  const Result<Conditions> conditions = ReadConditions(args.conditions);
  if (!conditions.ok()) return conditions.status();
  const std::optional<int64_t> amount = ParseInteger(args.amount);
  if (!amount) return NotAnIntegerOrOutOfRange();
  const Result<TimeMs> deadline_ms = DeadlineFrom(*amount, form, context.now_ms, command);
  if (!deadline_ms.ok()) return deadline_ms.status();
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  const bool applies = ref.exists() && conditions->Hold(ref.item(), *deadline_ms);
  if (applies) ChangeDeadline(ref, *deadline_ms, context.now_ms);
  context.reply.Integer(applies ? 1 : 0);
  return {};
}

void AnswerDeadline(Context& context, std::string_view key, DeadlineForm form) {
  const Item* item = context.store.Inspect(key, context.now_ms);
  if (item == nullptr || !item->has_deadline()) {
    context.reply.Integer(item == nullptr ? -2 : -1);
    return;
  }
  TimeMs time = item->deadline_ms() - (form.absolute ? 0 : context.now_ms);
  if (form.seconds) time = time / 1000 + (time % 1000 >= 500 ? 1 : 0);
  context.reply.Integer(time);
}

}  // namespace ampt
