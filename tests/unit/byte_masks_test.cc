#include "base/byte_masks.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace ampt {
namespace {

// A mask is nonzero where a byte is meant, and its lowest bit means the first.
template <typename MaskOf, typename IsMeant>
void ExpectFirst(const std::string& bytes, MaskOf mask_of, IsMeant is_meant) {
  const uint64_t mask = mask_of(LoadBytes(bytes.data()));
  int first = 8;
  for (int i = 7; i >= 0; --i) {
    if (is_meant(static_cast<uint8_t>(bytes[static_cast<size_t>(i)]))) first = i;
  }
  EXPECT_EQ(mask == 0 ? 8 : FirstByte(mask), first) << testing::PrintToString(bytes);
}

TEST(ByteMasks, TheFirstByteIsExact) {
  Random random(3);
  // Bytes that carry into their neighbours: next to what is looked for, and at both ends.
  constexpr uint8_t kBytes[] = {0,   1,    0x1f, 0x20, 0x21, '9', ':',
                                ';', 0x7f, 0x80, 0x81, 0xba, 0xff};
  for (int n = 0; n < 20'000; ++n) {
    std::string bytes(8, ' ');
    for (char& byte : bytes) byte = static_cast<char>(kBytes[random.Below(std::size(kBytes))]);
    ExpectFirst(
        bytes, [](uint64_t word) { return BytesEqual(word, ':'); },
        [](uint8_t byte) { return byte == ':'; });
    ExpectFirst(
        bytes, [](uint64_t word) { return BytesEqual(word, '\xff'); },
        [](uint8_t byte) { return byte == 0xff; });
    ExpectFirst(
        bytes, [](uint64_t word) { return BytesBelow(word, '!'); },
        [](uint8_t byte) { return byte < '!'; });
    ExpectFirst(bytes, BytesAboveAscii, [](uint8_t byte) { return byte >= 0x80; });
  }
}

TEST(ByteMasks, ATextOfAnyLengthIsSearchedToItsEndAndNoFurther) {
  const auto is_colon = [](uint64_t word) { return BytesEqual(word, ':'); };
  for (size_t size = 0; size < 40; ++size) {
    std::string text(size, 'x');
    const std::string padded = text + ":";
    EXPECT_EQ(FindByte(padded.data(), padded.data() + size, is_colon), padded.data() + size);
    for (size_t at = 0; at < size; ++at) {
      text[at] = ':';
      EXPECT_EQ(FindByte(text.data(), text.data() + size, is_colon), text.data() + at);
      text[at] = 'x';
    }
  }
}

}  // namespace
}  // namespace ampt
