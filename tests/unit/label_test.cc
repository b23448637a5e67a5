#include "model/label.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ampt {
namespace {

std::string Encoded(std::string_view label) {
  std::string scratch = "left over";
  return std::string(EncodeLabel(label, &scratch));
}

// All texts of up to four of the bytes that matter.
std::vector<std::string> SmallTexts() {
  std::vector<std::string> texts = {""};
  for (size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].size() == 4) break;
    for (const char c : std::string_view("\0\x01\x02"
                                         "a\xff",
                                         5)) {
      texts.push_back(texts[i] + c);
    }
  }
  return texts;
}

TEST(Label, WhatAPersonWritesIsAView) {
  const std::string label = "status:open \xC3\xA9";
  std::string scratch;
  EXPECT_EQ(EncodeLabel(label, &scratch).data(), label.data());
  EXPECT_EQ(DecodeLabel(label, &scratch).data(), label.data());
}

TEST(Label, ZeroAndOneAreEncoded) {
  EXPECT_EQ(Encoded(std::string_view("a\0b\x01"
                                     "c",
                                     5)),
            "a\x01\x01"
            "b\x01\x02"
            "c");
}

TEST(Label, DecodingIsTheReverse) {
  for (const std::string& text : SmallTexts()) {
    const std::string encoded = Encoded(text);
    EXPECT_EQ(encoded.find('\0'), std::string::npos);
    std::string scratch = "left over";
    ASSERT_EQ(DecodeLabel(encoded, &scratch), text);
  }
}

TEST(Label, EncodingKeepsOrderAndPrefixes) {
  const std::vector<std::string> texts = SmallTexts();
  for (const std::string& a : texts) {
    const std::string encoded_a = Encoded(a);
    for (const std::string& b : texts) {
      const std::string encoded_b = Encoded(b);
      ASSERT_EQ(a < b, encoded_a < encoded_b);
      ASSERT_EQ(b.starts_with(a), encoded_b.starts_with(encoded_a));
      // With a zero byte and a key behind it, whatever the keys are.
      if (a < b) {
        ASSERT_LT(encoded_a + '\0' + "\xff\xff", encoded_b + '\0');
      }
    }
  }
}

TEST(Label, RangesAreEncodedBoundByBound) {
  const std::vector<std::string> texts = SmallTexts();
  for (size_t i = 0; i < texts.size(); i += 7) {
    for (size_t j = 0; j < texts.size(); j += 5) {
      Range range;
      range.lower = texts[i];
      range.upper = texts[j];
      range.lower_inclusive = i % 2 == 0;
      range.upper_inclusive = j % 2 == 0;
      const Range encoded = EncodeLabelRange(range);
      for (size_t k = 0; k < texts.size(); k += 3) {
        ASSERT_EQ(encoded.Contains(Encoded(texts[k])), range.Contains(texts[k]));
      }
    }
  }
}

}  // namespace
}  // namespace ampt
