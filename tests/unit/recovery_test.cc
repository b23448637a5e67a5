// Recovery's refusals, its progress, and the checker on the same files.

#include "persistence/recovery.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "persistence/check.h"
#include "tests/crash/simulated_disk.h"
#include "tests/crash/simulated_server.h"

namespace ampt {
namespace {

std::string PathOf(const std::string& name) {
  return JoinPath(kDataDirectory, name);
}

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() : disk_(1) {
    // A base, a closed file of the log and an open one.
    SimulatedServer::Options options;
    options.saves_one_in = 1u << 30;
    SimulatedServer server(disk_, 3, options);
    EXPECT_TRUE(server.Start().ok());
    for (int n = 0; n < 40; ++n) server.Turn();
    EXPECT_TRUE(server.Settle());
    EXPECT_TRUE(SaveNow(*server.save(), server.log(), 0, server.clock()).ok());
    for (int n = 0; n < 20; ++n) server.Turn();
    EXPECT_TRUE(server.Settle());
    server.log()->Rotate();
    EXPECT_TRUE(server.Settle());
    for (int n = 0; n < 20; ++n) server.Turn();
    EXPECT_TRUE(server.Settle());
    EXPECT_TRUE(server.Close().ok());
    digest_ = server.digest();
    manifest_ = *ParseManifest(disk_.Contents(PathOf("ampt-manifest")));
    EXPECT_TRUE(manifest_.base);
    EXPECT_EQ(manifest_.segments.size(), 2u);
  }

  std::string base() const { return PathOf(BaseName(*manifest_.base)); }
  std::string log(size_t n) const { return PathOf(SegmentName(manifest_.segments[n])); }
  void ChangeByte(const std::string& path, size_t at) {
    std::string bytes = disk_.Contents(path);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    disk_.SetContents(path, bytes);
  }
  CheckResult Check(bool repair = false) {
    output_.clear();
    const Result<CheckResult> result =
        CheckDirectory(disk_, kDataDirectory, CheckOptions{true, repair},
                       [&](std::string_view line) { output_.append(line).append(1, '\n'); });
    EXPECT_TRUE(result.ok()) << result.status().text();
    return *result;
  }

