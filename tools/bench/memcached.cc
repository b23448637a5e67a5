#include "tools/bench/memcached.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <iterator>

namespace ampt::bench {

void AppendMetaGet(std::string* out, std::string_view key) {
  out->append("mg ").append(key).append(" v\r\n");
}

void AppendMetaSet(std::string* out, std::string_view key, std::string_view value) {
  fmt::format_to(std::back_inserter(*out), "ms {} {}\r\n{}\r\n", key, value.size(), value);
}

void AppendMetaIncrement(std::string* out, std::string_view key) {
  out->append("ma ").append(key).append(" v\r\n");
}

bool MemcachedReplyCounter::TakeLine(std::string_view line) {
  if (line == "HD") return true;
  if (line == "EN" || line == "NF") {
    throw Failure("miss: something that was loaded is missing, or was evicted");
  }
  if (!line.starts_with("VA ")) throw Failure(fmt::format("error reply: {}", line));
  uint64_t length = 0;
  if (std::from_chars(line.data() + 3, line.data() + line.size(), length).ec != std::errc()) {
    throw Failure(fmt::format("not a length: {}", line));
  }
  body_left_ = length + 2;
  return false;
}

}  // namespace ampt::bench
