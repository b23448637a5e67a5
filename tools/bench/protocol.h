// The wire protocols of the servers that can be measured, as little of them as a load generator
// needs: what a reply's end looks like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ampt::bench {

// Ends the benchmark: a server failed, or replied what it must not. what() is for the person at the
// terminal. Thrown anywhere in this tool, caught in main.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Protocol {
  kResp,       // RESP2: redis, valkey, ampt and others
  kMemcached,  // memcached's meta commands
  kIproto,     // tarantool's binary protocol
};

// Counts complete replies in a stream of bytes cut anywhere. Bodies are skipped, not copied.
class ReplyCounter {
 public:
  virtual ~ReplyCounter() = default;
  // How many replies `bytes` completed. Throws Failure on an error reply, on a null or empty one
  // (every request of this benchmark finds what it asks for; a miss would measure less work) and
  // on what is not the protocol.
  virtual size_t Feed(std::string_view bytes) = 0;
};

// For a new connection, from its first byte.
std::unique_ptr<ReplyCounter> NewReplyCounter(Protocol protocol);

// What RESP and memcached have in common: lines, some of them followed by a body.
class LineReplyCounter : public ReplyCounter {
 public:
  size_t Feed(std::string_view bytes) final;

 protected:
  // `line` came without its line end. Returns whether it completes a reply; sets body_left_ where a
  // body follows.
  virtual bool TakeLine(std::string_view line) = 0;
  // After a body: whether that completes a reply.
  virtual bool EndBody() = 0;

  uint64_t body_left_ = 0;  // bytes of a body, with its line end, still to pass

 private:
  bool TakeEndedLine(std::string_view line);

  std::string line_;  // the beginning of a line whose end has not come yet
};

}  // namespace ampt::bench
