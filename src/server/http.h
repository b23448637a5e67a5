// HttpServer: as much of HTTP/1.1 as a scraper or a health check needs, on the server's event loop.
//
// GET and HEAD of a path, one request a connection. The handler makes each page at once, so it must
// be quick. Nothing a client does costs more than a bounded buffer for a bounded time: a request
// may have kMostRequestBytes, request and answer together may take kMostMs, and beyond
// kMostConnections whoever comes is turned away.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "server/listener.h"

namespace ampt {

// What a client asks for, as far as it has sent it.
struct HttpRequest {
  enum class State : uint8_t { kIncomplete, kComplete, kBad };
  State state = State::kIncomplete;
  std::string_view method;
  std::string_view path;  // without the query
};
// Looks at all bytes that have come; what follows the header is passed over. Views of `bytes`.
HttpRequest ParseHttpRequest(std::string_view bytes);

struct HttpAnswer {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
};
// The bytes of an answer; to HEAD without the body.
std::string EncodeHttpAnswer(const HttpAnswer& answer, bool is_head);

class HttpServer {
 public:
  static constexpr size_t kMostRequestBytes = 8 * 1024;
  static constexpr size_t kMostConnections = 128;
  static constexpr uint64_t kMostMs = 5000;

  using Handler = std::function<HttpAnswer(std::string_view path)>;

  HttpServer(uv_loop_t* loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {}
  // REQUIRES: Close() was called and the loop has run since.
  ~HttpServer() = default;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // As Listener::Tcp.
  Status Listen(const std::string& host, int port, int backlog);
  // About once a second: closes connections whose time is over.
  void CheckTime();
  // Closes everything.
  void Close();

 private:
  class Connection;

  void Accept(uv_stream_t* listener, int error);

  uv_loop_t* loop_;
  Handler handler_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::unordered_set<Connection*> connections_;  // they own themselves
};

}  // namespace ampt
