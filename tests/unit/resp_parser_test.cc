#include "server/resp_parser.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace ampt {
namespace {

using Result = RespParser::Result;
using Request = std::vector<std::string>;

struct Outcome {
  std::vector<Request> requests;
  std::string error;
  size_t left = 0;  // bytes of a command that is not complete
};

// Feeds `stream` in pieces of `piece` bytes. What was not taken lies somewhere else each time, in a
// block of exactly its size.
Outcome Feed(const std::string& stream, size_t piece, RespLimits limits = {}) {
  RespParser parser;
  Outcome outcome;
  std::vector<std::unique_ptr<char[]>> blocks;  // of the command at work
  size_t begin = 0;
  size_t command = 0;
  for (size_t end = 0; end < stream.size();) {
    end = std::min(stream.size(), end + piece);
    char* const block = blocks.emplace_back(new char[end - begin]).get();
    std::memcpy(block, stream.data() + begin, end - begin);
    for (size_t at = 0;;) {
      RespWords words;
      const std::string_view input(block + at, end - begin - at);
      const Result result = parser.Next(input, limits, &words);
      if (result == Result::kError) {
        EXPECT_TRUE(words.words.empty());
        outcome.error = parser.error();
        return outcome;
      }
      EXPECT_LE(parser.consumed(), input.size());
      at += parser.consumed();
      if (result == Result::kMore) {
        EXPECT_GT(parser.wanted(), input.size() - parser.consumed());
        EXPECT_TRUE(words.words.empty());
        begin += at;
        break;
      }
      if (!words.words.empty())
        outcome.requests.emplace_back(words.words.begin(), words.words.end());
      command = begin + at;
      if (at == end - begin) {
        blocks.clear();
        begin = end;
        break;
      }
    }
  }
  outcome.left = stream.size() - command;
  return outcome;
}

std::string Array(const Request& request) {
  std::string text = "*" + std::to_string(request.size()) + "\r\n";
  for (const std::string& word : request) {
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return text;
}

TEST(RespParser, ReadsTheSameHoweverTheStreamIsCut) {
  const std::vector<Request> requests = {
      {"PING"},
      {"SET", "key", std::string("a\r\nb\0c", 6)},
      {"SET", "", ""},
      {"GET", std::string(1000, 'k')},
      {"say", "hello world", "a\"b"},
  };
  std::string stream;
  for (size_t i = 0; i < 4; ++i) stream += Array(requests[i]);
  stream += "\r\n*0\r\n*-1\r\n";
  stream += "say \"hello world\" 'a\"b'\r\n";
  for (size_t piece = 1; piece <= stream.size(); ++piece) {
    const Outcome outcome = Feed(stream, piece);
    EXPECT_EQ(outcome.requests, requests) << piece;
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.left, 0u);
  }
}

TEST(RespParser, ReadsLengthsOfAnyNumberOfDigits) {
  std::vector<Request> requests;
  std::string stream;
  for (const size_t n : {1, 5, 9, 10, 11, 19, 90, 99, 100, 101, 999, 1000, 12'345}) {
    requests.push_back({"ECHO", std::string(n, 'x'), std::string(n - 1, 'y')});
    requests.emplace_back(n, "w");
  }
  for (const Request& request : requests) stream += Array(request);
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, stream.size()}) {
    const Outcome outcome = Feed(stream, piece);
    EXPECT_EQ(outcome.requests, requests) << piece;
    EXPECT_EQ(outcome.error, "");
  }
}

TEST(RespParser, WordsOfSeveralCommandsLieBehindEachOther) {
  const std::string stream = Array({"GET", "a"}) + "get 'b'\n" + Array({"GET", "c"});
  RespParser parser;
  RespWords words;
  size_t at = 0;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(parser.Next(std::string_view(stream).substr(at), {}, &words), Result::kCommand);
    at += parser.consumed();
  }
  EXPECT_EQ(at, stream.size());
  EXPECT_EQ(words.words, (std::vector<std::string_view>{"GET", "a", "get", "b", "GET", "c"}));
  // A word of an array is a view of the stream.
  EXPECT_EQ(words.words[0].data(), stream.data() + 8);
}

TEST(RespParser, SplitsLinesAsRedisDoes) {
  const auto words = [](const std::string& line) {
    const Outcome outcome = Feed(line + "\n", 1000);
    EXPECT_EQ(outcome.error, "") << line;
    return outcome.requests.empty() ? Request() : outcome.requests[0];
  };
  EXPECT_EQ(words("  a \t b\r"), (Request{"a", "b"}));
  EXPECT_EQ(words(R"("\x41\n\r\t\b\a\\\"\q")"), Request{"A\n\r\t\b\a\\\"q"});
  EXPECT_EQ(words(R"("\x4" "\xzz")"), (Request{"x4", "xzz"}));
  EXPECT_EQ(words(R"('it\'s' '\n')"), (Request{"it's", "\\n"}));
  EXPECT_EQ(words(R"(pre"fix")"), Request{"prefix"});
  EXPECT_EQ(words(R"("" '')"), (Request{"", ""}));
  EXPECT_EQ(words(" "), Request());
}

