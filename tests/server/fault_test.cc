// Disks that fail, are slow, or full.
#include <signal.h>
#include <sys/mount.h>

#include <filesystem>

#include "tests/server/durability.h"

namespace ampt::test {
namespace {

namespace fs = std::filesystem;

// --- disks that fail
// ------------------------------------------------------------------------------

struct Fault {
  std::string appendfsync;
  std::string operation;
  std::string error;
};

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.appendfsync << " " << fault.operation << " " << fault.error;
}

class FaultTest : public DurabilityTest, public testing::WithParamInterface<Fault> {};

TEST_P(FaultTest, NoWriteIsAcceptedUntilTheDiskWorks) {
  const Fault& fault = GetParam();
  const Settings settings = {{"appendfsync", fault.appendfsync}, {"save", ""}};
  StartServer(settings);
  Client writer = Connect();
  Client reader = Connect();
  int64_t sent = 0;
  const auto increment = [&] {
    ++sent;
    return writer.Ask("INCR count");
  };
  for (int n = 0; n < 10; ++n) increment();
  ASSERT_EQ(reader.Ask("DEBUG FAILPOINT " + fault.operation + " " + fault.error + " 0"), "OK");

  if (fault.appendfsync == "always") {
    // Whether it lasts is not known, so nothing is said.
    EXPECT_EQ(increment(), "(error) connection closed");
    writer = Connect();
  } else {
    // Answered before anybody knows.
    EXPECT_EQ(increment(), "(integer) 11");
    // It is noticed by one of the next writes, which are done for all that, or by the next sync.
    ASSERT_TRUE(WaitFor([&] { return InfoText("aof_last_write_status") == "err"; }));
  }
  const std::string refusal = writer.Ask("INCR count");
  EXPECT_TRUE(refusal.starts_with("(error) MISCONF ")) << refusal;
  EXPECT_NE(refusal.find(fault.error), std::string::npos) << refusal;
  EXPECT_NE(refusal.find(fault.operation), std::string::npos) << refusal;
  EXPECT_EQ(writer.Ask("AMPT.SET other 1").substr(0, 15), "(error) MISCONF");
  EXPECT_EQ(writer.Ask("FLUSHALL").substr(0, 15), "(error) MISCONF");
  EXPECT_EQ(writer.Ask("MULTI"), "OK");
  EXPECT_EQ(writer.Ask("SET other 1").substr(0, 15), "(error) MISCONF");
  EXPECT_EQ(writer.Ask("EXEC").substr(0, 17), "(error) EXECABORT");
  EXPECT_EQ(reader.Ask("GET count"), "\"" + std::to_string(sent) + "\"");
  EXPECT_EQ(reader.Ask("EXISTS other"), "(integer) 0");
  EXPECT_EQ(InfoText("aof_last_write_status"), "err");
  EXPECT_NE(InfoText("aof_last_write_error").find(fault.error), std::string::npos);

  ASSERT_EQ(reader.Ask("DEBUG FAILPOINT OFF"), "OK");
  ASSERT_TRUE(WaitFor([&] { return InfoText("aof_last_write_status") == "ok"; }));
  for (int n = 0; n < 10; ++n) {
    const std::string reply = increment();
    EXPECT_EQ(reply, "(integer) " + std::to_string(sent));
  }
  // Once nothing is left to write, even the end of the process loses nothing.
  WaitUntilWritten();
  const std::string digest = Digest();
  server().Kill();
  server().Restart(settings);
  EXPECT_EQ(Ask("GET count"), "\"" + std::to_string(sent) + "\"");
  EXPECT_EQ(Digest(), digest);
}

INSTANTIATE_TEST_SUITE_P(
    Disk, FaultTest,
    testing::Values(Fault{"always", "write", "ENOSPC"}, Fault{"always", "write", "EIO"},
                    Fault{"always", "sync", "EIO"}, Fault{"always", "sync", "ENOSPC"},
                    Fault{"everysec", "write", "ENOSPC"}, Fault{"everysec", "write", "EROFS"},
                    Fault{"everysec", "sync", "EIO"}, Fault{"everysec", "sync", "EDQUOT"},
                    Fault{"no", "write", "EACCES"}),
    [](const auto& info) {
      return info.param.appendfsync + "_" + info.param.operation + "_" + info.param.error;
    });

TEST_F(DurabilityTest, ARepairThatFailsIsTriedAgain) {
  const Settings settings = {{"appendfsync", "always"}};
  StartServer(settings);
  Client control = Connect();
  ASSERT_EQ(Ask("INCR count"), "(integer) 1");
  for (const std::string_view operation : {"truncate", "read", "sync"}) {
    SCOPED_TRACE(operation);
    // First the write fails in its middle, and then what would undo it.
    control.Ask("DEBUG FAILPOINT write ENOSPC 1");
    control.Ask("DEBUG FAILPOINT " + std::string(operation) + " EIO 2");
    EXPECT_EQ(Ask("INCR count"), "(error) connection closed");
    EXPECT_EQ(Ask("INCR count").substr(0, 15), "(error) MISCONF");
    control.Ask("DEBUG FAILPOINT OFF");
    EXPECT_TRUE(WaitFor([&] { return InfoText("aof_last_write_status") == "ok"; }));
  }
  EXPECT_EQ(Ask("INCR count"), "(integer) 5");
  server().Kill();
  server().Restart(settings);
  EXPECT_EQ(Ask("GET count"), "\"5\"");
}

TEST_F(DurabilityTest, NothingShowsAWriteBeforeItsSync) {
  StartServer({{"appendfsync", "always"}, {"notify-keyspace-events", "KA"}});
  Client writer = Connect();
  Client reader = Connect();
  Client subscriber = Connect();
  Client control = Connect();
  ASSERT_EQ(writer.Ask("SET key 0"), "OK");
  ASSERT_EQ(subscriber.Run({"SUBSCRIBE", "__keyspace@0__:key"}).type, '*');
  control.Ask("DEBUG FAILPOINT sync delay 200");
  for (int n = 1; n <= 3; ++n) {
    const std::string value = std::to_string(n);
    const int64_t syncs = InfoNumber("aof_fsyncs");
    writer.Send(Encode({"SET", "key", value}));
    // Each reply of the reader is the old value, or comes when the writer has been answered.
    Value seen;
    while (seen.text != value) {
      seen = reader.Run({"GET", "key"});
      ASSERT_EQ(seen.type, '$');
      if (seen.text == value) {
        EXPECT_TRUE(writer.HasReply()) << "before the writer's sync";
      }
    }
    EXPECT_EQ(Render(writer.Read().value_or(Value())), "OK");
    EXPECT_GT(InfoNumber("aof_fsyncs"), syncs);
    const std::optional<Value> message = subscriber.Read();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->elements.at(2).text, "set");
  }
  // The message of a write does not come before the write's reply either.
  writer.Send(Encode({"SET", "key", "last"}));
  ASSERT_TRUE(WaitFor([&] { return subscriber.HasReply(); }));
  EXPECT_TRUE(writer.HasReply()) << "the message came before the writer's sync";
  control.Ask("DEBUG FAILPOINT OFF");
}

