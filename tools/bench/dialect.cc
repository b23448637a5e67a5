#include "tools/bench/dialect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "tools/bench/iproto.h"
#include "tools/bench/memcached.h"
#include "tools/bench/resp.h"

namespace ampt::bench {
namespace {

constexpr size_t kRecordBytes = 64;
constexpr size_t kObjectBytes = 130;
constexpr size_t kKeysPerMset = 10;
constexpr uint64_t kPageItems = 100;
constexpr std::string_view kPageText = "100";

// Lua and sorted sets in place of labels and key order. A record is the string
// `label1|label2|value`; the sorted set `keys` holds every key, `label1` and `label2` hold
// `label|key`, all with score 0, so that ZRANGEBYLEX walks them in order. KEYS: key and the three
// sets; ARGV: value, label1, label2.
constexpr std::string_view kPutScript = R"(
local key, value, first, second = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local old = redis.call('GET', key)
if old then
  local old_first, old_second = string.match(old, '^([^|]*)|([^|]*)|')
  if old_first ~= first then redis.call('ZREM', KEYS[3], old_first .. '|' .. key) end
  if old_second ~= second then redis.call('ZREM', KEYS[4], old_second .. '|' .. key) end
else
  redis.call('ZADD', KEYS[2], 0, key)
end
redis.call('SET', key, first .. '|' .. second .. '|' .. value)
redis.call('ZADD', KEYS[3], 0, first .. '|' .. key)
redis.call('ZADD', KEYS[4], 0, second .. '|' .. key)
return redis.status_reply('OK'))";

// KEYS: keys; ARGV: first key, number of items.
constexpr std::string_view kRangeByKeyScript = R"(
local found = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1], '+', 'LIMIT', 0, ARGV[2])
return redis.call('MGET', unpack(found)))";

// KEYS: label1; ARGV: label, number of items. '}' follows '|'.
constexpr std::string_view kRangeByLabelScript = R"(
local from = ARGV[1] .. '|'
local found = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. from, '(' .. ARGV[1] .. '}',
                         'LIMIT', 0, ARGV[2])
for i, member in ipairs(found) do found[i] = string.sub(member, #from + 1) end
return redis.call('MGET', unpack(found)))";

// Text of a fixed size built without the heap. REQUIRES: what is written fits.
template <size_t kSize>
class Text {
 public:
  template <typename... Args>
  explicit Text(fmt::format_string<Args...> format, Args&&... args) {
    const auto end = fmt::format_to_n(bytes_.data(), kSize, format, std::forward<Args>(args)...);
    size_ = std::min(end.size, kSize);
  }
  operator std::string_view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kSize> bytes_;
  size_t size_;
};

Text<16> KeyText(uint64_t key) {
  return Text<16>("key:{:012}", key);
}

// `size` letters, others for every draw: a slice of a fixed text.
std::string_view Letters(Random& random, size_t size) {
  static const std::string letters = [] {
    Random fixed(1);
    std::string text(2 * kMaxValueBytes, ' ');
    for (char& c : text) c = static_cast<char>('a' + fixed.Below(26));
    return text;
  }();
  return std::string_view(letters).substr(random.Below(letters.size() - size), size);
}

Text<kRecordBytes + 2> JsonString(Random& random) {
  return Text<kRecordBytes + 2>("\"{}\"", Letters(random, kRecordBytes));
}

Text<kObjectBytes> Object(uint64_t key, Random& random) {
  return Text<kObjectBytes>(
      R"({{"id":{:012},"name":"{}","email":"{}@example.com","city":"{}","visits":{},"active":true}})",
      key + 100'000'000'000, Letters(random, 16), Letters(random, 12), Letters(random, 10),
      100'000 + random.Below(900'000));
}

// At least 200 items a label, so that a page of 100 is full also in a small data set.
uint64_t LabelCount(uint64_t keys) {
  return std::clamp<uint64_t>(keys / 200, 1, 1000);
}
Text<8> FirstLabel(uint64_t value) {
  return Text<8>("group{:03}", value);
}
Text<8> SecondLabel(uint64_t value) {
  return Text<8>("shade{:03}", value);
}

struct Labels {
  Text<8> first;
  Text<8> second;
};
Labels LabelsOf(uint64_t first, uint64_t second) {
  return {FirstLabel(first), SecondLabel(second)};
}
// The labels a record is loaded with.
Labels FirstLabels(const Request& r) {
  const uint64_t labels = LabelCount(r.keys);
  return LabelsOf(r.key % labels, r.key / labels % labels);
}
Labels OtherLabels(const Request& r) {
  const uint64_t labels = LabelCount(r.keys);
  const uint64_t first = r.random.Below(labels);
  return LabelsOf(first, r.random.Below(labels));
}
// Where a full page begins.
uint64_t PageBegin(const Request& r) {
  return r.key % (r.keys - kPageItems);
}
Text<8> PageLabel(const Request& r) {
  return FirstLabel(r.key % LabelCount(r.keys));
}
std::string_view Value(const Request& r) {
  return Letters(r.random, r.value_bytes);
}

