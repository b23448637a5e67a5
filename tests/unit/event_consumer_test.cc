// Events and consumers: every rule of the contract, on plain numbers as time.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/when.h"
#include "tests/unit/event_server.h"

namespace ampt {
namespace {

using Tokens = std::vector<uint64_t>;

// --- events
// ---------------------------------------------------------------------------------------

TEST(EventJsonTest, ShowsTheItemAsMetaDoes) {
  EventServer server;
  server.events.SetLive(0, true);
  server.Put("ns:a", "1");
  server.Put("ns:a", "2");
  server.Remove("ns:a");
  server.Put("b", "3");
  server.Remove("b", Origin::kExpired);
  server.Put(std::string_view("\xff", 1), "4");
  server.Remove(std::string_view("\xff", 1), Origin::kEvicted);
  server.Put("quiet", "5");
  const std::string a1 =
      R"({"key":"ns:a","value":1,"created":"1970-01-01T00:16:40.000Z","modified":"1970-01-01T00:16:40.000Z"})";
  const std::string a2 =
      R"({"key":"ns:a","value":2,"created":"1970-01-01T00:16:40.000Z","modified":"1970-01-01T00:16:40.000Z"})";
  const std::string b =
      R"({"key":"b","value":3,"created":"1970-01-01T00:16:40.000Z","modified":"1970-01-01T00:16:40.000Z"})";
  const std::string c =
      R"({"key":{"$binary":"/w=="},"value":4,"created":"1970-01-01T00:16:40.000Z","modified":"1970-01-01T00:16:40.000Z"})";
  EXPECT_EQ(server.TakeLive(),
            (std::vector<std::string>{
                R"({"id":"1","name":"created","item":)" + a1 + "}",
                R"({"id":"2","name":"updated","item":)" + a2 + R"(,"previous":)" + a1 + "}",
                R"({"id":"3","name":"deleted","reason":"removed","item":)" + a2 + "}",
                R"({"id":"4","name":"created","item":)" + b + "}",
                R"({"id":"5","name":"deleted","reason":"expired","item":)" + b + "}",
                R"({"id":"6","name":"created","item":)" + c + "}",
                R"({"id":"7","name":"deleted","reason":"evicted","item":)" + c + "}"}));
  server.events.SetLive(0, false);
  server.Put("b", "3");
  EXPECT_TRUE(server.TakeLive().empty());
  EXPECT_EQ(server.events.next_id(0), 10u);
}

TEST(EventJsonTest, ConsumersSeeTheSameWithTheAttempt) {
  EventServer server;
  server.Create("c");
  server.Put("a", "1");
  server.Put("a", "2");
  const auto first = server.ReadJson("c");
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].find(R"({"id":"1","name":"created","attempt":1,"item":{"key":"a","value":1,)"),
            0u);
  EXPECT_EQ(server.Ack("c", {1}), 1);
  const auto second = server.ReadJson("c");
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(second[0].find(R"("item":{"key":"a","value":2,)"), std::string::npos);
  EXPECT_NE(second[0].find(R"("previous":{"key":"a","value":1,)"), std::string::npos);
}

TEST(EventIdsTest, CountEveryChangeOfTheirDatabase) {
  EventServer server;
  server.Put("a", "1");
  server.Create("c");
  server.Put("a", "2", 1);
  server.Put("b", "1");
  EXPECT_EQ(server.Read("c"), "2");
  EXPECT_EQ(server.events.next_id(0), 3u);
  EXPECT_EQ(server.events.next_id(1), 2u);
}