TEST_F(DurabilityTest, WritesWaitForALateSyncAndReadsDoNot) {
  StartServer({{"appendfsync", "everysec"}});
  Client writer = Connect();
  Client reader = Connect();
  ASSERT_EQ(reader.Ask("DEBUG FAILPOINT sync delay 4000"), "OK");
  // A write is waiting when it has no answer though another client, later, got many.
  int64_t sent = 0;
  const bool waited = WaitFor([&] {
    ++sent;
    writer.Send(Encode({"INCR", "count"}));
    for (int n = 0; n < 200; ++n) {
      if (reader.Ask("PING") != "PONG") return true;
      if (writer.HasReply()) {
        EXPECT_EQ(Render(writer.Read().value_or(Value())), "(integer) " + std::to_string(sent));
        return false;
      }
    }
    return true;
  });
  ASSERT_TRUE(waited);
  EXPECT_EQ(reader.Ask("GET count"), "\"" + std::to_string(sent - 1) + "\"");
  EXPECT_FALSE(writer.HasReply());
  reader.Ask("DEBUG FAILPOINT OFF");
  EXPECT_EQ(Render(writer.Read().value_or(Value())), "(integer) " + std::to_string(sent));
  EXPECT_GT(InfoNumber("aof_delayed_fsync"), 0);
  EXPECT_EQ(InfoText("aof_last_write_status"), "ok");
}

