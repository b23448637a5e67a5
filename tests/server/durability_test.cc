// What of the data survives what: ends and restarts, saves, a log switched off and on, a stop while
// loading.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "persistence/data_directory.h"
#include "persistence/log_writer.h"
#include "tests/server/durability.h"

namespace ampt::test {
namespace {

namespace fs = std::filesystem;

// --- ends and restarts
// ----------------------------------------------------------------------------

struct End {
  Settings settings;
  std::string command;  // empty: SIGTERM
  bool keeps;
};

TEST_F(DurabilityTest, AnEndAndARestartKeepWhatTheSettingsPromise) {
  const End kEnds[] = {
      {{{"appendfsync", "always"}}, "", true},
      {{{"appendfsync", "everysec"}}, "", true},
      {{{"appendfsync", "no"}}, "", true},
      {{}, "SHUTDOWN", true},
      {{}, "SHUTDOWN SAVE", true},
      {{}, "SHUTDOWN NOSAVE", true},
      {{{"appendonly", "no"}, {"save", "3600 1"}}, "", true},
      {{{"appendonly", "no"}, {"save", "3600 1"}}, "SHUTDOWN", true},
      {{{"appendonly", "no"}, {"save", "3600 1"}}, "SHUTDOWN NOSAVE", false},
      {{{"appendonly", "no"}, {"save", ""}}, "SHUTDOWN SAVE", true},
      {{{"appendonly", "no"}, {"save", ""}}, "", false},
      {{{"appendonly", "no"}, {"save", ""}, {"rdbcompression", "no"}}, "SHUTDOWN SAVE", true},
  };
  std::string of_nothing;
  for (const End& end : kEnds) {
    SCOPED_TRACE(testing::PrintToString(end.settings) + " " + end.command);
    StartServer(end.settings);
    if (of_nothing.empty()) of_nothing = Digest();
    FillDatabases();
    const std::string digest = Digest();
    ASSERT_NE(digest, of_nothing);
    if (end.command.empty()) {
      server().Signal(SIGTERM);
    } else {
      EXPECT_EQ(Ask(end.command), "(error) connection closed");
    }
    server().ExpectExit();
    server().Restart(end.settings);
    EXPECT_EQ(Digest(), end.keeps ? digest : of_nothing);
    EXPECT_EQ(Ask("DEBUG VERIFY"), "OK");
  }
}

// There is always a frame being written and another being collected then.
TEST_F(DurabilityTest, AnEndUnderLoadKeepsWhatWasAnswered) {
  const Settings settings = {{"appendfsync", "always"}, {"save", ""}};
  for (const std::string end : {"SHUTDOWN", "SHUTDOWN SAVE", ""}) {
    SCOPED_TRACE(end);
    StartServer(settings);
    constexpr size_t kWriters = 3;
    std::atomic<int64_t> answered[kWriters] = {};
    std::vector<std::thread> writers;
    for (size_t n = 0; n < kWriters; ++n) {
      writers.emplace_back([&answered, n, client = Connect()]() mutable {
        while (client.Run({"INCR", "count" + std::to_string(n)}).type == ':') ++answered[n];
      });
    }
    EXPECT_TRUE(WaitFor([&] {
      return std::ranges::all_of(answered, [](const auto& count) { return count > 30; });
    }));
    if (end.empty()) {
      server().Signal(SIGTERM);
    } else {
      EXPECT_EQ(Ask(end), "(error) connection closed");
    }
    server().ExpectExit();
    for (std::thread& writer : writers) writer.join();
    server().Restart(settings);
    for (size_t n = 0; n < kWriters; ++n) {
      const int64_t kept =
          std::atoll(Connect().Run({"GET", "count" + std::to_string(n)}).text.c_str());
      EXPECT_GE(kept, answered[n]);
      EXPECT_LE(kept, answered[n] + 1);
    }
  }
}

TEST_F(DurabilityTest, WhatFellDueWhileTheServerWasDownIsExpired) {
  StartServer({{"appendfsync", "always"}});
  Client client = Connect();
  client.Ask("SET short 1 PX 30");
  client.Ask("SET long 1 EX 1000");
  server().Kill();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  server().Restart();
  EXPECT_EQ(Ask("DBSIZE"), "(integer) 1");
  EXPECT_EQ(Ask("EXISTS short"), "(integer) 0");
  EXPECT_EQ(Ask("EXISTS long"), "(integer) 1");
}

TEST_F(DurabilityTest, ALogMayBeSwitchedOffAndOnAgain) {
  StartServer({{"appendfsync", "always"}, {"save", ""}});
  FillDatabases();
  for (int time = 0; time < 2; ++time) {
    EXPECT_EQ(Ask("CONFIG SET appendonly no"), "OK");
    EXPECT_EQ(InfoNumber("aof_enabled"), 0);
    EXPECT_EQ(Ask("SET without log"), "OK");
    const int64_t saves = InfoNumber("rdb_saves");
    EXPECT_EQ(Ask("CONFIG SET appendonly yes"), "OK");
    // From the snapshot it begins with the log counts.
    EXPECT_TRUE(WaitFor([&] { return InfoNumber("rdb_saves") > saves; }));
    EXPECT_EQ(Ask("INCR with-log"), "(integer) " + std::to_string(time + 1));
    const std::string digest = Digest();
    server().Kill();
    server().Restart({{"appendfsync", "always"}, {"save", ""}});
    EXPECT_EQ(Digest(), digest);
    EXPECT_EQ(Ask("GET without"), "\"log\"");
  }
  // From a server that never had one.
  server().Stop();
  server().Restart({{"appendonly", "no"}, {"appendfsync", "always"}, {"save", ""}});
  EXPECT_EQ(Ask("GET with-log"), "\"2\"");
  EXPECT_EQ(Ask("CONFIG SET appendonly yes"), "OK");
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("rdb_saves") == 1; }));
  EXPECT_EQ(Ask("INCR with-log"), "(integer) 3");
  const std::string digest = Digest();
  server().Kill();
  server().Restart();
  EXPECT_EQ(Digest(), digest);
}

