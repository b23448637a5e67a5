// Consumers of events on a simulated server: what they do at random, and what they may find after a
// crash. Knows of every event in which turn it came about, and of every consumer when it was done.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "event/events.h"
#include "event/filter.h"
#include "model/keyspace.h"
#include "persistence/persistence.h"

namespace ampt {

// What a loaded server's consumers got to read until there was nothing left.
struct FoundConsumer {
  std::string name;
  std::vector<uint64_t> held;  // dead letters included
  bool in_order = true;        // within each lane
};
struct FoundEvents {
  std::vector<uint64_t> next_ids;                               // of each database
  std::map<std::pair<int, uint64_t>, FoundConsumer> consumers;  // by database and number
};
FoundEvents Drain(Events& events, int databases, TimeMs now_ms);

class SimulatedEvents : public Effects {
 public:
  SimulatedEvents(std::span<Keyspace* const> databases, uint64_t seed)
      : databases_(databases.begin(), databases.end()),
        random_(seed),
        events_(static_cast<int>(databases.size()), EventSettings()),
        keeper_(events_) {}

  EventKeeper& keeper() { return keeper_; }
  Events& events() { return events_; }
  // Loading is over; `found` is what a copy of the server held.
  void Start(EventJournal* journal, const FoundEvents& found, TimeMs now_ms, bool has_log);

  // What happens from now on belongs to that turn.
  void set_turn(size_t turn, TimeMs now_ms) {
    turn_ = turn;
    events_.SetNow(now_ms);
  }
  // A consumer reads, acknowledges, fails, comes or goes; things fall due.
  void Act();
  // Slices of what is done in the background.
  void Work(bool may_convert);
  std::optional<DetachedItems> Flush(Keyspace& keyspace) {
    return events_.TakeFlushed(keyspace.database(), keyspace.Detach());
  }

  // Empty, or what is wrong with what was found after a crash that left some turn from `low` to
  // `high`.
  std::string Problem(const FoundEvents& found, size_t low, size_t high) const;

  uint64_t reads() const { return reads_; }

  void WillChange(int database, const Item& item, Origin origin) override;
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override;
  void WillFlush(int database) override;

 private:
  static constexpr size_t kNever = SIZE_MAX;
  struct Life {
    size_t begin = 0;
    size_t end = kNever;
  };
  struct ConsumerModel {
    std::string name;
    Life life;
    std::map<uint64_t, Life> events;  // until it was done
  };

  void Note(int database, uint64_t id, EventName name, std::string_view key);
  void ReadAndAnswer(int database, const std::string& name);

  std::vector<Keyspace*> databases_;
  Random random_;
  Events events_;
  EventKeeper keeper_;
  size_t turn_ = 0;
  bool has_log_ = true;
  std::map<std::pair<int, uint64_t>, ConsumerModel> consumers_;
  std::vector<std::pair<int, uint64_t>> in_flight_;  // database and id, perhaps done since
  uint64_t reads_ = 0;
};

}  // namespace ampt
