#include "tests/oracle/model_oracle.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace ampt::oracle {
namespace {

constexpr const char* kWrongKind =
    "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
constexpr const char* kNoInteger = "(error) ERR value is not an integer or out of range";
constexpr const char* kToSimple =
    "(error) WRONGTYPE Cannot convert an existing object to a simple value.";
constexpr int64_t kScale = 1'000'000;

std::string Integer(int64_t n) {
  return "(integer) " + std::to_string(n);
}

bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto byte = [&](size_t at) {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
    };
    const unsigned first = byte(i);
    size_t more = 0;
    uint32_t rune = first;
    if (first >= 0xf0 && first < 0xf8) {
      more = 3;
      rune = first & 7;
    } else if (first >= 0xe0) {
      more = 2;
      rune = first & 15;
    } else if (first >= 0xc0) {
      more = 1;
      rune = first & 31;
    } else if (first >= 0x80) {
      return false;
    }
    if (first >= 0xf8) return false;
    for (size_t n = 1; n <= more; ++n) {
      if ((byte(i + n) & 0xc0) != 0x80) return false;
      rune = rune << 6 | (byte(i + n) & 63);
    }
    constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (rune < kLeast[more] || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

std::string Base64(std::string_view bytes) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t n = 0; n < 3; ++n) {
      group = group << 8 | (i + n < bytes.size() ? static_cast<unsigned char>(bytes[i + n]) : 0u);
    }
    for (size_t n = 0; n < 4; ++n) {
      out.push_back(i + n <= bytes.size() ? kDigits[group >> (18 - 6 * n) & 63] : '=');
    }
  }
  return out;
}

std::string ItemJson(const std::string& key, const Item& item, bool meta) {
  std::string out = "{\"key\":" + KeyJson(key) + ",\"value\":" + item.value.ToText();
  if (meta) {
    out += ",\"created\":\"" + IsoDate(item.created_s * 1000) + "\",\"modified\":\"" +
           IsoDate(item.modified_s * 1000) + "\"";
    for (size_t n = 0; n < 5; ++n) {
      if (item.labels[n].empty()) continue;
      out += ",\"label" + std::to_string(n + 1) + "\":" + QuotedJson(item.labels[n]);
    }
    if (item.deadline_ms) out += ",\"ttl\":\"" + IsoDate(*item.deadline_ms) + "\"";
  }
  return out + "}";
}

const char* KindWords(Json::Kind kind) {
  constexpr const char* kWords[] = {"null",     "a boolean", "a number",
                                    "a string", "an array",  "an object"};
  return kWords[kind];
}

bool IsAdd(const Json& value) {
  return value.kind == Json::kObject && value.members.size() == 1 &&
         value.members[0].first == "$add";
}

// The value wins, objects in objects are merged, the rest is taken whole.
Json DeepMerge(const Json& value, const Json& fallback) {
  Json merged = value;
  for (const auto& [name, below] : fallback.members) {
    Json* own = merged.Member(name);
    if (own == nullptr) {
      merged.members.emplace_back(name, below);
    } else if (own->kind == Json::kObject && below.kind == Json::kObject && !IsAdd(*own)) {
      *own = DeepMerge(*own, below);
    }
  }
  return merged;
}

void EraseMember(Json* object, const std::string& name) {
  std::erase_if(object->members, [&](const auto& member) { return member.first == name; });
}

// An integer as Redis takes it, here of at most 15 digits.
std::optional<int64_t> RedisInteger(const std::string& text) {
  const size_t from = text.starts_with("-") ? 1 : 0;
  if (text.size() == from || text.size() > from + 15) return std::nullopt;
  if (text.find_first_not_of("0123456789", from) != std::string::npos) return std::nullopt;
  if (text[from] == '0' && text.size() > 1) return std::nullopt;
  return std::stoll(text);
}

}  // namespace

// --- JSON
// -----------------------------------------------------------------------------------------

const Json* Json::Member(std::string_view name) const {
  for (const auto& [own, value] : members) {
    if (own == name) return &value;
  }
  return nullptr;
}

Json* Json::Member(std::string_view name) {
  return const_cast<Json*>(static_cast<const Json*>(this)->Member(name));
}

