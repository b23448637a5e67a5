// Consumer: how far one durable reader is with the events of a database.
//
// Its entries wait in *lanes*, one for each namespace (a simple key is a namespace of its own), in
// the order in which they are to be handed out. Only the first entry of a lane can be handed out;
// while it is in flight or waits for its retry, the lane stands still and the others flow on. A
// lane that is empty is not there.
//
//   lanes       by name, hashed; each a chain of entries, all but the first queued
//   ready, in flight, waiting   the first entries, by event id: every lane is in exactly one
//   dead        dead letters, in no lane, in the order of their deaths
//
// All costs are O(log n) in the lanes; what these trees are ordered by lies in their nodes, so that
// a step down waits for memory once. This class knows no time and writes no records: Backlog
// (backlog.h) decides, this keeps order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "event/filter.h"
#include "event/stored_event.h"

namespace ampt {

// Bounds: see CheckConsumerSettings().
struct ConsumerSettings {
  std::shared_ptr<const FilterSet> filters;
  int64_t ackwait_ms = 60000;
  int64_t backoff_first_ms = 1000;
  int64_t backoff_max_ms = 900000;
  int64_t maxage_ms = 86'400'000;
};

// ACKWAIT and BACKOFF 1 ms to 7 days, first not over max; MAXAGE 1 s to 365 days.
Status CheckConsumerSettings(const ConsumerSettings& settings);

// Counters that go on and on; kept with the consumer's definition.
struct ConsumerCounters {
  uint64_t deaths = 0;
  uint64_t replays = 0;
  uint64_t left_out = 0;        // events that did not fit into the memory
  uint64_t first_left_out = 0;  // id; 0: none
  uint64_t dead_lost = 0;       // dead letters that gave way to newer ones
};

// What was done since the process started; not kept.
struct ConsumerActivity {
  uint64_t delivered = 0;  // handed out, again and again included
  uint64_t retried = 0;    // of these, again
  uint64_t acknowledged = 0;
};

class Consumer {
 public:
  Consumer(Allocator& allocator, uint64_t number, std::string_view name,
           ConsumerSettings with_settings)
      : settings(std::move(with_settings)),
        number_(number),
        name_(name),
        lanes_(ByName(), allocator),
        ready_(ById(), allocator),
        in_flight_(ById(), allocator),
        waiting_(ById(), allocator),
        dead_(allocator) {}
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  uint64_t number() const { return number_; }
  const std::string& name() const { return name_; }

  ConsumerSettings settings;
  ConsumerCounters counters;
  ConsumerActivity activity;
  // It was dropped, and what it holds is being freed.
  bool is_dropped = false;
  // While loading: all entries, in no order.
  EntryList loading;

  // The first entry of a lane, beside its id.
  struct Head {
    Head(Entry* entry) : id(entry->id()), entry(entry) {}
    operator Entry*() const { return entry; }
    uint64_t id;
    Entry* entry;
  };
  struct ById {
    bool operator()(const Head& a, const Head& b) const { return a.id < b.id; }
  };
  using Heads = std::set<Head, ById, SeamAllocator<Head>>;
  using DeadLetters =
      std::map<uint64_t, Entry*, std::less<>, SeamAllocator<std::pair<const uint64_t, Entry*>>>;

  // First entries of lanes.
  const Heads& ready() const { return ready_; }
  const Heads& in_flight() const { return in_flight_; }
  const Heads& waiting() const { return waiting_; }
  const DeadLetters& dead() const { return dead_; }
  // Entries in lanes.
  size_t in_lanes() const { return in_lanes_; }
  // All entries that this consumer has anywhere.
  size_t entries() const { return entries_; }
  void CountEntry(int by) { entries_ += static_cast<size_t>(static_cast<ptrdiff_t>(by)); }

  // The entry becomes the last of its lane. True if the lane became ready by that.
  bool Append(Entry* entry);
  // Takes an entry out of its lane, whose next one may become ready: true then.
  bool Remove(Entry* entry);
  bool HasLane(std::string_view key) const { return lanes_.contains(LaneName(key)); }
  // Changes the state of the first entry of a lane. Not to kDead. REQUIRES: it is the first.
  void SetState(Entry* entry, EntryState state);
  bool IsFirst(const Entry* entry) const;
  // REQUIRES: the entry is in no lane, its sequence is set.
  void AddDead(Entry* entry);
  void RemoveDead(Entry* entry);
  // Any entry of any lane; null if there is none.
  Entry* AnyInLanes() const { return lanes_.empty() ? nullptr : lanes_.begin()->first; }

  // --- waiting readers --------------------------------------------------------------------------

  // Readers in the order in which they began to wait. The host's numbers, each once.
  std::map<uint64_t, uint64_t> waiters;  // order -> token
  // Those up to here have been woken and have not tried again yet.
  std::set<uint64_t> woken;  // orders

  void CheckInvariants() const;

 private:
  struct LaneName {
    explicit LaneName(std::string_view key) : text(LaneOf(key)), hash(HashBytes(text, 0)) {}
    std::string_view text;
    uint64_t hash;
  };
  struct Lane {
    uint64_t hash;
    // Not part of the order: the name is the same for all entries of a lane.
    mutable Entry* first;
    mutable Entry* last;
    std::string_view name() const { return LaneOf(first->event->key()); }
  };
  // By hash. Names are compared where hashes are equal, which is when a lane is found.
  struct ByName {
    using is_transparent = void;
    bool operator()(const Lane& a, const Lane& b) const {
      return a.hash != b.hash ? a.hash < b.hash : a.name() < b.name();
    }
    bool operator()(const Lane& a, const LaneName& b) const {
      return a.hash != b.hash ? a.hash < b.hash : a.name() < b.text;
    }
    bool operator()(const LaneName& a, const Lane& b) const {
      return a.hash != b.hash ? a.hash < b.hash : a.text < b.name();
    }
  };
  using Lanes = std::set<Lane, ByName, SeamAllocator<Lane>>;

  Heads& HeadsOf(EntryState state) {
    return state == EntryState::kQueued     ? ready_
           : state == EntryState::kInFlight ? in_flight_
                                            : waiting_;
  }

  uint64_t number_;
  std::string name_;
  Lanes lanes_;
  Heads ready_;
  Heads in_flight_;
  Heads waiting_;
  DeadLetters dead_;
  size_t in_lanes_ = 0;
  size_t entries_ = 0;
};

}  // namespace ampt
