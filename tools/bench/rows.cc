#include "tools/bench/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ampt::bench {
namespace {

constexpr size_t kValueBytes = 64;
constexpr size_t kObjectBytes = 130;
constexpr size_t kKeysPerMset = 10;
constexpr std::string_view kPageItems = "100";

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
    std::string text(4096, ' ');
    for (char& c : text) c = static_cast<char>('a' + fixed.Below(26));
    return text;
  }();
  return std::string_view(letters).substr(random.Below(letters.size() - size), size);
}

Text<kValueBytes + 2> JsonString(Random& random) {
  return Text<kValueBytes + 2>("\"{}\"", Letters(random, kValueBytes));
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

void Put(const Request& r, uint64_t first, uint64_t second, Batches* out) {
  const auto key = KeyText(r.key);
  const auto label1 = FirstLabel(first);
  const auto label2 = SecondLabel(second);
  if (r.dialect.ampt) {
    out->Add({"AMPT.SET", key, JsonString(r.random), "QUIET", "LABEL1", label1, "LABEL2", label2});
  } else {
    out->Add({"EVALSHA", r.dialect.put_script, "4", key, "keys", "label1", "label2",
              Letters(r.random, kValueBytes), label1, label2});
  }
}

// --- requests ---

void WritePing(const Request&, Batches* out) {
  out->Add({"PING"});
}

void WriteGet(const Request& r, Batches* out) {
  out->Add({"GET", KeyText(r.key)});
}

void WriteSet(const Request& r, Batches* out) {
  out->Add({"SET", KeyText(r.key), Letters(r.random, kValueBytes)});
}

void WriteIncr(const Request& r, Batches* out) {
  out->Add({"INCR", KeyText(r.key)});
}

void WriteMset(const Request& r, Batches* out) {
  std::array<std::string, kKeysPerMset> keys;
  std::array<std::string_view, 1 + 2 * kKeysPerMset> words;
  words[0] = "MSET";
  for (size_t i = 0; i < kKeysPerMset; i++) {
    keys[i] = KeyText(r.random.Below(r.keys));
    words[1 + 2 * i] = keys[i];
    words[2 + 2 * i] = Letters(r.random, kValueBytes);
  }
  out->Add(words.data(), words.size());
}

void WriteAmptGet(const Request& r, Batches* out) {
  out->Add({r.dialect.ampt ? "AMPT.GET" : "GET", KeyText(r.key)});
}

void WriteAmptAdd(const Request& r, Batches* out) {
  if (r.dialect.ampt) {
    out->Add({"AMPT.ADD", KeyText(r.key), "1"});
  } else {
    WriteIncr(r, out);
  }
}

void WriteObject(const Request& r, Batches* out) {
  const auto object = Object(r.key, r.random);
  if (r.dialect.ampt) {
    out->Add({"AMPT.SET", KeyText(r.key), object, "OVERWRITE", "QUIET"});
  } else {
    out->Add({"SET", KeyText(r.key), object});
  }
}

void WriteAttribute(const Request& r, Batches* out) {
  if (!r.dialect.ampt) return WriteObject(r, out);
  const Text<24> attribute("{{\"visits\":{}}}", 100'000 + r.random.Below(900'000));
  out->Add({"AMPT.SET", KeyText(r.key), attribute, "QUIET"});
}

void WriteRecord(const Request& r, Batches* out) {
  const uint64_t labels = LabelCount(r.keys);
  Put(r, r.key % labels, r.key / labels % labels, out);
}

void WriteUpdate(const Request& r, Batches* out) {
  const uint64_t labels = LabelCount(r.keys);
  Put(r, r.random.Below(labels), r.random.Below(labels), out);
}

void WriteRangeByKey(const Request& r, Batches* out) {
  const uint64_t first = r.key % (r.keys - 100);  // a full page follows
  if (r.dialect.ampt) {
    out->Add({"AMPT.GET", Text<18>("key:>={:012}", first), "LIMIT", kPageItems});
  } else {
    out->Add({"EVALSHA", r.dialect.range_by_key_script, "1", "keys", KeyText(first), kPageItems});
  }
}

void WriteRangeByLabel(const Request& r, Batches* out) {
  const auto label = FirstLabel(r.key % LabelCount(r.keys));
  if (r.dialect.ampt) {
    out->Add({"AMPT.GETBYLABEL", "label1", label, "LIMIT", kPageItems});
  } else {
    out->Add({"EVALSHA", r.dialect.range_by_label_script, "1", "label1", label, kPageItems});
  }
}

