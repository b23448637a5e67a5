#include "server/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ampt {
namespace {

Status Failed(const std::string& what, int error) {
  std::string advice;
  if (error == UV_EADDRINUSE) advice = ": another program listens there, stop it or choose another";
  return Status::Err(fmt::format("cannot listen on {}: {}{}", what, uv_strerror(error), advice));
}

// The address of a name or number; a libuv error code or 0.
int Resolve(uv_loop_t* loop, const std::string& host, int port, sockaddr_storage* address) {
  const std::string number = host == "*" ? "0.0.0.0" : host == "::*" ? "::" : host;
  if (uv_ip4_addr(number.c_str(), port, reinterpret_cast<sockaddr_in*>(address)) == 0) return 0;
  if (uv_ip6_addr(number.c_str(), port, reinterpret_cast<sockaddr_in6*>(address)) == 0) return 0;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  uv_getaddrinfo_t request;
  const std::string service = std::to_string(port);
  const int error =
      uv_getaddrinfo(loop, &request, nullptr, number.c_str(), service.c_str(), &hints);
  if (error != 0) return error;
  std::memcpy(address, request.addrinfo->ai_addr, request.addrinfo->ai_addrlen);
  uv_freeaddrinfo(request.addrinfo);
  return 0;
}

// Whether somebody listens at a socket file.
bool IsServed(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool refused = result != 0 && errno == ECONNREFUSED;
  close(fd);
  return !refused;
}

}  // namespace

Listener::Listener(uv_loop_t* loop, bool is_unix, OnClient on_client)
    : on_client_(std::move(on_client)), is_unix_(is_unix) {
  if (is_unix) {
    uv_pipe_init(loop, &handle_.pipe, 0);
  } else {
    uv_tcp_init(loop, &handle_.tcp);
  }
  handle_.handle.data = this;
}

int Listener::Listen(int backlog) {
  return uv_listen(&handle_.stream, backlog, [](uv_stream_t* stream, int error) {
    auto& self = *static_cast<Listener*>(stream->data);
    self.on_client_(stream, self.is_unix_, error);
  });
}

Result<std::unique_ptr<Listener>> Listener::Tcp(uv_loop_t* loop, const std::string& host, int port,
                                                int backlog, OnClient on_client) {
  const std::string what = fmt::format("{} port {}", host, port);
  sockaddr_storage address{};
  if (const int error = Resolve(loop, host, port, &address); error != 0) {
    return Failed(what, error);
  }
  std::unique_ptr<Listener> listener(new Listener(loop, false, std::move(on_client)));
  // The IPv4 address of the same port has a listener of its own.
  const unsigned flags = address.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
  int error =
      uv_tcp_bind(&listener->handle_.tcp, reinterpret_cast<const sockaddr*>(&address), flags);
  if (error == 0) error = listener->Listen(backlog);
  if (error == 0) return listener;
  Discard(std::move(listener));
  return Failed(what, error);
}

Result<std::unique_ptr<Listener>> Listener::Unix(uv_loop_t* loop, const std::string& path,
                                                 int permissions, int backlog, OnClient on_client) {
  const std::string what = "Unix socket " + path;
  sockaddr_un address{};
  if (path.size() >= sizeof address.sun_path) {
    return Status::Err(fmt::format("cannot listen on {}: a path has at most {} bytes", what,
                                   sizeof address.sun_path - 1));
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat status;
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && !IsServed(address)) {
    unlink(path.c_str());
  }
  std::unique_ptr<Listener> listener(new Listener(loop, true, std::move(on_client)));
  int error = uv_pipe_bind(&listener->handle_.pipe, path.c_str());
  if (error == 0 && permissions != 0 &&
      chmod(path.c_str(), static_cast<mode_t>(permissions)) != 0) {
    error = uv_translate_sys_error(errno);
  }
  if (error == 0) error = listener->Listen(backlog);
  if (error == 0) return listener;
  Discard(std::move(listener));
  return Failed(what, error);
}

int Listener::port() const {
  if (is_unix_) return 0;
  sockaddr_storage address{};
  int size = sizeof address;
  uv_tcp_getsockname(&handle_.tcp, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

void Listener::Close() {
  if (!uv_is_closing(&handle_.handle)) uv_close(&handle_.handle, nullptr);
}

void Listener::Discard(std::unique_ptr<Listener> listener) {
  uv_close(&listener.release()->handle_.handle,
           [](uv_handle_t* handle) { delete static_cast<Listener*>(handle->data); });
}

// --- TcpListeners
// ---------------------------------------------------------------------------------

Status TcpListeners::ListenAt(const std::vector<Address>& addresses, int backlog) {
  std::vector<Address> before;
  for (const Open& open : open_) before.push_back(open.address);
  const Status status = Change(addresses, backlog);
  if (status.ok()) return {};
  if (const Status back = Change(before, backlog); !back.ok()) {
    log_.Warning("{}; it could be reached there until now", back.text());
  }
  return status;
}

Status TcpListeners::Change(const std::vector<Address>& addresses, int backlog) {
  // Closes first: an address cannot be had beside a wider one (*) of the same port.
  for (Open& open : open_) {
    if (std::ranges::find(addresses, open.address) == addresses.end()) {
      Listener::Discard(std::move(open.listener));
    }
  }
  std::erase_if(open_, [](const Open& open) { return open.listener == nullptr; });
  Status first_failure;
  for (const Address& address : addresses) {
    if (std::ranges::find(open_, address, &Open::address) != open_.end()) continue;
    const bool is_optional = address.host.starts_with('-');
    auto listener =
        Listener::Tcp(loop_, address.host.substr(is_optional ? 1 : 0), address.port, backlog,
                      [this, is_tls = address.is_tls](uv_stream_t* stream, bool, int error) {
                        on_client_(stream, error, is_tls);
                      });
    if (listener.ok()) {
      open_.push_back({address, std::move(*listener)});
    } else if (is_optional) {
      log_.Warning("{}; it is optional, so the server goes on", listener.status().text());
    } else if (first_failure.ok()) {
      first_failure = listener.status();
    }
  }
  return first_failure;
}

void TcpListeners::Close() {
  for (const Open& open : open_) open.listener->Close();
}

}  // namespace ampt