TEST(EventIdsTest, AreNeverGivenTwice) {
  auto server = std::make_unique<EventServer>();
  server->Put("a", "1");
  EventServer::Files files = server->files();
  // A crash: what was reserved is passed over, each time anew.
  uint64_t last = server->events.next_id(0);
  for (int n = 0; n < 3; ++n) {
    server = std::make_unique<EventServer>(files);
    EXPECT_GT(server->events.next_id(0), last + 1'000'000);
    last = server->events.next_id(0);
    server->Put("a", "1");
    files = server->files();
  }
  // An end in peace: no gap.
  server->events.Close();
  last = server->events.next_id(0);
  server = std::make_unique<EventServer>(server->files());
  EXPECT_EQ(server->events.next_id(0), last);
  // That end is no longer the last word.
  server = std::make_unique<EventServer>(server->files());
  EXPECT_GT(server->events.next_id(0), last + 1'000'000);
}

// --- lanes
// ----------------------------------------------------------------------------------------

TEST(EventConsumerTest, SeesEventsFromItsCreateOnOnceIfAnyFilterMatches) {
  EventServer server;
  server.Put("a", "1");
  server.Create("c", {"created", "*:a", "updated"});
  EXPECT_EQ(server.Read("c"), "");
  server.Put("a", "2");
  server.Put("b", "1");
  server.Remove("b");
  EXPECT_EQ(server.Read("c"), "2 3");
  EXPECT_EQ(server.Info("c", "backlog"), "2");
  EXPECT_EQ(server.Ack("c", {2, 3, 4, 99, 3}), 2);
  EXPECT_EQ(server.Info("c", "backlog"), "0");
  server.events.CheckInvariants();
}

TEST(EventConsumerTest, OneOfANamespaceAtATimeAndInOrderOfIds) {
  EventServer server;
  server.Create("c");
  for (const char* key : {"n:1", "n:2", "m:1", "n", "a", "a", "m:2"}) server.Put(key, "1");
  EXPECT_EQ(server.Read("c", 2), "1 3");
  EXPECT_EQ(server.Read("c"), "4 5");
  EXPECT_EQ(server.Read("c"), "");
  EXPECT_EQ(server.Ack("c", {5, 3}), 2);
  EXPECT_EQ(server.Read("c"), "6 7");
  EXPECT_EQ(server.Ack("c", {1}), 1);
  EXPECT_EQ(server.Read("c"), "2");
  server.events.CheckInvariants();
}

TEST(EventConsumerTest, AReadEndsAtOneMebibyteButHasOneEvent) {
  EventServer server;
  server.Create("c");
  const std::string large(400 * 1024, '7');
  for (int n = 0; n < 4; ++n) {
    const std::string key = "k" + std::to_string(n);
    server.keyspace().Open(key, 0).Put({.value = StringValue(large)});
  }
  const std::string huge(3 << 20, '7');
  server.keyspace().Open("huge", 0).Put({.value = StringValue(huge)});
  EXPECT_EQ(server.Read("c"), "1 2");
  EXPECT_EQ(server.Read("c"), "3 4");
  EXPECT_EQ(server.Read("c"), "5");
}

TEST(EventConsumerTest, CreateAgainKeepsTheBacklog) {
  EventServer server;
  server.Create("c", {"created"});
  server.Put("a", "1");
  server.Create("c", {"deleted"});
  server.Put("b", "1");
  server.Remove("b");
  EXPECT_EQ(server.Read("c"), "1 3");
  EXPECT_NE(server.Info("c").find(R"("filters":["deleted"])"), std::string::npos);
}

TEST(EventConsumerTest, DroppedAndCreatedAnewItIsEmpty) {
  EventServer server;
  server.Create("c");
  server.Create("d");
  for (int n = 0; n < 10; ++n) server.Put("k" + std::to_string(n), "1");
  EXPECT_EQ(server.Read("c", 3), "1 2 3");
  ASSERT_TRUE(server.events.DropConsumer(0, "c").ok());
  EXPECT_EQ(server.events.DropConsumer(0, "c").text(), "NOTFOUND Consumer does not exist");
  EXPECT_EQ(server.events.Read(0, "c", 1).status().text(), "NOTFOUND Consumer does not exist");
  server.events.CheckInvariants();
  EXPECT_FALSE(server.events.FreeSome(4));
  server.events.CheckInvariants();
  server.Create("c");
  EXPECT_EQ(server.Read("c"), "");
  EXPECT_TRUE(server.events.FreeSome(100));
  EXPECT_EQ(server.Read("d", 1), "1");
  server.Advance(60000);  // of dropped ones nothing lapses
  server.events.CheckInvariants();
  ASSERT_TRUE(server.events.DropConsumer(0, "d").ok());
  ASSERT_TRUE(server.events.DropConsumer(0, "c").ok());
  EXPECT_TRUE(server.events.FreeSome(100));
  EXPECT_EQ(server.events.memory_bytes(), 0u);
}

