#include "tools/bench/hostile.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tools/bench/crowd.h"
#include "tools/bench/histogram.h"
#include "tools/bench/load.h"
#include "tools/bench/mutations.h"
#include "tools/bench/report.h"
#include "tools/bench/rows.h"
#include "tools/bench/servers.h"

namespace ampt::bench {
namespace {

using std::chrono::milliseconds;

constexpr double kProbesPerS = 1000;
constexpr size_t kProbers = 2;  // connections
constexpr uint64_t kProbedKeys = 100;
// So long that a single wait of 50 ms, which the host of a virtual machine may cause, is no p99.
constexpr double kWindowS = 10;
// Others' latency may grow so much over what it is alone or beside as many connections that behave,
// whichever is more: both are what a client sees without the hostile ones.
constexpr double kMostRatio = 3;
// How long memory may take to be given back: the allocator waits for 10 s before it begins, and
// takes some more.
constexpr auto kGiveBackPatience = std::chrono::seconds(25);
constexpr auto kMemoryPoll = milliseconds(5);
constexpr size_t kMaxClients = 10'000;  // the default of both
constexpr size_t kOwnFiles = 64;
constexpr size_t kMostBeside = 1000;
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

std::string Key(uint64_t number) {
  return fmt::format("key:{:012d}", number);
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

// What others do all day: a GET, a SET, and a wait for each reply.
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

// --- scenarios -----------------------------------------------------------------------------------

struct Scenario {
  std::string name;
  std::vector<Manner> manners;
  // The most that resident memory may grow by, in MB.
  double most_mb;
  // Items there are before.
  uint64_t keys = 0;
  // Requests before.
  std::vector<std::vector<std::string>> before = {};
  // Behind them, for what is data and stays: what it took is to be given back as well.
  std::vector<std::vector<std::string>> after = {};
  // All its clients do is to be there, so others' latency is compared with that of an idle server.
  bool is_quiet = false;
  // Only our server knows these commands, or the other takes too long for them.
  bool is_ours = false;
  // It takes others' items away.
  bool takes_keys = false;
  // One work as it must be: an item, many keys at one moment, a script. Its time is not judged.
  bool is_exempt = false;
};

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
                  return Bytes({"GET", Key(i * 97)});
                })},
               {"SET", Thousand([](uint64_t i) {
                  return Bytes({"SET", Key(i * 97), "another value"});
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
                                      return Bytes({"SET", Key(i), "a value"});
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
    return WithMany({std::string(command)},
                    [](size_t i, std::vector<std::string>* words) { words->push_back(Key(i)); });
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
    return WithMany({std::string(command)},
                    [](size_t i, std::vector<std::string>* words) { words->push_back(Key(i)); });
  };
  all->push_back(
      {.name = "MSET, then DEL, of 100,000 keys",
       .manners = {{.source = InTurn({WithMany({"MSET"},
                                               [](size_t i, std::vector<std::string>* words) {
                                                 words->push_back(Key(i));
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
  all->push_back(
      {.name = "EVAL of some ms",
       .manners = {Asks(Bytes(
           {"EVAL", "for i = 1, 10000 do redis.call('GET', KEYS[1]) end return 1", "1", Key(1)}))},
       .most_mb = 32,
       .keys = kMany,
       .is_exempt = true});
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

// --- measuring -----------------------------------------------------------------------------------

// How many connections this process and its servers may have.
size_t RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur > kOwnFiles ? limit.rlim_cur - kOwnFiles : 0;
}

// A client that behaves: requests at a fixed rate, and how long each took from when it was due.
class Prober {
 public:
  Prober(const Server& server, bool keys_may_go)
      : load_(server.port(), kProbers),
        speaks_ampt_(server.speaks_ampt()),
        keys_may_go_(keys_may_go) {
    Batches sets(10);
    for (uint64_t i = 0; i < kProbedKeys; ++i) sets.Add({"SET", ProbedKey(i), kValue});
    load_.RunClosed(sets);
  }
  ~Prober() {
    if (thread_.joinable()) thread_.join();
  }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Starts to send, for so long.
  void Begin(double seconds) {
    is_done_ = false;
    failure_.clear();
    latencies_ = Histogram();
    thread_ = std::thread([this, seconds] {
      // The crowd has the same core: what is measured is the server, not who of them comes first.
      sched_param first{};
      first.sched_priority = 1;
      sched_setscheduler(0, SCHED_FIFO, &first);
      try {
        load_.RunOpen(Requests(seconds), kProbesPerS, &latencies_);
      } catch (const Failure& failure) {
        failure_ = failure.what();
      }
      is_done_ = true;
    });
  }
  bool is_done() const { return is_done_; }
  // Throws Failure if a reply was wrong or did not come.
  const Histogram& End() {
    thread_.join();
    if (!failure_.empty()) throw Failure(failure_);
    return latencies_;
  }

 private:
  static constexpr std::string_view kValue =
      "sixty-four bytes that a well-behaved client has put there: 012345";

  static std::string ProbedKey(uint64_t number) { return fmt::format("probed:{:03d}", number); }

  Batches Requests(double seconds) const {
    Batches requests(1);
    const auto count = static_cast<uint64_t>(seconds * kProbesPerS);
    for (uint64_t i = 0; i < count; ++i) {
      const std::string key = ProbedKey(i / 3 % kProbedKeys);
      if (i % 3 == 0) {
        requests.Add({"SET", key, kValue});
      } else if (i % 3 == 1) {
        requests.Add({keys_may_go_ ? "STRLEN" : "GET", key});
      } else {
        requests.Add({!speaks_ampt_  ? keys_may_go_ ? "EXISTS" : "GET"
                      : keys_may_go_ ? "AMPT.COUNT"
                                     : "AMPT.GET",
                      key});
      }
    }
    return requests;
  }

  Load load_;
  const bool speaks_ampt_;
  const bool keys_may_go_;
  Histogram latencies_;
  std::string failure_;
  std::atomic<bool> is_done_ = false;
  std::thread thread_;
};

struct Latency {
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
};

Latency LatencyOf(const Histogram& histogram) {
  const auto ms = [](uint64_t ns) { return static_cast<double>(ns) / 1e6; };
  return {ms(histogram.PercentileNs(0.5)), ms(histogram.PercentileNs(0.99)),
          ms(histogram.max_ns())};
}

struct Outcome {
  Latency alone;
  Latency beside;  // as many well-behaved connections
  Latency during;
  double before_mb = 0;
  double peak_mb = 0;
  double after_mb = 0;
  size_t connections = 0;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  uint64_t answered = 0;
  uint64_t thrown_out = 0;
  uint64_t returned = 0;
  std::string failure;  // "": the server was there to the end
};

double RssMb(const Server& server) {
  return static_cast<double>(server.RssBytes()) / kMb;
}

// Raises `peak_mb` while the prober is at work.
Latency Probe(const Server& server, Prober* prober, double seconds, double* peak_mb) {
  prober->Begin(seconds);
  while (!prober->is_done()) {
    if (peak_mb != nullptr) *peak_mb = std::max(*peak_mb, RssMb(server));
    std::this_thread::sleep_for(kMemoryPoll);
  }
  return LatencyOf(prober->End());
}

void Ask(const Server& server, const std::vector<std::vector<std::string>>& requests) {
  Client client(server.port());
  for (const std::vector<std::string>& words : requests) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    const Reply reply = client.Ask(views.data(), views.size());
    if (reply.error()) throw Failure(server.name() + ": " + reply.text);
  }
}

void Fill(const Server& server, const Scenario& scenario) {
  if (scenario.keys > 0) {
    Batches sets(64);
    for (uint64_t i = 0; i < scenario.keys; ++i) sets.Add({"SET", Key(i), "a value"});
    Load(server.port(), 10).RunClosed(sets);
  }
  Ask(server, scenario.before);
}

bool IsGivenBack(const Outcome& outcome) {
  return outcome.after_mb <= 1.1 * outcome.before_mb + 32;
}

// Everything but the start of the server; what the server cannot stand is in the outcome.
Outcome Measure(Server* server, const Scenario& scenario, double scale) {
  Outcome outcome;
  try {
    Fill(*server, scenario);
    Prober prober(*server, scenario.takes_keys);
    outcome.alone = Probe(*server, &prober, kWindowS / 2 * scale, nullptr);
    for (const Manner& manner : scenario.manners) outcome.connections += manner.connections;
    if (!scenario.is_quiet) {
      Crowd others(server->port(), {WellBehaved(std::min(outcome.connections, kMostBeside))});
      others.Begin();
      outcome.beside = Probe(*server, &prober, kWindowS / 2 * scale, nullptr);
    } else {
      outcome.beside = outcome.alone;
    }
    outcome.before_mb = outcome.peak_mb = RssMb(*server);
    {
      Crowd crowd(server->port(), scenario.manners);
      crowd.Begin();
      outcome.during = Probe(*server, &prober, kWindowS * scale, &outcome.peak_mb);
      crowd.Leave();
      outcome.sent_bytes = crowd.sent_bytes();
      outcome.received_bytes = crowd.received_bytes();
      outcome.answered = crowd.answered();
      outcome.thrown_out = crowd.thrown_out();
      outcome.returned = crowd.returned();
      if (!crowd.failure().empty()) throw Failure("a hostile client: " + crowd.failure());
    }
    Ask(*server, scenario.after);
    const int64_t until_ns =
        NowNs() + std::chrono::duration_cast<std::chrono::nanoseconds>(kGiveBackPatience).count();
    do {
      std::this_thread::sleep_for(milliseconds(100));
      outcome.after_mb = RssMb(*server);
    } while (!IsGivenBack(outcome) && NowNs() < until_ns);
    if (Client(server->port()).Ask({"PING"}).error()) throw Failure("it does not answer PING");
  } catch (const Failure& failure) {
    if (std::string_view(failure.what()) == "interrupted") throw;
    outcome.failure = fmt::format("{}: {}", failure.what(), server->Autopsy());
  }
  return outcome;
}

// What the server says to one connection more than maxclients.
std::string OneTooMany(const Server& server) {
  Crowd crowd(server.port(), {{.connections = kMaxClients}});
  for (int tries = 0; tries < 100; ++tries) {
    const int fd = Connect(server.port());
    if (fd < 0) return "cannot connect";
    char buffer[256];
    const timeval patience{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    close(fd);
    // It may not have let in all of the others yet.
    if (count > 0) {
      std::string text(buffer, static_cast<size_t>(count));
      return text.substr(0, text.find('\r'));
    }
  }
  return "nothing";
}

// --- tables --------------------------------------------------------------------------------------

std::string Verdict(const Scenario& scenario, const Outcome& outcome) {
  if (!outcome.failure.empty()) return "NO: it failed";
  std::string verdict;
  const double without_ms = std::max(outcome.alone.p99_ms, outcome.beside.p99_ms);
  if (outcome.during.p99_ms > kMostRatio * without_ms) {
    verdict = scenario.is_exempt ? "exempt" : "no: p99";
  }
  if (outcome.peak_mb - outcome.before_mb > scenario.most_mb) verdict += " no: memory";
  if (!IsGivenBack(outcome)) verdict += " no: not given back";
  return verdict.empty() ? "yes" : verdict;
}

std::string Three(const Latency& latency) {
  return fmt::format("{:.2f} / {:.2f} / {:.1f}", latency.p50_ms, latency.p99_ms, latency.max_ms);
}

// A line for whoever waits; what went wrong is added to `failures`.
void Report(const Scenario& scenario, const std::string& server, const Outcome& outcome,
            std::string* failures) {
  fmt::print(stderr,
             "  {:<62} {:<6} {} ms, {:.0f} MB; sent {:.1f} MB, got {:.1f} MB, {} answers, {} "
             "thrown out, {} came again\n",
             scenario.name, server, Three(outcome.during), outcome.peak_mb,
             static_cast<double>(outcome.sent_bytes) / kMb,
             static_cast<double>(outcome.received_bytes) / kMb, outcome.answered,
             outcome.thrown_out, outcome.returned);
  if (outcome.failure.empty()) return;
  *failures += fmt::format("\n{}, {}: {}\n", scenario.name, server, outcome.failure);
}

const ServerSpec* FindServer(const Settings& settings, const Cores& cores, bool speaks_ampt) {
  for (const ServerSpec& spec : settings.servers) {
    if (spec.protocol != Protocol::kResp) continue;
    if (Server(spec, cores.server).speaks_ampt() == speaks_ampt) return &spec;
  }
  return nullptr;
}

// Connections come from many addresses, none of which is 127.0.0.1. A server that takes whatever it
// is asked for ends at half of the machine's memory, before the system ends others for it.
ServerSpec Open(const ServerSpec& spec) {
  const auto memory_bytes =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return {spec.name,
          fmt::format("prlimit --as={} {} --protected-mode no", memory_bytes / 2, spec.command)};
}

}  // namespace

std::string RunHostile(const Settings& settings, double scale) {
  const Cores cores = ChooseCores();
  PinTo(cores.generator);
  const size_t most_connections = RaiseFileLimit();
  const ServerSpec* const subject = FindServer(settings, cores, true);
  const ServerSpec* const other = FindServer(settings, cores, false);
  if (subject == nullptr) throw Failure("--hostile: no server speaks AMPT");

  std::string text;
  if (most_connections < kMaxClients) {
    text += fmt::format("ulimit -n allows this program {} connections, not {}.\n\n",
                        most_connections, kMaxClients);
  }
  Table table({"hostile clients", "connections", "alone ms", "beside as many others",
               "beside these", "p99 of alone", "p99 of others", "MB before / peak / after", "bound",
               "met", other != nullptr ? other->name + " ms" : "-", "MB"});
  std::string failures;
  for (const Scenario& scenario : AllScenarios(most_connections)) {
    if (!settings.chooses(scenario.name)) continue;
    const auto run = [&](const ServerSpec& spec) {
      Server server(Open(spec), cores.server);
      return Measure(&server, scenario, scale);
    };
    const Outcome outcome = run(*subject);
    std::optional<Outcome> theirs;
    if (other != nullptr && !scenario.is_ours) theirs = run(*other);
    const std::string verdict = Verdict(scenario, outcome);
    table.Add({scenario.name, std::to_string(outcome.connections), Three(outcome.alone),
               scenario.is_quiet ? "–" : Three(outcome.beside), Three(outcome.during),
               fmt::format("{:.1f}", outcome.during.p99_ms / outcome.alone.p99_ms),
               fmt::format("{:.1f}", outcome.during.p99_ms / outcome.beside.p99_ms),
               fmt::format("{:.0f} / {:.0f} / {:.0f}", outcome.before_mb, outcome.peak_mb,
                           outcome.after_mb),
               fmt::format("+{:.0f}", scenario.most_mb), verdict,
               !theirs                   ? "–"
               : theirs->failure.empty() ? Three(theirs->during)
                                         : "failed",
               !theirs ? "–"
                       : fmt::format("{:.0f} / {:.0f} / {:.0f}", theirs->before_mb, theirs->peak_mb,
                                     theirs->after_mb)});
    Report(scenario, subject->name, outcome, &failures);
    if (theirs) Report(scenario, other->name, *theirs, &failures);
  }
  text += table.Text() + failures;
  if (most_connections >= kMaxClients + kOwnFiles && settings.chooses("one connection too many")) {
    const Server server(Open(*subject), cores.server);
    text += fmt::format("\nConnection {} of {}: {}\n", kMaxClients + 1, kMaxClients,
                        OneTooMany(server));
  }
  return text;
}

std::string RunHostileFuzz(const Settings& settings, double seconds, uint64_t seed) {
  const Cores cores = ChooseCores();
  PinTo(cores.generator);
  RaiseFileLimit();
  const ServerSpec* const subject = FindServer(settings, cores, true);
  if (subject == nullptr) throw Failure("--hostile-fuzz-s: no server speaks AMPT");
  fmt::print(stderr, "  fuzzing for {:.0f} s, --hostile-seed {}\n", seconds, seed);
  const ServerSpec spec = Open(*subject);
  Server server({spec.name, spec.command + " --enable-debug-command yes --max-item-size 64kb"},
                cores.server);
  const auto verify = [&] {
    const Reply reply = Client(server.port()).Ask({"DEBUG", "VERIFY"});
    if (reply.text != "OK") throw Failure("DEBUG VERIFY: " + reply.text);
  };
  constexpr double kRoundS = 10;
  Histogram latencies;
  uint64_t sent_bytes = 0;
  uint64_t received_bytes = 0;
  uint64_t connections = 0;
  double peak_mb = 0;
  uint64_t round = 0;
  try {
    for (double left = seconds; left > 0; left -= kRoundS, ++round) {
      // Noise throws its connections out at once, so damaged requests have more of them.
      Crowd crowd(server.port(),
                  {{.connections = 40,
                    .source = DamagedRequests(seed + 2 * round),
                    .hangs_up = true,
                    .returns = true},
                   {.connections = 5,
                    .source = DamagedRequests(seed + 2 * round + 1),
                    .reads = false,
                    .returns = true},
                   {.connections = 5, .source = Noise(seed + round), .returns = true}});
      Prober prober(server, /*keys_may_go=*/true);
      crowd.Begin();
      prober.Begin(std::min(left, kRoundS));
      while (!prober.is_done()) {
        peak_mb = std::max(peak_mb, RssMb(server));
        std::this_thread::sleep_for(kMemoryPoll);
      }
      latencies.Merge(prober.End());
      crowd.Leave();
      sent_bytes += crowd.sent_bytes();
      received_bytes += crowd.received_bytes();
      connections += crowd.connections() + crowd.returned();
      verify();
    }
  } catch (const Failure& failure) {
    throw Failure(fmt::format("--hostile-seed {}, in second {:.0f}: {}\n{}", seed,
                              static_cast<double>(round) * kRoundS, failure.what(),
                              server.Autopsy()));
  }
  return fmt::format(
      "fuzzed for {:.0f} s (seed {}): {:.0f} MB over {} connections, {:.0f} MB of replies; others "
      "waited {} ms; at most {:.0f} MB; up, DEBUG VERIFY OK\n",
      seconds, seed, static_cast<double>(sent_bytes) / kMb, connections,
      static_cast<double>(received_bytes) / kMb, Three(LatencyOf(latencies)), peak_mb);
}

}  // namespace ampt::bench