TEST_F(DurabilityTest, AFailedSaveLeavesNothingBehind) {
  const Settings settings = {{"appendfsync", "always"}, {"save", ""}};
  StartServer(settings);
  FillDatabases();
  Client client = Connect();
  ASSERT_EQ(client.Ask("SAVE"), "OK");
  const std::string last_save = client.Ask("LASTSAVE");
  // It counts seconds.
  const auto later = [&] {
    return client.Run({"TIME"}).elements.at(0).text > last_save.substr(10);
  };
  ASSERT_TRUE(WaitFor(later));
  for (const std::string operation : {"open", "write", "sync-directory"}) {
    SCOPED_TRACE(operation);
    const std::vector<std::string> snapshots = Snapshots();
    ASSERT_EQ(snapshots.size(), 1u);
    client.Ask("DEBUG FAILPOINT " + operation + " EIO 0");
    EXPECT_EQ(client.Ask("SAVE").substr(0, 11), "(error) EIO");
    EXPECT_EQ(InfoText("rdb_last_bgsave_status"), "err");
    EXPECT_EQ(TemporaryFiles(), std::vector<std::string>());
    EXPECT_EQ(Snapshots(), snapshots);
    EXPECT_EQ(client.Ask("LASTSAVE"), last_save);
    client.Ask("DEBUG FAILPOINT OFF");
    EXPECT_TRUE(WaitFor([&] { return InfoText("aof_last_write_status") == "ok"; }));
    EXPECT_EQ(client.Ask("INCR after-" + operation), "(integer) 1");
  }
  EXPECT_EQ(client.Ask("SAVE"), "OK");
  EXPECT_EQ(InfoText("rdb_last_bgsave_status"), "ok");
  EXPECT_EQ(Snapshots().size(), 1u);
  EXPECT_EQ(LogFiles().size(), 1u);
  const std::string digest = Digest();
  server().Kill();
  server().Restart(settings);
  EXPECT_EQ(Digest(), digest);
}

// A save begins with a new file of the log. Where the old one cannot be synced, or nobody knows
// which manifest a crash would reveal, nothing is written until that is certain; then the save goes
// on.
TEST_F(DurabilityTest, ASaveWaitsForTheLog) {
  for (const std::string operation : {"sync", "rename"}) {
    SCOPED_TRACE(operation);
    StartServer({{"appendfsync", "always"}, {"save", ""}});
    FillDatabases();
    Client client = Connect();
    client.Ask("DEBUG FAILPOINT " + operation + " EIO 0");
    Client saver = Connect();
    saver.Send(Encode({"SAVE"}));
    ASSERT_TRUE(WaitFor([&] { return InfoText("aof_last_write_status") == "err"; }));
    EXPECT_EQ(client.Ask("SET key 1").substr(0, 15), "(error) MISCONF");
    EXPECT_EQ(client.Ask("GET count"), "\"42\"");
    EXPECT_FALSE(saver.HasReply());
    client.Ask("DEBUG FAILPOINT OFF");
    EXPECT_EQ(Render(saver.Read().value_or(Value())), "OK");
    EXPECT_EQ(client.Ask("SET key 1"), "OK");
    const std::string digest = Digest();
    server().Kill();
    server().Restart();
    EXPECT_EQ(Digest(), digest);
  }
}

TEST_F(DurabilityTest, AFailedSaveStopsWritesWhereThereIsNoLog) {
  const Settings settings = {{"appendonly", "no"}, {"save", "3600 1"}};
  StartServer(settings);
  Client client = Connect();
  client.Ask("SET key 1");
  for (const std::string operation : {"open", "sync", "write"}) {
    SCOPED_TRACE(operation);
    client.Ask("DEBUG FAILPOINT OFF");
    client.Ask("DEBUG FAILPOINT " + operation + " ENOSPC 0");
    EXPECT_EQ(client.Ask("SAVE").substr(0, 14), "(error) ENOSPC");
    EXPECT_EQ(TemporaryFiles(), std::vector<std::string>());
    EXPECT_EQ(Snapshots(), std::vector<std::string>());
  }
  const std::string refusal = client.Ask("SET key 2");
  EXPECT_TRUE(refusal.starts_with("(error) MISCONF ")) << refusal;
  EXPECT_NE(refusal.find("stop-writes-on-bgsave-error"), std::string::npos) << refusal;
  EXPECT_EQ(client.Ask("GET key"), "\"1\"");
  EXPECT_EQ(InfoText("rdb_last_bgsave_status"), "err");

  EXPECT_EQ(client.Ask("CONFIG SET stop-writes-on-bgsave-error no"), "OK");
  EXPECT_EQ(client.Ask("SET key 3"), "OK");
  EXPECT_EQ(client.Ask("CONFIG SET stop-writes-on-bgsave-error yes"), "OK");
  EXPECT_EQ(client.Ask("SET key 4").substr(0, 15), "(error) MISCONF");
  client.Ask("DEBUG FAILPOINT OFF");
  EXPECT_EQ(client.Ask("SAVE"), "OK");
  EXPECT_EQ(client.Ask("SET key 5"), "OK");
  server().Kill();
  server().Restart(settings);
  EXPECT_EQ(Ask("GET key"), "\"3\"");
}