std::string LoadScript(Client* client, std::string_view script) {
  const Reply reply = client->Ask({"SCRIPT", "LOAD", script});
  if (reply.error()) throw Failure(fmt::format("cannot load a script: {}", reply.text));
  return reply.text;
}

}  // namespace

Dialect PrepareDialect(Client* client, bool ampt, Dataset dataset) {
  Dialect dialect{ampt, "", "", ""};
  if (dataset == Dataset::kRecords && !ampt) {
    dialect.put_script = LoadScript(client, kPutScript);
    dialect.range_by_key_script = LoadScript(client, kRangeByKeyScript);
    dialect.range_by_label_script = LoadScript(client, kRangeByLabelScript);
  }
  return dialect;
}

Writer WriterOf(Dataset dataset) {
  switch (dataset) {
    case Dataset::kStrings:
      return WriteSet;
    case Dataset::kCounters:
      return WriteIncr;  // not SET 0: that would store a text, and AMPT.ADD wants a number
    case Dataset::kObjects:
      return WriteObject;
    case Dataset::kRecords:
      return WriteRecord;
  }
  return nullptr;
}

std::string Row::title() const {
  return fmt::format("{} P={}", name, depth);
}

std::vector<Row> AllRows(uint64_t keys, double scale) {
  std::vector<Row> rows;
  const auto add = [&](std::string_view name, size_t depth, Dataset dataset, double target,
                       uint64_t requests, Writer write) {
    const auto scaled = std::max<uint64_t>(1, static_cast<double>(requests) * scale);
    rows.push_back({std::string(name), depth, dataset, false, keys, scaled, target, write});
  };
  // At P = 1, 16 and 64; `cost` is about how many GETs one request is worth.
  struct Targets {
    double p1, p16, p64;
  };
  const auto add_all = [&](std::string_view name, Dataset dataset, Targets targets, double cost,
                           Writer write) {
    add(name, 1, dataset, targets.p1, 100'000, write);
    add(name, 16, dataset, targets.p16, static_cast<uint64_t>(800'000 / cost), write);
    add(name, 64, dataset, targets.p64, static_cast<uint64_t>(1'600'000 / cost), write);
  };
  const auto add_fill = [&](std::string_view name, size_t depth, Dataset dataset, double target,
                            uint64_t count) {
    rows.push_back(
        {std::string(name), depth, dataset, true, count, count, target, WriterOf(dataset)});
  };

  add_all("PING", Dataset::kStrings, {1.0, 0, 0}, 1, WritePing);
  add_all("GET", Dataset::kStrings, {0.85, 0.42, 0.28}, 1, WriteGet);
  add_all("SET existing key", Dataset::kStrings, {0.88, 0.40, 0.28}, 1, WriteSet);
  add_all("MSET of 10", Dataset::kStrings, {0, 0.25, 0}, 8, WriteMset);
  // Within 1.15 of our own GET; at P=16 the table of the product's own work is stricter.
  add_all("AMPT.GET (GET)", Dataset::kStrings, {0.98, 0.46, 0.32}, 1, WriteAmptGet);

  add_all("INCR", Dataset::kCounters, {0, 0.65, 0}, 1, WriteIncr);
  add_all("AMPT.ADD (INCR)", Dataset::kCounters, {0, 0, 0}, 1, WriteAmptAdd);

  add_all("AMPT.SET object (SET)", Dataset::kObjects, {0, 0, 0}, 2, WriteObject);
  add_all("AMPT.SET one attribute (SET of all)", Dataset::kObjects, {0, 1.0, 0}, 2, WriteAttribute);

  add("range of 100 by key (Lua)", 16, Dataset::kRecords, 0.067, 20'000, WriteRangeByKey);
  add("range of 100 by label (Lua)", 16, Dataset::kRecords, 0.085, 20'000, WriteRangeByLabel);
  add("update both labels (Lua)", 16, Dataset::kRecords, 0.14, 100'000, WriteUpdate);

  add_fill(fmt::format("SET new random key, to {}k", keys / 1000), 64, Dataset::kStrings, 1.0,
           keys);
  add_fill(fmt::format("SET new random key, to {}k", 5 * keys / 1000), 64, Dataset::kStrings, 1.0,
           5 * keys);
  add_fill("insert with 2 labels (Lua)", 16, Dataset::kRecords, 0.25, keys);
  return rows;
}

std::vector<MemoryRow> AllMemoryRows() {
  return {
      // 64 bytes over those of key and value.
      {"memory, 16-byte key, 64-byte value", Dataset::kStrings, 16 + kValueBytes + 64.0},
      {"memory, the same with 2 labels", Dataset::kRecords, 200},
      {"memory, JSON object of 130 bytes", Dataset::kObjects, 200},
  };
}

}  // namespace ampt::bench
