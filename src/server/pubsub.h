// PubSub: who is subscribed to what, and the way of a message to its subscribers.
//
// Channels and patterns are found by their names; a subscription knows its place in its topic's
// list, so that taking it away costs no search. A message is encoded once for each protocol that a
// subscriber of a topic speaks. Nothing here knows connections or the loop: a Subscriber is handed
// whole messages and sends them when it may.
//
// Two kinds of names never meet. Plain ones (PUBLISH, keyspace notifications) belong to all
// databases. Names that begin with `ampt:` carry the change events of the database that was
// selected at the SUBSCRIBE:
//
//   SUBSCRIBE ampt:updated:users:*     a filter; most are exact names, found without a search
//   PSUBSCRIBE ampt:*:users:?          a glob over ampt:<event>:<key>
//
// Who has thousands of subscriptions and leaves is out of the way at once: nothing is sent to it,
// and it is counted among the subscribers of nothing. Its names are given back in slices; until
// then they count in channel_count() and pattern_count(), as they still take their memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/name_map.h"
#include "commands/host.h"
#include "event/event.h"
#include "event/filter.h"
#include "event/seams.h"
#include "model/glob.h"
#include "server/leftovers.h"
#include "server/slices.h"

namespace ampt {

class PubSub final : public LiveSink {
 public:
  class Subscriber;

 private:
  struct Named;

  // What one subscriber is subscribed to. It may outlive him for a while (Leftovers).
  struct Subscriptions {
    struct Key {
      Topic topic;
      std::string_view name;  // the registry's
      int database;
      auto operator<=>(const Key&) const = default;
    };
    struct Place {
      Named* named;
      size_t at;  // in its list of subscribers
    };
    using Places = std::map<Key, Place>;
    // Of one subscription: its name, its node in `places` and its place in the registry's list.
    static size_t BytesOf(const Key& key);

    Subscriber* subscriber;  // null: it has left
    Places places;
    std::array<size_t, kTopics> counts{};
    size_t bytes = 0;
  };

 public:
  // Whom messages go to. Its subscriptions are taken away before it ends.
  class Subscriber {
   public:
    // `message` is one whole message in the protocol of resp_version(). Must neither subscribe nor
    // unsubscribe anybody.
    virtual void Push(std::string_view message) = 0;
    virtual int resp_version() const = 0;  // 2 or 3

    size_t subscription_count(Topic topic) const {
      return subscriptions_ == nullptr ? 0 : subscriptions_->counts[static_cast<size_t>(topic)];
    }
    // What its subscriptions take, each name in full although others may listen to it, too.
    size_t subscription_bytes() const {
      return subscriptions_ == nullptr ? 0 : subscriptions_->bytes;
    }

   protected:
    ~Subscriber() = default;

   private:
    friend class PubSub;
    std::unique_ptr<Subscriptions> subscriptions_;  // null: it has subscribed to nothing so far
  };

  // `hash_seed`: random, so that no client can choose names that collide. `slices` outlives it.
  PubSub(uint64_t hash_seed, Slices& slices);
  PubSub(const PubSub&) = delete;
  PubSub& operator=(const PubSub&) = delete;

  // --- subscriptions. Cost: one look-up by name, O(log n) in the subscriber's own ---
  // `database` matters to event topics only. REQUIRES: the filter of an event channel parses.
  void Subscribe(Subscriber& subscriber, Topic topic, std::string_view name, int database);
  // Event topics: of every database.
  void Unsubscribe(Subscriber& subscriber, Topic topic, std::string_view name);
  // Cost: constant, see above.
  void UnsubscribeAll(Subscriber& subscriber);
  // The names, in order and without repetition.
  static std::vector<std::string> SubscriptionsOf(const Subscriber& subscriber, Topic topic);
  // The first of them; a view that is good until it is unsubscribed from.
  static std::optional<std::string_view> FirstSubscription(const Subscriber& subscriber,
                                                           Topic topic);

