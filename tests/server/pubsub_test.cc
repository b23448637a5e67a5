// Publish and subscribe over real sockets: what subscribers and publishers are answered, who gets
// which message in which order, and what becomes of those who do not read.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

// What redis-server 7.0.15 publishes for each command with notify-keyspace-events KEAnm: the event
// and the key as on __keyevent@<database>__, those of a command in order. Every `new` and `keymiss`
// of it, too.
struct Notified {
  const char* command;
  const char* events;
};
constexpr Notified kNotified[] = {
    {"SET a 1", "0:new a, 0:set a"},
    {"SET a 2", "0:set a"},
    {"SET a 3 EX 100", "0:set a, 0:expire a"},
    {"SET a 3 KEEPTTL", "0:set a"},
    {"SET a 4 PXAT 9999999999000", "0:set a, 0:expire a"},
    {"SET a 4 PXAT 9999999999000", "0:set a, 0:expire a"},
    {"SET a 4 NX", ""},
    {"SET b 4 NX", "0:new b, 0:set b"},
    {"SET a 4 XX", "0:set a"},
    {"SET a 5 GET", "0:set a"},
    {"SET miss 5 GET", "0:keymiss miss, 0:new miss, 0:set miss"},
    {"SETEX a 100 1", "0:set a, 0:expire a"},
    {"PSETEX pa 100000 1", "0:new pa, 0:set pa, 0:expire pa"},
    {"SETNX a 1", ""},
    {"SETNX c 1", "0:new c, 0:set c"},
    {"GETSET c 2", "0:set c"},
    {"GETSET cc 2", "0:keymiss cc, 0:new cc, 0:set cc"},
    {"GETDEL c", "0:del c"},
    {"GETDEL c", "0:keymiss c"},
    {"GETEX b", ""},
    {"GETEX b EX 10", "0:expire b"},
    {"GETEX b PERSIST", "0:persist b"},
    {"GETEX b PERSIST", ""},
    {"GETEX b PXAT 1", "0:del b"},
    {"GETEX nope", "0:keymiss nope"},
    {"GETEX nope EX x", "0:keymiss nope"},
    {"MSET m1 1 m2 2 m1 3", "0:new m1, 0:set m1, 0:new m2, 0:set m2, 0:set m1"},
    {"MSETNX m1 1 m9 2", ""},
    {"MSETNX m8 1 m9 2", "0:new m8, 0:set m8, 0:new m9, 0:set m9"},
    {"APPEND ap x", "0:new ap, 0:append ap"},
    {"APPEND ap \"\"", "0:append ap"},
    {"SETRANGE sr 2 x", "0:new sr, 0:setrange sr"},
    {"SETRANGE sr 2 \"\"", ""},
    {"INCR n", "0:new n, 0:incrby n"},
    {"DECR n", "0:incrby n"},
    {"INCRBY n 5", "0:incrby n"},
    {"DECRBY n 5", "0:incrby n"},
    {"INCRBYFLOAT n 1.5", "0:incrbyfloat n"},
    {"INCR n", ""},
    {"DEL n nope sr", "0:del n, 0:del sr"},
    {"UNLINK ap nope", "0:del ap"},
    {"EXISTS zz m1 zzz", "0:keymiss zz, 0:keymiss zzz"},
    {"TYPE zz", "0:keymiss zz"},
    {"TTL zz", "0:keymiss zz"},
    {"PTTL zz", "0:keymiss zz"},
    {"EXPIRETIME zz", "0:keymiss zz"},
    {"PEXPIRETIME zz", "0:keymiss zz"},
    {"TOUCH zz m1 zzz", "0:keymiss zz, 0:keymiss zzz"},
    {"HLEN zz", "0:keymiss zz"},
    {"LLEN zz", "0:keymiss zz"},
    {"STRLEN zz", "0:keymiss zz"},
    {"GETRANGE zz 0 1", "0:keymiss zz"},
    {"GET zz", "0:keymiss zz"},
    {"GET m1", ""},
    {"MGET zz m1 zzz", "0:keymiss zz, 0:keymiss zzz"},
    {"COPY zz m1", "0:keymiss zz"},
    {"RENAME zz m1", ""},
    {"RENAMENX zz m1", ""},
    {"MOVE zz 1", ""},
    {"EXPIRE zz 10", ""},
    {"PERSIST zz", ""},
    {"OBJECT ENCODING zz", ""},
    {"EXPIRE a 10", "0:expire a"},
    {"PEXPIRE a 100000", "0:expire a"},
    {"EXPIREAT a 9999999999", "0:expire a"},
    {"PEXPIREAT a 9999999999001", "0:expire a"},
    {"PERSIST a", "0:persist a"},
    {"PERSIST a", ""},
    {"EXPIRE a -1", "0:del a"},
    {"SET a 1 EX 100", "0:new a, 0:set a, 0:expire a"},
    {"SET d 1", "0:new d, 0:set d"},
    {"RENAME a d", "0:new d, 0:rename_from a, 0:rename_to d"},
    {"RENAME d d", ""},
    {"RENAME d e", "0:new e, 0:rename_from d, 0:rename_to e"},
    {"SET f 1", "0:new f, 0:set f"},
    {"RENAMENX e f", ""},
    {"RENAMENX e g", "0:new g, 0:rename_from e, 0:rename_to g"},
    {"COPY g h", "0:new h, 0:copy_to h"},
    {"COPY g h", ""},
    {"COPY g h REPLACE", "0:new h, 0:copy_to h"},
    {"COPY g g DB 1", "1:new g, 1:copy_to g"},
    {"COPY g g DB 1 REPLACE", "1:new g, 1:copy_to g"},
    {"MOVE h 1", "1:new h, 0:move_from h, 1:move_to h"},
    {"MOVE g 1", ""},
    {"FLUSHDB", ""},
    {"FLUSHALL", ""},
};