TEST(EventConsumerTest, SettingsHaveBounds) {
  EventServer server;
  ConsumerSettings settings;
  settings.filters = *FilterSet::Parse({"*"});
  const auto refused = [&](ConsumerSettings with) {
    const Status status = server.events.CreateConsumer(0, "c", std::move(with));
    return status.ok() ? std::string() : status.text().substr(0, 12);
  };
  ConsumerSettings wrong = settings;
  wrong.ackwait_ms = 0;
  EXPECT_EQ(refused(wrong), "ERR ACKWAIT ");
  wrong = settings;
  wrong.backoff_first_ms = 11;
  wrong.backoff_max_ms = 10;
  EXPECT_EQ(refused(wrong), "ERR BACKOFF ");
  wrong = settings;
  wrong.maxage_ms = 999;
  EXPECT_EQ(refused(wrong), "ERR MAXAGE m");
  EXPECT_EQ(refused(settings), "");
  for (size_t n = 1; n < Backlog::kMostConsumers; ++n) server.Create("c" + std::to_string(n));
  EXPECT_EQ(server.events.CreateConsumer(0, "one more", settings).text(),
            "ERR a database has at most 1000 consumers: drop one first");
  EXPECT_TRUE(server.events.CreateConsumer(0, "c7", settings).ok());
}

// --- failing
// --------------------------------------------------------------------------------------

TEST(EventRetryTest, ALapseOrNakRedeliversWithDoublingDelay) {
  EventServer server;
  server.defaults.ackwait_ms = 500;
  server.defaults.backoff_first_ms = 100;
  server.defaults.backoff_max_ms = 350;
  server.Create("c");
  server.Put("n:1", "1");
  server.Put("n:2", "1");
  server.Put("m:1", "1");
  EXPECT_EQ(server.Read("c", 1), "1");
  EXPECT_EQ(server.Nak("c", 1, "why"), "OK");
  EXPECT_EQ(server.Nak("c", 1), "NOTFOUND Event is not in flight");
  EXPECT_EQ(server.Nak("c", 2), "NOTFOUND Event is not in flight");
  EXPECT_EQ(server.Nak("c", 99), "NOTFOUND Event is not in flight");
  // Its namespace stands still, others flow on.
  EXPECT_EQ(server.Read("c"), "3");
  EXPECT_EQ(server.Ack("c", {3}), 1);
  EXPECT_NE(
      server.Info("c").find(
          R"("blocked":[{"namespace":"n","id":"1","attempt":1,"retry_at":"1970-01-01T00:16:40.100Z"}])"),
      std::string::npos)
      << server.Info("c");
  EXPECT_EQ(server.events.NextDue(), server.now_ms + 100);
  server.Advance(99);
  EXPECT_EQ(server.Read("c"), "");
  server.Advance(1);
  EXPECT_EQ(server.Read("c"), "1/2");
  EXPECT_EQ(server.Info("c", "in_flight"), "1");
  // A lapse: ACKWAIT, then twice the delay; later the most.
  server.Advance(500);
  EXPECT_EQ(server.Info("c", "in_flight"), "0");
  server.Advance(199);
  EXPECT_EQ(server.Read("c"), "");
  server.Advance(1);
  EXPECT_EQ(server.Read("c"), "1/3");
  EXPECT_EQ(server.Nak("c", 1), "OK");
  server.Advance(349);
  EXPECT_EQ(server.Read("c"), "");
  server.Advance(1);
  EXPECT_EQ(server.Read("c"), "1/4");
  server.events.CheckInvariants();
  EXPECT_EQ(server.Ack("c", {1}), 1);
  EXPECT_EQ(server.Read("c"), "2");
}

