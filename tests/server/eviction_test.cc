// `maxmemory` and `maxmemory-clients` on the running server: every policy keeps to the limit under
// three times as much data, what goes is told, and what cannot be kept is refused as in Redis.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

constexpr int64_t kLimit = 20 << 20;
constexpr std::string_view kFull =
    "(error) OOM command not allowed when used memory > 'maxmemory'.";

class EvictionTest : public ServerTest {
 protected:
  // What counts against `maxmemory`.
  int64_t Counted() { return InfoNumber("used_memory") - InfoNumber("mem_not_counted_for_evict"); }

  // Strings of 200 bytes under keys prefix:<number>, `options` behind each SET. Returns how many of
  // them were refused.
  static int Fill(Client& client, std::string_view prefix, int count, const Words& options = {}) {
    constexpr int kPipeline = 500;
    const std::string value(200, 'v');
    int refused = 0;
    for (int begin = 0; begin < count; begin += kPipeline) {
      std::string requests;
      const int end = std::min(count, begin + kPipeline);
      for (int n = begin; n < end; ++n) {
        Words words{"SET", std::string(prefix) + ":" + std::to_string(n), value};
        words.insert(words.end(), options.begin(), options.end());
        requests += Encode(words);
      }
      EXPECT_TRUE(client.Send(requests));
      for (int n = begin; n < end; ++n) {
        const auto reply = client.Read();
        if (!reply) {
          ADD_FAILURE() << "the server closed the connection";
          return refused;
        }
        if (reply->is_error()) {
          EXPECT_EQ(Render(*reply), kFull);
          ++refused;
        }
      }
    }
    return refused;
  }
};

class PolicyTest : public EvictionTest, public testing::WithParamInterface<const char*> {};