// And what ours publish.
constexpr Notified kNotifiedOfOurs[] = {
    {"AMPT.SET a:1 '{\"n\":1}'", "0:new a:1, 0:set a:1"},
    {"AMPT.SET \" a:1 \" '{\"m\":1}'", "0:set a:1"},
    {"AMPT.SET a:1 2", ""},  // refused
    {"AMPT.SET a:1 '{}' TTL 100", "0:set a:1, 0:expire a:1"},
    {"AMPT.SET a:1 '{}' TTL \"\"", "0:set a:1, 0:persist a:1"},
    {"AMPT.SET a:1 '{}' LABEL1 red", "0:set a:1"},
    {"AMPT.ADD a:1 n 1", "0:incrby a:1"},
    {"AMPT.ADD count 1", "0:new count, 0:incrby count"},
    {"AMPT.MSET 2 a:1 '{\"value\":1}' a:2 '{\"value\":2,\"ttl\":100}'",
     "0:set a:1, 0:new a:2, 0:set a:2, 0:expire a:2"},
    {"AMPT.SET a:2 3 TTL 2001-01-01", "0:expired a:2"},
    {"AMPT.REMOVE a:1 nope count", "0:del a:1, 0:del count"},
    {"AMPT.MSET 2 r:1 '{\"value\":1}' r:2 '{\"value\":2}'",
     "0:new r:1, 0:set r:1, 0:new r:2, 0:set r:2"},
    {"AMPT.REMOVERANGE r:*", "0:del r:1, 0:del r:2"},
    {"AMPT.GET nope", ""},
};

constexpr char kEnd[] = "__key-end__:";

class PubSubTest : public ServerTest {
 protected:
  // Sends without waiting for an answer, unless the system takes no more.
  static void Send(Client& client, const Words& words) { ASSERT_TRUE(client.Send(Encode(words))); }

  // The next reply or message, its words joined by spaces: "message news hello".
  static std::string Next(Client& client) {
    const std::optional<Value> value = client.Read();
    if (!value) return "connection closed";
    if (value->elements.empty()) return Render(*value);
    std::string text;
    for (const Value& element : value->elements) {
      text += (text.empty() ? "" : " ") + (element.type == '_' ? "(nil)" : element.text);
    }
    return text;
  }
  static std::string Ask(Client& client, const Words& words) {
    Send(client, words);
    return Next(client);
  }
  // A client that has subscribed, in that protocol.
  Client Subscriber(const Words& words, int resp = 2) {
    Client client = Connect();
    if (resp == 3) client.Run({"HELLO", "3"});
    Send(client, words);
    for (size_t i = 1; i < words.size(); ++i) Next(client);
    return client;
  }
  void ExpectConversation(std::string_view requests, std::string_view replies) {
    Client client = Connect();
    client.Send(std::string(requests) + Encode({"QUIT"}));
    EXPECT_EQ(client.ReadToEnd(), std::string(replies) + "+OK\r\n");
  }
  void WaitForChannels(int64_t channels) {
    EXPECT_TRUE(WaitFor([&] { return InfoNumber("pubsub_channels") == channels; }))
        << InfoNumber("pubsub_channels") << " channels";
  }

  // Events of `command`, as in the tables above, seen by `listener`.
  std::string EventsOf(Client& client, Client& listener, const std::string& command) {
    client.Ask(command);
    client.Run({"PUBLISH", kEnd, ""});
    std::string events;
    while (true) {
      const std::optional<Value> message = listener.Read();
      if (!message || message->elements.size() != 4) return events + " and no end";
      const std::string& channel = message->elements[2].text;
      if (channel == kEnd) return events;
      const size_t at = channel.find('@');
      const size_t colon = channel.find("__:");
      events += events.empty() ? "" : ", ";
      if (channel.starts_with("__keyspace")) events += "[";
      events += channel.substr(at + 1, colon - at - 1) + ":" + channel.substr(colon + 3) + " " +
                message->elements[3].text;
      if (channel.starts_with("__keyspace")) events += "]";
    }
  }
};

// --- answers
// --------------------------------------------------------------------------------------

TEST_F(PubSubTest, AnswersOfResp2) {
  ExpectConversation(
      "SUBSCRIBE a b a\r\nPSUBSCRIBE p* q\r\nUNSUBSCRIBE nope\r\nUNSUBSCRIBE a\r\nUNSUBSCRIBE\r\n"
      "UNSUBSCRIBE\r\nPUNSUBSCRIBE zz p*\r\nPUNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nPING\r\n",
      "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
      "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n"
      "*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:3\r\n*3\r\n$10\r\npsubscribe\r\n$1\r\nq\r\n:4\r\n"
      "*3\r\n$11\r\nunsubscribe\r\n$4\r\nnope\r\n:4\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:"
      "3\r\n"
      "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:2\r\n"
      "*3\r\n$12\r\npunsubscribe\r\n$2\r\nzz\r\n:2\r\n*3\r\n$12\r\npunsubscribe\r\n$2\r\np*\r\n:"
      "1\r\n"
      "*3\r\n$12\r\npunsubscribe\r\n$1\r\nq\r\n:0\r\n*3\r\n$12\r\npunsubscribe\r\n$-1\r\n:0\r\n"
      "+PONG\r\n");
}

