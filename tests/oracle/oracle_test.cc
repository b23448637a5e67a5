// Random requests to the commands and to the model beside them: every reply, every event and, again
// and again, every item in every order must agree.
//
//   SEED=7 OPERATIONS=1000000 unit-tests --gtest_filter='Oracle.*'
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "tests/oracle/model_oracle.h"
#include "tests/unit/test_context.h"

namespace ampt::oracle {
namespace {

using Words = std::vector<std::string>;

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// The server's events in the model's words.
class EventRecorder : public Effects {
 public:
  void WillChange(int, const ampt::Item&, Origin) override {}
  void DidChange(int database, ChangeKind kind, const ampt::Item& item, Origin origin) override {
    static constexpr const char* kKinds[] = {"created ", "updated ", "deleted "};
    static constexpr const char* kOrigins[] = {"client", "expired", "evicted", "moved", "loaded"};
    events.push_back(kKinds[static_cast<int>(kind)] + std::to_string(database) + " " +
                     std::string(item.key()) + " " + kOrigins[static_cast<int>(origin)]);
  }
  void WillFlush(int database) override { events.push_back("flush " + std::to_string(database)); }

  Events events;
};

// Remembers the bulk strings of a reply one by one.
class BulksReply : public RecordingReply {
 public:
  void Bulk(std::string_view bytes) override {
    bulks.emplace_back(bytes);
    RecordingReply::Bulk(bytes);
  }
  std::vector<std::string> bulks;
};

std::string LabelCursor(const std::string& key, const std::string& label) {
  std::string cursor;
  for (const std::string* part : {&key, &label}) {
    if (part == &label) cursor.push_back('|');
    for (const char c : *part) {
      if (c == '|' || c == '\\') cursor.push_back('\\');
      cursor.push_back(c);
    }
  }
  return cursor;
}

class Comparison {
 public:
  explicit Comparison(uint64_t seed) : random_(seed) {
    for (auto& database : server_.databases) database->set_effects(&recorder_);
    walks_.resize(6);
    scans_.resize(2);
    MakeNames();
  }

  // One random request; a failure is one of gtest's.
  void Step();
  // Everything, in every order.
  void CheckAll();

 private:
  // --- what requests are made of ---
  void MakeNames();
  bool OneIn(uint64_t n) { return random_.OneIn(n); }
  int64_t Below(uint64_t n) { return static_cast<int64_t>(random_.Below(n)); }
  template <typename T>
  const T& Pick(const std::vector<T>& from) {
    return from[random_.Below(from.size())];
  }
  // A key that AMPT commands may write, and any key.
  const std::string& ItemKey() { return Pick(item_keys_); }
  const std::string& AnyKey() { return OneIn(4) ? Pick(raw_keys_) : Pick(item_keys_); }
  // The same as a person might type it.
  std::string Typed(const std::string& key);
  std::vector<std::string> SomeItemKeys(size_t most);
  std::string Number() { return Pick(numbers_); }
  Json Scalar();
  Json Value(int depth);
  Json Object(int depth);
  Json RootValue();
  Expression AnyExpression(const std::vector<std::string>& texts);
  // Words for a deadline, and the deadline.
  std::string When(std::optional<int64_t>* deadline_ms);

  // --- requests ---
  void DoSet(bool add);
  void DoSetBatch();
  void DoQuery();
  void DoRead();
  void DoRemove();
  void DoRange();
  void DoRedisWrite();
  void DoRedisMove();
  void DoRefused();
  void DoFlushOrSelect();

  // Runs the words on the server and compares with what the model said.
  void Expect(const Words& words, const std::string& expected);
  void CompareEvents();
  std::string Run(const Words& words);

  // --- walks that go on while others write ---
  struct Walk {
    bool active = false;
    Query query;
    int database = 0;
    uint64_t since = 0;
    std::map<std::string, int> seen;
    bool is_scan = false;
    std::string cursor = "0";  // of SCAN
  };
  void AdvanceWalk(Walk& walk);
  void AdvanceScan(Walk& scan);
  void FinishWalk(Walk& walk);
  Words QueryWords(const Query& query);

  Random random_;
  TestContext server_;
  EventRecorder recorder_;
  Model model_;
  Words last_words_;
  std::vector<Walk> walks_;
  std::vector<Walk> scans_;