std::string QuotedJson(std::string_view utf8) {
  std::string out = "\"";
  for (const char c : utf8) {
    const size_t named = std::string_view("\b\f\n\r\t\"\\").find(c);
    if (named != std::string_view::npos) {
      out.append(1, '\\').append(1, "bfnrt\"\\"[named]);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char text[8];
      std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c));
      out += text;
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

std::string KeyJson(std::string_view key) {
  return IsUtf8(key) ? QuotedJson(key) : "{\"$binary\":\"" + Base64(key) + "\"}";
}

std::string Json::ToText() const {
  std::string out;
  switch (kind) {
    case kNull:
      return "null";
    case kBoolean:
    case kNumber:
      return text;
    case kString:
      return KeyJson(text);
    case kArray:
      for (const Json& element : elements) out += (out.empty() ? "" : ",") + element.ToText();
      return "[" + out + "]";
    case kObject:
      for (const auto& [name, value] : members) {
        out += (out.empty() ? "" : ",") + QuotedJson(name) + ":" + value.ToText();
      }
      return "{" + out + "}";
  }
  return out;
}

std::string IsoDate(int64_t time_ms) {
  const std::time_t seconds = time_ms / 1000 - (time_ms % 1000 < 0 ? 1 : 0);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                static_cast<int>(time_ms - seconds * 1000));
  return text;
}

std::string Sum(const std::string& a, const std::string& b) {
  const auto scaled = [](const std::string& text) {
    const size_t e = text.find_first_of("eE");
    const int exponent = e == std::string::npos ? 0 : std::stoi(text.substr(e + 1));
    const std::string mantissa = text.substr(0, e);
    const bool negative = mantissa.starts_with("-");
    int places = 6 + exponent;
    __int128 value = 0;
    bool behind = false;
    for (const char c : mantissa) {
      if (c == '.') behind = true;
      if (c < '0' || c > '9') continue;
      value = value * 10 + (c - '0');
      places -= behind;
    }
    for (; places > 0; --places) value *= 10;
    for (; places < 0; ++places) value /= 10;
    return negative ? -value : value;
  };
  __int128 sum = scaled(a) + scaled(b);
  std::string out = sum < 0 ? "-" : "";
  if (sum < 0) sum = -sum;
  out += std::to_string(static_cast<int64_t>(sum / kScale));
  std::string places = std::to_string(static_cast<int64_t>(sum % kScale) + kScale).substr(1);
  while (places.ends_with('0')) places.pop_back();
  return places.empty() ? out : out + "." + places;
}

std::string Bulk(std::string_view bytes) {
  std::string out = "\"";
  for (const char c : bytes) {
    const size_t named = std::string_view("\a\b\n\r\t\"\\").find(c);
    if (named != std::string_view::npos) {
      out.append(1, '\\').append(1, "abnrt\"\\"[named]);
    } else if (c >= ' ' && c <= '~') {
      out.push_back(c);
    } else {
      char text[8];
      std::snprintf(text, sizeof text, "\\x%02x", static_cast<unsigned char>(c));
      out += text;
    }
  }
  return out + "\"";
}

// --- expressions
// ----------------------------------------------------------------------------------

std::string Expression::ToText() const {
  switch (form) {
    case kEverything:
      return "*";
    case kExact:
      return first;
    case kAll:
      return space + ":*";
    case kPrefix:
      return space + ":" + first + "*";
    case kAbove:
      return space + ":>" + first;
    case kFrom:
      return space + ":>=" + first;
    case kBelow:
      return space + ":<" + first;
    case kUpTo:
      return space + ":<=" + first;
    case kBetween:
      return space + ":" + first + "|" + last;
  }
  return {};
}

bool Expression::Contains(std::string_view text) const {
  if (form == kEverything) return !text.empty();
  if (form == kExact) return text == first;
  if (!text.starts_with(space + ":")) return false;
  const std::string_view name = text.substr(space.size() + 1);
  switch (form) {
    case kPrefix:
      return name.starts_with(first);
    case kAbove:
      return name > first;
    case kFrom:
      return name >= first;
    case kBelow:
      return name < first;
    case kUpTo:
      return name <= first;
    case kBetween:
      return name >= first && name <= last;
    default:
      return true;
  }
}

// --- items
// ----------------------------------------------------------------------------------------

void Model::Begin(int64_t now_ms) {
  ++operation_;
  if (now_ms == now_ms_) return;
  now_ms_ = now_ms;
  for (int number = 0; number < kDatabases; ++number) {
    std::erase_if(items_[static_cast<size_t>(number)], [&](const auto& entry) {
      const bool due = entry.second.deadline_ms && *entry.second.deadline_ms <= now_ms;
      if (due) expired_.emplace(number, entry.first);
      return due;
    });
  }
}

Item* Model::Find(const std::string& key) {
  const auto at = items().find(key);
  return at == items().end() ? nullptr : &at->second;
}

