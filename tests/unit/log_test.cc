// The log: writer and reader, with the failures that can be told from outside one by one. What
// crashes leave behind is in tests/crash.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "persistence/data_directory.h"
#include "persistence/log_reader.h"
#include "persistence/log_writer.h"
#include "tests/crash/simulated_disk.h"
#include "tests/crash/simulated_server.h"

namespace ampt {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() : disk_(1) {}

  void Open(SyncPolicy policy) {
    TestDatabases databases;
    Result<Recovered> recovered =
        Recover(disk_, kDataDirectory, 5, databases.all(), nullptr, RecoveryProgress());
    ASSERT_TRUE(recovered.ok()) << recovered.status().text();
    digest_ = databases.Digest();
    directory_ = std::move(recovered->directory);
    Result<std::unique_ptr<LogWriter>> log = LogWriter::Open(*directory_, recovered->log, policy);
    ASSERT_TRUE(log.ok());
    log_ = std::move(*log);
  }
  void Close() {
    EXPECT_TRUE(log_->Close().ok());
    log_.reset();
    directory_.reset();
  }
  void Put(const std::string& key, const std::string& value) {
    ItemState state;
    state.value = StringValue(value);
    log_->open().AddPut(0, key, state);
    KeyRef ref = expected_[0].Open(key, INT64_MIN);
    ref.Put(state);
  }
  // False if there was no job.
  bool RunJob() {
    if (!log_->StartJob(now_ms_)) return false;
    log_->RunJob();
    log_->FinishJob(now_ms_);
    return true;
  }
  std::string LogPath(uint64_t number = 1) { return JoinPath(kDataDirectory, SegmentName(number)); }
  void ExpectLoads() {
    const Loaded loaded = Load(*disk_.Kill(1));
    // The lock of a server that still runs is not part of what a killed one leaves.
    ASSERT_TRUE(loaded.status.ok()) << loaded.status.text();
    EXPECT_EQ(loaded.digest, expected_.Digest());
  }

  SimulatedDisk disk_;
  TestDatabases expected_;
  uint64_t digest_ = 0;
  TimeMs now_ms_ = 1'000'000;
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<LogWriter> log_;
};

TEST_F(LogTest, OneJobIsOneFrame) {
  Open(SyncPolicy::kAlways);
  EXPECT_FALSE(RunJob());
  EXPECT_EQ(log_->last_sequence(), 0u);
  Put("a", "1");
  Put("b", "2");
  EXPECT_EQ(log_->last_sequence(), 1u);
  EXPECT_FALSE(log_->IsKept(1));
  ASSERT_TRUE(log_->StartJob(now_ms_));
  EXPECT_FALSE(log_->StartJob(now_ms_));
  // What comes while the job runs is the next frame.
  Put("c", "3");
  EXPECT_EQ(log_->last_sequence(), 2u);
  log_->RunJob();
  log_->FinishJob(now_ms_);
  EXPECT_TRUE(log_->IsKept(1));
  EXPECT_FALSE(log_->IsKept(2));
  EXPECT_TRUE(RunJob());
  EXPECT_TRUE(log_->IsKept(2));
  EXPECT_FALSE(RunJob());
  EXPECT_EQ(log_->syncs(), 2u);
  Close();

  Result<std::unique_ptr<File>> file = disk_.Open(LogPath(), OpenMode::kRead);
  LogReader reader(**file);
  ASSERT_TRUE(reader.Open().ok());
  LogReader::Frame frame;
  std::string found;
  while (*reader.Next(&frame) == LogReader::Outcome::kFrame) {
    found += std::to_string(frame.header.sequence) + ":" + std::to_string(frame.header.effects) +
             (frame.header.synced_offset == frame.offset ? "s " : " ");
  }
  EXPECT_EQ(found, "1:2s 2:1s 3:0s ");
  EXPECT_EQ(reader.offset(), reader.file_bytes());
}

