#include "tools/bench/mutations.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/resp.h"
#include "tools/bench/rows.h"

namespace ampt::bench {
namespace {

constexpr size_t kBlockBytes = 16 * 1024;
constexpr uint64_t kRequestsPerBlock = 50;
constexpr uint64_t kBlocksPerConnection = 40;

// By the words they may begin with; others follow at random.
constexpr std::string_view kCommands[] = {"PING",
                                          "ECHO",
                                          "GET",
                                          "SET",
                                          "SETNX",
                                          "SETEX",
                                          "PSETEX",
                                          "GETSET",
                                          "GETDEL",
                                          "GETEX",
                                          "APPEND",
                                          "STRLEN",
                                          "GETRANGE",
                                          "SETRANGE",
                                          "INCR",
                                          "DECR",
                                          "INCRBY",
                                          "DECRBY",
                                          "INCRBYFLOAT",
                                          "MGET",
                                          "MSET",
                                          "MSETNX",
                                          "DEL",
                                          "UNLINK",
                                          "EXISTS",
                                          "TYPE",
                                          "RENAME",
                                          "RENAMENX",
                                          "COPY",
                                          "MOVE",
                                          "KEYS",
                                          "SCAN",
                                          "RANDOMKEY",
                                          "DBSIZE",
                                          "TOUCH",
                                          "EXPIRE",
                                          "PEXPIRE",
                                          "EXPIREAT",
                                          "PEXPIREAT",
                                          "TTL",
                                          "PTTL",
                                          "PERSIST",
                                          "EXPIRETIME",
                                          "PEXPIRETIME",
                                          "OBJECT ENCODING",
                                          "OBJECT FREQ",
                                          "SELECT",
                                          "FLUSHDB",
                                          "FLUSHALL",
                                          "MULTI",
                                          "EXEC",
                                          "DISCARD",
                                          "WATCH",
                                          "UNWATCH",
                                          "SUBSCRIBE",
                                          "PSUBSCRIBE",
                                          "UNSUBSCRIBE",
                                          "PUNSUBSCRIBE",
                                          "PUBLISH",
                                          "PUBSUB CHANNELS",
                                          "PUBSUB NUMSUB",
                                          "EVAL",
                                          "EVALSHA",
                                          "EVAL_RO",
                                          "SCRIPT LOAD",
                                          "SCRIPT EXISTS",
                                          "HELLO",
                                          "RESET",
                                          "CLIENT ID",
                                          "CLIENT LIST",
                                          "CLIENT INFO",
                                          "CLIENT SETNAME",
                                          "CLIENT GETNAME",
                                          "CLIENT REPLY",
                                          "CLIENT TRACKING",
                                          "CLIENT NO-EVICT",
                                          "CONFIG GET",
                                          "COMMAND",
                                          "COMMAND INFO",
                                          "COMMAND DOCS",
                                          "COMMAND GETKEYS",
                                          "INFO",
                                          "TIME",
                                          "MEMORY USAGE",
                                          "MEMORY STATS",
                                          "SLOWLOG GET",
                                          "LATENCY HISTORY",
                                          "ACL WHOAMI",
                                          "ACL LIST",
                                          "ACL CAT",
                                          "ACL DRYRUN",
                                          "MONITOR",
                                          "WAIT",
                                          "LASTSAVE",
                                          "ROLE",
                                          "HLEN",
                                          "LLEN",
                                          "AMPT.GET",
                                          "AMPT.SET",
                                          "AMPT.MGET",
                                          "AMPT.MSET",
                                          "AMPT.ADD",
                                          "AMPT.COUNT",
                                          "AMPT.REMOVE",
                                          "AMPT.REMOVERANGE",
                                          "AMPT.GETBYLABEL",
                                          "AMPT.EVENTS CREATE",
                                          "AMPT.EVENTS READ",
                                          "AMPT.EVENTS ACK",
                                          "AMPT.EVENTS NAK",
                                          "AMPT.EVENTS DROP",
                                          "AMPT.EVENTS LIST",
                                          "AMPT.EVENTS INFO",
                                          "AMPT.EVENTS DEAD",
                                          "AMPT.EVENTS REPLAY",
                                          "NOSUCHCOMMAND",
                                          ""};

constexpr std::string_view kWords[] = {"a",
                                       "b",
                                       "ns:a",
                                       "ns:b",
                                       "ns:c:d",
                                       "ns:*",
                                       "ns:>=a",
                                       "ns:a|c",
                                       "*",
                                       "",
                                       "ns:",
                                       ":x",
                                       " a ",
                                       "\xFF\xFE",
                                       "0",
                                       "1",
                                       "2",
                                       "-1",
                                       "25",
                                       "26",
                                       "100",
                                       "1000",
                                       "1001",
                                       "65536",
                                       "536870911",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "9223372036854775808",
                                       "18446744073709551615",
                                       "1.5",
                                       "1e300",
                                       "-0",
                                       "nan",
                                       "inf",
                                       "0x10",
                                       R"({"a":1,"b":{"c":[1,2,null]}})",
                                       R"({"a":{"$add":1}})",
                                       R"({"$add":0.1})",
                                       R"({"$binary":"/wA="})",
                                       R"({"a":null,"a":2)",
                                       "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]",
                                       "null",
                                       "true",
                                       R"("text")",
                                       "\"\\ud800\"",
                                       "EX",
                                       "PX",
                                       "NX",
                                       "XX",
                                       "GET",
                                       "KEEPTTL",
                                       "PERSIST",
                                       "MATCH",
                                       "COUNT",
                                       "TYPE",
                                       "LIMIT",
                                       "REVERSE",
                                       "START",
                                       "LABEL",
                                       "LABEL1",
                                       "label1",
                                       "LABEL2",
                                       "META",
                                       "QUIET",
                                       "OVERWRITE",
                                       "TTL",
                                       "FILTERS",
                                       "BLOCK",
                                       "REPLACE",
                                       "DB",
                                       "ASYNC",
                                       "ON",
                                       "OFF",
                                       "SKIP",
                                       "BCAST",
                                       "3",
                                       "return 1",
                                       "return redis.call('GET', KEYS[1])",
                                       "return redis.call('SET', KEYS[1], ARGV[1])",
                                       "return {KEYS, ARGV, {err='x'}}",
                                       "error('x')",
                                       "return redis.pcall('NOSUCH')",
                                       "return string.rep('x', 100000)",
                                       "[a-",
                                       "[^",
                                       "\\",
                                       "?",
                                       "*a*b*c*d*e*f*g*h*",
                                       "k?[a-z]*",
                                       "created:*:*",
                                       "ampt:*:*",
                                       "ampt:updated:ns:*",
                                       "2101-01-01",
                                       "\r\n",
                                       "$-1\r\n",
                                       "*3\r\n"};

constexpr std::string_view kLengths[] = {
    "-1",        "0",         "7",           "99999",      "1048577",
    "536870912", "536870913", "-2147483648", "4294967296", "99999999999999999999",
    "007",       "1x"};

Random RandomOf(uint64_t seed, size_t connection, uint64_t block) {
  Random mixer(seed * 0x10001 + connection);
  mixer.Next();
  return Random(mixer.Next() ^ block * 0x9E3779B97F4A7C15);
}

template <size_t n>
std::string_view Pick(Random* random, const std::string_view (&choices)[n]) {
  return choices[random->Below(n)];
}

std::string RandomBytes(Random* random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random->Next());
  return bytes;
}

std::string MakeRequest(Random* random) {
  std::vector<std::string> words;
  const std::string_view command = Pick(random, kCommands);
  const size_t space = command.find(' ');
  words.emplace_back(command.substr(0, space));
  if (space != std::string_view::npos) words.emplace_back(command.substr(space + 1));
  const uint64_t more = random->Below(random->Below(20) == 0 ? 60 : 6);
  for (uint64_t i = 0; i < more; ++i) {
    if (random->Below(12) == 0) {
      words.push_back(RandomBytes(random, random->Below(random->Below(50) == 0 ? 70'000 : 300)));
    } else {
      words.emplace_back(Pick(random, kWords));
    }
  }
  std::string bytes;
  const std::vector<std::string_view> views(words.begin(), words.end());
  AppendCommand(&bytes, views.data(), views.size());
  // Whoever subscribes may do little else, whoever is silenced is no test.
  const bool is_lasting = words[0].ends_with("SUBSCRIBE") || command == "CLIENT REPLY" ||
                          command == "MONITOR" || command == "MULTI";
  if (is_lasting && random->Below(4) != 0) AppendCommand(&bytes, {"RESET"});
  return bytes;
}

void Damage(Random* random, std::string* bytes) {
  const size_t at = random->Below(bytes->size());
  switch (random->Below(6)) {
    case 0:
      (*bytes)[at] = static_cast<char>(random->Next());
      break;
    case 1:
      (*bytes)[at] = static_cast<char>((*bytes)[at] ^ 1 << random->Below(8));
      break;
    case 2:
      bytes->resize(at);
      break;
    case 3:
      bytes->insert(at, bytes->substr(random->Below(bytes->size()), random->Below(40)));
      break;
    case 4:
      bytes->erase(at, 1 + random->Below(10));
      break;
    default: {
      const size_t digit = bytes->find_first_of("0123456789", at);
      if (digit != std::string::npos) bytes->replace(digit, 1, Pick(random, kLengths));
    }
  }
}

}  // namespace

Source Noise(uint64_t seed) {
  return [seed](size_t connection, uint64_t block, std::string* out) {
    constexpr std::string_view kBeginnings[] = {"*3\r\n$3\r\nSET\r\n", "*1\r\n", "*2\r\n$", "GET "};
    Random random = RandomOf(seed, connection, block);
    if (random.Below(4) == 0) out->append(Pick(&random, kBeginnings));
    out->append(RandomBytes(&random, random.Below(kBlockBytes)));
    return true;
  };
}

Source DamagedRequests(uint64_t seed) {
  return [seed](size_t connection, uint64_t block, std::string* out) {
    if (block == kBlocksPerConnection) return false;
    Random random = RandomOf(seed, connection, block);
    for (uint64_t i = 0; i < kRequestsPerBlock; ++i) {
      std::string request = MakeRequest(&random);
      if (random.Below(200) == 0) Damage(&random, &request);
      out->append(request);
    }
    return true;
  };
}

}  // namespace ampt::bench
