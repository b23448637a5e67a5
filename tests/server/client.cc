#include "tests/server/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

namespace ampt::test {

using SteadyClock = std::chrono::steady_clock;

bool WaitFor(const std::function<bool()>& condition) {
  const auto deadline = SteadyClock::now() + kDeadline;
  while (!condition()) {
    if (SteadyClock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

Client Client::Tcp(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ADD_FAILURE() << "cannot connect to port " << port << ": " << std::strerror(errno);
    close(fd);
    return Client(-1);
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return Client(fd);
}

Client Client::Unix(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ADD_FAILURE() << "cannot connect to " << path << ": " << std::strerror(errno);
    close(fd);
    return Client(-1);
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return Client(fd);
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ended_(other.ended_),
      received_(std::move(other.received_)),
      parsed_(other.parsed_) {}

Client& Client::operator=(Client&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(ended_, other.ended_);
  std::swap(received_, other.received_);
  std::swap(parsed_, other.parsed_);
  return *this;
}

Client::~Client() {
  Close();
}

void Client::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Client::FinishSending() {
  shutdown(fd_, SHUT_WR);
}

short Client::Poll(short events) {
  pollfd poll_fd{.fd = fd_, .events = events, .revents = 0};
  const auto timeout_ms = std::chrono::duration_cast<std::chrono::milliseconds>(kDeadline).count();
  if (poll(&poll_fd, 1, static_cast<int>(timeout_ms)) <= 0) {
    ADD_FAILURE() << "the server did not go on within " << kDeadline.count() << " s";
    return 0;
  }
  return poll_fd.revents;
}

bool Client::Receive() {
  if (fd_ < 0 || ended_) return false;
  char buffer[65536];
  const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
  if (size > 0) {
    // Dropping what was handed out only now and then keeps a long pipeline linear.
    if (parsed_ > received_.size() / 2) {
      received_.erase(0, parsed_);
      parsed_ = 0;
    }
    received_.append(buffer, static_cast<size_t>(size));
    return true;
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  ended_ = true;
  return false;
}

bool Client::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (fd_ < 0 || ended_) return false;
    const ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size > 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
      continue;
    }
    if (size < 0 && errno != EAGAIN && errno != EINTR) {
      Receive();
      return false;
    }
    const short events = Poll(POLLIN | POLLOUT);
    if (events == 0) return false;
    if ((events & POLLOUT) == 0 || (events & POLLIN) != 0) Receive();
  }
  return true;
}

std::optional<Value> Client::Read() {
  while (true) {
    Value value;
    size_t at = parsed_;
    const Taken taken = TakeReply(received_, &at, &value);
    if (taken == Taken::kReply) {
      parsed_ = at;
      return value;
    }
    if (taken == Taken::kBroken) {
      ADD_FAILURE() << "not RESP: " << Quoted(received_.substr(parsed_, 200));
      return std::nullopt;
    }
    if (fd_ < 0 || ended_ || Poll(POLLIN) == 0 || !Receive()) return std::nullopt;
  }
}

bool Client::HasReply() {
  pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
  while (!ended_ && poll(&poll_fd, 1, 0) > 0 && Receive()) {
  }
  Value value;
  size_t at = parsed_;
  return TakeReply(received_, &at, &value) == Taken::kReply;
}

bool Client::WaitClosed() {
  while (!ended_) {
    if (fd_ < 0 || Poll(POLLIN) == 0) return false;
    Receive();
    received_.clear();
    parsed_ = 0;
  }
  return true;
}

std::string Client::ReadToEnd() {
  while (!ended_ && fd_ >= 0 && Poll(POLLIN) != 0) Receive();
  return received_.substr(parsed_);
}

Value Client::Run(const Words& words) {
  if (Send(Encode(words))) {
    while (std::optional<Value> reply = Read()) {
      if (reply->type != '>') return *std::move(reply);
    }
  }
  return {.type = '-', .text = "connection closed", .elements = {}};
}

std::string Client::Ask(std::string_view line) {
  const std::optional<Words> words = SplitWords(ExpandRepeats(line));
  if (!words || words->empty()) {
    ADD_FAILURE() << "not a command: " << line;
    return {};
  }
  return Render(Run(*words));
}

}  // namespace ampt::test
