// LogWriter: the log of a running server.
//
// Two halves. The *collecting* half belongs to the event loop: it appends effects to a buffer (no
// system call, no allocation once the buffers have grown) and knows what was promised. The
// *working* half blocks: RunJob() writes, syncs and rotates, on a thread of the host's. They never
// meet: the host calls
//
//   if (log.StartJob(now_ms)) {          // on the loop, at the end of each turn and by a timer
//     on a worker: log.RunJob();
//     back on the loop: log.FinishJob(now_ms);
//   }
//
// with at most one job at a time, and FinishJob() before the next StartJob(). Between StartJob()
// and FinishJob() all of the collecting half may be used as ever.
//
// **Frames.** What is collected between two jobs becomes one frame: one write, atomic after a
// crash. So a turn, and all of an MSET, a transaction or a script in it, is whole or absent. The
// frame being collected has a number already; a reply that shows its effects waits for
// IsKept(number).
//
// **Failure.** When a write or sync fails, failure() turns into an error for clients and nothing is
// lost: the frame is kept, and once a second a job tries again. It first cuts what was written in
// part; where a sync failed, it reads all frames since the last good sync back, checks them and
// writes them again, as the system may have dropped them for good; then it writes and syncs. Only
// if they cannot be read back is the log *lost*: then needs_snapshot() is set, and nothing but a
// new snapshot (BackgroundSave) makes it whole again.
//
// **Rotation.** Rotate() ends the file at this very point; later frames go to a new file. A
// snapshot does so as it begins, and CommitBase() makes the directory mean "that snapshot and the
// files since that rotation". A log that was switched on in a running server (OpenDetached) writes
// into a file that the manifest does not name until then: the promise begins with the commit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "model/item.h"
#include "persistence/codec.h"
#include "persistence/data_directory.h"

namespace ampt {

enum class SyncPolicy : uint8_t {
  kAlways,       // every frame is synced before IsKept() says so
  kEverySecond,  // a sync begins once the oldest unsynced effect is a second old
  kNo,           // only rotation and closing sync
};

// Where the log of a directory ends, as Recover() found it.
struct LogPosition {
  uint64_t next_sequence = 1;
  uint64_t segment_bytes = 0;  // of the last file, its tail cut
  uint64_t earlier_bytes = 0;  // of all files before it
};

// One effect after another, with room for the header of the frame in front.
class FrameBuffer {
 public:
  FrameBuffer() { Clear(0); }

  bool empty() const { return header_.effects == 0; }
  uint64_t sequence() const { return header_.sequence; }
  // With the header; 0 where there is no effect.
  size_t bytes() const { return empty() ? 0 : bytes_.size(); }

  void AddPut(int database, std::string_view key, const ItemState& state) {
    AppendPut(database, key, state, &bytes_);
    ++header_.effects;
  }
  void AddDelete(int database, std::string_view key, DeleteReason reason) {
    AppendDelete(database, key, reason, &bytes_);
    ++header_.effects;
  }
  void AddFlush(int database) {
    AppendFlush(database, &bytes_);
    ++header_.effects;
  }
  void AddOther(int database, uint32_t kind, std::string_view bytes) {
    AppendOther(database, kind, bytes, &bytes_);
    ++header_.effects;
  }

  // How far it is.
  struct Mark {
    uint32_t effects = 0;
    size_t bytes = FrameHeader::kBytes;
  };
  Mark mark() const { return {header_.effects, bytes_.size()}; }
  // Moves the effects since the mark into another frame, which is empty. REQUIRES: Clear() was not
  // called since.
  void MoveSince(Mark mark, FrameBuffer& to);
  // Takes the effects of another frame behind its own.
  void Append(FrameBuffer& from);

  // The whole frame. Cost: two checksums of it.
  std::string_view Finish(uint64_t synced_offset, uint64_t salt);
  // Forgets the effects; keeps the memory unless it is very much.
  void Clear(uint64_t sequence);

  // When the first effect was seen by StartJob(); empty if it was not yet.
  std::optional<TimeMs> since_ms;

 private:
  FrameHeader header_;
  std::string bytes_;
};

// The file that frames are appended to. Blocking.
class LogFile {
 public:
  // Creates it, header and name durable. On an error it may be there all the same.
  static Result<std::unique_ptr<LogFile>> Create(DataDirectory& directory, uint64_t number,
                                                 uint64_t first_sequence);
  // Goes on behind `end` in one that was replayed and synced.
  static Result<std::unique_ptr<LogFile>> Continue(DataDirectory& directory, uint64_t number,
                                                   uint64_t end, uint64_t next_sequence);

