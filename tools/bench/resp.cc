#include "tools/bench/resp.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace ampt::bench {
namespace {

int64_t LengthIn(std::string_view line) {
  int64_t length = 0;
  const auto [end, error] = std::from_chars(line.data() + 1, line.data() + line.size(), length);
  if (error != std::errc() || end != line.data() + line.size() || length < -1) {
    throw Failure(fmt::format("not a RESP2 length: {}", line));
  }
  return length;
}

}  // namespace

void AppendCommand(std::string* out, const std::string_view* words, size_t count) {
  char digits[24];
  const auto length = [&](char type, size_t n) {
    out->push_back(type);
    out->append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
    out->append("\r\n");
  };
  length('*', count);
  for (size_t i = 0; i < count; i++) {
    length('$', words[i].size());
    out->append(words[i]).append("\r\n");
  }
}

void AppendCommand(std::string* out, std::initializer_list<std::string_view> words) {
  AppendCommand(out, words.begin(), words.size());
}

bool RespReplyCounter::TakeLine(std::string_view line) {
  switch (line[0]) {
    case '+':
    case ':':
      return EndBody();
    case '-':
      throw Failure(fmt::format("error reply: {}", line.substr(1)));
    case '$':
    case '*': {
      const int64_t length = LengthIn(line);
      if (length < 0) throw Failure("null reply: something that was loaded is missing");
      if (line[0] == '*') {
        elements_ += length;
        return EndBody();
      }
      body_left_ = length + 2;
      return false;
    }
    default:
      throw Failure(fmt::format("not a RESP2 reply: '{}'", line));
  }
}

bool RespReplyCounter::EndBody() {
  if (--elements_ > 0) return false;
  elements_ = 1;
  return true;
}

int Connect(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

Client::Client(uint16_t port) : fd_(Connect(port)) {
  if (fd_ < 0) throw Failure(fmt::format("cannot connect to port {}", port));
}

Client::~Client() {
  close(fd_);
}

void Client::Receive() {
  char buffer[16 * 1024];
  ssize_t n;
  do {
    n = recv(fd_, buffer, sizeof buffer, 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) throw Failure("the server closed the connection");
  received_.append(buffer, n);
}

Reply Client::Ask(const std::string_view* words, size_t count) {
  std::string request;
  AppendCommand(&request, words, count);
  for (std::string_view left = request; !left.empty();) {
    const ssize_t n = send(fd_, left.data(), left.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Failure(fmt::format("cannot send to the server: {}", std::strerror(errno)));
    left.remove_prefix(n);
  }

  received_.clear();
  size_t end;
  while ((end = received_.find("\r\n")) == std::string::npos) Receive();
  Reply reply{received_[0], received_.substr(1, end - 1)};
  if (reply.type == '$') {
    const int64_t length = LengthIn(std::string_view(received_).substr(0, end));
    if (length < 0) throw Failure("null reply where a text was expected");
    while (received_.size() < end + 2 + length + 2) Receive();
    reply.text = received_.substr(end + 2, length);
  }
  return reply;
}

}  // namespace ampt::bench
