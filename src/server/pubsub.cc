#include "server/pubsub.h"

#include <algorithm>
#include <utility>

#include "server/resp_reply.h"

namespace ampt {
namespace {

constexpr int kEveryDatabase = -1;

bool IsEventName(std::string_view name) {
  return name.starts_with(kEventChannelPrefix);
}

// A message as RESP2 and as RESP3, each made when it is first wanted.
class Message {
 public:
  explicit Message(std::initializer_list<std::string_view> words) : words_(words) {}

  std::string_view In(int resp_version) {
    std::string& bytes = encoded_[resp_version == 3];
    if (bytes.empty()) {
      RespReply reply(&bytes, &resp_version);
      reply.Push(words_.size());
      for (const std::string_view word : words_) reply.Bulk(word);
    }
    return bytes;
  }

 private:
  std::initializer_list<std::string_view> words_;
  std::array<std::string, 2> encoded_;
};

}  // namespace

PubSub::PubSub(uint64_t hash_seed, Slices& slices)
    : names_{Names(hash_seed), Names(hash_seed), Names(hash_seed), Names(hash_seed),
             Names(hash_seed)},
      left_(slices, [this](std::unique_ptr<Subscriptions>& left) {
        Remove(*left, left->places.begin());
        return left->places.empty();
      }) {}

// --- subscriptions
// --------------------------------------------------------------------------------

PubSub::Registry PubSub::RegistryOf(Topic topic, std::string_view name) {
  if (!IsEventName(name)) return topic == Topic::kChannel ? kChannels : kPatterns;
  if (topic == Topic::kPattern) return kEventPatterns;
  return MeansOneKey(name.substr(kEventChannelPrefix.size())) ? kExactFilters : kFilters;
}

bool PubSub::MeansOneKey(std::string_view filter) {
  const size_t first = filter.find(':');
  if (first == std::string_view::npos || filter.ends_with('*')) return false;
  const size_t second = filter.find(':', first + 1);
  return second == std::string_view::npos || filter[second - 1] != '*';
}

size_t PubSub::Subscriptions::BytesOf(const Key& key) {
  constexpr size_t kNodeBytes = sizeof(std::pair<const Key, Place>) + 4 * sizeof(void*);
  return key.name.size() + kNodeBytes + sizeof(Subscription);
}

void PubSub::Subscribe(Subscriber& subscriber, Topic topic, std::string_view name, int database) {
  const Registry registry = RegistryOf(topic, name);
  if (!IsOfEvents(registry)) database = 0;
  if (subscriber.subscriptions_ == nullptr) {
    subscriber.subscriptions_ = std::make_unique<Subscriptions>(Subscriptions{&subscriber, {}});
  }
  Subscriptions& subscriptions = *subscriber.subscriptions_;
  if (subscriptions.places.contains({topic, name, database})) return;
  Names& names = names_[registry];
  Names::Node* found = names.Find(name);
  if (found == nullptr) {
    found = &names.Add(name);
    found->value.registry = registry;
    found->value.name = &found->name;
    if (registry == kFilters) {
      Result<Filter> filter = Filter::Parse(name.substr(kEventChannelPrefix.size()));
      found->value.filter = std::move(*filter);
    }
    if (IsOfPatterns(registry)) {
      found->value.place = PatternsOf(registry).size();
      PatternsOf(registry).push_back({BytesNeededByGlob(name), &found->value});
    }
  }
  Named& named = found->value;
  const Subscriptions::Key key{topic, *named.name, database};
  subscriptions.places[key] = {&named, named.subscribers.size()};
  subscriptions.bytes += Subscriptions::BytesOf(key);
  named.subscribers.push_back({&subscriptions, database});
  ++subscriptions.counts[static_cast<size_t>(topic)];
  if (IsOfEvents(registry)) CountEvents(database, +1);
}

void PubSub::CountEvents(int database, int by) {
  const auto at = static_cast<size_t>(database);
  if (event_subscriptions_.size() <= at) event_subscriptions_.resize(at + 1);
  size_t& count = event_subscriptions_[at];
  const bool was_live = count > 0;
  count += static_cast<size_t>(by);
  if (on_live_ && was_live != (count > 0)) on_live_(database, count > 0);
}

void PubSub::Unsubscribe(Subscriber& subscriber, Topic topic, std::string_view name) {
  if (subscriber.subscriptions_ == nullptr) return;
  Subscriptions::Places& places = subscriber.subscriptions_->places;
  for (auto at = places.lower_bound({topic, name, 0}); at != places.end();) {
    if (at->first.topic != topic || at->first.name != name) break;
    const bool was_last_of_name = at->second.named->subscribers.size() == 1;
    Remove(*subscriber.subscriptions_, at++);
    if (was_last_of_name) break;  // the registry's name is gone, and nobody has it any more
  }
}

void PubSub::UnsubscribeAll(Subscriber& subscriber) {
  std::unique_ptr<Subscriptions> left = std::move(subscriber.subscriptions_);
  if (left == nullptr) return;
  const size_t count = left->places.size();
  if (count > left_.kFew) {
    left->subscriber = nullptr;
    return left_.Add(std::move(left), count);
  }
  while (!left->places.empty()) Remove(*left, left->places.begin());
}

void PubSub::Remove(Subscriptions& subscriptions, Subscriptions::Places::iterator at) {
  const Subscriptions::Key key = at->first;
  const auto [named, place] = at->second;
  subscriptions.places.erase(at);
  subscriptions.bytes -= Subscriptions::BytesOf(key);
  --subscriptions.counts[static_cast<size_t>(key.topic)];
  if (IsOfEvents(named->registry)) CountEvents(key.database, -1);
  // The last of the list takes the place that becomes free.
  std::vector<Subscription>& list = named->subscribers;
  if (place + 1 < list.size()) {
    list[place] = list.back();
    const Subscription& moved = list[place];
    moved.of->places.find({key.topic, key.name, moved.database})->second.at = place;
  }
  list.pop_back();
  if (!list.empty()) return;
  if (IsOfPatterns(named->registry)) {
    std::deque<Pattern>& patterns = PatternsOf(named->registry);
    patterns[named->place] = patterns.back();
    patterns[named->place].named->place = named->place;
    patterns.pop_back();
  }
  Names& names = names_[named->registry];
  names.Remove(*names.Find(*named->name));
}

std::vector<std::string> PubSub::SubscriptionsOf(const Subscriber& subscriber, Topic topic) {
  std::vector<std::string> names;
  if (subscriber.subscriptions_ == nullptr) return names;
  for (const auto& [key, place] : subscriber.subscriptions_->places) {
    if (key.topic != topic || (!names.empty() && names.back() == key.name)) continue;
    names.emplace_back(key.name);
  }
  return names;
}

std::optional<std::string_view> PubSub::FirstSubscription(const Subscriber& subscriber,
                                                          Topic topic) {
  if (subscriber.subscription_count(topic) == 0) return std::nullopt;
  return subscriber.subscriptions_->places.lower_bound({topic, "", 0})->first.name;
}

// --- messages
// -------------------------------------------------------------------------------------

int64_t PubSub::Deliver(const Named& named, std::initializer_list<std::string_view> words,
                        int database) {
  Message message(words);
  int64_t receivers = 0;
  for (const Subscription& to : named.subscribers) {
    if (database != kEveryDatabase && to.database != database) continue;
    Subscriber* const subscriber = to.of->subscriber;
    if (__builtin_expect(subscriber == nullptr, 0)) continue;  // it has left
    subscriber->Push(message.In(subscriber->resp_version()));
    ++receivers;
  }
  return receivers;
}

template <typename Found>
bool PubSub::AnyMatch(const std::deque<Pattern>& patterns, std::string_view channel, Found found) {
  const ByteSet bytes = BytesOfText(channel);
  return std::ranges::any_of(patterns, [&](const Pattern& pattern) {
    return (pattern.needs & ~bytes) == 0 && GlobMatches(*pattern.named->name, channel) &&
           found(*pattern.named);
  });
}

int64_t PubSub::Publish(std::string_view channel, std::string_view message) {
  int64_t receivers = 0;
  if (const Named* named = Find(kChannels, channel); named != nullptr) {
    receivers += Deliver(*named, {"message", channel, message}, kEveryDatabase);
  }
  AnyMatch(patterns_, channel, [&](const Named& pattern) {
    receivers += Deliver(pattern, {"pmessage", *pattern.name, channel, message}, kEveryDatabase);
    return false;
  });
  return receivers;
}

template <typename Found>
bool PubSub::FindForEvent(int database, EventName name, std::string_view key, Found found) const {
  if (!HasEventSubscribers(database)) return false;
  // Channels are named as the events are, or with `*` for any event.
  std::string channel(kEventChannelPrefix);
  channel.append(TextOf(name)).append(1, ':').append(key);
  const auto take = [&](const Named& named) {
    return std::ranges::any_of(named.subscribers,
                               [&](const Subscription& to) {
                                 return to.database == database && to.of->subscriber != nullptr;
                               }) &&
           found(named, channel);
  };
  if (!names_[kExactFilters].empty()) {
    std::string any(kEventChannelPrefix);
    any.append("*:").append(key);
    for (const std::string* exact : {&channel, &any}) {
      const Named* named = Find(kExactFilters, *exact);
      if (named != nullptr && take(*named)) return true;
    }
  }
  return names_[kFilters].AnyOf([&](const Names::Node& filter) {
    return filter.value.filter->Matches(name, key) && take(filter.value);
  }) || AnyMatch(event_patterns_, channel, take);
}

bool PubSub::HasEventSubscribers(int database) const {
  const auto at = static_cast<size_t>(database);
  return at < event_subscriptions_.size() && event_subscriptions_[at] > 0;
}

bool PubSub::Wants(int database, std::string_view key) {
  const auto any = [](const Named&, std::string_view) { return true; };
  for (const EventName name : {EventName::kCreated, EventName::kUpdated, EventName::kDeleted}) {
    if (FindForEvent(database, name, key, any)) return true;
  }
  return false;
}

void PubSub::Publish(const Event& event) {
  std::string json;
  FindForEvent(event.database, event.name, event.key,
               [&](const Named& named, std::string_view channel) {
                 if (json.empty()) AppendEventJson(event, &json);
                 if (named.registry == kEventPatterns) {
                   Deliver(named, {"pmessage", *named.name, channel, json}, event.database);
                 } else {
                   Deliver(named, {"message", *named.name, json}, event.database);
                 }
                 return false;
               });
}

// --- what PUBSUB and INFO show
// --------------------------------------------------------------------

const PubSub::Named* PubSub::Find(Registry registry, std::string_view name) const {
  const Names::Node* const found = names_[registry].Find(name);
  return found == nullptr ? nullptr : &found->value;
}

size_t PubSub::CountOf(const Named& named) const {
  if (__builtin_expect(left_.empty(), 1)) return named.subscribers.size();
  return static_cast<size_t>(std::ranges::count_if(
      named.subscribers, [](const Subscription& to) { return to.of->subscriber != nullptr; }));
}

std::vector<std::string> PubSub::ActiveChannels(std::string_view glob) const {
  std::vector<std::string> channels;
  for (const Registry registry : {kChannels, kExactFilters, kFilters}) {
    names_[registry].ForEach([&](const Names::Node& node) {
      if (GlobMatches(glob, node.name) && CountOf(node.value) > 0) channels.push_back(node.name);
    });
  }
  return channels;
}

size_t PubSub::SubscriberCount(std::string_view channel) const {
  const Named* named = Find(RegistryOf(Topic::kChannel, channel), channel);
  return named == nullptr ? 0 : CountOf(*named);
}

size_t PubSub::channel_count() const {
  return names_[kChannels].size() + names_[kExactFilters].size() + names_[kFilters].size();
}

size_t PubSub::pattern_count() const {
  return names_[kPatterns].size() + names_[kEventPatterns].size();
}

}  // namespace ampt
