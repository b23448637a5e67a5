// What the server notes of its own work: the slow log, latency events, histograms, hot keys, lines
// of MONITOR, and what of a request may be shown.
#include "server/monitoring.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "commands/latency_monitor.h"
#include "commands/slow_log.h"
#include "server/hot_keys.h"
#include "server/redaction.h"
#include "server/statistics.h"
#include "tests/unit/test_context.h"

namespace ampt {
namespace {

using Texts = std::vector<std::string>;

// --- the slow log
// ---------------------------------------------------------------------------------

Texts ShortenedAll(const Texts& words) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  return Shortened(views, views.size());
}

TEST(SlowLogTest, LongRequestsAreCutAsRedisDoes) {
  EXPECT_EQ(ShortenedAll({"GET", "a", ""}), (Texts{"GET", "a", ""}));
  EXPECT_EQ(ShortenedAll({std::string(128, 'x')}), Texts{std::string(128, 'x')});
  EXPECT_EQ(ShortenedAll({std::string(130, 'x')}),
            Texts{std::string(128, 'x') + "... (2 more bytes)"});
  EXPECT_EQ(ShortenedAll(Texts(32, "x")), Texts(32, "x"));
  Texts cut(31, "x");
  cut.emplace_back("... (2 more arguments)");
  EXPECT_EQ(ShortenedAll(Texts(33, "x")), cut);
}

TEST(SlowLogTest, KeepsTheNewest) {
  SlowLog log;
  log.Add({.words = {"none"}});
  EXPECT_TRUE(log.entries().empty());
  log.set_capacity(3);
  for (int i = 0; i < 5; ++i) log.Add({.duration_us = i});
  ASSERT_EQ(log.entries().size(), 3u);
  EXPECT_EQ(log.entries()[0].duration_us, 4);
  EXPECT_EQ(log.entries()[0].id, 5);
  EXPECT_EQ(log.entries()[2].id, 3);
  log.set_capacity(1);
  ASSERT_EQ(log.entries().size(), 1u);
  EXPECT_EQ(log.entries()[0].id, 5);
  log.Reset();
  log.Add({});
  EXPECT_EQ(log.entries()[0].id, 6);
}

TEST(SlowLogTest, IsShownByTheCommand) {
  TestContext server;
  server.host.slow.set_capacity(20);
  for (int i = 0; i < 12; ++i) {
    server.host.slow.Add({.time_s = 1700000000 + i,
                          .duration_us = 10 * i,
                          .words = {"GET", "a b"},
                          .address = "127.0.0.1:5",
                          .name = "me"});
  }
  EXPECT_EQ(server.Run("SLOWLOG LEN"), "(integer) 12");
  EXPECT_EQ(server.Run("SLOWLOG GET 1"),
            "1) 1) (integer) 11\n"
            "   2) (integer) 1700000011\n"
            "   3) (integer) 110\n"
            "   4) 1) \"GET\"\n"
            "      2) \"a b\"\n"
            "   5) \"127.0.0.1:5\"\n"
            "   6) \"me\"");
  EXPECT_EQ(server.Run("SLOWLOG GET 0"), "(empty array)");
  EXPECT_NE(server.Run("SLOWLOG GET").find("10) 1) (integer) 2"), std::string::npos);
  EXPECT_EQ(server.Run("SLOWLOG GET").find("11) 1) "), std::string::npos);
  EXPECT_NE(server.Run("SLOWLOG GET -1").find("12) 1) (integer) 0"), std::string::npos);
  EXPECT_EQ(server.Run("SLOWLOG GET x"), "(error) ERR count should be greater than or equal to -1");
  EXPECT_EQ(server.Run("SLOWLOG RESET"), "OK");
  EXPECT_EQ(server.Run("SLOWLOG LEN"), "(integer) 0");
}

// --- latency
// --------------------------------------------------------------------------------------

TEST(LatencyMonitorTest, KeepsTheLongestOfEachSecond) {
  LatencyMonitor monitor;
  monitor.Add("command", 100, 5000);
  EXPECT_TRUE(monitor.events().empty());
  monitor.set_threshold_ms(10);
  monitor.Add("command", 100, 9);
  EXPECT_TRUE(monitor.events().empty());
  monitor.Add("command", 100, 10);
  monitor.Add("command", 100, 30);
  monitor.Add("command", 100, 20);
  monitor.Add("command", 101, 15);
  const LatencyMonitor::Event& event = monitor.events().at("command");
  ASSERT_EQ(event.samples.size(), 2u);
  EXPECT_EQ(event.samples[0].duration_ms, 30);
  EXPECT_EQ(event.samples[1].duration_ms, 15);
  EXPECT_EQ(event.worst_ms, 30);
  for (int second = 0; second < 500; ++second) monitor.Add("other", second, 11);
  EXPECT_EQ(monitor.events().at("other").samples.size(), 160u);
  EXPECT_EQ(monitor.events().at("other").samples.front().time_s, 340);
  const std::vector<std::string_view> names{"other", "nothing"};
  EXPECT_EQ(monitor.Reset(names), 1u);
  EXPECT_EQ(monitor.events().size(), 1u);
  EXPECT_EQ(monitor.Reset({}), 1u);
  EXPECT_TRUE(monitor.events().empty());
}

TEST(LatencyMonitorTest, DrawsAChart) {
  LatencyMonitor monitor;
  monitor.set_threshold_ms(1);
  monitor.Add("command", 1000, 100);
  monitor.Add("command", 3590, 112);
  monitor.Add("command", 3599, 106);
  EXPECT_EQ(monitor.Graph("command", 3600),
            "command - high 112 ms, low 100 ms (all time high 112 ms)\n" + std::string(80, '-') +
                "\n"
                " # \n"
                " |_\n"
                " ||\n"
                "_||\n"
                "   \n"
                "411\n"
                "30s\n"
                "ms \n");
}

TEST(LatencyMonitorTest, IsShownByTheCommand) {
  TestContext server;
  LatencyMonitor& monitor = server.host.latency;
  EXPECT_TRUE(server.Run("LATENCY DOCTOR").starts_with("Latency is not monitored."));
  monitor.set_threshold_ms(1);
  EXPECT_TRUE(server.Run("LATENCY DOCTOR").starts_with("Nothing has taken longer"));
  monitor.Add("command", 1000, 20);
  monitor.Add("command", 1002, 10);
  monitor.Add("aof-write", 1003, 7);
  EXPECT_EQ(server.Run("LATENCY LATEST"),
            "1) 1) \"aof-write\"\n"
            "   2) (integer) 1003\n"
            "   3) (integer) 7\n"
            "   4) (integer) 7\n"
            "2) 1) \"command\"\n"
            "   2) (integer) 1002\n"
            "   3) (integer) 10\n"
            "   4) (integer) 20");
  EXPECT_EQ(server.Run("LATENCY HISTORY command"),
            "1) 1) (integer) 1000\n"
            "   2) (integer) 20\n"
            "2) 1) (integer) 1002\n"
            "   2) (integer) 10");
  const std::string report = server.Run("LATENCY DOCTOR");
  EXPECT_NE(report.find("2. command: 2 latency spikes (average 15ms, mean deviation 5ms, one every "
                        "2s). Worst all time event 20ms."),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("- aof-write: "), std::string::npos);
  EXPECT_EQ(server.Run("LATENCY RESET command nothing"), "(integer) 1");
  EXPECT_EQ(server.Run("LATENCY RESET"), "(integer) 1");
}

TEST(LatencyMonitorTest, HistogramsAreShownByTheCommand) {
  TestContext server;
  server.host.command_latencies = {{"get", 3, {{1, 2}, {8, 3}}}, {"client|list", 1, {{2, 1}}}};
  EXPECT_EQ(server.Run("LATENCY HISTOGRAM GET"),
            "1# \"get\" => 1# \"calls\" => (integer) 3\n"
            "   2# \"histogram_usec\" => 1# (integer) 1 => (integer) 2\n"
            "      2# (integer) 8 => (integer) 3");
  EXPECT_TRUE(server.Run("LATENCY HISTOGRAM client").starts_with("1# \"client|list\""));
  EXPECT_TRUE(server.Run("LATENCY HISTOGRAM client|list").starts_with("1# \"client|list\""));
  EXPECT_NE(server.Run("LATENCY HISTOGRAM").find("2# \"client|list\""), std::string::npos);
}

TEST(LatencyHistogramTest, CountsBelowPowersOfTwo) {
  LatencyHistogram histogram;
  histogram.Record(1023, 1);
  histogram.Record(1024, 2);
  histogram.Record(2047, 4);
  histogram.Record(2048, 8);
  histogram.Record(int64_t{1} << 40, 16);
  EXPECT_EQ(histogram.CountBelowPower(10), 1u);
  EXPECT_EQ(histogram.CountBelowPower(11), 7u);
  EXPECT_EQ(histogram.CountBelowPower(12), 15u);
  EXPECT_EQ(histogram.CountBelowPower(34), 15u);
  EXPECT_EQ(histogram.CountBelowPower(LatencyHistogram::kLargestPower), 31u);
}

TEST(StatisticsTest, LatenciesEndWhereAllAreCounted) {
  const CommandTable table;
  Statistics statistics(table.all());
  EXPECT_TRUE(statistics.Latencies().empty());
  CommandFigures& figures = statistics.Of(table.Find("get"));
  figures.CountCalls(2, 1000);
  figures.CountCalls(1, 3000);
  const std::vector<CommandLatency> latencies = statistics.Latencies();
  ASSERT_EQ(latencies.size(), 1u);
  EXPECT_EQ(latencies[0].name, "get");
  EXPECT_EQ(latencies[0].calls, 3u);
  const std::vector<std::pair<int64_t, uint64_t>> expected{{1, 2}, {4, 3}};
  EXPECT_EQ(latencies[0].not_above_us, expected);
}

// --- hot keys
// -------------------------------------------------------------------------------------

TEST(HotKeysTest, FindsTheKeysThatAreUsedMost) {
  HotKeys hot_keys(1);
  // One key in ten is the hot one, all others differ.
  for (uint64_t i = 0; i < 1'000'000; ++i) {
    const size_t picked = hot_keys.Pick(1);
    if (picked == HotKeys::kNone) continue;
    ASSERT_EQ(picked, 0u);
    if (i % 10 == 0) {
      hot_keys.Count(3, 42, "hot");
    } else {
      hot_keys.Count(0, 1000 + i, "cold");
    }
  }
  const uint64_t expected = 1'000'000 / HotKeys::kOneIn;
  EXPECT_GT(hot_keys.total(), expected * 9 / 10);
  EXPECT_LT(hot_keys.total(), expected * 11 / 10);
  const auto top = hot_keys.Top(2);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].key, "hot");
  EXPECT_EQ(top[0].database, 3);
  EXPECT_GE(top[0].count + top[0].count / 5, hot_keys.total() / 10);
  EXPECT_LE(top[0].count - top[0].error, hot_keys.total() / 8);
  EXPECT_EQ(hot_keys.Top(1000).size(), HotKeys::kCounters);
}

