#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "server/buffers.h"
#include "server/resp_parser.h"

namespace ampt {
namespace {

using Result = RespParser::Result;
using Request = std::vector<std::string>;

std::string Array(const Request& request) {
  std::string text = "*" + std::to_string(request.size()) + "\r\n";
  for (const std::string& word : request) {
    text += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return text;
}

// What a connection does with its buffer.
class Reader {
 public:
  // Takes what there is room for, `most` bytes at most; how many these are.
  size_t Receive(std::string_view bytes, size_t most) {
    buffer_.MakeRoom(parser_.wanted());
    const size_t taken = std::min({bytes.size(), most, buffer_.room_bytes()});
    if (taken > 0) std::memcpy(buffer_.room(), bytes.data(), taken);
    buffer_.Filled(taken);
    return taken;
  }
  bool Next(RespWords* words) {
    Result result;
    do {
      result = parser_.Next(buffer_.untaken(), {}, words);
      EXPECT_NE(result, Result::kError) << parser_.error();
      buffer_.Take(parser_.consumed());
    } while (result == Result::kMore && buffer_.GoToNextBlock());
    if (result == Result::kCommand) {
      buffer_.EndCommand();
      return true;
    }
    if (buffer_.IsSmall()) GoBackTo(buffer_.position());
    return false;
  }
  void GoBackTo(size_t position) {
    parser_.Reset();
    buffer_.GoBackTo(position);
  }
  std::unique_ptr<ReadBuffer> TakeParsed() {
    GoBackTo(buffer_.position());
    return buffer_.TakeParsed();
  }
  ReadBuffer& buffer() { return buffer_; }

 private:
  BufferPool pool_;
  ReadBuffer buffer_{pool_};
  RespParser parser_;
};

Request Texts(const RespWords& words) {
  return {words.words.begin(), words.words.end()};
}

// Requests of all kinds: short ones, of many words, with words longer than a block.
std::vector<Request> RandomRequests(std::mt19937& random, size_t count) {
  std::vector<Request> requests;
  for (size_t i = 0; i < count; ++i) {
    Request request{"request", std::to_string(i)};
    switch (random() % 6) {
      case 0:
        for (size_t words = random() % 30'000; words > 0; --words) {
          request.emplace_back(random() % 12, 'w');
        }
        break;
      case 1:
        request.emplace_back(random() % 300'000, 'x');
        break;
      case 2:
        for (size_t words = random() % 8; words > 0; --words) {
          request.emplace_back(random() % 50'000, 'y');
        }
        break;
      default:
        request.emplace_back(random() % 100, 'z');
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

TEST(ReadBufferTest, GivesTheSameRequestsHoweverTheyComeAndAreTaken) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::vector<Request> requests = RandomRequests(random, 40);
    std::string stream;
    for (const Request& request : requests) stream += Array(request);
    const size_t most = seed % 4 == 0 ? 700 : 1 + random() % 200'000;
    Reader reader;
    size_t done = 0;
    size_t idle = 0;
    for (size_t at = 0; done < requests.size();) {
      // Whoever waits is read from until much is there.
      for (size_t reads = random() % 4; reads > 0; --reads) {
        if (reader.buffer().unparsed_bytes() >= BufferPool::kBlockBytes && idle == 0) break;
        at += reader.Receive(std::string_view(stream).substr(at), most);
      }
      ASSERT_LE(reader.buffer().unparsed_bytes(), reader.buffer().filled_bytes());
      if (random() % 4 == 0) continue;
      RespWords words;
      std::vector<std::unique_ptr<ReadBuffer>> kept;
      for (size_t left = random() % 10; left > 0 && done < requests.size(); --left) {
        const size_t position = reader.buffer().position();
        const size_t first = words.words.size();
        if (!reader.Next(&words)) {
          ++idle;
          break;
        }
        idle = 0;
        if (random() % 8 == 0) {
          // It cannot run now.
          reader.GoBackTo(position);
          words.words.resize(first);
          break;
        }
        RespWords one;
        one.words.assign(words.words.begin() + static_cast<std::ptrdiff_t>(first),
                         words.words.end());
        ASSERT_EQ(Texts(one), requests[done++]);
        if (random() % 16 != 0) continue;
        // It goes on in later turns, and others come meanwhile.
        kept.push_back(reader.TakeParsed());
        reader.Receive(std::string_view(stream).substr(at), 0);
        ASSERT_EQ(Texts(one), requests[done - 1]);
        words.Clear();
      }
      reader.buffer().Release();
    }
    EXPECT_EQ(reader.buffer().unparsed_bytes(), 0u);
    EXPECT_EQ(reader.buffer().allocated_bytes(), 0u);
  }
}

TEST(ReadBufferTest, ALongCommandIsNotCopied) {
  Reader reader;
  const std::string stream = Array(Request(300'000, "word"));
  RespWords words;
  std::vector<const char*> begins;
  for (size_t at = 0; at < stream.size();) {
    at += reader.Receive(std::string_view(stream).substr(at), SIZE_MAX);
    begins.push_back(reader.buffer().room() - 1);
    const bool is_whole = reader.Next(&words);
    ASSERT_EQ(is_whole, at == stream.size());
    if (!is_whole) reader.buffer().Release();
  }
  EXPECT_EQ(words.words, std::vector<std::string_view>(300'000, "word"));
  // Each block holds the words that came in it.
  size_t blocks = 1;
  for (size_t i = 1; i < words.words.size(); ++i) {
    blocks += words.words[i].data() != words.words[i - 1].data() + 10;
  }
  EXPECT_EQ(blocks, begins.size());
  EXPECT_LT(reader.buffer().allocated_bytes(), stream.size() + 2 * BufferPool::kBlockBytes);
  reader.buffer().Release();
  EXPECT_EQ(reader.buffer().allocated_bytes(), 0u);
}

TEST(ReadBufferTest, ABeginningTakesASmallBlockOnly) {
  Reader reader;
  RespWords words;
  const std::string stream = Array(Request(20'000, "word")) + "*3\r\n$3\r\nSET\r\n";
  size_t commands = 0;
  for (size_t at = 0; at < stream.size();) {
    at += reader.Receive(std::string_view(stream).substr(at), SIZE_MAX);
    while (reader.Next(&words)) ++commands;
    reader.buffer().Release();
  }
  EXPECT_EQ(commands, 1u);
  EXPECT_EQ(reader.buffer().allocated_bytes(), 512u);
  words.Clear();
  reader.Receive("$1\r\nk\r\n$1\r\nv\r\n", SIZE_MAX);
  ASSERT_TRUE(reader.Next(&words));
  EXPECT_EQ(Texts(words), (Request{"SET", "k", "v"}));
}

TEST(ReadBufferTest, OfAnotherBeginningNothingIsAskedFor) {
  Reader reader;
  RespWords words;
  const std::string first = Array({"BLPOP", "key", "0"});
  const std::string rest = Array(Request(100, std::string(500, 'x')));
  const std::string stream = first + rest + "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$3000000\r\n" +
                             std::string(BufferPool::kBlockBytes, 'x');
  size_t at = reader.Receive(stream, SIZE_MAX);
  ASSERT_TRUE(reader.Next(&words));
  const size_t position = reader.buffer().position();
  ASSERT_TRUE(reader.Next(&words));
  ASSERT_FALSE(reader.Next(&words));
  // The first one waits, and with it the others.
  reader.GoBackTo(position);
  while (const size_t taken = reader.Receive(std::string_view(stream).substr(at), SIZE_MAX)) {
    at += taken;
  }
  EXPECT_LE(at, first.size() + BufferPool::kBlockBytes);
}

TEST(ReadBufferTest, ALongWordTakesNoMoreThanItNeeds) {
  Reader reader;
  RespWords words;
  constexpr size_t kBytes = 5'000'000;
  const std::string stream = Array({"SET", "key", std::string(kBytes, 'x')});
  for (size_t at = 0; at < stream.size();) {
    at += reader.Receive(std::string_view(stream).substr(at), 100'000);
    reader.buffer().Release();
    // Of the room that it asked for nothing else takes memory.
    ASSERT_LE(reader.buffer().allocated_bytes(), at + 2 * BufferPool::kBlockBytes);
    ASSERT_GE(reader.buffer().allocated_bytes(), reader.buffer().filled_bytes());
    if (reader.Next(&words)) break;
  }
  ASSERT_EQ(words.words.size(), 3u);
  EXPECT_EQ(words.words[2].size(), kBytes);
  EXPECT_LT(reader.buffer().allocated_bytes(), kBytes + 2 * BufferPool::kBlockBytes);
}

}  // namespace
}  // namespace ampt
