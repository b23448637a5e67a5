// Glob patterns as Redis' KEYS, SCAN, PSUBSCRIBE and CONFIG GET understand them.
//
//   *        any bytes, none included
//   ?        one byte
//   [ab-d]   one byte of a class; [^…] one that is not in it; a class without its ] goes to the end
//   \x       x itself, in a class too; a \ at the very end is itself
//
// Patterns and texts are bytes; ranges compare them unsigned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ampt {

enum class Case : uint8_t { kSensitive, kIgnore };  // of ASCII letters

// True if the whole of `text` matches. Never recurses. Cost: linear for short parts between two
// `*`; where a pattern makes the search begin again and again, a 64th of the product of both sizes,
// and memory for that: a bit for each byte of the pattern and each different byte of the text.
// `*work` grows by how many bytes were looked at, as often as they were.
bool GlobMatches(std::string_view pattern, std::string_view text, Case letters = Case::kSensitive,
                 size_t* work = nullptr);

// What every match of a pattern begins with: where to look in an ordered index.
struct GlobPrefix {
  std::string literal;  // unescaped
  bool exact = false;   // the pattern has nothing else: it matches `literal` alone
};
GlobPrefix PrefixOfGlob(std::string_view pattern);

// A set of bytes; some bytes are taken for one another.
using ByteSet = uint64_t;
// Those of a text, and those that every match of a pattern has. A pattern that needs one that a
// text has not cannot match it: where many patterns are tried, that rules most of them out at once.
// Cost: linear in the bytes.
ByteSet BytesOfText(std::string_view text);
ByteSet BytesNeededByGlob(std::string_view pattern);

}  // namespace ampt
