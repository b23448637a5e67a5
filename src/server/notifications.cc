#include "server/notifications.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace ampt {
namespace {

// In the order in which they are shown.
constexpr std::string_view kClasses = "g$lshzxetd";  // what `A` means
constexpr std::string_view kFlags = "g$lshzxetdnKEm";
static_assert(kFlags.starts_with(kClasses));

constexpr uint32_t FlagOf(char c) {
  return uint32_t{1} << kFlags.find(c);
}
constexpr uint32_t kAllClasses = (uint32_t{1} << kClasses.size()) - 1;

// Whether a deadline that the item has now is news.
enum class Expire : uint8_t { kNever, kAlways, kUnlessKept, kIfChanged };
// Which of its keys a command looks up to read.
enum class Reads : uint8_t { kNone, kFirst, kFirstIfGet, kAll };

bool HasOption(Words words, std::string_view option) {
  return words.size() > 3 &&
         std::any_of(words.begin() + 3, words.end(),
                     [&](std::string_view word) { return EqualsIgnoreCase(word, option); });
}

}  // namespace

struct Notifications::Row {
  std::string_view command;
  Reads reads = Reads::kNone;
  char flag = 0;           // class of the events; 0: it writes nothing
  std::string_view event;  // of a write; empty: only the deadline's
  Expire expire = Expire::kNever;
  std::string_view moved_from;  // of the place that a moved item leaves; `event` is the new one's
  bool makes_new = false;       // an item that was in the way counts as replaced by a new one
};

namespace {

using Row = Notifications::Row;

constexpr Row kRows[] = {
    {"set", Reads::kFirstIfGet, '$', "set", Expire::kUnlessKept},
    {"setex", Reads::kNone, '$', "set", Expire::kAlways},
    {"psetex", Reads::kNone, '$', "set", Expire::kAlways},
    {"setnx", Reads::kNone, '$', "set"},
    {"getset", Reads::kFirst, '$', "set"},
    {"mset", Reads::kNone, '$', "set"},
    {"msetnx", Reads::kNone, '$', "set"},
    {"append", Reads::kNone, '$', "append"},
    {"setrange", Reads::kNone, '$', "setrange"},
    {"incr", Reads::kNone, '$', "incrby"},
    {"decr", Reads::kNone, '$', "incrby"},
    {"incrby", Reads::kNone, '$', "incrby"},
    {"decrby", Reads::kNone, '$', "incrby"},
    {"incrbyfloat", Reads::kNone, '$', "incrbyfloat"},
    {"ampt.set", Reads::kNone, '$', "set", Expire::kIfChanged},
    {"ampt.mset", Reads::kNone, '$', "set", Expire::kIfChanged},
    {"ampt.add", Reads::kNone, '$', "incrby", Expire::kIfChanged},
    {"getex", Reads::kFirst, 'g', "", Expire::kIfChanged},
    {"expire", Reads::kNone, 'g', "", Expire::kIfChanged},
    {"pexpire", Reads::kNone, 'g', "", Expire::kIfChanged},
    {"expireat", Reads::kNone, 'g', "", Expire::kIfChanged},
    {"pexpireat", Reads::kNone, 'g', "", Expire::kIfChanged},
    {"persist", Reads::kNone, 'g', "", Expire::kIfChanged},
    {"rename", Reads::kNone, 'g', "rename_to", Expire::kNever, "rename_from", true},
    {"renamenx", Reads::kNone, 'g', "rename_to", Expire::kNever, "rename_from", true},
    {"move", Reads::kNone, 'g', "move_to", Expire::kNever, "move_from", true},
    {"copy", Reads::kFirst, 'g', "copy_to", Expire::kNever, "", true},
    {"get", Reads::kAll},
    {"getdel", Reads::kAll},
    {"mget", Reads::kAll},
    {"strlen", Reads::kAll},
    {"getrange", Reads::kAll},
    {"exists", Reads::kAll},
    {"type", Reads::kAll},
    {"hlen", Reads::kAll},
    {"llen", Reads::kAll},
    {"touch", Reads::kAll},
    {"ttl", Reads::kAll},
    {"pttl", Reads::kAll},
    {"expiretime", Reads::kAll},
    {"pexpiretime", Reads::kAll},
};

}  // namespace

std::optional<uint32_t> ParseNotifyFlags(std::string_view text) {
  uint32_t flags = 0;
  for (const char c : text) {
    if (c == 'A') {
      flags |= kAllClasses;
    } else if (kFlags.find(c) != std::string_view::npos) {
      flags |= FlagOf(c);
    } else {
      return std::nullopt;
    }
  }
  return flags;
}

