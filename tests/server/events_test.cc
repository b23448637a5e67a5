// Change events on the running server: nothing is lost, overtakes or is made up, over any number of
// kill -9; readers that block; and where events come from.
//
//   ROUNDS=10 build/wire-tests --gtest_filter='EventsKillTest.*'
#include <rapidjson/document.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "tests/server/durability.h"

namespace ampt::test {
namespace {

struct Event {
  uint64_t id = 0;
  int attempt = 0;
  std::string key;
  // What happened, as "created user:1 v7" or "deleted user:1 v7 removed". Of the value only what is
  // a string.
  std::string text;

  // A simple key is a namespace of its own.
  std::string name_space() const { return key.substr(0, key.find(':')); }
};

Event ParseEvent(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject() || !document.HasMember("id") ||
      !document.HasMember("name") || !document.HasMember("item")) {
    ADD_FAILURE() << "not an event: " << json;
    return {};
  }
  Event event;
  event.id = std::strtoull(document["id"].GetString(), nullptr, 10);
  if (document.HasMember("attempt")) event.attempt = document["attempt"].GetInt();
  event.key = document["item"]["key"].GetString();
  event.text = std::string(document["name"].GetString()) + " " + event.key;
  const rapidjson::Value& value = document["item"]["value"];
  if (value.IsString()) event.text += std::string(" ") + value.GetString();
  if (document.HasMember("reason")) event.text += std::string(" ") + document["reason"].GetString();
  return event;
}

std::vector<Event> ParseEvents(const Value& reply) {
  std::vector<Event> events;
  for (const Value& element : reply.elements) events.push_back(ParseEvent(element.text));
  return events;
}

Words Acknowledgement(const std::string& consumer, const std::vector<Event>& events) {
  Words words = {"AMPT.EVENTS", "ACK", consumer};
  for (const Event& event : events) words.push_back(std::to_string(event.id));
  return words;
}

class EventsTest : public DurabilityTest {
 protected:
  void Create(const std::string& options) {
    ASSERT_EQ(Ask("AMPT.EVENTS CREATE mailer FILTERS " + options), "OK");
  }
  static std::vector<Event> Read(Client& client, const std::string& options = "") {
    return ParseEvents(client.Run(*SplitWords("AMPT.EVENTS READ mailer " + options)));
  }
  static void Acknowledge(Client& client, const std::vector<Event>& events,
                          const std::string& consumer = "mailer") {
    EXPECT_EQ(client.Run(Acknowledgement(consumer, events)).integer(),
              static_cast<int64_t>(events.size()));
  }
  // All that a consumer can be given, acknowledged, in the order of their ids. Fails if they were
  // not in that order within their namespaces.
  static std::vector<Event> Drain(Client& client, const std::string& consumer = "mailer") {
    std::vector<Event> all;
    std::map<std::string, uint64_t> latest;
    while (true) {
      const std::vector<Event> events =
          ParseEvents(client.Run({"AMPT.EVENTS", "READ", consumer, "COUNT", "1000"}));
      if (events.empty()) break;
      Acknowledge(client, events, consumer);
      for (const Event& event : events) {
        uint64_t& before = latest[event.name_space()];
        EXPECT_GT(event.id, before) << event.text;
        before = event.id;
        all.push_back(event);
      }
    }
    std::ranges::sort(all, {}, &Event::id);
    return all;
  }
  static std::string Texts(const std::vector<Event>& events) {
    std::string text;
    for (const Event& event : events) text += (text.empty() ? "" : ", ") + event.text;
    return text;
  }
  // The number behind "name": in INFO of a consumer.
  int64_t Figure(const std::string& consumer, const std::string& name) {
    const std::string json = Connect().Run({"AMPT.EVENTS", "INFO", consumer}).text;
    rapidjson::Document document;
    document.Parse(json.data(), json.size());
    if (!document.IsObject() || !document.HasMember(name.c_str())) {
      ADD_FAILURE() << "no " << name << " in " << json;
      return -1;
    }
    return document[name.c_str()].GetInt64();
  }
  void WaitForReaders(int64_t count) {
    EXPECT_TRUE(WaitFor([&] { return InfoNumber("events_waiting_readers") == count; }))
        << InfoNumber("events_waiting_readers") << " readers wait";
  }
  // Lets that much time pass at once for the server.
  void PassTime(int64_t ms) {
    Client client = Connect();
    const Value time = client.Run({"TIME"});
    ASSERT_EQ(time.elements.size(), 2U);
    const int64_t now_ms = std::atoll(time.elements[0].text.c_str()) * 1000 +
                           std::atoll(time.elements[1].text.c_str()) / 1000;
    ASSERT_EQ(client.Run({"DEBUG", "CLOCK", std::to_string(now_ms + ms)}).text, "OK");
    ASSERT_EQ(client.Ask("DEBUG CLOCK RUN"), "OK");
  }
  // A client that waits for an event.
  Client Reader(const std::string& options = "BLOCK 0") {
    const int64_t before = InfoNumber("events_waiting_readers");
    Client client = Connect();
    client.Send(Encode(*SplitWords("AMPT.EVENTS READ mailer " + options)));
    WaitForReaders(before + 1);
    return client;
  }
  static std::vector<Event> Received(Client& client) {
    const std::optional<Value> reply = client.Read();
    return reply ? ParseEvents(*reply) : std::vector<Event>();
  }
};

// --- readers that block
// ---------------------------------------------------------------------------

TEST_F(EventsTest, TheLongestWaitingReaderIsWokenFirst) {
  Create("1 *");
  std::vector<Client> readers;
  readers.reserve(6);
  for (int n = 0; n < 6; ++n) readers.push_back(Reader());
  EXPECT_EQ(InfoNumber("blocked_clients"), 6);
  Client writer = Connect();
  for (int n = 0; n < 3; ++n) {
    writer.Ask("SET k" + std::to_string(n) + " v");
    EXPECT_EQ(Texts(Received(readers[static_cast<size_t>(n)])),
              "created k" + std::to_string(n) + " v");
    WaitForReaders(5 - n);
  }
  // Those that come in one turn as well.
  writer.Send(Encode({"SET", "k3", "v"}) + Encode({"SET", "k4", "v"}) + Encode({"SET", "k5", "v"}));
  for (int n = 3; n < 6; ++n) {
    EXPECT_EQ(Texts(Received(readers[static_cast<size_t>(n)])),
              "created k" + std::to_string(n) + " v");
  }
  EXPECT_EQ(InfoNumber("blocked_clients"), 0);
  EXPECT_EQ(Figure("mailer", "in_flight"), 6);
}

TEST_F(EventsTest, AReaderThatTimesOutGetsNull) {
  Create("1 *");
  Client reader = Connect();
  EXPECT_EQ(reader.Ask("AMPT.EVENTS READ mailer BLOCK 1"), "(nil)");
  reader.Ask("SET a v");
  EXPECT_EQ(Texts(Read(reader)), "created a v");
}

TEST_F(EventsTest, ClientUnblockEndsAWait) {
  Create("1 *");
  Client reader = Connect();
  const std::string id = std::to_string(reader.Run({"CLIENT", "ID"}).integer());
  const auto wait = [&] {
    // What is sent behind waits with it.
    reader.Send(Encode({"AMPT.EVENTS", "READ", "mailer", "BLOCK", "0"}) +
                Encode({"ECHO", "behind"}));
    WaitForReaders(1);
  };
  wait();
  EXPECT_EQ(Ask("CLIENT UNBLOCK " + id), "(integer) 1");
  EXPECT_EQ(Render(reader.Read().value()), "(nil)");
  EXPECT_EQ(Render(reader.Read().value()), "\"behind\"");
  wait();
  EXPECT_EQ(Ask("CLIENT UNBLOCK " + id + " TIMEOUT"), "(integer) 1");
  EXPECT_EQ(Render(reader.Read().value()), "(nil)");
  EXPECT_EQ(Render(reader.Read().value()), "\"behind\"");
  wait();
  EXPECT_EQ(Ask("CLIENT UNBLOCK " + id + " ERROR"), "(integer) 1");
  EXPECT_EQ(Render(reader.Read().value()), "(error) UNBLOCKED client unblocked via CLIENT UNBLOCK");
  EXPECT_EQ(Render(reader.Read().value()), "\"behind\"");
  EXPECT_EQ(Ask("CLIENT UNBLOCK " + id), "(integer) 0");
  WaitForReaders(0);
  // None of that took an event away.
  reader.Ask("SET a v");
  EXPECT_EQ(Texts(Read(reader)), "created a v");
}

TEST_F(EventsTest, EventsOfAWorkerThatGoesComeAgainAfterAckwait) {
  Create("1 * ACKWAIT 30000 BACKOFF 1000 1000");
  Ask("SET a v");
  {
    Client worker = Connect();
    ASSERT_EQ(Texts(Read(worker)), "created a v");
    worker.Close();
  }
  Client other = Reader();
  EXPECT_EQ(Figure("mailer", "in_flight"), 1);
  PassTime(30000);  // it lapses
  PassTime(1000);   // and is due again
  const std::vector<Event> events = Received(other);
  ASSERT_EQ(Texts(events), "created a v");
  EXPECT_EQ(events[0].attempt, 2);
  Acknowledge(other, events);
  EXPECT_EQ(Figure("mailer", "backlog"), 0);
}

TEST_F(EventsTest, AReaderThatGoesTakesNothingAlong) {
  Create("1 *");
  Client gone = Reader();
  Client reader = Reader();
  gone.Close();
  WaitForReaders(1);
  Ask("SET a v");
  const std::vector<Event> events = Received(reader);
  ASSERT_EQ(Texts(events), "created a v");
  EXPECT_EQ(events[0].attempt, 1);
}

TEST_F(EventsTest, ReadersWaitOnThroughChangesOfSettings) {
  Create("1 *");
  Client reader = Reader();
  for (const std::string_view change :
       {"timeout 1", "events-max-memory 1mb", "events-overflow drop", "maxmemory 1gb",
        "appendfsync always", "maxclients 100", "appendonly no", "appendonly yes", "timeout 0"}) {
    EXPECT_EQ(Ask("CONFIG SET " + std::string(change)), "OK") << change;
  }
  // Filters may change under them as well.
  Create("1 created:user:*");
  EXPECT_EQ(InfoNumber("events_waiting_readers"), 1);
  Ask("SET a v");
  Ask("SET user:1 v");
  EXPECT_EQ(Texts(Received(reader)), "created user:1 v");
}

TEST_F(EventsTest, ReadersOfADroppedConsumerAreTold) {
  Create("1 *");
  Client first = Reader();
  Client second = Reader();
  EXPECT_EQ(Ask("AMPT.EVENTS DROP mailer"), "OK");
  for (Client* reader : {&first, &second}) {
    EXPECT_EQ(Render(reader->Read().value()), "(error) NOTFOUND Consumer does not exist");
  }
}

TEST_F(EventsTest, ReadsInATransactionDoNotBlock) {
  Create("1 *");
  Client client = Connect();
  client.Ask("MULTI");
  EXPECT_EQ(client.Ask("AMPT.EVENTS READ mailer BLOCK 0"), "QUEUED");
  client.Ask("SET a v");
  client.Ask("AMPT.EVENTS READ mailer BLOCK 0");
  const Value replies = client.Run({"EXEC"});
  ASSERT_EQ(replies.elements.size(), 3U);
  EXPECT_EQ(Render(replies.elements[0]), "(nil)");
  EXPECT_EQ(Texts(ParseEvents(replies.elements[2])), "created a v");
}

// --- where events come from
// -----------------------------------------------------------------------

TEST_F(EventsTest, OfItemsThatExpire) {
  Create("1 deleted");
  Client reader = Reader();
  Ask("SET a v PX 20");
  // Nobody asks for the item.
  EXPECT_EQ(Texts(Received(reader)), "deleted a v expired");
  Client client = Connect();
  client.Ask("SET b v");
  client.Ask("PEXPIRE b -1");
  EXPECT_EQ(Texts(Drain(client)), "deleted b v expired");
}

TEST_F(EventsTest, OfItemsThatExpiredWhileTheServerWasDown) {
  Create("1 deleted:user:*");
  const auto due = std::chrono::system_clock::now() + std::chrono::seconds(1);
  const auto due_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(due.time_since_epoch()).count();
  Ask("SET user:1 v PXAT " + std::to_string(due_ms + 1));
  Ask("SET user:2 v PXAT " + std::to_string(due_ms));
  server().Stop();
  EXPECT_TRUE(WaitFor(
      [&] { return std::chrono::system_clock::now() > due + std::chrono::milliseconds(2); }));
  server().Restart();
  EXPECT_EQ(Figure("mailer", "backlog"), 2);
  Client client = Connect();
  EXPECT_EQ(Texts(Drain(client)), "deleted user:2 v expired, deleted user:1 v expired");
}

TEST_F(EventsTest, OfItemsThatAreEvicted) {
  StartServer({{"maxmemory-policy", "allkeys-random"}, {"save", ""}});
  ASSERT_EQ(Ask("DEBUG POPULATE 20000 key 200"), "OK");
  Create("1 deleted:key:*");
  Ask("CONFIG SET maxmemory 4mb");
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("evicted_keys") > 100; }));
  Ask("CONFIG SET maxmemory 0");
  Client client = Connect();
  const int64_t evicted = InfoNumber("evicted_keys");
  EXPECT_EQ(client.Run({"DBSIZE"}).integer() + evicted, 20000);
  EXPECT_EQ(Figure("mailer", "backlog"), evicted);
  const std::vector<Event> events = Read(client);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(events[0].text.starts_with("deleted key:")) << events[0].text;
  EXPECT_TRUE(events[0].text.ends_with(" evicted")) << events[0].text;
}

