// Commands of very many words: what they do in slices is what they would do in one go.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "commands/word_slices.h"
#include "server/resp_reply.h"
#include "tests/unit/test_context.h"

namespace ampt {
namespace {

using Request = std::vector<std::string>;

Request Named(const std::string& command, int count) {
  Request words{command};
  for (int i = 0; i < count; ++i) words.push_back("name:" + std::to_string(i));
  return words;
}

// The bytes that a client gets, in slices or not.
std::string Bytes(TestContext& server, const Request& words, bool to_the_end) {
  std::string bytes;
  const int version = 3;
  RespReply reply(&bytes, &version);
  server.to_the_end = to_the_end;
  server.Execute(words, reply);
  EXPECT_EQ(server.slices > 0, !to_the_end);
  return bytes;
}

constexpr int kMany = 9999;

TEST(WordSlicesTest, EndWithTheirNumberOrTheirBytes) {
  const std::string large(200'000, 'x');
  const std::vector<std::string_view> all = {"a", "b", large, large, large, "c", "d"};
  Words words(all);
  EXPECT_EQ(TakeSlice(&words, 2).size(), 2u);
  EXPECT_EQ(TakeSlice(&words, 100).size(), 2u);
  EXPECT_EQ(TakeSlice(&words, 100).size(), 3u);
  EXPECT_TRUE(words.empty());
  EXPECT_TRUE(TakeSlice(&words, 100).empty());
  const std::string huge(1'000'000, 'x');
  const std::vector<std::string_view> one = {huge};
  words = one;
  EXPECT_EQ(TakeSlice(&words, 100).size(), 1u);
}

TEST(SlicedCommandsTest, SubscribeAndUnsubscribe) {
  for (const bool is_pattern : {false, true}) {
    const std::string verb = is_pattern ? "PSUBSCRIBE" : "SUBSCRIBE";
    const std::string opposite = is_pattern ? "PUNSUBSCRIBE" : "UNSUBSCRIBE";
    TestContext sliced;
    TestContext whole;
    for (const Request& words :
         {Named(verb, kMany), Named(verb, kMany), Named(opposite, kMany / 2), Request{opposite}}) {
      const std::string bytes = Bytes(sliced, words, false);
      EXPECT_EQ(bytes, Bytes(whole, words, true));
      EXPECT_EQ(sliced.session.topics, whole.session.topics);
      EXPECT_FALSE(sliced.session.subscribing);
    }
    EXPECT_EQ(sliced.session.subscription_count(), 0u);
  }
}

TEST(SlicedCommandsTest, UnsubscribeFromAllOfOneKind) {
  TestContext server;
  Bytes(server, Named("PSUBSCRIBE", kMany), false);
  // There are no channels, so there is nothing to be done in slices.
  EXPECT_EQ(server.Run("UNSUBSCRIBE"),
            "1) \"unsubscribe\"\n2) (nil)\n3) (integer) " + std::to_string(kMany));
  EXPECT_EQ(server.Run("SUBSCRIBE a"),
            "1) \"subscribe\"\n2) \"a\"\n3) (integer) " + std::to_string(kMany + 1));
  EXPECT_EQ(Bytes(server, {"UNSUBSCRIBE"}, false),
            ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:" + std::to_string(kMany) + "\r\n");
  EXPECT_EQ(server.session.subscription_count(), static_cast<size_t>(kMany));
}

TEST(SlicedCommandsTest, ARefusedNameRefusesAll) {
  TestContext sliced;
  TestContext whole;
  Request words = Named("SUBSCRIBE", kMany);
  words.push_back("ampt:nonsense:x");
  const std::string refusal = Bytes(sliced, words, false);
  EXPECT_TRUE(refusal.starts_with("-ERR ")) << refusal;
  EXPECT_EQ(refusal, Bytes(whole, words, true));
  EXPECT_EQ(sliced.session.subscription_count(), 0u);
  EXPECT_FALSE(sliced.session.subscribing);
}

TEST(SlicedCommandsTest, ExistsAndTouchCount) {
  for (const char* command : {"EXISTS", "TOUCH"}) {
    TestContext sliced;
    TestContext whole;
    for (TestContext* server : {&sliced, &whole}) {
      for (const char* line : {"SET name:0 x", "SET name:5000 x", "SET name:9998 x"}) {
        EXPECT_EQ(server->Run(line), "OK");
      }
    }
    const std::string bytes = Bytes(sliced, Named(command, kMany), false);
    EXPECT_EQ(bytes, ":3\r\n");
    whole.to_the_end = true;
    EXPECT_EQ(whole.Run(Named(command, kMany)), "(integer) 3");
    EXPECT_EQ(whole.slices, 0);
    EXPECT_EQ(sliced.store().hits(), whole.store().hits());
    EXPECT_EQ(sliced.store().misses(), whole.store().misses());
  }
}

}  // namespace
}  // namespace ampt
