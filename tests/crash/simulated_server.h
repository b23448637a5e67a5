// SimulatedServer: databases, log and snapshots on a simulated disk, driven turn by turn as a
// server drives them, with jobs that take their time. It remembers the digest of every turn, so
// that a recovered state can be told from all others.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/random.h"
#include "model/keyspace.h"
#include "persistence/persistence.h"
#include "persistence/recovery.h"
#include "persistence/rewrite.h"
#include "tests/crash/simulated_disk.h"
#include "tests/crash/simulated_events.h"

namespace ampt {

inline constexpr char kDataDirectory[] = "/data";
inline constexpr int kTestDatabases = 3;

// A stopwatch that runs a microsecond each time somebody looks.
class TickingClock : public Clock {
 public:
  TimeMs NowMs() override { return now_ms_; }
  int64_t StopwatchMicros() override { return ++micros_; }
  void Advance(TimeMs by_ms) { now_ms_ += by_ms; }

 private:
  TimeMs now_ms_ = 1'800'000'000'000;
  int64_t micros_ = 0;
};

class TestDatabases {
 public:
  TestDatabases() {
    for (int n = 0; n < kTestDatabases; ++n) {
      owned_.push_back(std::make_unique<Keyspace>(allocator_, n, 7));
      all_.push_back(owned_.back().get());
    }
  }
  std::span<Keyspace* const> all() const { return all_; }
  Keyspace& operator[](int n) { return *owned_[static_cast<size_t>(n)]; }
  // Items past their deadline included: loading knows no time.
  uint64_t Digest() const {
    uint64_t digest = 0;
    for (const Keyspace* keyspace : all_) digest = digest * 31 + keyspace->Digest(INT64_MIN);
    return digest;
  }
  void CheckInvariants() const {
    for (const Keyspace* keyspace : all_) keyspace->CheckInvariants();
  }
  void SetEffects(Effects* effects) {
    for (Keyspace* keyspace : all_) keyspace->set_effects(effects);
  }

 private:
  Allocator allocator_;
  std::vector<std::unique_ptr<Keyspace>> owned_;
  std::vector<Keyspace*> all_;
};

// What Recover() makes of a disk.
struct Loaded {
  Status status;
  uint64_t digest = 0;
  uint64_t events_digest = 0;
  std::optional<FoundEvents> events;  // where it was asked for
  std::vector<std::string> warnings;
};
inline uint64_t DigestOf(const Events& events) {
  uint64_t digest = 0;
  for (int n = 0; n < kTestDatabases; ++n) digest = digest * 31 + events.Digest(n);
  return digest;
}
inline Loaded Load(SimulatedDisk& disk, bool with_events = false) {
  TestDatabases databases;
  Events events(kTestDatabases, EventSettings());
  EventKeeper keeper(events);
  Result<Recovered> recovered =
      Recover(disk, kDataDirectory, 1, databases.all(), &keeper, RecoveryProgress());
  Loaded loaded;
  loaded.digest = databases.Digest();
  if (recovered.ok()) {
    databases.CheckInvariants();
    events.Recovered(0, databases.all());
    events.CheckInvariants();
    loaded.events_digest = DigestOf(events);
    if (with_events) loaded.events = Drain(events, kTestDatabases, 0);
    loaded.warnings = recovered->warnings;
  } else {
    loaded.status = recovered.status();
  }
  return loaded;
}

class SimulatedServer {
 public:
  struct Options {
    bool appendonly = true;
    SyncPolicy policy = SyncPolicy::kAlways;
    int keys = 40;
    size_t value_bytes = 300;
    uint64_t saves_one_in = 60;  // turns
    bool events = false;         // has consumers
  };

  SimulatedServer(SimulatedDisk& disk, uint64_t seed, const Options& options)
      : disk_(disk),
        options_(options),
        random_(seed),
        events_(databases_.all(), seed),
        walk_(databases_.all()),
        effects_(walk_) {}
  ~SimulatedServer() { databases_.SetEffects(nullptr); }

  // Loads and opens the log. May be called again after an error, on a new object only.
  Status Start();
  // Some random writes, then some of the work that a server does at the end of a turn.
  void Turn();
  // Lets time pass and jobs run until nothing is left to do and no failure is left.
  // False if that does not come to an end.
  bool Settle();
  Status Close();

  // The digests that a crash now may reveal: from the last promised turn to the last one of all.
  bool IsLegal(uint64_t digest) const { return Legality(digest).has_value(); }
  // Empty, or what is wrong with what was loaded after a crash now.
  std::string Problem(const Loaded& loaded) const;
  uint64_t events_digest() { return DigestOf(events_.events()); }
  uint64_t reads() const { return events_.reads(); }
  uint64_t digest() const { return databases_.Digest(); }
  size_t turns() const { return digests_.size(); }
  bool writes_refused() const { return log_ != nullptr && !log_->failure().ok(); }
  const Status& failure() const { return log_->failure(); }
  uint64_t saves() const { return saves_; }
  uint64_t failed_saves() const { return failed_saves_; }
  uint64_t refused_turns() const { return refused_turns_; }
  uint64_t losses() const { return losses_; }
  TestDatabases& databases() { return databases_; }
  LogWriter* log() { return log_.get(); }
  BackgroundSave* save() { return save_.get(); }
  TickingClock& clock() { return clock_; }

 private:
  // Effects go to the log and the walk, then to the events.
  class Listeners : public Effects {
   public:
    explicit Listeners(SimulatedServer& server) : server_(server) {}
    void WillChange(int database, const Item& item, Origin origin) override {
      server_.effects_.WillChange(database, item, origin);
      if (server_.options_.events) server_.events_.WillChange(database, item, origin);
    }
    void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
      server_.effects_.DidChange(database, kind, item, origin);
      if (server_.options_.events) server_.events_.DidChange(database, kind, item, origin);
    }
    void WillFlush(int database) override {
      server_.effects_.WillFlush(database);
      if (server_.options_.events) server_.events_.WillFlush(database);
    }

   private:
    SimulatedServer& server_;
  };

  // The first and the last turn that may be what was left, if any may.
  std::optional<std::pair<size_t, size_t>> Legality(uint64_t digest) const;
  Status StartEvents();
  void Write(bool only_deletes);
  void EndTurn();
  void Work();
  void FinishLogJob();
  void FinishSaveJob();
  void NotePromise();

  SimulatedDisk& disk_;
  Options options_;
  Random random_;
  TickingClock clock_;
  TestDatabases databases_;
  SimulatedEvents events_;
  SnapshotWalk walk_;
  DurableEffects effects_;
  Listeners listeners_{*this};
  std::vector<DetachedItems> detached_;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<LogWriter> log_;
  std::unique_ptr<BackgroundSave> save_;
  uint64_t next_sequence_ = 1;

  std::vector<uint64_t> digests_;         // after each turn; the first: as loaded
  std::vector<uint64_t> last_sequences_;  // of its effects
  size_t promised_ = 0;                   // a turn that must not be lost
  size_t save_turn_ = 0;
  uint64_t saves_ = 0;
  uint64_t failed_saves_ = 0;
  uint64_t refused_turns_ = 0;
  uint64_t losses_ = 0;
  bool was_lost_ = false;
};

}  // namespace ampt