  SimulatedDisk disk_;
  uint64_t digest_ = 0;
  Manifest manifest_;
  std::string output_;
};

TEST_F(RecoveryTest, LoadsAllAndReportsProgress) {
  TestDatabases databases;
  uint64_t last = 0;
  uint64_t of = 0;
  uint64_t calls = 0;
  Result<Recovered> recovered =
      Recover(disk_, kDataDirectory, 1, databases.all(), nullptr, [&](uint64_t done, uint64_t all) {
        EXPECT_GE(done, last);
        EXPECT_TRUE(of == 0 || of == all);
        last = done;
        of = all;
        ++calls;
        return true;
      });
  ASSERT_TRUE(recovered.ok()) << recovered.status().text();
  EXPECT_EQ(databases.Digest(), digest_);
  EXPECT_EQ(last, of);
  EXPECT_EQ(of, disk_.Contents(base()).size() + disk_.Contents(log(0)).size() +
                    disk_.Contents(log(1)).size());
  EXPECT_GE(calls, recovered->frames);
  EXPECT_GT(recovered->frames, 10u);
  EXPECT_GT(recovered->base_items, 0u);
  EXPECT_TRUE(recovered->has_log);
  EXPECT_TRUE(recovered->warnings.empty());
  EXPECT_EQ(recovered->log.segment_bytes, disk_.Contents(log(1)).size());
  EXPECT_EQ(recovered->log.earlier_bytes, disk_.Contents(log(0)).size());
  recovered->directory.reset();
  EXPECT_EQ(Check(), CheckResult::kGood) << output_;
  EXPECT_NE(output_.find("put 0 \"key:"), std::string::npos);
}

TEST_F(RecoveryTest, CanBeStopped) {
  TestDatabases databases;
  EXPECT_EQ(Recover(disk_, kDataDirectory, 1, databases.all(), nullptr,
                    [](uint64_t, uint64_t) { return false; })
                .status()
                .text(),
            "STOPPED loading was stopped");
}

TEST_F(RecoveryTest, AMissingFileIsNamed) {
  for (const std::string& path : {base(), log(0), log(1)}) {
    const std::unique_ptr<SimulatedDisk> left = disk_.Kill(1);
    ASSERT_TRUE(left->Remove(path).ok());
    EXPECT_EQ(Load(*left).status.text(),
              "DAMAGED " + path +
                  " at byte 0: the file is missing though the manifest names it (put it back, or "
                  "restore the directory from a backup)");
  }
}

TEST_F(RecoveryTest, FilesOfOthersAreForeign) {
  for (const std::string& path : {base(), log(0), log(1)}) {
    const std::unique_ptr<SimulatedDisk> left = disk_.Kill(1);
    left->SetContents(path, std::string(1000, 'x'));
    EXPECT_TRUE(Load(*left).status.text().starts_with("FOREIGN " + path + " at byte 0: "));
    // The same kind of file, but not this one.
    left->SetContents(path, disk_.Contents(path == log(0) ? log(1) : log(0)));
    EXPECT_TRUE(Load(*left).status.text().starts_with("FOREIGN " + path + " at byte 0: "));
  }
}

TEST_F(RecoveryTest, AGapBetweenFilesIsDamage) {
  Manifest shorter = manifest_;
  shorter.segments.erase(shorter.segments.begin());
  disk_.SetContents(PathOf("ampt-manifest"), FormatManifest(shorter));
  const Status status = Load(disk_).status;
  EXPECT_TRUE(status.text().starts_with("DAMAGED " + log(1) + " at byte 0: it begins with frame "))
      << status.text();
  EXPECT_EQ(Check(), CheckResult::kBad);
}

TEST_F(RecoveryTest, DamageIsLeftAloneAndSaysWhatToDo) {
  for (const std::string& path : {base(), log(0), log(1)}) {
    const std::unique_ptr<SimulatedDisk> left = disk_.Kill(1);
    std::string bytes = left->Contents(path);
    bytes[120] = static_cast<char>(bytes[120] ^ 4);
    left->SetContents(path, bytes);
    const std::vector<std::string> before = left->Paths();
    const Status status = Load(*left).status;
    EXPECT_TRUE(status.text().starts_with("DAMAGED " + path + " at byte ")) << status.text();
    EXPECT_NE(status.text().find("ampt-check"), std::string::npos) << status.text();
    EXPECT_EQ(left->Contents(path), bytes);
    EXPECT_EQ(left->Paths(), before);
  }
}

TEST_F(RecoveryTest, RepairCutsInFrontOfTheDamage) {
  ChangeByte(log(0), 300);
  EXPECT_FALSE(Load(disk_).status.ok());
  EXPECT_EQ(Check(), CheckResult::kBad);
  EXPECT_FALSE(Load(disk_).status.ok());
  const std::string damaged = disk_.Contents(log(0));
  EXPECT_EQ(Check(true), CheckResult::kBad);
  EXPECT_TRUE(Load(disk_).status.ok()) << Load(disk_).status.text();
  EXPECT_EQ(Check(), CheckResult::kGood) << output_;
  // Nothing is gone: what was cut lies beside.
  EXPECT_TRUE(disk_.Exists(log(1) + ".cut"));
  std::string whole = disk_.Contents(log(0));
  whole += disk_.Contents(log(0) + ".cut-" + std::to_string(whole.size()));
  EXPECT_EQ(whole, damaged);
}

TEST_F(RecoveryTest, ATornTailIsNoDamage) {
  disk_.SetContents(log(1), disk_.Contents(log(1)) + "torn");
  EXPECT_EQ(Check(), CheckResult::kTornTail);
  const Loaded loaded = Load(disk_);
  ASSERT_TRUE(loaded.status.ok());
  EXPECT_EQ(loaded.digest, digest_);
  EXPECT_EQ(loaded.warnings.size(), 1u);
  EXPECT_EQ(Check(), CheckResult::kGood);
}

TEST_F(RecoveryTest, TheCheckerLooksIntoValues) {
  Manifest manifest;
  manifest.directory_id = 5;
  manifest.segments = {1};
  SimulatedDisk disk(1);
  disk.SetContents(PathOf("ampt-manifest"), FormatManifest(manifest));
  std::string bytes(SegmentHeader::kBytes, '\0');
  WriteHeader(SegmentHeader{5, 1, 1, 9}, bytes.data());
  FrameBuffer frame;
  frame.Clear(1);
  ItemState state;
  state.value = {ValueType::kObject, R"({"a":})"};
  frame.AddPut(0, "a", state);
  disk.SetContents(PathOf(SegmentName(1)), bytes.append(frame.Finish(bytes.size(), 9)));
  std::string output;
  const Result<CheckResult> result =
      CheckFile(disk, PathOf(SegmentName(1)), CheckOptions(),
                [&](std::string_view line) { output.append(line).append(1, '\n'); });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, CheckResult::kBad);
  EXPECT_NE(output.find("bad value of \"a\": ERR the value is not valid JSON"), std::string::npos)
      << output;
}

