// The HTTP of metrics-port: what is a request, and what an answer looks like.
#include "server/http.h"

#include <gtest/gtest.h>

#include <string>

namespace ampt {
namespace {

using State = HttpRequest::State;

TEST(HttpTest, ReadsARequest) {
  const HttpRequest request =
      ParseHttpRequest("GET /metrics?name=x HTTP/1.1\r\nHost: here\r\n\r\nrest");
  EXPECT_EQ(request.state, State::kComplete);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/metrics");
  EXPECT_EQ(ParseHttpRequest("HEAD / HTTP/1.0\r\n\r\n").state, State::kComplete);
}

TEST(HttpTest, WaitsForTheEndOfTheHeader) {
  const std::string whole = "GET /healthz HTTP/1.1\r\nHost: here\r\nAccept: */*\r\n\r\n";
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(ParseHttpRequest(whole.substr(0, size)).state, State::kIncomplete) << size;
  }
  EXPECT_EQ(ParseHttpRequest(whole).state, State::kComplete);
}

TEST(HttpTest, RefusesWhatIsNone) {
  for (const std::string line :
       {"", "GET", "GET /", "GET  HTTP/1.1", "GET / HTTP/2", "get / HTTP/1.1", " / HTTP/1.1",
        "GET x HTTP/1.1", "GET / / HTTP/1.1", "G\0T / HTTP/1.1", "*1", "/ /"}) {
    EXPECT_EQ(ParseHttpRequest(line + "\r\n\r\n").state, State::kBad) << line;
  }
}

TEST(HttpTest, WritesAnAnswer) {
  EXPECT_EQ(EncodeHttpAnswer({503, "text/plain", "loading\n"}, false),
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\nloading\n");
  EXPECT_EQ(EncodeHttpAnswer({200, "text/plain", "ok\n"}, true),
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
            "Cache-Control: no-store\r\nConnection: close\r\n\r\n");
}

}  // namespace
}  // namespace ampt
