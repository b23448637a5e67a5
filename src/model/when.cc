#include "model/when.h"

#include <charconv>
#include <chrono>
#include <cstdio>

#include "base/limits.h"

namespace ampt {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// 9999-12-31T23:59:59, the last second that has a four-digit year.
constexpr int64_t kLastSecond = 253402300799;
constexpr TimeMs kLastMs = kLastSecond * 1000 + 999;

Status InvalidTtl() {
  return Status::Err("Invalid ttl value.");
}

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the parts of a date off the front of a text.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }

  bool Take(char expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `width` digits.
  bool TakeNumber(size_t width, int* number) {
    if (rest_.size() < width) return false;
    *number = 0;
    for (size_t i = 0; i < width; ++i) {
      if (!IsDigit(rest_[i])) return false;
      *number = *number * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(width);
    return true;
  }

  // One digit or more after the decimal point; what is finer than a millisecond is cut off.
  bool TakeFraction(int* milliseconds) {
    *milliseconds = 0;
    int weight = 100;
    size_t count = 0;
    for (; count < rest_.size() && IsDigit(rest_[count]); ++count, weight /= 10) {
      *milliseconds += (rest_[count] - '0') * weight;
    }
    rest_.remove_prefix(count);
    return count > 0;
  }

 private:
  std::string_view rest_;
};

// "hh:mm" of a time of day or of a zone.
bool TakeHoursMinutes(DateReader* reader, std::chrono::minutes* out) {
  int hours = 0;
  int minutes = 0;
  if (!reader->TakeNumber(2, &hours) || !reader->Take(':') || !reader->TakeNumber(2, &minutes)) {
    return false;
  }
  if (hours > 23 || minutes > 59) return false;
  *out = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  return true;
}

// What may follow the date: "Thh:mm[:ss[.f…]][Z|±hh:mm]". `*out` is what to add to the date's
// midnight.
bool TakeTime(DateReader* reader, std::chrono::milliseconds* out) {
  std::chrono::minutes hours_minutes;
  if (!reader->Take('T') || !TakeHoursMinutes(reader, &hours_minutes)) return false;
  *out = hours_minutes;
  if (reader->Take(':')) {
    int seconds = 0;
    if (!reader->TakeNumber(2, &seconds) || seconds > 59) return false;
    *out += std::chrono::seconds(seconds);
    if (reader->Take('.')) {
      int milliseconds = 0;
      if (!reader->TakeFraction(&milliseconds)) return false;
      *out += std::chrono::milliseconds(milliseconds);
    }
  }
  if (reader->AtEnd() || reader->Take('Z')) return true;
  const bool east = reader->Take('+');
  std::chrono::minutes zone;
  if ((!east && !reader->Take('-')) || !TakeHoursMinutes(reader, &zone)) return false;
  *out += east ? -zone : zone;
  return true;
}

struct Floored {
  int64_t quotient;   // rounded towards minus infinity
  int64_t remainder;  // never negative
};

Floored FloorDivide(int64_t dividend, int64_t divisor) {
  const Floored truncated{dividend / divisor, dividend % divisor};
  if (truncated.remainder >= 0) return truncated;
  return {truncated.quotient - 1, truncated.remainder + divisor};
}

bool LooksLikeInteger(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The last `digits` of a number. Dates are too frequent for printf.
void AppendDigits(unsigned number, int digits, std::string* out) {
  char text[8];
  for (int i = digits; i-- > 0; number /= 10) text[i] = static_cast<char>('0' + number % 10);
  out->append(text, static_cast<size_t>(digits));
}

}  // namespace

Result<std::optional<TimeMs>> ParseWhen(std::string_view text, TimeMs now_ms) {
  if (text.empty()) return std::optional<TimeMs>();
  if (!LooksLikeInteger(text)) {
    const Result<TimeMs> date = ParseIsoDate(text);
    if (!date.ok()) return date.status();
    return std::optional<TimeMs>(*date);
  }
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || seconds > kLastSecond || seconds < -kLastSecond) return InvalidTtl();
  const TimeMs base_ms = seconds < limits::kRelativeTtlSeconds ? now_ms : 0;
  return std::optional<TimeMs>(base_ms + seconds * 1000);
}

Result<TimeMs> ParseIsoDate(std::string_view text) {
  DateReader reader(text);
  int year = 0;
  int month = 1;
  int day = 1;
  std::chrono::milliseconds time{0};
  if (!reader.TakeNumber(4, &year)) return InvalidTtl();
  if (!reader.AtEnd() && !(reader.Take('-') && reader.TakeNumber(2, &month))) return InvalidTtl();
  if (!reader.AtEnd() && !(reader.Take('-') && reader.TakeNumber(2, &day))) return InvalidTtl();
  if (!reader.AtEnd() && !TakeTime(&reader, &time)) return InvalidTtl();
  if (!reader.AtEnd()) return InvalidTtl();

  const year_month_day date{std::chrono::year(year), std::chrono::month(month),
                            std::chrono::day(day)};
  if (!date.ok()) return InvalidTtl();
  const TimeMs time_ms = (sys_days(date) + time).time_since_epoch().count();
  if (time_ms > kLastMs) return InvalidTtl();
  return time_ms;
}

void AppendIsoDate(TimeMs time_ms, std::string* out) {
  // The calendar types end at the year 32767, so whole cycles of 400 years are counted by hand: the
  // calendar of one is that of every other.
  constexpr int64_t kMsPerDay = 86'400'000;
  constexpr int64_t kDaysPerCycle = 146'097;
  const Floored day = FloorDivide(time_ms, kMsPerDay);
  const Floored cycle = FloorDivide(day.quotient, kDaysPerCycle);
  const year_month_day date{sys_days(days(static_cast<int>(cycle.remainder)))};
  const long long year = static_cast<int>(date.year()) + cycle.quotient * 400;
  const std::chrono::hh_mm_ss time(std::chrono::milliseconds(day.remainder));

  if (year >= 0 && year <= 9999) {
    AppendDigits(static_cast<unsigned>(year), 4, out);
  } else {
    char text[32];
    out->append(text, static_cast<size_t>(std::snprintf(text, sizeof text, "%+07lld", year)));
  }
  const auto append = [out](char before, auto number, int digits) {
    out->push_back(before);
    AppendDigits(static_cast<unsigned>(number), digits, out);
  };
  append('-', static_cast<unsigned>(date.month()), 2);
  append('-', static_cast<unsigned>(date.day()), 2);
  append('T', time.hours().count(), 2);
  append(':', time.minutes().count(), 2);
  append(':', time.seconds().count(), 2);
  append('.', time.subseconds().count(), 3);
  out->push_back('Z');
}

}  // namespace ampt
