#include "server/http.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace ampt {
namespace {

constexpr std::string_view kEndOfHeader = "\r\n\r\n";

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 503:
      return "Service Unavailable";
    default:
      return "Error";
  }
}

bool IsToken(std::string_view word) {
  for (const char c : word) {
    if (c < 'A' || c > 'Z') return false;
  }
  return !word.empty();
}

}  // namespace

HttpRequest ParseHttpRequest(std::string_view bytes) {
  HttpRequest request;
  const size_t line_end = bytes.find("\r\n");
  if (line_end == std::string_view::npos || bytes.find(kEndOfHeader) == std::string_view::npos) {
    return request;
  }
  const std::string_view line = bytes.substr(0, line_end);
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  request.state = HttpRequest::State::kBad;
  if (first == std::string_view::npos || first == last) return request;
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  request.method = line.substr(0, first);
  request.path = target.substr(0, target.find('?'));
  const bool is_good = IsToken(request.method) && target.starts_with('/') &&
                       target.find(' ') == std::string_view::npos &&
                       (version == "HTTP/1.1" || version == "HTTP/1.0");
  if (is_good) request.state = HttpRequest::State::kComplete;
  return request;
}

std::string EncodeHttpAnswer(const HttpAnswer& answer, bool is_head) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n"
      "Connection: close\r\n\r\n{}",
      answer.status, ReasonOf(answer.status), answer.content_type, answer.body.size(),
      is_head ? std::string_view() : std::string_view(answer.body));
}

// Reads a request, writes the answer, waits for the client to close, closes.
class HttpServer::Connection {
 public:
  explicit Connection(HttpServer& server)
      : server_(&server), ends_ms_(uv_now(server.loop_) + kMostMs) {
    uv_tcp_init(server.loop_, &socket_);
    socket_.data = this;
  }

  // Closes it where that fails.
  void Accept(uv_stream_t* listener) {
    if (uv_accept(listener, stream()) != 0 || uv_read_start(stream(), OnAllocate, OnRead) != 0) {
      Close();
    }
  }
  uint64_t ends_ms() const { return ends_ms_; }
  // Ends in its destruction.
  void Close() {
    if (server_ == nullptr) return;
    std::exchange(server_, nullptr)->connections_.erase(this);
    uv_close(reinterpret_cast<uv_handle_t*>(&socket_),
             [](uv_handle_t* handle) { delete static_cast<Connection*>(handle->data); });
  }

 private:
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&socket_); }

  static void OnAllocate(uv_handle_t* handle, size_t, uv_buf_t* buffer) {
    auto& self = *static_cast<Connection*>(handle->data);
    // What comes behind the request is read into the same place and forgotten.
    if (self.size_ == self.request_.size()) self.size_ = 0;
    *buffer = uv_buf_init(self.request_.data() + self.size_,
                          static_cast<unsigned>(self.request_.size() - self.size_));
  }

  static void OnRead(uv_stream_t* stream, ssize_t bytes, const uv_buf_t*) {
    auto& self = *static_cast<Connection*>(stream->data);
    if (bytes < 0) return self.Close();
    if (!self.answer_.empty()) return;
    self.size_ += static_cast<size_t>(bytes);
    const HttpRequest request = ParseHttpRequest({self.request_.data(), self.size_});
    if (request.state == HttpRequest::State::kComplete) {
      self.Answer(request);
    } else if (request.state == HttpRequest::State::kBad || self.size_ == self.request_.size()) {
      self.Send(EncodeHttpAnswer({400, "text/plain", "bad request\n"}, false));
    }
  }

  void Answer(const HttpRequest& request) {
    const bool is_head = request.method == "HEAD";
    if (!is_head && request.method != "GET") {
      return Send(EncodeHttpAnswer({405, "text/plain", "only GET and HEAD\n"}, false));
    }
    Send(EncodeHttpAnswer(server_->handler_(request.path), is_head));
  }

  void Send(std::string answer) {
    answer_ = std::move(answer);
    write_.data = this;
    const uv_buf_t buffer = uv_buf_init(answer_.data(), static_cast<unsigned>(answer_.size()));
    const int error = uv_write(&write_, stream(), &buffer, 1, [](uv_write_t* write, int status) {
      static_cast<Connection*>(write->data)->Sent(status);
    });
    if (error != 0) Close();
  }

  // A close with something unread would have the system drop the answer: the client closes first,
  // or its time ends.
  void Sent(int status) {
    if (server_ == nullptr) return;
    shutdown_.data = this;
    if (status != 0 || uv_shutdown(&shutdown_, stream(), [](uv_shutdown_t*, int) {}) != 0) Close();
  }

  HttpServer* server_;  // null: it is being closed
  const uint64_t ends_ms_;
  uv_tcp_t socket_;
  uv_write_t write_;
  uv_shutdown_t shutdown_;
  std::array<char, kMostRequestBytes> request_;
  size_t size_ = 0;
  std::string answer_;
};

Status HttpServer::Listen(const std::string& host, int port, int backlog) {
  auto listener =
      Listener::Tcp(loop_, host, port, backlog,
                    [this](uv_stream_t* stream, bool, int error) { Accept(stream, error); });
  if (listener.ok()) listeners_.push_back(std::move(*listener));
  return listener.status();
}

void HttpServer::Accept(uv_stream_t* listener, int error) {
  if (error != 0) return;
  auto* const connection = new Connection(*this);
  connections_.insert(connection);
  const bool is_full = connections_.size() > kMostConnections;
  connection->Accept(listener);
  if (is_full) connection->Close();
}

void HttpServer::CheckTime() {
  const uint64_t now_ms = uv_now(loop_);
  std::vector<Connection*> over;
  for (Connection* const connection : connections_) {
    if (connection->ends_ms() <= now_ms) over.push_back(connection);
  }
  for (Connection* const connection : over) connection->Close();
}

void HttpServer::Close() {
  for (const auto& listener : listeners_) listener->Close();
  while (!connections_.empty()) (*connections_.begin())->Close();
}

}  // namespace ampt
