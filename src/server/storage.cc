#include "server/storage.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

namespace ampt {
namespace {

// A load that is over so soon is waited for: no client ever hears LOADING.
constexpr std::chrono::milliseconds kUnnoticed{200};
// Unless each reply waits for it, a write gathers so much, or so long: a job costs two threads some
// microseconds each.
constexpr size_t kGatheredBytes = 128u << 10;
constexpr TimeMs kGatherMs = 5;
constexpr int64_t kShortestSliceMicros = 20;
// To one part of the time for the walk of a snapshot.
constexpr int64_t kOthersShare = 63;

// A clock for SaveNow, which waits for what is due.
class Stopwatch : public Clock {
 public:
  TimeMs NowMs() override { return ServerClock::StopwatchNanos() / 1'000'000; }
  int64_t StopwatchMicros() override { return ServerClock::StopwatchNanos() / 1000; }
};

// A status' text without the word that is for programs.
std::string_view Reason(const Status& status) {
  std::string_view text = status.text();
  for (const std::string_view word : {"ERR ", "MISCONF "}) {
    if (text.starts_with(word)) text.remove_prefix(word.size());
  }
  return text;
}

}  // namespace

Storage::Storage(uv_loop_t* loop, Owner& owner, std::string path, const Settings& settings,
                 Log& log, ServerClock& clock, Databases& databases, uint64_t random)
    : loop_(loop),
      owner_(owner),
      path_(std::move(path)),
      settings_(settings),
      server_log_(log),
      clock_(clock),
      databases_(databases),
      keyspaces_([&] {
        std::vector<Keyspace*> all;
        for (const auto& database : databases) all.push_back(database.get());
        return all;
      }()),
      random_(random),
      disk_(settings.enable_debug_command == DebugAccess::kNo
                ? static_cast<Disk&>(posix_disk_)
                : static_cast<Disk&>(failpoint_disk_)),
      walk_(keyspaces_),
      effects_(walk_),
      load_job_(loop),
      log_job_(loop),
      save_job_(loop) {
  uv_timer_init(loop, &timer_);
  timer_.data = this;
  TakeScheduleSettings();
}

Storage::~Storage() {
  stop_loading_ = true;
}

void Storage::CloseHandles() {
  stop_loading_ = true;
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
}

void Storage::TakeScheduleSettings() {
  schedule_.rules = settings_.save;
  schedule_.rewrite_percentage = static_cast<uint64_t>(settings_.auto_aof_rewrite_percentage);
  schedule_.rewrite_min_bytes = static_cast<uint64_t>(settings_.auto_aof_rewrite_min_size);
}

uint64_t Storage::Changes() const {
  uint64_t changes = 0;
  for (const auto& database : databases_) changes += database->changes();
  return changes;
}

// --- loading
// --------------------------------------------------------------------------------------

void Storage::StartLoading() {
  loading_ = true;
  loading_start_s_ = clock_.WallMicros() / 1'000'000;
  loading_since_ms_ = NowMs();
  load_job_.Start([this, with_log = settings_.appendonly,
                   policy = settings_.appendfsync] { loaded_ = Load(with_log, policy); },
                  [this] {
                    if (stop_loading_) return;  // the server is stopping: nobody wants it any more
                    loading_ = false;
                    owner_.LoadEnded(TakeLoaded(std::move(loaded_)));
                  });
  load_job_.FinishWithin(kUnnoticed);
}

Storage::Loaded Storage::Load(bool with_log, SyncPolicy policy) {
  Loaded loaded;
  Result<Recovered> recovered = Recover(disk_, path_, random_, keyspaces_, other_sink_,
                                        [this](uint64_t done, uint64_t total) {
                                          loaded_bytes_ = done;
                                          total_bytes_ = total;
                                          return !stop_loading_;
                                        });
  if (!recovered.ok()) {
    loaded.status = recovered.status();
    return loaded;
  }
  loaded.recovered = std::move(*recovered);
  if (!with_log) return loaded;
  Result<std::unique_ptr<LogWriter>> log =
      LogWriter::Open(*loaded.recovered->directory, loaded.recovered->log, policy);
  loaded.status = log.status();
  if (log.ok()) loaded.log = std::move(*log);
  return loaded;
}

Status Storage::TakeLoaded(Loaded loaded) {
  AMPT_RETURN_IF_ERROR(loaded.status);
  Recovered& recovered = *loaded.recovered;
  for (const std::string& warning : recovered.warnings) server_log_.Warning("{}", warning);
  last_load_items_ = recovered.base_items;
  last_load_effects_ = recovered.effects;
  if (recovered.base_items + recovered.effects > 0) {
    server_log_.Notice(
        "Loaded {} items from the snapshot and {} changes from the log in {:.3f} seconds",
        recovered.base_items, recovered.effects,
        static_cast<double>(NowMs() - loading_since_ms_) / 1000);
  }
  directory_ = std::move(recovered.directory);
  next_sequence_ = recovered.log.next_sequence;
  base_bytes_ = recovered.base_bytes;
  base_raw_bytes_ = recovered.base_raw_bytes;
  last_save_s_ = recovered.base_created_ms > 0 ? recovered.base_created_ms / 1000
                                               : clock_.WallMicros() / 1'000'000;
  log_ = std::move(loaded.log);
  effects_.set_log(log_.get());
  save_ = std::make_unique<BackgroundSave>(*directory_, walk_);
  save_->set_compress(settings_.rdbcompression);
  changes_at_save_ = changes_at_begin_ = Changes();
  schedule_.Started(NowMs());
  if (log_ == nullptr && recovered.has_log) {
    server_log_.Warning(
        "appendonly is no, but {} holds a log: it was loaded, and the first snapshot takes its "
        "place",
        path_);
  }
  return {};
}

// --- each turn
// ------------------------------------------------------------------------------------

Status Storage::WriteRefusal() const {
  if (log_ != nullptr) return log_->failure();
  if (!last_save_ok_ && settings_.stop_writes_on_bgsave_error && !schedule_.rules.empty()) {
    return Status::Coded(
        "MISCONF",
        "the latest snapshot could not be saved, and there is no log, so writes are refused until "
        "one can be (stop-writes-on-bgsave-error). The server's log and INFO say why.");
  }
  return {};
}

bool Storage::EndTurn() {
  if (save_ == nullptr) return false;
  const bool begins = save_requested_ && !is_held_;
  if (begins) BeginSave();
  StartJobs();
  return begins && save_->running();
}

void Storage::Hold(Mark mark) {
  if (std::exchange(is_held_, true) || log_ == nullptr) return;
  log_->Hold(mark);
}

void Storage::Release() {
  is_held_ = false;
  if (log_ != nullptr) log_->Release();
}

bool Storage::TakeBackHeld() {
  is_held_ = false;
  return log_ != nullptr && log_->DropHeld();
}

void Storage::StartJobs() {
  StartLogJob();
  if (!is_held_) StartSaveJob();
  SetTimer();
}

void Storage::StartLogJob() {
  if (log_ == nullptr || log_job_.running()) return;
  const TimeMs now_ms = NowMs();
  if (log_->policy() != SyncPolicy::kAlways && !save_->running() && log_->failure().ok() &&
      !log_->open().empty() && log_->pending_bytes() < kGatheredBytes) {
    if (gathering_since_ms_ == 0) gathering_since_ms_ = now_ms;
    if (now_ms - gathering_since_ms_ < kGatherMs) return;
  }
  if (!log_->StartJob(now_ms)) return;
  gathering_since_ms_ = 0;
  log_job_began_nanos_ = ServerClock::StopwatchNanos();
  log_job_.Start([log = log_.get()] { log->RunJob(); }, [this] { LogJobEnded(); });
}

void Storage::StartSaveJob() {
  if (save_job_.running()) return;
  if (save_->StartJob()) {
    save_job_.Start([save = save_.get()] { save->RunJob(); }, [this] { SaveJobEnded(); });
  }
  TakeSaveResult();
}

void Storage::LogJobEnded() {
  log_->FinishJob(NowMs());
  if (on_log_written_) on_log_written_(ServerClock::StopwatchNanos() - log_job_began_nanos_);
  const bool is_ok = log_->failure().ok();
  if (is_ok != log_was_ok_) {
    log_was_ok_ = is_ok;
    if (is_ok) {
      server_log_.Notice("The log is written again; writes are accepted");
    } else {
      server_log_.Warning("{}", Reason(log_->failure()));
    }
  }
  owner_.LogAdvanced();
  StartJobs();
}

void Storage::SaveJobEnded() {
  save_->FinishJob();
  // Blocks were taken: writers that waited for that may go on.
  owner_.LogAdvanced();
  StartJobs();
}

bool Storage::DoSome(bool is_busy) {
  if (save_ == nullptr || walk_.idle() || walk_.is_far_ahead()) return true;
  // Beside commands the walk gets a 64th of the time: the worker that compresses and writes
  // takes as much again where both have one core, and writes ahead of the walk, which copy what
  // was, the less the longer it lasts. Time that it left, as it was far ahead of the worker, it
  // gets at once, but no more than a slice.
  const int64_t share_us = (clock_.StopwatchMicros() - slice_ended_us_) / kOthersShare;
  if (is_busy && share_us < kShortestSliceMicros) return false;
  const int64_t slice_us = std::clamp(share_us, kShortestSliceMicros, limits::kSliceMicros);
  const bool done = save_->DoSome(clock_, slice_us);
  slice_ended_us_ = clock_.StopwatchMicros();
  StartJobs();
  return done || walk_.idle();
}

void Storage::SetTimer() {
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&timer_)) != 0) return;
  TimeMs at_ms = kNoDeadline;
  if (log_ != nullptr && !log_job_.running()) {
    at_ms = log_->NextJobMs();
    if (gathering_since_ms_ != 0) at_ms = std::max(at_ms, gathering_since_ms_ + kGatherMs);
  }
  if (at_ms == timer_at_ms_) return;
  timer_at_ms_ = at_ms;
  if (at_ms == kNoDeadline) {
    uv_timer_stop(&timer_);
    return;
  }
  uv_update_time(loop_);
  uv_timer_start(
      &timer_,
      [](uv_timer_t* timer) {
        Storage& self = *static_cast<Storage*>(timer->data);
        self.timer_at_ms_ = kNoDeadline;
        self.StartJobs();
      },
      static_cast<uint64_t>(std::max<TimeMs>(0, at_ms - NowMs())), 0);
}

