// Directories that a server must not use: it says why and what to do, changes nothing, and ends
// with status 1. A torn tail is no reason.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "persistence/codec.h"
#include "tests/server/durability.h"

namespace ampt::test {
namespace {

namespace fs = std::filesystem;

// Of the file `ampt-log-3.log` it is 3.
int64_t NumberOf(const std::string& name) {
  return std::atoll(name.substr(name.find_first_of("0123456789")).c_str());
}

class RefusalTest : public DurabilityTest {
 protected:
  // A directory with a snapshot and a log, and no server in it.
  void SetUp() override {
    StartServer({{"save", ""}, {"rdbcompression", "no"}});
    FillDatabases();
    ASSERT_EQ(Ask("SAVE"), "OK");
    // The log behind the snapshot: two frames.
    ASSERT_EQ(Ask("SET first 1"), "OK");
    WaitUntilWritten();
    ASSERT_EQ(Ask("SET last 1"), "OK");
    ASSERT_EQ(Ask("BGSAVE SCHEDULE").substr(0, 10), "Background");
    WaitForSave();
    ASSERT_EQ(Ask("SET behind 1"), "OK");
    server().Stop();
    ASSERT_EQ(Snapshots().size(), 1u);
    ASSERT_EQ(LogFiles().size(), 1u);
  }

  std::string Path(const std::string& name) { return server().directory() + "/" + name; }
  std::string Snapshot() { return Path(Snapshots().at(0)); }
  std::string LogFile() { return Path(LogFiles().at(0)); }
  std::string Manifest() { return Path("ampt-manifest"); }

  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  static void FlipByte(const std::string& path, size_t offset) {
    std::string bytes = Read(path);
    bytes.at(offset) = static_cast<char>(bytes[offset] ^ 0x10);
    Write(path, bytes);
  }

