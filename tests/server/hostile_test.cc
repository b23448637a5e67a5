// What one client sends, or does not read, is no matter of the others: long pipelines, long
// answers, half-sent commands. How long others wait is measured by ampt-bench --hostile.
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

// More than fits one slice of an answer, one share of a turn and the buffers of a socket.
constexpr int kManyKeys = 100'000;
constexpr int kKeyBytes = 100;

class HostileTest : public ServerTest {
 protected:
  void SetUp() override { StartServer({{"save", ""}, {"appendonly", "no"}}); }

  static std::string Key(int number) {
    std::string key = std::to_string(number);
    return key.insert(0, kKeyBytes - key.size(), '0');
  }
  void Fill(int keys) {
    Client client = Connect();
    constexpr int kAtOnce = 1000;
    for (int first = 0; first < keys; first += kAtOnce) {
      Words words = {"MSET"};
      for (int i = first; i < first + kAtOnce; ++i) {
        words.push_back(Key(i));
        words.push_back("x");
      }
      ASSERT_EQ(client.Run(words).text, "OK");
    }
  }
  // Whether those are the keys of Fill(), in order.
  static bool AreAllKeys(const Value& value, int keys) {
    if (value.elements.size() != static_cast<size_t>(keys)) return false;
    for (int i = 0; i < keys; ++i) {
      if (value.elements[static_cast<size_t>(i)].text != Key(i)) return false;
    }
    return true;
  }
  // The number behind ` name=` in a line of CLIENT LIST.
  static int64_t Field(const std::string& line, const std::string& name) {
    const size_t at = line.find(" " + name + "=");
    return at == std::string::npos ? -1 : std::stoll(line.substr(at + name.size() + 2));
  }
  std::string LineOf(Client& asking, const std::string& client_id) {
    return asking.Run({"CLIENT", "LIST", "ID", client_id}).text;
  }
};

TEST_F(HostileTest, ALongPipelineIsAnsweredInOrder) {
  constexpr int kCommands = 20'000;
  Client client = Connect();
  std::string requests;
  for (int i = 0; i < kCommands; ++i) requests += Encode({"ECHO", std::to_string(i)});
  ASSERT_TRUE(client.Send(requests));
  for (int i = 0; i < kCommands; ++i) {
    const std::optional<Value> reply = client.Read();
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(reply->text, std::to_string(i));
  }
  EXPECT_FALSE(client.HasReply());
}

TEST_F(HostileTest, OthersDoNotWaitForTheEndOfAPipeline) {
  Client other = Connect();
  ASSERT_EQ(other.Ask("PING"), "PONG");
  Client client = Connect();
  // All of it is read at once.
  std::string requests = Encode({"SET", "begun", "1"});
  for (int i = 0; i < 1500; ++i) requests += Encode({"DEBUG", "SLEEP", "0.004"});
  requests += Encode({"SET", "ended", "1"});
  ASSERT_TRUE(client.Send(requests));
  ASSERT_TRUE(WaitFor([&] { return other.Ask("GET begun") == "\"1\""; }));
  EXPECT_EQ(other.Ask("GET ended"), "(nil)");
  client.Close();
  ExpectAlive();
}

TEST_F(HostileTest, OthersDoNotWaitForACrowdWithCostlyCommands) {
  Client other = Connect();
  ASSERT_EQ(other.Ask("PING"), "PONG");
  constexpr size_t kCrowd = 40;
  std::vector<Client> crowd;
  for (size_t i = 0; i < kCrowd; ++i) crowd.push_back(Connect());
  for (Client& client : crowd) ASSERT_EQ(client.Ask("PING"), "PONG");
  // All of them are read in the turn behind this one.
  Client first = Connect();
  ASSERT_EQ(first.Ask("PING"), "PONG");  // else it is let in when the others have been read from
  ASSERT_TRUE(first.Send(Encode({"DEBUG", "SLEEP", "0.3"})));
  for (Client& client : crowd) ASSERT_TRUE(client.Send(Encode({"DEBUG", "SLEEP", "0.05"})));
  ASSERT_TRUE(first.Read().has_value());
  const auto count_answered = [&] {
    return std::ranges::count_if(crowd, [](Client& client) { return client.HasReply(); });
  };
  ASSERT_TRUE(WaitFor([&] { return count_answered() > 0; }));
  ASSERT_EQ(other.Ask("PING"), "PONG");
  const auto answered = count_answered();
  EXPECT_LT(answered, static_cast<std::ptrdiff_t>(kCrowd));
  for (Client& client : crowd) ASSERT_TRUE(client.Read().has_value());
  ExpectAlive();
}

