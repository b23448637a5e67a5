#include "model/key.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/random.h"
#include "model/expression.h"

namespace ampt {
namespace {

// The canonical form, or the error's text.
std::string Canonical(std::string_view raw, KeyUse use = KeyUse::kRead) {
  std::string scratch = "left over";
  const Result<std::string_view> key = CanonicalKey(raw, use, &scratch);
  return key.ok() ? std::string(*key) : key.status().text();
}

std::string Repeat(std::string_view unit, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += unit;
  return text;
}

constexpr std::string_view kInvalid = "ERR Invalid key";
constexpr std::string_view kKeyTooLong = "ERR Invalid key: Maximum Key size is 256 bytes";
constexpr std::string_view kNamespaceTooLong =
    "ERR Invalid key: Maximum collection name size is 256 bytes";
constexpr std::string_view kBadCharacter =
    "ERR Invalid key: Key names in collections cannot contain the '|' or the '*' characters.";
constexpr std::string_view kBadStart =
    "ERR Invalid key: Key names in collections cannot start with the '>' or '<' characters.";

TEST(Key, PlainKeysAreReturnedAsTheyAre) {
  const std::string raw = "users:42";
  std::string scratch;
  const auto key = CanonicalKey(raw, KeyUse::kWrite, &scratch);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->data(), raw.data());
  EXPECT_EQ(*key, raw);
}

TEST(Key, ItIsToldByTheBytesAloneThatAKeyIsPlain) {
  for (const std::string_view plain : {"a", "users:42", "users", "a:b:c",
                                       "order:2024-01-01T00:00:00Z", "12345678:", "~!\"#$%&'()"}) {
    EXPECT_EQ(IsPlainKey(plain), plain.back() != ':') << plain;
  }
  EXPECT_TRUE(IsPlainKey(std::string(256, 'k')));
  EXPECT_FALSE(IsPlainKey(std::string(257, 'k')));
  EXPECT_FALSE(IsPlainKey(""));
  // What is not plain is found at every place of a text of any length.
  for (size_t size = 2; size < 40; ++size) {
    std::string text(size, 'k');
    EXPECT_TRUE(IsPlainKey(text));
    for (size_t at = 0; at < size; ++at) {
      for (const char odd : {'|', '*', '<', '>', ' ', '\0', '\n', '\x80', '\xff'}) {
        text[at] = odd;
        EXPECT_FALSE(IsPlainKey(text)) << testing::PrintToString(text);
      }
      text[at] = ':';
      EXPECT_EQ(IsPlainKey(text), at != 0 && at + 1 != size) << text;
      if (at + 1 < size) {
        text[at + 1] = ':';
        EXPECT_FALSE(IsPlainKey(text)) << text;
        text[at + 1] = 'k';
      }
      text[at] = 'k';
    }
  }
}

// What is said to be plain is what all the rules make of it.
TEST(Key, APlainKeyIsCanonicalAndExact) {
  constexpr std::string_view kAlphabet("abAB09::;9|*<>=? \t\0\x7f\x80\xc3\xa9~", 24);
  Random random(11);
  int plain = 0;
  for (int n = 0; n < 200'000; ++n) {
    std::string text(1 + random.Below(20), ' ');
    const size_t letters = random.Below(2) == 0 ? 9 : kAlphabet.size();
    for (char& c : text) c = kAlphabet[random.Below(letters)];
    if (!IsPlainKey(text)) continue;
    ++plain;
    EXPECT_EQ(TrimEcma(text), text);
    EXPECT_EQ(FormOf(text), KeyForm::kExact) << text;
    const Result<Expression> expression = ParseExpression(text);
    ASSERT_TRUE(expression.ok()) << text;
    EXPECT_TRUE(expression->exact) << text;
    EXPECT_EQ(expression->range.lower, text);
    // Trimming and the rules of a write, by the slow way: the same behind a space.
    for (const KeyUse use : {KeyUse::kWrite, KeyUse::kRead, KeyUse::kLabel}) {
      EXPECT_EQ(Canonical(" " + text, use), text);
    }
  }
  EXPECT_GT(plain, 20'000);
}

TEST(Key, SegmentsAreTrimmed) {
  EXPECT_EQ(Canonical("  k-trim  "), "k-trim");
  EXPECT_EQ(Canonical("\t k-trim \n"), "k-trim");
  EXPECT_EQ(Canonical("\u00A0k-trim\uFEFF"), "k-trim");
  EXPECT_EQ(Canonical(" kns : key1 "), "kns:key1");
  EXPECT_EQ(Canonical("kn3: x : y "), "kn3:x:y");
  EXPECT_EQ(Canonical("a:b: :c"), "a:b::c");
  EXPECT_EQ(Canonical("k in ner"), "k in ner");
  EXPECT_EQ(Canonical("k\nnl"), "k\nnl");
  EXPECT_EQ(Canonical(std::string_view("k\0nul", 5)), std::string_view("k\0nul", 5));
  EXPECT_EQ(Canonical(std::string_view("\0", 1)), std::string_view("\0", 1));
}

TEST(Key, TrimKnowsAllOfEcmaScriptsWhiteSpace) {
  for (const std::string_view space :
       {"\t",     "\n",     "\v",     "\f",     "\r",     " ",      "\u00A0", "\u1680", "\u2000",
        "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009",
        "\u200A", "\u2028", "\u2029", "\u202F", "\u205F", "\u3000", "\uFEFF"}) {
    const std::string both = std::string(space) + "x" + std::string(space);
    EXPECT_EQ(TrimEcma(both), "x") << both;
    EXPECT_EQ(TrimEcma(space), "");
  }
}

TEST(Key, TrimLeavesLookAlikesAlone) {
  // Neighbours of white space, among them U+180E and U+200B, which are none, and letters that end
  // in the byte A0.
  for (const std::string_view text :
       {"\u0008", "\u000E", "\u001F", "\u0085", "\u00A1", "\u00E0", "\u180E", "\u200B", "\u2027",
        "\u202A", "\u2060", "\u3001", "\U0001F600", "\u0000x"}) {
    EXPECT_EQ(TrimEcma(text), text);
  }
  EXPECT_EQ(TrimEcma(""), "");
}

TEST(Key, EmptyPartsAreRefused) {
  for (const std::string_view raw :
       {"", " ", ":", "ns:", ":k", "::", "a::b", " : ", "a: ", "a: :b", "\u00A0", ":\u3000:"}) {
    EXPECT_EQ(Canonical(raw), kInvalid) << raw;
    EXPECT_EQ(Canonical(raw, KeyUse::kWrite), kInvalid) << raw;
    EXPECT_EQ(Canonical(raw, KeyUse::kLabel), kInvalid) << raw;
  }
  // Only the first two segments have to be there.
  EXPECT_EQ(Canonical("kn3:p::q"), "kn3:p::q");
  EXPECT_EQ(Canonical("kn3:t:"), "kn3:t:");
}

TEST(Key, SizesCountBytesAfterTrimming) {
  for (const auto& [unit, count] : {std::pair{"a", 256}, {"é", 128}, {"😀", 64}}) {
    const std::string fits = Repeat(unit, count);
    const std::string too_long = fits + "a";
    EXPECT_EQ(Canonical(fits), fits);
    EXPECT_EQ(Canonical(" " + fits + " "), fits);
    EXPECT_EQ(Canonical("kl:" + fits), "kl:" + fits);
    EXPECT_EQ(Canonical(fits + ":" + fits), fits + ":" + fits);
    EXPECT_EQ(Canonical(too_long), kKeyTooLong);
    EXPECT_EQ(Canonical("kl:" + too_long), kKeyTooLong);
    EXPECT_EQ(Canonical(too_long + ":k"), kNamespaceTooLong);
    EXPECT_EQ(Canonical(too_long + ":" + too_long), kKeyTooLong);
  }
  // The name is all that follows the first colon.
  EXPECT_EQ(Canonical("kl:" + Repeat("a", 128) + ":" + Repeat("a", 127)).size(), 259u);
  EXPECT_EQ(Canonical("kl:" + Repeat("a", 128) + ":" + Repeat("a", 128)), kKeyTooLong);
  EXPECT_EQ(Canonical(Repeat("a", 300) + ":"), kInvalid);
}

TEST(Key, CharactersThatQueriesNeedAreRefusedInNamesToWrite) {
  for (const std::string_view raw :
       {"ns:*", "ns:a*", "ns:a*b", "ns:a|b", "ns:|", "ns:b:*c", "ns:>a|b", "ns: é*"}) {
    EXPECT_EQ(Canonical(raw, KeyUse::kWrite), kBadCharacter) << raw;
  }
  for (const std::string_view raw : {"ns:>a", "ns:<a", "ns:>=a", "ns: >a"}) {
    EXPECT_EQ(Canonical(raw, KeyUse::kWrite), kBadStart) << raw;
  }
  for (const std::string_view raw : {"**", "ns*", "a*b", ">x", "<x", "a|b", "|", "ns|x:y", "ns*:y",
                                     ">ns:y", "ns:a>b", "ns:=a", "ns:a<", "ns:b:>c"}) {
    EXPECT_EQ(Canonical(raw, KeyUse::kWrite), raw);
  }
  for (const std::string_view raw : {"*", "ns:*", "ns:a|b", "ns:>a", "ns:<a"}) {
    EXPECT_EQ(Canonical(raw, KeyUse::kRead), raw);
    EXPECT_EQ(Canonical(raw, KeyUse::kLabel), raw);
  }
}

TEST(Key, TheStarAloneIsNoKeyToWrite) {
  EXPECT_TRUE(Canonical("*", KeyUse::kWrite).starts_with("ERR Invalid key: '*'"));
  EXPECT_TRUE(Canonical(" * ", KeyUse::kWrite).starts_with("ERR Invalid key: '*'"));
}

TEST(Key, InvalidUtf8IsNamedWithItsPlace) {
  EXPECT_EQ(Canonical("\xFF"), "ERR Invalid key: not valid UTF-8 (byte 0)");
  EXPECT_EQ(Canonical("né:\xC3"), "ERR Invalid key: not valid UTF-8 (byte 4)");
  EXPECT_EQ(Canonical("a\xC0\x80"), "ERR Invalid key: not valid UTF-8 (byte 1)");
  EXPECT_EQ(Canonical("ab\xED\xA0\x80"), "ERR Invalid key: not valid UTF-8 (byte 2)");
  EXPECT_EQ(Canonical("😀\xF5\x80\x80\x80"), "ERR Invalid key: not valid UTF-8 (byte 4)");
  // Looked for before all else.
  EXPECT_EQ(Canonical(":\x80"), "ERR Invalid key: not valid UTF-8 (byte 1)");
}

TEST(Key, NamespaceIsThePartBeforeTheFirstColon) {
  EXPECT_EQ(NamespaceOf("a:b:c"), "a");
  EXPECT_EQ(NamespaceOf("simple"), "simple");
  EXPECT_EQ(NamespaceOf(""), "");
}

}  // namespace
}  // namespace ampt
