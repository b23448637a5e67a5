// Transactions between several connections, and the limits of their queues.
#include "tests/server/harness.h"

namespace ampt::test {
namespace {

class TransactionsTest : public ServerTest {};

TEST_F(TransactionsTest, NobodyComesBetween) {
  Client reader = Connect();
  Client writer = Connect();
  ASSERT_EQ(writer.Ask("MSET a 0 b 0"), "OK");
  // Both pipelines are worked off in the same turns of the loop, and the reader never sees one of
  // the two counters ahead of the other.
  constexpr int kRounds = 500;
  std::string writes;
  std::string reads;
  for (int i = 0; i < kRounds; ++i) {
    for (const Words& words :
         {Words{"MULTI"}, Words{"INCR", "a"}, Words{"INCR", "b"}, Words{"EXEC"}}) {
      writes += Encode(words);
    }
    reads += Encode({"MGET", "a", "b"});
  }
  ASSERT_TRUE(writer.Send(writes));
  ASSERT_TRUE(reader.Send(reads));
  for (int i = 0; i < kRounds; ++i) {
    const std::optional<Value> both = reader.Read();
    ASSERT_TRUE(both && both->elements.size() == 2);
    EXPECT_EQ(both->elements[0].text, both->elements[1].text);
  }
  for (int i = 0; i < 4 * kRounds; ++i) ASSERT_TRUE(writer.Read());
  EXPECT_EQ(writer.Ask("GET b"), "\"500\"");
}

TEST_F(TransactionsTest, WhatIsLongRunsToItsEnd) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("DEBUG POPULATE 100000 range:"), "OK");
  ASSERT_EQ(client.Ask("MULTI"), "OK");
  ASSERT_EQ(client.Ask("AMPT.REMOVERANGE range:*"), "QUEUED");
  ASSERT_EQ(client.Ask("DBSIZE"), "QUEUED");
  const Value replies = client.Run({"EXEC"});
  ASSERT_EQ(replies.elements.size(), 2u);
  EXPECT_EQ(replies.elements[0].integer() + replies.elements[1].integer(), 100000);
}

TEST_F(TransactionsTest, EndWithTheirConnection) {
  Client client = Connect();
  for (const char* line : {"SET a 1", "WATCH a"}) ASSERT_EQ(client.Ask(line), "OK");
  {
    Client other = Connect();
    ASSERT_EQ(other.Ask("WATCH a"), "OK");
    ASSERT_EQ(other.Ask("MULTI"), "OK");
    ASSERT_EQ(other.Ask("SET a 2"), "QUEUED");
  }
  ASSERT_TRUE(WaitFor([&] { return InfoNumber("connected_clients") <= 2; }));
  EXPECT_EQ(client.Ask("MULTI"), "OK");
  EXPECT_EQ(client.Ask("GET a"), "QUEUED");
  EXPECT_EQ(client.Ask("EXEC"), "1) \"1\"");
}