TEST_F(DurabilityTest, AServerThatCannotWriteDoesNotStop) {
  for (const std::string_view operation : {"write", "sync"}) {
    SCOPED_TRACE(operation);
    StartServer({{"save", ""}});
    Client client = Connect();
    client.Ask("DEBUG FAILPOINT " + std::string(operation) + " ENOSPC 0");
    client.Ask("SET key value");
    EXPECT_EQ(client.Ask("SHUTDOWN"), "(error) ERR Errors trying to SHUTDOWN. Check logs.");
    EXPECT_NE(server().Log().find("ENOSPC"), std::string::npos);
    EXPECT_EQ(client.Ask("GET key"), "\"value\"");
    EXPECT_EQ(client.Ask("SET key other").substr(0, 15), "(error) MISCONF");
    client.Ask("DEBUG FAILPOINT OFF");
    EXPECT_TRUE(WaitFor([&] { return client.Ask("SET key later") == "OK"; }));
    EXPECT_EQ(client.Ask("SHUTDOWN"), "(error) connection closed");
    server().ExpectExit();
    server().Restart();
    EXPECT_EQ(Ask("GET key"), "\"later\"");
  }
}

TEST_F(DurabilityTest, ASecondSignalStopsAServerThatCannotWrite) {
  StartServer();
  Client client = Connect();
  client.Ask("DEBUG FAILPOINT write ENOSPC 0");
  client.Ask("SET key value");
  server().Signal(SIGTERM);
  EXPECT_TRUE(WaitFor(
      [this] { return server().Log().find("send the signal again") != std::string::npos; }));
  EXPECT_EQ(client.Ask("GET key"), "\"value\"");
  server().Signal(SIGTERM);
  server().ExpectExit(1);
}

// --- a full disk
// ----------------------------------------------------------------------------------

// A file system in memory, of a size of its own, below a directory.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    fs::create_directory(path_);
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=2m") == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool mounted() const { return mounted_; }
  bool Grow() const { return mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT, "size=64m") == 0; }

 private:
  std::string path_;
  bool mounted_;
};

class FullDiskTest : public DurabilityTest, public testing::WithParamInterface<std::string> {};

TEST_P(FullDiskTest, RefusesWritesAndGoesOnWhenThereIsRoom) {
  TemporaryDirectory directory;
  const SmallDisk disk(directory.path() + "/data");
  if (!disk.mounted()) GTEST_SKIP() << "this user may not mount a file system";
  const Settings settings = {
      {"dir", directory.path() + "/data"}, {"appendfsync", GetParam()}, {"save", ""}};
  StartServer(settings);
  Client writer = Connect();
  const std::string padding(1000, 'p');
  int64_t count = 0;  // of INCRs that were done
  int64_t unknown = 0;
  std::string refusal;
  ASSERT_TRUE(WaitFor([&] {
    // One request, so that it is done or not done as a whole.
    const Value reply =
        writer.Run({"AMPT.SET", "count", R"({"n":{"$add":1},"p":")" + padding + "\"}"});
    if (!reply.is_error()) {
      ++count;
      return false;
    }
    if (reply.text == "connection closed") {
      ++unknown;
      writer = Connect();
      return false;
    }
    refusal = reply.text;
    return true;
  }));
  EXPECT_TRUE(refusal.starts_with("MISCONF ")) << refusal;
  EXPECT_NE(refusal.find("No space left on device"), std::string::npos) << refusal;
  EXPECT_GT(count, 500);
  EXPECT_EQ(unknown, GetParam() == "always" ? 1 : 0);
  EXPECT_EQ(InfoText("aof_last_write_status"), "err");
  EXPECT_NE(Ask("SAVE"), "OK");
  EXPECT_EQ(Names(directory.path() + "/data", "ampt-", ".temp"), std::vector<std::string>());
  const std::string n = "\"n\":" + std::to_string(count + unknown) + ",";
  EXPECT_NE(Connect().Run({"GET", "count"}).text.find("WRONGTYPE"), std::string::npos);
  EXPECT_NE(Connect().Run({"AMPT.GET", "count"}).text.find(n), std::string::npos);

  ASSERT_TRUE(disk.Grow());
  ASSERT_TRUE(WaitFor([&] { return InfoText("aof_last_write_status") == "ok"; }));
  EXPECT_EQ(Ask("SET after 1"), "OK");
  WaitUntilWritten();
  server().Kill();
  server().Restart(settings);
  EXPECT_NE(Connect().Run({"AMPT.GET", "count"}).text.find(n), std::string::npos);
  EXPECT_EQ(Ask("GET after"), "\"1\"");
  EXPECT_EQ(Ask("SAVE"), "OK");
  server().Stop();
}

INSTANTIATE_TEST_SUITE_P(Policies, FullDiskTest, testing::Values("always", "everysec", "no"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace ampt::test