TEST_F(PubSubTest, AnswersOfResp3ArePushes) {
  Client client = Connect();
  client.Run({"HELLO", "3"});
  client.Send(
      "SUBSCRIBE a\r\nPSUBSCRIBE a*\r\nPUBLISH a m\r\nGET x\r\nPING\r\nPING hi\r\n"
      "PUBSUB NUMSUB a zz\r\nUNSUBSCRIBE\r\nUNSUBSCRIBE\r\nPUNSUBSCRIBE\r\nQUIT\r\n");
  EXPECT_EQ(
      client.ReadToEnd(),
      ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:2\r\n"
      ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n"
      ">4\r\n$8\r\npmessage\r\n$2\r\na*\r\n$1\r\na\r\n$1\r\nm\r\n:2\r\n"
      "_\r\n+PONG\r\n$2\r\nhi\r\n*4\r\n$1\r\na\r\n:1\r\n$2\r\nzz\r\n:0\r\n"
      ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$11\r\nunsubscribe\r\n_\r\n:1\r\n"
      ">3\r\n$12\r\npunsubscribe\r\n$2\r\na*\r\n:0\r\n+OK\r\n");
}

TEST_F(PubSubTest, ASubscriberOfResp2MayDoLittleElse) {
  Client client = Subscriber({"SUBSCRIBE", "a"});
  const auto refusal = [](const std::string& name) {
    return "(error) ERR Can't execute '" + name +
           "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
           "context";
  };
  EXPECT_EQ(client.Ask("GET x"), refusal("get"));
  EXPECT_EQ(client.Ask("PUBLISH a b"), refusal("publish"));
  EXPECT_EQ(client.Ask("CLIENT LIST"), refusal("client|list"));
  EXPECT_EQ(client.Ask("HELLO 3"), refusal("hello"));
  EXPECT_EQ(client.Ask("MULTI"), refusal("multi"));
  EXPECT_EQ(client.Ask("GET"), "(error) ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(client.Ask("FOO"), "(error) ERR unknown command 'FOO', with args beginning with: ");
  EXPECT_EQ(client.Ask("PING"), "1) \"pong\"\n2) \"\"");
  EXPECT_EQ(client.Ask("PING hi"), "1) \"pong\"\n2) \"hi\"");
  EXPECT_EQ(client.Ask("RESET"), "RESET");
  EXPECT_EQ(client.Ask("PING"), "PONG");
  EXPECT_EQ(client.Ask("GET x"), "(nil)");
  EXPECT_EQ(client.Ask("PUBSUB CHANNELS"), "(empty array)");
}

TEST_F(PubSubTest, RestrictionsFollowTheProtocol) {
  Client client = Subscriber({"SUBSCRIBE", "a"}, 3);
  EXPECT_EQ(client.Ask("GET x"), "(nil)");
  client.Run({"HELLO", "2"});
  EXPECT_TRUE(client.Ask("GET x").starts_with("(error) ERR Can't execute 'get'"));
  EXPECT_EQ(Ask(client, {"UNSUBSCRIBE"}), "unsubscribe a 0");
  EXPECT_EQ(client.Ask("GET x"), "(nil)");
}

TEST_F(PubSubTest, PubsubTellsWhatIsSubscribedTo) {
  Client a = Subscriber({"SUBSCRIBE", "news.a", "news.b", "ampt:created:k"});
  Client b = Subscriber({"SUBSCRIBE", "news.b"}, 3);
  Client c = Subscriber({"PSUBSCRIBE", "n*", "ampt:*"});
  Client d = Subscriber({"PSUBSCRIBE", "n*"}, 3);
  Client client = Connect();
  const auto channels = [&](const Words& words) {
    Value reply = client.Run(words);
    std::vector<std::string> names;
    for (const Value& name : reply.elements) names.push_back(name.text);
    std::sort(names.begin(), names.end());
    return names;
  };
  EXPECT_EQ(channels({"PUBSUB", "CHANNELS"}), (Words{"ampt:created:k", "news.a", "news.b"}));
  EXPECT_EQ(channels({"PUBSUB", "CHANNELS", "*.b"}), Words{"news.b"});
  EXPECT_EQ(client.Ask("PUBSUB NUMSUB news.b none ampt:created:k"),
            "1) \"news.b\"\n2) (integer) 2\n3) \"none\"\n4) (integer) 0\n5) \"ampt:created:k\"\n"
            "6) (integer) 1");
  EXPECT_EQ(client.Ask("PUBSUB NUMSUB"), "(empty array)");
  EXPECT_EQ(client.Ask("PUBSUB NUMPAT"), "(integer) 2");
  EXPECT_EQ(InfoNumber("pubsub_channels"), 3);
  EXPECT_EQ(InfoNumber("pubsub_patterns"), 2);
  EXPECT_EQ(client.Ask("PUBSUB NUMPAT x"),
            "(error) ERR wrong number of arguments for 'pubsub|numpat' command");
  EXPECT_EQ(client.Ask("PUBSUB CHANNELS a b"),
            "(error) ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try "
            "PUBSUB HELP.");
  EXPECT_EQ(client.Ask("PUBSUB SHARDCHANNELS"),
            "(error) ERR unknown subcommand 'SHARDCHANNELS'. Try PUBSUB HELP.");
}

TEST_F(PubSubTest, ARefusedNameRefusesAll) {
  Client client = Connect();
  EXPECT_EQ(client.Ask("SUBSCRIBE fine ampt:renamed:k"), "(error) ERR Invalid event name: renamed");
  EXPECT_TRUE(client.Ask("SUBSCRIBE ampt:created:").starts_with("(error) ERR Invalid event"));
  EXPECT_TRUE(client.Ask("PUBLISH ampt:created x").starts_with("(error) ERR Channels that begin"));
  EXPECT_EQ(client.Ask("PUBSUB CHANNELS"), "(empty array)");
  EXPECT_EQ(client.Ask("PUBLISH fine x"), "(integer) 0");
}

TEST_F(PubSubTest, ClientListShowsSubscribers) {
  Client a = Subscriber({"SUBSCRIBE", "a", "b"});
  Client b = Subscriber({"PSUBSCRIBE", "*"}, 3);
  Client client = Connect();
  const std::string list = client.Run({"CLIENT", "LIST", "TYPE", "pubsub"}).text;
  EXPECT_NE(list.find(" flags=P db=0 sub=2 psub=0 ssub=0 "), std::string::npos) << list;
  EXPECT_NE(list.find(" flags=P db=0 sub=0 psub=1 ssub=0 "), std::string::npos) << list;
  EXPECT_EQ(std::count(list.begin(), list.end(), '\n'), 2);
  EXPECT_EQ(client.Ask("CLIENT KILL TYPE pubsub"), "(integer) 2");
  EXPECT_EQ(client.Ask("PUBSUB NUMPAT"), "(integer) 0");
  EXPECT_TRUE(a.WaitClosed());
  EXPECT_TRUE(b.WaitClosed());
  EXPECT_EQ(client.Ask("PUBLISH a x"), "(integer) 0");
}

TEST_F(PubSubTest, ClientReplyOffSilencesNoMessage) {
  Client client = Subscriber({"SUBSCRIBE", "a"}, 3);
  Send(client, {"CLIENT", "REPLY", "OFF"});
  EXPECT_EQ(Ask(client, {"PUBLISH", "a", "m"}), "message a m");
  EXPECT_EQ(Ask(client, {"SUBSCRIBE", "b"}), "subscribe b 2");
  Send(client, {"GET", "x"});
  Send(client, {"SUBSCRIBE"});
  EXPECT_EQ(Ask(client, {"UNSUBSCRIBE", "b"}), "unsubscribe b 1");
  EXPECT_EQ(Ask(client, {"CLIENT", "REPLY", "ON"}), "OK");
  Send(client, {"CLIENT", "REPLY", "SKIP"});
  EXPECT_EQ(Ask(client, {"PUBLISH", "a", "n"}), "message a n");
  EXPECT_EQ(Ask(client, {"PING"}), "PONG");
}

TEST_F(PubSubTest, AMessageNeverStandsWithinAnAnswer) {
  Client client = Subscriber({"SUBSCRIBE", "a"}, 3);
  client.Send("MULTI\r\nPING\r\nPUBLISH a 1\r\nSUBSCRIBE b\r\nPUBLISH b 2\r\nEXEC\r\nPING\r\n");
  for (int i = 0; i < 5; ++i) Next(client);
  const std::optional<Value> exec = client.Read();
  ASSERT_TRUE(exec);
  EXPECT_EQ(Render(*exec),
            "1) PONG\n2) (integer) 1\n3) 1) \"subscribe\"\n   2) \"b\"\n   3) (integer) 2\n"
            "4) (integer) 1");
  EXPECT_EQ(Next(client), "message a 1");
  EXPECT_EQ(Next(client), "message b 2");
  EXPECT_EQ(Next(client), "PONG");
}

// --- messages
// -------------------------------------------------------------------------------------

TEST_F(PubSubTest, ChannelAndPatternsThatMatchEachGiveAMessage) {
  for (const int resp : {2, 3}) {
    Client client = Subscriber({"SUBSCRIBE", "news.a"}, resp);
    EXPECT_EQ(Ask(client, {"PSUBSCRIBE", "news.*"}), "psubscribe news.* 2");
    EXPECT_EQ(Ask(client, {"PSUBSCRIBE", "x*"}), "psubscribe x* 3");
    Client publisher = Connect();
    EXPECT_EQ(publisher.Ask("PUBLISH news.a hello"), "(integer) 2");
    EXPECT_EQ(publisher.Ask("PUBLISH news.b hello"), "(integer) 1");
    EXPECT_EQ(Next(client), "message news.a hello");
    EXPECT_EQ(Next(client), "pmessage news.* news.a hello");
    EXPECT_EQ(Next(client), "pmessage news.* news.b hello");
  }
}

TEST_F(PubSubTest, MessagesComeInOrder) {
  constexpr int kMessages = 20'000;
  Client a = Subscriber({"SUBSCRIBE", "n"});
  Client b = Subscriber({"PSUBSCRIBE", "*"}, 3);
  std::string requests;
  for (int i = 0; i < kMessages; ++i) requests += Encode({"PUBLISH", "n", std::to_string(i)});
  Client publisher = Connect();
  ASSERT_TRUE(publisher.Send(requests));
  for (int i = 0; i < kMessages; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_EQ(Next(a), "message n " + number);
    ASSERT_EQ(Next(b), "pmessage * n " + number);
    ASSERT_EQ(Next(publisher), "(integer) 2");
  }
}

TEST_F(PubSubTest, LargeMessagesArriveWhole) {
  const std::string large(20 << 20, 'x');
  Client a = Subscriber({"SUBSCRIBE", "n"}, 3);
  Client publisher = Connect();
  EXPECT_EQ(publisher.Run({"PUBLISH", "n", large}).integer(), 1);
  EXPECT_EQ(Next(a), "message n " + large);
}

TEST_F(PubSubTest, ThousandsOfChannelsOfOneClient) {
  constexpr int kChannels = 10'000;
  Words words{"SUBSCRIBE"};
  for (int i = 0; i < kChannels; ++i) words.push_back("channel:" + std::to_string(i));
  Client client = Subscriber(words, 3);
  EXPECT_EQ(InfoNumber("pubsub_channels"), kChannels);
  Client publisher = Connect();
  for (int i = 0; i < kChannels; i += 100) {
    const std::string channel = "channel:" + std::to_string(i);
    ASSERT_EQ(publisher.Ask("PUBLISH " + channel + " x"), "(integer) 1");
    ASSERT_EQ(Next(client), "message " + channel + " x");
  }
  Send(client, {"UNSUBSCRIBE"});
  for (int i = kChannels; i-- > 0;) ASSERT_TRUE(Next(client).ends_with(" " + std::to_string(i)));
  EXPECT_EQ(InfoNumber("pubsub_channels"), 0);
}

TEST_F(PubSubTest, AMessageToManyClients) {
  constexpr int kClients = 500;
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(Subscriber({"SUBSCRIBE", "n"}, 2 + i % 2));
  Client publisher = Connect();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(publisher.Ask("PUBLISH n " + std::to_string(i)),
              "(integer) " + std::to_string(kClients));
  }
  for (Client& client : clients) {
    for (int i = 0; i < 10; ++i) ASSERT_EQ(Next(client), "message n " + std::to_string(i));
  }
  clients.clear();
  WaitForChannels(0);
}

