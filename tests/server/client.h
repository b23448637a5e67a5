// A client of the server under test, over a socket.
//
// All waiting is for a condition, bounded by one deadline (kDeadline) that only a broken server
// reaches. Nothing here throws; what goes wrong is a failure of the running test.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tests/server/replies.h"

namespace ampt::test {

// How long a test waits for anything before it calls the server hung. Long enough for a sanitizer
// build on a busy machine.
inline constexpr std::chrono::seconds kDeadline{30};

// Calls `condition` until it is true. False if the deadline passed before.
bool WaitFor(const std::function<bool()>& condition);

// A connection that speaks RESP2 and RESP3. Sending reads what arrives meanwhile, so that a
// pipeline of any size does not block on both sides. Movable; closed with the object.
class Client {
 public:
  // Failing to connect is a failure of the test, and the client is closed from the beginning.
  static Client Tcp(uint16_t port);
  static Client Unix(const std::string& path);
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  // Sends one request and reads one reply (pushed messages are skipped). An error reply of its own,
  // "-connection closed", where there is none.
  Value Run(const Words& words);
  // The same from and to redis-cli's form.
  std::string Ask(std::string_view line);

  // False if the server has closed the connection.
  bool Send(std::string_view bytes);
  // The next reply. nullopt: the server closed the connection, or sent what is no RESP (the test
  // fails then).
  std::optional<Value> Read();
  // True if a reply has arrived that Read would return without waiting.
  bool HasReply();
  // Waits until the server closes, dropping what it still sends. False: it did not.
  bool WaitClosed();
  // All that the server sends until it closes.
  std::string ReadToEnd();
  // Closes the sending half.
  void FinishSending();
  void Close();
  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  explicit Client(int fd) : fd_(fd) {}
  // One read from the socket; false: nothing more will come.
  bool Receive();
  // Waits for `events`; 0 at the deadline.
  short Poll(short events);

  int fd_ = -1;
  bool ended_ = false;
  std::string received_;
  size_t parsed_ = 0;  // of received_: replies already handed out
};

}  // namespace ampt::test