TEST_F(HostileTest, WhoComesInACrowdIsLetInAndServed) {
  // All of them come while nobody is let in.
  Client first = Connect();
  ASSERT_EQ(first.Ask("PING"), "PONG");  // else it is let in when the others have been read from
  ASSERT_TRUE(first.Send(Encode({"DEBUG", "SLEEP", "0.3"})));
  std::vector<Client> crowd;
  for (int i = 0; i < 200; ++i) {
    crowd.push_back(Connect());
    ASSERT_TRUE(crowd.back().Send(Encode({"INCR", "n"})));
  }
  ASSERT_TRUE(first.Read().has_value());
  for (Client& client : crowd) ASSERT_TRUE(client.Read().has_value());
  EXPECT_EQ(Connect().Ask("GET n"), "\"200\"");
}

TEST_F(HostileTest, WhoAsksForLittleGoesBeforeThoseWhoseCommandsAreCostly) {
  Client other = Connect();
  ASSERT_EQ(other.Ask("PING"), "PONG");
  constexpr size_t kCrowd = 40;
  std::vector<Client> crowd;
  for (size_t i = 0; i < kCrowd; ++i) {
    crowd.push_back(Connect());
    ASSERT_EQ(crowd.back().Ask("DEBUG SLEEP 0.001"), "OK");
  }
  Client first = Connect();
  ASSERT_EQ(first.Ask("PING"), "PONG");  // else it is let in when the others have been read from
  ASSERT_TRUE(first.Send(Encode({"DEBUG", "SLEEP", "0.3"})));
  for (Client& client : crowd) ASSERT_TRUE(client.Send(Encode({"DEBUG", "SLEEP", "0.05"})));
  // The last to come.
  ASSERT_TRUE(other.Send(Encode({"PING"})));
  ASSERT_TRUE(other.Read().has_value());
  const auto answered =
      std::ranges::count_if(crowd, [](Client& client) { return client.HasReply(); });
  EXPECT_LT(answered, static_cast<std::ptrdiff_t>(kCrowd / 2));
  ASSERT_TRUE(first.Read().has_value());
  for (Client& client : crowd) ASSERT_TRUE(client.Read().has_value());
}

// All sockets fill up, and are filled again as they drain.
TEST_F(HostileTest, LongAnswersForManyArriveWhole) {
  constexpr int kClients = 30;
  constexpr int kAnswers = 8;
  constexpr size_t kValueBytes = 1 << 20;
  Client writer = Connect();
  std::vector<std::string> values;
  for (int i = 0; i < kAnswers; ++i) {
    std::string& value = values.emplace_back();
    for (int n = i; value.size() < kValueBytes; ++n) value += std::to_string(n) + ' ';
    ASSERT_EQ(writer.Run({"SET", Key(i), value}).text, "OK");
  }
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(Connect());
    std::string requests;
    for (int n = 0; n < kAnswers; ++n) requests += Encode({"GET", Key(n)});
    ASSERT_TRUE(clients.back().Send(requests));
  }
  ASSERT_EQ(writer.Ask("PING"), "PONG");
  for (int n = 0; n < kAnswers; ++n) {
    for (Client& client : clients) {
      const std::optional<Value> reply = client.Read();
      ASSERT_TRUE(reply.has_value());
      ASSERT_TRUE(reply->text == values[static_cast<size_t>(n)]) << n;
    }
  }
  for (Client& client : clients) ASSERT_EQ(client.Ask("PING"), "PONG");
}

// Together they are sent more than others may be in a turn, but the sockets take all of it.
TEST_F(HostileTest, ListenersAreNotCutOffForWhatTheirSocketsTake) {
  ASSERT_EQ(Connect().Run({"CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0"}).text,
            "OK");
  constexpr int kListeners = 30;
  constexpr int kMessages = 6;
  const std::string message(300 << 10, 'x');
  std::vector<Client> listeners;
  for (int i = 0; i < kListeners; ++i) {
    listeners.push_back(Connect());
    ASSERT_TRUE(listeners.back().Send(Encode({"SUBSCRIBE", "news"})));
    ASSERT_TRUE(listeners.back().Read().has_value());
  }
  Client publisher = Connect();
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(publisher.Run({"PUBLISH", "news", std::to_string(i) + message}).integer(),
              kListeners);
  }
  for (Client& listener : listeners) {
    for (int i = 0; i < kMessages; ++i) {
      const std::optional<Value> value = listener.Read();
      ASSERT_TRUE(value.has_value());
      ASSERT_TRUE(value->elements.at(2).text == std::to_string(i) + message);
    }
  }
}

