// Deadlines as a user writes them, and times as they are shown.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"

namespace ampt {

// TTL on the wire: an integer below 315360000 is seconds from now, from there on epoch seconds;
// else YYYY-MM[-DD[Thh:mm[:ss[.f…]][Z|±hh:mm]]], a real date up to year 9999, no zone = UTC; ""
// removes the deadline (nullopt). The result may lie in the past, but not after the year 9999, and
// seconds are refused on either side of what that allows. Fractions are cut to milliseconds. Error:
// "Invalid ttl value."
Result<std::optional<TimeMs>> ParseWhen(std::string_view text, TimeMs now_ms);
// MSET's ttl strings: only ISO forms, here also "YYYY" (no integers, not empty).
Result<TimeMs> ParseIsoDate(std::string_view text);

// Appends "2026-11-21T22:55:26.000Z" (milliseconds as they are). Years outside 0 to 9999, which
// Redis commands can reach, are written with a sign and at least six digits, as ECMAScript does.
// Every value of TimeMs has a text.
void AppendIsoDate(TimeMs time_ms, std::string* out);

}  // namespace ampt