TEST(RespParser, RefusesWhatIsNoRequest) {
  const struct {
    std::string stream;
    std::string error;
  } cases[] = {
      {"get \"a\n", "unbalanced quotes in request"},
      {"get \"a\"b\n", "unbalanced quotes in request"},
      {"get 'a\n", "unbalanced quotes in request"},
      {"get 'a'b\n", "unbalanced quotes in request"},
      {"get \"a\\\n", "unbalanced quotes in request"},
      {"*x\r\n", "invalid multibulk length"},
      {"*\r\n", "invalid multibulk length"},
      {"*01\r\n", "invalid multibulk length"},
      {"*1048577\r\n", "invalid multibulk length"},
      {"*99999999999999999999\r\n", "invalid multibulk length"},
      {"*" + std::string(40, '1') + "\r\n", "invalid multibulk length"},
      {"*" + std::string(64 * 1024 + 1, '1'), "too big mbulk count string"},
      {"*1\r\nPING\r\n", "expected '$', got 'P'"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$a\r\n", "invalid bulk length"},
      {"*1\r\n$536870913\r\n", "invalid bulk length"},
      {"*1\r\n$a\r\nabcdef\r\n", "invalid bulk length"},
      {"*1\r\n$1a\r\nabcdef\r\n", "invalid bulk length"},
      {"*1\r\n$01\r\nabcdef\r\n", "invalid bulk length"},
      {"*1\r\n$/1\r\nabcdef\r\n", "invalid bulk length"},
      {"*:\r\n$1\r\na\r\n", "invalid multibulk length"},
      {"*1\r\n$" + std::string(64 * 1024 + 1, '1'), "too big bulk count string"},
      {"*2\r\n$1\r\na\r\n:1\r\n", "expected '$', got ':'"},
      {std::string(64 * 1024 + 1, 'x'), "too big inline request"},
      {std::string(64 * 1024 + 1, 'x') + "\n", "too big inline request"},
  };
  for (const auto& [stream, error] : cases) {
    for (const size_t piece : {size_t{1}, size_t{7}, stream.size()}) {
      if (piece == 1 && stream.size() > 1000) continue;
      const Outcome outcome = Feed(stream, piece);
      EXPECT_EQ(outcome.error, "Protocol error: " + error) << stream.substr(0, 50);
      EXPECT_TRUE(outcome.requests.empty());
    }
  }
}

TEST(RespParser, GivesAClientWithoutPasswordLittleMemory) {
  const RespLimits limits{limits::kMaxBulkBytesDefault, false};
  EXPECT_EQ(Feed("*11\r\n", 1, limits).error, "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(Feed("*1\r\n$16385\r\n", 1, limits).error,
            "Protocol error: unauthenticated bulk length");
  EXPECT_EQ(Feed(Array(Request(10, std::string(16384, 'x'))), 4096, limits).requests.size(), 1u);
}

TEST(RespParser, AnAnnouncedLengthAllocatesNothing) {
  RespParser parser;
  RespWords words;
  const std::string_view input = "*1000000\r\n$500000000\r\nabc";
  ASSERT_EQ(parser.Next(input, {}, &words), Result::kMore);
  EXPECT_EQ(parser.consumed(), 22u);
  EXPECT_EQ(parser.wanted(), 500000000u + 2u);
  EXPECT_LT(parser.allocated_bytes(), 1000u);
  EXPECT_EQ(words.words.capacity(), 0u);
}

TEST(RespParser, TakesTheWordsOfALongCommandAlong) {
  constexpr size_t kWords = 100'000;
  Request request;
  for (size_t i = 0; i < kWords; ++i) request.push_back(std::to_string(i));
  const std::string stream = Array(request) + Array({"GET", "key"});
  for (const size_t piece : {size_t{1000}, size_t{65536}}) {
    EXPECT_EQ(Feed(stream, piece).requests, (std::vector<Request>{request, {"GET", "key"}}));
  }
  RespParser parser;
  RespWords words;
  ASSERT_EQ(parser.Next(std::string_view(stream).substr(0, 500'000), {}, &words), Result::kMore);
  EXPECT_GT(parser.unfinished_words(), 10'000u);
  EXPECT_LT(parser.unfinished_words(), kWords);
  EXPECT_EQ(parser.allocated_bytes(), parser.unfinished_words() * sizeof(std::string_view));
  // Behind the words of somebody else.
  words.words.assign({"PING"});
  ASSERT_EQ(parser.Next(std::string_view(stream).substr(parser.consumed()), {}, &words),
            Result::kCommand);
  ASSERT_EQ(words.words.size(), 1 + kWords);
  EXPECT_EQ(words.words[0], "PING");
  EXPECT_EQ(words.words[1], "0");
  EXPECT_EQ(words.words[kWords], std::to_string(kWords - 1));
}

TEST(RespParser, ForgetsAnUnfinishedCommand) {
  const std::string stream = Array({"GET", "key"});
  RespParser parser;
  RespWords words;
  ASSERT_EQ(parser.Next(std::string_view(stream).substr(0, 15), {}, &words), Result::kMore);
  parser.Reset();
  ASSERT_EQ(parser.Next(stream, {}, &words), Result::kCommand);
  EXPECT_EQ(words.words, (std::vector<std::string_view>{"GET", "key"}));
}

}  // namespace
}  // namespace ampt