  uint64_t number() const { return number_; }
  // Behind the last whole frame.
  uint64_t end() const { return end_; }
  uint64_t next_sequence() const { return next_sequence_; }
  const std::string& path() const { return file_->path(); }

  // A frame that is there already is not written again. REQUIRES: no frame is left out.
  Status Write(FrameBuffer& frame);
  Status Sync();
  // Undoes what failures did (see above); without any it does nothing. The code of the error is
  // LOST where frames are gone for good.
  Status Repair();
  // Nothing more will be written: the disk gets back what was reserved.
  void GiveBackReserve();

 private:
  LogFile(std::unique_ptr<File> file, uint64_t number, uint64_t salt, uint64_t end,
          uint64_t next_sequence)
      : file_(std::move(file)),
        number_(number),
        salt_(salt),
        end_(end),
        synced_(end),
        next_sequence_(next_sequence),
        unsynced_sequence_(next_sequence) {}
  Status WriteAgain();

  std::unique_ptr<File> file_;
  uint64_t number_;
  uint64_t salt_;
  uint64_t end_;
  uint64_t synced_;
  uint64_t reserved_ = 0;  // up to here the disk was asked for room
  uint64_t next_sequence_;
  uint64_t unsynced_sequence_;  // of the first frame behind synced_
  bool cut_due_ = false;        // there may be bytes behind end_
  bool unsure_ = false;         // a sync failed: frames behind synced_ may be gone
};

class LogWriter {
 public:
  // Goes on where Recover() ended; in a directory without a log it creates its first file.
  // Blocking. `directory` outlives the writer.
  static Result<std::unique_ptr<LogWriter>> Open(DataDirectory& directory,
                                                 const LogPosition& position, SyncPolicy policy);
  // A log for a server that runs without one. It needs_snapshot(), but failure() is OK.
  static std::unique_ptr<LogWriter> OpenDetached(DataDirectory& directory, uint64_t next_sequence,
                                                 SyncPolicy policy);

  // --- collecting -------------------------------------------------------------------------------

  FrameBuffer& open() { return *collecting_; }
  // A unit of effects that goes on: those since `mark` (of open()), and all from now on, are kept
  // apart, and with them nothing of it is written or has a number, until Release() puts them into
  // the frame that is collected then.
  void Hold(FrameBuffer::Mark mark) {
    open_.MoveSince(mark, held_);
    collecting_ = &held_;
  }
  void Release() {
    open_.Append(held_);
    collecting_ = &open_;
  }
  // Forgets them instead. False if there are none.
  bool DropHeld() {
    const bool has_effects = !held_.empty();
    held_.Clear(0);
    collecting_ = &open_;
    return has_effects;
  }
  // The newest frame that has effects. What a reply shows is kept when this one, read as the reply
  // was made, is. Cost: constant.
  uint64_t last_sequence() const { return open_.empty() ? last_closed_ : open_.sequence(); }
  // `always`: whether that frame and all before it are synced. Otherwise always true.
  bool IsKept(uint64_t sequence) const {
    return policy_ != SyncPolicy::kAlways || sequence <= synced_sequence_;
  }
  uint64_t written_sequence() const { return written_sequence_; }
  uint64_t synced_sequence() const { return synced_sequence_; }

  // OK, or what to answer to a write instead of doing it: "MISCONF …".
  const Status& failure() const { return failure_; }
  // `everysec`: whether new writes have to wait, because effects two seconds old are not synced.
  bool MustWait(TimeMs now_ms) const;
  // Whether only a snapshot can make the log whole (again).
  bool needs_snapshot() const { return detached_; }

  SyncPolicy policy() const { return policy_; }
  void set_policy(SyncPolicy policy) { policy_ = policy; }

  // --- driving ----------------------------------------------------------------------------------

  // True if there is a job now. Cost: constant.
  bool StartJob(TimeMs now_ms);
  void RunJob();
  void FinishJob(TimeMs now_ms);
  bool job_running() const { return job_running_; }
  // When StartJob() has to be called at the latest, if nothing else happens; kNoDeadline: never.
  TimeMs NextJobMs() const;