TEST_F(EventsTest, OfAFlushBeforeWhatComesLater) {
  constexpr int64_t kItems = 2000;
  ASSERT_EQ(Ask("DEBUG POPULATE 2000 key 10"), "OK");
  Client client = Connect();
  client.Ask("SET user:1 old");
  client.Ask("SET user:2 old");
  Create("2 created deleted");
  // One turn: most of the flush is still to be worked off when the writes come.
  client.Send(Encode({"FLUSHALL"}) + Encode({"SET", "user:1", "new"}) +
              Encode({"SET", "user:2", "new"}) + Encode({"DBSIZE"}));
  for (const std::string_view reply : {"OK", "OK", "OK", "(integer) 2"}) {
    EXPECT_EQ(Render(client.Read().value()), reply);
  }
  EXPECT_EQ(Figure("mailer", "backlog"), kItems + 4);
  int64_t of_keys = 0;
  std::vector<Event> of_users;
  // What is no event yet cannot be read yet.
  EXPECT_TRUE(WaitFor([&] {
    for (const Event& event : Drain(client)) {
      if (event.name_space() == "user") {
        of_users.push_back(event);
      } else {
        ++of_keys;
      }
    }
    return Figure("mailer", "backlog") == 0;
  }));
  EXPECT_EQ(of_keys, kItems);
  EXPECT_EQ(Texts(of_users),
            "deleted user:1 old removed, deleted user:2 old removed, created user:1 new, "
            "created user:2 new");
}