TEST(EventRetryTest, ALateAckCounts) {
  EventServer server;
  server.Create("c");
  server.Put("n:1", "1");
  server.Put("n:2", "1");
  EXPECT_EQ(server.Ack("c", {1}), 0);  // nobody has it yet
  EXPECT_EQ(server.Read("c"), "1");
  server.Advance(60000);
  EXPECT_EQ(server.Ack("c", {1}), 1);
  EXPECT_EQ(server.Ack("c", {1}), 0);
  EXPECT_EQ(server.Read("c"), "2");
  // Also when its retry is ready, and when it was handed out again.
  server.Advance(60000);
  server.Advance(1000);
  EXPECT_EQ(server.Ack("c", {2}), 1);
  server.Put("n:3", "1");
  EXPECT_EQ(server.Read("c"), "3");
  server.Advance(60000);
  server.Advance(1000);
  EXPECT_EQ(server.Read("c"), "3/2");
  EXPECT_EQ(server.Ack("c", {3}), 1);
  server.events.CheckInvariants();
}

TEST(EventRetryTest, PastMaxageItIsADeadLetter) {
  EventServer server;
  server.defaults.backoff_first_ms = 1000;
  server.defaults.backoff_max_ms = 3'600'000;
  server.Create("c");
  server.Put("n:1", "1");
  server.Put("n:2", "1");
  server.Advance(100'000'000);  // counts from the first READ only
  const TimeMs first_ms = server.now_ms;
  int attempts = 0;
  TimeMs last_ms = 0;
  while (server.Dead("c").empty()) {
    const std::string read = server.Read("c");
    if (!read.empty()) {
      ASSERT_EQ(read.substr(0, 1), "1") << "the namespace must stand still";
      ++attempts;
      last_ms = server.now_ms;
      EXPECT_EQ(server.Nak("c", 1, "out of \"order\""), "OK");
    }
    ASSERT_NE(server.events.NextDue(), kNoDeadline);
    server.Advance(server.events.NextDue() - server.now_ms);
  }
  EXPECT_EQ(server.now_ms, first_ms + 86'400'000);
  EXPECT_GT(attempts, 20);
  const std::string dead = server.DeadJson("c", 10)[0];
  std::string expected = R"("failed":{"attempts":)" + std::to_string(attempts) +
                         R"(,"reason":"out of \"order\"","first":")";
  AppendIsoDate(first_ms, &expected);
  expected += R"(","last":")";
  AppendIsoDate(last_ms, &expected);
  EXPECT_NE(dead.find(expected + "\"}}"), std::string::npos) << dead;
  EXPECT_EQ(dead.find("\"attempt\":"), std::string::npos);
  // Its namespace flows on.
  EXPECT_EQ(server.Read("c"), "2");
  EXPECT_EQ(server.Info("c", "dead"), "1");
  EXPECT_EQ(server.Info("c", "backlog"), "1");
  EXPECT_EQ(server.Nak("c", 1), "NOTFOUND Event is not in flight");
  EXPECT_EQ(server.Ack("c", {1, 1}), 1);
  EXPECT_EQ(server.Dead("c"), "");
  server.events.CheckInvariants();
}

TEST(EventRetryTest, MaxageEndsFlightAndRestToo) {
  EventServer server;
  server.defaults.maxage_ms = 1000;
  server.defaults.backoff_first_ms = 10;
  server.Create("c");
  server.Put("a", "1");
  server.Put("b", "1");
  EXPECT_EQ(server.Read("c"), "1 2");
  EXPECT_EQ(server.Nak("c", 2, "x"), "OK");
  server.Advance(999);  // 2 is ready again, nobody reads it
  EXPECT_EQ(server.Dead("c"), "");
  server.Advance(1);
  EXPECT_EQ(server.Dead("c"), "1 2");
  EXPECT_NE(server.DeadJson("c", 1)[0].find("no ACK within MAXAGE"), std::string::npos);
  EXPECT_EQ(server.Read("c"), "");
  EXPECT_EQ(server.events.NextDue(), kNoDeadline);
}

