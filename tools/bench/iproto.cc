#include "tools/bench/iproto.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tools/bench/msgpack.h"

namespace ampt::bench {
namespace {

using msgpack::AppendArray;
using msgpack::AppendMap;
using msgpack::AppendString;
using msgpack::AppendUint;
using msgpack::Take;
using msgpack::Type;

enum Request : uint64_t { kSelect = 1, kReplace = 3, kUpdate = 4, kPing = 64 };
enum Field : uint64_t {
  kRequestType = 0x00,
  kSync = 0x01,
  kSpaceId = 0x10,
  kIndexId = 0x11,
  kLimit = 0x12,
  kOffset = 0x13,
  kIterator = 0x14,
  kKey = 0x20,
  kTuple = 0x21,
  kData = 0x30,
};

// Before each request and reply: how long the rest is, always in this form.
constexpr char kLengthMark = '\xCE';
constexpr size_t kLengthBytes = 5;
// More than a reply's header and the head of its data take.
constexpr size_t kLookedAtBytes = 48;

// Writes a request's header; its length is known, and written, when this ends. Requests of one
// connection share a sync number: replies come in order, and nobody looks at it.
class Frame {
 public:
  Frame(std::string* out, Request type) : out_(out), begin_(out->size()) {
    out_->append(kLengthBytes, '\0');
    AppendMap(out_, 2);
    Put(kRequestType, type);
    Put(kSync, 1);
  }
  ~Frame() {
    std::string length(1, kLengthMark);
    msgpack::AppendBigEndian(&length, out_->size() - begin_ - kLengthBytes, 4);
    out_->replace(begin_, kLengthBytes, length);
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  void Put(Field field, uint64_t value) {
    AppendUint(out_, field);
    AppendUint(out_, value);
  }
  void Put(Field field, std::initializer_list<std::string_view> texts) {
    AppendUint(out_, field);
    AppendArray(out_, texts.size());
    for (const std::string_view text : texts) AppendString(out_, text);
  }

 private:
  std::string* const out_;
  const size_t begin_;
};

uint64_t Number(auto value) {
  return static_cast<uint64_t>(value);
}

}  // namespace

const std::string_view kTarantoolProgram = R"(
box.cfg{work_dir = '{dir}', wal_mode = 'none', memtx_memory = 16 * 1024 ^ 3,
        checkpoint_interval = 0, net_msg_max = 10000, log_level = 'warn'}
local by_key = {type = 'tree', parts = {{1, 'string'}}}
local pairs_space = box.schema.space.create('pairs', {id = 512})
pairs_space:create_index('key', by_key)
local records = box.schema.space.create('records', {id = 513})
records:create_index('key', by_key)
records:create_index('label1', {type = 'tree', unique = false, parts = {{3, 'string'}}})
records:create_index('label2', {type = 'tree', unique = false, parts = {{4, 'string'}}})
box.schema.user.grant('guest', 'read,write', 'universe')
box.cfg{listen = '127.0.0.1:{port}'}
)";

void AppendIprotoPing(std::string* out) {
  Frame frame(out, kPing);
  AppendMap(out, 0);
}

void AppendSelect(std::string* out, Space space, SpaceIndex index, Walk walk, std::string_view text,
                  uint64_t limit) {
  Frame frame(out, kSelect);
  AppendMap(out, 6);
  frame.Put(kSpaceId, Number(space));
  frame.Put(kIndexId, Number(index));
  frame.Put(kLimit, limit);
  frame.Put(kOffset, 0);
  frame.Put(kIterator, Number(walk));
  frame.Put(kKey, {text});
}

void AppendReplace(std::string* out, Space space, std::initializer_list<std::string_view> fields) {
  Frame frame(out, kReplace);
  AppendMap(out, 2);
  frame.Put(kSpaceId, Number(space));
  frame.Put(kTuple, fields);
}

void AppendReplaceNumber(std::string* out, std::string_view key, uint64_t number) {
  Frame frame(out, kReplace);
  AppendMap(out, 2);
  frame.Put(kSpaceId, Number(Space::kPairs));
  AppendUint(out, kTuple);
  AppendArray(out, 2);
  AppendString(out, key);
  AppendUint(out, number);
}

void AppendIncrement(std::string* out, std::string_view key) {
  Frame frame(out, kUpdate);
  AppendMap(out, 4);
  frame.Put(kSpaceId, Number(Space::kPairs));
  frame.Put(kIndexId, Number(SpaceIndex::kKey));
  frame.Put(kKey, {key});
  AppendUint(out, kTuple);
  AppendArray(out, 1);  // operations: [["+", field 1, 1]]
  AppendArray(out, 3);
  AppendString(out, "+");
  AppendUint(out, 1);
  AppendUint(out, 1);
}

size_t IprotoReplyCounter::Feed(std::string_view bytes) {
  size_t complete = 0;
  while (!bytes.empty()) {
    if (left_ > 0) {
      const size_t passed = std::min<uint64_t>(left_, bytes.size());
      bytes.remove_prefix(passed);
      left_ -= passed;
      if (left_ == 0) complete += std::exchange(is_greeting_, false) ? 0 : 1;
      continue;
    }
    // First as much as tells the length, then as much as there is to look at.
    const size_t wanted = head_.size() < kLengthBytes ? kLengthBytes : HeadBytes();
    const size_t taken = std::min(wanted - head_.size(), bytes.size());
    head_.append(bytes.substr(0, taken));
    bytes.remove_prefix(taken);
    if (head_.size() < kLengthBytes || head_.size() < HeadBytes()) continue;
    CheckHead();
    left_ = kLengthBytes + ReplyBytes() - head_.size();
    head_.clear();
    complete += left_ == 0;
  }
  return complete;
}

uint64_t IprotoReplyCounter::ReplyBytes() const {
  std::string_view head(head_);
  const auto bytes = Take(Type::kUint, &head);
  if (head_[0] != kLengthMark || !bytes || *bytes == 0) throw Failure("not an IPROTO reply");
  return *bytes;
}

size_t IprotoReplyCounter::HeadBytes() const {
  return kLengthBytes + std::min<uint64_t>(ReplyBytes(), kLookedAtBytes);
}

void IprotoReplyCounter::CheckHead() const {
  std::string_view rest = std::string_view(head_).substr(kLengthBytes);
  const auto fields = Take(Type::kMap, &rest);
  for (uint64_t i = 0; i < fields.value_or(0); i++) {
    const auto field = Take(Type::kUint, &rest);
    const auto value = Take(Type::kUint, &rest);
    if (!field || !value) throw Failure("not an IPROTO reply");
    if (*field == kRequestType && *value != 0) {
      throw Failure(fmt::format("error reply {}: {}", *value & 0x7FFF, rest));
    }
  }
  if (Take(Type::kMap, &rest).value_or(0) == 0) return;  // a PING's
  if (Take(Type::kUint, &rest) == kData && Take(Type::kArray, &rest) == 0) {
    throw Failure("empty reply: something that was loaded is missing");
  }
}

}  // namespace ampt::bench