  // Expects that no server starts in that directory, that what it prints has all of `texts`, and
  // that it changed nothing.
  void ExpectRefusal(const std::vector<std::string>& texts, const std::string& directory) {
    const auto contents = [&] {
      std::string all;
      if (!fs::is_directory(directory)) return all;
      for (const std::string& name : Names(directory, "ampt-", "")) {
        if (name != "ampt-lock") all += name + "\n" + Read(directory + "/" + name) + "\n";
      }
      return all;
    };
    const std::string before = contents();
    TemporaryDirectory elsewhere;
    const Outcome outcome = RunServerToEnd(
        {"--port", std::to_string(FreePort()), "--dir", directory}, elsewhere.path());
    EXPECT_EQ(outcome.exit_status, 1);
    for (const std::string& text : texts) {
      EXPECT_NE(outcome.output.find(text), std::string::npos) << "no '" << text << "' in:\n"
                                                              << outcome.output;
    }
    EXPECT_TRUE(contents() == before) << "files have changed";
  }
  void ExpectRefusal(const std::vector<std::string>& texts) {
    ExpectRefusal(texts, server().directory());
  }
};

TEST_F(RefusalTest, TwoServersInOneDirectory) {
  server().Restart();
  const std::string digest = Digest();
  ExpectRefusal({"another server uses the directory", server().directory(),
                 std::to_string(server().pid()), "`dir`"});
  EXPECT_EQ(Digest(), digest);
}

TEST_F(RefusalTest, ADamagedSnapshot) {
  const std::string whole = Read(Snapshot());
  for (const size_t offset : {size_t{20}, size_t{70}, whole.size() / 2, whole.size() - 1}) {
    SCOPED_TRACE(offset);
    FlipByte(Snapshot(), offset);
    ExpectRefusal({Snapshot(), "at byte ", "backup", "ampt-check"});
    Write(Snapshot(), whole);
  }
  SCOPED_TRACE("cut short");
  Write(Snapshot(), whole.substr(0, whole.size() - 10));
  ExpectRefusal({Snapshot(), "at byte ", "backup", "ampt-check"});
}

TEST_F(RefusalTest, ADamagedLogInFrontOfWhatWasSynced) {
  FlipByte(LogFile(), 110);
  ExpectRefusal({LogFile(), "at byte 56", "synced", "backup", "ampt-check", "--repair"});
}

TEST_F(RefusalTest, MissingFiles) {
  for (const std::string& path : {Snapshot(), LogFile(), Manifest()}) {
    SCOPED_TRACE(path);
    const std::string bytes = Read(path);
    fs::remove(path);
    ExpectRefusal({path, "missing", "backup"});
    Write(path, bytes);
  }
  server().Restart();
}

TEST_F(RefusalTest, AMissingFileBetweenTwo) {
  // While a save is under way the log has two files.
  server().Restart();
  ASSERT_EQ(Ask("DEBUG FAILPOINT write delay 300"), "OK");
  Ask("BGSAVE");
  ASSERT_TRUE(WaitFor([this] {
    return LogFiles().size() == 2 &&
           Read(Manifest()).find(std::to_string(NumberOf(LogFiles().at(1)))) != std::string::npos;
  }));
  server().Kill();
  const std::string path = LogFile();
  fs::remove(path);
  ExpectRefusal({path, "missing", "backup"});
}

TEST_F(RefusalTest, ForeignFiles) {
  for (const std::string& path : {Snapshot(), LogFile(), Manifest()}) {
    SCOPED_TRACE(path);
    const std::string bytes = Read(path);
    Write(path,
          "REDIS0009\xfa\tredis-ver\x05"
          "7.0.15 and so on, long enough for any header there is");
    ExpectRefusal({path, "this is not a", "ampt-server"});
    Write(path, bytes);
  }
  // A file of ours, but of another directory.
  ServerProcess other(Settings{{"save", ""}});
  ASSERT_EQ(other.Connect().Ask("SAVE"), "OK");
  other.Stop();
  const std::string theirs = other.directory() + "/" + Names(other.directory(), "ampt-base", "")[0];
  Write(Snapshot(), Read(theirs));
  ExpectRefusal({Snapshot(), "another directory"});
}

TEST_F(RefusalTest, ANewerVersion) {
  std::string manifest = Read(Manifest());
  manifest.replace(manifest.find(" 1\n"), 3, " 2\n");
  // Of another version nobody knows where the checksum is; ours is made right all the same.
  const size_t at = manifest.find("checksum");
  char checksum[40];
  std::snprintf(checksum, sizeof checksum, "checksum %016llx",
                static_cast<unsigned long long>(Checksum(manifest.substr(0, at), 0)));
  manifest.replace(at, std::string(checksum).size(), checksum);
  Write(Manifest(), manifest);
  ExpectRefusal({Manifest(), "version", "newer ampt-server"});
}

TEST_F(RefusalTest, ADirectoryThatCannotBeUsed) {
  const std::string directory = server().directory();
  ExpectRefusal({directory + "/nowhere", "No such file"}, directory + "/nowhere");
  ExpectRefusal({Manifest(), "Not a directory"}, Manifest());
  TemporaryDirectory empty;
  fs::permissions(empty.path(), fs::perms::owner_read | fs::perms::owner_exec);
  ExpectRefusal({empty.path(), "Permission denied"}, empty.path());
  for (const std::string& path : {Snapshot(), LogFile(), Manifest()}) {
    SCOPED_TRACE(path);
    const fs::perms mode = fs::status(path).permissions();
    fs::permissions(path, fs::perms::none);
    // What cannot be read here cannot be compared either.
    TemporaryDirectory elsewhere;
    const Outcome outcome = RunServerToEnd(
        {"--port", std::to_string(FreePort()), "--dir", directory}, elsewhere.path());
    EXPECT_EQ(outcome.exit_status, 1);
    EXPECT_NE(outcome.output.find(path), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find("Permission denied"), std::string::npos) << outcome.output;
    fs::permissions(path, mode);
  }
  server().Restart();
}

TEST_F(RefusalTest, ATornTailIsCutWithAWarning) {
  server().Restart({{"appendfsync", "no"}});
  const std::string before = Digest();
  const uintmax_t bytes = fs::file_size(LogFile());
  ASSERT_EQ(Ask("SET torn 1"), "OK");
  ASSERT_TRUE(WaitFor([&] { return fs::file_size(LogFile()) > bytes; }));
  server().Kill();
  fs::resize_file(LogFile(), fs::file_size(LogFile()) - 3);
  const size_t log_size = server().Log().size();
  server().Restart();
  EXPECT_EQ(Digest(), before);
  const std::string log = server().Log().substr(log_size);
  EXPECT_NE(log.find(LogFiles().at(0)), std::string::npos) << log;
  EXPECT_NE(log.find("at byte " + std::to_string(bytes)), std::string::npos) << log;
  EXPECT_NE(log.find("cut the last "), std::string::npos) << log;
  EXPECT_EQ(Ask("SET next 1"), "OK");
  const std::string after = Digest();
  server().Stop();
  server().Restart();
  EXPECT_EQ(Digest(), after);
}

}  // namespace
}  // namespace ampt::test