// --- saves
// ----------------------------------------------------------------------------------------

TEST_F(DurabilityTest, SaveAnswersWhenItIsSaved) {
  StartServer({{"appendonly", "no"}, {"save", ""}});
  FillDatabases();
  EXPECT_GT(InfoNumber("rdb_changes_since_last_save"), 0);
  EXPECT_EQ(Ask("DEBUG FAILPOINT write delay 100"), "OK");
  Client client = Connect();
  client.Send(Encode({"SAVE"}));
  ASSERT_TRUE(WaitFor([this] { return IsSaving(); }));
  EXPECT_FALSE(client.HasReply());
  EXPECT_EQ(Render(client.Read().value_or(Value())), "OK");
  EXPECT_FALSE(IsSaving());
  EXPECT_EQ(InfoNumber("rdb_saves"), 1);
  EXPECT_EQ(InfoNumber("rdb_changes_since_last_save"), 0);
  EXPECT_EQ(Snapshots().size(), 1u);
  const std::string digest = Digest();
  server().Kill();
  server().Restart({{"appendonly", "no"}});
  EXPECT_EQ(Digest(), digest);
}

TEST_F(DurabilityTest, OneSaveAtATime) {
  StartServer();
  FillDatabases();
  const int64_t before = InfoNumber("rdb_saves");
  Client client = Connect();
  client.Ask("DEBUG FAILPOINT write delay 100");
  EXPECT_EQ(client.Ask("BGSAVE"), "Background saving started");
  EXPECT_EQ(client.Ask("BGSAVE"), "(error) ERR Background save already in progress");
  EXPECT_EQ(client.Ask("SAVE"), "(error) ERR Background save already in progress");
  EXPECT_EQ(client.Ask("BGREWRITEAOF"),
            "(error) ERR Background append only file rewriting already in progress");
  EXPECT_EQ(client.Ask("BGSAVE SCHEDULE"), "Background saving scheduled");
  client.Ask("DEBUG FAILPOINT OFF");
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("rdb_saves") == before + 2; }));
  WaitForSave();
  EXPECT_EQ(client.Ask("BGREWRITEAOF"), "Background append only file rewriting started");
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("rdb_saves") == before + 3; }));
}

