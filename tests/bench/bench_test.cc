// The pure parts of the benchmark: what a wrong figure could come from without anybody noticing.

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/histogram.h"
#include "tools/bench/iproto.h"
#include "tools/bench/load.h"
#include "tools/bench/msgpack.h"
#include "tools/bench/svg.h"

namespace ampt::bench {
namespace {

using namespace std::string_literals;
using Marks = std::vector<double>;

TEST(BenchHistogram, TellsAPercentileWithinOnePercent) {
  Histogram histogram;
  for (uint64_t us = 1; us <= 100'000; us++) histogram.Add(us * 1000);
  EXPECT_EQ(histogram.count(), 100'000u);
  EXPECT_EQ(histogram.max_ns(), 100'000'000u);
  for (const double share : {0.01, 0.5, 0.99, 0.999}) {
    const double exact_ns = share * 1e8;
    EXPECT_GE(static_cast<double>(histogram.PercentileNs(share)), exact_ns);
    EXPECT_LE(static_cast<double>(histogram.PercentileNs(share)), exact_ns * 1.01);
  }
  EXPECT_EQ(histogram.PercentileNs(1), 100'000'000u);
}

TEST(BenchHistogram, AddsUp) {
  Histogram one, other;
  one.Add(10);
  other.Add(UINT64_MAX);
  one.Merge(other);
  EXPECT_EQ(one.count(), 2u);
  EXPECT_EQ(one.PercentileNs(0.5), 10u);
  EXPECT_EQ(one.max_ns(), UINT64_MAX);
  EXPECT_EQ(Histogram().PercentileNs(0.99), 0u);
}

TEST(BenchLongestWait, KeepsTheTwoFiguresOfOneRequestTogether) {
  LongestWait longest;
  for (const LongestWait& wait : {LongestWait{5, 4}, LongestWait{9, 1}, LongestWait{7, 7}}) {
    longest.Take(wait);
  }
  EXPECT_EQ(longest.wait_ns, 9);
  EXPECT_EQ(longest.generator_ns, 1);
  const LongestWait middle = MedianOf({{30, 1}, {10, 9}, {20, 5}});
  EXPECT_EQ(middle.wait_ns, 20);
  EXPECT_EQ(middle.generator_ns, 5);
  EXPECT_EQ(MedianOf({{30, 1}, {10, 9}}).wait_ns, 30);
}

TEST(BenchMsgpack, WritesTheShortestForm) {
  const auto number = [](uint64_t value) {
    std::string out;
    msgpack::AppendUint(&out, value);
    return out;
  };
  EXPECT_EQ(number(0x7F), "\x7F");
  EXPECT_EQ(number(0x80), "\xCC\x80");
  EXPECT_EQ(number(0x100), "\xCD\x01\x00"s);
  EXPECT_EQ(number(0x10000), "\xCE\x00\x01\x00\x00"s);
  EXPECT_EQ(number(0x100000000), "\xCF\x00\x00\x00\x01\x00\x00\x00\x00"s);

  std::string out;
  msgpack::AppendString(&out, "key");
  EXPECT_EQ(out, "\xA3key");
  out.clear();
  msgpack::AppendString(&out, std::string(64, 'x'));
  EXPECT_EQ(out.substr(0, 2), "\xD9\x40");
  out.clear();
  msgpack::AppendString(&out, std::string(300, 'x'));
  EXPECT_EQ(out.substr(0, 3), "\xDA\x01\x2C");
}

TEST(BenchMsgpack, ReadsWhatItWrites) {
  for (const uint64_t value : {0ul, 0x7Ful, 0x80ul, 0xFFFFul, 0x10000ul, UINT64_MAX}) {
    std::string bytes;
    msgpack::AppendUint(&bytes, value);
    std::string_view in = bytes;
    EXPECT_EQ(msgpack::Take(msgpack::Type::kUint, &in), value);
    EXPECT_TRUE(in.empty());
    std::string_view cut = std::string_view(bytes).substr(0, bytes.size() - 1);
    EXPECT_FALSE(msgpack::Take(msgpack::Type::kUint, &cut));
  }
  const std::string head = "\xDD\x00\x00\x01\x00rest"s;
  std::string_view in = head;
  EXPECT_FALSE(msgpack::Take(msgpack::Type::kMap, &in));
  EXPECT_EQ(msgpack::Take(msgpack::Type::kArray, &in), 256u);
  EXPECT_EQ(in, "rest");
}

TEST(BenchIproto, WritesItsLengthFirst) {
  std::string out;
  AppendIprotoPing(&out);
  EXPECT_EQ(out, "\xCE\x00\x00\x00\x06\x82\x00\x40\x01\x01\x80"s);
  out.clear();
  AppendReplace(&out, Space::kPairs, {"k", "v"});
  EXPECT_EQ(out, "\xCE\x00\x00\x00\x10\x82\x00\x03\x01\x01\x82\x10\xCD\x02\x00\x21\x92\xA1k\xA1v"s);
}

// A reply with that status and that body.
std::string IprotoReply(const std::string& status, const std::string& body) {
  const std::string rest = "\x82\x00"s + status + "\x01\x01" + body;
  std::string reply = "\xCE";
  msgpack::AppendBigEndian(&reply, rest.size(), 4);
  return reply + rest;
}
const std::string kGreeting(128, ' ');
const std::string kNoTuples = "\x81\x30\xDD\x00\x00\x00\x00"s;
// One, longer than what a counter looks at.
const std::string kOneTuple = "\x81\x30\xDD\x00\x00\x00\x01\xD9\x64"s + std::string(100, 'x');

TEST(BenchIproto, CountsRepliesCutAnywhere) {
  const std::string ok = "\x00"s;
  const std::string stream =
      kGreeting + IprotoReply(ok, kOneTuple) + IprotoReply(ok, "\x80") + IprotoReply(ok, kOneTuple);
  for (size_t part = 1; part <= stream.size(); part++) {
    IprotoReplyCounter counter;
    size_t replies = 0;
    for (size_t at = 0; at < stream.size(); at += part) {
      replies += counter.Feed(std::string_view(stream).substr(at, part));
    }
    EXPECT_EQ(replies, 3u) << "in parts of " << part << " bytes";
  }
}

TEST(BenchIproto, RefusesErrorsAndMisses) {
  EXPECT_THROW(IprotoReplyCounter().Feed(kGreeting + IprotoReply("\xCD\x80\x24", "\x81\x31\xA1x")),
               Failure);
  EXPECT_THROW(IprotoReplyCounter().Feed(kGreeting + IprotoReply("\x00"s, kNoTuples)), Failure);
  EXPECT_THROW(IprotoReplyCounter().Feed(kGreeting + "HTTP/1.1 400"), Failure);
}

TEST(BenchChart, MarksAnAxisFromZero) {
  EXPECT_EQ(Ticks({"", 0}, 3, 57), Marks({0, 10, 20, 30, 40, 50, 60}));
  EXPECT_EQ(Ticks({"", 0}, 0, 1'000'000).back(), 1'000'000);
  EXPECT_EQ(Ticks({"", 0}, 0, 0).size(), 2u);
}

TEST(BenchChart, MarksALogarithmicAxisAtPowers) {
  EXPECT_EQ(Ticks({"", 2}, 1, 256), Marks({1, 2, 4, 8, 16, 32, 64, 128, 256}));
  EXPECT_EQ(Ticks({"", 10}, 10'000, 10'000'000), Marks({1e4, 1e5, 1e6, 1e7}));
  EXPECT_EQ(Ticks({"", 10}, 0.3, 9), Marks({0.2, 0.5, 1, 2, 5, 10}));
  EXPECT_EQ(Ticks({"", 10}, 7, 7).size(), 2u);
}

TEST(BenchChart, WritesNumbersShort) {
  EXPECT_EQ(ShortNumber(0), "0");
  EXPECT_EQ(ShortNumber(0.05), "0.05");
  EXPECT_EQ(ShortNumber(1500), "1.5k");
  EXPECT_EQ(ShortNumber(10'000'000), "10M");
}

TEST(BenchChart, LeavesOutWhatAScaleCannotShow) {
  const Chart chart{"a < b",
                    {"x", 10},
                    {"y", 10},
                    {{"line", 0, 0, {{1, 1}, {0, 5}, {10, 100}}}, {"none", 1, 0, {}}}};
  const std::string svg = Svg(chart);
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
  EXPECT_NE(svg.find(">line<"), std::string::npos);
  EXPECT_EQ(svg.find(">none<"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

}  // namespace
}  // namespace ampt::bench