TEST(HotKeysTest, PicksOneOfAGroup) {
  HotKeys hot_keys(7);
  size_t picks = 0;
  for (int group = 0; group < 10'000; ++group) {
    const size_t picked = hot_keys.Pick(128);
    if (picked == HotKeys::kNone) continue;
    EXPECT_LT(picked, 128u);
    ++picks;
  }
  EXPECT_GT(picks, 9'000u);
}

TEST(HotKeysTest, ForgetsWhatWasHot) {
  HotKeys hot_keys(1);
  for (int i = 0; i < 4; ++i) hot_keys.Count(0, 1, std::string(1000, 'k'));
  hot_keys.Count(0, 2, "once");
  EXPECT_EQ(hot_keys.Top(1)[0].key.size(), HotKeys::kMostKeyBytes);
  hot_keys.Age();
  ASSERT_EQ(hot_keys.Top(10).size(), 1u);
  EXPECT_EQ(hot_keys.Top(10)[0].count, 2u);
  hot_keys.Reset();
  EXPECT_TRUE(hot_keys.Top(10).empty());
  EXPECT_EQ(hot_keys.total(), 0u);
}

// --- what may be shown
// ----------------------------------------------------------------------------

std::string Shown(const std::string& line) {
  const CommandTable table;
  const std::vector<std::string> words = SplitCommand(line);
  const std::vector<std::string_view> views(words.begin(), words.end());
  const Command* command = table.Find(views[0]);
  if (command != nullptr && views.size() > 1 && command->Subcommand(views[1]) != nullptr) {
    command = command->Subcommand(views[1]);
  }
  std::string shown;
  for (const std::string_view word : WithoutSecrets(*command, views)) {
    if (!shown.empty()) shown += ' ';
    shown += word;
  }
  return shown;
}

TEST(RedactionTest, PasswordsAreNotShown) {
  EXPECT_EQ(Shown("AUTH secret"), "AUTH (redacted)");
  EXPECT_EQ(Shown("auth me secret"), "auth (redacted) (redacted)");
  EXPECT_EQ(Shown("HELLO 3 AUTH me secret SETNAME x"),
            "HELLO 3 AUTH (redacted) (redacted) SETNAME x");
  EXPECT_EQ(Shown("HELLO 3 SETNAME auth auth me secret"),
            "HELLO 3 SETNAME auth auth (redacted) (redacted)");
  EXPECT_EQ(Shown("HELLO 3 AUTH me"), "HELLO 3 AUTH (redacted)");
  EXPECT_EQ(Shown("HELLO"), "HELLO");
  EXPECT_EQ(Shown("CONFIG SET timeout 5 REQUIREPASS secret masterauth other"),
            "CONFIG SET timeout 5 REQUIREPASS (redacted) masterauth (redacted)");
  EXPECT_EQ(Shown("CONFIG SET requirepass"), "CONFIG SET requirepass");
  EXPECT_EQ(Shown("SET auth secret"), "SET auth secret");
  const CommandTable table;
  if (table.Find("acl") != nullptr) {
    EXPECT_EQ(Shown("ACL SETUSER ann on >secret"), "ACL SETUSER (redacted) (redacted) (redacted)");
  }
}

TEST(MonitorLineTest, IsWrittenAsRedisDoes) {
  const std::vector<std::string_view> words{"SET", "a\nb\"\\", std::string_view("\0\xff", 2)};
  EXPECT_EQ(MonitorLine(1339518083'107412, 2, "127.0.0.1:60866", words),
            "+1339518083.107412 [2 127.0.0.1:60866] \"SET\" \"a\\nb\\\"\\\\\" \"\\x00\\xff\"\r\n");
  EXPECT_EQ(MonitorLine(5'000001, 0, "lua", {}), "+5.000001 [0 lua]\r\n");
}

TEST(MonitorLineTest, IsBounded) {
  const std::string large(3 << 20, 'x');
  const std::vector<std::string_view> one{"SET", large};
  const std::string line = MonitorLine(0, 0, "lua", one);
  EXPECT_LT(line.size(), (1u << 20) + 200);
  EXPECT_TRUE(line.ends_with("... (2097152 more bytes)\r\n"));
  const std::vector<std::string_view> many(1000, large);
  EXPECT_LT(MonitorLine(0, 0, "lua", many).size(), 6u << 20);
}

}  // namespace
}  // namespace ampt