TEST(EventRetryTest, TheOldestDeadLetterGivesWay) {
  EventSettings settings;
  settings.max_dead = 2;
  EventServer server(settings);
  server.defaults.maxage_ms = 1000;
  server.Create("c");
  for (const char* key : {"a", "b", "c", "d"}) server.Put(key, "1");
  EXPECT_EQ(server.Read("c"), "1 2 3 4");
  server.Advance(1000);
  EXPECT_EQ(server.Dead("c"), "3 4");
  EXPECT_EQ(server.Dead("c", 1), "3");
  EXPECT_EQ(server.Info("c", "dead_lost"), "2");
  server.events.CheckInvariants();
}

TEST(EventRetryTest, ReplayPutsItAtTheEndOfItsLane) {
  EventServer server;
  server.defaults.maxage_ms = 1000;
  server.Create("c");
  server.Put("n:1", "1");
  server.Put("n:2", "1");
  EXPECT_EQ(server.Read("c"), "1");
  server.Advance(1000);
  EXPECT_EQ(server.Replay("c", {2, 1, 1, 9}), 1);
  EXPECT_EQ(server.Dead("c"), "");
  EXPECT_EQ(server.Ack("c", {1}), 0);
  server.Put("n:3", "1");
  EXPECT_EQ(server.Read("c"), "2");
  EXPECT_EQ(server.Ack("c", {2}), 1);
  EXPECT_EQ(server.Read("c"), "1r");
  server.events.CheckInvariants();
  EXPECT_EQ(server.Ack("c", {1}), 1);
  EXPECT_EQ(server.Read("c"), "3");
}

// --- waiting
// --------------------------------------------------------------------------------------

TEST(EventWaitTest, TheLongestWaitingReaderIsWokenFirstOneForEachEvent) {
  EventServer server;
  server.Create("c");
  for (const uint64_t token : {11, 12, 13}) server.events.Wait(0, "c", token);
  EXPECT_EQ(server.TakeWoken(), Tokens{});
  server.Put("n:1", "1");
  server.Put("n:2", "1");  // not ready: its namespace has one
  EXPECT_EQ(server.TakeWoken(), (Tokens{11}));
  server.Put("m:1", "1");
  EXPECT_EQ(server.TakeWoken(), (Tokens{12}));
  // The first gets one, goes, comes again: behind the others.
  EXPECT_EQ(server.Read("c", 1), "1");
  server.events.StopWaiting(11);
  server.events.Wait(0, "c", 11);
  EXPECT_EQ(server.TakeWoken(), Tokens{});
  EXPECT_EQ(server.Read("c", 1), "3");
  server.events.StopWaiting(12);
  EXPECT_EQ(server.Ack("c", {1}), 1);
  EXPECT_EQ(server.TakeWoken(), (Tokens{13}));
  server.events.CheckInvariants();
}

TEST(EventWaitTest, WhoFindsNothingKeepsItsPlace) {
  EventServer server;
  server.Create("c");
  server.events.Wait(0, "c", 1);
  server.events.Wait(0, "c", 2);
  server.Put("a", "1");
  EXPECT_EQ(server.TakeWoken(), (Tokens{1}));
  EXPECT_EQ(server.Read("c"), "1");  // somebody who did not wait was faster
  server.events.Wait(0, "c", 1);
  server.Put("b", "1");
  EXPECT_EQ(server.TakeWoken(), (Tokens{1}));
  // It has gone: the event is the next one's.
  server.events.StopWaiting(1);
  EXPECT_EQ(server.TakeWoken(), (Tokens{2}));
  server.events.StopWaiting(99);
}

