// Transactions: the queue of MULTI, and what WATCH remembers.
//
// A Transaction is one connection's; few connections have one. Watches knows who watches which key:
// it listens to every change of the data, through whatever door, and marks the transactions that it
// spoils. What a key looked like is remembered when it is watched, so nothing is looked up later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "commands/context.h"
#include "model/effects.h"
#include "model/item.h"

namespace ampt {

class Transaction;

// Listens to the effects of all databases. Cost of a change: one branch while nobody watches, one
// look-up of the key otherwise.
class Watches final : public Effects {
 public:
  Watches() = default;
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;

  bool empty() const { return keys_.empty(); }

  void WillChange(int, const Item&, Origin) override {}
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    if (!keys_.empty()) Changed(database, kind, item, origin);
  }
  void WillFlush(int database) override;

 private:
  friend class Transaction;
  struct KeyView {
    int database;
    std::string_view name;
  };
  struct Key {
    int database;
    std::string name;
    operator KeyView() const { return {database, name}; }
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(KeyView key) const {
      return std::hash<std::string_view>()(key.name) + static_cast<size_t>(key.database);
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(KeyView a, KeyView b) const {
      return a.database == b.database && a.name == b.name;
    }
  };
  struct Watcher {
    Transaction* transaction;
    bool existed;  // when it began to watch
  };
  using Keys = std::unordered_map<Key, std::vector<Watcher>, Hash, Equal>;

  void Changed(int database, ChangeKind kind, const Item& item, Origin origin);

  Keys keys_;  // each has a watcher
};

class Transaction {
 public:
  struct Queued {
    const Command* command;
    std::unique_ptr<char[]> bytes;  // of all words
    std::vector<std::string_view> words;
  };

  // `watches` outlives the transaction.
  explicit Transaction(Watches& watches) : watches_(watches) {}
  ~Transaction() { Unwatch(); }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // --- the queue, from MULTI to EXEC or DISCARD ---
  bool is_open() const { return is_open_; }
  void Open() { is_open_ = true; }
  // A command was refused: EXEC will run nothing, so nothing more is kept.
  void Abort();
  bool is_aborted() const { return is_aborted_; }
  // Keeps a copy, unless EXEC will run nothing anyway. `flags`: of the command (spec.h).
  void Queue(const Command* command, Words words, uint32_t flags);
  std::span<const Queued> queue() const { return queue_; }
  // The flags of all queued commands together.
  uint32_t flags() const { return flags_; }
  // Forgets the queue and what is watched: the state before MULTI and WATCH.
  void Close();

  // --- what is watched ---
  // `item`: what is there now; null if there is nothing.
  void Watch(int database, std::string_view key, const Item* item);
  void Unwatch();
  // Whether a watched key has changed, or its deadline has come.
  bool is_spoilt(TimeMs now_ms) const { return is_spoilt_ || first_deadline_ms_ <= now_ms; }
  bool has_spoilt() const { return is_spoilt_; }

  // What the queue takes, and queue and watched keys together.
  size_t queued_bytes() const { return queued_bytes_; }
  size_t allocated_bytes() const { return queued_bytes_ + watched_bytes_; }

 private:
  friend class Watches;

  void ForgetQueue();

  Watches& watches_;
  std::vector<Queued> queue_;
  std::vector<Watches::Keys::value_type*> watched_;
  size_t queued_bytes_ = 0;
  size_t watched_bytes_ = 0;
  TimeMs first_deadline_ms_ = kNoDeadline;  // of the watched keys
  uint32_t flags_ = 0;
  bool is_open_ = false;
  bool is_aborted_ = false;
  bool is_spoilt_ = false;
};

}  // namespace ampt
