#include "persistence/rewrite.h"

#include <algorithm>

#include "base/assert.h"

namespace ampt {

namespace {
// A job writes about this much, so that blocks go back to the walk soon, and a loop that has the
// same core as the worker waits for a fraction of a millisecond.
constexpr size_t kJobBytes = 256u << 10;
constexpr TimeMs kFirstRetryMs = 5000;
constexpr TimeMs kLastRetryMs = 300000;
}  // namespace

Status BackgroundSave::Begin(LogWriter* log, uint64_t sequence, TimeMs now_ms) {
  if (running()) return Status::Err("Background save already in progress");
  if (!walk_.idle()) return Status::Err("an aborted save is being cleared away; try again");
  if (log != nullptr && !log->failure().ok() && !log->needs_snapshot()) return log->failure();
  if (log != nullptr && log->rotating()) {
    return Status::Err("the log has not finished for the save before; try again");
  }
  log_ = log;
  header_ = {};
  if (log != nullptr) {
    header_.number = log->Rotate();
    header_.sequence = log->boundary_sequence();
  } else {
    header_.number = directory_.TakeNumber();
    header_.sequence = sequence;
  }
  header_.directory_id = directory_.manifest().directory_id;
  header_.created_ms = now_ms;
  header_.salt = ~directory_.SaltFor(header_.number);
  result_ = {};
  result_.began_ms = now_ms;
  over_.reset();
  walk_.Begin();
  state_ = State::kWriting;
  return Status::Ok();
}

bool BackgroundSave::StartJob() {
  if (job_running_) return false;
  if (state_ == State::kWriting) {
    if (log_ != nullptr && log_->rotation_result() && !log_->rotation_result()->ok()) {
      Fail(*log_->rotation_result());
    } else if (walk_.gave_up()) {
      Fail(Status::Err("the disk is too slow for a snapshot under so many writes"));
    }
  }
  if (state_ == State::kCommitting && log_ != nullptr && log_->commit_result()) {
    result_.status = *log_->commit_result();
    End();
  }
  if (state_ == State::kClearing && walk_.idle()) End();

  if (state_ == State::kWriting) {
    size_t bytes = 0;
    SnapshotBlock block;
    while (bytes < kJobBytes && walk_.TakeBlock(&block)) {
      bytes += block.bytes.size();
      blocks_.push_back(std::move(block));
    }
    const bool rotated = log_ == nullptr || log_->rotation_result();
    if (!blocks_.empty()) {
      job_ = Job::kBlocks;
    } else if (walk_.complete() && rotated) {
      job_ = Job::kFinish;
    } else {
      return false;
    }
    job_running_ = true;
  } else if (state_ == State::kAborting) {
    job_ = Job::kDiscard;
    job_running_ = true;
  }
  return job_running_;
}

void BackgroundSave::RunJob() {
  switch (job_) {
    case Job::kBlocks:
      job_status_ = WriteBlocks();
      break;
    case Job::kFinish:
      job_status_ = FinishFile();
      break;
    case Job::kDiscard:
      file_.reset();
      job_status_ = Status::Ok();
      break;
  }
}

Status BackgroundSave::WriteBlocks() {
  if (file_ == nullptr) {
    Result<std::unique_ptr<SnapshotFile>> file = SnapshotFile::Create(
        directory_.disk(), directory_.BasePath(header_.number), header_, compress_);
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
  }
  for (const SnapshotBlock& block : blocks_) AMPT_RETURN_IF_ERROR(file_->Add(block));
  return Status::Ok();
}

Status BackgroundSave::FinishFile() {
  // Of empty databases there was no block to make a file for.
  AMPT_RETURN_IF_ERROR(WriteBlocks());
  AMPT_RETURN_IF_ERROR(file_->Finish(directory_.path()));
  if (log_ != nullptr) return Status::Ok();
  Manifest next = directory_.manifest();
  next.base = header_.number;
  next.segments.clear();
  Status status = directory_.Commit(next);
  if (!status.ok() && !directory_.in_doubt()) {
    directory_.Discard(directory_.BasePath(header_.number));
  }
  return status;
}

void BackgroundSave::FinishJob() {
  AMPT_ASSERT(job_running_);
  job_running_ = false;
  for (SnapshotBlock& block : blocks_) walk_.Recycle(std::move(block));
  blocks_.clear();
  if (job_ == Job::kDiscard) {
    state_ = State::kClearing;
    if (walk_.idle()) End();
    return;
  }
  if (!job_status_.ok()) {
    if (state_ == State::kWriting) Fail(std::move(job_status_));
    return;
  }
  if (job_ != Job::kFinish || state_ != State::kWriting) return;
  result_.bytes = file_->file_bytes();
  result_.raw_bytes = file_->raw_bytes();
  result_.items = walk_.items();
  file_.reset();
  if (log_ != nullptr) {
    log_->CommitBase(header_.number);
    state_ = State::kCommitting;
  } else {
    End();
  }
}

void BackgroundSave::Abort(Status reason) {
  // A file that is being finished is past the point.
  if (state_ != State::kWriting || (job_running_ && job_ == Job::kFinish)) return;
  Fail(std::move(reason));
}

void BackgroundSave::Fail(Status reason) {
  result_.status = std::move(reason);
  walk_.Abort();
  state_ = State::kAborting;
}

void BackgroundSave::End() {
  state_ = State::kIdle;
  over_ = std::move(result_);
  log_ = nullptr;
}

std::optional<SaveResult> BackgroundSave::TakeResult() {
  return std::exchange(over_, std::nullopt);
}

Status SaveNow(BackgroundSave& save, LogWriter* log, uint64_t sequence, Clock& clock) {
  if (!save.running()) AMPT_RETURN_IF_ERROR(save.Begin(log, sequence, clock.NowMs()));
  while (true) {
    save.DoSome(clock, INT32_MAX);
    bool worked = false;
    if (log != nullptr && log->StartJob(clock.NowMs())) {
      log->RunJob();
      log->FinishJob(clock.NowMs());
      worked = true;
    }
    if (save.StartJob()) {
      save.RunJob();
      save.FinishJob();
      worked = true;
    }
    if (std::optional<SaveResult> result = save.TakeResult()) return result->status;
    // Only a log that waits for its next try keeps a save from going on.
    if (!worked && log != nullptr && !log->failure().ok()) save.Abort(log->failure());
  }
}

// --- SaveSchedule
// ---------------------------------------------------------------------------------

void SaveSchedule::Failed(TimeMs now_ms) {
  TimeMs wait_ms = kFirstRetryMs;
  for (int n = 0; n < failures_ && wait_ms < kLastRetryMs; ++n) wait_ms *= 2;
  ++failures_;
  retry_ms_ = now_ms + std::min(wait_ms, kLastRetryMs);
}

bool SaveSchedule::SaveIsDue(TimeMs now_ms, uint64_t changes) const {
  if (backing_off(now_ms)) return false;
  return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
    return changes >= rule.changes && now_ms - saved_ms_ >= rule.seconds * 1000;
  });
}

bool SaveSchedule::RewriteIsDue(TimeMs now_ms, uint64_t base_bytes, uint64_t log_bytes) const {
  if (rewrite_percentage == 0 || backing_off(now_ms)) return false;
  if (base_bytes + log_bytes < rewrite_min_bytes) return false;
  return log_bytes >= base_bytes / 100 * rewrite_percentage;
}

}  // namespace ampt
