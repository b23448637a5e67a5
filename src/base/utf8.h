// UTF-8 (RFC 3629): no surrogates, nothing longer than needed, nothing beyond U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ampt {

// The length of the valid sequence of two to four bytes at the beginning of [at, end), else 0.
// REQUIRES: at != end.
inline size_t Utf8Sequence(const char* at, const char* end) {
  const auto byte = [at](size_t i) { return static_cast<uint8_t>(at[i]); };
  const auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const auto available = static_cast<size_t>(end - at);
  const uint8_t lead = byte(0);
  if (lead >= 0xc2 && lead <= 0xdf) return available >= 2 && continues(1) ? 2 : 0;
  if ((lead & 0xf0) == 0xe0) {
    if (available < 3 || !continues(1) || !continues(2)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // longer than needed
    if (lead == 0xed && byte(1) > 0x9f) return 0;  // a surrogate
    return 3;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    if (available < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
    if (lead == 0xf0 && byte(1) < 0x90) return 0;
    if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

// Writes a code point, at most U+10FFFF, in one to four bytes and returns the end of them.
inline char* PutUtf8(uint32_t code_point, char* to) {
  if (code_point < 0x80) {
    *to++ = static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    *to++ = static_cast<char>(0xc0 | code_point >> 6);
    *to++ = static_cast<char>(0x80 | (code_point & 0x3f));
  } else if (code_point < 0x10000) {
    *to++ = static_cast<char>(0xe0 | code_point >> 12);
    *to++ = static_cast<char>(0x80 | (code_point >> 6 & 0x3f));
    *to++ = static_cast<char>(0x80 | (code_point & 0x3f));
  } else {
    *to++ = static_cast<char>(0xf0 | code_point >> 18);
    *to++ = static_cast<char>(0x80 | (code_point >> 12 & 0x3f));
    *to++ = static_cast<char>(0x80 | (code_point >> 6 & 0x3f));
    *to++ = static_cast<char>(0x80 | (code_point & 0x3f));
  }
  return to;
}

// True if all of `text` is valid. Cost: one pass, eight bytes of ASCII at once.
bool IsValidUtf8(std::string_view text);

}  // namespace ampt