void Model::Store(int number, const std::string& key, Item item, const char* origin) {
  Items& all = items_[static_cast<size_t>(number)];
  const auto at = all.find(key);
  if (item.deadline_ms && *item.deadline_ms <= now_ms_) {
    if (at != all.end()) Erase(number, key, "expired");
    return;
  }
  const bool there = at != all.end();
  item.there_since = there ? at->second.there_since : operation_;
  for (size_t n = 0; n < 5; ++n) {
    const bool same = there && at->second.labels[n] == item.labels[n];
    item.label_since[n] = same ? at->second.label_since[n] : operation_;
  }
  events_.push_back(std::string(there ? "updated " : "created ") + std::to_string(number) + " " +
                    key + " " + origin);
  all[key] = std::move(item);
}

void Model::Erase(int number, const std::string& key, const char* origin) {
  events_.push_back("deleted " + std::to_string(number) + " " + key + " " + origin);
  items_[static_cast<size_t>(number)].erase(key);
}

std::string Model::Merge(const Write& write, const Json* stored, Json* result) const {
  if (write.overwrite) stored = nullptr;
  const bool on_object = stored != nullptr && stored->kind == Json::kObject;
  const Json* value = &write.value;
  if (write.fallback && value->kind == Json::kNull) value = nullptr;  // as if it were not there

  if (value == nullptr && stored != nullptr && !on_object) {
    *result = *stored;
    return "";
  }
  Json merged = value == nullptr ? *write.fallback : *value;
  if (IsAdd(merged) || merged.kind != Json::kObject) {
    if (on_object) return kToSimple;
    if (!IsAdd(merged)) {
      *result = merged;
      return "";
    }
    if (stored != nullptr && stored->kind != Json::kNumber) {
      return std::string("(error) WRONGTYPE $add needs a number, the value holds ") +
             KindWords(stored->kind);
    }
    *result =
        Json::Number(Sum(stored == nullptr ? "0" : stored->text, merged.members[0].second.text));
    return "";
  }

  const Json given = merged;
  if (value != nullptr && write.fallback) merged = DeepMerge(*value, *write.fallback);
  *result = on_object ? *stored : Json{Json::kObject, {}, {}, {}};
  for (const std::string& name : write.unset) EraseMember(result, name);
  for (const auto& [name, member] : merged.members) {
    if (std::find(write.unset.begin(), write.unset.end(), name) != write.unset.end()) continue;
    Json* old = result->Member(name);
    const bool only_in_fallback = value == nullptr || given.Member(name) == nullptr;
    if (only_in_fallback && old != nullptr) continue;
    if (member.kind == Json::kNull && write.remove_nulls) {
      EraseMember(result, name);
      continue;
    }
    Json next = member;
    if (IsAdd(member)) {
      if (old != nullptr && old->kind != Json::kNumber) {
        return "(error) WRONGTYPE $add needs a number, " + name + " holds " + KindWords(old->kind);
      }
      next = Json::Number(Sum(old == nullptr ? "0" : old->text, member.members[0].second.text));
    }
    if (old != nullptr) {
      *old = next;
    } else {
      result->members.emplace_back(name, next);
    }
  }
  return "";
}

std::string Model::Set(const Write& write) {
  if (write.value.kind == Json::kNull && write.remove_nulls && !write.fallback) {
    return "(error) ERR Value can not be undefined without setting a 'default'";
  }
  const Item* stored = Find(write.key);
  if (write.exists && *write.exists != (stored != nullptr)) {
    return stored != nullptr ? "(error) EXISTS Item already exists"
                             : "(error) NOTFOUND Item does not exist";
  }
  const bool checks_created = write.overwrite && write.created && *write.created != 0;
  if (checks_created && (stored == nullptr || stored->created_s != *write.created)) {
    return "(error) CREATED The 'created' date integrity check failed. The dates must match.";
  }
  Item next;
  const std::string error = Merge(write, stored == nullptr ? nullptr : &stored->value, &next.value);
  if (!error.empty()) return error;
  next.created_s = now_ms_ / 1000;
  next.modified_s = now_ms_ / 1000;
  if (stored != nullptr && (!write.overwrite || checks_created)) next.created_s = stored->created_s;
  if (stored != nullptr && !write.overwrite) {
    next.deadline_ms = stored->deadline_ms;
    next.labels = stored->labels;
  }
  if (write.ttl_given) next.deadline_ms = write.deadline_ms;
  for (const auto& [n, change] : write.labels) {
    std::string& label = next.labels[static_cast<size_t>(n)];
    if (!change.if_absent || label.empty()) label = change.text;
  }
  const std::string reply = write.quiet  ? "OK"
                            : write.meta ? Bulk(ItemJson(write.key, next, true))
                                         : Bulk(next.value.ToText());
  Store(database, write.key, next);
  return reply;
}

