#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ampt {
namespace {

TEST(Utf8, WhatIsNotValidIsFoundAnywhereInAText) {
  for (const std::string_view bytes :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xe2\x82", "\xe2\x28\xa1", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    for (size_t before = 0; before < 20; ++before) {
      for (const size_t behind : {0, 1, 9}) {
        const std::string text =
            std::string(before, 'a') + std::string(bytes) + std::string(behind, 'z');
        EXPECT_FALSE(IsValidUtf8(text)) << testing::PrintToString(text);
      }
    }
  }
}

TEST(Utf8, CodePointsAreWrittenAsTheyAreRead) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8(std::string(1, '\0')));
  EXPECT_TRUE(IsValidUtf8("\xed\x9f\xbf\xee\x80\x80"));  // on both sides of the surrogates
  const struct {
    uint32_t code_point;
    std::string_view bytes;
  } kCases[] = {
      {0x41, "A"},
      {0x7f, "\x7f"},
      {0x80, "\xc2\x80"},
      {0x7ff, "\xdf\xbf"},
      {0x800, "\xe0\xa0\x80"},
      {0x20ac, "€"},
      {0xffff, "\xef\xbf\xbf"},
      {0x10000, "\xf0\x90\x80\x80"},
      {0x10ffff, "\xf4\x8f\xbf\xbf"},
  };
  for (const auto& c : kCases) {
    char bytes[4];
    const std::string_view written(bytes,
                                   static_cast<size_t>(PutUtf8(c.code_point, bytes) - bytes));
    EXPECT_EQ(written, c.bytes);
    EXPECT_TRUE(IsValidUtf8(c.bytes));
    if (c.code_point < 0x80) continue;
    EXPECT_EQ(Utf8Sequence(bytes, bytes + written.size()), written.size());
    EXPECT_EQ(Utf8Sequence(bytes, bytes + written.size() - 1), 0u);
  }
}

}  // namespace
}  // namespace ampt
