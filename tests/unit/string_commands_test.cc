// The commands on strings and keys: what they leave in an item and which events they make. What
// they answer in ordinary cases is tested by their examples and by the transcripts.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/unit/test_context.h"

namespace ampt {
namespace {

constexpr std::string_view kWrongType =
    "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
constexpr std::string_view kNotAnInteger = "(error) ERR value is not an integer or out of range";

class StringCommands : public testing::Test {
 protected:
  ~StringCommands() override { server.CheckInvariants(); }

  std::string Run(std::string_view line) { return server.Run(line); }
  std::string Events() { return server.TakeEvents(); }
  // As another door may have left it: created an hour ago, with a label.
  void Put(std::string_view key, ValueType type, std::string_view text,
           TimeMs deadline_ms = kNoDeadline) {
    ItemState state{.value = {type, text},
                    .created_s = NowS() - 3600,
                    .modified_s = NowS() - 3600,
                    .deadline_ms = deadline_ms};
    state.labels[1] = "label";
    server.store().Open(key, server.clock.NowMs()).Put(state);
    Events();
  }
  const Item& At(std::string_view key) {
    const Item* item = server.Find(key);
    if (item == nullptr) throw std::runtime_error("no item " + std::string(key));
    return *item;
  }
  uint32_t NowS() { return static_cast<uint32_t>(server.clock.NowMs() / 1000); }
  void ExpectKept(std::string_view key, uint32_t modified_s) {
    EXPECT_EQ(At(key).created_s(), NowS() - 3600);
    EXPECT_EQ(At(key).modified_s(), modified_s);
    EXPECT_EQ(At(key).label(1), "label");
  }

