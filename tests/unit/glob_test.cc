#include "model/glob.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ampt {
namespace {

TEST(Glob, PlainTextMatchesItself) {
  EXPECT_TRUE(GlobMatches("", ""));
  EXPECT_TRUE(GlobMatches("abc", "abc"));
  EXPECT_FALSE(GlobMatches("abc", "ab"));
  EXPECT_FALSE(GlobMatches("ab", "abc"));
  EXPECT_FALSE(GlobMatches("", "a"));
  EXPECT_FALSE(GlobMatches("a", ""));
}

TEST(Glob, Star) {
  EXPECT_TRUE(GlobMatches("*", ""));
  EXPECT_TRUE(GlobMatches("**", ""));
  EXPECT_TRUE(GlobMatches("*", "anything"));
  EXPECT_TRUE(GlobMatches("a*", "a"));
  EXPECT_TRUE(GlobMatches("a**", "abc"));
  EXPECT_TRUE(GlobMatches("*c", "abc"));
  EXPECT_FALSE(GlobMatches("*c", "abd"));
  EXPECT_TRUE(GlobMatches("a*b*c", "a__b_b_c"));
  EXPECT_FALSE(GlobMatches("a*b*c", "a__b_b_"));
  // The last one must be tried again behind the first place that fits.
  EXPECT_TRUE(GlobMatches("*ab", "aab"));
  EXPECT_TRUE(GlobMatches("*aab*", "aaab"));
  EXPECT_FALSE(GlobMatches("*a?", "a"));
}

TEST(Glob, QuestionMarkIsOneByte) {
  EXPECT_TRUE(GlobMatches("a?c", "abc"));
  EXPECT_FALSE(GlobMatches("a?c", "ac"));
  EXPECT_FALSE(GlobMatches("?", ""));
  EXPECT_FALSE(GlobMatches("?", "\xC3\xA9"));
  EXPECT_TRUE(GlobMatches("??", "\xC3\xA9"));
}

TEST(Glob, Classes) {
  EXPECT_TRUE(GlobMatches("h[ae]llo", "hallo"));
  EXPECT_FALSE(GlobMatches("h[ae]llo", "hillo"));
  EXPECT_TRUE(GlobMatches("h[^e]llo", "hallo"));
  EXPECT_FALSE(GlobMatches("h[^e]llo", "hello"));
  EXPECT_TRUE(GlobMatches("h[a-c]llo", "hbllo"));
  EXPECT_TRUE(GlobMatches("h[c-a]llo", "hbllo"));
  EXPECT_FALSE(GlobMatches("h[a-c]llo", "hdllo"));
  EXPECT_TRUE(GlobMatches("[\x80-\xff]", "\xC3"));
  EXPECT_FALSE(GlobMatches("[a-\xff]", "Z"));
  EXPECT_TRUE(GlobMatches("*[0-9]", "key:7"));
  EXPECT_TRUE(GlobMatches("[\\]]", "]"));
  EXPECT_TRUE(GlobMatches("[\\^a]", "^"));
  EXPECT_FALSE(GlobMatches("[ab]", ""));
}

TEST(Glob, OddClassesAreReadAsRedisReadsThem) {
  EXPECT_FALSE(GlobMatches("[]", "]"));
  EXPECT_TRUE(GlobMatches("[^]", "x"));
  EXPECT_FALSE(GlobMatches("[", "["));
  EXPECT_TRUE(GlobMatches("[ab", "b"));   // open to the end
  EXPECT_TRUE(GlobMatches("[a-]", "_"));  // a range to `]`, open to the end
  EXPECT_TRUE(GlobMatches("[a-", "-"));   // no range: nothing stands behind it
  EXPECT_TRUE(GlobMatches("[\\", "\\"));
}

TEST(Glob, Escapes) {
  EXPECT_TRUE(GlobMatches("a\\*c", "a*c"));
  EXPECT_FALSE(GlobMatches("a\\*c", "abc"));
  EXPECT_TRUE(GlobMatches("\\a", "a"));
  EXPECT_TRUE(GlobMatches("\\\\", "\\"));
  EXPECT_TRUE(GlobMatches("a\\", "a\\"));
  EXPECT_TRUE(GlobMatches("*\\?", "what?"));
}

TEST(Glob, AnyByteIsAllowed) {
  EXPECT_TRUE(GlobMatches(std::string_view("\0*", 2), std::string_view("\0\0x", 3)));
  EXPECT_FALSE(GlobMatches(std::string_view("\0", 1), ""));
}

// Patterns that make the search begin again at every byte: these sizes would take hours byte by
// byte.
TEST(Glob, PatternsThatAlmostMatchEverywhere) {
  const std::string as(65536, 'a');
  const std::string half(32000, 'a');
  EXPECT_FALSE(GlobMatches("*" + half + "b", as));
  EXPECT_TRUE(GlobMatches("*" + half + "b", as + "b"));
  EXPECT_TRUE(GlobMatches("*" + half + "b*" + half, half + as + "b" + half));
  EXPECT_FALSE(GlobMatches("*" + half + "b*" + half + "c", half + as + "b" + half));
  EXPECT_FALSE(GlobMatches("*" + std::string(32000, '?') + "b", as));
  EXPECT_FALSE(GlobMatches("*[" + as + "]b", as));
  EXPECT_TRUE(GlobMatches("*[" + as + "]B", as + as + "b", Case::kIgnore));
  EXPECT_FALSE(GlobMatches("*" + half + "b*" + as, as));
}

TEST(Glob, TellsItsWork) {
  const auto work = [](std::string_view pattern, std::string_view text) {
    size_t bytes = 0;
    GlobMatches(pattern, text, Case::kSensitive, &bytes);
    return bytes;
  };
  EXPECT_EQ(work("user:*", "user:1"), 6u);
  EXPECT_EQ(work("user:1", "user:2"), 6u);
  // At each of 200 bytes it begins again and goes on for 100.
  const std::string as(200, 'a');
  EXPECT_GT(work("*" + as.substr(100) + "b", as), 10'000u);
  EXPECT_LT(work("*" + as.substr(100) + "b", as), 25'000u);
  EXPECT_GT(work("*" + std::string(20'000, 'a') + "b", std::string(50'000, 'a')), 60'000u);
}

// The search at all places at once says what the search from place to place says.
TEST(Glob, BothWaysOfSearchingAgree) {
  // In front, what exhausts the patience of the second; behind it the same question as alone.
  const std::string pattern_head = "*" + std::string(2000, 'a') + "#";
  const std::string text_head = std::string(6000, 'a') + "#";
  const std::string_view parts[] = {"a", "b", "?", "*", "[ab]", "[^a]", "\\b", "*a"};
  const std::string_view bytes[] = {"a", "b", "c"};
  uint32_t random = 1;
  const auto draw = [&random](uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return (random >> 16) % below;
  };
  int matches = 0;
  for (int round = 0; round < 500; ++round) {
    std::string pattern;
    std::string text;
    for (uint32_t left = draw(7); left > 0; --left) pattern.append(parts[draw(8)]);
    for (uint32_t left = draw(7); left > 0; --left) text.append(bytes[draw(3)]);
    const bool alone = GlobMatches(pattern, text);
    EXPECT_EQ(GlobMatches(pattern_head + pattern, text_head + text), alone)
        << pattern << " on " << text;
    matches += alone;
  }
  EXPECT_GT(matches, 50);
}

TEST(Glob, WhatMatchesHasTheBytesThatAreNeeded) {
  const auto may_match = [](std::string_view pattern, std::string_view text) {
    return (BytesNeededByGlob(pattern) & ~BytesOfText(text)) == 0;
  };
  const std::string_view parts[] = {"a", ":", "7", "?", "*", "[a7]", "[^:", "[", "]", "\\[", "\\"};
  const std::string_view bytes[] = {"a", ":", "7", "[", "]", "\\", "Z", "\xff"};
  uint32_t random = 1;
  const auto draw = [&random](uint32_t below) {
    random = random * 1664525u + 1013904223u;
    return (random >> 16) % below;
  };
  int matches = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern;
    std::string text;
    for (uint32_t left = draw(5); left > 0; --left) pattern.append(parts[draw(11)]);
    for (uint32_t left = draw(5); left > 0; --left) text.append(bytes[draw(8)]);
    if (!GlobMatches(pattern, text)) continue;
    ++matches;
    EXPECT_TRUE(may_match(pattern, text)) << pattern << " on " << text;
  }
  EXPECT_GT(matches, 500);
  EXPECT_FALSE(may_match("*:17:*", "a:channel:b"));
  EXPECT_FALSE(may_match("*\\?", "a"));
  EXPECT_FALSE(may_match("[a-z]x", "ab"));
}

TEST(Glob, LettersOfEitherCase) {
  EXPECT_FALSE(GlobMatches("MaxMemory*", "maxmemory-policy"));
  EXPECT_TRUE(GlobMatches("MaxMemory*", "maxmemory-policy", Case::kIgnore));
  EXPECT_TRUE(GlobMatches("[A-C]x", "bX", Case::kIgnore));
  EXPECT_TRUE(GlobMatches("[Z]", "z", Case::kIgnore));
}

// With backtracking to every `*` this would take longer than the universe has.
TEST(Glob, ManyStarsStayCheap) {
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "a*";
  EXPECT_FALSE(GlobMatches(pattern + "b", std::string(2000, 'a')));
  EXPECT_TRUE(GlobMatches(pattern, std::string(2000, 'a')));
}

TEST(Glob, Prefix) {
  const auto literal = [](std::string_view pattern) { return PrefixOfGlob(pattern).literal; };
  EXPECT_EQ(literal("user:*"), "user:");
  EXPECT_EQ(literal("user:?"), "user:");
  EXPECT_EQ(literal("user[1]"), "user");
  EXPECT_EQ(literal("a\\*b*"), "a*b");
  EXPECT_EQ(literal("*"), "");
  EXPECT_EQ(literal("a\\"), "a\\");
  EXPECT_FALSE(PrefixOfGlob("user:*").exact);
  EXPECT_TRUE(PrefixOfGlob("user:1").exact);
  EXPECT_TRUE(PrefixOfGlob("a\\*").exact);
  EXPECT_TRUE(PrefixOfGlob("").exact);
}

}  // namespace
}  // namespace ampt
