#include "base/base64.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace ampt {
namespace {

std::string Encoded(std::string_view bytes) {
  std::string text;
  AppendBase64(bytes, &text);
  return text;
}

std::optional<std::string> Decoded(std::string text) {
  const ptrdiff_t size = DecodeBase64(text.data(), text.size());
  if (size < 0) return std::nullopt;
  text.resize(static_cast<size_t>(size));
  return text;
}

// RFC 4648, section 10.
TEST(Base64, TheVectorsOfItsStandard) {
  const struct {
    std::string_view bytes;
    std::string_view text;
  } kVectors[] = {{"", ""},
                  {"f", "Zg=="},
                  {"fo", "Zm8="},
                  {"foo", "Zm9v"},
                  {"foob", "Zm9vYg=="},
                  {"fooba", "Zm9vYmE="},
                  {"foobar", "Zm9vYmFy"}};
  for (const auto& vector : kVectors) {
    EXPECT_EQ(Encoded(vector.bytes), vector.text);
    EXPECT_EQ(Decoded(std::string(vector.text)), std::string(vector.bytes));
  }
}

TEST(Base64, AllBytesComeBack) {
  Random random(7);
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes(size, ' ');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    EXPECT_EQ(Decoded(Encoded(bytes)), bytes);
  }
}

TEST(Base64, OneTextForOneStringOfBytes) {
  for (const char* text : {"a", "aG", "aGV", "a===", "====", "=aGV", "aGVs!", "aG=s", "aGV\n",
                           "aGV-", "Zg==Zg==", "Zh==", "Zm9=", "Zg==\n", "Zg=v"}) {
    EXPECT_EQ(Decoded(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace ampt
