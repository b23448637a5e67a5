// The table of settings: values as Redis writes them, and CONFIG GET and SET on it.
#include "server/settings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace ampt {
namespace {

using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;

std::string Get(const Settings& settings, std::string_view name) {
  const auto found = MatchSettings(settings, name);
  EXPECT_EQ(found.size(), 1u) << name;
  return found.empty() ? "" : found[0].second;
}

// What CONFIG SET answers.
std::string Change(Settings& settings, const Pairs& pairs) {
  const Status status = ChangeSettings(settings, pairs);
  return status.ok() ? "OK" : status.text();
}

TEST(SettingsTest, EveryDefaultCanBeReadBack) {
  for (const Setting& setting : AllSettings()) {
    Settings settings;
    const std::vector<std::string> words = setting.words(settings);
    EXPECT_EQ(setting.set(settings, words), "") << setting.name;
    EXPECT_EQ(setting.words(settings), words) << setting.name;
    EXPECT_EQ(FindSetting(setting.name), &setting) << "named twice: " << setting.name;
    EXPECT_TRUE(setting.documentation.ends_with('.')) << setting.name;
    EXPECT_FALSE(setting.bounds().empty()) << setting.name;
  }
}

TEST(SettingsTest, SizesHaveUnits) {
  const std::pair<std::string_view, int64_t> sizes[] = {
      {"0", 0},
      {"5", 5},
      {"7b", 7},
      {"1k", 1000},
      {"1kb", 1024},
      {"2KB", 2048},
      {"3m", 3'000'000},
      {"3mB", 3 << 20},
      {"1g", 1000000000},
      {"1Gb", 1 << 30},
      {"9223372036854775807", INT64_MAX},
  };
  for (const auto& [text, expected] : sizes) {
    int64_t bytes = -1;
    EXPECT_TRUE(ParseSize(text, &bytes)) << text;
    EXPECT_EQ(bytes, expected) << text;
  }
  for (const std::string_view text :
       {"", "x", "-1", "1.5mb", "1 mb", "kb", "1tb", "1kbb", "+1", "9223372036854775808",
        "99999999999gb", "99999999999999999999"}) {
    int64_t bytes;
    EXPECT_FALSE(ParseSize(text, &bytes)) << text;
  }
  EXPECT_EQ(FormatSize(0), "0");
  EXPECT_EQ(FormatSize(1000), "1000");
  EXPECT_EQ(FormatSize(1024), "1kb");
  EXPECT_EQ(FormatSize(100 << 20), "100mb");
  EXPECT_EQ(FormatSize(int64_t{3} << 30), "3gb");
  EXPECT_EQ(FormatSize(1500 * 1024), "1500kb");
}

TEST(SettingsTest, GetShowsWhatRedisWouldShow) {
  Settings settings;
  EXPECT_EQ(Get(settings, "maxmemory"), "0");
  EXPECT_EQ(Get(settings, "proto-max-bulk-len"), "536870912");
  EXPECT_EQ(Get(settings, "save"), "3600 1 300 100 60 10000");
  EXPECT_EQ(Get(settings, "appendonly"), "yes");
  EXPECT_EQ(Get(settings, "appendfsync"), "everysec");
  EXPECT_EQ(Get(settings, "MaxMemory-Policy"), "noeviction");
  EXPECT_EQ(Get(settings, "client-output-buffer-limit"),
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
  settings.bind = {"127.0.0.1", "-::1"};
  EXPECT_EQ(Get(settings, "bind"), "127.0.0.1 -::1");
  settings.unixsocketperm = 0700;
  EXPECT_EQ(Get(settings, "unixsocketperm"), "700");
}

TEST(SettingsTest, GetTakesGlobs) {
  const Settings settings;
  std::set<std::string> names;
  for (const auto& [name, value] : MatchSettings(settings, "max*")) names.insert(name);
  EXPECT_EQ(names, (std::set<std::string>{"maxclients", "maxmemory", "maxmemory-policy",
                                          "maxmemory-samples", "maxmemory-clients", "max-item-size",
                                          "max-json-depth"}));
  EXPECT_EQ(MatchSettings(settings, "*").size(), AllSettings().size());
  EXPECT_TRUE(MatchSettings(settings, "nothing").empty());
}

TEST(SettingsTest, SetChangesAllOrNothing) {
  Settings settings;
  EXPECT_EQ(Change(settings, {{"maxmemory", "100mb"}, {"TIMEOUT", "30"}, {"loglevel", "Debug"}}),
            "OK");
  EXPECT_EQ(settings.maxmemory, 100 << 20);
  EXPECT_EQ(settings.timeout_s, 30);
  EXPECT_EQ(settings.loglevel, LogLevel::kDebug);
  EXPECT_EQ(Change(settings, {{"maxmemory", "1"}, {"timeout", "-1"}}),
            "ERR CONFIG SET failed (possibly related to argument 'timeout') - argument must be "
            "between 0 and 2147483647 inclusive");
  EXPECT_EQ(settings.maxmemory, 100 << 20);
}

TEST(SettingsTest, SetRefusesInTheWordsOfRedis) {
  const auto failed = [](std::string_view name, std::string_view reason) {
    return "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - " +
           std::string(reason);
  };
  Settings settings;
  EXPECT_EQ(Change(settings, {{"foo", "1"}}),
            "ERR Unknown option or number of arguments for CONFIG SET - 'foo'");
  EXPECT_EQ(Change(settings, {{"databases", "3"}}),
            failed("databases", "can't set immutable config"));
  EXPECT_EQ(Change(settings, {{"enable-debug-command", "yes"}}),
            failed("enable-debug-command", "can't set immutable config"));
  EXPECT_EQ(Change(settings, {{"timeout", "1"}, {"Timeout", "2"}}),
            failed("timeout", "duplicate parameter"));
  EXPECT_EQ(Change(settings, {{"maxmemory", "1x"}}),
            failed("maxmemory", "argument must be a memory value"));
  EXPECT_EQ(Change(settings, {{"timeout", "abc"}}),
            failed("timeout", "argument couldn't be parsed into an integer"));
  EXPECT_EQ(Change(settings, {{"maxclients", "0"}}),
            failed("maxclients", "argument must be between 1 and 4294967295 inclusive"));
  EXPECT_EQ(Change(settings, {{"loglevel", "foo"}}),
            failed("loglevel",
                   "argument(s) must be one of the following: debug, verbose, notice, warning"));
  EXPECT_EQ(Change(settings, {{"client-output-buffer-limit", "normal"}}),
            failed("client-output-buffer-limit",
                   "Wrong number of arguments in buffer limit configuration."));
  for (const Setting& setting : AllSettings()) {
    EXPECT_EQ(setting.words(settings), setting.words(Settings())) << setting.name;
  }
}

TEST(SettingsTest, PercentilesAreNumbersUpToAHundred) {
  Settings settings;
  EXPECT_EQ(Change(settings, {{"latency-tracking-info-percentiles", "0.0 50 99.95 100.0"}}), "OK");
  EXPECT_EQ(settings.latency_percentiles, (std::vector<double>{0, 50, 99.95, 100}));
  EXPECT_EQ(FindSetting("latency-tracking-info-percentiles")->get(settings), "0 50 99.95 100");
  for (const char* wrong : {"50 a", "101", "-1", "nan", "5x", "inf"}) {
    EXPECT_EQ(Change(settings, {{"latency-tracking-info-percentiles", wrong}}),
              "ERR CONFIG SET failed (possibly related to argument "
              "'latency-tracking-info-percentiles') - latency percentiles must be numbers from 0 "
              "to 100");
  }
  EXPECT_EQ(Change(settings, {{"latency-tracking-info-percentiles", ""}}), "OK");
  EXPECT_TRUE(settings.latency_percentiles.empty());
}

TEST(SettingsTest, FactsTakeOnlyWhatIsInForce) {
  Settings settings;
  EXPECT_EQ(Change(settings, {{"daemonize", "no"}}), "OK");
  EXPECT_EQ(Change(settings, {{"daemonize", "yes"}}),
            "ERR CONFIG SET failed (possibly related to argument 'daemonize') - can't set "
            "immutable config");
}

TEST(SettingsTest, SaveRulesArePairs) {
  Settings settings;
  EXPECT_EQ(Change(settings, {{"save", "900 1 5 2"}}), "OK");
  EXPECT_EQ(Get(settings, "save"), "900 1 5 2");
  for (const char* wrong : {"900", "900 1 5", "0 1", "-1 1", "1 -1", "a b", "99999999999 1"}) {
    EXPECT_EQ(Change(settings, {{"save", wrong}}),
              "ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save "
              "parameters")
        << wrong;
  }
  EXPECT_EQ(Get(settings, "save"), "900 1 5 2");
  EXPECT_EQ(Change(settings, {{"save", ""}}), "OK");
  EXPECT_EQ(Get(settings, "save"), "");
}

TEST(SettingsTest, OutputBufferLimitsAreChangedByClass) {
  Settings settings;
  EXPECT_EQ(Change(settings, {{"client-output-buffer-limit", "pubsub 1mb 64kb 10 slave 0 0 0"}}),
            "OK");
  EXPECT_EQ(settings.output_buffer_limit(ClientClass::kPubsub),
            (OutputBufferLimit{1 << 20, 64 << 10, 10}));
  EXPECT_EQ(settings.output_buffer_limit(ClientClass::kReplica), OutputBufferLimit());
  EXPECT_EQ(settings.output_buffer_limit(ClientClass::kNormal), OutputBufferLimit());
  const auto before = settings.client_output_buffer_limit;
  for (const std::string_view wrong : {"", "pubsub 1mb 64kb", "nobody 1 1 1", "pubsub 1mb 64kb -1",
                                       "pubsub x 64kb 1", "normal 1 1 1 pubsub 1 1 x"}) {
    EXPECT_NE(Change(settings, {{"client-output-buffer-limit", wrong}}), "OK") << wrong;
    EXPECT_EQ(settings.client_output_buffer_limit, before) << wrong;
  }
}

TEST(SettingsTest, NearestFindsSlips) {
  EXPECT_EQ(NearestSetting("maxmemroy"), "maxmemory");
  EXPECT_EQ(NearestSetting("max_item_size"), "max-item-size");
  EXPECT_EQ(NearestSetting("PROT"), "port");
  EXPECT_EQ(NearestSetting("cluster-announce-hostname"), "");
  EXPECT_EQ(NearestSetting(std::string(100'000, 'x')), "");
}

}  // namespace
}  // namespace ampt