  std::vector<std::string> spaces_, names_, item_keys_, raw_keys_, labels_, numbers_, attributes_;
};

void Comparison::MakeNames() {
  spaces_ = {"a", "b", "ab", "a*", "\xC3\xA9"};
  names_ = {"1",
            "10",
            "2",
            "x",
            "x:y",
            "xa",
            "xb",
            "p q",
            "~",
            "\xC3\xA9",
            "\xF0\x9F\x98\x80",
            "=",
            "a>b",
            std::string("x\0", 2),
            "x\x7f"};
  for (int i = 0; i < 25; ++i) names_.push_back("n" + std::to_string(i));
  for (const std::string& space : spaces_) {
    for (const std::string& name : names_) item_keys_.push_back(space + ":" + name);
  }
  for (const char* simple : {"a", "b", "foo", "bar", "b*c", "x|y", ">z", "\\", "a;", "a9"}) {
    item_keys_.emplace_back(simple);
  }
  raw_keys_ = {"",
               " a",
               "a: x",
               "a:\xff",
               "\xff\xfe",
               "a:p|q",
               "a:*",
               "a:>1",
               ":",
               "a:",
               "*",
               "a:x*y",
               std::string(1, '\0'),
               std::string("a:\0z", 4),
               std::string(3'000, 'k')};
  labels_ = {"red",
             "blue",
             "c:1",
             "c:10",
             "c:2",
             "c:x",
             "d:x|y",
             "d:\\",
             "d:x\\|",
             "c:~",
             "a:n1",
             "\xC3\xA9",
             std::string("c:\0k", 4),
             "c:\x01k"};
  numbers_ = {"0",   "1",    "-1",  "7",      "10",     "-5",    "1.5", "0.1",
              "0.2", "1.50", "1e3", "2.5e-2", "100000", "-0.25", "1E2", "-1.5e1"};
  attributes_ = {"a", "b", "n", "m", "$x", "q\"", "\xC3\xA9", "", "a.b", "\n"};
}

std::string Comparison::Typed(const std::string& key) {
  if (!OneIn(6)) return key;
  std::string typed = " " + key + "\t";
  if (const size_t colon = typed.find(':'); colon != std::string::npos) {
    typed.insert(colon + 1, "\xC2\xA0 ");
  }
  return typed;
}

std::vector<std::string> Comparison::SomeItemKeys(size_t most) {
  std::vector<std::string> keys;
  for (uint64_t n = 1 + random_.Below(most); n > 0; --n) {
    const std::string& key = ItemKey();
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  }
  return keys;
}

Json Comparison::Scalar() {
  static const std::vector<std::string> kTexts = {
      "",
      "x",
      "7",
      "12",
      "true",
      "say \"hi\"",
      "back\\slash",
      "\n\t\x01",
      "\xC3\xA9\xF0\x9F\x98\x80",
      "/",
      "null",
      "a longer text that does not fit into the room that a short one had before it"};
  switch (random_.Below(8)) {
    case 0:
      return {Json::kBoolean, OneIn(2) ? "true" : "false", {}, {}};
    case 1:
    case 2:
    case 3:
      return Json::Number(Number());
    case 4:
      return Json::String(std::string(random_.Below(3'000), 'v'));
    default:
      return Json::String(Pick(kTexts));
  }
}

Json Comparison::Value(int depth) {
  const uint64_t kind = random_.Below(10);
  if (depth == 0 || kind < 6) return kind == 0 ? Json{} : Scalar();
  if (kind < 8) return Object(depth - 1);
  Json array{Json::kArray, {}, {}, {}};
  for (uint64_t n = random_.Below(4); n > 0; --n) array.elements.push_back(Value(depth - 1));
  // Plain data, there.
  if (OneIn(5)) array.elements.push_back({Json::kObject, {}, {}, {{"$add", Json::Number("1")}}});
  return array;
}

Json Comparison::Object(int depth) {
  Json object{Json::kObject, {}, {}, {}};
  for (uint64_t n = random_.Below(5); n > 0; --n) {
    const std::string& name = Pick(attributes_);
    if (object.Member(name) == nullptr) object.members.emplace_back(name, Value(depth));
  }
  return object;
}

Json Comparison::RootValue() {
  const Json add{Json::kObject, {}, {}, {{"$add", Json::Number(Number())}}};
  const uint64_t kind = random_.Below(20);
  if (kind == 0) return Json{};
  if (kind == 1) return Json::String(std::string("\xff\x00 bytes", 8));
  if (kind == 2) return add;
  if (kind < 8) return Scalar();
  if (kind < 10) {
    Json array = Value(2);
    return array.kind == Json::kArray ? array : Scalar();
  }
  Json object = Object(2);
  for (auto& [name, member] : object.members) {
    if (OneIn(8)) member = add;
  }
  return object;
}

Expression Comparison::AnyExpression(const std::vector<std::string>& texts) {
  Expression expression;
  expression.form = static_cast<Expression::Form>(random_.Below(9));
  if (expression.form == Expression::kExact) {
    do {
      expression.first = Pick(texts);
    } while (texts == labels_ && expression.first.find('|') != std::string::npos);
    return expression;
  }
  expression.space = texts == labels_ ? (OneIn(3) ? "d" : "c") : Pick(spaces_);
  static const std::vector<std::string> kOperands = {"1", "10", "n", "n1", "n12",
                                                     "x", "xa", "~", "zz"};
  expression.first = Pick(kOperands);
  expression.last = Pick(kOperands);
  if (expression.last < expression.first) std::swap(expression.first, expression.last);
  return expression;
}

std::string Comparison::When(std::optional<int64_t>* deadline_ms) {
  const int64_t now_ms = server_.clock.NowMs();
  const int64_t from_now_s = Below(12) - 2;
  switch (random_.Below(4)) {
    case 0:
      deadline_ms->reset();
      return "";
    case 1:
      *deadline_ms = (now_ms / 1000 + from_now_s) * 1000;
      return std::to_string(now_ms / 1000 + from_now_s);
    case 2:
      *deadline_ms = now_ms + Below(3'000) - 300;
      return IsoDate(**deadline_ms);
    default:
      *deadline_ms = now_ms + from_now_s * 1000;
      return std::to_string(from_now_s);
  }
}

// --- comparing
// ------------------------------------------------------------------------------------

std::string Comparison::Run(const Words& words) {
  last_words_ = words;
  return server_.Run(words);
}

void Comparison::Expect(const Words& words, const std::string& expected) {
  const std::string reply = Run(words);
  if (reply == expected) return;
  // Of several attributes that are no numbers any may be named.
  const std::string_view no_number = "(error) WRONGTYPE $add needs a number, ";
  if (expected.starts_with(no_number) && reply.starts_with(no_number)) return;
  std::string request;
  for (const std::string& word : words) request += Bulk(word) + " ";
  FAIL() << "operation " << model_.operation() << " in database " << model_.database << ": "
         << request << "\nthe server answers " << reply << "\nthe model says     " << expected;
}

void Comparison::CompareEvents() {
  const Events expected = model_.TakeEvents();
  size_t next = 0;
  std::string all;
  for (const std::string& event : std::exchange(recorder_.events, {})) {
    all += "\n  " + event;
    if (next < expected.size() && event == expected[next]) {
      ++next;
      continue;
    }
    if (event.starts_with("flush ")) {
      model_.expired().erase(event.back() - '0');
      continue;
    }
    // An item whose time had come, some time ago.
    bool was_due = false;
    for (auto at = model_.expired().begin(); at != model_.expired().end() && !was_due; ++at) {
      was_due = event == "deleted " + std::to_string(at->first) + " " + at->second + " expired";
      if (was_due) {
        model_.expired().erase(at);
        break;
      }
    }
    ASSERT_TRUE(was_due) << "unexpected event: " << event << "\nafter " << last_words_[0];
  }
  ASSERT_EQ(next, expected.size()) << "missing: " << expected[next] << "\nthere were:" << all;
}

// --- requests
// -------------------------------------------------------------------------------------

void Comparison::DoSet(bool add) {
  Write write;
  write.key = ItemKey();
  const ampt::oracle::Item* stored = nullptr;
  if (const auto at = model_.items().find(write.key); at != model_.items().end()) {
    stored = &at->second;
  }
  Words words = {add ? "AMPT.ADD" : "ampt.set", Typed(write.key)};
  if (add) {
    write.increment = Number();
    write.value = {Json::kObject, {}, {}, {{"$add", Json::Number(write.increment)}}};
    if (OneIn(2)) {
      const std::string& attribute = Pick(attributes_);
      write.value = {Json::kObject, {}, {}, {{attribute, write.value}}};
      words.push_back(attribute);
    }
    words.push_back(write.increment);
  } else {
    write.value = RootValue();
    words.push_back(write.value.ToText());
  }
  const bool is_add = write.value.members.size() == 1 && write.value.members[0].first == "$add";
  const bool is_object = write.value.kind == Json::kObject && !is_add;
  if (!add && OneIn(6) && write.value.ToText().find("$binary") == std::string::npos) {
    Json fallback = is_object ? Object(2) : is_add ? Json::Number(Number()) : Scalar();
    if (write.value.kind == Json::kArray) fallback = {Json::kArray, {}, {}, {}};
    std::erase_if(fallback.members,
                  [](const auto& member) { return member.second.kind == Json::kNull; });
    if (write.value.kind == Json::kNull || fallback.kind == write.value.kind || is_add) {
      write.fallback = fallback;
      words.insert(words.end(), {"DEFAULT", fallback.ToText()});
    }
  }
  if (!add && is_object && OneIn(6)) {
    write.unset = {Pick(attributes_), Pick(attributes_)};
    words.insert(words.end(), {"UNSET", "2", write.unset[0], write.unset[1]});
  }
  switch (random_.Below(4)) {
    case 0:
      write.meta = true;
      words.push_back("META");
      break;
    case 1:
      write.quiet = true;
      words.push_back("quiet");
      break;
    default:
      break;
  }
  if (OneIn(5)) {
    write.overwrite = true;
    words.push_back("OVERWRITE");
  }
  if (OneIn(6)) {
    write.exists = OneIn(2);
    words.insert(words.end(), {"EXISTS", *write.exists ? "true" : "no"});
  }
  if (OneIn(8)) {
    write.created = stored != nullptr && OneIn(2) ? stored->created_s : Below(2) * 1'700'000'000;
    words.insert(words.end(), {"CREATED", std::to_string(*write.created)});
  }
  if (OneIn(6)) {
    write.remove_nulls = OneIn(2);
    words.insert(words.end(), {"REMOVENULLS", write.remove_nulls ? "yes" : "false"});
  }
  if (OneIn(4)) {
    write.ttl_given = true;
    const std::string when = When(&write.deadline_ms);
    words.insert(words.end(), {"TTL", when});
  }
  for (int n = 0; n < 5; ++n) {
    if (!OneIn(4)) continue;
    LabelChange change{Pick(labels_), OneIn(3)};
    if (!change.if_absent && OneIn(6)) change.text.clear();
    words.insert(words.end(), {"LABEL" + std::to_string(n + 1) + (change.if_absent ? "NX" : ""),
                               change.text.empty() ? "" : Typed(change.text)});
    write.labels[n] = change;
  }
  Expect(words, model_.Set(write));
}

void Comparison::DoSetBatch() {
  Words words = {"AMPT.MSET", ""};
  std::vector<BatchItem> batch;
  for (const std::string& key : SomeItemKeys(OneIn(5) ? 25 : 5)) {
    BatchItem item{key, Value(2), {}, {}};
    if (item.value.kind == Json::kNull) item.value = Scalar();
    if (item.value.kind == Json::kObject) {
      std::erase_if(item.value.members,
                    [](const auto& member) { return member.second.kind == Json::kNull; });
    }
    std::string json = "{\"other\":[1], \"value\": " + item.value.ToText();
    if (OneIn(4)) {
      const std::string when = When(&item.deadline_ms);
      const bool is_text = when.find('T') != std::string::npos;
      json += ",\"ttl\":" + (when.empty() ? "null" : is_text ? QuotedJson(when) : when);
    }
    for (size_t n = 0; n < 5; ++n) {
      if (!OneIn(4)) continue;
      item.labels[n] = Pick(labels_);
      const std::string text = QuotedJson(item.labels[n]);
      json += ",\"label" + std::to_string(n + 1) + "\":" + (OneIn(3) ? "[" + text + "]" : text);
    }
    words.insert(words.end(), {Typed(key), json + "}"});
    batch.push_back(std::move(item));
  }
  words[1] = std::to_string(batch.size());
  const bool meta = OneIn(3);
  const bool quiet = !meta && OneIn(3);
  if (meta) words.push_back("META");
  if (quiet) words.push_back("QUIET");
  Expect(words, model_.SetBatch(batch, meta, quiet));
}

Words Comparison::QueryWords(const Query& query) {
  Words words;
  const std::string label = std::to_string(query.label + 1);
  if (query.label >= 0 && OneIn(2)) {
    words = {"AMPT.GETBYLABEL", OneIn(2) ? label : "label" + label, query.expression.ToText()};
  } else {
    words = {"AMPT.GET", query.expression.ToText()};
    if (query.label >= 0) words.insert(words.end(), {"LABEL", OneIn(2) ? label : "Label" + label});
  }
  if (query.meta) words.push_back("META");
  if (query.reverse) words.push_back("REVERSE");
  if (query.limit != 100) words.insert(words.end(), {"LIMIT", std::to_string(query.limit)});
  if (query.has_start) {
    words.insert(words.end(),
                 {"START", query.label < 0 ? query.start_key
                                           : LabelCursor(query.start_key, query.start_label)});
  }
  return words;
}

void Comparison::DoQuery() {
  Query query;
  query.label = OneIn(2) ? static_cast<int>(random_.Below(5)) : -1;
  query.expression = AnyExpression(query.label < 0 ? item_keys_ : labels_);
  query.meta = OneIn(3);
  query.reverse = OneIn(3);
  if (OneIn(2)) query.limit = 1 + Below(OneIn(3) ? 1'000 : 12);
  if (query.label < 0 && query.expression.form == Expression::kExact) {
    Words words = {"AMPT.GET", Typed(query.expression.first)};
    if (query.meta) words.push_back("META");
    if (OneIn(8)) {
      words.insert(words.end(), {"START", query.expression.first});
      return Expect(words, "(nil)");
    }
    return Expect(words, model_.GetExact(query.expression.first, query.meta));
  }
  if (OneIn(4)) {
    query.has_start = true;
    query.start_key = ItemKey();
    if (query.label >= 0) query.start_label = Pick(labels_);
  }
  const std::string expected = model_.GetPage(query).reply;
  Expect(QueryWords(query), expected);
}

void Comparison::DoRead() {
  switch (random_.Below(8)) {
    case 0: {
      const std::vector<std::string> keys = SomeItemKeys(OneIn(5) ? 25 : 6);
      const bool meta = OneIn(2);
      Words words = {"AMPT.MGET", std::to_string(keys.size())};
      for (const std::string& key : keys) words.push_back(Typed(key));
      if (meta) words.push_back("META");
      return Expect(words, model_.GetBatch(keys, meta));
    }
    case 1: {
      const int label = OneIn(2) ? static_cast<int>(random_.Below(5)) : -1;
      const Expression expression = AnyExpression(label < 0 ? item_keys_ : labels_);
      Words words = {"AMPT.COUNT", expression.ToText()};
      if (label >= 0) words.insert(words.end(), {"LABEL", std::to_string(label + 1)});
      return Expect(words, model_.Count(expression, label));
    }
    case 2: {
      const Words keys = {AnyKey(), AnyKey(), AnyKey()};
      return Expect({"EXISTS", keys[0], keys[1], keys[2]}, model_.Exists(keys));
    }
    case 3: {
      const std::string key = AnyKey();
      return Expect({"TYPE", key}, model_.Type(key));
    }
    case 4: {
      const std::string key = AnyKey();
      return Expect({"PTTL", key}, model_.TimeToLiveMs(key));
    }
    case 5:
      return Expect({"DBSIZE"}, model_.Size());
    default: {
      const std::string key = AnyKey();
      return Expect({"GET", key}, model_.GetText(key));
    }
  }
}

void Comparison::DoRemove() {
  if (OneIn(2)) {
    const std::vector<std::string> keys = SomeItemKeys(4);
    Words words = {"AMPT.REMOVE"};
    for (const std::string& key : keys) words.push_back(Typed(key));
    return Expect(words, model_.Remove(keys));
  }
  const Words keys = {AnyKey(), AnyKey()};
  Expect({OneIn(2) ? "DEL" : "UNLINK", keys[0], keys[1]}, model_.Delete(keys));
}

void Comparison::DoRange() {
  const int label = OneIn(2) ? static_cast<int>(random_.Below(5)) : -1;
  const Expression expression = AnyExpression(label < 0 ? item_keys_ : labels_);
  // The wide ones less often: there must be something to look at.
  const bool wide =
      expression.form == Expression::kEverything || expression.form == Expression::kAll;
  if (wide && !OneIn(6)) return;
  Words words = {"AMPT.REMOVERANGE", expression.ToText()};
  if (label >= 0) words.insert(words.end(), {"LABEL", std::to_string(label + 1)});
  // The order of deletions is the index's: the model's is the same.
  Expect(words, model_.RemoveRange(expression, label));
}

void Comparison::DoRedisWrite() {
  static const std::vector<std::string> kTexts = {"",   "text",     "12",    "007",
                                                  "-3", "\xff\xfe", "a\"b\n"};
  const std::string key = AnyKey();
  switch (random_.Below(7)) {
    case 0:
    case 1: {
      Model::RedisSet set{.key = key, .value = Pick(kTexts), .deadline_ms = {}};
      Words words = {"SET", key, set.value};
      const int64_t now_ms = server_.clock.NowMs();
      switch (random_.Below(6)) {
        case 0:
          set.deadline_ms = now_ms + 2'000;
          words.insert(words.end(), {"EX", "2"});
          break;
        case 1:
          set.deadline_ms = now_ms + 700;
          words.insert(words.end(), {"px", "700"});
          break;
        case 2:
          set.deadline_ms = (now_ms / 1000 - 1) * 1000;
          words.insert(words.end(), {"EXAT", std::to_string(now_ms / 1000 - 1)});
          break;
        case 3:
          set.keep_ttl = true;
          words.push_back("KEEPTTL");
          break;
        default:
          break;
      }
      if (OneIn(4)) {
        set.if_missing = OneIn(2);
        set.if_there = !set.if_missing;
        words.push_back(set.if_missing ? "NX" : "XX");
      }
      if (OneIn(4)) {
        set.get = true;
        words.push_back("GET");
      }
      return Expect(words, model_.SetText(set));
    }
    case 2: {
      const std::string value = Pick(kTexts);
      return Expect({"GETSET", key, value},
                    model_.SetText({.key = key, .value = value, .get = true, .deadline_ms = {}}));
    }
    case 3: {
      const std::string value = Pick(kTexts);
      return Expect({"APPEND", key, value}, model_.Append(key, value));
    }
    case 4:
      return Expect({"INCR", key}, model_.Increment(key, 1));
    case 5:
      return Expect({"DECRBY", key, "5"}, model_.Increment(key, -5));
    default: {
      const int64_t now_ms = server_.clock.NowMs();
      const int64_t from_now_ms = Below(3'000) - 200;
      if (OneIn(4)) return Expect({"PERSIST", key}, model_.Persist(key));
      if (OneIn(2)) {
        return Expect({"EXPIRE", key, std::to_string(from_now_ms / 1000)},
                      model_.Expire(key, now_ms + from_now_ms / 1000 * 1000));
      }
      return Expect({"PEXPIREAT", key, std::to_string(now_ms + from_now_ms)},
                    model_.Expire(key, now_ms + from_now_ms));
    }
  }
}

void Comparison::DoRedisMove() {
  const std::string from = AnyKey();
  const std::string to = OneIn(8) ? from : AnyKey();
  const auto database = static_cast<int>(random_.Below(Model::kDatabases));
  switch (random_.Below(4)) {
    case 0:
      return Expect({"RENAME", from, to}, model_.Rename(from, to, false));
    case 1:
      return Expect({"RENAMENX", from, to}, model_.Rename(from, to, true));
    case 2:
      return Expect({"MOVE", from, std::to_string(database)}, model_.Move(from, database));
    default: {
      const bool replace = OneIn(2);
      Words words = {"COPY", from, to, "DB", std::to_string(database)};
      if (replace) words.push_back("REPLACE");
      return Expect(words, model_.Copy(from, database, to, replace));
    }
  }
}

// Refused requests change nothing.
void Comparison::DoRefused() {
  static const std::vector<std::pair<Words, std::string>> kRefused = {
      {{"AMPT.SET", "a:b|c", "1"},
       "ERR Invalid key: Key names in collections cannot contain the '|' or the '*' characters."},
      {{"AMPT.SET", "a:>c", "1"},
       "ERR Invalid key: Key names in collections cannot start with the '>' or '<' characters."},
      {{"AMPT.SET", " ", "1"}, "ERR Invalid key"},
      {{"AMPT.SET", "*", "1"}, "ERR Invalid key"},
      {{"AMPT.SET", "a:1", "{\"a\":"}, "ERR "},
      {{"AMPT.SET", "a:1", "1", "TTL", "junk"}, "ERR Invalid ttl value."},
      {{"AMPT.SET", "a:1", "1", "LABEL1", ":"}, "ERR Invalid key"},
      {{"AMPT.SET", "a:1", "{\"a\":{\"$add\":\"1\"}}"},
       "ERR 'value' must be a number when using $add"},
      {{"AMPT.SET", "a:1", "{\"$add\":1,\"b\":1}"}, "ERR '$add' is a reserved keyword"},
      {{"AMPT.SET", "a:1", "1", "DEFAULT", "\"1\""},
       "ERR 'default' must be of the same type as the value"},
      {{"AMPT.SET", "a:1", "1", "META", "QUIET"}, "ERR syntax error"},
      {{"AMPT.SET", "a:1", "1", "LABEL6", "x"}, "ERR syntax error"},
      {{"AMPT.SET", "a:1", "1", "CREATED", "x"}, "ERR 'created' value must be a number"},
      {{"AMPT.ADD", "a:1", "many"}, "ERR Values must be numeric"},
      {{"AMPT.MSET", "2", "a:1", "{\"value\":1}", "a:2", "{\"ttl\":1}"},
       "ERR A 'value' must be provided in each item"},
      {{"AMPT.MSET", "2", "a:1", "{\"value\":1}", " a:1", "{\"value\":1}"},
       "ERR Provided list of item keys contains duplicates"},
      {{"AMPT.MGET", "2", "a:1", "a: 1"}, "ERR Provided list of item keys contains duplicates"},
      {{"AMPT.GET", "a:*", "LIMIT", "1001"}, "ERR 'limit' must be between 1 and 1000"},
      {{"AMPT.GET", "a:x*y"},
       "ERR Wildcards ('*') can only be used at the end of a key expression"},
      {{"AMPT.GET", "a:>="}, "ERR You must supply a key name after '>='"},
      {{"AMPT.GET", "a:b|a"}, "ERR The BETWEEN operator"},
      {{"AMPT.GETBYLABEL", "6", "*"}, "ERR Labels must be specified as 'label1' through 'label5'."},
      {{"AMPT.GETBYLABEL", "1", "*", "START", "a:1"}, "ERR Invalid key"},
      {{"AMPT.REMOVE", "a:1", "a:<x"}, "ERR You cannot delete items using conditionals."},
      {{"INCRBY", "a:1", "x"}, "ERR value is not an integer or out of range"},
      {{"SET", "a:1", "1", "EX", "0"}, "ERR invalid expire time in 'set' command"},
      {{"SCAN", "18446744073709551615"}, "ERR invalid cursor"},
  };
  const auto& [words, error] = Pick(kRefused);
  const uint64_t before = server_.store().Digest(server_.clock.NowMs());
  const std::string reply = Run(words);
  ASSERT_TRUE(reply.starts_with("(error) " + error))
      << words[0] << " " << words[1] << ": " << reply;
  ASSERT_EQ(server_.store().Digest(server_.clock.NowMs()), before) << words[0] << " " << words[1];
}

void Comparison::DoFlushOrSelect() {
  if (OneIn(20)) return Expect({"FLUSHDB"}, model_.Flush());
  model_.database = static_cast<int>(random_.Below(Model::kDatabases));
  Expect({"SELECT", std::to_string(model_.database)}, "OK");
}

// --- walks
// ----------------------------------------------------------------------------------------

void Comparison::AdvanceWalk(Walk& walk) {
  if (!walk.active) {
    walk = {};
    walk.active = true;
    walk.database = model_.database;
    walk.since = model_.operation();
    walk.query.label = OneIn(2) ? static_cast<int>(random_.Below(5)) : -1;
    const std::vector<std::string>& texts = walk.query.label < 0 ? item_keys_ : labels_;
    do {
      walk.query.expression = AnyExpression(texts);
    } while (walk.query.expression.form == Expression::kExact && walk.query.label < 0);
    walk.query.reverse = OneIn(2);
  }
  if (walk.database != model_.database) return;
  walk.query.limit = 1 + Below(20);
  const Page page = model_.GetPage(walk.query);
  ASSERT_NO_FATAL_FAILURE(Expect(QueryWords(walk.query), page.reply));
  for (const std::string& key : page.keys) ++walk.seen[key];
  if (!page.more) return FinishWalk(walk);
  walk.query.has_start = true;
  walk.query.start_key = page.last_key;
  walk.query.start_label = page.last_label;
}

void Comparison::AdvanceScan(Walk& scan) {
  if (!scan.active) {
    scan = {};
    scan.active = scan.is_scan = true;
    scan.database = model_.database;
    scan.since = model_.operation();
  }
  if (scan.database != model_.database) return;
  BulksReply reply;
  server_.Execute({"SCAN", scan.cursor, "COUNT", std::to_string(1 + Below(20))}, reply);
  ASSERT_FALSE(reply.bulks.empty()) << reply.text();
  scan.cursor = reply.bulks[0];
  for (size_t i = 1; i < reply.bulks.size(); ++i) ++scan.seen[reply.bulks[i]];
  if (scan.cursor == "0") FinishWalk(scan);
}

// Who was there all along was shown, and once.
void Comparison::FinishWalk(Walk& walk) {
  walk.active = false;
  for (const auto& [key, item] : model_.items()) {
    if (item.there_since > walk.since) continue;
    if (!walk.is_scan) {
      const auto label = static_cast<size_t>(walk.query.label);
      if (walk.query.label >= 0 && item.label_since[label] > walk.since) continue;
      const std::string& text = walk.query.label < 0 ? key : item.labels[label];
      if (text.empty() || !walk.query.expression.Contains(text)) continue;
    }
    ASSERT_EQ(walk.seen[key], 1) << (walk.is_scan ? "SCAN" : walk.query.expression.ToText()) << " "
                                 << key;
  }
  // In the order of keys nothing at all comes twice.
  for (const auto& [key, times] : walk.seen) {
    if (walk.query.label < 0) {
      ASSERT_LE(times, 1) << key;
    }
  }
}

void Comparison::Step() {
  if (OneIn(3)) server_.clock.Advance(Below(OneIn(200) ? 20'000 : 120));
  model_.Begin(server_.clock.NowMs());
  if (OneIn(30)) {
    server_.store().ExpireSome(server_.clock.NowMs(), random_.Below(20));
  }
  const uint64_t what = random_.Below(100);
  if (what < 30) {
    DoSet(false);
  } else if (what < 36) {
    DoSet(true);
  } else if (what < 39) {
    DoSetBatch();
  } else if (what < 52) {
    DoQuery();
  } else if (what < 62) {
    DoRead();
  } else if (what < 65) {
    DoRemove();
  } else if (what < 66) {
    DoRange();
  } else if (what < 80) {
    DoRedisWrite();
  } else if (what < 85) {
    DoRedisMove();
  } else if (what < 87) {
    DoRefused();
  } else if (what < 88) {
    DoFlushOrSelect();
  } else if (what < 96) {
    AdvanceWalk(walks_[random_.Below(walks_.size())]);
  } else {
    AdvanceScan(scans_[random_.Below(scans_.size())]);
  }
  if (testing::Test::HasFatalFailure()) return;
  CompareEvents();
}

void Comparison::CheckAll() {
  server_.CheckInvariants();
  const int selected = model_.database;
  for (int number = 0; number < Model::kDatabases; ++number) {
    model_.database = server_.session.number = number;
    for (int label = -1; label < 5; ++label) {
      for (const bool reverse : {false, true}) {
        Query query;
        query.label = label;
        query.reverse = reverse;
        query.meta = true;
        query.limit = 1'000;
        ASSERT_NO_FATAL_FAILURE(Expect(QueryWords(query), model_.GetPage(query).reply));
      }
      ASSERT_NO_FATAL_FAILURE(
          Expect(label < 0 ? Words{"AMPT.COUNT", "*"}
                           : Words{"AMPT.COUNT", "*", "LABEL", std::to_string(label + 1)},
                 model_.Count(Expression(), label)));
    }
    ASSERT_NO_FATAL_FAILURE(Expect({"DBSIZE"}, model_.Size()));
  }
  model_.database = server_.session.number = selected;
  CompareEvents();
  server_.host.FreeAll();
}

TEST(Oracle, RandomRequests) {
  const uint64_t seed = FromEnvironment("SEED", 20261121);
  const uint64_t operations = FromEnvironment("OPERATIONS", 200'000);
  SCOPED_TRACE("SEED=" + std::to_string(seed));
  auto comparison = std::make_unique<Comparison>(seed);
  for (uint64_t i = 1; i <= operations; ++i) {
    ASSERT_NO_FATAL_FAILURE(comparison->Step());
    if (i % 400 == 0) {
      ASSERT_NO_FATAL_FAILURE(comparison->CheckAll());
    }
  }
  ASSERT_NO_FATAL_FAILURE(comparison->CheckAll());
}

}  // namespace
}  // namespace ampt::oracle