TEST_F(DurabilityTest, LastsaveMoves) {
  const std::string before = Ask("LASTSAVE");
  EXPECT_TRUE(WaitFor([&] { return Ask("SAVE") == "OK" && Ask("LASTSAVE") > before; }));
}

TEST_F(DurabilityTest, RulesSave) {
  StartServer({{"appendonly", "no"}, {"save", "1 3"}});
  Client client = Connect();
  client.Ask("MSET a 1 b 2");
  client.Ask("SET c 3");
  const std::string digest = Digest();
  EXPECT_TRUE(WaitFor([this] { return InfoNumber("rdb_saves") == 1; }));
  server().Kill();
  server().Restart({{"appendonly", "no"}});
  EXPECT_EQ(Digest(), digest);
}

TEST_F(DurabilityTest, ReloadKeepsEverything) {
  for (const std::string_view appendonly : {"yes", "no"}) {
    StartServer({{"appendonly", std::string(appendonly)}});
    FillDatabases();
    const std::string digest = Digest();
    EXPECT_EQ(Ask("DEBUG RELOAD"), "OK");
    EXPECT_EQ(Digest(), digest);
    EXPECT_EQ(Ask("DEBUG VERIFY"), "OK");
    // It goes on as before.
    EXPECT_EQ(Ask("INCR count"), "(integer) 43");
    EXPECT_EQ(Ask("DEBUG RELOAD"), "OK");
    EXPECT_EQ(Ask("GET count"), "\"43\"");
  }
}