// --- redis ---------------------------------------------------------------------------------------

void RedisPing(const Request&, Batches* out) {
  out->Add({"PING"});
}

void RedisGet(const Request& r, Batches* out) {
  out->Add({"GET", KeyText(r.key)});
}

void RedisSet(const Request& r, Batches* out) {
  out->Add({"SET", KeyText(r.key), Value(r)});
}

void RedisIncrement(const Request& r, Batches* out) {
  out->Add({"INCR", KeyText(r.key)});
}

void RedisMset(const Request& r, Batches* out) {
  std::array<std::string, kKeysPerMset> keys;
  std::array<std::string_view, 1 + 2 * kKeysPerMset> words;
  words[0] = "MSET";
  for (size_t i = 0; i < kKeysPerMset; i++) {
    keys[i] = KeyText(r.random.Below(r.keys));
    words[1 + 2 * i] = keys[i];
    words[2 + 2 * i] = Value(r);
  }
  out->Add(words.data(), words.size());
}

void RedisObject(const Request& r, Batches* out) {
  out->Add({"SET", KeyText(r.key), Object(r.key, r.random)});
}

void RedisPut(const Request& r, const Labels& labels, Batches* out) {
  out->Add({"EVALSHA", r.scripts.put, "4", KeyText(r.key), "keys", "label1", "label2",
            Letters(r.random, kRecordBytes), labels.first, labels.second});
}
void RedisRecord(const Request& r, Batches* out) {
  RedisPut(r, FirstLabels(r), out);
}
void RedisUpdate(const Request& r, Batches* out) {
  RedisPut(r, OtherLabels(r), out);
}

void RedisRangeByKey(const Request& r, Batches* out) {
  out->Add({"EVALSHA", r.scripts.range_by_key, "1", "keys", KeyText(PageBegin(r)), kPageText});
}

void RedisRangeByLabel(const Request& r, Batches* out) {
  out->Add({"EVALSHA", r.scripts.range_by_label, "1", "label1", PageLabel(r), kPageText});
}

// --- ampt: where it differs from redis -----------------------------------------------------------

void AmptGet(const Request& r, Batches* out) {
  out->Add({"AMPT.GET", KeyText(r.key)});
}

void AmptAdd(const Request& r, Batches* out) {
  out->Add({"AMPT.ADD", KeyText(r.key), "1"});
}

void AmptObject(const Request& r, Batches* out) {
  out->Add({"AMPT.SET", KeyText(r.key), Object(r.key, r.random), "OVERWRITE", "QUIET"});
}

void AmptAttribute(const Request& r, Batches* out) {
  const Text<24> attribute("{{\"visits\":{}}}", 100'000 + r.random.Below(900'000));
  out->Add({"AMPT.SET", KeyText(r.key), attribute, "QUIET"});
}

void AmptPut(const Request& r, const Labels& labels, Batches* out) {
  out->Add({"AMPT.SET", KeyText(r.key), JsonString(r.random), "QUIET", "LABEL1", labels.first,
            "LABEL2", labels.second});
}
void AmptRecord(const Request& r, Batches* out) {
  AmptPut(r, FirstLabels(r), out);
}
void AmptUpdate(const Request& r, Batches* out) {
  AmptPut(r, OtherLabels(r), out);
}

void AmptRangeByKey(const Request& r, Batches* out) {
  out->Add({"AMPT.GET", Text<18>("key:>={:012}", PageBegin(r)), "LIMIT", kPageText});
}

void AmptRangeByLabel(const Request& r, Batches* out) {
  out->Add({"AMPT.GETBYLABEL", "label1", PageLabel(r), "LIMIT", kPageText});
}

// --- memcached -----------------------------------------------------------------------------------

void MemcachedGet(const Request& r, Batches* out) {
  AppendMetaGet(out->Begin(), KeyText(r.key));
}

void MemcachedSet(const Request& r, Batches* out) {
  AppendMetaSet(out->Begin(), KeyText(r.key), Value(r));
}

void MemcachedCounter(const Request& r, Batches* out) {
  AppendMetaSet(out->Begin(), KeyText(r.key), "1");
}

void MemcachedIncrement(const Request& r, Batches* out) {
  AppendMetaIncrement(out->Begin(), KeyText(r.key));
}

// --- tarantool -----------------------------------------------------------------------------------

void TarantoolPing(const Request&, Batches* out) {
  AppendIprotoPing(out->Begin());
}

void TarantoolGet(const Request& r, Batches* out) {
  AppendSelect(out->Begin(), Space::kPairs, SpaceIndex::kKey, Walk::kEqual, KeyText(r.key), 1);
}