TEST_F(EventsTest, OfMovesAndRenames) {
  Client client = Connect();
  client.Ask("SET user:1 v");
  client.Ask("SET user:9 w");
  Create("1 *");
  client.Ask("SELECT 1");
  ASSERT_EQ(client.Ask("AMPT.EVENTS CREATE mailer FILTERS 1 *"), "OK");
  client.Ask("SELECT 0");
  client.Ask("RENAME user:1 user:2");
  client.Ask("RENAME user:2 user:9");
  client.Ask("MOVE user:9 1");
  EXPECT_EQ(Texts(Drain(client)),
            "deleted user:1 v removed, created user:2 v, deleted user:2 v removed, "
            "updated user:9 v, deleted user:9 v removed");
  client.Ask("SELECT 1");
  EXPECT_EQ(Texts(Drain(client)), "created user:9 v");
}

TEST_F(EventsTest, LiveAndDurableTogether) {
  Create("1 *:user:*");
  Client subscriber = Connect();
  EXPECT_EQ(subscriber.Run({"SUBSCRIBE", "ampt:*:user:*"}).elements.size(), 3U);
  Client client = Connect();
  client.Ask("SET user:1 v");
  client.Ask("SET other v");
  client.Ask("SET user:1 w");
  client.Ask("DEL user:1");
  std::vector<Event> live;
  for (int n = 0; n < 3; ++n) {
    const std::optional<Value> message = subscriber.Read();
    ASSERT_TRUE(message && message->elements.size() == 3U);
    EXPECT_EQ(message->elements[1].text, "ampt:*:user:*");
    live.push_back(ParseEvent(message->elements[2].text));
  }
  const std::vector<Event> durable = Drain(client);
  EXPECT_EQ(Texts(live), "created user:1 v, updated user:1 w, deleted user:1 w removed");
  EXPECT_EQ(Texts(durable), Texts(live));
  ASSERT_EQ(durable.size(), 3U);
  for (size_t n = 0; n < 3; ++n) EXPECT_EQ(durable[n].id, live[n].id);
}