  TestContext server;
};

TEST_F(StringCommands, EveryExampleIsTrue) {
  int examples = 0;
  const auto run = [&](const Command& command) {
    TestContext fresh;
    for (const Example& example : command.spec.examples) {
      const std::string reply = fresh.Run(example.command);
      if (!example.reply.empty()) {
        EXPECT_EQ(reply, example.reply) << example.command;
      }
      ++examples;
    }
  };
  for (const Command* command : server.table.all()) {
    if (command->spec.group != Group::kString && command->spec.group != Group::kGeneric) continue;
    run(*command);
    for (const Command* part : command->subcommands) run(*part);
  }
  EXPECT_GT(examples, 50);
}

TEST_F(StringCommands, SettingMakesANewItem) {
  for (const char* line : {"SET k v", "SETEX k 10 v", "PSETEX k 10 v", "GETSET k v", "MSET k v",
                           "SET k v XX", "SET k v KEEPTTL"}) {
    Put("k", ValueType::kString, "old", server.clock.NowMs() + 5000);
    Run(line);
    EXPECT_EQ(Events(), "updated k v") << line;
    EXPECT_EQ(At("k").created_s(), NowS()) << line;
    EXPECT_EQ(At("k").modified_s(), NowS()) << line;
    EXPECT_FALSE(At("k").has_labels()) << line;
  }
  EXPECT_EQ(Run("PTTL k"), "(integer) 5000");  // KEEPTTL
  Run("SET k v");
  EXPECT_EQ(Run("PTTL k"), "(integer) -1");
  Events();
  EXPECT_EQ(Run("MSET a 1 b 2 a 3"), "OK");
  EXPECT_EQ(Events(), "created a 1, created b 2, updated a 3");
}

TEST_F(StringCommands, ChangingAValueKeepsTheRest) {
  for (const char* line : {"APPEND k 1", "SETRANGE k 0 2", "INCR k", "DECR k", "INCRBY k 5",
                           "DECRBY k 5", "INCRBYFLOAT k 1.5"}) {
    Put("k", ValueType::kNumber, "10", server.clock.NowMs() + 5000);
    Run(line);
    EXPECT_EQ(Events(), "updated k " + std::string(At("k").value().text)) << line;
    ExpectKept("k", NowS());
    EXPECT_EQ(Run("PTTL k"), "(integer) 5000") << line;
  }
}

TEST_F(StringCommands, WhatChangesNothingMakesNoEvent) {
  Put("k", ValueType::kNumber, "10");
  Put("o", ValueType::kObject, "{}");
  for (const char* line : {"SET k v NX",       "SET none v XX",     "SETNX k v",
                           "MSETNX new 1 k 2", "SETRANGE k 0 ''",   "SETRANGE none 0 ''",
                           "GETEX k",          "GETEX k PERSIST",   "PERSIST k",
                           "PERSIST none",     "TOUCH k",           "EXPIRE none 10",
                           "EXPIRE k 10 XX",   "EXPIRE k 10 GT",    "RENAME k k",
                           "RENAMENX k k",     "RENAMENX k o",      "COPY k o",
                           "COPY none x",      "MOVE none 1",       "DEL none",
                           "FLUSHDB ASYNC x",  "SET k v EX 0",      "SET o v GET",
                           "GETSET o v",       "GETDEL o",          "GETEX o EX 10",
                           "APPEND o x",       "SETRANGE o 0 x",    "INCR o",
                           "INCRBYFLOAT o 1",  "INCRBYFLOAT k inf", "MSET a 1 b"}) {
    Run(line);
    EXPECT_EQ(Events(), "") << line;
  }
  EXPECT_EQ(Run("DBSIZE"), "(integer) 2");
}

TEST_F(StringCommands, TypesOfTheOtherDoor) {
  Put("t", ValueType::kTrue, "true");
  Put("n", ValueType::kNull, "null");
  Put("o", ValueType::kObject, "{\"a\":1}");
  Put("a", ValueType::kArray, "[1]");
  EXPECT_EQ(Run("GETRANGE t 0 -1"), "\"true\"");
  EXPECT_EQ(Run("MGET t n o a"), "1) \"true\"\n2) \"null\"\n3) (nil)\n4) (nil)");
  EXPECT_EQ(Run("TYPE t"), "string");
  EXPECT_EQ(Run("TYPE o"), "hash");
  EXPECT_EQ(Run("TYPE a"), "list");
  EXPECT_EQ(Run("SCAN 0 TYPE hash"), "1) \"0\"\n2) 1) \"o\"");
  EXPECT_EQ(Run("INCR t"), kNotAnInteger);
  EXPECT_EQ(Run("INCRBYFLOAT n 1"), "(error) ERR value is not a valid float");
  EXPECT_EQ(Run("APPEND t s"), "(integer) 5");
  EXPECT_EQ(At("t").value().type, ValueType::kString);
  for (const char* line :
       {"SET o v GET", "GETSET o v", "GETDEL a", "GETEX o", "APPEND o x", "STRLEN a",
        "GETRANGE o 0 1", "SETRANGE o 0 ''", "INCR a", "INCRBYFLOAT o x"}) {
    EXPECT_EQ(Run(line), kWrongType) << line;
  }
}

TEST_F(StringCommands, IncrementsLeaveNumbers) {
  Run("SET k 10");
  EXPECT_EQ(At("k").value().type, ValueType::kString);
  Run("INCR k");
  EXPECT_EQ(At("k").value().type, ValueType::kNumber);
  EXPECT_EQ(Run("APPEND k 0"), "(integer) 3");
  EXPECT_EQ(At("k").value().type, ValueType::kString);
  EXPECT_EQ(Run("INCRBYFLOAT k 0.5"), "\"110.5\"");
  EXPECT_EQ(At("k").value().type, ValueType::kNumber);
  EXPECT_EQ(Run("INCR k"), kNotAnInteger);
  for (const char* text : {"1e3", "007", "+1", "' 1'", "''", "-0", "9223372036854775808"}) {
    Run(std::string("SET k ") + text);
    EXPECT_EQ(Run("INCR k"), kNotAnInteger) << text;
  }
  Run("SET k 9223372036854775807");
  EXPECT_EQ(Run("INCR k"), "(error) ERR increment or decrement would overflow");
  EXPECT_EQ(Run("DECRBY k -9223372036854775808"), "(error) ERR decrement would overflow");
  EXPECT_EQ(Run("GET k"), "\"9223372036854775807\"");
  // A number of the product has at most 256 bytes.
  EXPECT_EQ(Run("INCRBYFLOAT big 1e300"), "(error) ERR the sum would take more than 256 bytes");
  EXPECT_EQ(Run("EXISTS big"), "(integer) 0");
  EXPECT_EQ(Run("INCRBYFLOAT zero -1e-30"), "\"0\"");
}

TEST_F(StringCommands, ADeadlineNotInTheFutureDeletes) {
  for (const char* line :
       {"SET k new EXAT 1", "SET k new PXAT 1 GET", "GETEX k PXAT 1", "EXPIRE k 0", "EXPIRE k -1",
        "PEXPIREAT k 1700000000000", "EXPIREAT k 1 LT"}) {
    Put("k", ValueType::kString, "old");
    const std::string reply = Run(line);
    const bool shows = std::string_view(line).find("GET") != std::string_view::npos;
    EXPECT_EQ(reply, shows ? "\"old\"" : line[0] == 'S' ? "OK" : "(integer) 1") << line;
    EXPECT_EQ(Events(), "deleted k expired") << line;
    EXPECT_EQ(Run(line), shows ? "(nil)" : line[0] == 'S' ? "OK" : "(integer) 0") << line;
    EXPECT_EQ(Events(), "") << line;
  }
}

TEST_F(StringCommands, DeadlinesAreNoChangeOfTheValue) {
  Put("k", ValueType::kString, "v");
  for (const char* line : {"EXPIRE k 100", "GETEX k EX 200", "PEXPIREAT k 1800000000000 GT",
                           "EXPIRE k 50 LT", "PERSIST k", "EXPIRE k 10 LT", "GETEX k PERSIST"}) {
    Run(line);
    EXPECT_EQ(Events(), "updated k v") << line;
    ExpectKept("k", NowS() - 3600);
  }
  Run("EXPIRE k 10");
  Events();
  EXPECT_EQ(Run("EXPIRE k 10"), "(integer) 1");  // the one it has already
  EXPECT_EQ(Events(), "");
  // The farthest one is a deadline still.
  EXPECT_EQ(Run("PEXPIREAT k 9223372036854775807"), "(integer) 1");
  EXPECT_EQ(Run("PEXPIRETIME k"), "(integer) 9223372036854775806");
  EXPECT_EQ(Run("EXPIRETIME k"), "(integer) 9223372036854776");
  EXPECT_EQ(Run("EXPIRE k 9223372036854775"),
            "(error) ERR invalid expire time in 'expire' command");
}

TEST_F(StringCommands, AnExpiredItemIsGone) {
  Run("SET k v PX 100");
  server.clock.Advance(100);
  Events();
  for (const char* line : {"EXISTS k", "TOUCH k", "STRLEN k", "DBSIZE", "DEL k", "PERSIST k"}) {
    EXPECT_EQ(Run(line), "(integer) 0") << line;
  }
  EXPECT_EQ(Events(), "deleted k expired");
  EXPECT_EQ(Run("RANDOMKEY"), "(nil)");
  Run("SET k v PX 100");
  server.clock.Advance(100);
  Events();
  EXPECT_EQ(Run("KEYS *"), "(empty array)");
  EXPECT_EQ(Run("SCAN 0"), "1) \"0\"\n2) (empty array)");
  EXPECT_EQ(Run("SETNX k w"), "(integer) 1");
  EXPECT_EQ(Events(), "deleted k expired, created k w");
}

TEST_F(StringCommands, ItemsMoveWhole) {
  const TimeMs deadline_ms = server.clock.NowMs() + 5000;
  Put("a", ValueType::kObject, "{\"x\":1}", deadline_ms);
  EXPECT_EQ(Run("RENAME a b"), "OK");
  EXPECT_EQ(Events(), "deleted a moved, created b {\"x\":1}");
  ExpectKept("b", NowS() - 3600);
  Run("SET c v");
  Events();
  EXPECT_EQ(Run("RENAME b c"), "OK");
  EXPECT_EQ(Events(), "deleted b moved, updated c {\"x\":1}");
  EXPECT_EQ(Run("MOVE c 3"), "(integer) 1");
  EXPECT_EQ(Events(), "deleted c moved, 3/created c {\"x\":1}");
  Run("SET c v");
  Events();
  server.session.number = 3;
  ExpectKept("c", NowS() - 3600);
  EXPECT_EQ(At("c").deadline_ms(), deadline_ms);
  EXPECT_EQ(Run("MOVE c 0"), "(integer) 0");
  EXPECT_EQ(Run("COPY c d"), "(integer) 1");
  EXPECT_EQ(Run("COPY c c DB 0"), "(integer) 0");
  EXPECT_EQ(Run("COPY c c DB 0 REPLACE"), "(integer) 1");
  EXPECT_EQ(Events(), "3/created d {\"x\":1}, updated c {\"x\":1}");
  EXPECT_EQ(At("d").created_s(), NowS());
  EXPECT_EQ(At("d").modified_s(), NowS());
  EXPECT_EQ(At("d").label(1), "label");
  EXPECT_EQ(At("d").deadline_ms(), deadline_ms);
}

TEST_F(StringCommands, Limits) {
  server.settings.json.max_bytes = 100;
  const std::string long_value(101, 'v');
  const std::string too_large = "(error) ERR value is more than max-item-size (100 bytes)";
  Run("SET k " + std::string(99, 'v'));
  Events();
  for (const std::string& line :
       {"SET k " + long_value, "SETEX k 1 " + long_value, "PSETEX k 1 " + long_value,
        "SETNX n " + long_value, "GETSET k " + long_value, "MSET a 1 b " + long_value,
        "MSETNX a 1 b " + long_value, std::string("APPEND k vv"),
        std::string("SETRANGE k 100 v")}) {
    EXPECT_EQ(Run(line), too_large) << line;
  }
  EXPECT_EQ(Run("SETRANGE k 9223372036854775807 vv"),
            "(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  const std::string key(limits::kRawKeyBytes, 'k');
  const std::string too_long = "(error) ERR key of 65537 bytes is longer than 65536 bytes";
  for (const std::string& line :
       {"SET " + key + "k v", "SETEX " + key + "k 1 v", "PSETEX " + key + "k 1 v",
        "SETNX " + key + "k v", "GETSET " + key + "k v", "MSET a 1 " + key + "k v",
        "MSETNX a 1 " + key + "k v", "APPEND " + key + "k v", "SETRANGE " + key + "k 0 v",
        "INCR " + key + "k", "INCRBYFLOAT " + key + "k 1", "RENAME k " + key + "k",
        "RENAMENX k " + key + "k", "COPY k " + key + "k"}) {
    EXPECT_EQ(Run(line), too_long) << line.substr(0, 10);
  }
  EXPECT_EQ(Events(), "");
  EXPECT_EQ(Run("SET " + key + " v"), "OK");
  EXPECT_EQ(Run("SET '' empty"), "OK");
  EXPECT_EQ(Run("GET ''"), "\"empty\"");
}

TEST_F(StringCommands, ScanShowsWhatIsThereFromBeginToEndOnce) {
  for (int i = 100; i < 200; ++i) Run("SET key:" + std::to_string(i) + " v");
  Run("MSET a 1 z 2");
  std::string cursor = "0";
  std::string seen;
  int calls = 0;
  do {
    const std::string reply = Run("SCAN " + cursor + " MATCH key:* COUNT 7");
    const size_t quote = reply.find('"', 4);
    cursor = reply.substr(4, quote - 4);
    for (size_t at = reply.find("key:"); at != std::string::npos; at = reply.find("key:", at + 1)) {
      seen += reply.substr(at + 4, 3) + " ";
    }
    // Changes behind and ahead, the key of the cursor itself included.
    Run("DEL key:106 key:120");
    Run("SET key:0 v");
    ++calls;
  } while (cursor != "0");
  std::string expected;
  for (int i = 100; i < 200; ++i) {
    if (i != 120) expected += std::to_string(i) + " ";
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(calls, 15);
  EXPECT_EQ(Run("SCAN 1000000"), "(error) ERR invalid cursor");
  EXPECT_EQ(Run("SCAN 0 MATCH a"), "1) \"0\"\n2) 1) \"a\"");
  // A cursor taken up with another pattern: before, in and behind the part it matches.
  EXPECT_EQ(Run("SCAN 1 MATCH z"), "1) \"0\"\n2) 1) \"z\"");
  EXPECT_EQ(Run("SCAN 1 MATCH z*"), "1) \"0\"\n2) 1) \"z\"");
  EXPECT_EQ(Run("SCAN 1 MATCH a"), "1) \"0\"\n2) (empty array)");
  EXPECT_EQ(Run("SCAN 1 MATCH a*"), "1) \"0\"\n2) (empty array)");
}

TEST_F(StringCommands, KeysRunsInSlices) {
  std::string expected;
  for (int i = 10000; i < 15000; ++i) {
    const std::string key = "k" + std::to_string(i);
    Run("SET " + key + " v");
    const std::string line = std::to_string(i - 9999) + ") \"" + key + "\"";
    expected += (i == 10000 ? "" : "\n") + std::string(5 - line.find(')') - 1, ' ') + line;
  }
  // What has been collected stays, what has not been reached and goes is gone.
  server.between_slices = [&] {
    server.store().Open("k10000", 0).Erase();
    server.between_slices = nullptr;
  };
  EXPECT_EQ(Run("KEYS k*"), expected);
  EXPECT_GE(server.slices, 2);
  server.to_the_end = true;
  EXPECT_NE(Run("KEYS *"), "");
  EXPECT_EQ(server.slices, 0);
  EXPECT_EQ(Run("KEYS k1234[5-6]"), "1) \"k12345\"\n2) \"k12346\"");
  EXPECT_EQ(Run("KEYS k12345"), "1) \"k12345\"");
  EXPECT_EQ(Run("KEYS \\k12345"), "1) \"k12345\"");
}

TEST_F(StringCommands, FlushEmptiesAtOnceAndFreesLater) {
  Run("MSET a 1 b 2");
  server.session.number = 2;
  Run("SET c 3");
  Events();
  EXPECT_EQ(Run("FLUSHDB SYNC"), "OK");
  EXPECT_EQ(Events(), "2/flush");
  EXPECT_EQ(Run("FLUSHALL ASYNC"), "OK");
  EXPECT_EQ(Events(), "flush");  // the other databases were empty
  EXPECT_EQ(server.host.to_free.size(), 2u);
  server.session.number = 0;
  EXPECT_EQ(Run("DBSIZE"), "(integer) 0");
  EXPECT_EQ(Run("FLUSHALL NOW"), "(error) ERR syntax error");
}

TEST_F(StringCommands, ObjectTellsOfAKey) {
  Run("SET k " + std::string(45, 'x'));
  EXPECT_EQ(Run("OBJECT ENCODING k"), "\"raw\"");
  server.clock.Advance(30'000);
  EXPECT_EQ(Run("OBJECT IDLETIME k"), "(integer) 30");
  EXPECT_EQ(Run("OBJECT FREQ k").substr(0, 54),
            "(error) ERR An LFU maxmemory policy is not selected, a");
  EXPECT_EQ(Run("OBJECT IDLETIME none"), "(nil)");
  EXPECT_EQ(Run("OBJECT NONE k"), "(error) ERR unknown subcommand 'NONE'. Try OBJECT HELP.");
}

TEST_F(StringCommands, PatternsAreAsLongAsKeysAtMost) {
  const std::string longest(65536, 'a');
  const std::string error = "(error) ERR pattern of 65537 bytes is longer than 65536 bytes";
  EXPECT_EQ(Run("KEYS " + longest), "(empty array)");
  EXPECT_EQ(Run("KEYS " + longest + "*"), error);
  EXPECT_EQ(Run("SCAN 0 MATCH " + longest + "*"), error);
}

}  // namespace
}  // namespace ampt