TEST(EventWaitTest, RetriesWakeAndDropWakesAll) {
  EventServer server;
  server.Create("c");
  server.Put("a", "1");
  EXPECT_EQ(server.Read("c"), "1");
  server.events.Wait(0, "c", 1);
  server.events.Wait(0, "c", 2);
  EXPECT_EQ(server.Nak("c", 1), "OK");
  EXPECT_EQ(server.TakeWoken(), Tokens{});
  server.Advance(1000);
  EXPECT_EQ(server.TakeWoken(), (Tokens{1}));
  ASSERT_TRUE(server.events.DropConsumer(0, "c").ok());
  EXPECT_EQ(server.TakeWoken(), (Tokens{1, 2}));
  EXPECT_EQ(server.events.waiting_readers(), 0u);
  server.events.StopWaiting(1);
  server.events.CheckInvariants();
}

// --- memory
// ---------------------------------------------------------------------------------------

TEST(EventMemoryTest, RefusesWhatWouldAddAnEventToAFullBacklog) {
  EventSettings settings;
  settings.max_memory_bytes = 10000;
  EventServer server(settings);
  server.Create("c", {"*:ns:*"});
  EXPECT_FALSE(server.events.WouldExceed(0));
  int written = 0;
  while (!server.events.WouldExceed(0, "ns:x")) {
    server.Put("ns:" + std::to_string(written++), "1");
    ASSERT_LT(written, 1000);
  }
  EXPECT_GT(written, 10);
  EXPECT_GE(server.events.memory_bytes(), 10000u);
  EXPECT_FALSE(server.events.WouldExceed(0, "other"));
  EXPECT_TRUE(server.events.WouldExceed(0));
  EXPECT_FALSE(server.events.WouldExceed(1));
  // Expiry goes over.
  server.Remove("ns:0", Origin::kExpired);
  EXPECT_EQ(server.Info("c", "backlog"), std::to_string(written + 1));
  while (!server.Read("c").empty()) {
    EXPECT_EQ(server.Ack("c", {1, 2, 3, 4, 5, 6, 7, 8}) > 0, true);
    if (!server.events.WouldExceed(0)) break;
  }
  EXPECT_FALSE(server.events.WouldExceed(0));
  EXPECT_EQ(server.Info("c", "dropped"), "0");
}

TEST(EventMemoryTest, DropLeavesEventsOutAndCounts) {
  EventSettings settings;
  settings.max_memory_bytes = 10000;
  settings.drop_on_overflow = true;
  EventServer server(settings);
  server.Create("c", {"created"});
  for (int n = 1; n <= 200; ++n) server.Put("k" + std::to_string(n), "1");
  EXPECT_FALSE(server.events.WouldExceed(0));
  const int kept = std::stoi(server.Info("c", "backlog"));
  EXPECT_GT(kept, 10);
  EXPECT_EQ(server.Info("c", "dropped"), std::to_string(200 - kept));
  EXPECT_EQ(server.Info("c", "first_dropped"), "\"" + std::to_string(kept + 1) + "\"");
  EXPECT_EQ(server.TakeLeftOut(),
            (std::vector<std::string>{"0 c " + std::to_string(kept + 1) + " 1"}));
  // A restart leaves out the same.
  EventServer next(server.files(), settings);
  EXPECT_EQ(next.events.Digest(0), server.events.Digest(0));
  EXPECT_EQ(next.Info("c", "dropped"), std::to_string(200 - kept));
}

TEST(EventMemoryTest, WhatNobodyHoldsTakesNone) {
  EventServer server;
  server.Create("c");
  const size_t before = server.events.memory_bytes();
  for (int n = 0; n < 100; ++n) server.Put("k" + std::to_string(n % 7), "1");
  EXPECT_GT(server.events.memory_bytes(), before + 5000);
  while (true) {
    const auto events = server.ReadJson("c");
    if (events.empty()) break;
    for (const std::string& json : events) {
      server.Ack("c", {std::stoull(json.substr(7))});
    }
  }
  EXPECT_EQ(server.events.memory_bytes(), before);
}