// --- full backlogs
// --------------------------------------------------------------------------------

constexpr std::string_view kFull =
    "(error) OOM command not allowed when the backlogs of event consumers are over "
    "'events-max-memory'.";

TEST_F(EventsTest, FullBacklogsRefuseWrites) {
  StartServer({{"events-max-memory", "256kb"}});
  Create("1 *:user:*");
  Client client = Connect();
  int accepted = 0;
  std::string reply;
  for (; accepted < 10000; ++accepted) {
    reply = client.Ask("SET user:" + std::to_string(accepted) + " %{x*1000}");
    if (reply != "OK") break;
  }
  EXPECT_EQ(reply, kFull);
  EXPECT_EQ(client.Run({"DBSIZE"}).integer(), accepted);
  EXPECT_EQ(client.Ask("DEL user:0"), kFull);
  EXPECT_EQ(client.Ask("FLUSHALL"), kFull);
  // What nobody listens to goes on.
  EXPECT_EQ(client.Ask("SET other v"), "OK");
  EXPECT_EQ(client.Ask("GET other"), "\"v\"");
  EXPECT_EQ(Figure("mailer", "backlog"), accepted);
  EXPECT_EQ(static_cast<int>(Drain(client).size()), accepted);
  EXPECT_EQ(client.Ask("SET user:new v"), "OK");
  EXPECT_EQ(Texts(Drain(client)), "created user:new v");
  EXPECT_EQ(Figure("mailer", "dropped"), 0);
}

