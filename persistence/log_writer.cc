#include "persistence/log_writer.h"

#include <algorithm>

#include "base/assert.h"

namespace ampt {

namespace {

constexpr TimeMs kSyncEveryMs = 1000;
constexpr TimeMs kMostUnsyncedMs = 2000;
constexpr TimeMs kRetryEveryMs = 1000;
// A buffer that one huge turn has made larger than this gives its memory back.
constexpr size_t kKeptBufferBytes = 16u << 20;
// How far ahead of its end a file gets its room on the disk: a sync of bytes that have theirs takes
// two thirds of the time.
constexpr uint64_t kReservedBytes = 8u << 20;

Status Refusal(const Status& reason) {
  return Status::Coded("MISCONF",
                       "the append-only file cannot be written, so no write is accepted "
                       "until it can: " +
                           reason.text());
}

}  // namespace

// --- FrameBuffer
// ----------------------------------------------------------------------------------

std::string_view FrameBuffer::Finish(uint64_t synced_offset, uint64_t salt) {
  const std::string_view payload = std::string_view(bytes_).substr(FrameHeader::kBytes);
  header_.payload_bytes = payload.size();
  header_.synced_offset = synced_offset;
  header_.payload_checksum = Checksum(payload, salt);
  WriteHeader(header_, salt, bytes_.data());
  return bytes_;
}

void FrameBuffer::MoveSince(Mark mark, FrameBuffer& to) {
  to.bytes_.append(bytes_, mark.bytes);
  to.header_.effects = header_.effects - mark.effects;
  bytes_.resize(mark.bytes);
  header_.effects = mark.effects;
}

void FrameBuffer::Append(FrameBuffer& from) {
  bytes_.append(from.bytes_, FrameHeader::kBytes);
  header_.effects += from.header_.effects;
  from.Clear(0);
}

void FrameBuffer::Clear(uint64_t sequence) {
  header_ = {};
  header_.sequence = sequence;
  since_ms.reset();
  if (bytes_.capacity() > kKeptBufferBytes) std::string().swap(bytes_);
  bytes_.resize(FrameHeader::kBytes);
}

// --- LogFile
// --------------------------------------------------------------------------------------

Result<std::unique_ptr<LogFile>> LogFile::Create(DataDirectory& directory, uint64_t number,
                                                 uint64_t first_sequence) {
  Result<std::unique_ptr<File>> file =
      directory.disk().Open(directory.SegmentPath(number), OpenMode::kCreate);
  if (!file.ok()) return file.status();
  const SegmentHeader header{directory.manifest().directory_id, number, first_sequence,
                             directory.SaltFor(number)};
  char bytes[SegmentHeader::kBytes];
  WriteHeader(header, bytes);
  AMPT_RETURN_IF_ERROR((*file)->WriteAt(0, {bytes, sizeof bytes}));
  AMPT_RETURN_IF_ERROR((*file)->Sync());
  AMPT_RETURN_IF_ERROR(directory.disk().SyncDirectory(directory.path()));
  return std::unique_ptr<LogFile>(
      new LogFile(std::move(*file), number, header.salt, sizeof bytes, first_sequence));
}

Result<std::unique_ptr<LogFile>> LogFile::Continue(DataDirectory& directory, uint64_t number,
                                                   uint64_t end, uint64_t next_sequence) {
  Result<std::unique_ptr<File>> file =
      directory.disk().Open(directory.SegmentPath(number), OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  char bytes[SegmentHeader::kBytes];
  Result<size_t> got = (*file)->ReadAt(0, bytes, sizeof bytes);
  if (!got.ok()) return got.status();
  SegmentHeader header;
  AMPT_RETURN_IF_ERROR(ReadHeader(std::string_view(bytes, *got), &header));
  return std::unique_ptr<LogFile>(
      new LogFile(std::move(*file), number, header.salt, end, next_sequence));
}

Status LogFile::Write(FrameBuffer& frame) {
  if (frame.sequence() < next_sequence_) return Status::Ok();
  AMPT_ASSERT(frame.sequence() == next_sequence_ && !cut_due_);
  const std::string_view bytes = frame.Finish(synced_, salt_);
  if (end_ + bytes.size() > reserved_) {
    const uint64_t from = std::max(reserved_, end_);
    reserved_ = end_ + bytes.size() + kReservedBytes;
    file_->Reserve(from, reserved_ - from);
  }
  if (Status status = file_->WriteAt(end_, bytes); !status.ok()) {
    cut_due_ = true;
    return status;
  }
  end_ += bytes.size();
  ++next_sequence_;
  return Status::Ok();
}

Status LogFile::Sync() {
  if (Status status = file_->Sync(); !status.ok()) {
    unsure_ = true;
    return status;
  }
  unsure_ = false;
  synced_ = end_;
  unsynced_sequence_ = next_sequence_;
  return Status::Ok();
}

Status LogFile::Repair() {
  if (cut_due_) {
    AMPT_RETURN_IF_ERROR(file_->Truncate(end_));
    cut_due_ = false;
  }
  return unsure_ ? WriteAgain() : Status::Ok();
}

void LogFile::GiveBackReserve() {
  if (reserved_ <= end_) return;
  // It changes no byte of the file, so it may as well fail.
  [[maybe_unused]] const Status status = file_->Truncate(end_);
  reserved_ = end_;
}

Status LogFile::WriteAgain() {
  // Two passes, so that nothing is touched before it is clear that all is there.
  for (const bool write : {false, true}) {
    uint64_t at = synced_;
    for (uint64_t sequence = unsynced_sequence_; sequence < next_sequence_; ++sequence) {
      std::string bytes(FrameHeader::kBytes, '\0');
      Result<size_t> got = file_->ReadAt(at, bytes.data(), bytes.size());
      if (!got.ok()) return got.status();
      FrameHeader header;
      bool good = *got == bytes.size() && ReadHeader(bytes, salt_, &header) &&
                  header.sequence == sequence &&
                  header.payload_bytes <= end_ - at - FrameHeader::kBytes;
      if (good) {
        bytes.resize(FrameHeader::kBytes + static_cast<size_t>(header.payload_bytes));
        got = file_->ReadAt(at, bytes.data(), bytes.size());
        if (!got.ok()) return got.status();
        good = *got == bytes.size() && Checksum(std::string_view(bytes).substr(FrameHeader::kBytes),
                                                salt_) == header.payload_checksum;
      }
      if (!good) {
        return Status::Coded("LOST", "frame " + std::to_string(sequence) + " of " + path() +
                                         " is gone after a failed sync; a new snapshot "
                                         "(BGREWRITEAOF) is needed");
      }
      if (write) AMPT_RETURN_IF_ERROR(file_->WriteAt(at, bytes));
      at += bytes.size();
    }
    AMPT_ASSERT(at == end_ || unsynced_sequence_ == next_sequence_);
  }
  return Status::Ok();
}

// --- LogWriter: collecting
// ------------------------------------------------------------------------

LogWriter::LogWriter(DataDirectory& directory, uint64_t next_sequence, SyncPolicy policy)
    : directory_(directory),
      policy_(policy),
      last_closed_(next_sequence - 1),
      written_sequence_(next_sequence - 1),
      synced_sequence_(next_sequence - 1),
      boundary_sequence_(next_sequence - 1) {
  open_.Clear(next_sequence);
}

Result<std::unique_ptr<LogWriter>> LogWriter::Open(DataDirectory& directory,
                                                   const LogPosition& position, SyncPolicy policy) {
  std::unique_ptr<LogWriter> log(new LogWriter(directory, position.next_sequence, policy));
  const Manifest& manifest = directory.manifest();
  if (manifest.segments.empty()) {
    const uint64_t number = directory.TakeNumber();
    Result<std::unique_ptr<LogFile>> file =
        LogFile::Create(directory, number, position.next_sequence);
    if (!file.ok()) return file.status();
    log->file_ = std::move(*file);
    Manifest next = manifest;
    next.segments.push_back(number);
    AMPT_RETURN_IF_ERROR(directory.Commit(next));
  } else {
    Result<std::unique_ptr<LogFile>> file = LogFile::Continue(
        directory, manifest.segments.back(), position.segment_bytes, position.next_sequence);
    if (!file.ok()) return file.status();
    log->file_ = std::move(*file);
  }
  log->named_ = log->has_file_ = true;
  log->segment_bytes_ = log->file_->end();
  log->earlier_bytes_ = position.earlier_bytes;
  return log;
}

std::unique_ptr<LogWriter> LogWriter::OpenDetached(DataDirectory& directory, uint64_t next_sequence,
                                                   SyncPolicy policy) {
  std::unique_ptr<LogWriter> log(new LogWriter(directory, next_sequence, policy));
  log->detached_ = true;
  return log;
}

void LogWriter::NoteTime(TimeMs now_ms) {
  if (!open_.empty() && !open_.since_ms) open_.since_ms = now_ms;
}

std::optional<TimeMs> LogWriter::OldestUnsynced() const {
  std::optional<TimeMs> oldest = unsynced_since_ms_;
  const auto consider = [&](const std::optional<TimeMs>& since_ms) {
    if (since_ms && (!oldest || *since_ms < *oldest)) oldest = since_ms;
  };
  if (writing_due_) consider(writing_.since_ms);
  if (sealed_due_) consider(sealed_.since_ms);
  consider(open_.since_ms);
  return oldest;
}

bool LogWriter::MustWait(TimeMs now_ms) const {
  if (policy_ != SyncPolicy::kEverySecond || !has_file_ || failed_) return false;
  const std::optional<TimeMs> oldest = OldestUnsynced();
  return oldest && now_ms - *oldest >= kMostUnsyncedMs;
}

void LogWriter::CloseOpen(FrameBuffer* into) {
  if (!open_.empty()) last_closed_ = open_.sequence();
  std::swap(open_, *into);
  open_.Clear(into->sequence() + 1);
}

uint64_t LogWriter::Rotate() {
  AMPT_ASSERT(!rotate_due_ && !sealed_due_);
  rotate_number_ = directory_.TakeNumber();
  rotation_result_.reset();
  commit_result_.reset();
  rotate_due_ = true;
  if (!has_file_) {
    // What was collected since is in the snapshot that begins here.
    writing_due_ = false;
    unsynced_since_ms_.reset();
    const uint64_t next = open_.sequence() + (open_.empty() ? 0 : 1);
    last_closed_ = next - 1;
    open_.Clear(next);
  } else if (!open_.empty()) {
    CloseOpen(&sealed_);
    sealed_due_ = true;
  }
  boundary_sequence_ = open_.sequence() - 1;
  return rotate_number_;
}

void LogWriter::CommitBase(uint64_t number) {
  commit_result_.reset();
  commit_due_ = number;
}

// --- LogWriter: driving
// ---------------------------------------------------------------------------

TimeMs LogWriter::NextJobMs() const {
  if (job_running_) return kNoDeadline;
  if (failed_) return retry_at_ms_;
  if (rotate_due_ || commit_due_) return 0;
  if (!has_file_) return kNoDeadline;
  if (writing_due_ || sealed_due_ || !open_.empty()) return 0;
  if (policy_ == SyncPolicy::kNo || !unsynced_since_ms_) return kNoDeadline;
  return policy_ == SyncPolicy::kAlways ? 0 : *unsynced_since_ms_ + kSyncEveryMs;
}

bool LogWriter::StartJob(TimeMs now_ms) {
  if (job_running_) return false;
  NoteTime(now_ms);
  if (failed_ && now_ms < retry_at_ms_) return false;
  job_ = Job();
  if (has_file_) {
    if (!writing_due_ && sealed_due_) {
      std::swap(writing_, sealed_);
      writing_due_ = true;
      sealed_due_ = false;
    } else if (!writing_due_ && !rotate_due_ && (!open_.empty() || failed_)) {
      // After a failure even an empty frame will do, to see whether the disk works.
      CloseOpen(&writing_);
      writing_due_ = true;
    }
    job_.write = writing_due_;
  }
  job_.rotate = rotate_due_ && !sealed_due_;
  job_.rotate_number = rotate_number_;
  job_.rotate_first_sequence = boundary_sequence_ + 1;
  job_.commit = commit_due_;
  if (has_file_) {
    job_.sync = failed_ || job_.rotate;
    if (policy_ == SyncPolicy::kAlways) {
      job_.sync = job_.sync || job_.write || unsynced_since_ms_;
    } else if (policy_ == SyncPolicy::kEverySecond) {
      const std::optional<TimeMs> oldest = OldestUnsynced();
      job_.sync = job_.sync || (oldest && now_ms - *oldest >= kSyncEveryMs);
    }
  }
  job_running_ = job_.write || job_.sync || job_.rotate || job_.commit;
  job_started_ms_ = now_ms;
  return job_running_;
}

void LogWriter::RunJob() {
  job_.status = DoJob();
  if (!job_.status.ok() && job_.status.text().starts_with("LOST ")) {
    job_.lost = true;
    file_.reset();
    named_ = false;
  }
  if (file_ != nullptr) job_.segment_bytes = file_->end();
}

Status LogWriter::DoJob() {
  // First, and whatever becomes of the rest: it removes old files, which may be what a full disk
  // waits for.
  if (job_.commit) job_.committed = DoCommit();
  if (file_ != nullptr) {
    AMPT_RETURN_IF_ERROR(file_->Repair());
    if (job_.write) {
      AMPT_RETURN_IF_ERROR(file_->Write(writing_));
      job_.written = true;
    }
    if (job_.sync) {
      AMPT_RETURN_IF_ERROR(file_->Sync());
      job_.synced = true;
    }
  }
  return job_.rotate ? DoRotation() : Status::Ok();
}

Status LogWriter::DoCommit() {
  if (file_ == nullptr) {
    if (!directory_.in_doubt()) directory_.Discard(directory_.BasePath(*job_.commit));
    return Status::Err("the log was lost while the snapshot was taken; take another");
  }
  Manifest next = directory_.manifest();
  next.base = *job_.commit;
  next.segments = {file_->number()};
  if (Status status = directory_.Commit(next); !status.ok()) {
    if (!directory_.in_doubt()) directory_.Discard(directory_.BasePath(*job_.commit));
    return status;
  }
  named_ = true;
  return Status::Ok();
}

Status LogWriter::DoRotation() {
  // An error that is returned is the log's; one in job_.rotation only ends the rotation.
  if (next_file_ == nullptr) {
    Result<std::unique_ptr<LogFile>> file =
        LogFile::Create(directory_, job_.rotate_number, job_.rotate_first_sequence);
    if (!file.ok()) {
      directory_.Discard(directory_.SegmentPath(job_.rotate_number));
      job_.rotation = file.status();
      return Status::Ok();
    }
    next_file_ = std::move(*file);
  }
  if (named_) {
    Manifest next = directory_.manifest();
    next.segments.push_back(next_file_->number());
    if (Status status = directory_.Commit(next); !status.ok()) {
      // In doubt, a crash may reveal the new file: nothing may be written to the old one any more,
      // and there is no way but to try until it is certain.
      if (directory_.in_doubt()) return status;
      directory_.Discard(next_file_->path());
      next_file_.reset();
      job_.rotation = status;
      return Status::Ok();
    }
  } else if (file_ != nullptr && !directory_.in_doubt()) {
    directory_.Discard(file_->path());
  }
  if (file_ != nullptr) {
    job_.closed_bytes = file_->end();
    file_->GiveBackReserve();
  }
  file_ = std::move(next_file_);
  job_.rotation = Status::Ok();
  return Status::Ok();
}

void LogWriter::FinishJob(TimeMs now_ms) {
  AMPT_ASSERT(job_running_);
  job_running_ = false;
  if (job_.committed) {
    commit_due_.reset();
    commit_result_ = job_.committed;
    if (job_.committed->ok()) {
      detached_ = lost_ = false;
      earlier_bytes_ = 0;
      synced_sequence_ = std::max(synced_sequence_, boundary_sequence_);
    }
  }
  if (job_.written) {
    written_sequence_ = writing_.sequence();
    if (!unsynced_since_ms_) unsynced_since_ms_ = writing_.since_ms;
    writing_due_ = false;
    writing_.Clear(0);
  }
  if (job_.synced) {
    synced_sequence_ = std::max(synced_sequence_, written_sequence_);
    unsynced_since_ms_.reset();
    last_sync_ms_ = now_ms;
    ++syncs_;
    if (now_ms - job_started_ms_ > kMostUnsyncedMs) ++delayed_syncs_;
  }
  if (job_.rotation) {
    rotate_due_ = false;
    rotation_result_ = job_.rotation;
    if (job_.rotation->ok()) {
      has_file_ = true;
      earlier_bytes_ += job_.closed_bytes;
    }
  }
  if (job_.segment_bytes > 0) segment_bytes_ = job_.segment_bytes;

  failed_ = !job_.status.ok() && !job_.lost;
  if (!job_.status.ok()) {
    failure_ = Refusal(job_.status);
    retry_at_ms_ = now_ms + kRetryEveryMs;
  } else if (!lost_) {
    failure_ = Status::Ok();
  }
  if (job_.lost) BecomeLost();
}

void LogWriter::BecomeLost() {
  lost_ = detached_ = true;
  has_file_ = failed_ = false;
  sealed_due_ = writing_due_ = false;
  unsynced_since_ms_.reset();
  if (rotate_due_) {
    rotate_due_ = false;
    rotation_result_ = failure_;
  }
}

Status LogWriter::Close() {
  AMPT_ASSERT(!job_running_);
  if (file_ == nullptr || !named_) return failure_;
  Status status = DoClose();
  if (!status.ok()) {
    failure_ = Refusal(status);
    failed_ = true;
    retry_at_ms_ = 0;
    if (status.text().starts_with("LOST ")) {
      file_.reset();
      named_ = false;
      BecomeLost();
    }
  }
  return status;
}

Status LogWriter::DoClose() {
  AMPT_RETURN_IF_ERROR(file_->Repair());
  if (writing_due_) AMPT_RETURN_IF_ERROR(file_->Write(writing_));
  writing_due_ = false;
  if (sealed_due_) AMPT_RETURN_IF_ERROR(file_->Write(sealed_));
  sealed_due_ = false;
  if (!open_.empty()) {
    CloseOpen(&writing_);
    writing_due_ = true;
    AMPT_RETURN_IF_ERROR(file_->Write(writing_));
    writing_due_ = false;
  }
  AMPT_RETURN_IF_ERROR(file_->Sync());
  // A rotation in doubt: the new file, which is empty, may be part of the data or not, but what the
  // manifest says must not depend on a crash.
  if (directory_.in_doubt()) AMPT_RETURN_IF_ERROR(directory_.Commit(directory_.manifest()));
  CloseOpen(&writing_);
  writing_due_ = true;
  AMPT_RETURN_IF_ERROR(file_->Write(writing_));
  writing_due_ = false;
  file_->GiveBackReserve();
  return file_->Sync();
}

}  // namespace ampt
