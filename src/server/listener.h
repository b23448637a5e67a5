// Listener: one address that clients can connect to. TcpListeners: all those of the settings, which
// may change while the server runs.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "server/log.h"

namespace ampt {

class Listener {
 public:
  // Called for every client; it must be taken with uv_accept(listener, …). `error` is a libuv code:
  // where it is not 0 (no file descriptors left, …) libuv has dealt with the client, and nothing
  // is to be taken.
  using OnClient = std::function<void(uv_stream_t* listener, bool is_unix, int error)>;

  // A name or a number in the form of `bind`: "127.0.0.1", "::1", "*" (every IPv4 address), "::*"
  // (every IPv6 address).
  static Result<std::unique_ptr<Listener>> Tcp(uv_loop_t* loop, const std::string& host, int port,
                                               int backlog, OnClient on_client);
  // A socket file that nobody listens at any more is replaced. `permissions` 0: as the umask says.
  static Result<std::unique_ptr<Listener>> Unix(uv_loop_t* loop, const std::string& path,
                                                int permissions, int backlog, OnClient on_client);
  // REQUIRES: Close() was called and the loop has run since.
  ~Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The port that was bound.
  int port() const;
  // Lets nobody in any more; removes the socket file.
  void Close();
  // Closes, and frees the listener when libuv is done with it.
  static void Discard(std::unique_ptr<Listener> listener);

 private:
  Listener(uv_loop_t* loop, bool is_unix, OnClient on_client);
  int Listen(int backlog);

  OnClient on_client_;
  bool is_unix_;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle_;
};

class TcpListeners {
 public:
  struct Address {
    std::string host;  // as in `bind`; a leading '-': not an error if it cannot be bound
    int port;
    bool is_tls;
    bool operator==(const Address&) const = default;
  };
  // As Listener::OnClient.
  using OnClient = std::function<void(uv_stream_t* listener, int error, bool is_tls)>;

  // `log` outlives it.
  TcpListeners(uv_loop_t* loop, Log& log, OnClient on_client)
      : loop_(loop), log_(log), on_client_(std::move(on_client)) {}

  // From now on listens at these addresses and no others. One that it listened at before stays
  // open; connections are not touched. On error it listens where it did.
  Status ListenAt(const std::vector<Address>& addresses, int backlog);
  bool empty() const { return open_.empty(); }
  // REQUIRES: the loop runs before the listeners are destroyed.
  void Close();

 private:
  struct Open {
    Address address;
    std::unique_ptr<Listener> listener;
  };
  // Goes on behind an address that cannot be had, and returns the first such.
  Status Change(const std::vector<Address>& addresses, int backlog);

  uv_loop_t* loop_;
  Log& log_;
  OnClient on_client_;
  std::vector<Open> open_;
};

}  // namespace ampt
