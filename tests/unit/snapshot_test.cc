// Snapshots: the walk under writes against the state at its beginning, and the file's refusals.

#include "persistence/snapshot.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "persistence/persistence.h"
#include "persistence/recovery.h"
#include "persistence/rewrite.h"
#include "tests/crash/simulated_disk.h"
#include "tests/crash/simulated_server.h"

namespace ampt {
namespace {

ItemState StateOf(std::string_view value) {
  ItemState state;
  state.value = StringValue(value);
  return state;
}

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() : disk_(1), walk_(databases_.all()), effects_(walk_) {
    databases_.SetEffects(&effects_);
  }
  ~SnapshotTest() override { databases_.SetEffects(nullptr); }

  void Put(int database, const std::string& key, std::string_view value) {
    KeyRef ref = databases_[database].Open(key, INT64_MIN);
    ref.Put(StateOf(value));
  }
  void Erase(int database, const std::string& key) {
    KeyRef ref = databases_[database].Open(key, INT64_MIN);
    if (ref.exists()) ref.Erase();
  }
  void Fill(int items) {
    for (int n = 0; n < items; ++n) {
      Put(n % kTestDatabases, "key" + std::to_string(n), std::to_string(n));
    }
  }
  // Moves finished blocks to the file.
  void Drain() {
    if (file_ == nullptr) {
      auto file = SnapshotFile::Create(disk_, kPath, SnapshotHeader{1, 2, 3, 4, 5}, compress_);
      ASSERT_TRUE(file.ok());
      file_ = std::move(*file);
    }
    SnapshotBlock block;
    while (walk_.TakeBlock(&block)) {
      ASSERT_TRUE(file_->Add(block).ok());
      walk_.Recycle(std::move(block));
    }
  }
  void FinishFile() {
    while (!walk_.DoSome(clock_, 1000) || !walk_.complete()) Drain();
    Drain();
    ASSERT_TRUE(file_->Finish("/d").ok());
    file_.reset();
  }
  Status Read(uint64_t* digest) {
    TestDatabases loaded;
    KeyspaceSink sink(loaded.all(), nullptr);
    sink.set_once(true);
    Result<std::unique_ptr<File>> file = disk_.Open(kPath, OpenMode::kRead);
    if (!file.ok()) return file.status();
    const Result<SnapshotFacts> facts = ReadSnapshot(**file, sink, ReadProgress());
    if (!facts.ok()) return facts.status();
    loaded.CheckInvariants();
    *digest = loaded.Digest();
    return Status::Ok();
  }
  void ExpectNoMarks() {
    for (const Keyspace* keyspace : databases_.all()) {
      for (KeyIndex::Cursor at = keyspace->by_key().First(); at.Valid(); at.Next()) {
        ASSERT_EQ(at.item()->snapshot_mark(), 0u) << at.item()->key();
      }
    }
  }

  static constexpr char kPath[] = "/d/s";
  SimulatedDisk disk_;
  TestDatabases databases_;
  SnapshotWalk walk_;
  DurableEffects effects_;
  TickingClock clock_;
  std::unique_ptr<SnapshotFile> file_;
  bool compress_ = true;
};

TEST_F(SnapshotTest, HoldsTheMomentItBeganUnderAnyWrites) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    compress_ = random.OneIn(2);
    Fill(static_cast<int>(random.Below(900)));
    const uint64_t expected = databases_.Digest();
    walk_.Begin();
    std::vector<DetachedItems> detached;
    uint64_t digest = 0;
    // A slice of about 16 items, then writes to all keys alike, then perhaps a flush.
    while (!walk_.DoSome(clock_, 1)) {
      for (uint64_t n = random.Below(60); n > 0; --n) {
        const auto database = static_cast<int>(random.Below(kTestDatabases));
        const std::string key = "key" + std::to_string(random.Below(1200));
        if (random.OneIn(3)) {
          Erase(database, key);
        } else {
          Put(database, key, "new" + std::to_string(random.Below(1000)));
        }
      }
      if (random.OneIn(20)) {
        detached.push_back(databases_[static_cast<int>(random.Below(kTestDatabases))].Detach());
      }
      if (!walk_.holds_detached_items()) detached.clear();
      if (random.OneIn(4)) Drain();
    }
    FinishFile();
    EXPECT_FALSE(walk_.holds_detached_items());
    detached.clear();
    EXPECT_TRUE(walk_.idle());
    ExpectNoMarks();
    const Status read = Read(&digest);
    ASSERT_TRUE(read.ok()) << read.text();
    ASSERT_EQ(digest, expected) << "seed " << seed;
  }
}

