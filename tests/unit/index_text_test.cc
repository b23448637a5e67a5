#include "model/index_text.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace ampt {
namespace {

int Sign(int n) {
  return (n > 0) - (n < 0);
}

// Everything a text offers, compared with the same text in one piece.
template <typename Text>
void CheckText(const Text& text, const std::string& flat, const std::vector<std::string>& probes) {
  std::string scratch = "left over";
  ASSERT_EQ(text.Flat(&scratch), flat);
  for (size_t offset = 0; offset < flat.size() + 6; ++offset) {
    ASSERT_EQ(text.Head(offset), LoadHead(flat.data(), flat.size(), offset)) << offset;
  }
  for (const std::string& probe : probes) {
    const size_t shared = MismatchOf(flat, probe, 0);
    for (size_t from = 0; from <= shared; ++from) {
      ASSERT_EQ(text.Mismatch(probe, from), shared);
      ASSERT_EQ(Sign(text.Compare(probe, from)), Sign(flat.compare(probe)));
    }
  }
}

std::string Bytes(Random& random, size_t most, std::string_view alphabet) {
  std::string text;
  for (uint64_t i = random.Below(most + 1); i > 0; --i) {
    text.push_back(alphabet[random.Below(alphabet.size())]);
  }
  return text;
}

TEST(IndexText, MismatchFindsTheFirstDifferenceOrTheEnd) {
  for (size_t size = 0; size < 40; ++size) {
    const std::string a(size, 'x');
    EXPECT_EQ(MismatchOf(a, a, 0), size);
    EXPECT_EQ(MismatchOf(a, a + "y", 0), size);
    for (size_t at = 0; at < size; ++at) {
      std::string b = a;
      b[at] = '\xff';
      for (size_t from = 0; from <= at; ++from) ASSERT_EQ(MismatchOf(a, b, from), at);
    }
  }
}

TEST(IndexText, PiecesCompareAsOne) {
  Random random(1);
  const std::string_view keys(
      "\0\x01"
      "a\xff",
      4);
  for (int i = 0; i < 2'000; ++i) {
    const std::string first = Bytes(random, 6, "ab\xff");
    const std::string second = Bytes(random, 6, keys);
    const std::string flat = first + '\0' + second;
    std::vector<std::string> probes = {"", flat, flat + '\0', flat + "\xff", first, first + '\0'};
    for (size_t n = 0; n < flat.size(); ++n) probes.push_back(flat.substr(0, n));
    for (int n = 0; n < 10; ++n) {
      probes.push_back(Bytes(random, 6, "ab\xff") + '\0' + Bytes(random, 6, keys));
      probes.push_back(Bytes(random, 12, keys));
    }
    ASSERT_NO_FATAL_FAILURE(CheckText(PairText(first, second), flat, probes));
    ASSERT_NO_FATAL_FAILURE(CheckText(WholeText(flat), flat, probes));
  }
}

TEST(IndexText, DeadlinesSortLikeNumbers) {
  const TimeMs deadlines[] = {INT64_MIN, INT64_MIN + 1, -256, -1,        0,
                              1,         255,           256,  1LL << 32, INT64_MAX};
  for (const TimeMs a : deadlines) {
    for (const TimeMs b : deadlines) {
      const DeadlineBytes x(a);
      const DeadlineBytes y(b);
      EXPECT_EQ(std::string_view(x.bytes, 8) < std::string_view(y.bytes, 8), a < b);
    }
  }
}

}  // namespace
}  // namespace ampt
