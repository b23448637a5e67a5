// The model that the server is compared with: what protocol.md says, in the plainest way there is.
//
// Items in a std::map, every query a scan over all of them, expired ones erased before anything
// else happens. It shares no code with the model, the commands or their parsers: requests come as
// structures, made by the test, which also writes them as words for the server. Replies are
// rendered as redis-cli prints them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampt::oracle {

// A JSON value. Numbers are decimal text; `$add` sums have at most six places.
struct Json {
  enum Kind { kNull, kBoolean, kNumber, kString, kArray, kObject };
  Kind kind = kNull;
  std::string text;  // true or false, the number's text, the string's bytes
  std::vector<Json> elements;
  std::vector<std::pair<std::string, Json>> members;

  static Json Number(std::string text) { return {kNumber, std::move(text), {}, {}}; }
  static Json String(std::string text) { return {kString, std::move(text), {}, {}}; }
  bool is_scalar() const { return kind < kArray; }
  // What a Redis string command sees. REQUIRES: is_scalar().
  std::string Text() const { return kind == kNull ? "null" : text; }
  const Json* Member(std::string_view name) const;
  Json* Member(std::string_view name);
  // Compact JSON, as the server writes it.
  std::string ToText() const;
};

std::string QuotedJson(std::string_view utf8);
// The text in a JSON place where a key may stand: bytes that are no UTF-8 become {"$binary":…}.
std::string KeyJson(std::string_view key);
std::string IsoDate(int64_t time_ms);
// a + b, plain. REQUIRES: both small, with at most six places behind the point.
std::string Sum(const std::string& a, const std::string& b);
// What redis-cli prints for a bulk string.
std::string Bulk(std::string_view bytes);

struct Item {
  Json value;
  int64_t created_s = 0;
  int64_t modified_s = 0;
  std::optional<int64_t> deadline_ms;
  std::array<std::string, 5> labels;  // "" = none
  // The operations since which the key, and each label, has been as it is.
  uint64_t there_since = 0;
  std::array<uint64_t, 5> label_since{};
};
using Items = std::map<std::string, Item>;

// What an expression means, before it is text.
struct Expression {
  enum Form { kEverything, kExact, kAll, kPrefix, kAbove, kFrom, kBelow, kUpTo, kBetween };
  Form form = kEverything;
  std::string space;  // the namespace
  std::string first;  // the key of kExact, the prefix, the operand, the lower end
  std::string last;   // the upper end

  std::string ToText() const;
  bool Contains(std::string_view text) const;
};

struct LabelChange {
  std::string text;  // "" removes
  bool if_absent = false;
};

// AMPT.SET and, with `add`, AMPT.ADD.
struct Write {
  std::string key;
  Json value;
  std::optional<Json> fallback;
  bool add = false;
  std::optional<std::string> add_attribute;
  std::string increment;
  bool meta = false;
  bool quiet = false;
  bool overwrite = false;
  bool remove_nulls = true;
  std::optional<bool> exists;
  std::optional<int64_t> created;
  bool ttl_given = false;
  std::optional<int64_t> deadline_ms;  // with ttl_given: nothing removes it
  std::vector<std::string> unset;
  std::map<int, LabelChange> labels;  // 0 to 4
};

// An element of AMPT.MSET.
struct BatchItem {
  std::string key;
  Json value;
  std::optional<int64_t> deadline_ms;
  std::array<std::string, 5> labels;
};

struct Query {
  Expression expression;
  int label = -1;  // 0 to 4
  bool meta = false;
  bool reverse = false;
  int64_t limit = 100;
  // The bytes of a lastKey, or of a label page's lastKey in its parts.
  std::string start_key;
  std::string start_label;
  bool has_start = false;
};

// A page as the model sees it.
struct Page {
  std::string reply;
  std::vector<std::string> keys;
  bool more = false;
  std::string last_key;
  std::string last_label;
};

// "created 0 key client": what the effects are told, without the value.
using Events = std::vector<std::string>;

class Model {
 public:
  static constexpr int kDatabases = 3;

  // Every operation begins with this: what is due is gone. Due items wait in expired().
  void Begin(int64_t now_ms);
  // `database` and key of items whose deadline came, until the server has said so too.
  std::multimap<int, std::string>& expired() { return expired_; }
  Events TakeEvents() { return std::exchange(events_, {}); }
  uint64_t operation() const { return operation_; }

  int database = 0;
  Items& items() { return items_[static_cast<size_t>(database)]; }
  const Items& items(int number) const { return items_[static_cast<size_t>(number)]; }

  std::string Set(const Write& write);
  std::string SetBatch(const std::vector<BatchItem>& batch, bool meta, bool quiet);
  std::string GetBatch(const std::vector<std::string>& keys, bool meta);
  // The value or item of an exact key, without a label.
  std::string GetExact(const std::string& key, bool meta);
  Page GetPage(const Query& query) const;
  std::string Remove(const std::vector<std::string>& keys);
  std::string Count(const Expression& expression, int label);
  std::string RemoveRange(const Expression& expression, int label);

  // Redis' commands.
  struct RedisSet {
    std::string key;
    std::string value;
    bool if_missing = false;
    bool if_there = false;
    bool get = false;
    bool keep_ttl = false;
    std::optional<int64_t> deadline_ms;
  };
  std::string SetText(const RedisSet& set);
  std::string GetText(const std::string& key);
  std::string Append(const std::string& key, const std::string& text);
  std::string Increment(const std::string& key, int64_t by);
  std::string Delete(const std::vector<std::string>& keys);
  std::string Exists(const std::vector<std::string>& keys);
  std::string Type(const std::string& key);
  std::string Rename(const std::string& from, const std::string& to, bool if_missing);
  std::string Copy(const std::string& from, int database, const std::string& to, bool replace);
  std::string Move(const std::string& key, int database);
  std::string Expire(const std::string& key, int64_t deadline_ms);
  std::string Persist(const std::string& key);
  std::string TimeToLiveMs(const std::string& key);
  std::string Size();
  std::string Flush();

 private:
  Item* Find(const std::string& key);
  // Stores, or removes what is there where the deadline is not in the future. Keeps count of since
  // when what has been so.
  void Store(int database, const std::string& key, Item item, const char* origin = "client");
  void Erase(int database, const std::string& key, const char* origin);
  // The value after the write, or an error.
  std::string Merge(const Write& write, const Json* stored, Json* result) const;
  std::vector<std::pair<std::string, std::string>> Matching(const Expression& expression,
                                                            int label) const;

  std::array<Items, kDatabases> items_;
  std::multimap<int, std::string> expired_;
  Events events_;
  int64_t now_ms_ = 0;
  uint64_t operation_ = 0;
};

}  // namespace ampt::oracle
