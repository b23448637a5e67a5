// A crowd: thousands of connections that do what well-behaved clients do not, from one thread.
//
// Each connection has a source of bytes and a manner: as fast as the socket takes them or so many
// at a time, reading what comes back or never, waiting for replies or not, coming again when it was
// thrown out. Nothing here fails because the server ends a connection: that is counted.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace ampt::bench {

// Appends the bytes that a connection sends next; false: it has nothing more to send. `connection`
// counts within its Manner, `block` how often that connection has asked. Called by one thread.
using Source = std::function<bool(size_t connection, uint64_t block, std::string* out)>;

// The same bytes again and again, or so many times.
Source Repeat(std::string bytes);
Source Times(uint64_t times, std::string bytes);
// Nothing at all.
Source Nothing();

struct Manner {
  size_t connections = 1;
  Source source = Nothing();
  // Between two blocks of one connection, the connections spread over it; 0: at once.
  int64_t every_ms = 0;
  // Otherwise the server's bytes stay in the socket.
  bool reads = true;
  // Sends the next block when the latest one's replies, so many, are there.
  size_t awaits = 0;
  // Closes when its source is at an end, and comes again.
  bool hangs_up = false;
  // Comes again when the server has closed the connection.
  bool returns = false;
};

class Crowd {
 public:
  // Connects all, from 127.0.0.2 and the following addresses; throws Failure if it cannot.
  // Nothing is sent before Begin().
  Crowd(uint16_t port, std::vector<Manner> manners);
  // Closes all.
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void Begin();
  // Closes all and waits until that is done; the figures stay.
  void Leave();
  // "", or the reply that must not come to those who wait for one. REQUIRES: Leave() was called.
  const std::string& failure() const { return failure_; }

  size_t connections() const { return members_.size(); }
  uint64_t sent_bytes() const { return sent_bytes_; }
  uint64_t received_bytes() const { return received_bytes_; }
  // Blocks that were answered, of those that wait for it.
  uint64_t answered() const { return answered_; }
  // Connections that were closed by the server, and those that came again.
  uint64_t thrown_out() const { return thrown_out_; }
  uint64_t returned() const { return returned_; }
  // How often the server would not let one in.
  uint64_t refused() const { return refused_; }

 private:
  struct Member;

  void Run();
  bool Open(Member* member);
  void End(Member* member);
  void SendSome(Member* member);
  void SendBlock(Member* member);
  void ReceiveSome(Member* member);
  void ThrownOut(Member* member);
  void Watch(Member* member);

  const uint16_t port_;
  const std::vector<Manner> manners_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<char> buffer_;
  int epoll_fd_;
  uint64_t opened_ = 0;
  std::atomic<bool> is_leaving_ = false;
  std::atomic<uint64_t> sent_bytes_ = 0;
  std::atomic<uint64_t> received_bytes_ = 0;
  std::atomic<uint64_t> answered_ = 0;
  std::atomic<uint64_t> thrown_out_ = 0;
  std::atomic<uint64_t> returned_ = 0;
  std::atomic<uint64_t> refused_ = 0;
  std::string failure_;
  std::thread thread_;
};

}  // namespace ampt::bench
