#include "tools/bench/hostile_scenarios.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "tools/bench/load.h"
#include "tools/bench/mutations.h"

namespace ampt::bench {
namespace {

constexpr size_t kMany = 100'000;
constexpr uint64_t kMillion = 1'000'000;
constexpr double kMb = 1 << 20;

// --- requests ------------------------------------------------------------------------------------

std::string Bytes(std::initializer_list<std::string_view> words) {
  std::string bytes;
  AppendCommand(&bytes, words);
  return bytes;
}

std::string Bytes(const std::vector<std::string>& words) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  std::string bytes;
  AppendCommand(&bytes, views.data(), views.size());
  return bytes;
}

// 1,000 times what `make` returns, one behind the other.
template <typename Make>
std::string Thousand(Make make) {
  std::string bytes;
  for (uint64_t i = 0; i < 1000; ++i) bytes += make(i);
  return bytes;
}

// A command with 100,000 times what `add` appends to its words.
template <typename Add>
std::string WithMany(std::vector<std::string> words, Add add) {
  for (size_t i = 0; i < kMany; ++i) add(i, &words);
  return Bytes(words);
}

// These in turn.
Source InTurn(std::vector<std::string> blocks) {
  return [blocks = std::move(blocks)](size_t, uint64_t block, std::string* out) {
    out->append(blocks[block % blocks.size()]);
    return true;
  };
}

// First the one, then the other again and again.
Source After(std::string first, std::string then) {
  return
      [first = std::move(first), then = std::move(then)](size_t, uint64_t block, std::string* out) {
        out->append(block == 0 ? first : then);
        return true;
      };
}

// One byte at a time.
Source ByteByByte(std::string bytes) {
  return [bytes = std::move(bytes)](size_t, uint64_t block, std::string* out) {
    out->push_back(bytes[block % bytes.size()]);
    return true;
  };
}

// --- scenarios -----------------------------------------------------------------------------------

Manner Pipeline(size_t connections, std::string thousand, bool reads) {
  return {.connections = connections,
          .source = Repeat(std::move(thousand)),
          .reads = reads,
          .returns = true};
}

// Waits for each reply: a costly command, again and again.
Manner Asks(std::string request, size_t replies = 1, size_t connections = 1) {
  return {.connections = connections, .source = Repeat(std::move(request)), .awaits = replies};
}

void AddConnections(size_t most, std::vector<Scenario>* all) {
  const size_t connections = std::min(kMaxClients - kProbers, most);
  // A connection without bytes is a handle, a session and what the allocator rounds up.
  all->push_back({.name = fmt::format("{} idle connections", connections),
                  .manners = {{.connections = connections}},
                  .most_mb = 64,
                  .is_quiet = true});
  all->push_back({.name = fmt::format("{} connections, a PING a second each", connections),
                  .manners = {{.connections = connections,
                               .source = Repeat(Bytes({"PING"})),
                               .every_ms = 1000}},
                  .most_mb = 96,
                  .is_quiet = true});
  all->push_back({.name = fmt::format("CLIENT LIST of {} connections", connections),
                  .manners = {{.connections = connections - 1}, Asks(Bytes({"CLIENT", "LIST"}))},
                  .most_mb = 96,
                  .is_quiet = true});
  all->push_back({.name = "connect and leave, 50 at a time",
                  .manners = {{.connections = 50, .hangs_up = true}},
                  .most_mb = 32});
  all->push_back({.name = "slow loris: 1000 connections, a byte per 100 ms",
                  .manners = {{.connections = 1000,
                               .source = ByteByByte(Bytes({"SET", "loris", "slowly"})),
                               .every_ms = 100,
                               .returns = true}},
                  .most_mb = 128,
                  .is_quiet = true});
}

void AddPipelines(std::vector<Scenario>* all) {
  const struct {
    std::string_view name;
    std::string thousand;
  } kinds[] = {{"PING", Thousand([](uint64_t) { return Bytes({"PING"}); })},
               {"GET", Thousand([](uint64_t i) {
                  return Bytes({"GET", HostileKey(i * 97)});
                })},
               {"SET", Thousand([](uint64_t i) {
                  return Bytes({"SET", HostileKey(i * 97), "another value"});
                })}};
  for (const bool reads : {true, false}) {
    for (const auto& [name, thousand] : kinds) {
      all->push_back({.name = fmt::format("{} without end in one go, {}", name,
                                          reads ? "reading" : "never reading, 10 connections"),
                      .manners = {Pipeline(reads ? 1 : 10, thousand, reads)},
                      .most_mb = reads ? 16.0 : 64.0,
                      .keys = kMany});
    }
  }
}

void AddDeafOnes(std::vector<Scenario>* all) {
  std::vector<std::vector<std::string>> big_values;
  for (int i = 0; i < 10; ++i) {
    big_values.push_back({"SET", fmt::format("big:{}", i), std::string(1 << 20, 'x')});
  }
  // A MB unsent, a reply of one, and what a string that grows takes more.
  all->push_back({.name = "GET of 1 MB, never reading, 100 connections",
                  .manners = {{.connections = 100,
                               .source = Repeat(Bytes({"GET", "big:3"})),
                               .reads = false,
                               .returns = true}},
                  .most_mb = 100 * 4,
                  .before = big_values});
  // One reply is whole, however large: 100 MB, and as much again while the string grows.
  all->push_back({.name = "MGET of 100 x 1 MB, never reading, 5 connections",
                  .manners = {{.connections = 5,
                               .source = Repeat([] {
                                 std::vector<std::string> words = {"MGET"};
                                 for (int i = 0; i < 100; ++i) {
                                   words.push_back(fmt::format("big:{}", i % 10));
                                 }
                                 return Bytes(words);
                               }()),
                               .reads = false,
                               .returns = true}},
                  .most_mb = 5 * 200,
                  .before = big_values,
                  .is_exempt = true});
  // Those who listen are cut off at 32 MB.
  all->push_back({.name = "MONITOR, never reading, 10 connections beside 50 that write",
                  .manners = {{.connections = 10,
                               .source = Times(1, Bytes({"MONITOR"})),
                               .reads = false,
                               .returns = true},
                              WellBehaved(50)},
                  .most_mb = 10 * 64 + 32});
  all->push_back({.name = "SUBSCRIBE to a busy channel, never reading, 20 connections",
                  .manners = {{.connections = 20,
                               .source = Times(1, Bytes({"SUBSCRIBE", "busy"})),
                               .reads = false,
                               .returns = true},
                              Asks(Bytes({"PUBLISH", "busy", std::string(10'000, 'x')}))},
                  .most_mb = 20 * 64 + 32});
  all->push_back(
      {.name = "AMPT.EVENTS READ, never reading, 20 connections beside 50 that write",
       .manners =
           {Pipeline(
                20, Thousand([](uint64_t) {
                  return Bytes({"AMPT.EVENTS", "READ", "bench", "COUNT", "1000", "BLOCK", "0"});
                }),
                false),
            {.connections = 50,
             .source =
                 [](size_t connection, uint64_t block, std::string* out) {
                   AppendCommand(out, {"AMPT.SET", fmt::format("well:{}", connection),
                                       std::to_string(block), "QUIET"});
                   return true;
                 },
             .awaits = 1}},
       // A backlog has its own bound of 256 MB.
       .most_mb = 256 + 20 * 4,
       .before = {{"CONFIG", "SET", "events-overflow", "drop"},
                  {"AMPT.EVENTS", "CREATE", "bench", "FILTERS", "1", "*:well:*"}},
       .after = {{"AMPT.EVENTS", "DROP", "bench"}},
       .is_ours = true});
}

void AddFloods(std::vector<Scenario>* all) {
  const auto channels = [](std::string_view command, std::string_view pattern) {
    return [name = std::string(command), pattern = std::string(pattern)](
               size_t connection, uint64_t block, std::string* out) {
      if (block % 2 == 1) {
        AppendCommand(out, {name == "SUBSCRIBE" ? "UNSUBSCRIBE" : "PUNSUBSCRIBE"});
      } else {
        out->append(WithMany({name}, [&](size_t i, std::vector<std::string>* words) {
          words->push_back(fmt::format("{}{}:{}", pattern, connection, i));
        }));
      }
      return true;
    };
  };
  // A subscription takes some 250 bytes, the command and its answer some MB.
  for (const std::string_view command : {"SUBSCRIBE", "PSUBSCRIBE"}) {
    all->push_back(
        {.name = fmt::format("{} of 100,000 names and back, 5 connections", command),
         .manners = {{.connections = 5, .source = channels(command, "a name:"), .awaits = kMany}},
         .most_mb = 5 * 64});
  }
  all->push_back(
      {.name = "SUBSCRIBE to 100,000 channels and leave, 5 connections",
       .manners = {{.connections = 5,
                    .source =
                        [](size_t connection, uint64_t block, std::string* out) {
                          if (block == kMany / 1000) return false;
                          for (size_t i = 0; i < 1000; ++i) {
                            AppendCommand(
                                out, {"SUBSCRIBE", fmt::format("{}:{}:{}", connection, block, i)});
                          }
                          return true;
                        },
                    .awaits = 1000,
                    .hangs_up = true}},
       .most_mb = 5 * 64});
  all->push_back({.name = "PUBLISH beside 10,000 patterns of another",
                  .manners = {{.source =
                                   [](size_t, uint64_t block, std::string* out) {
                                     if (block > 0) return false;
                                     std::vector<std::string> words = {"PSUBSCRIBE"};
                                     for (int i = 0; i < 10'000; ++i) {
                                       words.push_back(fmt::format("*:{}:*", i));
                                     }
                                     out->append(Bytes(words));
                                     return true;
                                   }},
                              Asks(Bytes({"PUBLISH", "a:channel:b", "x"}))},
                  .most_mb = 32});
  all->push_back(
      {.name = "PUBLISH without end, 50 connections, 100 listen",
       .manners = {{.connections = 100, .source = Times(1, Bytes({"SUBSCRIBE", "busy"}))},
                   Pipeline(50, Thousand([](uint64_t) {
                              return Bytes({"PUBLISH", "busy", "a message"});
                            }),
                            true)},
       .most_mb = 100 * 64});
  all->push_back({.name = "AUTH with wrong passwords, 50 connections",
                  .manners = {Pipeline(50, Thousand([](uint64_t i) {
                                         return Bytes({"AUTH", fmt::format("user{}", i), "guess"});
                                       }),
                                       true)},
                  .most_mb = 32});
  all->push_back({.name = "MULTI with 1,000,000 SETs, then DISCARD",
                  .manners = {{.source =
                                   [thousand = Thousand([](uint64_t i) {
                                      return Bytes({"SET", HostileKey(i), "a value"});
                                    })](size_t, uint64_t block, std::string* out) {
                                     if (block % 1002 == 0) {
                                       AppendCommand(out, {"MULTI"});
                                     } else if (block % 1002 == 1001) {
                                       AppendCommand(out, {"DISCARD"});
                                     } else {
                                       out->append(thousand);
                                     }
                                     return true;
                                   }}},
                  .most_mb = 400});
  const auto watched = [](std::string_view command) {
    return WithMany({std::string(command)}, [](size_t i, std::vector<std::string>* words) {
      words->push_back(HostileKey(i));
    });
  };
  all->push_back({.name = "WATCH of 100,000 keys and UNWATCH, 5 connections",
                  .manners = {{.connections = 5,
                               .source = InTurn({watched("WATCH"), Bytes({"UNWATCH"})}),
                               .awaits = 1}},
                  .most_mb = 5 * 64,
                  .keys = kMany});
  all->push_back({.name = "EXISTS of 100,000 words, 5 connections",
                  .manners = {Asks(watched("EXISTS"), 1, 5)},
                  .most_mb = 5 * 32,
                  .keys = kMany});
  all->push_back({.name = "512 MB announced, 16 kB per 100 ms sent, 100 connections",
                  .manners = {{.connections = 100,
                               .source = After("*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$536870912\r\n",
                                               std::string(16 * 1024, 'x')),
                               .every_ms = 100}},
                  // Twice what has come, and a block each.
                  .most_mb = 2 * 100 * 0.16 * kWindowS + 100 * 0.07 + 32,
                  .is_quiet = true});
  all->push_back({.name = "512 MB announced, nothing more, 1000 connections",
                  .manners = {{.connections = 1000,
                               .source = Times(1, "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$536870912\r\n")}},
                  .most_mb = 96,
                  .is_quiet = true});
  all->push_back({.name = "commands of 1,048,576 words, 10 connections",
                  .manners = {{.connections = 10,
                               .source = After("*1048576\r\n",
                                               Thousand([](uint64_t) { return "$1\r\nx\r\n"; })),
                               .every_ms = 10}},
                  // A word takes seven bytes and a view, both at most twice.
                  .most_mb = 2 * 10 * 1'048'576 * (7 + 16) / kMb + 32});
  all->push_back(
      {.name = "a line without an end, 100 connections",
       .manners = {{.connections = 100, .source = Repeat(std::string(4096, 'x')), .returns = true}},
       .most_mb = 64});
  all->push_back({.name = "noise, 50 connections",
                  .manners = {{.connections = 50, .source = Noise(1), .returns = true}},
                  .most_mb = 64});
}

void AddCostlyOnes(std::vector<Scenario>* all) {
  all->push_back({.name = "KEYS * of 1,000,000",
                  .manners = {Asks(Bytes({"KEYS", "*"}))},
                  .most_mb = 160,
                  .keys = kMillion});
  all->push_back(
      {.name = "SCAN of 1,000,000 with a bad pattern, 10 connections",
       .manners = {Asks(Bytes({"SCAN", "0", "MATCH", "*k*e*y*0*0*0*0*0*0*?*z", "COUNT", "1000000"}),
                        1, 10)},
       .most_mb = 32,
       .keys = kMillion,
       .is_ours = true});
  const auto many_keys = [](std::string_view command) {
    return WithMany({std::string(command)}, [](size_t i, std::vector<std::string>* words) {
      words->push_back(HostileKey(i));
    });
  };
  all->push_back(
      {.name = "MSET, then DEL, of 100,000 keys",
       .manners = {{.source = InTurn({WithMany({"MSET"},
                                               [](size_t i, std::vector<std::string>* words) {
                                                 words->push_back(HostileKey(i));
                                                 words->push_back("a value");
                                               }),
                                      many_keys("DEL")}),
                    .awaits = 1}},
       .most_mb = 96,
       .is_exempt = true});
  all->push_back({.name = "MGET of 100,000 keys",
                  .manners = {Asks(many_keys("MGET"))},
                  .most_mb = 64,
                  .keys = kMany,
                  .is_exempt = true});
  all->push_back({.name = "GETRANGE of 15 MB",
                  .manners = {Asks(Bytes({"GETRANGE", "large", "0", "-1"}))},
                  .most_mb = 96,
                  .before = {{"SETRANGE", "large", "15728639", "x"}},
                  .is_exempt = true});
  all->push_back({.name = "AMPT.COUNT of 1,000,000 in a namespace",
                  .manners = {Asks(Bytes({"AMPT.COUNT", "key:*"}))},
                  .most_mb = 16,
                  .keys = kMillion,
                  .is_ours = true});
  all->push_back({.name = "AMPT.GET, pages of 1000, 10 connections",
                  .manners = {Asks(Bytes({"AMPT.GET", "key:*", "LIMIT", "1000"}), 1, 10)},
                  .most_mb = 32,
                  .keys = kMillion,
                  .is_ours = true,
                  .is_exempt = true});
  all->push_back({.name = "AMPT.REMOVERANGE of 1,000,000",
                  .manners = {{.source = Times(1, Bytes({"AMPT.REMOVERANGE", "key:*"}))}},
                  .most_mb = 16,
                  .keys = kMillion,
                  .is_ours = true});
  all->push_back({.name = "FLUSHALL of 1,000,000",
                  .manners = {{.source = Repeat(Bytes({"FLUSHALL"})), .every_ms = 1000}},
                  .most_mb = 16,
                  .keys = kMillion,
                  .takes_keys = true});
  all->push_back({.name = "EVAL of some ms",
                  .manners = {Asks(
                      Bytes({"EVAL", "for i = 1, 10000 do redis.call('GET', KEYS[1]) end return 1",
                             "1", HostileKey(1)}))},
                  .most_mb = 32,
                  .keys = kMany,
                  .is_exempt = true});
}

}  // namespace

std::string HostileKey(uint64_t number) {
  return fmt::format("key:{:012d}", number);
}

Manner WellBehaved(size_t connections) {
  return {.connections = connections,
          .source =
              [](size_t connection, uint64_t block, std::string* out) {
                const std::string key = fmt::format("well:{}", connection);
                AppendCommand(out, {"SET", key, fmt::format("{:016d}", block)});
                return true;
              },
          .awaits = 1};
}

std::vector<Scenario> AllScenarios(size_t most_connections) {
  std::vector<Scenario> all;
  AddConnections(most_connections, &all);
  AddPipelines(&all);
  AddDeafOnes(&all);
  AddFloods(&all);
  AddCostlyOnes(&all);
  return all;
}

}  // namespace ampt::bench