// --- flushes
// --------------------------------------------------------------------------------------

TEST(EventFlushTest, TheItemsBecomeDeletedEventsInOrderOfKey) {
  EventServer server;
  for (const char* key : {"n:3", "n:1", "m:1", "n:2"}) server.Put(key, "1");
  EXPECT_FALSE(server.Flush(1));
  server.Create("c");
  server.events.SetLive(0, true);
  EXPECT_TRUE(server.Flush());
  EXPECT_EQ(server.events.next_id(0), 9u);
  EXPECT_EQ(server.Read("c"), "");
  EXPECT_EQ(server.Info("c", "backlog"), "4");
  // What comes behind queues up behind.
  server.Put("n:1", "9");
  server.Put("z", "9");
  EXPECT_EQ(server.Read("c"), "");
  EXPECT_FALSE(server.events.ConvertSome(2));
  EXPECT_EQ(server.Read("c"), "5 6");
  server.events.CheckInvariants();
  while (!server.events.ConvertSome(1)) server.events.CheckInvariants();
  EXPECT_EQ(server.Read("c"), "10");
  for (const uint64_t id : {6, 7, 8}) {
    EXPECT_EQ(server.Ack("c", {id}), 1);
    EXPECT_EQ(server.Read("c"), std::to_string(id + 1));
  }
  EXPECT_NE(server.ReadJson("c").size(), 1u);
  const auto live = server.TakeLive();
  EXPECT_EQ(EventServer::Short(live), "9 10 5 6 7 8");
}

TEST(EventFlushTest, SeveralFollowEachOther) {
  EventServer server;
  server.Create("c", {"*:n:*"});
  server.Put("n:1", "1");
  EXPECT_TRUE(server.Flush());
  server.Put("n:1", "2");
  server.Put("x", "2");
  EXPECT_TRUE(server.Flush());
  server.Put("n:2", "3");
  // One that came later sees neither, and old filters hold for what was flushed before.
  server.Create("later");
  server.Create("c", {"created:m:*"});
  while (!server.events.ConvertSome(1)) {
  }
  server.events.CheckInvariants();
  std::string all;
  for (std::string read = server.Read("c"); !read.empty(); read = server.Read("c")) {
    all += read + " ";
    EXPECT_EQ(server.Ack("c", {std::stoull(read)}), 1);
  }
  EXPECT_EQ(all, "1 2 3 5 7 ");
  EXPECT_EQ(server.Read("later"), "");
}

TEST(EventFlushTest, ConvertsNoFasterThanMemoryAllows) {
  EventSettings settings;
  settings.max_memory_bytes = 20000;
  EventServer server(settings);
  for (int n = 0; n < 1000; ++n) server.Put("k" + std::to_string(n), "1");
  server.Create("c");
  EXPECT_TRUE(server.Flush());
  EXPECT_TRUE(server.events.WouldExceed(0));
  size_t read = 0;
  for (int rounds = 0; read < 1000; ++rounds) {
    ASSERT_LT(rounds, 2000);
    while (!server.events.ConvertSome(64)) {
    }
    server.events.CheckInvariants();
    EXPECT_LT(std::stoi(server.Info("c", "in_flight")), 200);
    std::vector<uint64_t> ids;
    for (const std::string& json : server.ReadJson("c", 10)) {
      ids.push_back(std::stoull(json.substr(7)));
    }
    read += ids.size();
    EXPECT_EQ(server.Ack("c", ids), static_cast<int64_t>(ids.size()));
  }
  while (!server.events.ConvertSome(64)) {
  }
  EXPECT_FALSE(server.events.WouldExceed(0));
}

