#include "tools/bench/events.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tools/bench/histogram.h"
#include "tools/bench/load.h"
#include "tools/bench/report.h"
#include "tools/bench/rows.h"
#include "tools/bench/servers.h"

namespace ampt::bench {
namespace {

constexpr uint64_t kWrittenKeys = 100'000;
constexpr size_t kDepth = 16;
constexpr double kProbeRate = 10'000;
// The first of the short deadlines, from when the first of its items is written.
constexpr int64_t kAheadMs = 3000;
constexpr std::string_view kDeadlineKey = "\"key\":\"soon:";

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int64_t WallMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A connection of one that listens. End() may be called by another thread.
class Listener {
 public:
  explicit Listener(uint16_t port) : fd_(Connect(port)) {
    if (fd_ < 0) throw Failure("an event listener cannot connect");
  }
  ~Listener() { close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void Send(const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      const ssize_t count = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return;  // Read() will tell
      sent += static_cast<size_t>(count);
    }
  }
  // The strings of the next reply. False: the connection has ended.
  bool Read(std::vector<std::string>* strings) {
    strings->clear();
    at_ = 0;
    while (!Take(strings)) {
      strings->clear();
      at_ = 0;
      char buffer[64 << 10];
      const ssize_t count = recv(fd_, buffer, sizeof buffer, 0);
      if (count <= 0) return false;
      received_.append(buffer, static_cast<size_t>(count));
    }
    received_.erase(0, at_);
    return true;
  }
  void End() const { shutdown(fd_, SHUT_RDWR); }

 private:
  // False: there is more to come.
  bool Take(std::vector<std::string>* strings) {
    const size_t end = received_.find("\r\n", at_);
    if (end == std::string::npos) return false;
    const char type = received_[at_];
    const std::string line = received_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 2;
    if (type == '-') throw Failure("an event listener was told: " + line);
    if (type == '$' && line != "-1") {
      const size_t size = std::stoull(line);
      if (received_.size() < at_ + size + 2) return false;
      strings->push_back(received_.substr(at_, size));
      at_ += size + 2;
    } else if (type == '*' && line != "-1") {
      for (size_t left = std::stoull(line); left > 0; --left) {
        if (!Take(strings)) return false;
      }
    }
    return true;
  }

  const int fd_;
  std::string received_;
  size_t at_ = 0;
};

// Threads with a connection each; what they throw is thrown by Join().
class Listeners {
 public:
  explicit Listeners(uint16_t port) : port_(port) {}
  ~Listeners() {
    try {
      Join();
    } catch (const Failure&) {  // another one is under way
    }
  }

  // Calls `hear` with the strings of every message on those channels.
  template <typename Hear>
  void Subscribe(std::string_view channel, Hear hear) {
    Listener& listener = Add();
    std::string request;
    AppendCommand(&request, {"SUBSCRIBE", channel});
    listener.Send(request);
    std::vector<std::string> strings;
    if (!listener.Read(&strings)) throw Failure("a subscriber cannot subscribe");
    Run([&listener, hear] {
      std::vector<std::string> message;
      while (listener.Read(&message)) hear(message);
    });
  }
  // A worker of that consumer that calls `hear` with the events and acknowledges them.
  template <typename Hear>
  void Work(const std::string& consumer, Hear hear) {
    Listener& listener = Add();
    Run([&listener, consumer, hear] {
      std::string request;
      AppendCommand(&request, {"AMPT.EVENTS", "READ", consumer, "COUNT", "1000", "BLOCK", "0"});
      listener.Send(request);
      std::vector<std::string> events;
      while (listener.Read(&events)) {
        hear(events);
        std::vector<std::string_view> words = {"AMPT.EVENTS", "ACK", consumer};
        for (const std::string_view event : events) {
          constexpr std::string_view kBegin = R"({"id":")";
          words.push_back(
              event.substr(kBegin.size(), event.find('"', kBegin.size()) - kBegin.size()));
        }
        request.clear();
        AppendCommand(&request, words.data(), words.size());
        AppendCommand(&request, {"AMPT.EVENTS", "READ", consumer, "COUNT", "1000", "BLOCK", "0"});
        listener.Send(request);
        if (!listener.Read(&events)) return;  // how many were acknowledged
      }
    });
  }
  void Join() {
    for (const auto& listener : listeners_) listener->End();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    listeners_.clear();
    if (!failure_.empty()) throw Failure(std::exchange(failure_, {}));
  }

 private:
  Listener& Add() { return *listeners_.emplace_back(std::make_unique<Listener>(port_)); }
  template <typename Body>
  void Run(Body body) {
    threads_.emplace_back([this, body] {
      try {
        body();
      } catch (const Failure& failure) {
        failure_ = failure.what();
      }
    });
  }