TEST_F(LogTest, AUnitThatGoesOnIsHeldApart) {
  Open(SyncPolicy::kAlways);
  Put("before", "1");
  const FrameBuffer::Mark mark = log_->open().mark();
  Put("a", "1");
  log_->Hold(mark);
  Put("b", "2");
  // What came before is written without it.
  EXPECT_EQ(log_->last_sequence(), 1u);
  EXPECT_TRUE(RunJob());
  EXPECT_TRUE(log_->IsKept(1));
  EXPECT_EQ(log_->last_sequence(), 1u);
  EXPECT_FALSE(RunJob());
  TestDatabases only_before;
  ItemState state;
  state.value = StringValue("1");
  only_before[0].Open("before", INT64_MIN).Put(state);
  EXPECT_EQ(Load(*disk_.Kill(1)).digest, only_before.Digest());

  log_->Release();
  EXPECT_EQ(log_->last_sequence(), 2u);
  Put("after", "3");
  EXPECT_TRUE(RunJob());
  EXPECT_TRUE(log_->IsKept(2));
  ExpectLoads();

  // Nothing was collected when the next one began.
  log_->Hold(log_->open().mark());
  EXPECT_FALSE(log_->DropHeld());
  log_->Hold(log_->open().mark());
  log_->open().AddFlush(0);
  EXPECT_TRUE(log_->DropHeld());
  EXPECT_FALSE(RunJob());
  Put("last", "4");
  EXPECT_TRUE(RunJob());
  ExpectLoads();
  Close();
}

TEST_F(LogTest, EverySecondSyncsASecondLaterAndWaitsAfterTwo) {
  Open(SyncPolicy::kEverySecond);
  EXPECT_EQ(log_->NextJobMs(), kNoDeadline);
  Put("a", "1");
  EXPECT_EQ(log_->NextJobMs(), 0);
  EXPECT_TRUE(RunJob());
  EXPECT_TRUE(log_->IsKept(1));
  EXPECT_EQ(log_->written_sequence(), 1u);
  EXPECT_EQ(log_->synced_sequence(), 0u);
  EXPECT_EQ(log_->NextJobMs(), now_ms_ + 1000);
  now_ms_ += 999;
  EXPECT_FALSE(RunJob());
  now_ms_ += 1;
  ASSERT_TRUE(log_->StartJob(now_ms_));
  now_ms_ += 999;
  EXPECT_FALSE(log_->MustWait(now_ms_));
  now_ms_ += 1;
  EXPECT_TRUE(log_->MustWait(now_ms_));
  log_->RunJob();
  log_->FinishJob(now_ms_);
  EXPECT_FALSE(log_->MustWait(now_ms_));
  EXPECT_EQ(log_->synced_sequence(), 1u);
  EXPECT_EQ(log_->NextJobMs(), kNoDeadline);
}

TEST_F(LogTest, NoPolicyLeavesItToTheSystem) {
  Open(SyncPolicy::kNo);
  Put("a", "1");
  EXPECT_TRUE(RunJob());
  now_ms_ += 100000;
  EXPECT_FALSE(RunJob());
  EXPECT_FALSE(log_->MustWait(now_ms_));
  EXPECT_EQ(log_->syncs(), 0u);
  // Told otherwise, it makes up for it.
  log_->set_policy(SyncPolicy::kAlways);
  EXPECT_TRUE(RunJob());
  EXPECT_EQ(log_->synced_sequence(), 1u);
}

TEST_F(LogTest, AFailedWriteIsCutAndTriedAgain) {
  Open(SyncPolicy::kAlways);
  Put("a", "1");
  ASSERT_TRUE(RunJob());
  const size_t good = disk_.Contents(LogPath()).size();
  Put("b", std::string(2000, 'x'));
  disk_.FailAt(disk_.operations(), SimulatedDisk::Fault::kPartDone, "ENOSPC");
  ASSERT_TRUE(RunJob());
  EXPECT_EQ(log_->failure().text(),
            "MISCONF the append-only file cannot be written, so no write is accepted until it can: "
            "ENOSPC cannot write " +
                LogPath() + ": simulated fault");
  EXPECT_GT(disk_.Contents(LogPath()).size(), good);
  EXPECT_FALSE(log_->IsKept(2));
  EXPECT_FALSE(RunJob());
  EXPECT_EQ(log_->NextJobMs(), now_ms_ + 1000);
  now_ms_ += 1000;
  // The part is cut before anything else is tried.
  disk_.FailAt(disk_.operations() + 1, SimulatedDisk::Fault::kNothingDone, "ENOSPC");
  ASSERT_TRUE(RunJob());
  EXPECT_FALSE(log_->failure().ok());
  EXPECT_EQ(disk_.Contents(LogPath()).size(), good);
  now_ms_ += 1000;
  Put("c", "3");
  ASSERT_TRUE(RunJob());
  EXPECT_TRUE(log_->failure().ok());
  EXPECT_TRUE(log_->IsKept(2));
  EXPECT_TRUE(RunJob());
  ExpectLoads();
  EXPECT_EQ(log_->file_bytes(), disk_.Contents(LogPath()).size());
}