TEST_F(RecoveryTest, LogsAreLoadedWithoutBeingContinued) {
  // appendonly no: the first save takes the place of base and log.
  SimulatedServer::Options options;
  options.appendonly = false;
  {
    SimulatedServer server(disk_, 4, options);
    ASSERT_TRUE(server.Start().ok());
    EXPECT_EQ(server.digest(), digest_);
    server.Turn();
    ASSERT_TRUE(server.Settle());
    ASSERT_TRUE(server.Close().ok());
    digest_ = server.digest();
  }
  EXPECT_TRUE(ParseManifest(disk_.Contents(PathOf("ampt-manifest")))->segments.empty());
  EXPECT_FALSE(disk_.Exists(log(1)));
  EXPECT_EQ(Load(disk_).digest, digest_);
}

// Once with the files of the machine.
TEST(PosixRecoveryTest, AServersLife) {
  std::string name = (std::filesystem::temp_directory_path() / "ampt-data-XXXXXX").string();
  const std::string directory = ::mkdtemp(name.data());
  PosixDisk disk;
  uint64_t digest = 0;
  for (int life = 0; life < 3; ++life) {
    TestDatabases databases;
    Result<Recovered> recovered =
        Recover(disk, directory, 1, databases.all(), nullptr, RecoveryProgress());
    ASSERT_TRUE(recovered.ok()) << recovered.status().text();
    EXPECT_TRUE(life == 0 || databases.Digest() == digest);
    EXPECT_TRUE(DataDirectory::Open(disk, directory, 2).status().text().starts_with("LOCKED "));
    Result<std::unique_ptr<LogWriter>> log =
        LogWriter::Open(*recovered->directory, recovered->log, SyncPolicy::kAlways);
    ASSERT_TRUE(log.ok());
    SnapshotWalk walk(databases.all());
    BackgroundSave save(*recovered->directory, walk);
    DurableEffects effects(walk);
    effects.set_log(log->get());
    databases.SetEffects(&effects);
    TickingClock clock;
    for (int n = 0; n < 300; ++n) {
      ItemState state;
      const std::string value = std::to_string(n * 7 + life);
      state.value = StringValue(value);
      const std::string key = "key" + std::to_string(n + life * 100);
      KeyRef ref = databases[n % kTestDatabases].Open(key, INT64_MIN);
      ref.Put(state);
      if (n == 150) {
        ASSERT_TRUE(SaveNow(save, log->get(), 0, clock).ok());
      }
      if ((*log)->StartJob(n)) {
        (*log)->RunJob();
        (*log)->FinishJob(n);
      }
    }
    EXPECT_TRUE((*log)->Close().ok());
    digest = databases.Digest();
    databases.SetEffects(nullptr);
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace ampt