  // Everything collected goes to the present file, everything later to a new one, which a coming
  // job creates: rotation_result() tells. Returns its number. REQUIRES: no rotation under way.
  uint64_t Rotate();
  bool rotating() const { return rotate_due_; }
  // The last sequence before the boundary of the latest Rotate().
  uint64_t boundary_sequence() const { return boundary_sequence_; }
  // Empty while the rotation is under way. On an error the log goes on in the old file.
  const std::optional<Status>& rotation_result() const { return rotation_result_; }
  // Makes the directory mean the base of that number and the log since the latest Rotate(), by a
  // coming job, which removes the base if it cannot. REQUIRES: rotation_result() is OK, the base is
  // durable.
  void CommitBase(uint64_t number);
  // Empty while it is under way.
  const std::optional<Status>& commit_result() const { return commit_result_; }

  // Writes and syncs all there is and a last empty frame, whose mark protects all before it.
  // Blocking. REQUIRES: no job is running. After an error it may be tried again, behind a save if
  // the log needs_snapshot().
  Status Close();

  // --- figures ----------------------------------------------------------------------------------

  uint64_t file_bytes() const { return earlier_bytes_ + segment_bytes_; }
  size_t pending_bytes() const {
    return open_.bytes() + held_.bytes() + sealed_.bytes() + writing_.bytes();
  }
  uint64_t syncs() const { return syncs_; }
  uint64_t delayed_syncs() const { return delayed_syncs_; }  // took over two seconds
  TimeMs last_sync_ms() const { return last_sync_ms_; }

 private:
  LogWriter(DataDirectory& directory, uint64_t next_sequence, SyncPolicy policy);

  struct Job {
    bool write = false;
    bool sync = false;
    bool rotate = false;
    uint64_t rotate_number = 0;
    uint64_t rotate_first_sequence = 0;
    std::optional<uint64_t> commit;
    // Results.
    Status status;
    bool lost = false;
    bool written = false;
    bool synced = false;
    std::optional<Status> rotation;
    std::optional<Status> committed;
    uint64_t segment_bytes = 0;  // of the present file
    uint64_t closed_bytes = 0;   // of the one before, after a rotation
  };

  void NoteTime(TimeMs now_ms);
  std::optional<TimeMs> OldestUnsynced() const;
  // The effects collected so far end their frame.
  void CloseOpen(FrameBuffer* into);
  Status DoJob();
  Status DoCommit();
  Status DoClose();
  void BecomeLost();
  Status DoRotation();

  DataDirectory& directory_;
  SyncPolicy policy_;

  // The collecting half.
  FrameBuffer open_;  // being collected
  FrameBuffer held_;  // of a unit that goes on
  FrameBuffer* collecting_ = &open_;
  FrameBuffer sealed_;   // in front of the boundary of a rotation
  FrameBuffer writing_;  // the worker's while a job runs; kept while it fails
  bool writing_due_ = false;
  bool sealed_due_ = false;
  uint64_t last_closed_ = 0;  // the newest closed frame that has effects
  uint64_t written_sequence_ = 0;
  uint64_t synced_sequence_ = 0;
  std::optional<TimeMs> unsynced_since_ms_;  // of written frames
  Status failure_;
  bool failed_ = false;
  bool has_file_ = false;  // there is one to write to
  bool detached_ = false;  // the manifest does not name it
  bool lost_ = false;      // because frames are gone
  TimeMs retry_at_ms_ = 0;
  bool rotate_due_ = false;
  uint64_t rotate_number_ = 0;
  uint64_t boundary_sequence_ = 0;
  std::optional<Status> rotation_result_;
  std::optional<uint64_t> commit_due_;
  std::optional<Status> commit_result_;
  uint64_t segment_bytes_ = 0;
  uint64_t earlier_bytes_ = 0;
  uint64_t syncs_ = 0;
  uint64_t delayed_syncs_ = 0;
  TimeMs last_sync_ms_ = 0;
  TimeMs job_started_ms_ = 0;
  bool job_running_ = false;

  // Handed over with a job.
  Job job_;

  // The working half.
  std::unique_ptr<LogFile> file_;       // null: none yet, or lost
  std::unique_ptr<LogFile> next_file_;  // created, its manifest in doubt
  bool named_ = false;                  // the manifest names file_
};

}  // namespace ampt