TEST(EventFlushTest, WithoutListenersTheItemsComeBack) {
  EventServer server;
  server.Put("a", "1");
  server.Create("c", {"created"});
  EXPECT_FALSE(server.Flush());
  EXPECT_EQ(server.events.next_id(0), 3u);
  EXPECT_TRUE(server.events.ConvertSome(1));
}

// --- restarts
// -------------------------------------------------------------------------------------

TEST(EventRestartTest, EverythingIsAsItWas) {
  EventServer server;
  server.defaults.maxage_ms = 10000;
  server.Create("c", {"created:n:*", "deleted"});
  server.Create("gone");
  server.Create("other", {"*"}, 1);
  for (int n = 0; n < 20; ++n) {
    server.Put("n:" + std::to_string(n), "1");
    server.Put("m" + std::to_string(n % 3) + ":x", "1", 1);
  }
  EXPECT_EQ(server.Read("other", 3, 1), "1 2 3");
  EXPECT_EQ(server.Ack("other", {2}, 1), 1);
  EXPECT_EQ(server.Read("c"), "1");
  server.Advance(10000);
  EXPECT_EQ(server.Read("c"), "2");
  EXPECT_EQ(server.Nak("c", 2, "no"), "OK");
  ASSERT_TRUE(server.events.DropConsumer(0, "gone").ok());
  EXPECT_TRUE(server.Flush());
  server.Put("n:new", "1");
  EXPECT_EQ(server.Replay("c", {1}), 1);
  server.Advance(500);
  const TimeMs due_ms = server.events.NextDue();

  const auto compare = [&](const EventServer::Files& files) {
    EventServer next(files, EventSettings(), server.now_ms);
    EXPECT_EQ(next.events.Digest(0), server.events.Digest(0));
    EXPECT_EQ(next.events.Digest(1), server.events.Digest(1));
    EXPECT_EQ(next.Info("c"), server.Info("c"));
    EXPECT_EQ(next.events.NextDue(), due_ms);
    while (!next.events.ConvertSome(100)) {
    }
    next.events.CheckInvariants();
    next.Advance(1000);
    EXPECT_EQ(next.Read("c", 1), "2/2");
    EXPECT_EQ(next.Read("other", 10, 1), "4 5 6");
    EXPECT_EQ(next.events.Read(0, "gone", 1).status().text(), "NOTFOUND Consumer does not exist");
  };
  compare(server.files());
  server.BeginSnapshot();
  while (server.SaveSome()) {
  }
  compare(server.files());
}

TEST(EventRestartTest, WhatIsInFlightKeepsItsAttemptAndGetsAFullAckwait) {
  EventServer server;
  server.Create("c");
  server.Put("a", "1");
  EXPECT_EQ(server.Read("c"), "1");
  server.Advance(59000);
  EventServer next(server.files(), EventSettings(), server.now_ms + 500'000);
  EXPECT_EQ(next.events.NextDue(), next.now_ms + 60000);
  EXPECT_EQ(next.Read("c"), "");
  next.Advance(60000);
  next.Advance(1000);
  EXPECT_EQ(next.Read("c"), "1/2");
}

TEST(EventRestartTest, LagGoesOn) {
  EventServer server;
  server.Create("c");
  server.Put("a", "1");
  server.Advance(1000);
  server.Put("b", "1");
  server.Advance(1000);
  EXPECT_EQ(server.Info("c", "lag_ms"), "2000");
  EventServer next(server.files(), EventSettings(), server.now_ms + 5000);
  EXPECT_EQ(next.Info("c", "lag_ms"), "7000");
  EXPECT_EQ(next.Read("c", 1), "1");
  EXPECT_EQ(next.Info("c", "lag_ms"), "7000");
  EXPECT_EQ(next.Ack("c", {1}), 1);
  EXPECT_EQ(next.Info("c", "lag_ms"), "6000");
  EXPECT_EQ(next.Read("c", 1), "2");
  EXPECT_EQ(next.Ack("c", {2}), 1);
  EXPECT_EQ(next.Info("c", "lag_ms"), "0");
}

}  // namespace
}  // namespace ampt
