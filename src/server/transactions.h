// Transactions: the queue of MULTI, and what WATCH remembers.
//
// A Transaction is one connection's; few connections have one. Watches knows who watches which key:
// it listens to every change of the data, through whatever door, and marks the transactions that it
// spoils. What a key looked like is remembered when it is watched, so nothing is looked up later.
//
// A long queue and many watched keys are given back in slices once they are not needed any more;
// to the transaction they are gone at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/name_map.h"
#include "commands/context.h"
#include "model/effects.h"
#include "model/item.h"
#include "server/leftovers.h"
#include "server/slices.h"

namespace ampt {

class Transaction;

// Listens to the effects of all databases. Cost of a change: one branch while nobody watches, one
// look-up of the key otherwise.
class Watches final : public Effects {
 public:
  // `hash_seed`: random, so that no client can choose keys that collide. `slices` outlives it.
  Watches(uint64_t hash_seed, Slices& slices);
  Watches(const Watches&) = delete;
  Watches& operator=(const Watches&) = delete;

  bool empty() const { return key_count_ == 0; }

  void WillChange(int, const Item&, Origin) override {}
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    if (!empty()) Changed(database, kind, item, origin);
  }
  void WillFlush(int database) override;

 private:
  friend class Transaction;
  struct Watching;
  struct Watcher {
    Watching* watching;
    bool existed;  // when it began to watch
  };
  struct Watchers {
    int database = 0;
    std::vector<Watcher> all;
  };
  using Keys = NameMap<Watchers>;
  // What one transaction watches. It may outlive it for a while (Leftovers).
  struct Watching {
    std::deque<Keys::Node*> keys;
    size_t bytes = 0;
    TimeMs first_deadline_ms = kNoDeadline;  // of the keys
    bool is_spoilt = false;
  };

  void Changed(int database, ChangeKind kind, const Item& item, Origin origin);
  Keys::Node& FindOrAdd(int database, std::string_view key);
  // The latest one.
  void ForgetKey(Watching& watching);

  const uint64_t hash_seed_;
  std::deque<Keys> keys_;  // of each database, as far as any were watched; each has a watcher
  size_t key_count_ = 0;
  Leftovers<std::unique_ptr<Watching>> left_;
};

class Transaction {
 public:
  struct Queued {
    const Command* command;
    std::unique_ptr<char[]> bytes;  // of all words
    std::vector<std::string_view> words;
  };
  // A deque: one that grows moves nothing, however long it is.
  using Commands = std::deque<Queued>;
  // What is left of long queues; one for all transactions.
  class OldQueues : public Leftovers<Commands> {
   public:
    explicit OldQueues(Slices& slices)
        : Leftovers(slices, [](Commands& commands) {
            commands.pop_front();
            return commands.empty();
          }) {}
  };

  // Both outlive the transaction.
  Transaction(Watches& watches, OldQueues& old_queues)
      : watches_(watches), old_queues_(old_queues) {}
  ~Transaction() { Close(); }
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
  const Commands& queue() const { return queue_; }
  // The flags of all queued commands together.
  uint32_t flags() const { return flags_; }
  // Forgets the queue and what is watched: the state before MULTI and WATCH.
  void Close();

  // --- what is watched ---
  // `item`: what is there now; null if there is nothing.
  void Watch(int database, std::string_view key, const Item* item);
  void Unwatch();
  // Whether a watched key has changed, or its deadline has come.
  bool is_spoilt(TimeMs now_ms) const {
    return has_spoilt() || (watching_ != nullptr && watching_->first_deadline_ms <= now_ms);
  }
  bool has_spoilt() const { return watching_ != nullptr && watching_->is_spoilt; }

  // What the queue takes, and queue and watched keys together.
  size_t queued_bytes() const { return queued_bytes_; }
  size_t allocated_bytes() const {
    return queued_bytes_ + (watching_ != nullptr ? watching_->bytes : 0);
  }

 private:
  void ForgetQueue();

  Watches& watches_;
  OldQueues& old_queues_;
  Commands queue_;
  std::unique_ptr<Watches::Watching> watching_;  // null: nothing
  size_t queued_bytes_ = 0;
  uint32_t flags_ = 0;
  bool is_open_ = false;
  bool is_aborted_ = false;
};

}  // namespace ampt