// --- saving
// ---------------------------------------------------------------------------------------

Status Storage::RequestSave() {
  if (saving()) return Status::Err("Background save already in progress");
  save_requested_ = true;
  return {};
}

void Storage::CheckSchedule() {
  if (save_ == nullptr || saving()) return;
  const TimeMs now_ms = NowMs();
  if (log_ != nullptr && log_->needs_snapshot() && !schedule_.backing_off(now_ms)) {
    server_log_.Notice("Saving a snapshot, which the log needs to begin from");
    save_requested_ = true;
  } else if (const uint64_t changes = Changes() - changes_at_save_;
             schedule_.SaveIsDue(now_ms, changes)) {
    server_log_.Notice("{} changes since the latest snapshot. Saving...", changes);
    save_requested_ = true;
  } else if (log_ != nullptr &&
             schedule_.RewriteIsDue(now_ms, base_raw_bytes_, log_->file_bytes())) {
    server_log_.Notice("The log has grown to {} bytes beside a snapshot of {}. Rewriting...",
                       log_->file_bytes(), base_raw_bytes_);
    save_requested_ = true;
  }
}

void Storage::BeginSave() {
  save_requested_ = false;
  const TimeMs wall_ms = clock_.WallMicros() / 1000;
  const Status status = save_->Begin(log_.get(), next_sequence_ - 1, wall_ms);
  save_began_ms_ = NowMs();
  changes_at_begin_ = Changes();
  if (status.ok()) return;
  schedule_.Failed(NowMs());
  last_save_ok_ = false;
  server_log_.Warning("No snapshot can be saved now: {}", Reason(status));
  owner_.SaveEnded(status);
}