TEST_F(SnapshotTest, StraysAreOldStatesOfItemsAhead) {
  Fill(600);
  walk_.Begin();
  EXPECT_FALSE(walk_.DoSome(clock_, 1));
  EXPECT_EQ(walk_.strays(), 0u);
  Put(2, "key599", "changed");
  Put(2, "key599", "changed again");
  Erase(2, "key599");
  Put(2, "key599", "back");
  EXPECT_EQ(walk_.strays(), 1u);
  Put(2, "zzz", "new");
  Put(2, "zzz", "newer");
  EXPECT_EQ(walk_.strays(), 1u);
  Put(0, "key0", "behind the walk");
  EXPECT_EQ(walk_.strays(), 1u);
  FinishFile();
  EXPECT_EQ(walk_.items(), 600u);
  ExpectNoMarks();
}

TEST_F(SnapshotTest, AnAbortedOneClearsItsMarks) {
  Fill(600);
  walk_.Begin();
  EXPECT_FALSE(walk_.DoSome(clock_, 1));
  for (int n = 500; n < 600; ++n) Put(n % kTestDatabases, "key" + std::to_string(n), "x");
  walk_.Abort();
  EXPECT_TRUE(walk_.aborted());
  EXPECT_FALSE(walk_.complete());
  EXPECT_FALSE(walk_.idle());
  EXPECT_EQ(walk_.pending_bytes(), 0u);
  while (!walk_.DoSome(clock_, 1)) {
    Put(1, "key400", "while clearing");
  }
  EXPECT_TRUE(walk_.idle());
  ExpectNoMarks();
  const uint64_t expected = databases_.Digest();
  walk_.Begin();
  FinishFile();
  uint64_t digest = 0;
  ASSERT_TRUE(Read(&digest).ok());
  EXPECT_EQ(digest, expected);
}

TEST_F(SnapshotTest, TheWalkWaitsForTheFile) {
  const std::string large(1 << 20, 'x');
  for (int n = 0; n < 40; ++n) Put(0, "key" + std::to_string(n), large);
  walk_.Begin();
  EXPECT_TRUE(walk_.DoSome(clock_, INT32_MAX));
  EXPECT_FALSE(walk_.complete());
  EXPECT_LT(walk_.pending_bytes(), SnapshotWalk::kWalkAheadBytes + (2u << 20));
  EXPECT_FALSE(walk_.writers_must_wait());
  // Strays cannot wait, but writers can be made to.
  for (int n = 5; n < 40; ++n) Put(0, "key" + std::to_string(n), "small");
  EXPECT_TRUE(walk_.writers_must_wait());
  EXPECT_FALSE(walk_.aborted());
  FinishFile();
  EXPECT_EQ(walk_.items(), 40u);
  EXPECT_EQ(walk_.pending_bytes(), 0u);
}

TEST_F(SnapshotTest, ItGivesUpBeforeItTakesTheMemory) {
  const std::string large(8 << 20, 'x');
  for (int n = 0; n < 40; ++n) Put(0, "key" + std::to_string(n), large);
  walk_.Begin();
  for (int n = 0; n < 40; ++n) Put(0, "key" + std::to_string(n), "small");
  EXPECT_TRUE(walk_.gave_up());
  EXPECT_TRUE(walk_.aborted());
  EXPECT_EQ(walk_.pending_bytes(), 0u);
  EXPECT_TRUE(walk_.DoSome(clock_, INT32_MAX));
  ExpectNoMarks();
}

TEST_F(SnapshotTest, OtherThingsComeAlong) {
  class Others : public OtherSink {
   public:
    std::string seen;
    Status Other(int database, uint32_t kind, std::string_view bytes) override {
      seen += std::to_string(database) + ":" + std::to_string(kind) + ":" + std::string(bytes);
      return Status::Ok();
    }
  };
  walk_.Begin();
  walk_.AddOther(2, 7, "abc");
  FinishFile();
  Result<std::unique_ptr<File>> file = disk_.Open(kPath, OpenMode::kRead);
  Others others;
  KeyspaceSink sink(databases_.all(), &others);
  ASSERT_TRUE(ReadSnapshot(**file, sink, ReadProgress()).ok());
  EXPECT_EQ(others.seen, "2:7:abc");
  uint64_t digest = 0;
  EXPECT_EQ(Read(&digest).text(),
            "DAMAGED /d/s at byte 64: effect 1 of 1: it is of kind 7, which this program does not "
            "know");
}

TEST_F(SnapshotTest, AnyChangedBitOrMissingByteIsRefused) {
  for (const bool compress : {false, true}) {
    compress_ = compress;
    Put(0, "a", std::string(200, 'a'));
    Put(0, "b", "2");
    Put(1, "c", "3");
    walk_.Begin();
    Put(0, "a", "changed ahead");
    FinishFile();
    const std::string good = disk_.Contents(kPath);
    uint64_t digest = 0;
    ASSERT_TRUE(Read(&digest).ok());
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
      disk_.SetContents(kPath, bad);
      const Status status = Read(&digest);
      ASSERT_FALSE(status.ok()) << bit;
      EXPECT_NE(status.text().find("/d/s at byte "), std::string::npos) << status.text();
    }
    for (size_t size = 0; size < good.size(); ++size) {
      disk_.SetContents(kPath, good.substr(0, size));
      EXPECT_TRUE(Read(&digest).text().starts_with("DAMAGED /d/s at byte ")) << size;
    }
    disk_.SetContents(kPath, good + "x");
    EXPECT_NE(Read(&digest).text().find("there are bytes behind the end"), std::string::npos);
    disk_.SetContents(kPath, "REDIS0011 and so on");
    EXPECT_EQ(Read(&digest).text(),
              "FOREIGN /d/s at byte 0: this is not a snapshot of ampt-server");
  }
}