TEST_F(HostileTest, WhoSendsNothingMoreIsAnsweredInFull) {
  // So little does not stop the server from reading, so it sees the end at once.
  constexpr size_t kValueBytes = 1'000'000;
  Client client = Connect();
  ASSERT_EQ(client.Run({"SET", "k", std::string(kValueBytes, 'x')}).text, "OK");
  ASSERT_TRUE(client.Send(Encode({"GET", "k"})));
  client.FinishSending();
  EXPECT_EQ(client.ReadToEnd().size(), kValueBytes + std::string("$1000000\r\n\r\n").size());
}

TEST_F(HostileTest, MessagesDoNotBreakUpALongAnswer) {
  Fill(kManyKeys);
  Client listener = Connect();
  ASSERT_EQ(listener.Run({"HELLO", "3"}).type, '%');
  ASSERT_TRUE(listener.Send(Encode({"SUBSCRIBE", "news"})));
  ASSERT_TRUE(listener.Read().has_value());
  ASSERT_TRUE(listener.Send(Encode({"KEYS", "*"}) + Encode({"ECHO", "behind"})));
  constexpr int kMessages = 2000;
  Client publisher = Connect();
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(publisher.Run({"PUBLISH", "news", std::to_string(i)}).integer(), 1);
  }
  int messages = 0;
  bool has_answer = false;
  bool has_echo = false;
  while (messages < kMessages || !has_echo) {
    const std::optional<Value> value = listener.Read();
    ASSERT_TRUE(value.has_value());
    if (value->type == '>') {
      ASSERT_EQ(value->elements.at(2).text, std::to_string(messages));
      ++messages;
    } else if (!has_answer) {
      ASSERT_TRUE(AreAllKeys(*value, kManyKeys));
      has_answer = true;
    } else {
      ASSERT_EQ(value->text, "behind");
      has_echo = true;
    }
  }
}

TEST_F(HostileTest, AnAnswerThatNobodyReadsWaitsForItsReader) {
  Fill(kManyKeys);
  Client deaf = Connect();
  const std::string id = std::to_string(deaf.Run({"CLIENT", "ID"}).integer());
  ASSERT_TRUE(deaf.Send(Encode({"KEYS", "*"}) + Encode({"ECHO", "behind"})));
  Client other = Connect();
  ASSERT_TRUE(WaitFor([&] { return Field(LineOf(other, id), "omem") > 0; }));
  // 11 MB are to come, of which little is made before it can go.
  EXPECT_LT(Field(LineOf(other, id), "tot-mem"), 4 << 20);
  const std::optional<Value> keys = deaf.Read();
  ASSERT_TRUE(keys.has_value());
  EXPECT_TRUE(AreAllKeys(*keys, kManyKeys));
  const std::optional<Value> echo = deaf.Read();
  ASSERT_TRUE(echo.has_value());
  EXPECT_EQ(echo->text, "behind");
}

TEST_F(HostileTest, WhoeverLeavesALongAnswerLeavesNothingBehind) {
  Fill(kManyKeys);
  Client other = Connect();
  for (int i = 0; i < 3; ++i) {
    Client deaf = Connect();
    const std::string id = std::to_string(deaf.Run({"CLIENT", "ID"}).integer());
    ASSERT_TRUE(deaf.Send(Encode({"KEYS", "*"})));
    ASSERT_TRUE(WaitFor([&] { return Field(LineOf(other, id), "omem") > 0; }));
    ASSERT_EQ(other.Ask("CLIENT KILL ID " + id), "(integer) 1");
    ASSERT_TRUE(WaitFor([&] { return LineOf(other, id).empty(); }));
  }
  EXPECT_EQ(other.Ask("DEBUG VERIFY"), "OK");
}

TEST_F(HostileTest, ALongAnswerCanBeSilenced) {
  Fill(kManyKeys);
  Client client = Connect();
  ASSERT_TRUE(client.Send(Encode({"CLIENT", "REPLY", "SKIP"}) + Encode({"KEYS", "*"}) +
                          Encode({"ECHO", "behind"})));
  const std::optional<Value> reply = client.Read();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->text, "behind");
}

