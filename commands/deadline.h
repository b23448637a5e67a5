// Deadlines in the words of Redis' commands: EX 10, PXAT 1700000000000, EXPIRE key 10.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "commands/grammar.h"
#include "model/keyspace.h"

namespace ampt {

// In which form a command gives or shows a point in time.
struct DeadlineForm {
  bool seconds;   // else milliseconds
  bool absolute;  // since 1970, else from now
};
inline constexpr DeadlineForm kInSeconds{true, false};
inline constexpr DeadlineForm kInMilliseconds{false, false};
inline constexpr DeadlineForm kAtSecond{true, true};
inline constexpr DeadlineForm kAtMillisecond{false, true};

// Whatever the sign of `amount`: a deadline not in the future is one too. One that does not fit 64
// bits of milliseconds is Redis' "invalid expire time in '<command>' command". The last
// representable millisecond means "no deadline" here, so the one before it stands for it.
Result<TimeMs> DeadlineFrom(int64_t amount, DeadlineForm form, TimeMs now_ms,
                            std::string_view command);
// As SET, SETEX and GETEX take it: 0 and below are invalid, too.
Result<TimeMs> PositiveDeadlineFrom(int64_t amount, DeadlineForm form, TimeMs now_ms,
                                    std::string_view command);

// EX, PX, EXAT or PXAT and its word, as a member of a command's Args: Option("EX", "seconds",
// &Args::deadline) and so on, all for the same member. Redis complains of an unknown option before
// it looks at the number, so the word is read later.
struct DeadlineOption {
  std::optional<std::string_view> amount;
  DeadlineForm form = kInSeconds;

  bool given() const { return amount.has_value(); }
  // REQUIRES: given().
  Result<TimeMs> Resolve(TimeMs now_ms, std::string_view command) const;

  // What the grammar calls.
  friend Status Read(std::string_view word, std::string_view option, DeadlineOption* out) {
    out->amount = word;
    out->form = {option.front() == 'E', option.ends_with("AT")};
    return {};
  }
};

// Gives an existing item another deadline, which is no change of its value: modified stays. Not in
// the future: the item is deleted as expired. The one it has already: nothing happens.
void ChangeDeadline(KeyRef& ref, TimeMs deadline_ms, TimeMs now_ms);

}  // namespace ampt

namespace ampt::grammar {
template <>
constexpr std::string_view TypeName<DeadlineOption>() {
  return "integer";
}
}  // namespace ampt::grammar
