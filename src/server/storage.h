// Storage: the databases on disk. Drives persistence/ (persistence.h says how) with the event loop,
// libuv's worker threads and the settings.
//
//   start     a worker loads while the loop answers LOADING
//   a turn    commands -> effects -> EndTurn(): what they did is handed to a worker to write and
//             sync; replies wait for kept_sequence() where `appendfsync always` promises it
//   between   DoSome(): a slice of a running save
//   end       Close(): everything written, synced and marked as such
//
// The loop itself never waits for a disk, but at Close(), Reload() and when `appendonly` is turned
// off. All times inside are of the stopwatch, so that DEBUG CLOCK stops no fsync.
#pragma once

#include <uv.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "commands/context.h"
#include "persistence/persistence.h"
#include "persistence/recovery.h"
#include "persistence/rewrite.h"
#include "server/failpoints.h"
#include "server/log.h"
#include "server/server_clock.h"
#include "server/settings.h"
#include "server/worker_job.h"

namespace ampt {

// What INFO tells of it.
struct StorageFigures {
  bool loading = false;
  int64_t loading_start_s = 0;
  uint64_t loading_total_bytes = 0;
  uint64_t loading_loaded_bytes = 0;
  int64_t loading_eta_s = 0;

  uint64_t changes_since_save = 0;
  bool saving = false;
  bool save_scheduled = false;
  int64_t last_save_s = 0;  // epoch; of the start if there was none
  bool last_save_ok = true;
  int64_t last_save_duration_s = -1;
  int64_t current_save_duration_s = -1;
  uint64_t saves = 0;  // that succeeded
  uint64_t last_load_items = 0;
  uint64_t last_load_effects = 0;

  bool log_enabled = false;
  bool log_ok = true;
  std::string log_failure;  // empty: none
  uint64_t log_bytes = 0;
  uint64_t base_bytes = 0;
  uint64_t pending_bytes = 0;
  bool syncing = false;
  uint64_t syncs = 0;
  uint64_t delayed_syncs = 0;
};

class Storage {
 public:
  // Called on the loop.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The databases are there; or why they cannot be had, and the server must end.
    virtual void LoadEnded(const Status& status) = 0;
    // Writes have become safe, or could not be written: look at kept_sequence(), WriteRefusal() and
    // WritersMustWait() again.
    virtual void LogAdvanced() = 0;
    virtual void SaveEnded(const Status& status) = 0;
  };

  // All outlive it. `path`: the data directory.
  Storage(uv_loop_t* loop, Owner& owner, std::string path, const Settings& settings, Log& log,
          ServerClock& clock, Databases& databases, uint64_t random);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Who has more to keep than items. Before StartLoading().
  void set_keeper(EventKeeper& keeper) {
    other_sink_ = &keeper;
    walk_.set_other_source(&keeper);
  }
  // Called before the log is closed, for last words.
  void set_before_close(std::function<void()> last_words) { last_words_ = std::move(last_words); }

  // Told how long a write of the log took; null (the default): nobody.
  void set_on_log_written(std::function<void(int64_t nanos)> on_log_written) {
    on_log_written_ = std::move(on_log_written);
  }

  // Begins; LoadEnded() tells the end, perhaps before this returns. Until then the databases belong
  // to a worker.
  void StartLoading();
  bool loading() const { return loading_; }

  // To be told of every change once loaded.
  Effects& effects() { return effects_; }
  EventJournal& journal() { return effects_; }
  // Has all that was logged so far written and synced. Blocking.
  Status SyncNow();
  SnapshotWalk& walk() { return walk_; }
  // Null: `appendonly no`, or not loaded yet.
  LogWriter* log_writer() { return log_.get(); }

  // --- each turn ---
  // What shows all changes so far is kept when this sequence is.
  uint64_t last_sequence() const { return log_ != nullptr ? log_->last_sequence() : 0; }
  // While the log fails reads go on, so nothing new is held back.
  bool HoldsBack(uint64_t sequence) const {
    return log_ != nullptr && !log_->IsKept(sequence) && log_->failure().ok();
  }
  // --- a command that goes on over several turns ---
  // What the log has collected at some moment of a turn.
  using Mark = FrameBuffer::Mark;
  // Cost: a few loads.
  Mark mark() const { return log_ != nullptr ? log_->open().mark() : Mark{}; }
  // What was and will be changed since `mark` is one: none of it is written, and last_sequence()
  // leaves it out, before Release(). No save begins or goes on. Again: nothing. REQUIRES: no
  // EndTurn() since the mark.
  void Hold(Mark mark);
  void Release();
  // Instead: what was changed since the mark is never written, so it is not to be seen any more:
  // the server must end. False where nothing was.
  bool TakeBackHeld();