TEST_F(EventsTest, FullBacklogsLeaveEventsOut) {
  StartServer({{"events-max-memory", "256kb"}, {"events-overflow", "drop"}});
  Create("1 *:user:*");
  Client client = Connect();
  constexpr int kWrites = 1000;
  for (int n = 0; n < kWrites; ++n) {
    ASSERT_EQ(client.Ask("SET user:" + std::to_string(n) + " %{x*1000}"), "OK");
  }
  const int64_t dropped = Figure("mailer", "dropped");
  EXPECT_GT(dropped, 0);
  EXPECT_EQ(Figure("mailer", "backlog") + dropped, kWrites);
  EXPECT_NE(server().Log().find("consumer mailer of database 0 has lost"), std::string::npos);
  EXPECT_EQ(static_cast<int64_t>(Drain(client).size()), kWrites - dropped);
  WaitUntilWritten();
  server().Kill();
  server().Restart({{"events-max-memory", "256kb"}, {"events-overflow", "drop"}});
  EXPECT_EQ(Figure("mailer", "dropped"), dropped);
  EXPECT_EQ(Figure("mailer", "backlog"), 0);
}

// --- coming back
// ----------------------------------------------------------------------------------

TEST_F(EventsTest, ReloadKeepsBacklogs) {
  Create("1 * BACKOFF 100000 100000");
  Client client = Connect();
  client.Ask("SET a v");
  client.Ask("SET b v");
  client.Ask("SET user:1 v");
  client.Ask("SET user:1 w");
  const std::vector<Event> events = Read(client, "COUNT 2");
  ASSERT_EQ(Texts(events), "created a v, created b v");
  client.Ask("AMPT.EVENTS NAK mailer " + std::to_string(events[0].id) + " because");
  const std::string digest = Digest();
  const std::string info = client.Ask("AMPT.EVENTS INFO mailer");
  ASSERT_EQ(client.Ask("DEBUG RELOAD"), "OK");
  EXPECT_EQ(Digest(), digest);
  EXPECT_EQ(client.Ask("DEBUG VERIFY"), "OK");
  EXPECT_EQ(Figure("mailer", "backlog"), 4);
  EXPECT_EQ(Figure("mailer", "in_flight"), 1);
  Acknowledge(client, {events[1]});
  EXPECT_EQ(Texts(Drain(client)), "created user:1 v, updated user:1 w");
  PassTime(100000);
  const std::vector<Event> again = Read(client);
  ASSERT_EQ(Texts(again), "created a v");
  EXPECT_EQ(again[0].attempt, 2);
}

TEST_F(EventsTest, ARestartKeepsWhatIsInFlight) {
  const Settings settings = {{"appendfsync", "always"}, {"save", ""}};
  StartServer(settings);
  Create("1 * ACKWAIT 600000 BACKOFF 1 1");
  Client client = Connect();
  client.Ask("SET a v");
  std::vector<Event> events = Read(client);
  ASSERT_EQ(Texts(events), "created a v");
  client.Ask("AMPT.EVENTS NAK mailer " + std::to_string(events[0].id));
  PassTime(1);
  events = Read(client);
  ASSERT_EQ(Texts(events), "created a v");
  EXPECT_EQ(events[0].attempt, 2);
  for (const bool is_killed : {true, false}) {
    const std::string digest = Digest();
    if (is_killed) {
      server().Kill();
    } else {
      server().Stop();
    }
    server().Restart(settings);
    client = Connect();
    EXPECT_EQ(Digest(), digest);
    EXPECT_EQ(client.Ask("AMPT.EVENTS READ mailer"), "(nil)");
    EXPECT_EQ(Figure("mailer", "in_flight"), 1);
  }
  // It lapses only after its full time.
  PassTime(300000);
  EXPECT_EQ(client.Ask("AMPT.EVENTS READ mailer"), "(nil)");
  PassTime(300001);
  PassTime(10);
  events = Read(client);
  ASSERT_EQ(Texts(events), "created a v");
  EXPECT_EQ(events[0].attempt, 3);
  Acknowledge(client, events);
  EXPECT_EQ(Figure("mailer", "backlog"), 0);
}

// --- kill -9
// --------------------------------------------------------------------------------------

using SteadyClock = std::chrono::steady_clock;

using State = std::map<std::string, std::string>;  // values by key
using History = std::vector<std::string>;          // texts of events

