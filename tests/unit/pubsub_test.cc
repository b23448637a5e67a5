// Who gets which message, in which bytes and how often; and the flags of notify-keyspace-events.
#include "server/pubsub.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/random.h"
#include "event/event.h"
#include "model/glob.h"
#include "server/notifications.h"

namespace ampt {
namespace {

class Listener : public PubSub::Subscriber {
 public:
  void Push(std::string_view message) override { messages.emplace_back(message); }
  int resp_version() const override { return version; }
  // All messages since the last call.
  std::string Take() {
    std::string all;
    for (const std::string& message : std::exchange(messages, {})) all += message;
    return all;
  }

  int version = 2;
  std::vector<std::string> messages;
};

std::string Resp(char type, std::initializer_list<std::string_view> words) {
  std::string bytes = type + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    bytes.append("$").append(std::to_string(word.size())).append("\r\n");
    bytes.append(word).append("\r\n");
  }
  return bytes;
}

class PubSubTest : public testing::Test {
 protected:
  ~PubSubTest() override {
    for (Listener* listener : {&a_, &b_, &c_}) pubsub_.UnsubscribeAll(*listener);
    while (!slices_.empty()) slices_.RunOne(0);
    EXPECT_EQ(pubsub_.channel_count(), 0u);
    EXPECT_EQ(pubsub_.pattern_count(), 0u);
  }
  void Channel(Listener& listener, std::string_view name, int database = 0) {
    pubsub_.Subscribe(listener, Topic::kChannel, name, database);
  }
  void Pattern(Listener& listener, std::string_view name, int database = 0) {
    pubsub_.Subscribe(listener, Topic::kPattern, name, database);
  }
  // Publishes the event of a key that was written.
  void Happens(EventName name, std::string_view key, int database = 0) {
    Event event;
    event.database = database;
    event.id = ++id_;
    event.name = name;
    event.key = key;
    event.item.value = NumberValue("1");
    if (name == EventName::kUpdated) event.previous = event.item;
    pubsub_.Publish(event);
  }

