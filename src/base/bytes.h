// Small functions on bytes that every layer needs.
#pragma once

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <xxhash.h>

namespace ampt {

// Up to four bytes of `text` from `offset` on as a big-endian number, zeros behind the end, so that
// unequal results compare as the strings do.
inline uint32_t LoadHead(const char* data, size_t size, size_t offset) {
  if (offset + 4 <= size) {
    uint32_t word;
    std::memcpy(&word, data + offset, 4);
    return __builtin_bswap32(word);
  }
  uint32_t word = 0;
  for (size_t i = 0; i < 4; ++i) {
    word = word << 8 | (offset + i < size ? static_cast<uint8_t>(data[offset + i]) : 0u);
  }
  return word;
}

inline char AsciiLower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
inline char AsciiUpper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c;
}

inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (AsciiLower(a[i]) != AsciiLower(b[i])) return false;
  }
  return true;
}

// A decimal integer as Redis takes it: optional '-', no leading zeros, no '+', no spaces, in range.
inline std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text.empty() || text.size() > 20) return std::nullopt;
  const size_t digits = text[0] == '-' ? 1 : 0;
  if (digits == text.size()) return std::nullopt;
  if (text[digits] == '0' && text.size() > 1) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Decimal text of an integer, without an allocation.
class IntegerText {
 public:
  explicit IntegerText(int64_t value)
      : size_(static_cast<size_t>(std::to_chars(text_, text_ + sizeof text_, value).ptr - text_)) {}
  operator std::string_view() const { return {text_, size_}; }
  std::string_view view() const { return {text_, size_}; }

 private:
  char text_[20];
  size_t size_;
};

// XXH3 by Yann Collet. Not for hostile input on its own: callers give a seed made at start.
inline uint64_t HashBytes(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace ampt