// One request, or several that count as one.
struct Operation {
  std::string request;
  size_t replies = 1;
  // Does it to a state, and says which events that makes.
  std::function<void(State&, History&)> apply;
};

// Writes to items of its own, and remembers what it was told.
class LoggingWriter {
 public:
  LoggingWriter(std::string name, uint64_t seed) : name_(std::move(name)), random_(seed) {}

  const std::string& name() const { return name_; }
  size_t acknowledged() const { return acknowledged_; }
  const History& kept() const { return kept_; }

  void Start(Client client) {
    sent_.clear();
    acknowledged_at_.clear();
    acknowledged_ = 0;
    thread_ = std::thread([this, client = std::move(client)]() mutable { Work(client); });
  }
  void Join() { thread_.join(); }
  size_t AcknowledgedBefore(SteadyClock::time_point time) const {
    return static_cast<size_t>(
        std::lower_bound(acknowledged_at_.begin(), acknowledged_at_.end(), time) -
        acknowledged_at_.begin());
  }

  // Finds how many operations of the round made what the server holds and what the witness was
  // told, at least `promised`, and goes on from there. nullopt: none.
  std::optional<size_t> Compare(Client& server, const History& told, size_t promised) {
    const State found = ReadState(server);
    State state = state_;
    History texts;
    for (size_t n = 0; n <= sent_.size(); ++n) {
      if (n >= promised && state == found && texts == told) {
        state_ = std::move(state);
        kept_.insert(kept_.end(), texts.begin(), texts.end());
        return n;
      }
      if (n < sent_.size()) sent_[n].apply(state, texts);
    }
    return std::nullopt;
  }

 private:
  static constexpr size_t kOutstanding = 8;             // operations sent ahead
  static constexpr std::chrono::milliseconds kPace{5};  // between so many

  uint64_t Below(uint64_t bound) { return random_() % bound; }

  // Two namespaces, and simple keys.
  std::vector<std::string> Keys() const {
    std::vector<std::string> keys;
    for (const std::string_view kind : {"a:", "b:", "simple"}) {
      for (int n = 0; n < 3; ++n) {
        keys.push_back(name_ + std::string(kind) + std::to_string(n));
      }
    }
    return keys;
  }
  State ReadState(Client& server) const {
    State state;
    for (const std::string& key : Keys()) {
      const Value value = server.Run({"GET", key});
      if (value.type == '$') state[key] = value.text;
    }
    return state;
  }

  static void Put(const std::string& key, const std::string& value, State& state, History& texts) {
    texts.push_back((state.contains(key) ? "updated " : "created ") + key + " " + value);
    state[key] = value;
  }
  Operation Next() {
    const std::vector<std::string> keys = Keys();
    const std::string key = keys[Below(keys.size())];
    const std::string value = "v" + std::to_string(++serial_);
    switch (Below(6)) {
      case 0:
        return {Encode({"DEL", key}), 1, [=](State& state, History& texts) {
                  const auto at = state.find(key);
                  if (at == state.end()) return;
                  texts.push_back("deleted " + key + " " + at->second + " removed");
                  state.erase(at);
                }};
      case 1: {
        const std::string other = keys[Below(keys.size())];
        return {Encode({"MULTI"}) + Encode({"SET", key, value}) +
                    Encode({"SET", other, value + "x"}) + Encode({"EXEC"}),
                4, [=](State& state, History& texts) {
                  Put(key, value, state, texts);
                  Put(other, value + "x", state, texts);
                }};
      }
      default:
        return {Encode({"SET", key, value}), 1,
                [=](State& state, History& texts) { Put(key, value, state, texts); }};
    }
  }

  void Work(Client& client) {
    size_t answered = 0;
    while (true) {
      // A load that the workers can follow.
      if (answered % kOutstanding == 0) std::this_thread::sleep_for(kPace);
      while (sent_.size() - answered < kOutstanding) {
        sent_.push_back(Next());
        if (!client.Send(sent_.back().request)) return;
      }
      for (size_t reply = 0; reply < sent_[answered].replies; ++reply) {
        const std::optional<Value> value = client.Read();
        if (!value) return;
        if (value->is_error()) ADD_FAILURE() << sent_[answered].request << value->text;
      }
      ++answered;
      acknowledged_at_.push_back(SteadyClock::now());
      acknowledged_ = answered;
    }
  }

  const std::string name_;
  std::mt19937_64 random_;
  uint64_t serial_ = 0;
  State state_;   // before the operations of this round
  History kept_;  // the events of all rounds before
  std::vector<Operation> sent_;
  std::vector<SteadyClock::time_point> acknowledged_at_;
  std::atomic<size_t> acknowledged_ = 0;
  std::thread thread_;
};

