#include "commands/grammar.h"

#include "commands/texts.h"

namespace ampt::grammar {
namespace {

constexpr size_t kShownBytes = 64;

// A client's word as it can stand in an error: what does not print is escaped, a long word ends in
// dots.
std::string Shown(std::string_view word) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string shown;
  for (const char c : word.substr(0, kShownBytes)) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '\'' || c == '\\') {
      shown.append(1, '\\').append(1, c);
    } else if (byte < 0x20 || byte >= 0x7f) {
      shown.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      shown.push_back(c);
    }
  }
  if (word.size() > kShownBytes) shown.append("...");
  return shown;
}

Status Syntax(Style style, std::string_view what) {
  if (style == Style::kRedis) return SyntaxError();
  return Status::Err("syntax error: " + std::string(what));
}

}  // namespace

Status NotAnInteger() {
  return NotAnIntegerOrOutOfRange();
}

Status NotABoolean(std::string_view name) {
  return Status::Err(std::string(name) + " must be true, false, yes or no");
}

Status UnknownOption(Style style, std::string_view word) {
  return Syntax(style, "unknown option '" + Shown(word) + "'");
}

Status GivenTwice(Style style, std::string_view option) {
  return Syntax(style, "option '" + std::string(option) + "' given twice");
}

Status Excludes(Style style, std::string_view a, std::string_view b) {
  return Syntax(style, std::string(a) + " and " + std::string(b) + " exclude each other");
}

Status MissingWord(Style style, std::string_view option) {
  return Syntax(style, "option '" + std::string(option) + "' needs a value");
}

Status BadCount(Style style, std::string_view name) {
  if (style == Style::kRedis)
    return Status::Err("Number of keys can't be greater than number of args");
  return Syntax(style, std::string(name) + " does not fit the words that follow it");
}

}  // namespace ampt::grammar
