// The load generator: one thread, epoll, requests written out before the clock starts. It spends a
// recv and a send per batch and little else, so that the server is what saturates.
//
// Closed loop: every connection sends a batch of P requests, waits for its P replies, sends the
// next. Open loop: batches are due at fixed times whatever the server does, and a latency counts
// from when its request was due. A server that stalls is charged for every request it kept waiting,
// also for those that could not even be sent (no coordinated omission).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/histogram.h"
#include "tools/bench/resp.h"

namespace ampt::bench {

// Requests in wire form, cut into batches of `depth`; the last may be shorter.
class Batches {
 public:
  explicit Batches(size_t depth) : depth_(depth) {}

  // A RESP command.
  void Add(std::initializer_list<std::string_view> words) { Add(words.begin(), words.size()); }
  void Add(const std::string_view* words, size_t count);
  // Begins a request of any protocol: append its bytes to what this returns.
  std::string* Begin();

  size_t size() const { return begins_.size(); }
  size_t requests() const { return requests_; }
  size_t depth() const { return depth_; }
  std::string_view bytes_of(size_t batch) const;
  size_t requests_in(size_t batch) const;

 private:
  size_t depth_;
  size_t requests_ = 0;
  std::string bytes_;
  std::vector<size_t> begins_;
};

// Of the request with the longest latency: that, and the part of it that no server makes longer,
// from when it was due until it was sent, and from when the reply had come until it was read. That
// is the least it can be: of replies that are read together the last one's arrival is known. And
// when it was due, for who looks into a recording of that time.
struct LongestWait {
  int64_t wait_ns = 0;
  int64_t generator_ns = 0;
  int64_t due_ns = 0;  // on NowNs()' clock

  double wait_ms() const { return static_cast<double>(wait_ns) / 1e6; }
  double generator_ms() const { return static_cast<double>(generator_ns) / 1e6; }
  void Take(const LongestWait& other) {
    if (other.wait_ns > wait_ns) *this = other;
  }
};

// The one in the middle of several rounds; of two, the longer. REQUIRES: any.
inline LongestWait MedianOf(std::vector<LongestWait> waits) {
  const auto middle = waits.begin() + static_cast<ptrdiff_t>(waits.size() / 2);
  std::nth_element(
      waits.begin(), middle, waits.end(),
      [](const LongestWait& a, const LongestWait& b) { return a.wait_ns < b.wait_ns; });
  return *middle;
}

struct LoadResult {
  uint64_t requests = 0;
  uint64_t reply_bytes = 0;
  int64_t elapsed_ns = 0;
  int64_t generator_cpu_ns = 0;
  LongestWait longest;  // of the open loop
};

// A set of connections to one server, reused from run to run.
class Load {
 public:
  // Throws Failure if a connection is refused.
  Load(uint16_t port, size_t clients, Protocol protocol = Protocol::kResp);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Sends all of `batches` and waits for every reply. Throws Failure on an error reply, a lost
  // connection, 30 s without progress, SIGINT or SIGTERM.
  LoadResult RunClosed(const Batches& batches);

  // The same at `rate` requests per second; adds each latency to `latencies`.
  LoadResult RunOpen(const Batches& batches, double rate, Histogram* latencies);

 private:
  struct Connection;

  LoadResult Run(const Batches& batches, double rate, Histogram* latencies);
  void StampArrivals(int on);
  void Submit(Connection* connection, const Batches& batches, size_t batch, int64_t due_ns,
              int64_t now_ns);
  void Send(Connection* connection);
  size_t Receive(Connection* connection, Histogram* latencies, LoadResult* result);

  int epoll_fd_;
  int signal_fd_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<char> buffer_;
};

// Nanoseconds of the monotonic clock.
int64_t NowNs();

// Makes SIGINT and SIGTERM end the next or running Load with a Failure, so that servers are stopped
// and directories removed on the way out. Call once, before anything else.
void CatchInterrupts();

}  // namespace ampt::bench
