#include "model/glob.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

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

// Upper and lower case share their bits; digits and punctuation, in groups of 32, have others.
ByteSet BitOf(char c) {
  return ByteSet{1} << ((c & 31) | (c & 64) >> 1);
}

// The matching of one text by all parts of the pattern at once: bit i of the state says that the
// first i parts, not counting `*`, match what has been read (the Shift-And automaton). A step costs
// a word for 64 parts, whatever the pattern and the text are.
class ParallelMatch {
 public:
  ParallelMatch(std::string_view pattern, std::string_view text, Case letters) : text_(text) {
    std::array<bool, 256> wanted{};
    for (const char c : text) wanted[static_cast<uint8_t>(c)] = true;
    size_t at = 0;
    const size_t most_words = pattern.size() / kBits + 1;
    stays_.resize(most_words);
    for (size_t byte = 0; byte < 256; ++byte) {
      if (wanted[byte]) holds_[byte].resize(most_words);
    }
    while (at < pattern.size()) {
      if (pattern[at] == '*') {
        Set(&stays_, parts_);
        ++at;
        continue;
      }
      size_t end = at;
      PartMatches(pattern, &end, '\0', letters);
      for (size_t byte = 0; byte < 256; ++byte) {
        size_t ignored = at;
        if (wanted[byte] && PartMatches(pattern, &ignored, static_cast<char>(byte), letters)) {
          Set(&holds_[byte], parts_);
        }
      }
      ++parts_;
      at = end;
    }
  }

  bool Matches() const {
    if (parts_ > text_.size()) return false;
    const size_t words = parts_ / kBits + 1;
    std::vector<uint64_t> state(words);
    state[0] = 1;
    size_t low = 0;  // words below `low` and from `high` on are 0
    size_t high = 1;
    for (const char c : text_) {
      const std::vector<uint64_t>& holds = holds_[static_cast<uint8_t>(c)];
      uint64_t carry = 0;
      size_t last_star = low;
      for (size_t word = low; word < high; ++word) {
        const uint64_t stays = state[word] & stays_[word];
        const uint64_t goes_on = state[word] & holds[word];
        state[word] = goes_on << 1 | carry | stays;
        carry = goes_on >> (kBits - 1);
        if (stays != 0) last_star = word;
      }
      if (high < words && carry != 0) state[high++] = carry;
      // What has reached a `*` can do all that waits at one before it can.
      for (; low < last_star; ++low) state[low] = 0;
      while (high > low + 1 && state[high - 1] == 0) --high;
      if (high == low + 1 && state[low] == 0) return false;
    }
    return (state[parts_ / kBits] >> parts_ % kBits & 1) != 0;
  }

 private:
  static constexpr size_t kBits = 64;

  static void Set(std::vector<uint64_t>* bits, size_t i) {
    (*bits)[i / kBits] |= uint64_t{1} << i % kBits;
  }

  std::string_view text_;
  size_t parts_ = 0;                              // without `*`
  std::array<std::vector<uint64_t>, 256> holds_;  // bit i: part i matches the byte
  std::vector<uint64_t> stays_;                   // bit i: a `*` stands before part i
};

// `*read_again` gets how many bytes of the pattern were looked at more than once.
bool Matches(std::string_view pattern, std::string_view text, Case letters, size_t* read_again) {
  // Only the last `*` has to be tried at other places: what stood before it has matched as early as
  // it can, which leaves the most for the rest.
  constexpr size_t kNone = std::string_view::npos;
  constexpr size_t kPatience = 16 * 1024;
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
      *read_again += part - behind_star;
      if (*read_again > kPatience) return ParallelMatch(pattern, text, letters).Matches();
      part = behind_star;
      at = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', part) == kNone;
}

}  // namespace

bool GlobMatches(std::string_view pattern, std::string_view text, Case letters, size_t* work) {
  size_t read_again = 0;
  const bool matches = Matches(pattern, text, letters, &read_again);
  if (work != nullptr) *work += text.size() + read_again;
  return matches;
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

ByteSet BytesOfText(std::string_view text) {
  ByteSet bytes = 0;
  for (const char c : text) bytes |= BitOf(c);
  return bytes;
}

ByteSet BytesNeededByGlob(std::string_view pattern) {
  ByteSet bytes = 0;
  for (size_t at = 0; at < pattern.size();) {
    if (pattern[at] == '*') {
      ++at;
      continue;
    }
    const bool is_byte = pattern[at] != '?' && pattern[at] != '[';
    PartMatches(pattern, &at, '\0', Case::kSensitive);
    if (is_byte) bytes |= BitOf(pattern[at - 1]);
  }
  return bytes;
}

}  // namespace ampt
