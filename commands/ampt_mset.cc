// AMPT.MSET: up to 25 items, each overwritten as a whole, all or none: everything is checked before
// anything is written.
//
// On several nodes: all keys must lie on one, as with MSET.
#include <algorithm>
#include <vector>

#include "base/limits.h"
#include "commands/batch_keys.h"
#include "commands/grammar.h"
#include "commands/item_write.h"
#include "model/item_json.h"
#include "model/json.h"
#include "model/label.h"
#include "model/update.h"
#include "model/when.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words pairs;
  bool meta = false;
  bool quiet = false;
  bool remove_nulls = true;
};

constexpr auto kGrammar = Ampt<Args>(Counted("numitems", "key item", &Args::pairs, 2),
                                     OneOf(Flag("META", &Args::meta), Flag("QUIET", &Args::quiet)),
                                     Option("REMOVENULLS", "bool", &Args::remove_nulls));

constexpr Example kExamples[] = {
    {R"(AMPT.MSET 2 a '{"value":1}' b '{"value":"two","label1":"kind:text"}')",
     R"("{\"items\":[{\"key\":\"a\",\"value\":1},{\"key\":\"b\",\"value\":\"two\"}]}")"},
    {R"(AMPT.MSET 1 c '{"ttl":60}')", "(error) ERR A 'value' must be provided in each item"},
};

constexpr Spec kSpec{
    .name = "ampt.mset",
    .group = Group::kItems,
    .summary = "Overwrites up to 25 items with value, deadline and labels, all or none",
    .since = "1.0.0",
    .complexity = "O(M log N) for M items",
    .flags = kWrite | kDenyOom,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

// An item of the request, checked. Its views are of its own strings.
struct Prepared {
  std::string key;
  std::string value_text;
  ValueView value;
  std::array<std::string, limits::kLabels> labels;
  TimeMs deadline_ms = kNoDeadline;

  ItemState State(uint32_t now_s) const {
    ItemState state;
    state.value = value;
    state.created_s = state.modified_s = now_s;
    state.deadline_ms = deadline_ms;
    for (size_t n = 0; n < labels.size(); ++n) state.labels[n] = labels[n];
    return state;
  }
};

Status ReadTtl(const ObjectReader::Member& member, TimeMs now_ms, TimeMs* deadline_ms) {
  switch (member.value.type) {
    case ValueType::kNull:
      *deadline_ms = kNoDeadline;
      return {};
    case ValueType::kNumber: {
      if (!ParseInteger(member.json)) return Status::Err("Invalid ttl value.");
      const Result<std::optional<TimeMs>> when = ParseWhen(member.json, now_ms);
      if (!when.ok()) return when.status();
      *deadline_ms = when->value_or(kNoDeadline);
      return {};
    }
    case ValueType::kString: {
      std::string text;
      UnescapeString(member.value.text, &text);
      const Result<TimeMs> date = ParseIsoDate(text);
      if (!date.ok()) return date.status();
      *deadline_ms = *date;
      return {};
    }
    default:
      return Status::Err("Invalid ttl value.");
  }
}

// A label is text, [text] or null.
Status ReadLabel(const ObjectReader::Member& member, const JsonLimits& limits, std::string* label) {
  if (member.value.type == ValueType::kNull) {
    label->clear();
    return {};
  }
  std::string text;
  if (member.value.is_array()) {
    // The first element; what is behind it is ignored.
    const std::string_view elements = member.json.substr(1, member.json.size() - 2);
    size_t depth = 0;
    bool quoted = false;
    size_t end = 0;
    for (; end < elements.size(); ++end) {
      const char c = elements[end];
      if (quoted) {
        if (c == '\\') ++end;
        quoted = c != '"';
      } else if (c == '"') {
        quoted = true;
      } else if (c == '[' || c == '{') {
        ++depth;
      } else if (c == ']' || c == '}') {
        --depth;
      } else if (c == ',' && depth == 0) {
        break;
      }
    }
    const std::string_view first = elements.substr(0, end);
    const Result<ValueView> value = ParseJson(first, limits, "label", &text);
    if (!value.ok() || value->type != ValueType::kString) return Status::Err("Invalid key");
  } else if (member.value.type == ValueType::kString) {
    UnescapeString(member.value.text, &text);
  } else {
    return Status::Err("Invalid key");
  }
  std::string scratch;
  const Result<std::string_view> canonical = CanonicalKey(text, KeyUse::kLabel, &scratch);
  if (!canonical.ok()) return canonical.status();
  std::string encoded;
  *label = std::string(EncodeLabel(*canonical, &encoded));
  return {};
}

Status Prepare(Context& context, const Args& args, std::string_view key, std::string_view json,
               Prepared* prepared) {
  std::string scratch;
  const Result<std::string_view> canonical = CanonicalKey(key, KeyUse::kWrite, &scratch);
  if (!canonical.ok()) return canonical.status();
  prepared->key = *canonical;

  const JsonLimits& limits = context.settings.json;
  // The wrapper around value and default takes a level and a little room of its own.
  const JsonLimits outer{limits.max_depth + 1, 2 * limits.max_bytes + 8192};
  std::string item_text;
  const Result<ValueView> item = ParseJson(json, outer, "item", &item_text);
  if (!item.ok()) return item.status();
  if (!item->is_object()) return Status::Err("an item must be an object: {\"value\":…}");

  Update update;
  update.remove_nulls = args.remove_nulls;
  update.overwrite = true;
  std::string value_text;
  std::string fallback_text;
  ObjectReader reader(item->text);
  ObjectReader::Member member;
  std::optional<ObjectReader::Member> ttl;
  std::array<std::optional<ObjectReader::Member>, limits::kLabels> labels;
  while (reader.Next(&member)) {
    if (member.name == "value" || member.name == "default") {
      const bool is_value = member.name == "value";
      const Result<ValueView> value =
          ParseJson(member.json, limits, member.name, is_value ? &value_text : &fallback_text);
      if (!value.ok()) return value.status();
      (is_value ? update.value : update.fallback) = *value;
    } else if (member.name == "ttl") {
      ttl = member;
    } else if (member.name.size() == 6 && member.name.starts_with("label") &&
               member.name[5] >= '1' && member.name[5] <= '5') {
      labels[static_cast<size_t>(member.name[5] - '1')] = member;
    }
  }
  if (!update.value) return Status::Err("A 'value' must be provided in each item");
  // A null default is no default.
  if (update.fallback && update.fallback->type == ValueType::kNull) update.fallback.reset();
  AMPT_RETURN_IF_ERROR(CheckUpdate(update));
  for (size_t n = 0; n < labels.size(); ++n) {
    if (labels[n]) AMPT_RETURN_IF_ERROR(ReadLabel(*labels[n], limits, &prepared->labels[n]));
  }
  if (ttl) AMPT_RETURN_IF_ERROR(ReadTtl(*ttl, context.now_ms, &prepared->deadline_ms));
  const Result<ValueView> value = ApplyUpdate(nullptr, update, limits, &context.scratch.result);
  if (!value.ok()) return value.status();
  prepared->value_text = value->text;
  prepared->value = {value->type, prepared->value_text};
  return {};
}

Status Run(Context& context, const Args& args) {
  const size_t count = args.pairs.size() / 2;
  if (count == 0) return Status::Err("You must provide at least one item");
  if (count > limits::kBatchItems) {
    return Status::Err("You may only provide a maximum of 25 items in one batch set request");
  }
  std::vector<Prepared> items(count);
  for (size_t i = 0; i < count; ++i) {
    AMPT_RETURN_IF_ERROR(
        Prepare(context, args, args.pairs[2 * i], args.pairs[2 * i + 1], &items[i]));
  }
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (items[i].key == items[j].key) return DuplicateKeys();
    }
  }
  for (const Prepared& item : items) {
    StoreOrExpire(context.store.Open(item.key, context.now_ms), item.State(context.now_s()),
                  context.now_ms);
  }
  if (args.quiet) {
    context.reply.Ok();
    return {};
  }
  std::string* out = context.reply.OpenBulk();
  out->append("{\"items\":[");
  for (const Prepared& item : items) {
    if (out->back() != '[') out->append(",");
    AppendElement(item.key, item.State(context.now_s()), args.meta, out);
  }
  out->append("]}");
  context.reply.CloseBulk();
  return {};
}

}  // namespace

extern const Command kAmptMset;
constexpr Command kAmptMset = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