void Storage::TakeSaveResult() {
  const std::optional<SaveResult> result = save_->TakeResult();
  if (!result) return;
  last_save_ok_ = result->status.ok();
  last_save_duration_s_ = (NowMs() - save_began_ms_) / 1000;
  if (last_save_ok_) {
    schedule_.Saved(save_began_ms_);
    changes_at_save_ = changes_at_begin_;
    last_save_s_ = result->began_ms / 1000;
    base_bytes_ = result->bytes;
    base_raw_bytes_ = result->raw_bytes;
    ++saves_;
    server_log_.Notice("Snapshot saved: {} items, {} bytes, {:.3f} seconds", result->items,
                       result->bytes, static_cast<double>(NowMs() - save_began_ms_) / 1000);
  } else {
    schedule_.Failed(NowMs());
    server_log_.Warning("The snapshot could not be saved: {}", Reason(result->status));
  }
  owner_.SaveEnded(result->status);
  save_requested_ = std::exchange(save_again_, false) || save_requested_;
}

void Storage::FinishLogJobs() {
  while (log_job_.running()) log_job_.Finish();
}

void Storage::AbortSave(const char* reason) {
  Stopwatch stopwatch;
  save_job_.Finish();
  if (save_->running()) save_->Abort(Status::Err(reason));
  while (save_->running() || !walk_.idle()) {
    save_->DoSome(stopwatch, INT32_MAX);
    log_job_.Finish();
    save_job_.Finish();
    if (log_ != nullptr && log_->StartJob(NowMs())) {
      log_->RunJob();
      LogJobEnded();
      log_job_.Finish();
    }
    if (save_->running() && !save_job_.running() && save_->StartJob()) {
      save_->RunJob();
      save_->FinishJob();
    }
    TakeSaveResult();
    // Only a log that waits for its next try keeps it from going on.
    if (log_ != nullptr && !log_->failure().ok() && save_->running()) break;
  }
}

// --- settings, end
// --------------------------------------------------------------------------------

