#include "tools/bench/tails.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tools/bench/contender.h"
#include "tools/bench/load.h"
#include "tools/bench/report.h"
#include "tools/bench/resp.h"

namespace ampt::bench {
namespace {

using std::chrono::system_clock;

// Far from what any server can do, so that a latency is a stall and not a queue.
constexpr double kProbeRate = 10'000;
constexpr uint64_t kProbesAtOnce = 1'000;
constexpr int kQuietTimes = 10;
constexpr double kMaxWriteRate = 120'000;
constexpr uint64_t kTrialShare = 50;  // one in so many
constexpr size_t kWriteDepth = 16;
constexpr size_t kBigBytes = 8 << 20;
constexpr int kBigValues = 30;
constexpr uint64_t kKeysPerUnlink = 1000;
// Longer than a million deadlines take, at 500,000 a second.
constexpr int kStormTimes = 30;
constexpr size_t kMaxRounds = 2;
constexpr int64_t kLongPauseNs = 2'000'000;
constexpr double kPausesS = 30;
constexpr size_t kSmallPageBytes = 4096;
constexpr size_t kHugePageBytes = 2 << 20;
// A gigabyte: less than what the largest data set of these takes.
constexpr double kTouchedPages = 512;
// Data sets so many times as large as others take a minute: one round.
constexpr uint64_t kSeenOnce = 5;

// What others felt before and during one thing; and how long that took.
struct Felt {
  Histogram quiet;
  Histogram during;
  double seconds = 0;
  LongestWait longest;  // during it
};

// Runs something on a thread of its own; it is to wait more than to work. What it throws is thrown
// by Join().
class Background {
 public:
  explicit Background(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          try {
            work();
          } catch (...) {
            error_ = std::current_exception();
          }
          done_ = true;
        }) {}
  ~Background() {
    if (thread_.joinable()) thread_.join();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  bool done() const { return done_; }
  void Join() {
    thread_.join();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::atomic<bool> done_ = false;
  std::exception_ptr error_;
  std::thread thread_;  // the last member: it uses the others
};

std::string AskAs(Client* client, std::initializer_list<std::string_view> words) {
  const Reply reply = client->Ask(words);
  if (reply.error()) throw Failure(fmt::format("{}: {}", *words.begin(), reply.text));
  return reply.text;
}

// PINGs at a fixed rate, as long as `more`, asked between two parts, says so. Returns the
// longest wait.
LongestWait ProbeWhile(Contender* contender, Histogram* waits, const std::function<bool()>& more) {
  LongestWait longest;
  do {
    const Sample sample = contender->Do({.op = Op::kPing,
                                         .keys = 1,
                                         .requests = kProbesAtOnce,
                                         .depth = 1,
                                         .rate = kProbeRate,
                                         .latencies = waits});
    longest.Take(sample.longest);
  } while (more());
  return longest;
}

std::function<bool()> Times(int count) {
  return [count]() mutable { return --count > 0; };
}

Felt ProbeBeside(Contender* contender, std::function<void()> work) {
  Felt felt;
  ProbeWhile(contender, &felt.quiet, Times(kQuietTimes));
  const int64_t begin_ns = NowNs();
  Background background(std::move(work));
  felt.longest = ProbeWhile(contender, &felt.during, [&] { return !background.done(); });
  background.Join();
  felt.seconds = static_cast<double>(NowNs() - begin_ns) / 1e9;
  return felt;
}

// Writes new keys at a fixed rate, half of what the server manages with the first of them; who
// waits is who writes.
void WriteNew(Contender* contender, const std::vector<uint32_t>& order, uint64_t first,
              uint64_t count, Felt* felt) {
  const uint64_t unmeasured = count / kTrialShare;
  Work work{.op = Op::kSet, .keys = order.size(), .requests = unmeasured, .depth = kWriteDepth};
  const double managed = contender->DoInOrder(work, order, first).requests_per_s;
  work.requests = count - unmeasured;
  work.rate = std::min(kMaxWriteRate, managed / 2);
  work.latencies = &felt->during;
  const int64_t begin_ns = NowNs();
  felt->longest = contender->DoInOrder(work, order, first + unmeasured).longest;
  felt->seconds = static_cast<double>(NowNs() - begin_ns) / 1e9;
}

// --- what happens --------------------------------------------------------------------------------

Felt Grow(Contender* contender, uint64_t keys) {
  Felt felt;
  ProbeWhile(contender, &felt.quiet, Times(kQuietTimes));
  WriteNew(contender, Shuffled(keys), 0, keys, &felt);
  return felt;
}

Felt FlushAll(Contender* contender, uint64_t keys) {
  contender->Fill(Op::kSet, keys);
  Client client(contender->server().port());
  return ProbeBeside(contender, [&] { AskAs(&client, {"FLUSHALL"}); });
}

// Removes the first half. Without a command for that, as a careful user does: a thousand at a time.
Felt RemoveRange(Contender* contender, uint64_t keys) {
  contender->Fill(Op::kSet, keys);
  Client client(contender->server().port());
  const auto by_range = [&] {
    AskAs(&client, {"AMPT.REMOVERANGE", fmt::format("key:<{:012}", keys / 2)});
  };
  const auto by_key = [&] {
    for (uint64_t key = 0; key < keys / 2;) {
      std::vector<std::string> texts;
      for (const uint64_t end = std::min(keys / 2, key + kKeysPerUnlink); key < end; key++) {
        texts.push_back(fmt::format("key:{:012}", key));
      }
      std::vector<std::string_view> words{"UNLINK"};
      words.insert(words.end(), texts.begin(), texts.end());
      if (client.Ask(words.data(), words.size()).error()) throw Failure("UNLINK was refused");
    }
  };
  if (contender->server().speaks_ampt()) return ProbeBeside(contender, by_range);
  return ProbeBeside(contender, by_key);
}

// All items are due in one millisecond.
Felt ExpireAll(Contender* contender, uint64_t keys) {
  const auto due =
      system_clock::now() + std::chrono::seconds(3) + std::chrono::microseconds(keys * 4);
  const std::string due_ms = std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(due.time_since_epoch()).count());
  for (uint64_t key = 0; key < keys;) {
    Batches batches(kLoadDepth);
    for (const uint64_t end = std::min(keys, key + 100'000); key < end; key++) {
      batches.Add(
          {"SET", fmt::format("key:{:012}", key), std::string(kValueBytes, 'x'), "PXAT", due_ms});
    }
    contender->load().RunClosed(batches);
  }
  Felt felt;
  ProbeWhile(contender, &felt.quiet,
             [&] { return system_clock::now() < due - std::chrono::milliseconds(300); });
  Client client(contender->server().port());
  felt.longest = ProbeWhile(contender, &felt.during, [&, more = Times(kStormTimes)]() mutable {
    const bool all_gone = AskAs(&client, {"DBSIZE"}) == "0";
    if (all_gone && felt.seconds == 0) {
      felt.seconds = std::chrono::duration<double>(system_clock::now() - due).count();
    }
    return more() || !all_gone;
  });
  return felt;
}

Felt PassBigValues(Contender* contender, uint64_t /*keys*/) {
  Client client(contender->server().port());
  const std::string value(kBigBytes, 'x');
  return ProbeBeside(contender, [&] {
    for (int i = 0; i < kBigValues; i++) {
      AskAs(&client, {"SET", "big", value});
      AskAs(&client, {"GET", "big"});
    }
  });
}

// As many new items as there are, while memory is full: each makes an old one go.
Felt Evict(Contender* contender, uint64_t keys) {
  const auto order = Shuffled(2 * keys);
  contender->DoInOrder({Op::kSet, 2 * keys, keys}, order, 0);
  Client client(contender->server().port());
  const std::string info = AskAs(&client, {"INFO", "memory"});
  constexpr std::string_view kUsed = "used_memory:";
  const size_t at = info.find(kUsed);
  if (at == std::string::npos) throw Failure("INFO memory does not tell used_memory");
  const uint64_t used_bytes = std::stoull(info.substr(at + kUsed.size()));
  AskAs(&client, {"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  AskAs(&client, {"CONFIG", "SET", "maxmemory", std::to_string(used_bytes)});
  Felt felt;
  ProbeWhile(contender, &felt.quiet, Times(kQuietTimes));
  WriteNew(contender, order, keys, keys, &felt);
  return felt;
}

struct Tail {
  std::string_view name;
  uint64_t times;    // the size of the data set
  double target_ms;  // 0: none
  Felt (*run)(Contender* contender, uint64_t keys);
};
constexpr Tail kTails[] = {
    {"growing to {} items", 10, 3, Grow},
    {"FLUSHALL of {} items", 5, 2, FlushAll},
    {"removing half of {} items", 2, 0, RemoveRange},
    {"{} deadlines in one millisecond", 1, 0, ExpireAll},
    {"SET and GET of 8 MB, {} items", 1, 0, PassBigValues},
    {"eviction at {} items", 1, 0, Evict},
};

std::string Milliseconds(double ms) {
  return fmt::format("{:.{}f}", ms, ms < 10 ? 2 : ms < 100 ? 1 : 0);
}

double MaxMs(const Histogram& waits) {
  return static_cast<double>(waits.max_ns()) / 1e6;
}

// What the machine itself keeps a busy thread waiting for: no server can wait less.
struct Pauses {
  int64_t longest_ns = 0;
  size_t long_ones = 0;
};

Pauses WatchClock(int core, double seconds) {
  PinTo(core);
  Pauses pauses;
  const int64_t until_ns = NowNs() + static_cast<int64_t>(seconds * 1e9);
  for (int64_t last_ns = NowNs(); last_ns < until_ns;) {
    const int64_t now_ns = NowNs();
    pauses.longest_ns = std::max(pauses.longest_ns, now_ns - last_ns);
    pauses.long_ones += now_ns - last_ns > kLongPauseNs;
    last_ns = now_ns;
  }
  return pauses;
}

std::string TellPauses(const Cores& cores, double seconds) {
  Pauses pauses;
  std::thread generator([&] { WatchClock(cores.generator, seconds); });
  std::thread server([&] { pauses = WatchClock(cores.server, seconds); });
  generator.join();
  server.join();
  return fmt::format(
      "The machine itself: with both cores busy, a thread that only looked at the clock was kept "
      "from the server's core for {} ms at the longest, and {} times for more than {} ms, in "
      "{:.0f} s.\n",
      Milliseconds(static_cast<double>(pauses.longest_ns) / 1e6), pauses.long_ones,
      kLongPauseNs / 1'000'000, seconds);
}

// How long it takes to touch each of so many huge pages for the first time: what growing costs
// before a server does anything. On a virtual machine its host has to find the memory.
Pauses TouchMemory(size_t pages) {
  const size_t bytes = (pages + 1) * kHugePageBytes;
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw Failure("there is no memory to be touched");
  const uintptr_t begin = reinterpret_cast<uintptr_t>(mapped) + kHugePageBytes - 1;
  char* const first = reinterpret_cast<char*>(begin & ~(kHugePageBytes - 1));
  madvise(first, pages * kHugePageBytes, MADV_HUGEPAGE);
  Pauses pauses;
  for (size_t page = 0; page < pages; ++page) {
    const int64_t began_ns = NowNs();
    for (size_t at = 0; at < kHugePageBytes; at += kSmallPageBytes) {
      static_cast<volatile char*>(first + page * kHugePageBytes)[at] = 1;
    }
    const int64_t took_ns = NowNs() - began_ns;
    pauses.longest_ns = std::max(pauses.longest_ns, took_ns);
    pauses.long_ones += took_ns > kLongPauseNs;
  }
  munmap(mapped, bytes);
  return pauses;
}

std::string TellMemory(const Cores& cores, size_t pages) {
  PinTo(cores.server);
  const Pauses pauses = TouchMemory(pages);
  PinTo(cores.generator);
  return fmt::format(
      "New memory: of {} pages of 2 MB the first touch took {} ms at the longest, and more than {} "
      "ms {} times.\n",
      pages, Milliseconds(static_cast<double>(pauses.longest_ns) / 1e6), kLongPauseNs / 1'000'000,
      pauses.long_ones);
}

}  // namespace

std::string RunTails(const Settings& settings, uint64_t keys, double scale) {
  const Cores cores = ChooseCores();
  PinTo(cores.generator);
  Table table({"meanwhile", "server", "took s", "longest wait before, ms", "longest wait, ms",
               "of that the generator's", "p99.9, ms", "target", "met"});
  for (const Tail& tail : kTails) {
    const uint64_t items = tail.times * keys;
    const std::string name = fmt::format(fmt::runtime(tail.name), ShortNumber(double(items)));
    if (!settings.chooses(name)) continue;
    const size_t rounds =
        scale < 1 || tail.times >= kSeenOnce ? 1 : std::min(settings.rounds, kMaxRounds);
    const size_t servers = settings.servers.size();
    std::vector<std::vector<LongestWait>> waits(servers);
    std::vector<std::vector<double>> before(servers), longest(servers), usual(servers),
        took(servers);
    for (size_t round = 0; round < rounds; round++) {
      for (size_t i = 0; i < servers; i++) {
        Contender contender(settings.servers[i], cores, settings.clients);
        const Felt felt = tail.run(&contender, items);
        before[i].push_back(MaxMs(felt.quiet));
        longest[i].push_back(MaxMs(felt.during));
        waits[i].push_back(felt.longest);
        usual[i].push_back(static_cast<double>(felt.during.PercentileNs(0.999)) / 1e6);
        took[i].push_back(felt.seconds);
        fmt::print(stderr,
                   "  {:<34} {:<9} longest wait {} ms, due at {:.6f} s of CLOCK_MONOTONIC, the "
                   "generator's {} ms, before {} ms\n",
                   name, settings.servers[i].name, Milliseconds(MaxMs(felt.during)),
                   static_cast<double>(felt.longest.due_ns) / 1e9,
                   Milliseconds(felt.longest.generator_ms()), Milliseconds(MaxMs(felt.quiet)));
      }
    }
    for (size_t i = 0; i < servers; i++) {
      const Spread wait = SpreadOf(longest[i]);
      const bool has_target = i == 1 && tail.target_ms > 0;
      table.Add({name, settings.servers[i].name, fmt::format("{:.2f}", SpreadOf(took[i]).median),
                 Milliseconds(SpreadOf(before[i]).median),
                 fmt::format("{} ({}–{})", Milliseconds(wait.median), Milliseconds(wait.low),
                             Milliseconds(wait.high)),
                 Milliseconds(MedianOf(waits[i]).generator_ms()),
                 Milliseconds(SpreadOf(usual[i]).median),
                 has_target ? fmt::format("<= {}", tail.target_ms) : "–",
                 !has_target                     ? "–"
                 : wait.median <= tail.target_ms ? "yes"
                                                 : "no"});
    }
  }
  return "### Bystanders\n\n" + table.Text() + "\n" + TellPauses(cores, kPausesS * scale) +
         TellMemory(cores, static_cast<size_t>(kTouchedPages * scale)) + "\n";
}

}  // namespace ampt::bench