std::string FormatNotifyFlags(uint32_t flags) {
  std::string text;
  if ((flags & kAllClasses) == kAllClasses) {
    text = "A";
    flags &= ~kAllClasses;
  }
  for (const char c : kFlags) {
    if ((flags & FlagOf(c)) != 0) text += c;
  }
  return text;
}

Notifications::Notifications(PubSub& pubsub, const Settings& settings, const CommandTable& commands)
    : pubsub_(pubsub), settings_(settings) {
  for (const Row& row : kRows) {
    if (const Command* command = commands.Find(row.command)) rows_[command] = &row;
  }
}

// --- the running command
// --------------------------------------------------------------------------

void Notifications::CommandBegins(const Command& command, Words words, const Store& store,
                                  TimeMs now_ms) {
  const auto found = rows_.find(&command);
  row_ = found == rows_.end() ? nullptr : found->second;
  words_ = words;
  now_ms_ = now_ms;
  selected_ = store.database();
  misses_.clear();
  moved_.reset();
  if (row_ == nullptr || (settings_.notify_keyspace_events & FlagOf('m')) == 0) return;
  if (row_->reads == Reads::kNone) return;
  if (row_->reads == Reads::kFirstIfGet && !HasOption(words, "get")) return;
  std::vector<std::string_view> keys = KeysOf(command, words);
  if (row_->reads != Reads::kAll) keys.resize(1);
  for (const std::string_view key : keys) {
    if (store.Peek(key, now_ms) == nullptr) misses_.push_back(key);
  }
}

void Notifications::CommandEnds(bool failed) {
  if (!failed) PublishMisses();
  misses_.clear();
  row_ = nullptr;
  words_ = {};
}

// A command that also writes has looked before, so its misses come first.
void Notifications::PublishMisses() {
  for (const std::string_view key : std::exchange(misses_, {})) {
    Publish('m', "keymiss", key, selected_);
  }
}

// --- changes
// --------------------------------------------------------------------------------------

void Notifications::WillChange(int, const Item& item, Origin) {
  old_deadline_ms_ = item.deadline_ms();
}

void Notifications::DidChange(int database, ChangeKind kind, const Item& item, Origin origin) {
  if (!is_on() || origin == Origin::kLoaded) return;
  if (!misses_.empty()) PublishMisses();
  if (kind == ChangeKind::kDeleted) {
    Deleted(database, item, origin);
  } else {
    Written(database, kind, item);
  }
}

void Notifications::Deleted(int database, const Item& item, Origin origin) {
  switch (origin) {
    case Origin::kMoved:
      moved_ = {database, std::string(item.key())};
      return;
    case Origin::kEvicted:
      return Publish('e', "evicted", item.key(), database);
    case Origin::kExpired: {
      // EXPIRE with a time that has passed is a way to delete.
      const bool by_command = row_ != nullptr && row_->flag == 'g' && item.IsVisible(now_ms_);
      if (!by_command) return Publish('x', "expired", item.key(), database);
      [[fallthrough]];
    }
    case Origin::kClient:
    case Origin::kLoaded:
      return Publish('g', "del", item.key(), database);
  }
}

void Notifications::Written(int database, ChangeKind kind, const Item& item) {
  const std::string_view key = item.key();
  const bool is_new = kind == ChangeKind::kCreated;
  if (is_new || (row_ != nullptr && row_->makes_new)) Publish('n', "new", key, database);
  if (row_ == nullptr || row_->flag == 0) return;
  if (moved_ && !row_->moved_from.empty()) {
    Publish(row_->flag, row_->moved_from, moved_->key, moved_->database);
    moved_.reset();
  }
  if (!row_->event.empty()) Publish(row_->flag, row_->event, key, database);

  const TimeMs old_deadline_ms = is_new ? kNoDeadline : old_deadline_ms_;
  const bool tells_deadline =
      (row_->expire == Expire::kAlways) ||
      (row_->expire == Expire::kUnlessKept && item.has_deadline() &&
       !HasOption(words_, "keepttl")) ||
      (row_->expire == Expire::kIfChanged && item.deadline_ms() != old_deadline_ms);
  if (tells_deadline) Publish('g', item.has_deadline() ? "expire" : "persist", key, database);
}

void Notifications::Publish(char flag, std::string_view event, std::string_view key, int database) {
  const uint32_t flags = settings_.notify_keyspace_events;
  if ((flags & FlagOf(flag)) == 0) return;
  const IntegerText number(database);
  const auto channel = [&](std::string_view kind, std::string_view name) -> std::string_view {
    channel_.assign("__").append(kind).append("@").append(number.view()).append("__:").append(name);
    return channel_;
  };
  if ((flags & FlagOf('K')) != 0) pubsub_.Publish(channel("keyspace", key), event);
  if ((flags & FlagOf('E')) != 0) pubsub_.Publish(channel("keyevent", event), key);
}

}  // namespace ampt
