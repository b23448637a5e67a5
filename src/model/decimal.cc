#include "model/decimal.h"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/limits.h"

namespace ampt {
namespace {

using boost::multiprecision::cpp_int;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

const char* SkipDigits(const char* at, const char* end) {
  while (at != end && IsDigit(*at)) ++at;
  return at;
}

std::optional<int64_t> ParseInt64(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The constructor of cpp_int reads a leading zero as octal.
cpp_int IntegerFromDigits(std::string_view digits) {
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits.empty() ? cpp_int(0) : cpp_int(digits);
}

// coefficient * 10^exponent. The coefficient has no trailing zeros, so that equal numbers are equal
// in both parts; zero is 0 * 10^0. The exponent may have as many digits as a number has bytes.
struct Decimal {
  cpp_int coefficient;
  cpp_int exponent;
};

Decimal ParseDecimal(std::string_view text) {
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  Decimal decimal;
  if (const size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view exponent = text.substr(e + 1);
    const bool negative_exponent = exponent.front() == '-';
    if (!IsDigit(exponent.front())) exponent.remove_prefix(1);
    decimal.exponent = IntegerFromDigits(exponent);
    if (negative_exponent) decimal.exponent = -decimal.exponent;
    text = text.substr(0, e);
  }
  std::string digits(text);
  if (const size_t point = text.find('.'); point != std::string_view::npos) {
    digits.erase(point, 1);
    decimal.exponent -= text.size() - point - 1;
  }
  const size_t last = digits.find_last_not_of('0');
  if (last == std::string::npos) return Decimal();
  decimal.exponent += digits.size() - 1 - last;
  digits.resize(last + 1);
  decimal.coefficient = IntegerFromDigits(digits);
  if (negative) decimal.coefficient = -decimal.coefficient;
  return decimal;
}

Status TooLong() {
  return Status::Err("the sum would take more than " + std::to_string(limits::kNumberBytes) +
                     " bytes");
}

// Writes `coefficient` * 10^`exponent` without an exponent.
Status WritePlain(const cpp_int& coefficient, const cpp_int& exponent, std::string* out) {
  if (coefficient == 0) {
    *out = "0";
    return Status::Ok();
  }
  // Compared before it becomes a machine integer: it may have hundreds of digits.
  if (abs(exponent) > 4 * limits::kNumberBytes) return TooLong();
  auto shift = static_cast<int64_t>(exponent);
  std::string digits = cpp_int(abs(coefficient)).str();
  const size_t last = digits.find_last_not_of('0');
  shift += static_cast<int64_t>(digits.size() - 1 - last);
  digits.resize(last + 1);

  if (shift >= 0) {
    digits.append(static_cast<size_t>(shift), '0');
  } else {
    const auto fraction = static_cast<size_t>(-shift);
    if (digits.size() <= fraction) digits.insert(0, fraction + 1 - digits.size(), '0');
    digits.insert(digits.size() - fraction, 1, '.');
  }
  if (coefficient < 0) digits.insert(0, 1, '-');
  if (digits.size() > limits::kNumberBytes) return TooLong();
  *out = std::move(digits);
  return Status::Ok();
}

}  // namespace

size_t JsonNumberPrefix(std::string_view text) {
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const char* at = begin;
  if (at != end && *at == '-') ++at;
  if (at == end || !IsDigit(*at)) return 0;
  at = *at == '0' ? at + 1 : SkipDigits(at, end);
  if (end - at >= 2 && *at == '.' && IsDigit(at[1])) at = SkipDigits(at + 1, end);
  if (end - at >= 2 && (*at == 'e' || *at == 'E')) {
    const char* digits = at + 1;
    if (*digits == '+' || *digits == '-') ++digits;
    if (digits != end && IsDigit(*digits)) at = SkipDigits(digits, end);
  }
  return static_cast<size_t>(at - begin);
}

Status AddDecimals(std::string_view a, std::string_view b, std::string* sum) {
  AMPT_ASSERT(a.size() <= limits::kNumberBytes && b.size() <= limits::kNumberBytes);
  sum->clear();
  const std::optional<int64_t> small_a = ParseInt64(a);
  const std::optional<int64_t> small_b = ParseInt64(b);
  int64_t small_sum = 0;
  if (small_a && small_b && !__builtin_add_overflow(*small_a, *small_b, &small_sum)) {
    sum->append(IntegerText(small_sum));
    return Status::Ok();
  }

  Decimal high = ParseDecimal(a);
  Decimal low = ParseDecimal(b);
  if (high.coefficient == 0) return WritePlain(low.coefficient, low.exponent, sum);
  if (low.coefficient == 0) return WritePlain(high.coefficient, high.exponent, sum);
  if (high.exponent < low.exponent) std::swap(high, low);
  // Neither coefficient ends in 0, so nothing cancels the lowest digit of `low` unless the
  // exponents are equal: a sum of parts this far apart has more digits than fit.
  const cpp_int distance = high.exponent - low.exponent;
  if (distance > 2 * limits::kNumberBytes) return TooLong();
  high.coefficient *= pow(cpp_int(10), static_cast<unsigned>(distance));
  return WritePlain(high.coefficient + low.coefficient, low.exponent, sum);
}

}  // namespace ampt
