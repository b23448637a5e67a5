// KeyWalk: the keys that match a glob, in key order, some at a time. What SCAN and KEYS are made
// of.
//
// The place is kept as a key, so the store may change between two calls: a key that is there from
// begin to end is visited exactly once. Only the keys that begin as the pattern literally begins
// are looked at; a pattern without any glob character is one look-up.
#pragma once

#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/status.h"
#include "commands/context.h"
#include "model/glob.h"
#include "model/item.h"

namespace ampt {

// What TYPE says of a value.
inline std::string_view RedisType(const ValueView& value) {
  return value.is_object() ? "hash" : value.is_array() ? "list" : "string";
}

// What a key costs to match grows with the pattern, so that has a bound as well.
inline Status CheckPattern(std::string_view pattern) {
  if (pattern.size() <= limits::kPatternBytes) return {};
  return Status::Err("pattern of " + std::to_string(pattern.size()) + " bytes is longer than " +
                     std::to_string(limits::kPatternBytes) + " bytes");
}

class KeyWalk {
 public:
  explicit KeyWalk(std::string_view pattern) : pattern_(pattern), prefix_(PrefixOfGlob(pattern)) {}

  // Everything up to and including `key` has been visited.
  void GoOnBehind(std::string_view key) {
    begun_ = true;
    position_ = key;
  }
  // The last key looked at. REQUIRES: Advance() returned false, or GoOnBehind() was called.
  const std::string& position() const { return position_; }

  // Looks at up to `most` items, fewer where they take long to match, and calls visit(item)
  // for those visible whose key matches. True at the end. `visit` must not change the store.
  template <typename Visit>
  bool Advance(const Store& store, TimeMs now_ms, size_t most, Visit visit);

 private:
  // Bounds a call where keys are long or the pattern makes the search begin again: so many bytes
  // are looked at, or one key.
  static constexpr size_t kMostWork = 128 * 1024;

  KeyIndex::Cursor Start(const Store& store) const;

  std::string pattern_;
  GlobPrefix prefix_;
  bool begun_ = false;
  std::string position_;
};

inline KeyIndex::Cursor KeyWalk::Start(const Store& store) const {
  if (!begun_ || position_ < prefix_.literal) return store.by_key().Seek(prefix_.literal);
  KeyIndex::Cursor at = store.by_key().Seek(position_);
  if (at.Valid() && at.item()->key() == position_) at.Next();
  return at;
}

template <typename Visit>
bool KeyWalk::Advance(const Store& store, TimeMs now_ms, size_t most, Visit visit) {
  if (prefix_.exact) {
    const bool behind = begun_ && position_ >= prefix_.literal;
    const Item* item = behind ? nullptr : store.Find(prefix_.literal, now_ms);
    if (item != nullptr) visit(*item);
    return true;
  }
  constexpr int kAhead = 8;
  const Item* last = nullptr;
  size_t items = 0;
  size_t work = 0;
  for (KeyIndex::Cursor at = Start(store); at.Valid(); at.Next()) {
    const Item* item = at.item();
    if (!item->key().starts_with(prefix_.literal)) return true;
    if (items >= most || work >= kMostWork) {
      GoOnBehind(last->key());
      return false;
    }
    at.Prefetch(kAhead);
    last = item;
    ++items;
    if (!item->IsVisible(now_ms)) continue;
    if (GlobMatches(pattern_, item->key(), Case::kSensitive, &work)) visit(*item);
  }
  return true;
}

}  // namespace ampt
