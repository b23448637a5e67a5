// Notifications: Redis' keyspace notifications, plain messages that tell what happened to a key.
//
//   __keyspace@0__:greeting  set            the event, on a channel of the key
//   __keyevent@0__:set       greeting       the key, on a channel of the event
//
// They are made from the changes of the databases and the command that runs: the table in
// notifications.cc says what a command calls its change. Events and their order are Redis'; where
// this server changes nothing at all (a deadline that was there already, SET of a missing key with
// a deadline that has passed) nothing is published either. Of our own commands AMPT.SET and
// AMPT.MSET publish `set`, AMPT.ADD `incrby`, each followed by `expire` or `persist` where the
// deadline became another one; what they remove is `del`.
//
// `notify-keyspace-events` says which are published. Cost: a branch a change while none is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "commands/spec.h"
#include "model/effects.h"
#include "model/item.h"
#include "server/pubsub.h"
#include "server/settings.h"

namespace ampt {

// The characters of `notify-keyspace-events` as bits; nullopt: one means nothing. `A` stands for
// all classes of events but `m` and `n`.
std::optional<uint32_t> ParseNotifyFlags(std::string_view text);
// In Redis' order, as short as may be.
std::string FormatNotifyFlags(uint32_t flags);

class Notifications final : public Effects {
 public:
  // All outlive it.
  Notifications(PubSub& pubsub, const Settings& settings, const CommandTable& commands);

  bool is_on() const { return settings_.notify_keyspace_events != 0; }

  // Around every command that runs while is_on(), one at a time: a subcommand's own Command, and
  // all words of its request, which stay until CommandEnds().
  void CommandBegins(const Command& command, Words words, const Store& store, TimeMs now_ms);
  void CommandEnds(bool failed);

  void WillChange(int database, const Item& item, Origin origin) override;
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override;
  void WillFlush(int) override {}

  // What one command calls what it does; see notifications.cc.
  struct Row;

 private:
  struct Moved {
    int database;
    std::string key;
  };

  void Written(int database, ChangeKind kind, const Item& item);
  void Deleted(int database, const Item& item, Origin origin);
  void PublishMisses();
  // `flag`: the class of the event.
  void Publish(char flag, std::string_view event, std::string_view key, int database);

  PubSub& pubsub_;
  const Settings& settings_;
  std::unordered_map<const Command*, const Row*> rows_;
  // Of the running command.
  const Row* row_ = nullptr;  // null: none, or one that has no row
  Words words_;
  TimeMs now_ms_ = 0;
  int selected_ = 0;
  std::vector<std::string_view> misses_;  // keys it looks for in vain, not yet published
  TimeMs old_deadline_ms_ = kNoDeadline;  // of the item it changes
  std::optional<Moved> moved_;            // an item on its way to another place
  std::string channel_;
};

}  // namespace ampt
