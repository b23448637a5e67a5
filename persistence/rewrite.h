// BackgroundSave: a new base for a directory, taken while the server goes on.
//
// It is BGSAVE and BGREWRITEAOF in one, because here they are one: a snapshot of this moment
// becomes the base, and the log behind it begins with this moment. In order:
//
//   1. Begin(): the log rotates, the walk begins, both at the end of the same turn
//   2. slices on the loop fill blocks, jobs on a worker write them to a temporary file
//   3. the file is synced and named, the manifest replaced, old files removed
//
// A crash at any point leaves the old base with all of the log, or the new base with the log behind
// it. A failure leaves the old one and nothing else behind.
//
// Driven like the log, with jobs of its own, which may run beside the log's:
//
//   every turn, between clients:   save.DoSome(clock, limits::kSliceMicros)
//   at the end of a turn, and when a job of the log has finished:
//     if (save.StartJob()) { on a worker: save.RunJob(); back on the loop: save.FinishJob(); }
//   if (auto result = save.TakeResult()) …
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "persistence/data_directory.h"
#include "persistence/log_writer.h"
#include "persistence/snapshot.h"

namespace ampt {

struct SaveResult {
  Status status;
  // Of a save that succeeded:
  TimeMs began_ms = 0;  // the moment it shows
  uint64_t bytes = 0;
  uint64_t raw_bytes = 0;  // before compression
  uint64_t items = 0;
};

class BackgroundSave {
 public:
  // Both outlive it. The walk hears of all changes (DurableEffects).
  BackgroundSave(DataDirectory& directory, SnapshotWalk& walk)
      : directory_(directory), walk_(walk) {}

  void set_compress(bool compress) { compress_ = compress; }

  // At the end of a turn. `log`: the server's, or null where there is none; it outlives the save.
  // `sequence`: without a log, what Recover() gave as next_sequence, less one. An error where one
  // is running, where an aborted one still clears its marks, or where the log fails (a lost one is
  // no hindrance: a save is what it needs).
  Status Begin(LogWriter* log, uint64_t sequence, TimeMs now_ms);
  bool running() const { return state_ != State::kIdle; }
  TimeMs began_ms() const { return result_.began_ms; }

  // A slice of the walk. True when there is nothing to do on the loop for now.
  bool DoSome(Clock& clock, int64_t micros) { return walk_.DoSome(clock, micros); }

  bool StartJob();
  void RunJob();
  void FinishJob();
  bool job_running() const { return job_running_; }

  // Ends it with that error, in a job or two. Too late once the new base is being made known: that
  // takes no longer than to abort.
  void Abort(Status reason);

  // Once for each save, when it is over.
  std::optional<SaveResult> TakeResult();

 private:
  enum class State : uint8_t { kIdle, kWriting, kCommitting, kAborting, kClearing };
  enum class Job : uint8_t { kBlocks, kFinish, kDiscard };

  Status WriteBlocks();
  Status FinishFile();
  void Fail(Status reason);
  void End();

  DataDirectory& directory_;
  SnapshotWalk& walk_;
  bool compress_ = true;

  State state_ = State::kIdle;
  LogWriter* log_ = nullptr;
  SnapshotHeader header_;
  SaveResult result_;
  std::optional<SaveResult> over_;
  bool job_running_ = false;

  // Handed over with a job.
  Job job_ = Job::kBlocks;
  std::vector<SnapshotBlock> blocks_;
  Status job_status_;
  // The worker's.
  std::unique_ptr<SnapshotFile> file_;
};

// Drives a save to its end on this thread: SAVE and SHUTDOWN SAVE. Begins one unless one is
// running. REQUIRES: no job of either is running. Blocking; the clock must run.
Status SaveNow(BackgroundSave& save, LogWriter* log, uint64_t sequence, Clock& clock);

// When to save without being asked.
class SaveSchedule {
 public:
  struct Rule {
    int64_t seconds;   // since the last save …
    uint64_t changes;  // … and so many changes since then
  };
  std::vector<Rule> rules;                 // `save`
  uint64_t rewrite_percentage = 100;       // `auto-aof-rewrite-percentage`; 0: never
  uint64_t rewrite_min_bytes = 64u << 20;  // `auto-aof-rewrite-min-size`

  // A server that has just loaded counts as saved at that moment.
  void Started(TimeMs now_ms) { saved_ms_ = now_ms; }
  void Saved(TimeMs began_ms) {
    saved_ms_ = began_ms;
    failures_ = 0;
  }
  // Waits 5 s before the next try, and twice as long after each further failure, up to 5 minutes.
  void Failed(TimeMs now_ms);

  // Whether a rule asks for a save. `changes`: since the last save began.
  bool SaveIsDue(TimeMs now_ms, uint64_t changes) const;
  // Whether the log has grown by the percentage over what base and log took after the last save.
  bool RewriteIsDue(TimeMs now_ms, uint64_t base_bytes, uint64_t log_bytes) const;
  bool backing_off(TimeMs now_ms) const { return failures_ > 0 && now_ms < retry_ms_; }

 private:
  TimeMs saved_ms_ = 0;
  int failures_ = 0;
  TimeMs retry_ms_ = 0;
};

}  // namespace ampt