  const uint16_t port_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::thread> threads_;
  std::string failure_;
};

void Ask(uint16_t port, std::initializer_list<std::string_view> words) {
  const Reply reply = Client(port).Ask(words);
  if (reply.error()) throw Failure("ampt: " + reply.text);
}

// Waits until a count that others raise has come so far; 30 s without progress are too long.
void AwaitCount(const std::atomic<uint64_t>& count, uint64_t wanted) {
  uint64_t before = count;
  int64_t moved_ns = NowNs();
  while (before < wanted) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const uint64_t now = count;
    if (now != before) moved_ns = NowNs();
    if (NowNs() - moved_ns > 30'000'000'000) {
      throw Failure(fmt::format("{} of {} events came", now, wanted));
    }
    before = now;
  }
}

// --- writes --------------------------------------------------------------------------------------

struct Audience {
  std::string_view name;
  int consumers;
  int subscribers;
};
constexpr Audience kAudiences[] = {
    {"nobody", 0, 0}, {"1 consumer", 1, 0}, {"10 consumers", 10, 0}, {"1 live subscriber", 0, 1}};

// Simple keys, so that every item is a namespace of its own and events are read many at a time.
Batches MakeWrites(uint64_t requests, bool in_order, uint64_t seed) {
  Batches batches(kDepth);
  Random random(seed);
  for (uint64_t i = 0; i < requests; ++i) {
    const std::string key = fmt::format("key{:012d}", in_order ? i : random.Below(kWrittenKeys));
    batches.Add({"AMPT.SET", key, fmt::format("{}", random.Next() >> 12), "QUIET"});
  }
  return batches;
}

struct WriteSample {
  double requests_per_s;
  double cpu_us;
};

WriteSample MeasureWrites(const Server& server, const Audience& audience, size_t clients,
                          uint64_t requests, uint64_t seed) {
  std::atomic<uint64_t> heard = 0;
  Load load(server.port(), clients);
  const Batches batches = MakeWrites(requests, false, seed);
  Listeners listeners(server.port());
  const auto count = [&heard](const std::vector<std::string>& strings) { heard += strings.size(); };
  for (int n = 0; n < audience.consumers; ++n) {
    const std::string name = fmt::format("consumer{}", n);
    Ask(server.port(), {"AMPT.EVENTS", "CREATE", name, "FILTERS", "1", "*:key*"});
    listeners.Work(name, count);
  }
  for (int n = 0; n < audience.subscribers; ++n) {
    listeners.Subscribe("ampt:*:key*", [&heard](const auto&) { ++heard; });
  }
  const int64_t cpu_begin_ns = server.CpuNs();
  const LoadResult result = load.RunClosed(batches);
  AwaitCount(heard, requests * static_cast<uint64_t>(audience.consumers + audience.subscribers));
  const auto cpu_ns = static_cast<double>(server.CpuNs() - cpu_begin_ns);
  listeners.Join();
  for (int n = 0; n < audience.consumers; ++n) {
    Ask(server.port(), {"AMPT.EVENTS", "DROP", fmt::format("consumer{}", n)});
  }
  const auto sent = static_cast<double>(result.requests);
  return {sent / static_cast<double>(result.elapsed_ns) * 1e9, cpu_ns / sent / 1e3};
}