  Slices slices_;
  PubSub pubsub_{42, slices_};
  Listener a_;
  Listener b_;
  Listener c_;
  uint64_t id_ = 0;
};

// --- plain channels
// -------------------------------------------------------------------------------

TEST_F(PubSubTest, AMessageGoesToTheSubscribersOfItsChannel) {
  Channel(a_, "news");
  Channel(b_, "news");
  Channel(c_, "other");
  EXPECT_EQ(pubsub_.Publish("news", "hello"), 2);
  EXPECT_EQ(a_.Take(), Resp('*', {"message", "news", "hello"}));
  EXPECT_EQ(b_.Take(), Resp('*', {"message", "news", "hello"}));
  EXPECT_EQ(c_.Take(), "");
  EXPECT_EQ(pubsub_.Publish("nobody", "hello"), 0);
}

TEST_F(PubSubTest, EachGetsTheBytesOfItsProtocol) {
  a_.version = 3;
  Channel(a_, "news");
  Pattern(a_, "n*");
  Channel(b_, "news");
  EXPECT_EQ(pubsub_.Publish("news", ""), 3);
  EXPECT_EQ(a_.Take(),
            Resp('>', {"message", "news", ""}) + Resp('>', {"pmessage", "n*", "news", ""}));
  EXPECT_EQ(b_.Take(), Resp('*', {"message", "news", ""}));
}

TEST_F(PubSubTest, NamesAndMessagesAreBytes) {
  const std::string name("\0\r\n\xff", 4);
  Channel(a_, name);
  Channel(a_, "");
  EXPECT_EQ(pubsub_.Publish(name, name), 1);
  EXPECT_EQ(a_.Take(), Resp('*', {"message", name, name}));
  EXPECT_EQ(pubsub_.Publish("", "x"), 1);
  EXPECT_EQ(a_.Take(), Resp('*', {"message", "", "x"}));
}

TEST_F(PubSubTest, SubscribingAgainHasNoEffect) {
  Channel(a_, "news", 0);
  Channel(a_, "news", 5);
  Pattern(a_, "*");
  Pattern(a_, "*");
  EXPECT_EQ(a_.subscription_count(Topic::kChannel), 1u);
  EXPECT_EQ(a_.subscription_count(Topic::kPattern), 1u);
  EXPECT_EQ(pubsub_.Publish("news", "x"), 2);
}

TEST_F(PubSubTest, WhoUnsubscribesGetsNoMore) {
  for (Listener* listener : {&a_, &b_, &c_}) Channel(*listener, "news");
  pubsub_.Unsubscribe(a_, Topic::kChannel, "news");
  EXPECT_EQ(pubsub_.Publish("news", "1"), 2);
  pubsub_.Unsubscribe(c_, Topic::kChannel, "news");
  pubsub_.Unsubscribe(c_, Topic::kChannel, "news");
  pubsub_.Unsubscribe(b_, Topic::kPattern, "news");
  EXPECT_EQ(pubsub_.Publish("news", "2"), 1);
  EXPECT_EQ(a_.Take(), "");
  EXPECT_EQ(b_.Take(), Resp('*', {"message", "news", "1"}) + Resp('*', {"message", "news", "2"}));
  pubsub_.UnsubscribeAll(b_);
  EXPECT_EQ(pubsub_.Publish("news", "3"), 0);
  EXPECT_EQ(pubsub_.channel_count(), 0u);
}

TEST_F(PubSubTest, NamesComeInOrder) {
  for (const char* name : {"m", "a", "z", "a"}) Channel(a_, name);
  for (const char* name : {"p*", "b*"}) Pattern(a_, name);
  EXPECT_EQ(PubSub::SubscriptionsOf(a_, Topic::kChannel),
            (std::vector<std::string>{"a", "m", "z"}));
  EXPECT_EQ(PubSub::SubscriptionsOf(a_, Topic::kPattern), (std::vector<std::string>{"b*", "p*"}));
}

TEST_F(PubSubTest, CountsAreOfDifferentNames) {
  Channel(a_, "news");
  Channel(b_, "news");
  Channel(b_, "new");
  Pattern(a_, "n*");
  Pattern(b_, "n*");
  Channel(a_, "ampt:created", 0);
  Channel(a_, "ampt:created", 1);
  Channel(a_, "ampt:created:one", 1);
  EXPECT_EQ(pubsub_.channel_count(), 4u);
  EXPECT_EQ(pubsub_.pattern_count(), 1u);
  EXPECT_EQ(pubsub_.SubscriberCount("news"), 2u);
  EXPECT_EQ(pubsub_.SubscriberCount("ampt:created"), 2u);
  EXPECT_EQ(pubsub_.SubscriberCount("ampt:created:one"), 1u);
  EXPECT_EQ(pubsub_.SubscriberCount("nobody"), 0u);
  const auto active = [&](std::string_view glob) {
    const std::vector<std::string> names = pubsub_.ActiveChannels(glob);
    return std::set<std::string>(names.begin(), names.end());
  };
  EXPECT_EQ(active("*"),
            (std::set<std::string>{"ampt:created", "ampt:created:one", "new", "news"}));
  EXPECT_EQ(active("new?"), (std::set<std::string>{"news"}));
}

// Against a model that is as simple as can be.
TEST_F(PubSubTest, AnySubscriptionsInAnyOrder) {
  Random random(7);
  constexpr size_t kListeners = 12;
  const std::vector<std::string> kNames = {
      "a",        "b", "aa", "ab", "a*", "*", "?", "ampt:*:a", "ampt:created:a", "ampt:created",
      "ampt:*:a*"};
  std::vector<std::unique_ptr<Listener>> listeners;
  for (size_t i = 0; i < kListeners; ++i) listeners.push_back(std::make_unique<Listener>());
  using Entry = std::tuple<size_t, Topic, std::string, int>;
  std::set<Entry> model;
  for (int step = 0; step < 20'000; ++step) {
    const size_t who = random.Next() % kListeners;
    const Topic topic = random.Next() % 2 == 0 ? Topic::kChannel : Topic::kPattern;
    const std::string& name = kNames[random.Next() % kNames.size()];
    const bool is_event = name.starts_with("ampt:");
    const int database = is_event ? static_cast<int>(random.Next() % 3) : 0;
    Listener& listener = *listeners[who];
    switch (random.Next() % 8) {
      case 0:
      case 1:
      case 2:
        pubsub_.Subscribe(listener, topic, name, database);
        model.insert({who, topic, name, database});
        break;
      case 3:
      case 4:
        pubsub_.Unsubscribe(listener, topic, name);
        for (int each = 0; each < 3; ++each) model.erase({who, topic, name, each});
        break;
      case 5:
        if (random.Next() % 20 != 0) break;
        pubsub_.UnsubscribeAll(listener);
        std::erase_if(model, [&](const Entry& entry) { return std::get<0>(entry) == who; });
        break;
      case 6: {
        const std::string channel(1 + random.Next() % 2, 'a');
        std::vector<size_t> expected(kListeners);
        int64_t all = 0;
        for (const auto& [to, kind, text, number] : model) {
          if (text.starts_with("ampt:")) continue;
          if (kind == Topic::kChannel ? text != channel : !GlobMatches(text, channel)) continue;
          ++expected[to];
          ++all;
        }
        ASSERT_EQ(pubsub_.Publish(channel, "x"), all);
        for (size_t i = 0; i < kListeners; ++i) {
          ASSERT_EQ(std::exchange(listeners[i]->messages, {}).size(), expected[i]);
        }
        break;
      }
      default: {
        const int in = static_cast<int>(random.Next() % 3);
        const std::string key = random.Next() % 2 == 0 ? "a" : "ab";
        const std::string channel = "ampt:created:" + key;
        std::vector<size_t> expected(kListeners);
        bool wanted = false;
        for (const auto& [to, kind, text, number] : model) {
          if (!text.starts_with("ampt:") || number != in) continue;
          const bool matches =
              kind == Topic::kPattern
                  ? GlobMatches(text, channel)
                  : Filter::Parse(text.substr(5))->Matches(EventName::kCreated, key);
          expected[to] += matches;
          wanted = wanted || matches;
        }
        ASSERT_GE(pubsub_.Wants(in, key), wanted);
        Happens(EventName::kCreated, key, in);
        for (size_t i = 0; i < kListeners; ++i) {
          ASSERT_EQ(std::exchange(listeners[i]->messages, {}).size(), expected[i]);
        }
        break;
      }
    }
    size_t count = 0;
    for (const Entry& entry : model) count += std::get<0>(entry) == who;
    ASSERT_EQ(
        listener.subscription_count(Topic::kChannel) + listener.subscription_count(Topic::kPattern),
        count);
  }
  for (const auto& listener : listeners) pubsub_.UnsubscribeAll(*listener);
}

TEST_F(PubSubTest, PatternsThatComeAndGo) {
  Random random(11);
  constexpr size_t kPatterns = 20;
  Listener listener;
  std::set<size_t> model;
  for (int step = 0; step < 5'000; ++step) {
    const size_t number = random.Next() % kPatterns;
    const std::string pattern = "*:" + std::to_string(number) + ":*";
    if (model.erase(number) > 0) {
      pubsub_.Unsubscribe(listener, Topic::kPattern, pattern);
    } else {
      pubsub_.Subscribe(listener, Topic::kPattern, pattern, 0);
      model.insert(number);
    }
    ASSERT_EQ(pubsub_.pattern_count(), model.size());
    for (size_t each = 0; each < kPatterns; ++each) {
      ASSERT_EQ(pubsub_.Publish("a:" + std::to_string(each) + ":b", "x"), model.contains(each));
    }
  }
  pubsub_.UnsubscribeAll(listener);
  EXPECT_EQ(pubsub_.Publish("a:1:b", "x"), 0);
}

// --- those who leave
// ------------------------------------------------------------------------------

TEST_F(PubSubTest, WhoLeavesWithManySubscriptionsIsOutAtOnce) {
  constexpr int kNames = 3000;
  for (int i = 0; i < kNames; ++i) {
    Channel(a_, "c" + std::to_string(i));
    Pattern(a_, "p" + std::to_string(i) + "*");
    Channel(a_, "ampt:created:" + std::to_string(i));
  }
  Channel(b_, "c1");
  pubsub_.UnsubscribeAll(a_);
  // Nothing is given back so far, and nothing of it shows.
  EXPECT_EQ(a_.subscription_count(Topic::kChannel), 0u);
  EXPECT_EQ(a_.subscription_count(Topic::kPattern), 0u);
  EXPECT_EQ(a_.subscription_bytes(), 0u);
  EXPECT_EQ(PubSub::SubscriptionsOf(a_, Topic::kChannel), std::vector<std::string>());
  EXPECT_EQ(PubSub::FirstSubscription(a_, Topic::kChannel), std::nullopt);
  EXPECT_EQ(pubsub_.SubscriberCount("c0"), 0u);
  EXPECT_EQ(pubsub_.SubscriberCount("c1"), 1u);
  EXPECT_EQ(pubsub_.ActiveChannels("*"), (std::vector<std::string>{"c1"}));
  EXPECT_EQ(pubsub_.Publish("c0", "x"), 0);
  EXPECT_EQ(pubsub_.Publish("c1", "x"), 1);
  EXPECT_EQ(pubsub_.Publish("p1", "x"), 0);
  EXPECT_FALSE(pubsub_.Wants(0, "7"));
  Happens(EventName::kCreated, "7");
  EXPECT_EQ(a_.Take(), "");
  EXPECT_EQ(pubsub_.channel_count(), 2u * kNames);
  // It may subscribe again meanwhile, to the same.
  Channel(a_, "c1");
  Channel(a_, "c2999");
  EXPECT_EQ(pubsub_.Publish("c1", "y"), 2);
  int slices = 0;
  for (; !slices_.empty(); ++slices) {
    slices_.RunOne(0);
    if (slices % 3 != 0) continue;
    EXPECT_EQ(pubsub_.SubscriberCount("c1"), 2u);
    EXPECT_EQ(pubsub_.SubscriberCount("c2999"), 1u);
    EXPECT_EQ(pubsub_.SubscriberCount("c2998"), 0u);
  }
  EXPECT_GT(slices, 10);
  EXPECT_EQ(pubsub_.channel_count(), 2u);
  EXPECT_EQ(pubsub_.pattern_count(), 0u);
  EXPECT_FALSE(pubsub_.HasEventSubscribers(0));
  EXPECT_EQ(pubsub_.Publish("c2999", "z"), 1);
}

TEST_F(PubSubTest, ManyLeaveOneAfterTheOther) {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (int i = 0; i < 10; ++i) {
    listeners.push_back(std::make_unique<Listener>());
    for (int n = 0; n < 1000; ++n) Channel(*listeners.back(), std::to_string(n));
  }
  while (!listeners.empty()) {
    EXPECT_EQ(pubsub_.SubscriberCount("5"), listeners.size());
    EXPECT_EQ(pubsub_.Publish("999", "x"), static_cast<int64_t>(listeners.size()));
    pubsub_.UnsubscribeAll(*listeners.back());
    listeners.pop_back();
    slices_.RunOne(0);
  }
  while (!slices_.empty()) slices_.RunOne(0);
  EXPECT_EQ(pubsub_.channel_count(), 0u);
}

TEST_F(PubSubTest, TheFirstSubscriptionIsTheFirstInOrder) {
  EXPECT_EQ(PubSub::FirstSubscription(a_, Topic::kChannel), std::nullopt);
  for (const char* name : {"m", "", "z"}) Channel(a_, name);
  EXPECT_EQ(PubSub::FirstSubscription(a_, Topic::kPattern), std::nullopt);
  Pattern(a_, "*");
  EXPECT_EQ(PubSub::FirstSubscription(a_, Topic::kChannel), "");
  EXPECT_EQ(PubSub::FirstSubscription(a_, Topic::kPattern), "*");
  pubsub_.Unsubscribe(a_, Topic::kChannel, "");
  EXPECT_EQ(PubSub::FirstSubscription(a_, Topic::kChannel), "m");
}

// --- change events
// --------------------------------------------------------------------------------

TEST_F(PubSubTest, AnEventComesByTheChannelOfItsFilter) {
  Channel(a_, "ampt:created:users:ann");
  Happens(EventName::kCreated, "users:ann");
  ASSERT_EQ(a_.messages.size(), 1u);
  EXPECT_TRUE(
      a_.messages[0].starts_with("*3\r\n$7\r\nmessage\r\n$22\r\nampt:created:users:ann\r\n"))
      << a_.messages[0];
  EXPECT_NE(a_.Take().find(R"({"id":"1","name":"created","item":{"key":"users:ann","value":1)"),
            std::string::npos);
  Happens(EventName::kUpdated, "users:ann");
  Happens(EventName::kCreated, "users:anna");
  EXPECT_EQ(a_.Take(), "");
}

TEST_F(PubSubTest, FiltersOfEveryForm) {
  struct Case {
    std::string_view channel;
    EventName name;
    std::string_view key;
    bool comes;
  };
  const Case kCases[] = {
      {"ampt:*", EventName::kDeleted, "users:ann", true},
      {"ampt:deleted", EventName::kDeleted, "ann", true},
      {"ampt:deleted", EventName::kCreated, "ann", false},
      {"ampt:*:ann", EventName::kCreated, "ann", true},
      {"ampt:*:ann", EventName::kCreated, "ann:x", false},
      {"ampt:*:users:ann", EventName::kUpdated, "users:ann", true},
      {"ampt:updated:an*", EventName::kUpdated, "anna", true},
      {"ampt:updated:users:*", EventName::kUpdated, "users:ann", true},
      {"ampt:updated:users:*", EventName::kUpdated, "users", false},
      {"ampt:updated:us*:ann", EventName::kUpdated, "users:ann", true},
      {"ampt:updated:us*:ann", EventName::kUpdated, "users:anna", false},
      {"ampt:updated:users:a:b", EventName::kUpdated, "users:a:b", true},
      // A key that looks like a prefix.
      {"ampt:updated:a*", EventName::kUpdated, "a*", true},
      {"ampt:updated:a*b", EventName::kUpdated, "a*b", true},
      {"ampt:updated:a*b", EventName::kUpdated, "aab", false},
  };
  for (const Case& each : kCases) {
    Channel(a_, each.channel);
    EXPECT_GE(pubsub_.Wants(0, each.key), each.comes);
    Happens(each.name, each.key);
    EXPECT_EQ(a_.messages.size(), each.comes ? 1u : 0u) << each.channel << " " << each.key;
    a_.messages.clear();
    pubsub_.Unsubscribe(a_, Topic::kChannel, each.channel);
    EXPECT_FALSE(pubsub_.Wants(0, each.key));
  }
}

TEST_F(PubSubTest, EventsBelongToOneDatabase) {
  Channel(a_, "ampt:*", 2);
  Pattern(b_, "ampt:*", 3);
  EXPECT_FALSE(pubsub_.Wants(0, "k"));
  EXPECT_TRUE(pubsub_.Wants(2, "k"));
  EXPECT_TRUE(pubsub_.Wants(3, "k"));
  EXPECT_FALSE(pubsub_.Wants(15, "k"));
  for (const int database : {0, 2, 3, 15}) Happens(EventName::kCreated, "k", database);
  EXPECT_EQ(a_.messages.size(), 1u);
  EXPECT_EQ(b_.messages.size(), 1u);
  // One name in two databases: two subscriptions, one to end both.
  Channel(a_, "ampt:*", 0);
  Happens(EventName::kCreated, "k", 0);
  EXPECT_EQ(a_.messages.size(), 2u);
  EXPECT_EQ(PubSub::SubscriptionsOf(a_, Topic::kChannel), (std::vector<std::string>{"ampt:*"}));
  pubsub_.Unsubscribe(a_, Topic::kChannel, "ampt:*");
  EXPECT_EQ(a_.subscription_count(Topic::kChannel), 0u);
  EXPECT_FALSE(pubsub_.Wants(0, "k"));
}

TEST_F(PubSubTest, TellsWhetherAnybodyListensToADatabase) {
  std::string told;
  pubsub_.set_on_live(
      [&](int database, bool live) { told += std::to_string(database) + (live ? "+ " : "- "); });
  Channel(a_, "plain", 1);
  Channel(a_, "ampt:created", 1);
  Pattern(b_, "ampt:*", 1);
  Channel(b_, "ampt:created", 2);
  pubsub_.Unsubscribe(a_, Topic::kChannel, "ampt:created");
  EXPECT_EQ(std::exchange(told, {}), "1+ 2+ ");
  pubsub_.UnsubscribeAll(b_);
  EXPECT_EQ(std::set<char>(told.begin(), told.end()), (std::set<char>{'1', '2', '-', ' '}));
}

TEST_F(PubSubTest, PatternsOfEventsAndPlainOnesNeverMeet) {
  Pattern(a_, "ampt:*d:users:?");
  Pattern(b_, "*");
  Pattern(b_, "ampt*");
  Channel(c_, "ampt:created");
  Happens(EventName::kCreated, "users:1");
  ASSERT_EQ(a_.messages.size(), 1u);
  EXPECT_TRUE(
      a_.Take().starts_with("*4\r\n$8\r\npmessage\r\n$15\r\nampt:*d:users:?\r\n"
                            "$20\r\nampt:created:users:1\r\n"));
  EXPECT_EQ(b_.Take(), "");
  EXPECT_EQ(c_.messages.size(), 1u);
  EXPECT_EQ(pubsub_.Publish("amptx", "x"), 2);
  EXPECT_EQ(b_.messages.size(), 2u);
  EXPECT_EQ(a_.Take(), "");
}

TEST_F(PubSubTest, ManyChannelsOfSingleKeys) {
  constexpr int kKeys = 20'000;
  for (int i = 0; i < kKeys; ++i) Channel(a_, "ampt:updated:k:" + std::to_string(i));
  for (int i = 0; i < kKeys; i += 2) Happens(EventName::kUpdated, "k:" + std::to_string(i));
  EXPECT_EQ(a_.messages.size(), kKeys / 2u);
  pubsub_.UnsubscribeAll(a_);
  EXPECT_FALSE(pubsub_.Wants(0, "k:1"));
}

// --- notify-keyspace-events
// -----------------------------------------------------------------------

TEST(NotifyFlagsTest, AreShownAsRedisShowsThem) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"", ""},
      {"KEA", "AKE"},
      {"AKE", "AKE"},
      {"Knm", "nKm"},
      {"KEg$lshzxetd", "AKE"},
      {"K$", "$K"},
      {"Em", "Em"},
      {"KEgx", "gxKE"},
      {"KEgxmnd", "gxdnKEm"},
      {"A", "A"},
      {"AA", "A"},
      {"Anm", "Anm"},
  };
  for (const auto& [text, shown] : kCases) {
    const std::optional<uint32_t> flags = ParseNotifyFlags(text);
    ASSERT_TRUE(flags) << text;
    EXPECT_EQ(FormatNotifyFlags(*flags), shown);
    EXPECT_EQ(ParseNotifyFlags(shown), flags);
  }
  for (const std::string_view text : {"q", "KEA A", "k", "KEa", "KE,"}) {
    EXPECT_FALSE(ParseNotifyFlags(text)) << text;
  }
}

}  // namespace
}  // namespace ampt