TEST_F(HostileTest, ManyKeysAreLookedUpInSlices) {
  Fill(kManyKeys);
  Client client = Connect();
  Client other = Connect();
  const std::string id = std::to_string(client.Run({"CLIENT", "ID"}).integer());
  Words words{""};
  for (int i = 0; i < 3 * kManyKeys; ++i) words.push_back(Key(i));
  for (const char* command : {"EXISTS", "TOUCH"}) {
    words[0] = command;
    // Another client sees it at work: it waits, and what it sent behind waits with it.
    EXPECT_TRUE(WaitFor([&] {
      EXPECT_TRUE(client.Send(Encode(words) + Encode({"ECHO", "behind"})));
      bool is_seen = false;
      while (!is_seen && !client.HasReply()) {
        is_seen = LineOf(other, id).find(" flags=b ") != std::string::npos;
      }
      EXPECT_EQ(client.Read()->integer(), kManyKeys);
      EXPECT_EQ(client.Read()->text, "behind");
      return is_seen;
    }));
    // In a transaction it is one step.
    ASSERT_EQ(client.Ask("MULTI"), "OK");
    ASSERT_EQ(client.Run(words).text, "QUEUED");
    EXPECT_EQ(client.Ask("EXEC"), "1) (integer) " + std::to_string(kManyKeys));
    // Who leaves in the middle leaves nothing behind.
    Client leaving = Connect();
    ASSERT_TRUE(leaving.Send(Encode(words)));
  }
  EXPECT_EQ(other.Ask("DEBUG VERIFY"), "OK");
}

#ifndef AMPT_WITHOUT_JEMALLOC  // a sanitizer's own allocator keeps what was freed
TEST_F(HostileTest, TheMemoryOfLongAnswersIsUsedAgain) {
  constexpr int kKeys = 300'000;
  Fill(kKeys);
  const auto ask = [this] {
    Client client = Connect();
    ASSERT_TRUE(client.Send(Encode({"KEYS", "*"}) + Encode({"QUIT"})));
    ASSERT_GT(client.ReadToEnd().size(), size_t{10} * kKeys);
  };
  for (int i = 0; i < 3; ++i) ask();
  const int64_t before_bytes = server().RssBytes();
  for (int i = 0; i < 15; ++i) ask();
  // An answer is 5 MB; how much of it waits at a time depends on how fast this client reads. Taken
  // anew each time it was 190 MB.
  EXPECT_LT(server().RssBytes() - before_bytes, 64 << 20);
}
#endif

TEST_F(HostileTest, HalfACommandTakesLittleMemory) {
  std::vector<Client> slow;
  constexpr size_t kClients = 250;
  for (size_t i = 0; i < kClients; ++i) {
    slow.push_back(Connect());
    ASSERT_TRUE(slow.back().Send("*3\r\n$3\r\nSET\r\n$4\r\nslow\r\n$536870912\r\nabc"));
  }
  Client other = Connect();
  const auto waiting = [&] {
    size_t count = 0;
    const std::string list = other.Run({"CLIENT", "LIST"}).text;
    for (size_t at = 0; at < list.size();) {
      const size_t end = list.find('\n', at);
      const std::string line = list.substr(at, end - at);
      at = end + 1;
      // What was read in the turn that answers is in its large block until the end of that turn.
      const bool is_half = Field(line, "qbuf") > 0 && line.find(" cmd=NULL ") != std::string::npos;
      if (is_half && Field(line, "tot-mem") < 4096) ++count;
    }
    return count;
  };
  EXPECT_TRUE(WaitFor([&] { return waiting() == kClients; })) << other.Run({"CLIENT", "LIST"}).text;
  // Small blocks grow again.
  const std::string rest(100'000, 'x');
  Client client = Connect();
  for (const std::string& request : {Encode({"SET", "slow", rest}), Encode({"GET", "slow"})}) {
    for (size_t at = 0; at < request.size(); at += 7000) {
      ASSERT_TRUE(client.Send(request.substr(at, 7000)));
      ASSERT_EQ(other.Ask("PING"), "PONG");
    }
  }
  ASSERT_TRUE(client.Read().has_value());
  EXPECT_EQ(client.Read()->text, rest);
}

}  // namespace
}  // namespace ampt::test
