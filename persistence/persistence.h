// Persistence: how a server keeps its data. This page says how a host drives the parts.
//
//   file of this folder   what it is
//   codec                 effects, and headers of files, as bytes (FORMAT.md)
//   manifest              which files make up the data, as a small text
//   data_directory        lock, manifest and file names of one directory
//   log_writer            the log: collects on the loop, writes on a worker
//   log_reader            the frames of a file of the log
//   snapshot              the walk over the databases, its file, its reader
//   rewrite               BackgroundSave: BGSAVE, BGREWRITEAOF, SAVE; SaveSchedule
//   recovery              from files to databases
//   check                 what tools/check does with files
//
// Nothing here starts a thread, reads a clock or knows an event loop. Whatever blocks is a RunJob()
// (or Recover, Open, Close), which the host calls on a worker, or at start and end on its own
// thread.
//
// **Start.**
//
//   Result<Recovered> recovered = Recover(disk, dir, random, databases, nullptr, progress);
//   // an error: log it and exit. `progress` may serve clients, who are told LOADING.
//   auto log = LogWriter::Open(*recovered->directory, recovered->log, policy);   // appendonly yes
//   SnapshotWalk walk(databases);
//   BackgroundSave save(*recovered->directory, walk);
//   DurableEffects effects(walk);
//   effects.set_log(log->get());
//   for each database: set_effects(&effects);     // or call it from effects of the server's own
//   // now expire what fell due while the server was down: it is logged
//
// Without a log (`appendonly no`) the files of an earlier one are loaded all the same, and the
// first save takes their place.
//
// **Each turn**, after all commands of the turn have run:
//
//   const uint64_t shown = log.last_sequence();
//   if (log.StartJob(now_ms)) worker.Run([&] { log.RunJob(); }, [&] { log.FinishJob(now_ms); … });
//
// - `always`: whatever this turn sends (replies, events, messages) may show effects up to `shown`:
//   keep it back until log.IsKept(shown), asked again in each completion. When FinishJob() leaves
//   !failure().ok(), close the connections that wrote in frames which are not kept.
// - Call StartJob() again in the completion (effects gathered meanwhile), and by a timer at
//   log.NextJobMs() (the sync of `everysec`, the retry after a failure).
// - Before a write command: if !log.failure().ok() answer that text; if log.MustWait(now_ms), or
//   walk.writers_must_wait(), let the client wait. Expiry and eviction go on and are logged later.
// - An empty turn costs nothing: StartJob() is false.
//
// **Saving.** BGSAVE, BGREWRITEAOF, a rule of SaveSchedule, or log.needs_snapshot(): save.Begin()
// at the end of a turn; then as rewrite.h shows. While walk.holds_detached_items() free nothing
// that a flush detached. SAVE and SHUTDOWN SAVE: SaveNow(), when no job is running.
//
// **Switching.** `appendonly no`: abort a save and wait for it, finish the job, log.Close(), drop
// it. `appendonly yes` in a running server: LogWriter::OpenDetached() and save.Begin() in one turn;
// the log counts from the save's success on. `appendfsync`: set_policy().
//
// **End.** Wait for jobs, then log.Close() (all synced; a mark protects all of it), then destroy.
//
// **Memory.** Effects of one turn twice over; at most SnapshotWalk::kWalkAheadBytes and some strays
// during a save.
#pragma once

#include "event/events.h"
#include "model/effects.h"
#include "persistence/log_writer.h"
#include "persistence/recovery.h"
#include "persistence/snapshot.h"

namespace ampt {

// The listener that makes changes durable: into the log, and past a running snapshot.
class DurableEffects : public Effects, public EventJournal {
 public:
  // `walk` outlives it.
  explicit DurableEffects(SnapshotWalk& walk) : walk_(walk) {}

  // Null: none. The log outlives it or is replaced before.
  void set_log(LogWriter* log) { log_ = log; }

  void WillChange(int database, const Item& item, Origin origin) override {
    walk_.WillChange(database, item, origin);
  }
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    walk_.DidChange(database, kind, item, origin);
    if (log_ == nullptr) return;
    if (kind == ChangeKind::kDeleted) {
      log_->open().AddDelete(database, item.key(), ReasonOf(origin));
    } else {
      log_->open().AddPut(database, item.key(), item.state());
    }
  }
  void WillFlush(int database) override {
    walk_.WillFlush(database);
    if (log_ != nullptr) log_->open().AddFlush(database);
  }
  // What consumers of events do.
  void Record(int database, uint32_t kind, std::string_view bytes) override {
    if (log_ != nullptr) log_->open().AddOther(database, kind, bytes);
  }

 private:
  SnapshotWalk& walk_;
  LogWriter* log_ = nullptr;
};

// Consumers of events and their backlogs as data to keep: in snapshots, and from files back to
// memory. events.h says in which order a host puts it together.
class EventKeeper : public OtherSource, public OtherSink {
 public:
  // `events` outlives it.
  explicit EventKeeper(Events& events) : events_(events) {}

  void BeginSave(OtherReceiver& to) override {
    Receiver receiver(to);
    events_.BeginSave(receiver);
  }
  bool SaveSome(OtherReceiver& to) override {
    Receiver receiver(to);
    return events_.SaveOne(receiver);
  }
  void AbortSave() override { events_.EndSave(); }

  Status Other(int database, uint32_t kind, std::string_view bytes) override {
    events_.BeginLoading();
    return events_.Apply(database, kind, bytes);
  }
  Effects* ReplayEffects() override {
    events_.BeginLoading();
    return &events_;
  }
  std::optional<DetachedItems> TakeFlushed(int database, DetachedItems items) override {
    return events_.TakeFlushed(database, std::move(items));
  }

 private:
  class Receiver : public EventJournal {
   public:
    explicit Receiver(OtherReceiver& to) : to_(to) {}
    void Record(int database, uint32_t kind, std::string_view bytes) override {
      to_.AddOther(database, kind, bytes);
    }

   private:
    OtherReceiver& to_;
  };

  Events& events_;
};

}  // namespace ampt