Status Storage::ApplySettings() {
  TakeScheduleSettings();
  if (save_ == nullptr) return {};
  save_->set_compress(settings_.rdbcompression);
  if (log_ != nullptr) log_->set_policy(settings_.appendfsync);
  Status status;
  if (settings_.appendonly && log_ == nullptr) {
    AbortSave("appendonly was turned on");
    log_ = LogWriter::OpenDetached(*directory_, next_sequence_, settings_.appendfsync);
    effects_.set_log(log_.get());
    log_was_ok_ = true;
    save_requested_ = true;
    server_log_.Notice("The log is turned on; it counts once a snapshot is saved");
  } else if (!settings_.appendonly && log_ != nullptr) {
    AbortSave("appendonly was turned off");
    FinishLogJobs();
    status = log_->Close();
    if (!status.ok()) server_log_.Warning("The log could not be closed: {}", Reason(status));
    next_sequence_ = log_->open().sequence();
    effects_.set_log(nullptr);
    log_.reset();
    gathering_since_ms_ = 0;
    server_log_.Notice("The log is turned off");
  }
  owner_.LogAdvanced();
  SetTimer();
  return {};
}

Status Storage::Close(bool save) {
  stop_loading_ = true;
  if (loading_) load_job_.Finish();
  if (save_ == nullptr) return {};
  save_requested_ = save_again_ = false;
  AbortSave("the server is stopping");
  FinishLogJobs();
  save_job_.Finish();
  Status status;
  if (save) {
    Stopwatch stopwatch;
    BeginSave();
    if (save_->running()) {
      status = SaveNow(*save_, log_.get(), next_sequence_ - 1, stopwatch);
      last_save_ok_ = status.ok();
    } else {
      status = Status::Err("no snapshot can be saved now");
    }
    if (status.ok()) server_log_.Notice("Snapshot saved");
  }
  if (log_ != nullptr && (status.ok() || !save)) {
    if (last_words_) last_words_();
    status = log_->Close();
  }
  return status;
}

Status Storage::SyncNow() {
  if (log_ == nullptr) return {};
  FinishLogJobs();
  const SyncPolicy policy = log_->policy();
  log_->set_policy(SyncPolicy::kAlways);
  while (log_->StartJob(NowMs())) {
    log_->RunJob();
    log_->FinishJob(NowMs());
  }
  log_->set_policy(policy);
  return log_->failure();
}

Status Storage::Reload(const std::function<void()>& forget) {
  AMPT_RETURN_IF_ERROR(Close(/*save=*/true));
  stop_loading_ = false;
  const bool with_log = log_ != nullptr;
  loading_since_ms_ = NowMs();
  effects_.set_log(nullptr);
  log_.reset();
  save_.reset();
  directory_.reset();
  forget();
  for (Keyspace* keyspace : keyspaces_) {
    keyspace->set_effects(nullptr);
    keyspace->Detach();
  }
  return TakeLoaded(Load(with_log, settings_.appendfsync));
}

StorageFigures Storage::Figures() const {
  StorageFigures figures;
  figures.loading = loading_;
  if (loading_) {
    const uint64_t done = loaded_bytes_;
    const uint64_t total = std::max<uint64_t>(total_bytes_, done);
    const TimeMs spent_ms = NowMs() - loading_since_ms_;
    figures.loading_start_s = loading_start_s_;
    figures.loading_total_bytes = total;
    figures.loading_loaded_bytes = done;
    figures.loading_eta_s = done == 0 ? 0
                                      : static_cast<int64_t>(static_cast<double>(spent_ms) *
                                                             static_cast<double>(total - done) /
                                                             static_cast<double>(done) / 1000) +
                                            1;
    return figures;
  }
  figures.changes_since_save = Changes() - changes_at_save_;
  figures.saving = save_ != nullptr && save_->running();
  figures.save_scheduled = save_requested_ || save_again_;
  figures.last_save_s = last_save_s_;
  figures.last_save_ok = last_save_ok_;
  figures.last_save_duration_s = last_save_duration_s_;
  if (figures.saving) figures.current_save_duration_s = (NowMs() - save_began_ms_) / 1000;
  figures.saves = saves_;
  figures.last_load_items = last_load_items_;
  figures.last_load_effects = last_load_effects_;
  figures.base_bytes = base_bytes_;
  if (log_ == nullptr) return figures;
  figures.log_enabled = true;
  figures.log_ok = log_->failure().ok();
  if (!figures.log_ok) figures.log_failure = Reason(log_->failure());
  figures.log_bytes = log_->file_bytes();
  figures.pending_bytes = log_->pending_bytes();
  figures.syncing = log_->job_running();
  figures.syncs = log_->syncs();
  figures.delayed_syncs = log_->delayed_syncs();
  return figures;
}

}  // namespace ampt