// --- good checksums, bad contents
// -----------------------------------------------------------------

TEST_F(SnapshotTest, WhatMakesNoSenseIsRefused) {
  const auto error_of = [&](const std::vector<SnapshotBlock>& blocks) {
    auto file = SnapshotFile::Create(disk_, kPath, SnapshotHeader{1, 2, 3, 4, 5}, false);
    for (const SnapshotBlock& block : blocks) EXPECT_TRUE((*file)->Add(block).ok());
    EXPECT_TRUE((*file)->Finish("/d").ok());
    uint64_t digest = 0;
    const Status status = Read(&digest);
    return status.ok() ? std::string() : status.text().substr(status.text().find(": ") + 2);
  };
  const auto block_of = [](BlockKind kind, std::vector<std::pair<int, std::string>> keys) {
    SnapshotBlock block;
    block.kind = kind;
    for (const auto& [database, key] : keys) {
      AppendPut(database, key, StateOf("v"), &block.bytes);
      ++block.items;
    }
    return block;
  };
  constexpr auto kSorted = BlockKind::kSorted;
  constexpr auto kUnsorted = BlockKind::kUnsorted;
  EXPECT_EQ(error_of({}), "");
  EXPECT_EQ(error_of({block_of(kSorted, {{0, "a"}, {0, "b"}}), block_of(kUnsorted, {{0, "aa"}}),
                      block_of(kSorted, {{1, "a"}})}),
            "");
  EXPECT_EQ(error_of({block_of(kSorted, {{0, "b"}, {0, "a"}})}),
            "effect 2 of 2: the items are out of order");
  EXPECT_EQ(error_of({block_of(kSorted, {{1, "b"}}), block_of(kSorted, {{0, "c"}})}),
            "effect 1 of 1: the items are out of order");
  EXPECT_EQ(error_of({block_of(kSorted, {{0, "a"}}), block_of(kUnsorted, {{0, "a"}})}),
            "effect 1 of 1: a key comes twice");
  EXPECT_EQ(error_of({block_of(kSorted, {{3, "a"}})}),
            "effect 1 of 1: it is about database 3, but `databases` is 3: raise it");
  SnapshotBlock flush;
  AppendFlush(0, &flush.bytes);
  flush.others = 1;
  EXPECT_EQ(error_of({flush}), "effect 1 of 1: a snapshot flushes nothing");
  SnapshotBlock more = block_of(kSorted, {{0, "a"}});
  more.items = 2;
  EXPECT_EQ(error_of({more}), "effect 2 of 2: is cut short");
}

// --- schedule
// -------------------------------------------------------------------------------------

TEST(SaveScheduleTest, RulesGrowthAndBackingOff) {
  SaveSchedule schedule;
  schedule.Started(1000);
  EXPECT_FALSE(schedule.SaveIsDue(1'000'000'000, 1'000'000));
  schedule.rules = {{3600, 1}, {60, 100}};
  EXPECT_FALSE(schedule.SaveIsDue(60'999, 100));
  EXPECT_TRUE(schedule.SaveIsDue(61'000, 100));
  EXPECT_FALSE(schedule.SaveIsDue(61'000, 99));
  EXPECT_FALSE(schedule.SaveIsDue(3'601'000, 0));
  EXPECT_TRUE(schedule.SaveIsDue(3'601'000, 1));
  schedule.Failed(61'000);
  EXPECT_FALSE(schedule.SaveIsDue(65'999, 100));
  EXPECT_TRUE(schedule.SaveIsDue(66'000, 100));
  schedule.Failed(66'000);
  EXPECT_TRUE(schedule.backing_off(75'999));
  EXPECT_FALSE(schedule.backing_off(76'000));
  for (int n = 0; n < 100; ++n) schedule.Failed(100'000);
  EXPECT_FALSE(schedule.backing_off(400'000));
  schedule.Saved(100'000);
  EXPECT_FALSE(schedule.backing_off(100'001));
  EXPECT_FALSE(schedule.SaveIsDue(159'999, 100));

  schedule.rewrite_min_bytes = 1000;
  EXPECT_FALSE(schedule.RewriteIsDue(0, 0, 999));
  EXPECT_TRUE(schedule.RewriteIsDue(0, 0, 1000));
  EXPECT_FALSE(schedule.RewriteIsDue(0, 2000, 1999));
  EXPECT_TRUE(schedule.RewriteIsDue(0, 2000, 2000));
  schedule.rewrite_percentage = 0;
  EXPECT_FALSE(schedule.RewriteIsDue(0, 2000, 200000));
}

}  // namespace
}  // namespace ampt
