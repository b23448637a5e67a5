#include "model/glob.h"

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"

namespace ampt {
namespace {

uint8_t Byte(char c, Case letters) {
  return static_cast<uint8_t>(letters == Case::kIgnore ? AsciiLower(c) : c);
}

// `*at` stands behind the class' `[` and is moved behind its `]`. The odd corners are Redis': a
// range needs three bytes before the pattern's end, so that `[a-]` is a range to `]`.
bool ClassHolds(std::string_view pattern, size_t* at, char c, Case letters) {
  const bool negated = *at < pattern.size() && pattern[*at] == '^';
  if (negated) ++*at;
  const uint8_t byte = Byte(c, letters);
  bool holds = false;
  while (*at < pattern.size()) {
    const size_t left = pattern.size() - *at;
    if (pattern[*at] == '\\' && left >= 2) {
      holds |= pattern[*at + 1] == c;
      *at += 2;
    } else if (pattern[*at] == ']') {
      ++*at;
      break;
    } else if (left >= 3 && pattern[*at + 1] == '-') {
      const auto [low, high] =
          std::minmax({Byte(pattern[*at], letters), Byte(pattern[*at + 2], letters)});
      holds |= low <= byte && byte <= high;
      *at += 3;
    } else {
      holds |= Byte(pattern[*at], letters) == byte;
      ++*at;
    }
  }
  return holds != negated;
}

// Whether the part of the pattern at `*at`, which is no `*`, matches `c`; then `*at` moves behind
// it. REQUIRES: `*at` is not the end.
bool PartMatches(std::string_view pattern, size_t* at, char c, Case letters) {
  switch (pattern[*at]) {
    case '?':
      ++*at;
      return true;
    case '[':
      ++*at;
      return ClassHolds(pattern, at, c, letters);
    case '\\':
      if (*at + 1 < pattern.size()) ++*at;
      [[fallthrough]];
    default:
      return Byte(pattern[(*at)++], letters) == Byte(c, letters);
  }
}

}  // namespace

bool GlobMatches(std::string_view pattern, std::string_view text, Case letters) {
  // Only the last `*` has to be tried at other places: what stood before it has matched as early as
  // it can, which leaves the most for the rest.
  constexpr size_t kNone = std::string_view::npos;
  size_t part = 0;
  size_t behind_star = kNone;  // in the pattern
  size_t star_end = 0;         // in the text: the last `*` has taken the bytes before
  for (size_t at = 0; at < text.size();) {
    if (part < pattern.size() && pattern[part] == '*') {
      behind_star = ++part;
      if (part == pattern.size()) return true;
      star_end = at;
    } else if (part < pattern.size() && PartMatches(pattern, &part, text[at], letters)) {
      ++at;
    } else if (behind_star != kNone) {
      part = behind_star;
      at = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', part) == kNone;
}

GlobPrefix PrefixOfGlob(std::string_view pattern) {
  GlobPrefix prefix;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '*' || pattern[i] == '?' || pattern[i] == '[') return prefix;
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    prefix.literal.push_back(pattern[i]);
  }
  prefix.exact = true;
  return prefix;
}

}  // namespace ampt
