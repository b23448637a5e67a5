// AMPT.EVENTS: how its words are read and its answers written. The rules behind it are tested
// without commands (event_consumer_test.cc).
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/unit/test_context.h"

namespace ampt {
namespace {

constexpr std::string_view kNoConsumer = "(error) NOTFOUND Consumer does not exist";

class AmptEvents : public testing::Test {
 protected:
  ~AmptEvents() override {
    server.CheckInvariants();
    server.events.CheckInvariants();
  }
  std::string Run(std::string_view line) { return server.Run("AMPT.EVENTS " + std::string(line)); }
  void Set(std::string_view key) { server.Run("SET " + std::string(key) + " 1"); }

  TestContext server;
};

TEST_F(AmptEvents, FromCreateToDrop) {
  EXPECT_EQ(Run("READ c"), kNoConsumer);
  EXPECT_EQ(Run("CREATE c FILTERS 2 created:n:* deleted"), "OK");
  EXPECT_EQ(Run("read C"), kNoConsumer);  // names are case-sensitive
  EXPECT_EQ(Run("read c count 10"), "(nil)");
  Set("n:a");
  Set("m:a");
  EXPECT_EQ(Run("READ c"),
            R"(1) "{\"id\":\"1\",\"name\":\"created\",\"attempt\":1,\"item\":{\"key\":\"n:a\",)"
            R"(\"value\":\"1\",\"created\":\"2023-11-14T22:13:20.000Z\",)"
            R"(\"modified\":\"2023-11-14T22:13:20.000Z\"}}")");
  EXPECT_EQ(Run("NAK c 1 why"), "OK");
  EXPECT_EQ(Run("NAK c 1"), "(error) NOTFOUND Event is not in flight");
  EXPECT_EQ(
      Run("INFO c"),
      R"("{\"name\":\"c\",\"filters\":[\"created:n:*\",\"deleted\"],\"ackwait\":60000,)"
      R"(\"backoff\":[1000,900000],\"maxage\":86400,\"backlog\":1,\"in_flight\":0,\"lag_ms\":0,)"
      R"(\"dead\":0,\"dropped\":0,\"blocked\":[{\"namespace\":\"n\",\"id\":\"1\",\"attempt\":1,)"
      R"(\"retry_at\":\"2023-11-14T22:13:21.000Z\"}]}")");
  EXPECT_EQ(Run("ACK c 1 2 1"), "(integer) 1");
  EXPECT_EQ(Run("DEAD c"), "(empty array)");
  EXPECT_EQ(Run("REPLAY c 1"), "(integer) 0");
  EXPECT_EQ(Run("CREATE d FILTERS 1 * ACKWAIT 5 BACKOFF 6 7 MAXAGE 8"), "OK");
  EXPECT_NE(Run("INFO").find(R"([{\"name\":\"c\",)"), std::string::npos);
  EXPECT_NE(Run("INFO").find(R"(},{\"name\":\"d\",\"filters\":[\"*\"],\"ackwait\":5,)"
                             R"(\"backoff\":[6,7],\"maxage\":8,)"),
            std::string::npos);
  EXPECT_EQ(Run("DROP c"), "OK");
  for (const char* line : {"DROP c", "ACK c 1", "NAK c 1", "INFO c", "DEAD c", "REPLAY c 1"}) {
    EXPECT_EQ(Run(line), kNoConsumer) << line;
  }
}

TEST_F(AmptEvents, ConsumersBelongToTheirDatabaseAndSurviveFlush) {
  EXPECT_EQ(Run("CREATE c FILTERS 1 *"), "OK");
  Set("a");
  server.Run("FLUSHALL");
  server.session.number = 1;
  EXPECT_EQ(Run("READ c"), kNoConsumer);
  EXPECT_EQ(Run("INFO"), "\"[]\"");
  server.session.number = 0;
  server.events.ConvertSome(100);
  EXPECT_NE(Run("READ c").find(R"(\"name\":\"created\")"), std::string::npos);
  EXPECT_EQ(Run("ACK c 1"), "(integer) 1");
  EXPECT_NE(Run("READ c").find(R"(\"name\":\"deleted\",\"reason\":\"removed\")"),
            std::string::npos);
}

TEST_F(AmptEvents, MoveAndRenameAreDeletedAndCreated) {
  EXPECT_EQ(Run("CREATE c FILTERS 1 *"), "OK");
  Set("a");
  server.Run("RENAME a b");
  const std::string events = Run("READ c COUNT 10");
  EXPECT_NE(events.find(R"(\"id\":\"3\",\"name\":\"created\")"), std::string::npos) << events;
  EXPECT_EQ(Run("ACK c 1 3"), "(integer) 2");
  EXPECT_NE(Run("READ c").find(R"(\"id\":\"2\",\"name\":\"deleted\",\"reason\":\"removed\")"),
            std::string::npos);
  // An expired item goes before what is written in its place.
  server.Run("SET e 1 PX 10");
  server.clock.Advance(10);
  Set("e");
  EXPECT_NE(Run("READ c").find(R"(\"name\":\"created\")"), std::string::npos);
  EXPECT_EQ(Run("ACK c 4"), "(integer) 1");
  EXPECT_NE(Run("READ c").find(R"(\"reason\":\"expired\")"), std::string::npos);
}

TEST_F(AmptEvents, WordsAreChecked) {
  struct Case {
    std::string_view line;
    std::string_view error;
  };
  const std::string_view bad_name =
      "Invalid consumer name: it takes 1 to 256 bytes of UTF-8 without ':', not '*'";
  const Case cases[] = {
      {"CREATE a:b FILTERS 1 *", bad_name},
      {"CREATE \" \" FILTERS 1 *", bad_name},
      {"CREATE * FILTERS 1 *", bad_name},
      {"CREATE \"\\xff\" FILTERS 1 *", bad_name},
      {"CREATE c", "syntax error: option 'FILTERS' is missing"},
      {"CREATE c ACKWAIT 1", "syntax error: option 'FILTERS' is missing"},
      {"CREATE c FOO", "syntax error: unknown option 'FOO'"},
      {"CREATE c FILTERS 1 * FILTERS 1 *", "syntax error: option 'FILTERS' given twice"},
      {"CREATE c FILTERS 1 * MAXAGE 9 maxage 9", "syntax error: option 'MAXAGE' given twice"},
      {"CREATE c FILTERS x *", "value is not an integer or out of range"},
      {"CREATE c FILTERS 0", "FILTERS must be between 1 and 100"},
      {"CREATE c FILTERS 101", "FILTERS must be between 1 and 100"},
      {"CREATE c FILTERS 1 renamed:*", "Invalid event name: renamed"},
      {"CREATE c FILTERS 1 created:", "Invalid event filter: created:: no part may be empty"},
      {"CREATE c FILTERS 1 * ACKWAIT 0", "ACKWAIT must be between 1 and 604800000 milliseconds"},
      {"CREATE c FILTERS 1 * BACKOFF 2 1",
       "BACKOFF must be between 1 and 604800000 milliseconds, the first not over the max"},
      {"CREATE c FILTERS 1 * MAXAGE 0", "MAXAGE must be between 1 and 31536000 seconds"},
      {"CREATE c FILTERS 1 * MAXAGE 9223372036854775807",
       "MAXAGE must be between 1 and 31536000 seconds"},
      {"CREATE c FILTERS 1 * MAXAGE -9223372036854775808",
       "MAXAGE must be between 1 and 31536000 seconds"},
      {"READ c COUNT 0", "COUNT must be between 1 and 1000"},
      {"READ c COUNT 1001", "COUNT must be between 1 and 1000"},
      {"READ c COUNT x", "value is not an integer or out of range"},
      {"READ c BLOCK -1", "timeout is negative"},
      {"READ c BLOCK 9223372036854775807", "timeout is out of range"},
      {"READ c FOO", "syntax error: unknown option 'FOO'"},
      {"ACK c x", "an event's id is a number"},
      {"NAK c 1.5", "an event's id is a number"},
      {"DEAD c COUNT 0", "COUNT must be between 1 and 1000"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(Run(test.line), "(error) ERR " + std::string(test.error)) << test.line;
  }
  for (const char* line :
       {"CREATE c FILTERS", "CREATE c FILTERS 2 *", "CREATE c BACKOFF 1", "CREATE c ACKWAIT"}) {
    EXPECT_TRUE(Run(line).starts_with("(error) ERR syntax error")) << Run(line);
  }
  EXPECT_EQ(Run("NAK c 1 " + std::string(1025, 'x')),
            "(error) ERR reason is longer than 1024 bytes");
  std::string many = "ACK c";
  for (int n = 0; n < 1001; ++n) many += " 1";
  EXPECT_EQ(Run(many), "(error) ERR at most 1000 ids may be given at once");
  EXPECT_EQ(Run("INFO"), "\"[]\"");
}

TEST_F(AmptEvents, ABlockedReadIsAnsweredWhenSomethingComes) {
  EXPECT_EQ(Run("CREATE c FILTERS 1 *"), "OK");
  RecordingReply silence;
  server.Execute(SplitCommand("AMPT.EVENTS READ c COUNT 5 BLOCK 1000"), silence);
  ASSERT_NE(server.blocked, nullptr);
  EXPECT_EQ(silence.text(), "<0 replies>");
  EXPECT_EQ(server.blocked->deadline_ms(), server.clock.NowMs() + 1000);
  EXPECT_EQ(server.events.waiting_readers(), 1u);
  RecordingReply reply;
  EXPECT_FALSE(server.blocked->TryAgain(reply));
  Set("a");
  EXPECT_TRUE(server.blocked->TryAgain(reply));
  EXPECT_NE(reply.text().find(R"(\"id\":\"1\")"), std::string::npos);
  server.blocked.reset();
  EXPECT_EQ(server.events.waiting_readers(), 0u);

  // For ever; until the consumer goes, even if one of its name comes.
  server.Execute(SplitCommand("AMPT.EVENTS READ c BLOCK 0"), silence);
  ASSERT_NE(server.blocked, nullptr);
  EXPECT_EQ(server.blocked->deadline_ms(), kNoDeadline);
  EXPECT_EQ(Run("DROP c"), "OK");
  EXPECT_EQ(Run("CREATE c FILTERS 1 *"), "OK");
  RecordingReply dropped;
  EXPECT_TRUE(server.blocked->TryAgain(dropped));
  EXPECT_EQ(dropped.text(), kNoConsumer);

  server.Execute(SplitCommand("AMPT.EVENTS READ c BLOCK 5"), silence);
  RecordingReply late;
  server.blocked->TimeOut(late);
  EXPECT_EQ(late.text(), "(nil)");
  server.blocked.reset();

  server.to_the_end = true;
  EXPECT_EQ(Run("READ c BLOCK 0"), "(nil)");
  EXPECT_EQ(server.blocked, nullptr);
}

TEST_F(AmptEvents, TheDigestShowsBacklogs) {
  Set("a");
  const std::string before = server.Run("DEBUG DIGEST");
  EXPECT_EQ(Run("CREATE c FILTERS 1 *"), "OK");
  const std::string with_consumer = server.Run("DEBUG DIGEST");
  EXPECT_NE(with_consumer, before);
  server.Run("DEL a");
  Run("READ c");
  EXPECT_EQ(Run("ACK c 2"), "(integer) 1");
  EXPECT_EQ(Run("DROP c"), "OK");
  EXPECT_EQ(server.Run("DEBUG DIGEST"), "0000000000000000");
}

}  // namespace
}  // namespace ampt