void TarantoolSet(const Request& r, Batches* out) {
  AppendReplace(out->Begin(), Space::kPairs, {KeyText(r.key), Value(r)});
}

void TarantoolCounter(const Request& r, Batches* out) {
  AppendReplaceNumber(out->Begin(), KeyText(r.key), 1);
}

void TarantoolIncrement(const Request& r, Batches* out) {
  AppendIncrement(out->Begin(), KeyText(r.key));
}

void TarantoolPut(const Request& r, const Labels& labels, Batches* out) {
  AppendReplace(out->Begin(), Space::kRecords,
                {KeyText(r.key), Letters(r.random, kRecordBytes), labels.first, labels.second});
}
void TarantoolRecord(const Request& r, Batches* out) {
  TarantoolPut(r, FirstLabels(r), out);
}
void TarantoolUpdate(const Request& r, Batches* out) {
  TarantoolPut(r, OtherLabels(r), out);
}

void TarantoolRangeByKey(const Request& r, Batches* out) {
  AppendSelect(out->Begin(), Space::kRecords, SpaceIndex::kKey, Walk::kFrom, KeyText(PageBegin(r)),
               kPageItems);
}

void TarantoolRangeByLabel(const Request& r, Batches* out) {
  AppendSelect(out->Begin(), Space::kRecords, SpaceIndex::kLabel1, Walk::kEqual, PageLabel(r),
               kPageItems);
}

// -------------------------------------------------------------------------------------------------

// One line an operation, in the order of Op.
struct Phrase {
  Op op;
  Writer redis, lua, ampt, memcached, tarantool;
};
constexpr Phrase kPhrases[] = {
    // clang-format off
    // memcached's mn makes it send what it has, so that pipelined ones cost a system call each.
    {Op::kPing,         RedisPing, RedisPing, RedisPing, nullptr, TarantoolPing},
    {Op::kGet,          RedisGet, RedisGet, RedisGet, MemcachedGet, TarantoolGet},
    {Op::kSet,          RedisSet, RedisSet, RedisSet, MemcachedSet, TarantoolSet},
    {Op::kIncrement,    RedisIncrement, RedisIncrement, RedisIncrement, MemcachedIncrement,
                        TarantoolIncrement},
    {Op::kMset,         RedisMset, RedisMset, RedisMset, nullptr, nullptr},
    {Op::kAmptGet,      RedisGet, RedisGet, AmptGet, nullptr, nullptr},
    {Op::kAmptAdd,      RedisIncrement, RedisIncrement, AmptAdd, nullptr, nullptr},
    {Op::kObject,       RedisObject, RedisObject, AmptObject, nullptr, nullptr},
    {Op::kAttribute,    RedisObject, RedisObject, AmptAttribute, nullptr, nullptr},
    // INCR, not SET: that would store a text, and AMPT.ADD wants a number.
    {Op::kCounter,      RedisIncrement, RedisIncrement, RedisIncrement, MemcachedCounter,
                        TarantoolCounter},
    {Op::kRecord,       nullptr, RedisRecord, AmptRecord, nullptr, TarantoolRecord},
    {Op::kUpdate,       nullptr, RedisUpdate, AmptUpdate, nullptr, TarantoolUpdate},
    {Op::kRangeByKey,   nullptr, RedisRangeByKey, AmptRangeByKey, nullptr, TarantoolRangeByKey},
    {Op::kRangeByLabel, nullptr, RedisRangeByLabel, AmptRangeByLabel, nullptr,
                        TarantoolRangeByLabel},
    // clang-format on
};
static_assert(std::size(kPhrases) == static_cast<size_t>(Op::kCount));
static_assert([] {
  for (size_t i = 0; i < std::size(kPhrases); i++) {
    if (kPhrases[i].op != static_cast<Op>(i)) return false;
  }
  return true;
}());

// "" where there is no Lua.
std::string LoadScript(Client* client, std::string_view script) {
  const Reply reply = client->Ask({"SCRIPT", "LOAD", script});
  return reply.error() ? "" : reply.text;
}

}  // namespace

Scripts LoadScripts(uint16_t port) {
  Client client(port);
  return {LoadScript(&client, kPutScript), LoadScript(&client, kRangeByKeyScript),
          LoadScript(&client, kRangeByLabelScript)};
}

Writer WriterOf(Dialect dialect, Op op) {
  const Phrase& phrase = kPhrases[static_cast<size_t>(op)];
  switch (dialect) {
    case Dialect::kRedis:
      return phrase.redis;
    case Dialect::kRedisWithLua:
      return phrase.lua;
    case Dialect::kAmpt:
      return phrase.ampt;
    case Dialect::kMemcached:
      return phrase.memcached;
    case Dialect::kTarantool:
      return phrase.tarantool;
  }
  return nullptr;
}

}  // namespace ampt::bench
