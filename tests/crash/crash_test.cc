// Crashes at every operation, in every way a disk may leave behind, and faults of every call.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "tests/crash/simulated_disk.h"
#include "tests/crash/simulated_server.h"

namespace ampt {
namespace {

uint64_t Seed() {
  const char* text = std::getenv("SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

struct Tally {
  uint64_t points = 0;
  uint64_t saves = 0;
  uint64_t reads = 0;  // events that consumers got
  std::string first_problem;

  void Problem(const std::string& what) {
    if (first_problem.empty()) first_problem = what;
  }
};

// Crashes the disk once, loads what is left, and again after a second crash in or behind loading.
void CheckCrash(const SimulatedDisk& disk, const SimulatedServer& server, uint64_t seed,
                Tally* tally) {
  Random random(seed);
  const std::unique_ptr<SimulatedDisk> left =
      random.OneIn(4) ? disk.Kill(random.Next()) : disk.Crash(random.Next());
  if (random.OneIn(8)) {
    left->set_before_operation([&] {
      ++tally->points;
      const std::unique_ptr<SimulatedDisk> again = left->Crash(random.Next());
      const Loaded loaded = Load(*again, random.OneIn(2));
      if (!loaded.status.ok()) return tally->Problem("second crash: " + loaded.status.text());
      const std::string problem = server.Problem(loaded);
      if (!problem.empty()) tally->Problem("second crash: " + problem);
    });
  }
  ++tally->points;
  const Loaded loaded = Load(*left, random.OneIn(2));
  left->set_before_operation(nullptr);
  if (!loaded.status.ok()) return tally->Problem(loaded.status.text());
  if (const std::string problem = server.Problem(loaded); !problem.empty()) {
    std::string files;
    for (const std::string& path : left->Paths()) {
      files += " " + path + "(" + std::to_string(left->Contents(path).size()) + ")";
    }
    return tally->Problem(problem + ", from" + files);
  }
  // What clients can see from now on must survive the next crash.
  if (random.OneIn(4)) {
    ++tally->points;
    const std::unique_ptr<SimulatedDisk> again = left->Crash(random.Next());
    const Loaded reloaded = Load(*again);
    if (!reloaded.status.ok()) return tally->Problem("after loading: " + reloaded.status.text());
    if (reloaded.digest != loaded.digest || reloaded.events_digest != loaded.events_digest) {
      tally->Problem("what was loaded was lost again");
    }
  }
}

// A server's life with a crash tried before every operation on the disk; then, from one crash of
// the disk, another life.
void Live(const SimulatedServer::Options& options, uint64_t seed, int turns, int lives,
          Tally* tally) {
  Random random(seed);
  auto disk = std::make_unique<SimulatedDisk>(random.Next());
  std::unique_ptr<SimulatedDisk> next_disk;
  for (int life = 0; life < lives; ++life) {
    if (next_disk != nullptr) disk = std::move(next_disk);
    SimulatedServer server(*disk, random.Next(), options);
    ASSERT_TRUE(server.Start().ok());
    disk->set_before_operation([&] { CheckCrash(*disk, server, random.Next(), tally); });
    for (int n = 0; n < turns; ++n) server.Turn();
    if (random.OneIn(3)) {
      EXPECT_TRUE(server.Settle());
      const Status closed = server.Close();
      EXPECT_TRUE(closed.ok()) << closed.text();
    }
    CheckCrash(*disk, server, random.Next(), tally);
    disk->set_before_operation(nullptr);
    tally->saves += server.saves();
    tally->reads += server.reads();
    ASSERT_EQ(tally->first_problem, "")
        << "seed " << seed << ", life " << life << ", turn " << server.turns();
    next_disk = disk->Crash(random.Next());
  }
}

class CrashTest : public testing::TestWithParam<SyncPolicy> {};

TEST_P(CrashTest, RecoveryHoldsWhatWasPromised) {
  SimulatedServer::Options options;
  options.policy = GetParam();
  Tally tally;
  for (uint64_t seed = Seed(); seed < Seed() + 12; ++seed) {
    // With consumers every crash takes far longer to look at.
    options.events = seed % 6 == 0;
    ASSERT_NO_FATAL_FAILURE(Live(options, seed, 120, 3, &tally));
  }
  std::printf("crash points: %llu, saves: %llu\n", static_cast<unsigned long long>(tally.points),
              static_cast<unsigned long long>(tally.saves));
  EXPECT_GT(tally.saves, 10u);
  EXPECT_GT(tally.points, 5000u);
  EXPECT_GT(tally.reads, 200u);
}

INSTANTIATE_TEST_SUITE_P(Policies, CrashTest,
                         testing::Values(SyncPolicy::kAlways, SyncPolicy::kEverySecond,
                                         SyncPolicy::kNo),
                         [](const auto& info) {
                           return info.param == SyncPolicy::kAlways        ? "Always"
                                  : info.param == SyncPolicy::kEverySecond ? "EverySecond"
                                                                           : "No";
                         });

TEST(CrashTest, SnapshotsOnly) {
  SimulatedServer::Options options;
  options.appendonly = false;
  options.saves_one_in = 8;
  Tally tally;
  for (uint64_t seed = Seed(); seed < Seed() + 12; ++seed) {
    options.events = seed % 6 == 0;
    ASSERT_NO_FATAL_FAILURE(Live(options, seed, 120, 3, &tally));
  }
  std::printf("crash points: %llu, saves: %llu\n", static_cast<unsigned long long>(tally.points),
              static_cast<unsigned long long>(tally.saves));
  EXPECT_GT(tally.saves, 10u);
  EXPECT_GT(tally.points, 1000u);
}

// --- faults
// ---------------------------------------------------------------------------------------

struct FaultKind {
  const char* name;
  SimulatedDisk::Fault fault;
  const char* code;
  uint64_t more;  // operations that fail behind the first one
};

struct FaultTally {
  Tally crashes;
  uint64_t happened = 0;
  uint64_t refused = 0;
  uint64_t losses = 0;
  uint64_t failed_saves = 0;
};

// False where the life was over before that operation.
bool LiveWithFault(const FaultKind& kind, uint64_t seed, uint64_t operation, FaultTally* tally) {
  constexpr SyncPolicy kPolicies[] = {SyncPolicy::kEverySecond, SyncPolicy::kAlways,
                                      SyncPolicy::kNo};
  SimulatedServer::Options options;
  options.events = true;
  options.saves_one_in = 15;
  options.keys = 12;
  options.policy = kPolicies[operation % 3];
  const std::string where =
      "seed " + std::to_string(seed) + ", operation " + std::to_string(operation);
  SimulatedDisk disk(seed);
  disk.FailAt(operation, kind.fault, kind.code, kind.more);
  auto server = std::make_unique<SimulatedServer>(disk, seed, options);
  for (int tries = 0; !server->Start().ok(); ++tries) {
    EXPECT_LT(tries, 20) << where;
    if (tries == 20) return false;
    server.reset();
    server = std::make_unique<SimulatedServer>(disk, seed, options);
  }
  Random random(operation);
  disk.set_before_operation([&] {
    if (random.OneIn(8)) CheckCrash(disk, *server, random.Next(), &tally->crashes);
  });
  for (int n = 0; n < 60; ++n) server->Turn();
  EXPECT_TRUE(server->Settle()) << where;
  Status closed = server->Close();
  for (int tries = 0; !closed.ok() && tries < 20; ++tries) {
    EXPECT_TRUE(server->Settle()) << where;
    closed = server->Close();
  }
  EXPECT_TRUE(closed.ok()) << where << ": " << closed.text();
  disk.set_before_operation(nullptr);
  EXPECT_EQ(tally->crashes.first_problem, "") << where;

  const uint64_t digest = server->digest();
  const uint64_t events_digest = server->events_digest();
  tally->refused += server->refused_turns() > 0;
  tally->losses += server->losses();
  tally->crashes.saves += server->saves();
  tally->failed_saves += server->failed_saves();
  const bool happened = disk.fault_happened();
  tally->happened += happened;
  server.reset();
  const Loaded loaded = Load(*disk.Crash(operation));
  EXPECT_TRUE(loaded.status.ok()) << where << ": " << loaded.status.text();
  EXPECT_EQ(loaded.digest, digest) << where;
  EXPECT_EQ(loaded.events_digest, events_digest) << where;
  return happened && !testing::Test::HasFailure();
}

class FaultTest : public testing::TestWithParam<FaultKind> {};

// Each call fails once, at every position of one life: nothing is lost, nothing comes twice, the
// server works again, and what it leaves behind loads.
TEST_P(FaultTest, EveryCallFailsOnce) {
  FaultTally tally;
  for (uint64_t seed = Seed(); seed < Seed() + 2; ++seed) {
    // As many lives as one has operations, and a last one without a fault.
    bool happened = true;
    for (uint64_t operation = 0; happened; ++operation) {
      happened = LiveWithFault(GetParam(), seed, operation, &tally);
    }
  }
  std::printf(
      "faults: %llu, of which %llu refused writes and %llu lost the log; crash points: %llu\n",
      static_cast<unsigned long long>(tally.happened),
      static_cast<unsigned long long>(tally.refused), static_cast<unsigned long long>(tally.losses),
      static_cast<unsigned long long>(tally.crashes.points));
  EXPECT_GT(tally.happened, 100u);
  EXPECT_GT(tally.refused, 0u);
  EXPECT_GT(tally.crashes.saves, 0u);
  EXPECT_GT(tally.failed_saves, 0u);
  if (GetParam().fault == SimulatedDisk::Fault::kForgetful) {
    EXPECT_GT(tally.losses, 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, FaultTest,
    testing::Values(FaultKind{"InputOutputError", SimulatedDisk::Fault::kNothingDone, "EIO", 0},
                    FaultKind{"DiskFullInTheMiddle", SimulatedDisk::Fault::kPartDone, "ENOSPC", 0},
                    FaultKind{"DiskFullForAWhile", SimulatedDisk::Fault::kPartDone, "ENOSPC", 9},
                    FaultKind{"ForgetfulSync", SimulatedDisk::Fault::kForgetful, "EIO", 0}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace ampt
