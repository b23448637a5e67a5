#include "tests/crash/simulated_server.h"

#include <algorithm>

namespace ampt {

Status SimulatedServer::Start() {
  Result<Recovered> recovered =
      Recover(disk_, kDataDirectory, random_.Next(), databases_.all(), nullptr, RecoveryProgress());
  if (!recovered.ok()) return recovered.status();
  directory_ = std::move(recovered->directory);
  next_sequence_ = recovered->log.next_sequence;
  if (options_.appendonly) {
    Result<std::unique_ptr<LogWriter>> log =
        LogWriter::Open(*directory_, recovered->log, options_.policy);
    if (!log.ok()) return log.status();
    log_ = std::move(*log);
    effects_.set_log(log_.get());
  }
  save_ = std::make_unique<BackgroundSave>(*directory_, walk_);
  save_->set_compress(random_.OneIn(2));
  databases_.SetEffects(&effects_);
  digests_.push_back(databases_.Digest());
  last_sequences_.push_back(next_sequence_ - 1);
  return Status::Ok();
}

void SimulatedServer::Write(bool only_deletes) {
  Keyspace& keyspace = databases_[static_cast<int>(random_.Below(kTestDatabases))];
  const std::string key =
      "key:" + std::to_string(random_.Below(static_cast<uint64_t>(options_.keys)));
  KeyRef ref = keyspace.Open(key, INT64_MIN);
  const uint64_t what = random_.Below(100);
  if (only_deletes || what < 15) {
    if (ref.exists()) ref.Erase(only_deletes ? Origin::kExpired : Origin::kClient);
    return;
  }
  if (what < 17) {
    detached_.push_back(keyspace.Detach());
    return;
  }
  std::string value(random_.Below(options_.value_bytes), 'a');
  for (size_t i = 0; i < value.size(); i += 7) value[i] = static_cast<char>(random_.Next());
  if (random_.OneIn(50)) value.resize(20000, 'z');
  const auto now_s = static_cast<uint32_t>(clock_.NowMs() / 1000);
  if (ref.exists() && what < 40) {
    ref.SetValue(StringValue(value), now_s);
    return;
  }
  ItemState state;
  state.value = StringValue(value);
  state.created_s = ref.exists() ? ref.item().created_s() : now_s;
  state.modified_s = now_s;
  if (random_.OneIn(3))
    state.deadline_ms = clock_.NowMs() + static_cast<TimeMs>(random_.Below(5000));
  const std::string label = "label" + std::to_string(random_.Below(5));
  if (random_.OneIn(3)) state.labels[random_.Below(limits::kLabels)] = label;
  ref.Put(state);
}

void SimulatedServer::Turn() {
  const bool refused = writes_refused() || (log_ != nullptr && log_->MustWait(clock_.NowMs()));
  if (refused) {
    ++refused_turns_;
    // Expiry goes on.
    if (random_.OneIn(4)) Write(true);
  } else {
    const uint64_t writes = random_.Below(5);
    for (uint64_t n = 0; n < writes; ++n) Write(false);
  }
  EndTurn();
}

void SimulatedServer::EndTurn() {
  digests_.push_back(databases_.Digest());
  last_sequences_.push_back(log_ != nullptr ? log_->last_sequence() : 0);
  const bool wanted =
      random_.OneIn(options_.saves_one_in) || (log_ != nullptr && log_->needs_snapshot());
  if (wanted && !save_->running() && !save_->job_running()) {
    if (save_->Begin(log_.get(), next_sequence_ - 1, clock_.NowMs()).ok()) {
      save_turn_ = digests_.size() - 1;
    }
  }
  clock_.Advance(static_cast<TimeMs>(random_.Below(200)));
  Work();
}

void SimulatedServer::Work() {
  if (save_->running() || !walk_.idle()) {
    save_->DoSome(clock_, static_cast<int64_t>(random_.Below(4)));
    if (save_->running() && random_.OneIn(400))
      save_->Abort(Status::Err("the test changed its mind"));
  }
  if (!walk_.holds_detached_items()) detached_.clear();
  // A job that is under way ends now or in a later turn; others begin.
  if (log_ != nullptr) {
    if (!log_->job_running()) log_->StartJob(clock_.NowMs());
    if (log_->job_running() && random_.OneIn(2)) FinishLogJob();
  }
  if (!save_->job_running()) save_->StartJob();
  if (save_->job_running() && random_.OneIn(2)) FinishSaveJob();
  if (const std::optional<SaveResult> result = save_->TakeResult()) {
    ++(result->status.ok() ? saves_ : failed_saves_);
    if (result->status.ok()) promised_ = std::max(promised_, save_turn_);
  }
}

void SimulatedServer::FinishLogJob() {
  log_->RunJob();
  log_->FinishJob(clock_.NowMs());
  if (log_->needs_snapshot() && !was_lost_) ++losses_;
  was_lost_ = log_->needs_snapshot();
  NotePromise();
}

void SimulatedServer::FinishSaveJob() {
  save_->RunJob();
  save_->FinishJob();
}

void SimulatedServer::NotePromise() {
  // What a log writes that the manifest does not name is no promise.
  if (log_->needs_snapshot()) return;
  while (promised_ + 1 < digests_.size() &&
         last_sequences_[promised_ + 1] <= log_->synced_sequence()) {
    ++promised_;
  }
}

bool SimulatedServer::Settle() {
  for (int tries = 0; tries < 3000; ++tries) {
    EndTurn();
    digests_.back() = databases_.Digest();
    if (log_ != nullptr && log_->NextJobMs() > clock_.NowMs() && !log_->job_running() &&
        log_->NextJobMs() != kNoDeadline) {
      clock_.Advance(log_->NextJobMs() - clock_.NowMs());
    }
    const bool log_quiet = log_ == nullptr || (!log_->job_running() && log_->failure().ok() &&
                                               !log_->needs_snapshot() && !log_->rotating() &&
                                               log_->NextJobMs() == kNoDeadline);
    if (log_quiet && !save_->running() && !save_->job_running() && walk_.idle()) return true;
  }
  return false;
}

Status SimulatedServer::Close() {
  if (log_ == nullptr) {
    save_turn_ = digests_.size() - 1;
    AMPT_RETURN_IF_ERROR(SaveNow(*save_, nullptr, next_sequence_ - 1, clock_));
    promised_ = digests_.size() - 1;
    return Status::Ok();
  }
  AMPT_RETURN_IF_ERROR(log_->Close());
  promised_ = digests_.size() - 1;
  return Status::Ok();
}

bool SimulatedServer::IsLegal(uint64_t digest) const {
  if (!options_.appendonly) {
    // Only saves count, and only the last one or, while it is being made known, the next.
    return digest == digests_[promised_] || digest == digests_[save_turn_];
  }
  if (digests_.empty()) return true;
  for (size_t turn = promised_; turn < digests_.size(); ++turn) {
    if (digests_[turn] == digest) return true;
  }
  // Effects of the turn that is being made.
  return databases_.Digest() == digest;
}

}  // namespace ampt
