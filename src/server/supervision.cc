#include "server/supervision.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace ampt {

Supervisor::Supervisor(Supervision supervised, Log& log) {
  if (supervised == Supervision::kNo) return;
  constexpr const char* kVariable = "NOTIFY_SOCKET";
  const char* const value = std::getenv(kVariable);
  address_ = value != nullptr ? value : "";
  // Programs that the server may start are not to speak in its name.
  unsetenv(kVariable);
  const bool is_good = address_.size() > 1 && (address_[0] == '/' || address_[0] == '@') &&
                       address_.size() < sizeof(sockaddr_un::sun_path);
  if (is_good) {
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return;
  }
  if (supervised == Supervision::kSystemd) {
    log.Warning(
        "supervised is systemd, but {} names no socket: nobody is told that the server is "
        "ready",
        kVariable);
  }
}

Supervisor::~Supervisor() {
  if (socket_ >= 0) close(socket_);
}

void Supervisor::Send(std::string_view message) {
  if (!is_there()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  // A name that is in no file system begins with a zero byte.
  if (address_[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  static_cast<void>(sendto(socket_, message.data(), message.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size));
}

void Supervisor::Loading(std::string_view status, int64_t longer_us) {
  if (is_there()) Send(fmt::format("STATUS={}\nEXTEND_TIMEOUT_USEC={}", status, longer_us));
}

void Supervisor::Ready() {
  if (is_there()) {
    Send(fmt::format("READY=1\nSTATUS=Ready to accept connections\nMAINPID={}", getpid()));
  }
}

void Supervisor::Stopping() {
  Send("STOPPING=1\nSTATUS=Writing what is due");
}

}  // namespace ampt
