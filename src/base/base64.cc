#include "base/base64.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ampt {
namespace {

constexpr std::string_view kBase64Digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> kBase64Values = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kBase64Digits.size(); ++i) {
    values[static_cast<uint8_t>(kBase64Digits[i])] = static_cast<int8_t>(i);
  }
  return values;
}();

}  // namespace

void AppendBase64(std::string_view bytes, std::string* out) {
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < n ? static_cast<uint8_t>(bytes[i + j]) : 0u);
    }
    for (size_t j = 0; j < 4; ++j) {
      out->push_back(j <= n ? kBase64Digits[group >> (18 - 6 * j) & 63] : '=');
    }
  }
}

ptrdiff_t DecodeBase64(char* text, size_t size) {
  if (size % 4 != 0) return -1;
  char* to = text;
  for (size_t i = 0; i < size; i += 4) {
    size_t digits = 4;
    if (i + 4 == size) {
      if (text[i + 3] == '=') digits = text[i + 2] == '=' ? 2 : 3;
    }
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) {
      const int value = j < digits ? kBase64Values[static_cast<uint8_t>(text[i + j])] : 0;
      if (value < 0) return -1;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    // Bits that no byte uses must be zero: one text for one string of bytes.
    if (digits < 4 && (group & ((1u << (8 * (4 - digits))) - 1)) != 0) return -1;
    for (size_t j = 0; j + 1 < digits; ++j) *to++ = static_cast<char>(group >> (16 - 8 * j));
  }
  return to - text;
}

}  // namespace ampt