// What all workers of the consumer were given, in one order: one of them can be given an event only
// after another has noted down, and then acknowledged, the one in front of it.
class Deliveries {
 public:
  void Note(const std::vector<Event>& events) {
    const std::lock_guard lock(mutex_);
    for (const Event& event : events) {
      ++count_;
      if (!texts_.insert(event.text).second) ++repeated_;
      // Another one of the namespace came behind it, or it was done with.
      uint64_t& latest = latest_[event.name_space()];
      if (event.id < latest) ++reordered_;
      latest = std::max(latest, event.id);
      if (done_.contains(event.id)) ++after_the_end_;
    }
  }
  void NoteDone(const std::vector<Event>& events) {
    const std::lock_guard lock(mutex_);
    for (const Event& event : events) done_.insert(event.id);
  }
  // The server came back and may have lost acknowledgements.
  void Forgive() {
    latest_.clear();
    done_.clear();
  }

  size_t count() const { return count_; }
  size_t repeated() const { return repeated_; }
  size_t reordered() const { return reordered_; }
  size_t after_the_end() const { return after_the_end_; }
  const std::set<std::string>& texts() const { return texts_; }

 private:
  std::mutex mutex_;
  size_t count_ = 0;
  size_t repeated_ = 0;
  size_t reordered_ = 0;
  size_t after_the_end_ = 0;
  std::set<std::string> texts_;
  std::map<std::string, uint64_t> latest_;  // by namespace
  std::set<uint64_t> done_;
};

// Takes events until the server goes or the consumer is dropped; may fail at half of them.
void Work(Client client, bool fails, uint64_t seed, Deliveries* deliveries,
          std::atomic<size_t>* refused) {
  std::mt19937_64 random(seed);
  while (true) {
    const Value reply = client.Run({"AMPT.EVENTS", "READ", "workers", "COUNT", "4", "BLOCK", "0"});
    if (reply.is_error()) return;
    const std::vector<Event> events = ParseEvents(reply);
    deliveries->Note(events);
    std::vector<Event> done;
    for (const Event& event : events) {
      if (fails && random() % 2 == 0) {
        const Value answer =
            client.Run({"AMPT.EVENTS", "NAK", "workers", std::to_string(event.id)});
        if (answer.text == "connection closed") return;
        EXPECT_EQ(answer.text, "OK");
        ++*refused;
      } else {
        done.push_back(event);
      }
    }
    if (done.empty()) continue;
    const Value answer = client.Run(Acknowledgement("workers", done));
    if (answer.is_error()) return;
    EXPECT_EQ(answer.integer(), static_cast<int64_t>(done.size()));
    deliveries->NoteDone(done);
  }
}

class EventsKillTest : public EventsTest {
 protected:
  struct Load {
    std::string appendfsync;
    // Killed when at least so much time is over…
    std::chrono::milliseconds least_time{0};
    // …by when what was acknowledged longer ago than this must be kept.
    std::chrono::milliseconds may_lose{0};
    int rounds = 2;  // without ROUNDS
  };

  void Run(const Load& load) {
    const char* const wanted = std::getenv("ROUNDS");
    const int rounds = wanted != nullptr ? std::atoi(wanted) : load.rounds;
    const Settings settings = {{"appendfsync", load.appendfsync}, {"save", ""}};
    StartServer(settings);
    ASSERT_EQ(Ask("AMPT.EVENTS CREATE workers FILTERS 1 * BACKOFF 1 20"), "OK");
    // Nobody reads it while there are writes, so that it knows what survived.
    ASSERT_EQ(Ask("AMPT.EVENTS CREATE witness FILTERS 1 *"), "OK");
    for (size_t n = 0; n < kWriters; ++n) {
      writers_.push_back(std::make_unique<LoggingWriter>("w" + std::to_string(n), n));
    }
    std::mt19937_64 random(7);
    for (int round = 1; round <= rounds && !HasFailure(); ++round) {
      const SteadyClock::time_point killed_at = LoadAndKill(load, 500 + random() % 1500);
      server().Restart(settings);
      Check(round, load, killed_at - load.may_lose);
      if (load.may_lose.count() > 0) deliveries_.Forgive();
      // Events in flight when it was killed would keep their lanes for this long.
      PassTime(round * kAckwaitMs);
    }
    if (HasFailure()) return;
    WorkOff();
    Conclude(load);
  }

 private:
  static constexpr size_t kWriters = 4;
  static constexpr size_t kWorkers = 4;
  static constexpr int64_t kAckwaitMs = 60'000;

  void StartWorkers() {
    for (size_t n = 0; n < kWorkers; ++n) {
      workers_.emplace_back(Work, Connect(), n == 0, ++seed_, &deliveries_, &refused_);
    }
  }
  void JoinWorkers() {
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
  }