TEST_F(PubSubTest, SubscribersThatComeAndGoWhileMessagesFlow) {
  StartServer();
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      for (int round = 0; round < 60; ++round) {
        Client client = Connect();
        if (i % 2 == 0) client.Run({"HELLO", "3"});
        client.Send(Encode({"SUBSCRIBE", "n", "m"}) + Encode({"PSUBSCRIBE", "*"}));
        for (int message = 0; message < 3 + round % 5; ++message) {
          if (!client.Read()) break;
        }
      }
    });
  }
  std::thread publisher([this, &done] {
    Client client = Connect();
    const std::string text(1000, 'x');
    std::string requests;
    for (int i = 0; i < 50; ++i) {
      requests += Encode({"PUBLISH", i % 2 == 0 ? "n" : "m", text}) +
                  Encode({"CLIENT", "KILL", "ID", "1000000"});
    }
    while (!done) {
      client.Send(requests);
      for (int i = 0; i < 100; ++i) {
        if (!client.Read()) return;
      }
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  publisher.join();
  WaitForChannels(0);
  EXPECT_EQ(InfoNumber("pubsub_patterns"), 0);
  ExpectAlive();
}

// --- those who do not read
// ------------------------------------------------------------------------

TEST_F(PubSubTest, WhoDoesNotReadIsCutOff) {
  StartServer({{"client-output-buffer-limit", "pubsub 4mb 0 0"}});
  Client slow = Subscriber({"SUBSCRIBE", "n"});
  Client good = Subscriber({"SUBSCRIBE", "n"}, 3);
  Client publisher = Connect();
  const std::string text(64 << 10, 'x');
  int sent = 0;
  while (publisher.Run({"PUBLISH", "n", text}).integer() == 2) {
    ASSERT_EQ(Next(good), "message n " + text);
    ASSERT_LT(++sent, 4096) << "nobody was cut off";
  }
  ASSERT_EQ(Next(good), "message n " + text);
  EXPECT_EQ(InfoNumber("client_output_buffer_limit_disconnections"), 1);
  EXPECT_TRUE(slow.WaitClosed());
  EXPECT_EQ(publisher.Ask("PUBLISH n end"), "(integer) 1");
  EXPECT_EQ(Next(good), "message n end");
}

TEST_F(PubSubTest, OneTurnsMessagesAreBoundedToo) {
  StartServer({{"client-output-buffer-limit", "pubsub 1mb 0 0"}});
  Client client = Subscriber({"SUBSCRIBE", "n"});
  Client publisher = Connect();
  EXPECT_EQ(publisher.Run({"PUBLISH", "n", std::string(2 << 20, 'x')}).integer(), 1);
  EXPECT_TRUE(client.WaitClosed());
  EXPECT_EQ(InfoNumber("client_output_buffer_limit_disconnections"), 1);
  EXPECT_EQ(publisher.Ask("PUBLISH n x"), "(integer) 0");
}

TEST_F(PubSubTest, WhoLeavesMuchUnreadForTooLongIsCutOff) {
  StartServer({{"client-output-buffer-limit", "pubsub 0 4mb 1"}});
  Client slow = Subscriber({"SUBSCRIBE", "n"});
  Client publisher = Connect();
  const std::string text(64 << 10, 'x');
  for (int i = 0; i < 500; ++i) publisher.Run({"PUBLISH", "n", text});
  EXPECT_TRUE(
      WaitFor([&] { return InfoNumber("client_output_buffer_limit_disconnections") == 1; }));
  EXPECT_TRUE(slow.WaitClosed());
}

TEST_F(PubSubTest, WhoListensIsNotIdle) {
  StartServer({{"timeout", "1"}});
  Client idle = Connect();
  ASSERT_EQ(idle.Ask("PING"), "PONG");
  Client listener = Subscriber({"SUBSCRIBE", "n"});
  EXPECT_TRUE(idle.WaitClosed());
  Client publisher = Connect();
  EXPECT_EQ(publisher.Ask("PUBLISH n x"), "(integer) 1");
  EXPECT_EQ(Next(listener), "message n x");
}

// --- change events
// --------------------------------------------------------------------------------

TEST_F(PubSubTest, ChangeEventsComeByTheChannelsOfTheirFilters) {
  StartServer({{"debug-clock", "1795305600000"}});
  Client listener = Subscriber({"SUBSCRIBE", "ampt:updated:users:*"});
  Client all = Subscriber({"PSUBSCRIBE", "ampt:*", "*"}, 3);
  Client client = Connect();
  client.Ask("AMPT.SET users:ann '{\"n\":1}' QUIET");
  client.Ask("AMPT.SET users:ann '{\"n\":2}' QUIET");
  client.Ask("PUBLISH news x");
  client.Ask("DEL users:ann");
  const std::string item =
      R"({"key":"users:ann","value":{"n":2},"created":"2026-11-22T00:00:00.000Z",)"
      R"("modified":"2026-11-22T00:00:00.000Z"})";
  const std::string message = Next(listener);
  EXPECT_TRUE(message.starts_with("message ampt:updated:users:* {\"id\":\"")) << message;
  EXPECT_NE(message.find(R"("name":"updated","item":)" + item), std::string::npos) << message;
  EXPECT_NE(message.find(R"("previous":{"key":"users:ann","value":{"n":1})"), std::string::npos);
  EXPECT_TRUE(Next(all).starts_with("pmessage ampt:* ampt:created:users:ann {"));
  EXPECT_TRUE(Next(all).starts_with("pmessage ampt:* ampt:updated:users:ann {"));
  EXPECT_EQ(Next(all), "pmessage * news x");
  const std::string deleted = Next(all);
  EXPECT_TRUE(deleted.starts_with("pmessage ampt:* ampt:deleted:users:ann {")) << deleted;
  EXPECT_NE(deleted.find(R"("reason":"removed")"), std::string::npos) << deleted;
}

TEST_F(PubSubTest, ChangeEventsAreOfTheDatabaseThatWasSelected) {
  Client listener = Connect();
  listener.Ask("SELECT 2");
  EXPECT_EQ(Ask(listener, {"SUBSCRIBE", "ampt:created"}), "subscribe ampt:created 1");
  Client client = Connect();
  client.Ask("SET here 1");
  client.Ask("SELECT 2");
  client.Ask("SET there 1");
  EXPECT_NE(Next(listener).find(R"("key":"there")"), std::string::npos);
  EXPECT_EQ(Ask(listener, {"UNSUBSCRIBE"}), "unsubscribe ampt:created 0");
  client.Ask("SET there2 1");
  EXPECT_EQ(listener.Ask("PING"), "PONG");
}

TEST_F(PubSubTest, WhatExpiresIsAnEvent) {
  Client listener = Subscriber({"SUBSCRIBE", "ampt:deleted:k"});
  Client client = Connect();
  client.Ask("SET k x PX 20");
  EXPECT_NE(Next(listener).find(R"("reason":"expired")"), std::string::npos);
}

// --- keyspace notifications
// -----------------------------------------------------------------------

TEST_F(PubSubTest, NotificationsAreThoseOfRedis) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("CONFIG SET notify-keyspace-events EAnm"), "OK");
  Client listener = Subscriber({"PSUBSCRIBE", "__key*__:*"});
  for (const Notified& each : kNotified) {
    EXPECT_EQ(EventsOf(client, listener, each.command), each.events) << each.command;
  }
  for (const Notified& each : kNotifiedOfOurs) {
    EXPECT_EQ(EventsOf(client, listener, each.command), each.events) << each.command;
  }
}