std::string Model::SetBatch(const std::vector<BatchItem>& batch, bool meta, bool quiet) {
  std::string out;
  for (const BatchItem& from : batch) {
    Item item{.value = from.value,
              .created_s = now_ms_ / 1000,
              .modified_s = now_ms_ / 1000,
              .deadline_ms = from.deadline_ms,
              .labels = from.labels,
              .label_since = {}};
    out += (out.empty() ? "" : ",") + ItemJson(from.key, item, meta);
    Store(database, from.key, item);
  }
  return quiet ? "OK" : Bulk("{\"items\":[" + out + "]}");
}

std::string Model::GetBatch(const std::vector<std::string>& keys, bool meta) {
  std::string out;
  for (const std::string& key : keys) {
    if (const Item* item = Find(key)) out += (out.empty() ? "" : ",") + ItemJson(key, *item, meta);
  }
  return Bulk("{\"items\":[" + out + "]}");
}

std::string Model::GetExact(const std::string& key, bool meta) {
  const Item* item = Find(key);
  if (item == nullptr) return "(nil)";
  return Bulk(meta ? ItemJson(key, *item, true) : item->value.ToText());
}

// (label or "", key) of all items of a query, in order.
std::vector<std::pair<std::string, std::string>> Model::Matching(const Expression& expression,
                                                                 int label) const {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [key, item] : items(database)) {
    const std::string text = label < 0 ? key : item.labels[static_cast<size_t>(label)];
    if (label >= 0 && text.empty()) continue;
    if (expression.Contains(text)) found.emplace_back(label < 0 ? "" : text, key);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Page Model::GetPage(const Query& query) const {
  Page page;
  if (query.has_start &&
      !query.expression.Contains(query.label < 0 ? query.start_key : query.start_label)) {
    page.reply = "(error) ERR The provided starting key does not match the range key predicate";
    return page;
  }
  auto found = Matching(query.expression, query.label);
  if (query.reverse) std::reverse(found.begin(), found.end());
  const std::pair<std::string, std::string> start{query.label < 0 ? "" : query.start_label,
                                                  query.start_key};
  std::string out;
  int64_t shown = 0;
  size_t value_bytes = 0;
  for (const auto& position : found) {
    if (query.has_start && (query.reverse ? position >= start : position <= start)) continue;
    if (shown == query.limit || value_bytes >= 1u << 20) {
      page.more = true;
      break;
    }
    ++shown;
    const Item& item = items(database).at(position.second);
    value_bytes += item.value.ToText().size();
    out += (out.empty() ? "" : ",") + ItemJson(position.second, item, query.meta);
    page.keys.push_back(position.second);
    page.last_key = position.second;
    page.last_label = position.first;
  }
  page.reply = "{\"items\":[" + out + "]";
  if (page.more) {
    std::string cursor = page.last_key;
    if (query.label >= 0) {
      cursor.clear();
      const auto append = [&](const std::string& text) {
        for (const char c : text) {
          if (c == '|' || c == '\\') cursor.push_back('\\');
          cursor.push_back(c);
        }
      };
      append(page.last_key);
      cursor.push_back('|');
      append(page.last_label);
    }
    page.reply += ",\"lastKey\":" + KeyJson(cursor);
  }
  page.reply = Bulk(page.reply + "}");
  return page;
}

std::string Model::Remove(const std::vector<std::string>& keys) {
  return Delete(keys);
}

std::string Model::Count(const Expression& expression, int label) {
  return Integer(static_cast<int64_t>(Matching(expression, label).size()));
}

std::string Model::RemoveRange(const Expression& expression, int label) {
  const auto found = Matching(expression, label);
  for (const auto& position : found) Erase(database, position.second, "client");
  return Integer(static_cast<int64_t>(found.size()));
}

// --- Redis' commands
// ------------------------------------------------------------------------------

std::string Model::SetText(const RedisSet& set) {
  const Item* stored = Find(set.key);
  const bool applies =
      !(set.if_missing && stored != nullptr) && !(set.if_there && stored == nullptr);
  if (set.get && stored != nullptr && !stored->value.is_scalar()) return kWrongKind;
  std::string reply = applies ? "OK" : "(nil)";
  if (set.get) reply = stored == nullptr ? "(nil)" : Bulk(stored->value.Text());
  if (!applies) return reply;
  Item item;
  item.value = Json::String(set.value);
  item.created_s = item.modified_s = now_ms_ / 1000;
  item.deadline_ms = set.deadline_ms;
  if (set.keep_ttl && stored != nullptr) item.deadline_ms = stored->deadline_ms;
  Store(database, set.key, item);
  return reply;
}

std::string Model::GetText(const std::string& key) {
  const Item* item = Find(key);
  if (item == nullptr) return "(nil)";
  return item->value.is_scalar() ? Bulk(item->value.Text()) : kWrongKind;
}

std::string Model::Append(const std::string& key, const std::string& text) {
  const Item* stored = Find(key);
  if (stored != nullptr && !stored->value.is_scalar()) return kWrongKind;
  Item item = stored != nullptr ? *stored : Item{};
  if (stored == nullptr) item.created_s = now_ms_ / 1000;
  item.modified_s = now_ms_ / 1000;
  item.value = Json::String((stored != nullptr ? stored->value.Text() : "") + text);
  const auto size = static_cast<int64_t>(item.value.text.size());
  Store(database, key, item);
  return Integer(size);
}

std::string Model::Increment(const std::string& key, int64_t by) {
  const Item* stored = Find(key);
  int64_t value = 0;
  if (stored != nullptr) {
    if (!stored->value.is_scalar()) return kWrongKind;
    const std::optional<int64_t> number = RedisInteger(stored->value.Text());
    if (!number) return kNoInteger;
    value = *number;
  }
  Item item = stored != nullptr ? *stored : Item{};
  if (stored == nullptr) item.created_s = now_ms_ / 1000;
  item.modified_s = now_ms_ / 1000;
  item.value = Json::Number(std::to_string(value + by));
  Store(database, key, item);
  return Integer(value + by);
}

std::string Model::Delete(const std::vector<std::string>& keys) {
  int64_t deleted = 0;
  for (const std::string& key : keys) {
    if (Find(key) == nullptr) continue;
    Erase(database, key, "client");
    ++deleted;
  }
  return Integer(deleted);
}

std::string Model::Exists(const std::vector<std::string>& keys) {
  return Integer(std::count_if(keys.begin(), keys.end(),
                               [&](const std::string& key) { return Find(key) != nullptr; }));
}

std::string Model::Type(const std::string& key) {
  const Item* item = Find(key);
  if (item == nullptr) return "none";
  return item->value.is_scalar() ? "string" : item->value.kind == Json::kArray ? "list" : "hash";
}

std::string Model::Rename(const std::string& from, const std::string& to, bool if_missing) {
  const Item* stored = Find(from);
  if (stored == nullptr) return "(error) ERR no such key";
  if (if_missing && Find(to) != nullptr) return Integer(0);
  if (from != to) {
    const Item item = *stored;
    Erase(database, from, "moved");
    Store(database, to, item, "moved");
  }
  return if_missing ? Integer(1) : "OK";
}

std::string Model::Copy(const std::string& from, int to_database, const std::string& to,
                        bool replace) {
  if (to_database == database && from == to) {
    return "(error) ERR source and destination objects are the same";
  }
  const Item* stored = Find(from);
  if (stored == nullptr || (!replace && items(to_database).contains(to))) return Integer(0);
  Item item = *stored;
  item.created_s = item.modified_s = now_ms_ / 1000;
  Store(to_database, to, item);
  return Integer(1);
}

std::string Model::Move(const std::string& key, int to_database) {
  if (to_database == database) return "(error) ERR source and destination objects are the same";
  const Item* stored = Find(key);
  if (stored == nullptr || items(to_database).contains(key)) return Integer(0);
  const Item item = *stored;
  Erase(database, key, "moved");
  Store(to_database, key, item, "moved");
  return Integer(1);
}

std::string Model::Expire(const std::string& key, int64_t deadline_ms) {
  const Item* stored = Find(key);
  if (stored == nullptr) return Integer(0);
  if (stored->deadline_ms == deadline_ms) return Integer(1);
  Item item = *stored;
  item.deadline_ms = deadline_ms;
  Store(database, key, item);
  return Integer(1);
}

std::string Model::Persist(const std::string& key) {
  const Item* stored = Find(key);
  if (stored == nullptr || !stored->deadline_ms) return Integer(0);
  Item item = *stored;
  item.deadline_ms.reset();
  Store(database, key, item);
  return Integer(1);
}

std::string Model::TimeToLiveMs(const std::string& key) {
  const Item* item = Find(key);
  if (item == nullptr || !item->deadline_ms) return Integer(item == nullptr ? -2 : -1);
  return Integer(*item->deadline_ms - now_ms_);
}

std::string Model::Size() {
  return Integer(static_cast<int64_t>(items().size()));
}

std::string Model::Flush() {
  items().clear();
  return "OK";
}

}  // namespace ampt::oracle
