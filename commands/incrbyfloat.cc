// INCRBYFLOAT. Sums in long double and writes up to 17 digits behind the point, as Redis does;
// exact decimal sums are AMPT.ADD's. The result is a number of the product, so one of more than 256
// bytes is refused.
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "commands/grammar.h"
#include "commands/string_write.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view key;
  std::string_view increment;
};

constexpr auto kGrammar = Redis<Args>(Key("key", &Args::key), Word("increment", &Args::increment));

constexpr Example kExamples[] = {
    {"SET price 10.50", "OK"},
    {"INCRBYFLOAT price 0.1", "\"10.6\""},
    {"INCRBYFLOAT price -5", "\"5.6\""},
    {"SET price 5.0e3", "OK"},
    {"INCRBYFLOAT price 2.0e2", "\"5200\""},
};

constexpr Spec kSpec{
    .name = "incrbyfloat",
    .group = Group::kString,
    .summary = "Adds a floating point number to the numeric value of a key",
    .since = "2.6.0",
    .complexity = "O(1), O(log n) for a new key",
    .flags = kWrite | kDenyOom | kFast,
    .scope = Scope::kKey,
    .examples = kExamples,
};

// The longest long double written plain, and the longest text that is read as one: Redis' bound.
constexpr size_t kLongDoubleBytes = 5 * 1024;

// What strtold takes from the first byte to the last, in range and no NaN.
bool ParseLongDouble(std::string_view text, long double* out) {
  char buffer[kLongDoubleBytes];
  if (text.empty() || text.size() >= sizeof buffer || std::isspace(static_cast<uint8_t>(text[0]))) {
    return false;
  }
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  char* end;
  errno = 0;
  *out = std::strtold(buffer, &end);
  if (end != buffer + text.size() || std::isnan(*out)) return false;
  return errno != ERANGE || (!std::isinf(*out) && *out != 0);
}

// Without an exponent and without zeros at the end. REQUIRES: finite.
std::string_view PlainText(long double value, char (&buffer)[kLongDoubleBytes]) {
  const int written = std::snprintf(buffer, sizeof buffer, "%.17Lf", value);
  std::string_view text(buffer, static_cast<size_t>(written));
  text = text.substr(0, text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.remove_suffix(1);
  return text == "-0" ? "0" : text;
}

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(args.key));
  KeyRef ref = context.store.Open(args.key, context.now_ms);
  const ValueView stored = ref.exists() ? ref.item().value() : NumberValue("0");
  if (!stored.is_scalar()) return WrongType();
  long double value;
  long double increment;
  if (!ParseLongDouble(stored.text, &value) || !ParseLongDouble(args.increment, &increment)) {
    return NotAFloat();
  }
  value += increment;
  if (!std::isfinite(value)) return Status::Err("increment would produce NaN or Infinity");
  char buffer[kLongDoubleBytes];
  const std::string_view text = PlainText(value, buffer);
  if (text.size() > limits::kNumberBytes) {
    return Status::Err("the sum would take more than " + std::to_string(limits::kNumberBytes) +
                       " bytes");
  }
  AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, text.size()));
  StoreChanged(ref, NumberValue(text), context.now_s());
  context.reply.Bulk(text);
  return {};
}

}  // namespace

extern const Command kIncrbyfloat;
constexpr Command kIncrbyfloat = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