TEST_F(PubSubTest, NotificationsAreTheSameInATransaction) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("CONFIG SET notify-keyspace-events EAnm"), "OK");
  Client listener = Subscriber({"PSUBSCRIBE", "__key*__:*"}, 3);
  for (const char* command : {"MULTI", "SET a 1 EX 100", "GET b", "RENAME a c"})
    client.Ask(command);
  EXPECT_EQ(EventsOf(client, listener, "EXEC"),
            "0:new a, 0:set a, 0:expire a, 0:keymiss b, 0:new c, 0:rename_from a, 0:rename_to c");
}

TEST_F(PubSubTest, NotificationsThatAreChosen) {
  Client client = Connect();
  Client listener = Subscriber({"PSUBSCRIBE", "__key*__:*"});
  EXPECT_EQ(EventsOf(client, listener, "SET a 1"), "");
  const std::pair<std::string, std::string> kChoices[] = {
      {"KEA", "[0:a set], 0:set a, [0:a expire], 0:expire a"},
      {"K$", "[0:a set]"},
      {"Eg", "0:expire a"},
      {"Kg", "[0:a expire]"},
      {"A", ""},
      {"KEx", ""},
      {"", ""},
  };
  for (const auto& [flags, events] : kChoices) {
    ASSERT_EQ(Render(client.Run({"CONFIG", "SET", "notify-keyspace-events", flags})), "OK");
    EXPECT_EQ(EventsOf(client, listener, "SET a 1 EX 100"), events) << flags;
  }
  EXPECT_EQ(client.Ask("CONFIG SET notify-keyspace-events Kq"),
            "(error) ERR CONFIG SET failed (possibly related to argument "
            "'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
  EXPECT_EQ(client.Ask("CONFIG GET notify-keyspace-events"),
            "1) \"notify-keyspace-events\"\n2) \"\"");
}

TEST_F(PubSubTest, WhatExpiresIsNotified) {
  StartServer({{"notify-keyspace-events", "Ex"}});
  Client listener = Subscriber({"SUBSCRIBE", "__keyevent@3__:expired"});
  Client client = Connect();
  client.Ask("SELECT 3");
  for (int i = 0; i < 100; ++i) client.Ask("SET k" + std::to_string(i) + " x PX 20");
  std::vector<std::string> expired;
  for (int i = 0; i < 100; ++i) expired.push_back(Next(listener));
  std::sort(expired.begin(), expired.end());
  EXPECT_EQ(std::unique(expired.begin(), expired.end()), expired.end());
  EXPECT_EQ(expired.front(), "message __keyevent@3__:expired k0");
}

TEST_F(PubSubTest, WhoWritesIsNotifiedLikeAnybody) {
  StartServer({{"notify-keyspace-events", "E$g"}});
  Client client = Subscriber({"SUBSCRIBE", "__keyevent@0__:set", "__keyevent@0__:del"}, 3);
  EXPECT_EQ(Ask(client, {"SET", "a", "1"}), "OK");
  EXPECT_EQ(Next(client), "message __keyevent@0__:set a");
  EXPECT_EQ(Ask(client, {"GETDEL", "a"}), "\"1\"");
  EXPECT_EQ(Next(client), "message __keyevent@0__:del a");
}

TEST_F(PubSubTest, WithAppendfsyncAlwaysMessagesComeAfterTheirWrites) {
  StartServer({{"appendfsync", "always"}, {"notify-keyspace-events", "E$"}});
  Client listener = Subscriber({"SUBSCRIBE", "__keyevent@0__:set", "n"});
  Client client = Connect();
  for (int i = 0; i < 200; ++i) {
    client.Send(Encode({"SET", "k", std::to_string(i)}) +
                Encode({"PUBLISH", "n", std::to_string(i)}));
  }
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(Next(listener), "message __keyevent@0__:set k");
    ASSERT_EQ(Next(listener), "message n " + std::to_string(i));
    ASSERT_EQ(Next(client), "OK");
    ASSERT_EQ(Next(client), "(integer) 1");
  }
}