  SteadyClock::time_point LoadAndKill(const Load& load, size_t target) {
    const auto began = SteadyClock::now();
    StartWorkers();
    for (const auto& writer : writers_) writer->Start(Connect());
    const auto acknowledged = [&] {
      size_t sum = 0;
      for (const auto& writer : writers_) sum += writer->acknowledged();
      return sum;
    };
    EXPECT_TRUE(WaitFor([&] { return acknowledged() >= target / 2; }));
    EXPECT_EQ(Ask("BGSAVE"), "Background saving started");
    EXPECT_TRUE(WaitFor([&] {
      return acknowledged() >= target && SteadyClock::now() - began >= load.least_time;
    })) << acknowledged()
        << " operations were acknowledged";
    const auto killed_at = SteadyClock::now();
    server().Kill();
    for (const auto& writer : writers_) writer->Join();
    JoinWorkers();
    return killed_at;
  }

  void Check(int round, const Load& load, SteadyClock::time_point promised_before) {
    Client client = Connect();
    EXPECT_EQ(client.Ask("DEBUG VERIFY"), "OK");
    std::map<std::string, History> told;  // by writer
    for (const Event& event : Drain(client, "witness")) {
      told[event.key.substr(0, 2)].push_back(event.text);
    }
    size_t acknowledged = 0;
    size_t lost = 0;
    size_t kept_beyond = 0;
    for (const auto& writer : writers_) {
      const size_t promised = load.may_lose.count() == 0
                                  ? writer->acknowledged()
                                  : writer->AcknowledgedBefore(promised_before);
      const std::optional<size_t> kept = writer->Compare(client, told[writer->name()], promised);
      ASSERT_TRUE(kept) << "items and events of " << writer->name()
                        << " are not what any number of operations makes, from " << promised
                        << " on";
      acknowledged += writer->acknowledged();
      lost += writer->acknowledged() - std::min(*kept, writer->acknowledged());
      kept_beyond += *kept - std::min(*kept, writer->acknowledged());
    }
    std::printf(
        "  round %d, appendfsync %s: killed after %zu acknowledged writes; %zu of them lost, %zu "
        "others kept, events of exactly those\n",
        round, load.appendfsync.c_str(), acknowledged, lost, kept_beyond);
    // What the witness acknowledged must not come again in the next round.
    WaitUntilWritten();
  }

  void WorkOff() {
    StartWorkers();
    EXPECT_TRUE(WaitFor([&] { return Figure("workers", "backlog") == 0; }))
        << Ask("AMPT.EVENTS INFO workers");
    EXPECT_EQ(Ask("AMPT.EVENTS DROP workers"), "OK");
    JoinWorkers();
  }

  void Conclude(const Load& load) {
    size_t events = 0;
    size_t gaps = 0;
    std::set<std::string> kept;
    for (const auto& writer : writers_) {
      for (const std::string& text : writer->kept()) {
        ++events;
        kept.insert(text);
        if (!deliveries_.texts().contains(text)) ++gaps;
      }
    }
    size_t of_lost_writes = 0;
    for (const std::string& text : deliveries_.texts()) of_lost_writes += kept.count(text) == 0;
    std::printf(
        "  %zu events, %zu deliveries, %zu refused, %zu given again; gaps %zu, reorderings %zu, "
        "given again after an acknowledgement %zu, events of lost writes %zu\n",
        events, deliveries_.count(), refused_.load(), deliveries_.repeated(), gaps,
        deliveries_.reordered(), deliveries_.after_the_end(), of_lost_writes);
    EXPECT_EQ(kept.size(), events) << "two events are alike";
    EXPECT_EQ(gaps, 0U);
    EXPECT_EQ(deliveries_.reordered(), 0U);
    EXPECT_EQ(deliveries_.after_the_end(), 0U);
    EXPECT_GT(refused_.load(), 0U);
    if (load.may_lose.count() == 0) {
      EXPECT_EQ(of_lost_writes, 0U);
    }
  }

  std::vector<std::unique_ptr<LoggingWriter>> writers_;
  std::vector<std::thread> workers_;
  Deliveries deliveries_;
  std::atomic<size_t> refused_ = 0;
  uint64_t seed_ = 0;
};

TEST_F(EventsKillTest, AlwaysLosesReordersAndInventsNothing) {
  Run({.appendfsync = "always"});
}

TEST_F(EventsKillTest, EverysecHasEventsOfExactlyWhatSurvives) {
  Run({.appendfsync = "everysec",
       .least_time = std::chrono::milliseconds(2200),
       .may_lose = std::chrono::seconds(2),
       .rounds = 1});
}

}  // namespace
}  // namespace ampt::test