  // OK, or what a write is answered instead of being done.
  Status WriteRefusal() const;
  // All that shows no later sequence may be sent.
  uint64_t kept_sequence() const {
    const bool waits = log_ != nullptr && log_->policy() == SyncPolicy::kAlways;
    return waits ? log_->synced_sequence() : UINT64_MAX;
  }
  // Whether the log cannot be written now.
  bool log_failed() const { return log_ != nullptr && !log_->failure().ok(); }
  // Whether writes wait until LogAdvanced().
  bool WritersMustWait() const {
    return (log_ != nullptr && log_->MustWait(NowMs())) || walk_.writers_must_wait();
  }
  // After the commands of a turn. True if a save has begun: DoSome() has something to do.
  bool EndTurn();
  // A slice of a save, or none where the turn `is_busy` with commands and one is not due yet. True
  // if there is nothing more to do for now.
  bool DoSome(bool is_busy);
  // Ten times a second: saves that are due by themselves.
  void CheckSchedule();

  // --- commands ---
  // A save begins at the end of this turn; SaveEnded() tells. An error if one is running.
  Status RequestSave();
  // Another one when that is over.
  void SaveAgain() { save_again_ = true; }
  bool saving() const { return save_requested_ || (save_ != nullptr && save_->running()); }
  int64_t last_save_s() const { return last_save_s_; }
  // What a flush detached may be freed (see SnapshotWalk).
  bool MayFreeDetached() const { return !walk_.holds_detached_items(); }
  // After CONFIG SET. `appendonly no` waits for the disk.
  Status ApplySettings();
  // Has written and synced everything, saved if `save`. Blocking. After an error all goes on.
  Status Close(bool save);
  // Nothing runs any more when libuv has called back. Call before the loop's end, once.
  void CloseHandles();
  // Saves, empties the databases and loads them again (DEBUG RELOAD). Blocking. `forget` is called
  // between. After an error the databases may be empty: the server must end.
  Status Reload(const std::function<void()>& forget);
  Failpoints& failpoints() { return failpoints_; }

  StorageFigures Figures() const;

 private:
  struct Loaded {
    Status status;
    std::optional<Recovered> recovered;
    std::unique_ptr<LogWriter> log;
  };

  static TimeMs NowMs() { return ServerClock::StopwatchNanos() / 1'000'000; }
  Loaded Load(bool with_log, SyncPolicy policy);
  Status TakeLoaded(Loaded loaded);
  void StartJobs();
  void StartLogJob();
  void StartSaveJob();
  void LogJobEnded();
  // Until none runs: each, once finished, may begin the next.
  void FinishLogJobs();
  void SaveJobEnded();
  // Looks whether a save is over.
  void TakeSaveResult();
  void BeginSave();
  void SetTimer();
  // Ends a running save, or aborts it, on this thread.
  void AbortSave(const char* reason);
  void TakeScheduleSettings();
  uint64_t Changes() const;

  uv_loop_t* loop_;
  Owner& owner_;
  const std::string path_;
  const Settings& settings_;
  Log& server_log_;
  ServerClock& clock_;
  Databases& databases_;
  std::vector<Keyspace*> keyspaces_;
  uint64_t random_;
  OtherSink* other_sink_ = nullptr;
  std::function<void()> last_words_;
  std::function<void(int64_t nanos)> on_log_written_;
  int64_t log_job_began_nanos_ = 0;
  PosixDisk posix_disk_;
  Failpoints failpoints_;
  FailpointDisk failpoint_disk_{posix_disk_, failpoints_};
  Disk& disk_;

  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<LogWriter> log_;
  SnapshotWalk walk_;
  std::unique_ptr<BackgroundSave> save_;
  DurableEffects effects_;
  SaveSchedule schedule_;
  uint64_t next_sequence_ = 1;  // of a log to be opened
  uv_timer_t timer_;
  TimeMs timer_at_ms_ = kNoDeadline;
  TimeMs gathering_since_ms_ = 0;

  // Loading.
  bool loading_ = false;
  Loaded loaded_;
  std::atomic<bool> stop_loading_{false};
  std::atomic<uint64_t> loaded_bytes_{0};
  std::atomic<uint64_t> total_bytes_{0};
  int64_t loading_start_s_ = 0;
  TimeMs loading_since_ms_ = 0;
  uint64_t last_load_items_ = 0;
  uint64_t last_load_effects_ = 0;

  bool is_held_ = false;

  // Saving.
  bool save_requested_ = false;
  bool save_again_ = false;
  TimeMs save_began_ms_ = 0;
  int64_t slice_ended_us_ = 0;  // of the walk
  uint64_t changes_at_begin_ = 0;
  uint64_t changes_at_save_ = 0;
  int64_t last_save_s_ = 0;
  bool last_save_ok_ = true;
  int64_t last_save_duration_s_ = -1;
  uint64_t saves_ = 0;
  uint64_t base_bytes_ = 0;
  uint64_t base_raw_bytes_ = 0;  // before compression: what a log compares with
  bool log_was_ok_ = true;

  // Last, so that they end before what they work on.
  WorkerJob load_job_;
  WorkerJob log_job_;
  WorkerJob save_job_;
};

}  // namespace ampt