TEST_F(LogTest, WithNothingToWriteAnEmptyFrameTriesTheDisk) {
  Open(SyncPolicy::kAlways);
  Put("a", "1");
  disk_.FailAt(disk_.operations() + 1, SimulatedDisk::Fault::kNothingDone, "EIO");
  ASSERT_TRUE(RunJob());
  EXPECT_FALSE(log_->failure().ok());
  EXPECT_FALSE(log_->IsKept(1));
  now_ms_ += 1000;
  const uint64_t before = disk_.operations();
  ASSERT_TRUE(RunJob());
  EXPECT_TRUE(log_->failure().ok());
  EXPECT_TRUE(log_->IsKept(1));
  // Read back and written again, then the empty frame, then the sync.
  EXPECT_GE(disk_.operations() - before, 4u);
  Close();
  const Loaded loaded = Load(*disk_.Crash(3));
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.digest, expected_.Digest());
}

TEST_F(LogTest, WhatASyncLostForGoodNeedsASnapshot) {
  Open(SyncPolicy::kAlways);
  Put("a", std::string(5000, 'x'));
  disk_.FailAt(disk_.operations() + 1, SimulatedDisk::Fault::kForgetful, "EIO");
  ASSERT_TRUE(RunJob());
  EXPECT_FALSE(log_->needs_snapshot());
  now_ms_ += 1000;
  ASSERT_TRUE(RunJob());
  EXPECT_TRUE(log_->needs_snapshot());
  EXPECT_NE(log_->failure().text().find("BGREWRITEAOF"), std::string::npos);
  EXPECT_FALSE(RunJob());

  SnapshotWalk walk(expected_.all());
  BackgroundSave save(*directory_, walk);
  TickingClock clock;
  ASSERT_TRUE(SaveNow(save, log_.get(), 0, clock).ok());
  EXPECT_FALSE(log_->needs_snapshot());
  EXPECT_TRUE(log_->failure().ok());
  Put("b", "2");
  ASSERT_TRUE(RunJob());
  EXPECT_TRUE(log_->IsKept(log_->last_sequence()));
  Close();
  const Loaded loaded = Load(*disk_.Crash(3));
  ASSERT_TRUE(loaded.status.ok()) << loaded.status.text();
  EXPECT_EQ(loaded.digest, expected_.Digest());
}

TEST_F(LogTest, RotationSplitsAtTheBoundary) {
  Open(SyncPolicy::kNo);
  Put("a", "1");
  ASSERT_TRUE(log_->StartJob(now_ms_));
  Put("b", "2");
  const uint64_t number = log_->Rotate();
  EXPECT_TRUE(log_->rotating());
  EXPECT_EQ(log_->boundary_sequence(), 2u);
  Put("c", "3");
  EXPECT_EQ(log_->last_sequence(), 3u);
  log_->RunJob();
  log_->FinishJob(now_ms_);
  EXPECT_FALSE(log_->rotation_result());
  ASSERT_TRUE(RunJob());
  ASSERT_TRUE(log_->rotation_result());
  EXPECT_TRUE(log_->rotation_result()->ok());
  ASSERT_TRUE(RunJob());
  EXPECT_EQ(directory_->manifest().segments, (std::vector<uint64_t>{1, number}));
  ExpectLoads();
  Close();
  // Before the last file nothing is a torn tail.
  disk_.SetContents(LogPath(), disk_.Contents(LogPath()).substr(0, 100));
  EXPECT_EQ(Load(disk_).status.text().substr(0, 50),
            ("DAMAGED " + LogPath() + " at byte 56: the payload of").substr(0, 50));
}

