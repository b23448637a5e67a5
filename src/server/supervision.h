// Supervisor: tells the service manager that started the server how it is doing.
//
// The protocol is systemd's (sd_notify(3)): lines of NAME=value in one datagram to the Unix socket
// that $NOTIFY_SOCKET names. Nothing here waits, and a manager that does not listen is no error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/log.h"
#include "server/settings.h"

namespace ampt {

class Supervisor {
 public:
  // Looks at $NOTIFY_SOCKET and takes it out of the environment; what `supervised` asks for and is
  // not there is a warning.
  Supervisor(Supervision supervised, Log& log);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  bool is_there() const { return socket_ >= 0; }
  // The start will take that much longer at most, unless it is said again. `status`: for people.
  void Loading(std::string_view status, int64_t longer_us);
  void Ready();
  void Stopping();

 private:
  void Send(std::string_view message);

  int socket_ = -1;
  std::string address_;
};

}  // namespace ampt
