#include "tests/crash/simulated_server.h"

#include <algorithm>

namespace ampt {

Status SimulatedServer::Start() {
  Result<Recovered> recovered =
      Recover(disk_, kDataDirectory, random_.Next(), databases_.all(),
              options_.events ? &events_.keeper() : nullptr, RecoveryProgress());
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
  databases_.SetEffects(&listeners_);
  if (options_.events) AMPT_RETURN_IF_ERROR(StartEvents());
  digests_.push_back(databases_.Digest());
  last_sequences_.push_back(next_sequence_ - 1);
  return Status::Ok();
}

Status SimulatedServer::StartEvents() {
  const Loaded copy = Load(*disk_.Kill(1), true);
  if (!copy.status.ok()) return copy.status;
  events_.Start(log_ != nullptr ? &effects_ : nullptr, *copy.events, clock_.NowMs(),
                log_ != nullptr);
  walk_.set_other_source(&events_.keeper());
  if (log_ == nullptr) return Status::Ok();
  // No id may be given out before what reserves it is on the disk.
  log_->set_policy(SyncPolicy::kAlways);
  for (int tries = 0; log_->synced_sequence() < log_->last_sequence(); ++tries) {
    if (tries == 20) return Status::Err("the log cannot be written");
    if (log_->StartJob(clock_.NowMs())) FinishLogJob();
    clock_.Advance(1000);
  }
  log_->set_policy(options_.policy);
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
    if (!options_.events) {
      detached_.push_back(keyspace.Detach());
    } else if (std::optional<DetachedItems> left = events_.Flush(keyspace)) {
      detached_.push_back(std::move(*left));
    }
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
  events_.set_turn(digests_.size(), clock_.NowMs());
  const bool refused = writes_refused() || (log_ != nullptr && log_->MustWait(clock_.NowMs()));
  if (refused) {
    ++refused_turns_;
    // Expiry goes on.
    if (random_.OneIn(4)) Write(true);
  } else {
    const uint64_t writes = random_.Below(5);
    for (uint64_t n = 0; n < writes; ++n) Write(false);
    for (int n = 0; options_.events && n < 4; ++n) events_.Act();
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
  if (options_.events) events_.Work(!walk_.holds_detached_items());
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

std::optional<std::pair<size_t, size_t>> SimulatedServer::Legality(uint64_t digest) const {
  if (digests_.empty()) return std::pair<size_t, size_t>(0, 0);
  std::optional<std::pair<size_t, size_t>> range;
  const auto take = [&](size_t turn) {
    if (!range) range = {turn, turn};
    range = {std::min(range->first, turn), std::max(range->second, turn)};
  };
  if (!options_.appendonly) {
    // Only saves count, and only the last one or, while it is being made known, the next.
    for (const size_t turn : {promised_, save_turn_}) {
      if (digests_[turn] == digest) take(turn);
    }
    return range;
  }
  for (size_t turn = promised_; turn < digests_.size(); ++turn) {
    if (digests_[turn] == digest) take(turn);
  }
  // Effects of the turn that is being made.
  if (databases_.Digest() == digest) take(digests_.size());
  return range;
}

std::string SimulatedServer::Problem(const Loaded& loaded) const {
  const auto range = Legality(loaded.digest);
  if (!range) return "an illegal state";
  if (!options_.events || !loaded.events || digests_.empty()) return "";
  return events_.Problem(*loaded.events, range->first, range->second);
}

}  // namespace ampt