std::string RunWrites(const Settings& settings, const ServerSpec& spec, const Cores& cores,
                      double scale) {
  Table table({"AMPT.SET P=16, heard by", "req/s", "CPU us", "CPU of nobody's"});
  const Server server(spec, cores.server);
  Load(server.port(), 1).RunClosed(MakeWrites(kWrittenKeys, true, 1));
  const auto requests = static_cast<uint64_t>(300'000 * scale);
  std::vector<double> rates[std::size(kAudiences)];
  std::vector<double> costs[std::size(kAudiences)];
  for (size_t round = 0; round < settings.rounds; ++round) {
    for (size_t n = 0; n < std::size(kAudiences); ++n) {
      const WriteSample sample =
          MeasureWrites(server, kAudiences[n], settings.clients, requests, 100 + round);
      rates[n].push_back(sample.requests_per_s);
      costs[n].push_back(sample.cpu_us);
      fmt::print(stderr, "  AMPT.SET P={} {:<18} {:>10.0f} req/s {:>8.3f} us\n", kDepth,
                 kAudiences[n].name, sample.requests_per_s, sample.cpu_us);
    }
  }
  const double alone = Median(costs[0]);
  for (size_t n = 0; n < std::size(kAudiences); ++n) {
    table.Add({std::string(kAudiences[n].name), fmt::format("{:.0f}", Median(rates[n])),
               fmt::format("{:.2f}", Median(costs[n])),
               fmt::format("{:.2f}", Median(costs[n]) / alone)});
  }
  return table.Text();
}

// --- deadlines -----------------------------------------------------------------------------------

// Counts how late the events among those strings are.
class Lateness {
 public:
  void Hear(const std::vector<std::string>& strings) {
    const int64_t now_us = WallMicros();
    for (const std::string& string : strings) {
      const size_t at = string.find(kDeadlineKey);
      if (at == std::string::npos) continue;
      const int64_t due_ms = std::stoll(string.substr(at + kDeadlineKey.size()));
      histogram_.Add(static_cast<uint64_t>(std::max<int64_t>(0, now_us - due_ms * 1000)) * 1000);
      ++count_;
    }
  }
  const std::atomic<uint64_t>& count() const { return count_; }
  // REQUIRES: nobody hears any more.
  const Histogram& histogram() const { return histogram_; }

 private:
  Histogram histogram_;
  std::atomic<uint64_t> count_ = 0;
};

std::string RunDeadlines(const Settings& settings, const ServerSpec& spec, const Cores& cores,
                         uint64_t keys, double scale) {
  Table table({fmt::format("`deleted` beside {} other deadlines", keys), "events", "p50 ms",
               "p99 ms", "most ms", "target", "met"});
  const Server server(spec, cores.server);
  {
    Batches batches(64);
    Random random(1);
    for (uint64_t i = 0; i < keys; ++i) {
      batches.Add({"SET", fmt::format("key:{:012d}", i), "value", "EX",
                   std::to_string(3'600 + random.Below(360'000))});
    }
    Load(server.port(), settings.clients).RunClosed(batches);
  }
  const auto soon = static_cast<uint64_t>(5'000 * scale);
  for (const bool is_busy : {false, true}) {
    Lateness live;
    Lateness durable;
    Listeners listeners(server.port());
    Ask(server.port(), {"AMPT.EVENTS", "CREATE", "bench", "FILTERS", "1", "deleted:*:*"});
    listeners.Subscribe("ampt:deleted:*:*", [&](const auto& strings) { live.Hear(strings); });
    listeners.Work("bench", [&](const auto& strings) { durable.Hear(strings); });
    // One a millisecond, each in a namespace of its own: no event waits for another.
    Batches batches(16);
    const int64_t first_ms = WallMicros() / 1000 + kAheadMs;
    for (uint64_t i = 0; i < soon; ++i) {
      const std::string due_ms = std::to_string(first_ms + static_cast<int64_t>(i));
      batches.Add({"SET", fmt::format("soon:{}", due_ms), "value", "PXAT", due_ms});
    }
    Load load(server.port(), settings.clients);
    load.RunClosed(batches);
    if (is_busy) {
      Batches others(1);
      Random random(2);
      const auto requests = static_cast<uint64_t>(
          kProbeRate * static_cast<double>(static_cast<uint64_t>(kAheadMs) + soon) / 1000);
      for (uint64_t i = 0; i < requests; ++i) {
        others.Add({"SET", fmt::format("key:{:012d}", random.Below(keys)), "other", "KEEPTTL"});
      }
      Histogram ignored;
      load.RunOpen(others, kProbeRate, &ignored);
    }
    AwaitCount(live.count(), soon);
    AwaitCount(durable.count(), soon);
    listeners.Join();
    Ask(server.port(), {"AMPT.EVENTS", "DROP", "bench"});
    for (const auto& [name, lateness] :
         {std::pair{"subscriber", &live}, std::pair{"consumer", &durable}}) {
      const Histogram& histogram = lateness->histogram();
      const double p99_ms = static_cast<double>(histogram.PercentileNs(0.99)) / 1e6;
      table.Add({fmt::format("{}, {}", name,
                             is_busy ? fmt::format("{:.0f} SET/s", kProbeRate) : "else idle"),
                 std::to_string(histogram.count()),
                 fmt::format("{:.2f}", static_cast<double>(histogram.PercentileNs(0.5)) / 1e6),
                 fmt::format("{:.2f}", p99_ms),
                 fmt::format("{:.2f}", static_cast<double>(histogram.max_ns()) / 1e6), "p99 <= 10",
                 p99_ms <= 10 ? "yes" : "no"});
      fmt::print(stderr, "  deadlines {:<10} p99 {:.2f} ms\n", name, p99_ms);
    }
  }
  return table.Text();
}

}  // namespace

std::string RunEvents(const Settings& settings, uint64_t keys, double scale) {
  const Cores cores = ChooseCores();
  PinTo(cores.generator);
  const ServerSpec* subject = nullptr;
  for (const ServerSpec& spec : settings.servers) {
    if (subject == nullptr && Server(spec, cores.server).speaks_ampt()) subject = &spec;
  }
  if (subject == nullptr) throw Failure("--events: no server speaks AMPT");
  // Workers may fall behind as far as they do.
  const ServerSpec spec{subject->name, subject->command + " --events-max-memory 0"};
  std::string text = RunWrites(settings, spec, cores, scale) + "\n";
  text += RunDeadlines(settings, spec, cores, keys, scale);
  return text;
}

}  // namespace ampt::bench
