#include "base/bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/random.h"

namespace ampt {
namespace {

uint32_t Head(std::string_view text, size_t offset = 0) {
  return LoadHead(text.data(), text.size(), offset);
}

TEST(Bytes, HeadsAreBigEndianAndPaddedWithZeros) {
  EXPECT_EQ(Head("abcdef"), 0x61626364u);
  EXPECT_EQ(Head("abcdef", 2), 0x63646566u);
  EXPECT_EQ(Head("abcdef", 3), 0x64656600u);
  EXPECT_EQ(Head("abcdef", 6), 0u);
  EXPECT_EQ(Head("abcdef", 100), 0u);
  EXPECT_EQ(Head(""), 0u);
  EXPECT_EQ(Head("\xff\xfe\xfd\xfc"), 0xfffefdfcu);
}

TEST(Bytes, UnequalHeadsCompareAsTheTextsDo) {
  Random random(1);
  const auto make = [&random] {
    std::string text;
    for (uint64_t i = random.Below(7); i > 0; --i)
      text.push_back("\0\x01\x80\xff"[random.Below(4)]);
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string a = make();
    const std::string b = make();
    if (Head(a) != Head(b)) {
      ASSERT_EQ(Head(a) < Head(b), a < b);
    }
  }
}

TEST(Bytes, IgnoringCaseIsForAsciiLettersOnly) {
  EXPECT_TRUE(EqualsIgnoreCase("LiMiT", "limit"));
  EXPECT_TRUE(EqualsIgnoreCase("", ""));
  EXPECT_FALSE(EqualsIgnoreCase("limit", "limits"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
  EXPECT_FALSE(EqualsIgnoreCase("[", "{"));
  EXPECT_FALSE(EqualsIgnoreCase("\xc4", "\xe4"));
  EXPECT_EQ(AsciiUpper('z'), 'Z');
  EXPECT_EQ(AsciiUpper('{'), '{');
  EXPECT_EQ(AsciiLower('Z'), 'z');
  EXPECT_EQ(AsciiLower('['), '[');
}

TEST(Bytes, IntegersAreReadAsRedisReadsThem) {
  EXPECT_EQ(ParseInteger("0"), 0);
  EXPECT_EQ(ParseInteger("-1"), -1);
  EXPECT_EQ(ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseInteger("-9223372036854775808"), INT64_MIN);
  for (const std::string_view refused :
       {"", "-", "+1", "-0", "00", "01", "-01", " 1", "1 ", "1.0", "1e3", "0x1", "--1",
        "9223372036854775808", "-9223372036854775809", "99999999999999999999",
        "000000000000000000001"}) {
    EXPECT_EQ(ParseInteger(refused), std::nullopt) << refused;
  }
  EXPECT_EQ(ParseInteger(std::string_view("1\0", 2)), std::nullopt);
}

TEST(Bytes, IntegerTextIsTheReverse) {
  for (const int64_t n : {INT64_MIN, int64_t{-1}, int64_t{0}, int64_t{42}, INT64_MAX}) {
    EXPECT_EQ(IntegerText(n).view(), std::to_string(n));
    EXPECT_EQ(ParseInteger(IntegerText(n)), n);
  }
}

TEST(Bytes, HashesDependOnSeedAndBytes) {
  EXPECT_EQ(HashBytes("key", 1), HashBytes("key", 1));
  EXPECT_NE(HashBytes("key", 1), HashBytes("key", 2));
  EXPECT_NE(HashBytes("key", 1), HashBytes("kez", 1));
  EXPECT_EQ(HashBytes({}, 1), HashBytes("", 1));
}

}  // namespace
}  // namespace ampt