  // --- messages ---
  // To the subscribers of a plain channel. Returns how many subscriptions it went to. Cost:
  // O(subscribers of the channel + all patterns).
  int64_t Publish(std::string_view channel, std::string_view message);

  // Has `changed` called with a database's number when its first event subscription comes and when
  // its last one goes: where nobody listens nobody needs to ask Wants().
  void set_on_live(std::function<void(int database, bool live)> changed) {
    on_live_ = std::move(changed);
  }
  // Whether anybody in that database has an event subscription. Cost: constant.
  bool HasEventSubscribers(int database) const;
  // LiveSink. Wants(): a branch while no event channel of the database has subscribers, else as
  // Publish(): O(filters with a `*` + patterns of events), whatever the number of channels of
  // single keys. An event's JSON is made once, if anybody gets it.
  bool Wants(int database, std::string_view key) override;
  void Publish(const Event& event) override;

  // --- what PUBSUB and INFO show ---
  // Cost: O(channels).
  std::vector<std::string> ActiveChannels(std::string_view glob) const;
  // Cost: constant; while subscriptions of those who have left are given back, O(subscribers).
  size_t SubscriberCount(std::string_view channel) const;
  size_t channel_count() const;
  size_t pattern_count() const;

 private:
  // Where a name is looked for.
  enum Registry : uint8_t {
    kChannels,
    kPatterns,
    kExactFilters,  // channels ampt:<event>:<key> that mean one key
    kFilters,       // all other event channels
    kEventPatterns,
    kRegistries
  };

  struct Subscription {
    Subscriptions* of;
    int database;
  };
  // A channel or a pattern; there as long as it has subscribers.
  struct Named {
    Registry registry = kChannels;
    const std::string* name = nullptr;
    std::optional<Filter> filter;  // of kFilters
    size_t place = 0;              // of patterns: in patterns_
    std::vector<Subscription> subscribers;
  };
  using Names = NameMap<Named>;

  // All that is looked at of most patterns, side by side.
  struct Pattern {
    ByteSet needs;
    Named* named;
  };

  static Registry RegistryOf(Topic topic, std::string_view name);
  // Whether a filter means the events of one key only, so that its text tells which.
  static bool MeansOneKey(std::string_view filter);
  static bool IsOfEvents(Registry registry) { return registry >= kExactFilters; }
  static bool IsOfPatterns(Registry registry) {
    return registry == kPatterns || registry == kEventPatterns;
  }
  std::deque<Pattern>& PatternsOf(Registry registry) {
    return registry == kPatterns ? patterns_ : event_patterns_;
  }
  // Calls `found` with each pattern that matches, until it returns true; whether it did.
  template <typename Found>
  static bool AnyMatch(const std::deque<Pattern>& patterns, std::string_view channel, Found found);
  const Named* Find(Registry registry, std::string_view name) const;
  void Remove(Subscriptions& subscriptions, Subscriptions::Places::iterator at);
  // The number of a name's subscriptions without those of subscribers that have left.
  size_t CountOf(const Named& named) const;
  // One event subscription more or fewer.
  void CountEvents(int database, int by);
  // Sends the words as one message; to the subscribers of one database, or of all.
  static int64_t Deliver(const Named& named, std::initializer_list<std::string_view> words,
                         int database);
  // Calls `found` with all that is subscribed to in that database and matches an event of that name
  // and key, and with the event's channel, until it returns true.
  template <typename Found>
  bool FindForEvent(int database, EventName name, std::string_view key, Found found) const;

  std::array<Names, kRegistries> names_;
  std::deque<Pattern> patterns_;  // a deque, as that grows without moving
  std::deque<Pattern> event_patterns_;
  std::vector<size_t> event_subscriptions_;  // of each database, as far as there were any
  std::function<void(int, bool)> on_live_;
  Leftovers<std::unique_ptr<Subscriptions>> left_;
};

}  // namespace ampt