// --- many names in one command
// --------------------------------------------------------------------

// More than a client that does not read is answered at once, so that such a command stays where it
// is until its client reads on.
class ManyNamesTest : public PubSubTest {
 protected:
  static constexpr int kNames = 50'000;
  static constexpr size_t kNameBytes = 300;

  void SetUp() override {
    StartServer({{"client-output-buffer-limit", "pubsub 0 0 0"}});
    for (int i = 0; i < kNames; ++i) names_.push_back(Name(i));
  }

  static std::string Name(int number) {
    std::string name = std::to_string(number);
    name.insert(0, 6 - name.size(), '0');
    return name.append(kNameBytes - name.size(), '.');
  }
  // The words of a command for all names.
  Words All(const std::string& command) const {
    Words words{command};
    words.insert(words.end(), names_.begin(), names_.end());
    return words;
  }
  // Sends all of it and waits for no answer; the socket's buffer takes it as the server reads on.
  static void SendUnread(Client& client, const std::string& bytes) {
    for (size_t at = 0; at < bytes.size();) {
      pollfd socket{client.fd(), POLLOUT, 0};
      ASSERT_EQ(poll(&socket, 1, static_cast<int>(kDeadline / std::chrono::milliseconds(1))), 1);
      const ssize_t sent = send(client.fd(), bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      at += static_cast<size_t>(sent);
    }
  }
  int64_t Channels() { return InfoNumber("pubsub_channels"); }
  // Waits until the command at work has got so far that it is held up.
  void WaitUntilHeldUp(int64_t channels_before) {
    int64_t channels = channels_before;
    ASSERT_TRUE(WaitFor([&] {
      const int64_t before = std::exchange(channels, Channels());
      return channels != channels_before && channels == before;
    }));
    ASSERT_GT(channels, 0);
    ASSERT_LT(channels, kNames);
  }
  static std::string ClientId(Client& client) {
    return std::to_string(client.Run({"CLIENT", "ID"}).integer());
  }

  Words names_;
};

TEST_F(ManyNamesTest, OthersAreServedBetweenAndMessagesComeInOrder) {
  for (const int resp : {2, 3}) {
    Client client = Connect();
    if (resp == 3) client.Run({"HELLO", "3"});
    SendUnread(client, Encode(All("SUBSCRIBE")) + Encode({"PING", "behind"}));
    WaitUntilHeldUp(0);
    Client publisher = Connect();
    ASSERT_EQ(publisher.Run({"PUBLISH", Name(0), "early"}).integer(), 1);
    ASSERT_EQ(publisher.Run({"PUBLISH", Name(kNames - 1), "early"}).integer(), 0);
    bool has_message = false;
    for (int i = 0; i < kNames; ++i) {
      std::string next = Next(client);
      if (next == "message " + Name(0) + " early") {
        EXPECT_FALSE(std::exchange(has_message, true));
        ASSERT_GT(i, 0);
        next = Next(client);
      }
      ASSERT_EQ(next, "subscribe " + Name(i) + " " + std::to_string(i + 1));
    }
    EXPECT_TRUE(has_message);
    EXPECT_EQ(Next(client), resp == 2 ? "pong behind" : "\"behind\"");
    EXPECT_EQ(Channels(), kNames);

    // From the first half by name, then from all.
    Words half = All("UNSUBSCRIBE");
    half.resize(1 + kNames / 2);
    Send(client, half);
    for (int i = 0; i < kNames / 2; ++i) {
      ASSERT_EQ(Next(client), "unsubscribe " + Name(i) + " " + std::to_string(kNames - i - 1));
    }
    Send(client, {"UNSUBSCRIBE"});
    for (int i = kNames / 2; i < kNames; ++i) {
      ASSERT_EQ(Next(client), "unsubscribe " + Name(i) + " " + std::to_string(kNames - i - 1));
    }
    Send(client, {"UNSUBSCRIBE"});
    EXPECT_EQ(Next(client), "unsubscribe (nil) 0");
    EXPECT_EQ(Channels(), 0);
    EXPECT_EQ(Ask(client, {"PING"}), "PONG");
  }
}

TEST_F(ManyNamesTest, AMessageComesBeforeTheEndOfItsSubscription) {
  for (const bool by_name : {false, true}) {
    Client client = Subscriber(All("SUBSCRIBE"));
    SendUnread(client, Encode(by_name ? All("UNSUBSCRIBE") : Words{"UNSUBSCRIBE"}));
    WaitUntilHeldUp(kNames);
    Client publisher = Connect();
    ASSERT_EQ(publisher.Run({"PUBLISH", Name(0), "late"}).integer(), 0);
    ASSERT_EQ(publisher.Run({"PUBLISH", Name(kNames - 1), "late"}).integer(), 1);
    bool has_message = false;
    for (int i = 0; i < kNames; ++i) {
      std::string next = Next(client);
      if (next == "message " + Name(kNames - 1) + " late") {
        EXPECT_FALSE(std::exchange(has_message, true));
        next = Next(client);
      }
      ASSERT_EQ(next, "unsubscribe " + Name(i) + " " + std::to_string(kNames - i - 1));
    }
    EXPECT_TRUE(has_message);
    EXPECT_EQ(Ask(client, {"PING"}), "PONG");
    client.Close();
  }
}

TEST_F(ManyNamesTest, PatternsAsWell) {
  Client client = Connect();
  SendUnread(client, Encode(All("PSUBSCRIBE")));
  ASSERT_TRUE(WaitFor([&] { return InfoNumber("pubsub_patterns") > 0; }));
  for (int i = 0; i < kNames; ++i) {
    ASSERT_EQ(Next(client), "psubscribe " + Name(i) + " " + std::to_string(i + 1));
  }
  Client publisher = Connect();
  EXPECT_EQ(publisher.Run({"PUBLISH", Name(7), "x"}).integer(), 1);
  EXPECT_EQ(Next(client), "pmessage " + Name(7) + " " + Name(7) + " x");
  Send(client, {"PUNSUBSCRIBE"});
  for (int i = kNames; i-- > 0;) ASSERT_TRUE(Next(client).ends_with(" " + std::to_string(i)));
  EXPECT_EQ(InfoNumber("pubsub_patterns"), 0);
}

TEST_F(ManyNamesTest, WhoIsKilledInTheMiddleLeavesNothingBehind) {
  Client other = Connect();
  for (const char* command : {"SUBSCRIBE", "UNSUBSCRIBE"}) {
    Client client = Connect();
    client.Run({"HELLO", "3"});
    const std::string id = ClientId(client);
    if (command == std::string("UNSUBSCRIBE")) {
      Send(client, All("SUBSCRIBE"));
      for (int i = 0; i < kNames; ++i) Next(client);
    }
    SendUnread(client, Encode(All(command)));
    WaitUntilHeldUp(command == std::string("UNSUBSCRIBE") ? kNames : 0);
    ASSERT_EQ(other.Ask("CLIENT KILL ID " + id), "(integer) 1");
    for (const int i : {0, kNames - 1}) {
      EXPECT_EQ(Render(other.Run({"PUBSUB", "NUMSUB", Name(i)})),
                "1) \"" + Name(i) + "\"\n2) (integer) 0");
      EXPECT_EQ(other.Run({"PUBLISH", Name(i), "x"}).integer(), 0);
    }
    EXPECT_EQ(other.Ask("PUBSUB CHANNELS"), "(empty array)");
    WaitForChannels(0);
  }
  EXPECT_EQ(other.Ask("DEBUG VERIFY"), "OK");
}

TEST_F(ManyNamesTest, ARefusedNameRefusesAll) {
  Words words = All("SUBSCRIBE");
  words.push_back("ampt:nonsense:x");
  Client client = Connect();
  const std::string refusal = Ask(client, {"SUBSCRIBE", "ampt:nonsense:x"});
  ASSERT_TRUE(refusal.starts_with("(error) ")) << refusal;
  EXPECT_EQ(Ask(client, words), refusal);
  EXPECT_EQ(Channels(), 0);
  EXPECT_EQ(Ask(client, {"GET", "a"}), "(nil)");
}

TEST_F(ManyNamesTest, ResetAndClosingGiveThemBack) {
  Client other = Connect();
  Client client = Subscriber(All("SUBSCRIBE"), 3);
  EXPECT_EQ(Ask(client, {"RESET"}), "RESET");
  EXPECT_EQ(other.Run({"PUBLISH", Name(5), "x"}).integer(), 0);
  // The same names again, while the old ones go.
  Send(client, All("SUBSCRIBE"));
  for (int i = 0; i < kNames; ++i) {
    ASSERT_EQ(Next(client), "subscribe " + Name(i) + " " + std::to_string(i + 1));
  }
  EXPECT_EQ(other.Run({"PUBLISH", Name(5), "y"}).integer(), 1);
  EXPECT_EQ(Next(client), "message " + Name(5) + " y");
  client.Close();
  ASSERT_TRUE(WaitFor([&] { return other.Run({"PUBLISH", Name(5), "z"}).integer() == 0; }));
  EXPECT_EQ(other.Run({"PUBLISH", Name(kNames - 1), "z"}).integer(), 0);
  WaitForChannels(0);
}

TEST_F(ManyNamesTest, InATransactionAllAtOnce) {
  Client client = Connect();
  for (const Words& words : {Words{"MULTI"}, All("SUBSCRIBE"), Words{"UNSUBSCRIBE"}}) {
    Ask(client, words);
  }
  // Elements of the answer, as ever: the first two of its size.
  Send(client, {"EXEC"});
  const std::optional<Value> exec = client.Read();
  ASSERT_TRUE(exec && exec->elements.size() == 2);
  EXPECT_EQ(exec->elements[1].elements.at(1).text, Name(1));
  for (int i = 2; i < kNames; ++i) {
    ASSERT_EQ(Next(client), "subscribe " + Name(i) + " " + std::to_string(i + 1));
  }
  for (int i = kNames; i-- > 0;) ASSERT_TRUE(Next(client).ends_with(" " + std::to_string(i)));
  EXPECT_EQ(Ask(client, {"PING"}), "PONG");
}

TEST_F(ManyNamesTest, WhoseRightsChangeMeanwhileIsClosed) {
  Client other = Connect();
  ASSERT_EQ(other.Ask("ACL SETUSER ann on nopass +@all ~* allchannels"), "OK");
  Client client = Connect();
  ASSERT_EQ(client.Ask("AUTH ann x"), "OK");
  SendUnread(client, Encode(All("SUBSCRIBE")));
  WaitUntilHeldUp(0);
  ASSERT_EQ(Render(other.Run({"ACL", "SETUSER", "ann", "resetchannels", "&0*"})), "OK");
  EXPECT_TRUE(client.WaitClosed());
  WaitForChannels(0);
}

}  // namespace
}  // namespace ampt::test
