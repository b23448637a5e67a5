#include "commands/deadline.h"

#include <algorithm>

#include "commands/texts.h"

namespace ampt {

Result<TimeMs> DeadlineFrom(int64_t amount, DeadlineForm form, TimeMs now_ms,
                            std::string_view command) {
  TimeMs deadline_ms = amount;
  if ((form.seconds && __builtin_mul_overflow(deadline_ms, 1000, &deadline_ms)) ||
      (!form.absolute && __builtin_add_overflow(deadline_ms, now_ms, &deadline_ms))) {
    return InvalidExpire(command);
  }
  return std::min(deadline_ms, kNoDeadline - 1);
}

Result<TimeMs> PositiveDeadlineFrom(int64_t amount, DeadlineForm form, TimeMs now_ms,
                                    std::string_view command) {
  if (amount <= 0) return InvalidExpire(command);
  return DeadlineFrom(amount, form, now_ms, command);
}

Result<TimeMs> DeadlineOption::Resolve(TimeMs now_ms, std::string_view command) const {
  const std::optional<int64_t> number = ParseInteger(*amount);
  if (!number) return NotAnIntegerOrOutOfRange();
  return PositiveDeadlineFrom(*number, form, now_ms, command);
}

void ChangeDeadline(KeyRef& ref, TimeMs deadline_ms, TimeMs now_ms) {
  if (deadline_ms <= now_ms) {
    ref.Erase(Origin::kExpired);
  } else if (deadline_ms != ref.item().deadline_ms()) {
    ref.SetDeadline(deadline_ms, ref.item().modified_s());
  }
}

}  // namespace ampt
