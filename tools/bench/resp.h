// The client's half of RESP2, as little of it as a load generator needs: write commands, count
// replies, and ask one question at a time while nothing is measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "tools/bench/protocol.h"

namespace ampt::bench {

// Appends one command as an array of bulk strings.
void AppendCommand(std::string* out, std::initializer_list<std::string_view> words);
void AppendCommand(std::string* out, const std::string_view* words, size_t count);

// A reply of one line costs about 10 ns.
class RespReplyCounter final : public LineReplyCounter {
 private:
  bool TakeLine(std::string_view line) override;
  bool EndBody() override;

  uint64_t elements_ = 1;  // elements missing from the current reply, the reply itself included
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
  Reply Ask(std::initializer_list<std::string_view> words) {
    return Ask(words.begin(), words.size());
  }
  Reply Ask(const std::string_view* words, size_t count);

 private:
  void Receive();

  int fd_;
  std::string received_;
};

// A new TCP connection to 127.0.0.1 with Nagle's algorithm off, or -1. The caller closes it.
int Connect(uint16_t port);

}  // namespace ampt::bench