TEST_F(LogTest, AFailedRotationLeavesTheLogAsItWas) {
  Open(SyncPolicy::kAlways);
  Put("a", "1");
  const std::vector<std::string> before = disk_.Paths();
  log_->Rotate();
  // Write and sync succeed; that the new file cannot be made is no failure of the log.
  disk_.FailAt(disk_.operations() + 2, SimulatedDisk::Fault::kNothingDone, "EMFILE");
  ASSERT_TRUE(RunJob());
  ASSERT_TRUE(log_->rotation_result());
  EXPECT_TRUE(log_->rotation_result()->text().starts_with("EMFILE "));
  EXPECT_TRUE(log_->failure().ok());
  EXPECT_EQ(disk_.Paths(), before);
  Put("b", "2");
  ASSERT_TRUE(RunJob());
  ExpectLoads();
}

TEST_F(LogTest, SwitchedOnLaterItCountsFromTheSnapshotOn) {
  Open(SyncPolicy::kAlways);
  Close();
  Open(SyncPolicy::kAlways);
  log_ = LogWriter::OpenDetached(*directory_, 2, SyncPolicy::kAlways);
  EXPECT_TRUE(log_->failure().ok());
  EXPECT_TRUE(log_->needs_snapshot());
  SnapshotWalk walk(expected_.all());
  BackgroundSave save(*directory_, walk);
  TickingClock clock;
  ASSERT_TRUE(save.Begin(log_.get(), 0, clock.NowMs()).ok());
  Put("a", "1");
  ASSERT_TRUE(SaveNow(save, log_.get(), 0, clock).ok());
  EXPECT_FALSE(log_->needs_snapshot());
  ASSERT_TRUE(log_->IsKept(log_->last_sequence()) || RunJob());
  ExpectLoads();
}

// --- reading
// --------------------------------------------------------------------------------------

class LogReaderTest : public LogTest {
 protected:
  // Three frames and, if closed in peace, an empty one.
  void WriteThree(SyncPolicy policy) {
    Open(policy);
    for (int n = 0; n < 3; ++n) {
      Put("key" + std::to_string(n), "value" + std::to_string(n));
      ends_.push_back(log_->file_bytes());
      digests_.push_back(expected_.Digest());
      ASSERT_TRUE(RunJob());
    }
    ends_.push_back(log_->file_bytes());
  }

  std::vector<uint64_t> ends_;  // of the header, and of each frame
  std::vector<uint64_t> digests_;
};

TEST_F(LogReaderTest, ATornTailIsCutAtEveryByte) {
  WriteThree(SyncPolicy::kNo);
  const std::string whole = disk_.Contents(LogPath());
  for (size_t size = ends_[0]; size <= whole.size(); ++size) {
    const std::unique_ptr<SimulatedDisk> left = disk_.Kill(1);
    left->SetContents(LogPath(), whole.substr(0, size));
    size_t frames = 0;
    while (frames < 3 && ends_[frames + 1] <= size) ++frames;
    const Loaded loaded = Load(*left);
    ASSERT_TRUE(loaded.status.ok()) << loaded.status.text();
    EXPECT_EQ(loaded.digest, frames == 0 ? TestDatabases().Digest() : digests_[frames - 1]);
    EXPECT_EQ(left->Contents(LogPath()), whole.substr(0, ends_[frames]));
    EXPECT_EQ(loaded.warnings.size(), ends_[frames] == size ? 0u : 1u);
    if (!loaded.warnings.empty()) {
      EXPECT_TRUE(loaded.warnings[0].starts_with(LogPath() + " at byte " +
                                                 std::to_string(ends_[frames]) + ": "))
          << loaded.warnings[0];
      EXPECT_NE(loaded.warnings[0].find("cut the last " + std::to_string(size - ends_[frames])),
                std::string::npos);
    }
  }
}