// A thread that writes as fast as it can to few keys, until it is destroyed.
class BusyWriter {
 public:
  explicit BusyWriter(Client client)
      : thread_([this, client = std::move(client)]() mutable {
          const std::string padding(200, '.');
          for (int n = 0; !stop_; ++n) {
            const std::string key = "key:" + std::to_string(n * 7919 % 20000);
            const Value reply =
                n % 5 == 4 ? client.Run({"DEL", key})
                           : client.Run({"AMPT.SET", key, std::to_string(n), "QUIET", "OVERWRITE",
                                         "LABEL1", padding.substr(0, n % 100 + 1)});
            if (reply.is_error()) ADD_FAILURE() << reply.text;
            ++writes_;
          }
        }) {}
  ~BusyWriter() {
    stop_ = true;
    thread_.join();
  }
  int64_t writes() const { return writes_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> writes_ = 0;
  std::thread thread_;
};

TEST_F(DurabilityTest, ASnapshotShowsTheMomentItBegan) {
  StartServer({{"appendonly", "no"}, {"save", ""}});
  ASSERT_EQ(Ask("DEBUG POPULATE 20000 key 200"), "OK");
  const std::string digest = Digest();
  // Slow enough for many writes meanwhile.
  ASSERT_EQ(Ask("DEBUG FAILPOINT write delay 20"), "OK");
  ASSERT_EQ(Ask("BGSAVE"), "Background saving started");
  int64_t during = 0;
  {
    BusyWriter writer(Connect());
    EXPECT_TRUE(WaitFor([&] {
      if (!IsSaving()) return true;
      during = writer.writes();
      return false;
    }));
  }
  EXPECT_GT(during, 100);
  EXPECT_NE(Digest(), digest);
  EXPECT_EQ(InfoText("rdb_last_bgsave_status"), "ok");
  server().Kill();
  server().Restart({{"appendonly", "no"}, {"save", ""}});
  EXPECT_EQ(Digest(), digest);
  EXPECT_EQ(Ask("DEBUG VERIFY"), "OK");
}

// A thread that sends commands faster than they are run, and wants no replies, until it is
// destroyed: no turn of the loop is without commands.
class Flood {
 public:
  explicit Flood(Client client)
      : thread_([this, client = std::move(client)]() mutable {
          std::string commands = Encode({"CLIENT", "REPLY", "OFF"});
          do {
            if (!client.Send(commands)) return ADD_FAILURE() << "the connection is gone";
            commands.clear();
            for (int n = 0; n < 5000; ++n) commands += Encode({"INCR", "count"});
          } while (!stop_);
        }) {}
  ~Flood() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

TEST_F(DurabilityTest, ASaveEndsBesideCommandsWithoutAPause) {
  StartServer({{"appendonly", "no"}, {"save", ""}});
  ASSERT_EQ(Ask("DEBUG POPULATE 20000 key 200"), "OK");
  Flood one(Connect());
  Flood two(Connect());
  ASSERT_TRUE(WaitFor([this] { return InfoNumber("total_commands_processed") > 100'000; }));
  ASSERT_EQ(Ask("BGSAVE"), "Background saving started");
  EXPECT_TRUE(WaitFor([this] { return !IsSaving(); }));
  EXPECT_EQ(InfoText("rdb_last_bgsave_status"), "ok");
}

TEST_F(DurabilityTest, RewritesUnderWritesLeaveOneSnapshotAndOneLog) {
  const Settings settings = {{"appendfsync", "always"}, {"save", ""}};
  StartServer(settings);
  ASSERT_EQ(Ask("DEBUG POPULATE 20000 key 200"), "OK");
  {
    BusyWriter writer(Connect());
    for (int64_t time = 1; time <= 3; ++time) {
      ASSERT_EQ(Ask("BGREWRITEAOF"), "Background append only file rewriting started");
      ASSERT_TRUE(WaitFor([&] { return InfoNumber("rdb_saves") == time; }));
    }
  }
  EXPECT_EQ(InfoText("aof_last_bgrewrite_status"), "ok");
  EXPECT_EQ(Snapshots().size(), 1u);
  EXPECT_EQ(LogFiles().size(), 1u);
  EXPECT_EQ(TemporaryFiles().size(), 0u);
  const std::string digest = Digest();
  server().Kill();
  server().Restart(settings);
  EXPECT_EQ(Digest(), digest);
  EXPECT_EQ(Ask("DEBUG VERIFY"), "OK");
}

TEST_F(DurabilityTest, ALogThatHasGrownIsRewrittenByItself) {
  StartServer({{"auto-aof-rewrite-percentage", "100"}, {"auto-aof-rewrite-min-size", "256kb"}});
  const std::vector<std::string> first = LogFiles();
  ASSERT_EQ(first.size(), 1u);
  Client client = Connect();
  const std::string value(1000, 'v');
  EXPECT_TRUE(WaitFor([&] {
    for (int n = 0; n < 100; ++n) client.Run({"SET", "key" + std::to_string(n), value});
    return InfoNumber("rdb_saves") >= 2;
  }));
  WaitForSave();
  EXPECT_EQ(Snapshots().size(), 1u);
  ASSERT_EQ(LogFiles().size(), 1u);
  EXPECT_NE(LogFiles(), first);
  const std::string digest = Digest();
  server().Stop();
  server().Restart();
  EXPECT_EQ(Digest(), digest);
}

// --- loading
// --------------------------------------------------------------------------------------

// A log that takes much longer to load than a client takes to connect: every change moves an item
// in five indexes.
void WriteSlowLog(const std::string& path) {
  constexpr int kItems = 100'000;
  constexpr int kChanges = 600'000;
  constexpr int kChangesPerFrame = 500;
  PosixDisk disk;
  const auto directory = DataDirectory::Open(disk, path, 1);
  ASSERT_TRUE(directory.ok()) << directory.status().text();
  const auto log = LogWriter::Open(**directory, {}, SyncPolicy::kNo);
  ASSERT_TRUE(log.ok()) << log.status().text();
  uint64_t random = 1;
  std::string labels[5];
  for (int n = 0; n < kChanges; ++n) {
    for (std::string& label : labels) {
      random = random * 6364136223846793005 + 1442695040888963407;
      label = std::to_string(random >> 40);
    }
    ItemState state;
    state.value = NumberValue("1");
    for (size_t label = 0; label < 5; ++label) state.labels[label] = labels[label];
    (*log)->open().AddPut(0, "key" + std::to_string(n % kItems), state);
    if ((n + 1) % kChangesPerFrame != 0) continue;
    ASSERT_TRUE((*log)->StartJob(n));
    (*log)->RunJob();
    (*log)->FinishJob(n);
  }
  ASSERT_TRUE((*log)->Close().ok());
}

TEST_F(DurabilityTest, AServerThatLoadsSaysSoAndCanBeStopped) {
  StartServer();
  server().Stop();
  for (const std::string& name : Names(server().directory(), "ampt-", "")) {
    fs::remove(server().directory() + "/" + name);
  }
  ASSERT_NO_FATAL_FAILURE(WriteSlowLog(server().directory()));
  for (const std::string end : {"SHUTDOWN", "SHUTDOWN NOSAVE", ""}) {
    SCOPED_TRACE(end);
    server().Restart({}, ServerProcess::Until::kListens);
    Client client = Connect();
    EXPECT_EQ(client.Ask("GET key1"), "(error) LOADING Redis is loading the dataset in memory");
    EXPECT_EQ(client.Ask("SET key1 2"), "(error) LOADING Redis is loading the dataset in memory");
    EXPECT_EQ(client.Ask("PING"), "(error) LOADING Redis is loading the dataset in memory");
    EXPECT_EQ(InfoNumber("loading"), 1);
    EXPECT_GT(InfoNumber("loading_start_time"), 0);
    EXPECT_GT(InfoNumber("loading_total_bytes"), 0);
    EXPECT_TRUE(WaitFor([this] { return InfoNumber("loading_loaded_bytes") > 0; }));
    EXPECT_GT(InfoNumber("loading_eta_seconds"), 0);
    if (end.empty()) {
      server().Signal(SIGTERM);
    } else {
      EXPECT_EQ(client.Ask(end), "(error) connection closed");
    }
    server().ExpectExit();
  }
  // None of that has changed the data. What clients ask for meanwhile holds once it is loaded.
  server().Restart({}, ServerProcess::Until::kListens);
  Client subscriber = Connect();
  EXPECT_NE(subscriber.Ask("SUBSCRIBE ampt:created:fresh").find("subscribe"), std::string::npos);
  EXPECT_EQ(Ask("CONFIG SET maxmemory 1mb maxmemory-policy allkeys-lru appendfsync always"), "OK");
  Client client = Connect();
  EXPECT_EQ(client.Ask("MULTI"), "OK");
  EXPECT_EQ(client.Ask("PUBLISH nowhere text"), "QUEUED");
  EXPECT_EQ(client.Ask("EXEC"), "1) (integer) 0");
  EXPECT_EQ(InfoNumber("loading"), 1) << "it was loaded too soon to say anything";
  EXPECT_TRUE(WaitFor([this] { return server().Log().find("Loading: ") != std::string::npos; }));
  EXPECT_EQ(Ask("CONFIG SET maxmemory 0"), "OK");
  EXPECT_TRUE(WaitFor([this] { return Ask("DBSIZE") == "(integer) 100000"; }));
  EXPECT_EQ(Ask("SET fresh 1"), "OK");
  const std::optional<Value> message = subscriber.Read();
  ASSERT_TRUE(message);
  EXPECT_NE(Render(*message).find("created"), std::string::npos);
  EXPECT_EQ(Ask("DEBUG VERIFY"), "OK");
}

}  // namespace
}  // namespace ampt::test