TEST_P(PolicyTest, StaysWithinTheLimitUnderThreeTimesAsMuch) {
  StartServer({{"maxmemory", "20mb"}, {"maxmemory-policy", GetParam()}, {"save", ""}});
  Client client = Connect();
  const bool is_volatile = std::string_view(GetParam()).starts_with("volatile");
  if (is_volatile) {
    EXPECT_EQ(Fill(client, "kept", 10'000), 0);
  }
  EXPECT_EQ(Fill(client, "k", 210'000, is_volatile ? Words{"EX", "10000"} : Words{}), 0);
  // The loop may have a slice to do yet.
  EXPECT_TRUE(WaitFor([&] { return Counted() <= kLimit; }));
  // Without jemalloc (sanitizers) INFO knows no used memory; what is evicted shows the limit.
  if (InfoNumber("used_memory") > 0) {
    EXPECT_GT(Counted(), kLimit - kLimit / 10);
  }
  const int64_t evicted = InfoNumber("evicted_keys");
  EXPECT_GT(evicted, 100'000);
  EXPECT_EQ(client.Run({"DBSIZE"}).integer() + evicted, 210'000 + (is_volatile ? 10'000 : 0));
  if (is_volatile) {
    EXPECT_EQ(client.Ask("EXISTS kept:0 kept:5000 kept:9999"), "(integer) 3");
  }
  EXPECT_EQ(client.Ask("DEBUG VERIFY"), "OK");

  // Most of what is there has to go; the command does not wait for that.
  EXPECT_EQ(client.Ask("CONFIG SET maxmemory 8mb"), "OK");
  EXPECT_TRUE(WaitFor([&] { return Counted() <= kLimit * 2 / 5; }));
  EXPECT_EQ(client.Ask("DEBUG VERIFY"), "OK");
}

INSTANTIATE_TEST_SUITE_P(Policies, PolicyTest,
                         testing::Values("allkeys-lru", "allkeys-lfu", "allkeys-random",
                                         "volatile-lru", "volatile-lfu", "volatile-random",
                                         "volatile-ttl"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_F(EvictionTest, WithoutACandidateWritesThatNeedMemoryAreRefused) {
  for (const char* policy : {"noeviction", "volatile-lru", "volatile-ttl", "volatile-random"}) {
    StartServer({{"maxmemory", "20mb"}, {"maxmemory-policy", policy}, {"save", ""}});
    Client client = Connect();
    EXPECT_GT(Fill(client, "k", 100'000), 0) << policy;
    EXPECT_EQ(client.Ask("SET more 1"), kFull);
    EXPECT_EQ(client.Ask("AMPT.SET more 1"), kFull);
    EXPECT_EQ(client.Ask("MULTI"), "OK");
    EXPECT_EQ(client.Ask("SET more 1"), kFull);
    EXPECT_EQ(client.Ask("EXEC"),
              "(error) EXECABORT Transaction discarded because of previous errors.");
    EXPECT_GT(InfoNumber("current_eviction_exceeded_time"), 0);
    // What needs none goes on, and makes room.
    EXPECT_EQ(client.Ask("GET more"), "(nil)");
    EXPECT_EQ(client.Ask("DEL k:0 k:1 k:2 k:3 k:4 k:5 k:6 k:7 k:8 k:9"), "(integer) 10");
    EXPECT_EQ(client.Ask("SET more 1"), "OK");
    EXPECT_EQ(InfoNumber("evicted_keys"), 0);
  }
}

TEST_F(EvictionTest, EachEvictionIsToldOnce) {
  StartServer({{"maxmemory", "20mb"},
               {"maxmemory-policy", "allkeys-random"},
               {"notify-keyspace-events", "Ee"},
               {"save", ""}});
  Client listener = Connect();
  EXPECT_EQ(listener.Run({"SUBSCRIBE", "__keyevent@0__:evicted"}).type, '*');
  Client client = Connect();
  Fill(client, "k", 90'000);
  EXPECT_TRUE(WaitFor([&] { return Counted() <= kLimit; }));
  const int64_t evicted = InfoNumber("evicted_keys");
  EXPECT_GT(evicted, 10'000);
  int64_t told = 0;
  for (; told < evicted; ++told) {
    const auto message = listener.Read();
    ASSERT_TRUE(message);
    ASSERT_EQ(message->elements.size(), 3u);
    ASSERT_TRUE(message->elements[2].text.starts_with("k:"));
  }
  EXPECT_EQ(client.Run({"DBSIZE"}).integer(), 90'000 - evicted);
  client.Run({"PING"});
  EXPECT_FALSE(listener.HasReply());
}

TEST_F(EvictionTest, WhatWasEvictedStaysAwayAfterARestart) {
  ServerProcess process({{"maxmemory", "20mb"}, {"maxmemory-policy", "allkeys-lru"}});
  std::string digest;
  {
    Client client = process.Connect();
    Fill(client, "k", 120'000);
    EXPECT_TRUE(WaitFor([&] {
      return client.Ask("INFO stats").find("current_eviction_exceeded_time:0\\r") !=
             std::string::npos;
    }));
    digest = client.Ask("DEBUG DIGEST");
  }
  process.Stop();
  process.Restart();
  EXPECT_EQ(process.Connect().Ask("DEBUG DIGEST"), digest);
}

TEST_F(EvictionTest, AFlushThatIsNotFreedYetEvictsNothing) {
  StartServer({{"save", ""}, {"appendonly", "no"}});
  Client client = Connect();
  EXPECT_EQ(client.Ask("DEBUG POPULATE 400000 old 100"), "OK");
  EXPECT_EQ(client.Ask("CONFIG SET maxmemory 20mb"), "OK");
  // All at once, so that the flush is far from freed when the writes come.
  std::string requests =
      Encode({"FLUSHALL"}) + Encode({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  for (int n = 0; n < 1000; ++n) requests += Encode({"SET", "new:" + std::to_string(n), "value"});
  EXPECT_TRUE(client.Send(requests));
  for (int n = 0; n < 1002; ++n) {
    const auto reply = client.Read();
    ASSERT_TRUE(reply);
    EXPECT_FALSE(reply->is_error()) << reply->text;
  }
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("lazyfree_pending_objects") == 0; }));
  EXPECT_EQ(client.Ask("DBSIZE"), "(integer) 1000");
  EXPECT_EQ(InfoNumber("evicted_keys"), 0);
}

TEST_F(EvictionTest, PopulateKeepsToTheLimit) {
  StartServer({{"maxmemory", "20mb"},
               {"maxmemory-policy", "allkeys-lfu"},
               {"save", ""},
               {"appendonly", "no"}});
  Client client = Connect();
  EXPECT_EQ(client.Ask("DEBUG POPULATE 500000 k 100"), "OK");
  EXPECT_LT(Counted(), kLimit * 3 / 2);
  EXPECT_TRUE(WaitFor([&] { return Counted() <= kLimit; }));
  EXPECT_EQ(client.Ask("DEBUG VERIFY"), "OK");
}

TEST_F(EvictionTest, LargeValuesOverSmallItemsKeepToTheLimit) {
  StartServer({{"maxmemory", "40mb"},
               {"maxmemory-policy", "allkeys-random"},
               {"save", ""},
               {"appendonly", "no"}});
  Client client = Connect();
  Fill(client, "small", 200'000);
  // Each takes the place of tens of thousands, which takes many slices.
  const std::string value(4 << 20, 'v');
  std::string requests;
  for (int n = 0; n < 30; ++n) requests += Encode({"SET", "large:" + std::to_string(n), value});
  EXPECT_TRUE(client.Send(requests));
  for (int n = 0; n < 30; ++n) {
    const auto reply = client.Read();
    ASSERT_TRUE(reply);
    EXPECT_EQ(Render(*reply), "OK");
    // A few values may come between two looks at the memory; all of them are three times the limit.
    EXPECT_LT(Counted(), (40 << 20) * 3 / 2);
  }
}

TEST_F(EvictionTest, ObjectTellsTheUsesThePolicyGoesBy) {
  StartServer({{"debug-clock", "1700000000000"}});
  Client client = Connect();
  EXPECT_EQ(client.Ask("MSET a 1 b 2"), "OK");
  EXPECT_EQ(client.Ask("DEBUG CLOCK 1700000100000"), "OK");
  EXPECT_EQ(client.Ask("OBJECT IDLETIME a"), "(integer) 100");
  // To ask about a key is no use of it.
  for (const char* question : {"EXISTS a", "TYPE a", "TTL a", "OBJECT ENCODING a", "KEYS *",
                               "MEMORY USAGE a", "DEBUG OBJECT a"}) {
    client.Ask(question);
    EXPECT_EQ(client.Ask("OBJECT IDLETIME a"), "(integer) 100") << question;
  }
  EXPECT_EQ(client.Ask("CLIENT NO-TOUCH on"), "OK");
  client.Ask("GET a");
  client.Ask("APPEND a 1");
  EXPECT_EQ(client.Ask("OBJECT IDLETIME a"), "(integer) 100");
  EXPECT_EQ(client.Ask("TOUCH a"), "(integer) 1");
  EXPECT_EQ(client.Ask("OBJECT IDLETIME a"), "(integer) 0");
  EXPECT_EQ(client.Ask("CLIENT NO-TOUCH off"), "OK");
  EXPECT_EQ(client.Ask("OBJECT IDLETIME b"), "(integer) 100");
  client.Ask("AMPT.GET b");
  EXPECT_EQ(client.Ask("OBJECT IDLETIME b"), "(integer) 0");
  const std::string later =
      "Please note that when switching between policies at runtime LRU and LFU data will take some "
      "time to adjust.";
  EXPECT_EQ(client.Ask("OBJECT FREQ a"),
            "(error) ERR An LFU maxmemory policy is not selected, access frequency not tracked. " +
                later);
  EXPECT_EQ(client.Ask("CONFIG SET maxmemory-policy volatile-lfu lfu-log-factor 0"), "OK");
  EXPECT_EQ(client.Ask("OBJECT IDLETIME a"),
            "(error) ERR An LFU maxmemory policy is selected, idle time not tracked. " + later);
  EXPECT_EQ(client.Ask("SET c 1"), "OK");
  EXPECT_EQ(client.Ask("OBJECT FREQ c"), "(integer) 5");
  client.Ask("GET c");
  EXPECT_EQ(client.Ask("OBJECT FREQ c"), "(integer) 6");
  EXPECT_EQ(client.Ask("OBJECT FREQ nothing"), "(nil)");
  EXPECT_EQ(client.Ask("OBJECT IDLETIME nothing"), "(nil)");
}

TEST_F(EvictionTest, MemoryStatsHasTheFieldsOfRedis) {
  Client client = Connect();
  client.Ask("SET a 1 EX 1000");
  const Value two = client.Run({"MEMORY", "STATS"});
  const auto find = [](const Value& map, std::string_view name) {
    for (size_t at = 0; at + 1 < map.elements.size(); at += 2) {
      if (map.elements[at].text == name) return map.elements[at + 1];
    }
    ADD_FAILURE() << "no " << name;
    return Value();
  };
  EXPECT_EQ(find(two, "peak.percentage").type, '$');
  client.Run({"HELLO", "3"});
  const Value three = client.Run({"MEMORY", "STATS"});
  EXPECT_EQ(three.type, '%');
  EXPECT_EQ(find(three, "peak.percentage").type, ',');
  EXPECT_EQ(find(three, "dataset.percentage").type, ',');
  EXPECT_EQ(find(three, "fragmentation").type, ',');
  EXPECT_EQ(find(three, "keys.count").text, "1");
  EXPECT_EQ(find(three, "keys.bytes-per-key").type, ':');
  const Value database = find(three, "db.0");
  EXPECT_EQ(database.type, '%');
  EXPECT_GT(find(database, "overhead.hashtable.main").integer(), 0);
  EXPECT_GT(find(database, "overhead.hashtable.expires").integer(), 0);
}

TEST_F(EvictionTest, TheLargestClientGoesWhereClientsTakeTooMuch) {
  StartServer({{"maxmemory", "64mb"}, {"maxmemory-clients", "50%"}});
  Client small = Connect();
  Client spared = Connect();
  EXPECT_EQ(spared.Ask("CLIENT NO-EVICT on"), "OK");
  EXPECT_TRUE(spared.Send("*2\r\n$4\r\nECHO\r\n$4000000\r\n" + std::string(3'000'000, 'x')));
  // A command that is never complete.
  Client large = Connect();
  large.Send("*2\r\n$4\r\nECHO\r\n$40000000\r\n" + std::string(34 << 20, 'x'));
  EXPECT_TRUE(large.WaitClosed());
  EXPECT_EQ(small.Ask("PING"), "PONG");
  EXPECT_EQ(InfoNumber("evicted_clients"), 1);
  EXPECT_TRUE(spared.Send(std::string(1'000'000, 'x') + "\r\n"));
  const auto reply = spared.Read();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text.size(), 4'000'000u);
}

TEST_F(EvictionTest, SubscriptionsCountAmongWhatAClientTakes) {
  StartServer({{"maxmemory-clients", "2mb"}});
  for (const std::string command : {"SUBSCRIBE", "PSUBSCRIBE"}) {
    Client greedy = Connect();
    std::string requests;
    for (int i = 0; i < 100; ++i) {
      requests += Encode({command, std::string(40'000, 'x') + std::to_string(i)});
    }
    greedy.Send(requests);
    EXPECT_TRUE(greedy.WaitClosed());
  }
  EXPECT_EQ(InfoNumber("evicted_clients"), 2);
  EXPECT_EQ(InfoNumber("pubsub_channels"), 0);
}

}  // namespace
}  // namespace ampt::test
