// The commands about connections and the server, beyond what their examples show. The error texts
// are those of redis-server 7.0.15.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/test_context.h"

namespace ampt {
namespace {

class ConnectionCommandsTest : public ::testing::Test {
 protected:
  void Expect(std::string_view line, std::string_view reply) {
    EXPECT_EQ(server_.Run(line), reply) << line;
  }
  void ExpectError(std::string_view line, std::string_view error) {
    EXPECT_EQ(server_.Run(line), "(error) " + std::string(error)) << line;
  }
  // What CLIENT LIST or CLIENT KILL asked the host for.
  const ClientFilter& Asked(std::string_view line) {
    server_.host.last_filter.reset();
    server_.Run(line);
    EXPECT_TRUE(server_.host.last_filter.has_value()) << line;
    if (!server_.host.last_filter) server_.host.last_filter.emplace();
    return *server_.host.last_filter;
  }

  TestContext server_;
};

TEST_F(ConnectionCommandsTest, PingAndEcho) {
  Expect("ping", "PONG");
  Expect("PING \"a\\r\\nb\"", "\"a\\r\\nb\"");
  Expect("PING \"\"", "\"\"");
  ExpectError("PING a b", "ERR wrong number of arguments for 'ping' command");
  ExpectError("ECHO", "ERR wrong number of arguments for 'echo' command");
  Expect("ECHO \"\\x00\\xff\"", "\"\\x00\\xff\"");
}

TEST_F(ConnectionCommandsTest, HelloChoosesTheProtocol) {
  const std::string reply = server_.Run("HELLO 3");
  EXPECT_EQ(server_.session.resp, 3);
  EXPECT_EQ(reply,
            "1# \"server\" => \"redis\"\n2# \"version\" => \"7.2.4\"\n3# \"proto\" => (integer) 3\n"
            "4# \"id\" => (integer) 7\n5# \"mode\" => \"standalone\"\n6# \"role\" => \"master\"\n"
            "7# \"modules\" => (empty array)");
  server_.Run("HELLO");
  EXPECT_EQ(server_.session.resp, 3) << "HELLO alone keeps it";
  server_.Run("HELLO 2");
  EXPECT_EQ(server_.session.resp, 2);
  ExpectError("HELLO 1", "NOPROTO unsupported protocol version");
  ExpectError("HELLO 4", "NOPROTO unsupported protocol version");
  ExpectError("HELLO x", "ERR Protocol version is not an integer or out of range");
  ExpectError("HELLO 3 AUTH user", "ERR Syntax error in HELLO option 'AUTH'");
  ExpectError("HELLO 3 SETNAME", "ERR Syntax error in HELLO option 'SETNAME'");
  ExpectError("HELLO 3 FOO", "ERR Syntax error in HELLO option 'FOO'");
  EXPECT_EQ(server_.session.resp, 2);
}

TEST_F(ConnectionCommandsTest, HelloNeedsNoPasswordWhereThereIsNone) {
  server_.session.is_authenticated = false;
  server_.Run("HELLO 3");
  EXPECT_EQ(server_.session.resp, 3);
}

TEST_F(ConnectionCommandsTest, ARefusedHelloChangesNothing) {
  server_.host.password = "secret";
  server_.session.is_authenticated = false;
  const auto unchanged = [&] {
    return server_.session.resp == 2 && !server_.session.is_authenticated &&
           server_.session.client_name.empty();
  };
  EXPECT_TRUE(server_.Run("HELLO 3 SETNAME me")
                  .starts_with(
                      "(error) NOAUTH HELLO must be called with the client already authenticated"));
  EXPECT_TRUE(unchanged());
  ExpectError("HELLO 3 SETNAME me AUTH default wrong",
              "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_TRUE(unchanged());
  ExpectError("HELLO 3 AUTH default secret SETNAME \"a b\"",
              "ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_TRUE(unchanged());
  ExpectError("HELLO 3 AUTH default secret FOO", "ERR Syntax error in HELLO option 'FOO'");
  EXPECT_TRUE(unchanged());
  server_.Run("HELLO 3 AUTH default secret SETNAME me");
  EXPECT_TRUE(server_.session.is_authenticated);
  EXPECT_EQ(server_.session.client_name, "me");
  EXPECT_EQ(server_.session.resp, 3);
}

TEST_F(ConnectionCommandsTest, Auth) {
  ExpectError("AUTH secret",
              "ERR AUTH <password> called without any password configured for the default user. "
              "Are you sure your configuration is correct?");
  ExpectError("AUTH a b c", "ERR syntax error");
  server_.host.password = "secret";
  server_.session.is_authenticated = false;
  ExpectError("AUTH wrong", "WRONGPASS invalid username-password pair or user is disabled.");
  ExpectError("AUTH nobody secret",
              "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_FALSE(server_.session.is_authenticated);
  Expect("AUTH secret", "OK");
  EXPECT_TRUE(server_.session.is_authenticated);
  server_.session.is_authenticated = false;
  Expect("AUTH default secret", "OK");
  EXPECT_TRUE(server_.session.is_authenticated);
}

TEST_F(ConnectionCommandsTest, SelectStaysInRange) {
  Expect("SELECT 15", "OK");
  EXPECT_EQ(server_.session.number, 15);
  ExpectError("SELECT 16", "ERR DB index is out of range");
  ExpectError("SELECT -1", "ERR DB index is out of range");
  ExpectError("SELECT 9223372036854775807",
              "ERR value is out of range, value must between -2147483648 and 2147483647");
  ExpectError("SELECT 4294967296",
              "ERR value is out of range, value must between -2147483648 and 2147483647");
  ExpectError("SELECT x", "ERR value is not an integer or out of range");
  EXPECT_EQ(server_.session.number, 15);
}

TEST_F(ConnectionCommandsTest, QuitClosesAndResetForgets) {
  server_.Run("SELECT 3");
  server_.Run("CLIENT SETNAME me");
  server_.Run("HELLO 3");
  Expect("RESET", "RESET");
  EXPECT_EQ(server_.session.number, 0);
  EXPECT_EQ(server_.session.resp, 2);
  EXPECT_EQ(server_.session.client_name, "");
  EXPECT_FALSE(server_.session.closing);
  Expect("QUIT now please", "OK");
  EXPECT_TRUE(server_.session.closing);
}

TEST_F(ConnectionCommandsTest, ClientNamesAndLibraries) {
  Expect("CLIENT GETNAME", "(nil)");
  Expect("CLIENT SETNAME me", "OK");
  ExpectError("CLIENT SETNAME \"a\\nb\"",
              "ERR Client names cannot contain spaces, newlines or special characters.");
  ExpectError("CLIENT SETNAME \"\\xc3\\xa4\"",
              "ERR Client names cannot contain spaces, newlines or special characters.");
  Expect("CLIENT GETNAME", "\"me\"");
  Expect("CLIENT SETNAME \"\"", "OK");
  Expect("CLIENT GETNAME", "(nil)");

  Expect("CLIENT SETINFO lib-name redis-py(x)", "OK");
  Expect("CLIENT SETINFO LIB-VER 5.0", "OK");
  EXPECT_EQ(server_.session.library_name, "redis-py(x)");
  EXPECT_EQ(server_.session.library_version, "5.0");
  ExpectError("CLIENT SETINFO lib-Name \"a b\"",
              "ERR lib-Name cannot contain spaces, newlines or special characters.");
  ExpectError("CLIENT SETINFO color red", "ERR Unrecognized option 'color'");
  EXPECT_EQ(server_.session.library_name, "redis-py(x)");
  Expect("CLIENT SETINFO LIB-NAME \"\"", "OK");
  EXPECT_EQ(server_.session.library_name, "");
  EXPECT_EQ(server_.session.library_version, "5.0");
}

TEST_F(ConnectionCommandsTest, ClientInfoAndList) {
  Expect("CLIENT INFO", "id=7 name=\n");
  Expect("CLIENT LIST", "id=7 name=\n");
  EXPECT_FALSE(Asked("CLIENT LIST").skip_me);
  EXPECT_EQ(Asked("CLIENT LIST TYPE SLAVE").type, "replica");
  EXPECT_EQ(Asked("CLIENT LIST type PubSub").type, "pubsub");
  EXPECT_EQ(Asked("CLIENT LIST ID 3 4").ids, (std::vector<int64_t>{3, 4}));
  ExpectError("CLIENT LIST TYPE foo", "ERR Unknown client type 'foo'");
  ExpectError("CLIENT LIST TYPE", "ERR syntax error");
  ExpectError("CLIENT LIST TYPE normal ID 3", "ERR syntax error");
  ExpectError("CLIENT LIST FOO", "ERR syntax error");
  ExpectError("CLIENT LIST ID", "ERR syntax error");
  ExpectError("CLIENT LIST ID 3 x", "ERR Invalid client ID");
  ExpectError("CLIENT LIST ID 0", "ERR Invalid client ID");
}

TEST_F(ConnectionCommandsTest, ClientKill) {
  ExpectError("CLIENT KILL", "ERR wrong number of arguments for 'client|kill' command");
  ExpectError("CLIENT KILL 1.2.3.4:5", "ERR No such client");
  server_.host.last_filter.reset();
  ExpectError("CLIENT KILL \"\"", "ERR No such client");
  EXPECT_FALSE(server_.host.last_filter.has_value()) << "no address is not any address";
  server_.host.kill_count = 2;
  Expect("CLIENT KILL 1.2.3.4:5", "OK");
  EXPECT_FALSE(server_.host.last_filter->skip_me);
  Expect("CLIENT KILL ADDR 1.2.3.4:5", "(integer) 2");
  EXPECT_TRUE(server_.host.last_filter->skip_me);
  const ClientFilter& filter =
      Asked("CLIENT KILL ID 9 TYPE Master USER default ADDR a:1 LADDR b:2 SKIPME No MAXAGE 60");
  EXPECT_EQ(filter.ids, (std::vector<int64_t>{9}));
  EXPECT_EQ(filter.type, "master");
  EXPECT_EQ(filter.user, "default");
  ExpectError("CLIENT KILL USER joe", "ERR No such user 'joe'");
  EXPECT_EQ(filter.address, "a:1");
  EXPECT_EQ(filter.local_address, "b:2");
  EXPECT_EQ(filter.max_age_s, 60);
  EXPECT_FALSE(filter.skip_me);

  server_.host.last_filter.reset();
  ExpectError("CLIENT KILL foo bar", "ERR syntax error");
  ExpectError("CLIENT KILL ID x", "ERR client-id should be greater than 0");
  ExpectError("CLIENT KILL ID 0", "ERR client-id should be greater than 0");
  ExpectError("CLIENT KILL SKIPME maybe", "ERR syntax error");
  ExpectError("CLIENT KILL TYPE foo", "ERR Unknown client type 'foo'");
  ExpectError("CLIENT KILL ADDR 1:1 ID", "ERR syntax error");
  ExpectError("CLIENT KILL MAXAGE 0", "ERR maxage should be greater than 0");
  ExpectError("CLIENT KILL MAXAGE x", "ERR maxage is not an integer or out of range");
  EXPECT_FALSE(server_.host.last_filter.has_value()) << "a refused KILL closes nothing";
}

TEST_F(ConnectionCommandsTest, ClientModes) {
  Expect("CLIENT NO-EVICT on", "OK");
  Expect("CLIENT NO-TOUCH ON", "OK");
  EXPECT_TRUE(server_.session.no_evict);
  EXPECT_TRUE(server_.session.no_touch);
  ExpectError("CLIENT NO-EVICT maybe", "ERR syntax error");
  ExpectError("CLIENT NO-TOUCH 1", "ERR syntax error");
  EXPECT_TRUE(server_.session.no_evict);
  Expect("CLIENT NO-EVICT Off", "OK");
  Expect("CLIENT NO-TOUCH OFF", "OK");
  EXPECT_FALSE(server_.session.no_evict);
  EXPECT_FALSE(server_.session.no_touch);

  Expect("CLIENT REPLY OFF", "<0 replies>");
  EXPECT_EQ(server_.session.reply_mode, ReplyMode::kOff);
  Expect("CLIENT REPLY ON", "OK");
  EXPECT_EQ(server_.session.reply_mode, ReplyMode::kOn);
  Expect("CLIENT REPLY SKIP", "<0 replies>");
  EXPECT_EQ(server_.session.reply_mode, ReplyMode::kSkipNext);
  ExpectError("CLIENT REPLY foo", "ERR syntax error");
}

TEST_F(ConnectionCommandsTest, ClientUnblock) {
  Expect("CLIENT UNBLOCK 9", "(integer) 0");
  server_.host.unblock_result = true;
  Expect("CLIENT UNBLOCK 9 error", "(integer) 1");
  EXPECT_EQ(server_.host.unblocked_id, 9);
  EXPECT_TRUE(server_.host.unblocked_with_error);
  Expect("CLIENT UNBLOCK 9 TIMEOUT", "(integer) 1");
  EXPECT_FALSE(server_.host.unblocked_with_error);
  ExpectError("CLIENT UNBLOCK x", "ERR value is not an integer or out of range");
  ExpectError("CLIENT UNBLOCK 9 foo", "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
}

TEST_F(ConnectionCommandsTest, WhatNewClientsTryIsRefusedAsRedisRefusesIt) {
  ExpectError("CLIENT MAINT_NOTIFICATIONS ON",
              "ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.");
}

TEST_F(ConnectionCommandsTest, Config) {
  Expect("CONFIG GET maxmemory", "1# \"maxmemory\" => \"0\"");
  Expect("CONFIG GET nothing", "(empty hash)");
  Expect("CONFIG GET appendonly * maxmemory",
         "1# \"appendonly\" => \"yes\"\n2# \"maxmemory\" => \"0\"");
  Expect("CONFIG SET maxmemory 5 appendonly no", "OK");
  Expect("CONFIG GET *", "1# \"maxmemory\" => \"5\"\n2# \"appendonly\" => \"no\"");
  ExpectError("CONFIG SET maxmemory 6 foo bar",
              "ERR Unknown option or number of arguments for CONFIG SET - 'foo'");
  ExpectError("CONFIG SET maxmemory 6 foo", "ERR syntax error");
  ExpectError("CONFIG SET maxmemory", "ERR wrong number of arguments for 'config|set' command");
  ExpectError("CONFIG GET", "ERR wrong number of arguments for 'config|get' command");
  Expect("CONFIG GET maxmemory", "1# \"maxmemory\" => \"5\"");
  Expect("CONFIG RESETSTAT", "OK");
  EXPECT_EQ(server_.host.statistics_resets, 1);
  Expect("CONFIG REWRITE", "OK");
  EXPECT_EQ(server_.host.config_rewrites, 1);
}

TEST_F(ConnectionCommandsTest, InfoPassesSectionsInLowerCase) {
  Expect("INFO", server_.host.info);
  EXPECT_TRUE(server_.host.info_sections.empty());
  Expect("INFO Server MEMORY", server_.host.info);
  EXPECT_EQ(server_.host.info_sections, (std::vector<std::string>{"server", "memory"}));
}

TEST_F(ConnectionCommandsTest, Time) {
  Expect("TIME", "1) \"1700000000\"\n2) \"123456\"");
  server_.host.wall_micros = 1'700'000'000'000'001;
  Expect("TIME", "1) \"1700000000\"\n2) \"1\"");
}

TEST_F(ConnectionCommandsTest, RoleWaitReadonly) {
  Expect("ROLE", "1) \"master\"\n2) (integer) 0\n3) (empty array)");
  Expect("WAIT 1 0", "(integer) 0");
  ExpectError("WAIT a 0", "ERR value is not an integer or out of range");
  ExpectError("WAIT 0 a", "ERR timeout is not an integer or out of range");
  ExpectError("WAIT 0 -1", "ERR timeout is negative");
  ExpectError("READONLY", "ERR This instance has cluster support disabled");
  ExpectError("READWRITE", "ERR This instance has cluster support disabled");
}

TEST_F(ConnectionCommandsTest, Memory) {
  Expect("MEMORY USAGE k", "(nil)");
  server_.Run("SET k v PX 1000");
  const std::string reply = server_.Run("MEMORY USAGE k SAMPLES 0");
  EXPECT_EQ(reply, "(integer) " + std::to_string(server_.Find("k")->allocated_bytes()));
  server_.clock.Advance(1000);
  Expect("MEMORY USAGE k", "(nil)");
  ExpectError("MEMORY USAGE k SAMPLES", "ERR syntax error");
  ExpectError("MEMORY USAGE k SAMPLES -1", "ERR syntax error");
  ExpectError("MEMORY USAGE k SAMPLES x", "ERR value is not an integer or out of range");
  ExpectError("MEMORY USAGE k FOO", "ERR syntax error");
  Expect("MEMORY STATS", "1# \"total.allocated\" => (integer) 1000");
  Expect("MEMORY DOCTOR", "Hi Sam, all is well.");
  Expect("MEMORY PURGE", "OK");
  EXPECT_EQ(server_.host.memory_purges, 1);
}

TEST_F(ConnectionCommandsTest, ShutdownAsksTheHost) {
  ExpectError("SHUTDOWN foo", "ERR syntax error");
  ExpectError("SHUTDOWN SAVE NOSAVE", "ERR syntax error");
  ExpectError("SHUTDOWN ABORT NOW", "ERR syntax error");
  ExpectError("SHUTDOWN ABORT", "ERR No shutdown in progress.");
  EXPECT_FALSE(server_.host.shutdown_asked);
  server_.host.shutdown_status = Status::Err("Errors trying to SHUTDOWN. Check logs.");
  ExpectError("SHUTDOWN", "ERR Errors trying to SHUTDOWN. Check logs.");
  server_.host.shutdown_status = Status();
  Expect("SHUTDOWN NOSAVE NOW FORCE", "<0 replies>");
  EXPECT_EQ(server_.host.shutdown_save, ShutdownSave::kNo);
  EXPECT_TRUE(server_.host.shutdown_force);
  Expect("SHUTDOWN SAVE", "<0 replies>");
  EXPECT_EQ(server_.host.shutdown_save, ShutdownSave::kYes);
  Expect("SHUTDOWN", "<0 replies>");
  EXPECT_EQ(server_.host.shutdown_save, ShutdownSave::kAsConfigured);
  EXPECT_FALSE(server_.host.shutdown_force);
}

TEST_F(ConnectionCommandsTest, SavingAsksTheHost) {
  Expect("LASTSAVE", "(integer) 1234567890");
  Expect("SAVE", "<0 replies>");  // the host answers when it is saved
  EXPECT_EQ(server_.host.answered_after_save, server_.session.id());
  ExpectError("SAVE", "ERR Background save already in progress");
  ExpectError("BGSAVE", "ERR Background save already in progress");
  ExpectError("BGREWRITEAOF", "ERR Background append only file rewriting already in progress");
  EXPECT_FALSE(server_.host.save_again);
  Expect("BGSAVE SCHEDULE", "Background saving scheduled");
  EXPECT_TRUE(server_.host.save_again);
  server_.host.is_saving = false;
  Expect("BGSAVE SCHEDULE", "Background saving started");
  server_.host.is_saving = false;
  Expect("BGREWRITEAOF", "Background append only file rewriting started");
}

// --- DEBUG
// ----------------------------------------------------------------------------------------

TEST_F(ConnectionCommandsTest, DebugIsRefusedUnlessAllowed) {
  server_.host.debug_allowed = false;
  for (const std::string_view line : {"DEBUG DIGEST", "DEBUG HELP", "DEBUG FOO", "DEBUG SLEEP 9"}) {
    EXPECT_TRUE(server_.Run(line).starts_with(
        "(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to "
        "\"local\", you can run it from a local connection"));
  }
  EXPECT_EQ(server_.host.slept_seconds, 0);
}

TEST_F(ConnectionCommandsTest, DebugDigestSeesEveryPart) {
  std::vector<std::string> digests = {server_.Run("DEBUG DIGEST")};
  for (const std::string_view line : {"SET a 1", "SET b 1", "SET b 2", "PEXPIREAT b 1800000000000",
                                      "SELECT 1", "SET a 1", "SELECT 2", "SET a 1"}) {
    const std::string before = digests.back();
    ASSERT_FALSE(server_.Run(line).starts_with("(error)")) << line;
    if (line.starts_with("SELECT")) continue;
    digests.push_back(server_.Run("DEBUG DIGEST"));
    EXPECT_EQ(std::count(digests.begin(), digests.end(), digests.back()), 1) << line;
  }
  // The same data by another way.
  const std::string digest = digests.back();
  server_.Run("SELECT 0");
  server_.Run("SET c 1");
  EXPECT_NE(server_.Run("DEBUG DIGEST"), digest);
  server_.Run("DEL c");
  Expect("DEBUG DIGEST", digest);
  server_.Run("SELECT 2");
  server_.Run("DEL a");
  server_.Run("SELECT 3");
  server_.Run("SET a 1");
  EXPECT_NE(server_.Run("DEBUG DIGEST"), digest) << "the database counts";
}

TEST_F(ConnectionCommandsTest, DebugPopulate) {
  server_.Run("SET key:1 mine");
  Expect("DEBUG POPULATE 3", "OK");
  Expect("GET key:0", "\"value:0\"");
  Expect("GET key:1", "\"mine\"");
  Expect("DBSIZE", "(integer) 3");
  EXPECT_EQ(server_.TakeEvents(),
            "created key:1 mine, created key:0 value:0, created key:2 value:2");
  Expect("DEBUG POPULATE 20000 many 5", "OK");
  EXPECT_GT(server_.slices, 1);
  Expect("DBSIZE", "(integer) 20003");
  Expect("GET many:19999", "\"value\"");
  server_.to_the_end = true;
  Expect("DEBUG POPULATE 5000 more", "OK");
  EXPECT_EQ(server_.slices, 0);
  Expect("DBSIZE", "(integer) 25003");
  Expect("DEBUG POPULATE 0", "OK");
  ExpectError("DEBUG POPULATE -1", "ERR count must be between 0 and 100000000");
  ExpectError("DEBUG POPULATE 100000001", "ERR count must be between 0 and 100000000");
  ExpectError("DEBUG POPULATE 1 p -1", "ERR size must be between 0 and max-item-size");
  ExpectError("DEBUG POPULATE 1 p 99999999999", "ERR size must be between 0 and max-item-size");
  EXPECT_EQ(server_.Run({"DEBUG", "POPULATE", "1", std::string(1025, 'p')}),
            "(error) ERR prefix is longer than 1024 bytes");
  server_.CheckInvariants();
}

TEST_F(ConnectionCommandsTest, DebugClockNeverGoesBack) {
  Expect("DEBUG CLOCK 1700000000001", "OK");
  EXPECT_EQ(server_.host.clock, 1'700'000'000'001);
  ExpectError("DEBUG CLOCK 1699999999999", "ERR the clock cannot go back");
  ExpectError("DEBUG CLOCK -1", "ERR the clock cannot go back");
  ExpectError("DEBUG CLOCK 9223372036854775807", "ERR the time is out of range");
  ExpectError("DEBUG CLOCK soon", "ERR value is not an integer or out of range");
  EXPECT_EQ(server_.host.clock, 1'700'000'000'001);
  Expect("DEBUG CLOCK run", "OK");
  EXPECT_EQ(server_.host.clock, std::nullopt);
}

TEST_F(ConnectionCommandsTest, DebugSleepObjectVerify) {
  Expect("DEBUG SLEEP 0.25", "OK");
  EXPECT_EQ(server_.host.slept_seconds, 0.25);
  for (const std::string_view bad : {"DEBUG SLEEP x", "DEBUG SLEEP nan", "DEBUG SLEEP inf",
                                     "DEBUG SLEEP 1x", "DEBUG SLEEP \"\""}) {
    ExpectError(bad, "ERR value is not a valid float");
  }
  ExpectError("DEBUG SLEEP -1", "ERR seconds must be between 0 and 3600");
  ExpectError("DEBUG SLEEP 1e9", "ERR seconds must be between 0 and 3600");
  EXPECT_EQ(server_.host.slept_seconds, 0.25);

  ExpectError("DEBUG OBJECT k", "ERR no such key");
  server_.Run("AMPT.SET k '{\"a\":1}' LABEL1 red TTL 100");
  const std::string object = server_.Run("DEBUG OBJECT k");
  EXPECT_TRUE(object.starts_with("type:object valuelength:7 allocated:")) << object;
  EXPECT_NE(object.find(" created:1700000000 modified:1700000000 deadline_ms:1700000100000 "
                        "labels:1 "),
            std::string::npos)
      << object;
  Expect("DEBUG VERIFY", "OK");
}

// --- COMMAND
// --------------------------------------------------------------------------------------

TEST_F(ConnectionCommandsTest, CommandInfoHasTheShapeOfRedis) {
  Expect("COMMAND INFO GET",
         "1)  1) \"get\"\n"
         "    2) (integer) 2\n"
         "    3) 1~ readonly\n"
         "       2~ fast\n"
         "    4) (integer) 1\n"
         "    5) (integer) 1\n"
         "    6) (integer) 1\n"
         "    7) 1~ @read\n"
         "       2~ @string\n"
         "       3~ @fast\n"
         "    8) (empty set)\n"
         "    9) 1~ 1# \"flags\" => 1~ RO\n"
         "             2~ access\n"
         "          2# \"begin_search\" => 1# \"type\" => \"index\"\n"
         "             2# \"spec\" => 1# \"index\" => (integer) 1\n"
         "          3# \"find_keys\" => 1# \"type\" => \"range\"\n"
         "             2# \"spec\" => 1# \"lastkey\" => (integer) 0\n"
         "                2# \"keystep\" => (integer) 1\n"
         "                3# \"limit\" => (integer) 0\n"
         "   10) (empty set)");
  const std::string client = server_.Run("COMMAND INFO client|list nothing client|nothing");
  EXPECT_TRUE(client.starts_with("1)  1) \"client|list\"\n    2) (integer) -2\n")) << client;
  EXPECT_TRUE(client.ends_with("\n2) (nil)\n3) (nil)")) << client;
}

TEST_F(ConnectionCommandsTest, CommandAloneIsInfoOfAll) {
  const std::string all = server_.Run("COMMAND");
  EXPECT_EQ(server_.Run("COMMAND INFO"), all);
  std::string line = "COMMAND INFO";
  for (const Command* command : AllCommands()) line += " " + std::string(command->spec.name);
  EXPECT_EQ(server_.Run(line), all);
  Expect("COMMAND COUNT", "(integer) " + std::to_string(AllCommands().size()));
}

TEST_F(ConnectionCommandsTest, CommandList) {
  const std::string all = server_.Run("COMMAND LIST");
  EXPECT_NE(all.find("\"get\""), std::string::npos);
  EXPECT_NE(all.find("\"client|list\""), std::string::npos);
  Expect("COMMAND LIST FILTERBY PATTERN CLIENT|no-*",
         "1) \"client|no-evict\"\n2) \"client|no-touch\"");
  Expect("COMMAND LIST FILTERBY MODULE x", "(empty array)");
  Expect("COMMAND LIST FILTERBY ACLCAT nothing", "(empty array)");
  const std::string strings = server_.Run("COMMAND LIST filterby aclcat STRING");
  EXPECT_NE(strings.find("\"get\""), std::string::npos);
  EXPECT_EQ(strings.find("\"ping\""), std::string::npos);
  ExpectError("COMMAND LIST FILTERBY", "ERR syntax error");
  ExpectError("COMMAND LIST FILTERBY FOO bar", "ERR syntax error");
  ExpectError("COMMAND LIST FOO PATTERN *", "ERR syntax error");
  ExpectError("COMMAND LIST FILTERBY PATTERN * x", "ERR syntax error");
}

TEST_F(ConnectionCommandsTest, CommandDocs) {
  Expect("COMMAND DOCS get",
         "1# \"get\" => 1# \"summary\" => \"Returns the string value of a key\"\n"
         "   2# \"since\" => \"1.0.0\"\n"
         "   3# \"group\" => \"string\"\n"
         "   4# \"complexity\" => \"O(1)\"\n"
         "   5# \"arguments\" => 1) 1# \"name\" => \"key\"\n"
         "         2# \"type\" => \"key\"\n"
         "         3# \"key_spec_index\" => (integer) 0");
  Expect("COMMAND DOCS nothing", "(empty hash)");
  const std::string usage = server_.Run("COMMAND DOCS memory|usage");
  EXPECT_NE(usage.find("\"token\" => \"SAMPLES\""), std::string::npos) << usage;
  EXPECT_NE(server_.Run("COMMAND DOCS memory").find("\"subcommands\" => 1# \"memory|usage\" => "),
            std::string::npos);
}

TEST_F(ConnectionCommandsTest, CommandGetkeys) {
  Expect("COMMAND GETKEYS mset a 1 b 2", "1) \"a\"\n2) \"b\"");
  Expect("COMMAND GETKEYS memory usage a", "1) \"a\"");
  Expect("COMMAND GETKEYS ampt.mget 2 a b", "1) \"a\"\n2) \"b\"");
  ExpectError("COMMAND GETKEYS get", "ERR wrong number of arguments for 'command|getkeys' command");
  ExpectError("COMMAND GETKEYS foo bar", "ERR Invalid command specified");
  ExpectError("COMMAND GETKEYS ping bar", "ERR The command has no key arguments");
  ExpectError("COMMAND GETKEYS client id", "ERR The command has no key arguments");
  ExpectError("COMMAND GETKEYS get a b", "ERR Invalid number of arguments specified for command");
  ExpectError("COMMAND GETKEYS ampt.mget 3 a", "ERR Invalid arguments specified for command");
  Expect("COMMAND GETKEYSANDFLAGS del a b",
         "1) 1) \"a\"\n   2) 1~ RW\n      2~ update\n2) 1) \"b\"\n   2) 1~ RW\n      2~ update");
}

}  // namespace
}  // namespace ampt
