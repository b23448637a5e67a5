#include "server/resp_reply.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

namespace ampt {
namespace {

std::string Written(int version, const std::function<void(Reply&)>& write) {
  std::string out;
  RespReply reply(&out, &version);
  write(reply);
  return out;
}

struct Case {
  std::function<void(Reply&)> write;
  std::string resp2;
  std::string resp3;
};

TEST(RespReply, WritesEveryType) {
  const Case cases[] = {
      {[](Reply& r) { r.Ok(); }, "+OK\r\n", "+OK\r\n"},
      {[](Reply& r) { r.Simple("PONG"); }, "+PONG\r\n", "+PONG\r\n"},
      {[](Reply& r) { r.Error("ERR no\r\n+OK"); }, "-ERR no  +OK\r\n", "-ERR no  +OK\r\n"},
      {[](Reply& r) { r.Error(Status::Err("no")); }, "-ERR no\r\n", "-ERR no\r\n"},
      {[](Reply& r) { r.Integer(0); }, ":0\r\n", ":0\r\n"},
      {[](Reply& r) { r.Integer(std::numeric_limits<int64_t>::min()); },
       ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"},
      {[](Reply& r) { r.Bulk(""); }, "$0\r\n\r\n", "$0\r\n\r\n"},
      {[](Reply& r) { r.Bulk("a\r\nb"); }, "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"},
      {[](Reply& r) { r.Null(); }, "$-1\r\n", "_\r\n"},
      {[](Reply& r) { r.NullArray(); }, "*-1\r\n", "_\r\n"},
      {[](Reply& r) { r.Double(1.5); }, "$3\r\n1.5\r\n", ",1.5\r\n"},
      {[](Reply& r) { r.Double(3); }, "$1\r\n3\r\n", ",3\r\n"},
      {[](Reply& r) { r.Double(-INFINITY); }, "$4\r\n-inf\r\n", ",-inf\r\n"},
      {[](Reply& r) { r.Double(NAN); }, "$3\r\nnan\r\n", ",nan\r\n"},
      {[](Reply& r) { r.Boolean(true); }, ":1\r\n", "#t\r\n"},
      {[](Reply& r) { r.Boolean(false); }, ":0\r\n", "#f\r\n"},
      {[](Reply& r) { r.Verbatim("hi"); }, "$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n"},
      {[](Reply& r) { r.Array(2); }, "*2\r\n", "*2\r\n"},
      {[](Reply& r) { r.Map(2); }, "*4\r\n", "%2\r\n"},
      {[](Reply& r) { r.Set(2); }, "*2\r\n", "~2\r\n"},
      {[](Reply& r) { r.Push(2); }, "*2\r\n", ">2\r\n"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(Written(2, each.write), each.resp2);
    EXPECT_EQ(Written(3, each.write), each.resp3);
  }
}

TEST(RespReply, BulkStringsOfEverySizeAreWhole) {
  for (size_t size = 0; size < 2000; size += size < 520 ? 1 : 97) {
    const std::string bytes(size, 'x');
    EXPECT_EQ(Written(2, [&](Reply& r) { r.Bulk(bytes); }),
              "$" + std::to_string(size) + "\r\n" + bytes + "\r\n");
  }
}

TEST(RespReply, AnOpenBulkGetsItsLengthWhenItIsClosed) {
  std::string out = "before";
  std::string expected = out;
  const int version = 2;
  RespReply reply(&out, &version);
  // Fewer, more and as many digits as the one before.
  for (const size_t size : {0u, 10u, 12u, 9u, 100u, 123456u, 5u, 99999u, 1000u, 9999u}) {
    const std::string bytes(size, 'y');
    std::string* text = reply.OpenBulk();
    for (size_t i = 0; i < size; i += 1000) text->append(bytes, i, 1000);
    reply.CloseBulk();
    expected += "$" + std::to_string(size) + "\r\n" + bytes + "\r\n";
  }
  EXPECT_EQ(out, expected);
}

TEST(RespReply, FollowsAChangeOfVersion) {
  std::string out;
  int version = 2;
  RespReply reply(&out, &version);
  reply.Null();
  version = 3;
  reply.Null();
  EXPECT_EQ(out, "$-1\r\n_\r\n");
}

TEST(RespReply, CountsErrors) {
  std::string out;
  const int version = 2;
  RespReply reply(&out, &version);
  EXPECT_EQ(reply.errors(), 0u);
  reply.Error("WRONGTYPE Operation");
  reply.Error("ERR");
  EXPECT_EQ(reply.errors(), 2u);
  EXPECT_EQ(reply.error_code(), "ERR");
}

}  // namespace
}  // namespace ampt
