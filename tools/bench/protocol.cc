#include "tools/bench/protocol.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/bench/iproto.h"
#include "tools/bench/memcached.h"
#include "tools/bench/resp.h"

namespace ampt::bench {
namespace {

constexpr size_t kMaxLineBytes = 64 * 1024;

}  // namespace

std::unique_ptr<ReplyCounter> NewReplyCounter(Protocol protocol) {
  switch (protocol) {
    case Protocol::kResp:
      return std::make_unique<RespReplyCounter>();
    case Protocol::kMemcached:
      return std::make_unique<MemcachedReplyCounter>();
    case Protocol::kIproto:
      return std::make_unique<IprotoReplyCounter>();
  }
  return nullptr;
}

size_t LineReplyCounter::Feed(std::string_view bytes) {
  size_t complete = 0;
  while (!bytes.empty()) {
    if (body_left_ > 0) {
      const size_t passed = std::min<uint64_t>(body_left_, bytes.size());
      bytes.remove_prefix(passed);
      body_left_ -= passed;
      if (body_left_ == 0) complete += EndBody();
      continue;
    }
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) {
      line_.append(bytes);
      if (line_.size() > kMaxLineBytes) throw Failure("not a reply: a line without an end");
      break;
    }
    if (line_.empty()) {
      complete += TakeEndedLine(bytes.substr(0, end));
    } else {
      line_.append(bytes.substr(0, end));
      complete += TakeEndedLine(line_);
      line_.clear();
    }
    bytes.remove_prefix(end + 1);
  }
  return complete;
}

// `line` ends before its '\n'.
bool LineReplyCounter::TakeEndedLine(std::string_view line) {
  if (line.size() < 2 || line.back() != '\r') {
    throw Failure(fmt::format("not a reply: '{}'", line));
  }
  return TakeLine(line.substr(0, line.size() - 1));
}

}  // namespace ampt::bench
