// The client's half of RESP2, as little of it as a load generator needs: write commands, count
// replies, and ask one question at a time while nothing is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ampt::bench {

// Ends the benchmark: a server failed, or replied what it must not. what() is for the person at the
// terminal. Thrown anywhere in this tool, caught in main.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Appends one command as an array of bulk strings.
void AppendCommand(std::string* out, std::initializer_list<std::string_view> words);
void AppendCommand(std::string* out, const std::string_view* words, size_t count);

// Counts complete replies in a stream of bytes cut anywhere. Bodies are skipped, not copied: a
// reply of one line costs about 10 ns.
class ReplyCounter {
 public:
  // How many replies `bytes` completed. Throws Failure on an error reply at any depth, on a null
  // (every request of this benchmark finds what it asks for; a miss would measure less work) and on
  // what is not RESP2.
  size_t Feed(std::string_view bytes);

 private:
  bool TakeLine(std::string_view line);
  bool EndElement();

  std::string line_;        // the beginning of a line whose end has not come yet
  uint64_t body_left_ = 0;  // bytes of a bulk string, with its line end, still to pass
  uint64_t elements_ = 1;   // elements missing from the current reply, the reply itself included
};

// A reply to Client::Ask: its type byte, and the text behind it (a bulk string's body).
struct Reply {
  char type = 0;
  std::string text;

  bool error() const { return type == '-'; }
};

// A blocking connection to 127.0.0.1, for what is not measured.
class Client {
 public:
  // Throws Failure if nobody listens there.
  explicit Client(uint16_t port);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends a command and waits for its reply, which may be anything but an array or a null.
  Reply Ask(std::initializer_list<std::string_view> words);

 private:
  void Receive();

  int fd_;
  std::string received_;
};

// A new TCP connection to 127.0.0.1 with Nagle's algorithm off, or -1. The caller closes it.
int Connect(uint16_t port);

}  // namespace ampt::bench