TEST_F(TransactionsTest, AQueueIsNoLongerThanWhatMayBeSentAtOnce) {
  StartServer({{"client-query-buffer-limit", "1mb"}});
  Client client = Connect();
  ASSERT_EQ(client.Ask("MULTI"), "OK");
  const Words command = {"SET", "a", std::string(100'000, 'x')};
  bool is_closed = false;
  for (int i = 0; i < 20 && !is_closed; ++i) {
    is_closed = client.Run(command).text != "QUEUED";
  }
  EXPECT_TRUE(is_closed);
  EXPECT_EQ(InfoNumber("client_query_buffer_limit_disconnections"), 1);

  Client watcher = Connect();
  Words watch = {"WATCH"};
  for (int i = 0; i < 20'000; ++i) watch.push_back("key" + std::to_string(i));
  EXPECT_EQ(Render(watcher.Run(watch)), "(error) connection closed");
  ExpectAlive();
}

TEST_F(TransactionsTest, ALongQueueIsDiscardedAndRun) {
  constexpr int kCommands = 50'000;
  const auto queue = [](Client& client) {
    std::string requests = Encode({"MULTI"});
    for (int i = 0; i < kCommands; ++i) requests += Encode({"INCR", "n"});
    ASSERT_TRUE(client.Send(requests));
    for (int i = 0; i <= kCommands; ++i) ASSERT_TRUE(client.Read());
  };
  Client other = Connect();
  Client client = Connect();
  queue(client);
  EXPECT_EQ(client.Ask("DISCARD"), "OK");
  EXPECT_EQ(other.Ask("GET n"), "(nil)");
  queue(client);
  const Value answers = client.Run({"EXEC"});
  ASSERT_EQ(answers.elements.size(), static_cast<size_t>(kCommands));
  EXPECT_EQ(answers.elements.back().integer(), kCommands);
  // A refused command, a RESET and the end of the connection forget a queue as well.
  queue(client);
  EXPECT_TRUE(client.Run({"NONSENSE"}).is_error());
  EXPECT_TRUE(client.Run({"EXEC"}).is_error());
  queue(client);
  EXPECT_EQ(client.Ask("RESET"), "RESET");
  queue(client);
  client.Close();
  ASSERT_TRUE(WaitFor([&] { return InfoNumber("connected_clients") == 2; }));
  EXPECT_EQ(other.Ask("GET n"), "\"" + std::to_string(kCommands) + "\"");
  EXPECT_EQ(other.Ask("DEBUG VERIFY"), "OK");
}

TEST_F(TransactionsTest, ManyKeysAreWatched) {
  constexpr int kKeys = 50'000;
  Words watch{"WATCH"};
  for (int i = 0; i < kKeys; ++i) watch.push_back("key:" + std::to_string(i));
  Client other = Connect();
  Client client = Connect();
  // The answer comes before that of the next command, and a change of any key behind it counts.
  for (const int changed : {0, kKeys / 2, kKeys - 1}) {
    ASSERT_TRUE(client.Send(Encode(watch) + Encode({"PING", "behind"})));
    EXPECT_EQ(Render(*client.Read()), "OK");
    EXPECT_EQ(Render(*client.Read()), "\"behind\"");
    ASSERT_EQ(other.Ask("SET key:" + std::to_string(changed) + " x"), "OK");
    ASSERT_EQ(client.Ask("MULTI"), "OK");
    ASSERT_EQ(client.Ask("PING"), "QUEUED");
    EXPECT_EQ(client.Ask("EXEC"), "(nil)");
  }
  ASSERT_EQ(Render(client.Run(watch)), "OK");
  ASSERT_EQ(client.Ask("UNWATCH"), "OK");
  ASSERT_EQ(other.Ask("SET key:1 y"), "OK");
  ASSERT_EQ(Render(client.Run(watch)), "OK");
  ASSERT_EQ(client.Ask("MULTI"), "OK");
  EXPECT_EQ(Render(client.Run(watch)), "(error) ERR WATCH inside MULTI is not allowed");
  ASSERT_EQ(client.Ask("DISCARD"), "OK");
  // Clients that go while they begin to watch, and with all they watch.
  for (const bool is_answered : {false, true}) {
    Client leaving = Connect();
    const std::string id = std::to_string(leaving.Run({"CLIENT", "ID"}).integer());
    ASSERT_TRUE(leaving.Send(Encode(watch)));
    if (is_answered) {
      ASSERT_TRUE(leaving.Read());
    }
    ASSERT_EQ(other.Ask("CLIENT KILL ID " + id), "(integer) 1");
    ASSERT_EQ(other.Ask("SET key:2 z"), "OK");
  }
  EXPECT_EQ(other.Ask("DEBUG VERIFY"), "OK");
  EXPECT_EQ(client.Ask("PING"), "PONG");
}

TEST_F(TransactionsTest, WithoutRepliesExecHasNone) {
  for (const char* mode : {"OFF", "SKIP"}) {
    Client client = Connect();
    ASSERT_EQ(client.Ask("MULTI"), "OK");
    ASSERT_EQ(client.Ask("SET a 1"), "QUEUED");
    ASSERT_EQ(client.Ask(std::string("CLIENT REPLY ") + mode), "QUEUED");
    ASSERT_EQ(client.Ask("INCR a"), "QUEUED");
    ASSERT_TRUE(client.Send(Encode({"EXEC"}) + Encode({"PING", "skipped"}) +
                            Encode({"CLIENT", "REPLY", "ON"})));
    EXPECT_EQ(Render(*client.Read()), "OK") << mode;
    EXPECT_EQ(client.Ask("GET a"), "\"2\"") << mode;
  }
}

TEST_F(TransactionsTest, ClientReplyOnEndsASkipAndSkipDoesNotEndOff) {
  Client client = Connect();
  const std::string skip = Encode({"CLIENT", "REPLY", "SKIP"});
  const std::string on = Encode({"CLIENT", "REPLY", "ON"});
  ASSERT_TRUE(client.Send(skip + on + Encode({"PING", "a"})));
  EXPECT_EQ(Render(*client.Read()), "OK");
  EXPECT_EQ(Render(*client.Read()), "\"a\"");
  ASSERT_TRUE(client.Send(skip + skip + Encode({"PING", "skipped"}) + Encode({"PING", "b"})));
  EXPECT_EQ(Render(*client.Read()), "\"b\"");
  ASSERT_TRUE(client.Send(skip + Encode({"RESET"}) + Encode({"PING", "c"})));
  EXPECT_EQ(Render(*client.Read()), "\"c\"");
  ASSERT_TRUE(client.Send(Encode({"CLIENT", "REPLY", "OFF"}) + skip + Encode({"PING", "1"}) +
                          Encode({"PING", "2"}) + on));
  EXPECT_EQ(Render(*client.Read()), "OK");
}

TEST_F(TransactionsTest, ExecNeedsThePasswordOnceThereIsOne) {
  StartServer({{"requirepass", "secret"}});
  Client client = Connect();
  EXPECT_EQ(client.Ask("MULTI"), "(error) NOAUTH Authentication required.");
  EXPECT_EQ(client.Ask("EXEC"),
            "(error) EXECABORT Transaction discarded because of: NOAUTH Authentication required.");
  ASSERT_EQ(client.Ask("AUTH secret"), "OK");
  EXPECT_EQ(client.Ask("MULTI"), "OK");
  EXPECT_EQ(client.Ask("EXEC"), "(empty array)");
}

}  // namespace
}  // namespace ampt::test