TEST_F(LogReaderTest, AChangedBitBeforeTheMarkIsDamage) {
  WriteThree(SyncPolicy::kAlways);
  Close();
  const std::string whole = disk_.Contents(LogPath());
  // All but the empty frame that protects the others.
  const size_t guarded = whole.size() - FrameHeader::kBytes;
  for (size_t bit = 0; bit < 8 * guarded; ++bit) {
    std::string bad = whole;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    const std::unique_ptr<SimulatedDisk> left = disk_.Kill(1);
    left->SetContents(LogPath(), bad);
    size_t frame = 0;
    while (frame < 3 && ends_[frame + 1] <= bit / 8) ++frame;
    const Loaded loaded = Load(*left);
    ASSERT_FALSE(loaded.status.ok()) << bit;
    const uint64_t at = bit / 8 < ends_[0] ? 0 : ends_[frame];
    EXPECT_NE(loaded.status.text().find(LogPath() + " at byte " + std::to_string(at) + ": "),
              std::string::npos)
        << loaded.status.text();
    EXPECT_EQ(left->Contents(LogPath()), bad);
  }
}

TEST_F(LogReaderTest, ABadFrameBehindTheMarkIsCutThoughAGoodOneFollows) {
  WriteThree(SyncPolicy::kNo);
  std::string bytes = disk_.Contents(LogPath());
  bytes[ends_[1] + 60] ^= 1;
  disk_.SetContents(LogPath(), bytes);
  const Loaded loaded = Load(*disk_.Kill(1));
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.digest, digests_[0]);
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_NE(loaded.warnings[0].find("wrong checksum of the payload"), std::string::npos);
  EXPECT_NE(loaded.warnings[0].find("1 further frame headers"), std::string::npos);
}

TEST_F(LogReaderTest, ValuesThatLookLikeFramesAreNone) {
  WriteThree(SyncPolicy::kAlways);
  const std::string foreign = disk_.Contents(LogPath()).substr(SegmentHeader::kBytes);
  Close();
  // Another directory, with other salts.
  disk_.SetContents("/data/ampt-manifest", FormatManifest({9, std::nullopt, {}}));
  TestDatabases databases;
  Result<Recovered> recovered =
      Recover(disk_, kDataDirectory, 6, databases.all(), nullptr, RecoveryProgress());
  ASSERT_TRUE(recovered.ok());
  Result<std::unique_ptr<LogWriter>> log =
      LogWriter::Open(*recovered->directory, recovered->log, SyncPolicy::kNo);
  ItemState state;
  state.value = StringValue(foreign);
  (*log)->open().AddPut(0, "trap", state);
  ASSERT_TRUE((*log)->StartJob(0));
  (*log)->RunJob();
  const std::string path = JoinPath(kDataDirectory, SegmentName(2));
  std::string bytes = disk_.Contents(path);
  bytes[SegmentHeader::kBytes] ^= 1;
  disk_.SetContents(path, bytes);
  Result<std::unique_ptr<File>> file = disk_.Open(path, OpenMode::kRead);
  LogReader reader(**file);
  ASSERT_TRUE(reader.Open().ok());
  LogReader::Frame frame;
  EXPECT_EQ(*reader.Next(&frame), LogReader::Outcome::kBad);
  const Result<LogReader::Tail> tail = reader.ReadTail();
  EXPECT_EQ(tail->frames, 0u);
  EXPECT_FALSE(tail->damage);
}

TEST_F(LogReaderTest, FramesLargerThanTheWindowAreRead) {
  Open(SyncPolicy::kAlways);
  Put("small", "1");
  ASSERT_TRUE(RunJob());
  Put("large", std::string(5u << 20, 'x'));
  ASSERT_TRUE(RunJob());
  for (int n = 0; n < 100; ++n) {
    Put("more" + std::to_string(n), std::string(30000, 'y'));
    ASSERT_TRUE(RunJob());
  }
  ExpectLoads();
  // A bad frame far in front of the mark that condemns it.
  std::string bytes = disk_.Contents(LogPath());
  bytes[SegmentHeader::kBytes + 5] ^= 1;
  disk_.SetContents(LogPath(), bytes);
  EXPECT_TRUE(Load(*disk_.Kill(1))
                  .status.text()
                  .starts_with("DAMAGED " + LogPath() + " at byte 56: no header of a frame"));
}

}  // namespace
}  // namespace ampt
