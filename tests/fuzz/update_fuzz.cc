// ApplyUpdate agrees with the same rules written slowly on trees.
//
// Input: one byte of flags, then texts separated by the byte 0xff: the stored value, the value, the
// default, and names to UNSET. An empty text is absent.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/utf8.h"
#include "model/decimal.h"
#include "model/json.h"
#include "model/update.h"
#include "tests/fuzz/json_model.h"

namespace ampt {
namespace {

constexpr JsonLimits kLimits{64, 1 << 20};

struct Parsed {
  std::string text;
  std::optional<ValueView> value;
  JsonTree tree;
};

// False where the text cannot be used here: not JSON, bytes, or not to be read by RapidJSON.
bool Parse(std::string_view json, Parsed* parsed) {
  if (json.empty()) return true;
  const Result<ValueView> value = ParseJson(json, kLimits, "value", &parsed->text);
  if (!value.ok()) return false;
  parsed->value = *value;
  if (value->type == ValueType::kString) {
    parsed->tree = {.type = ValueType::kString, .text = std::string(value->text)};
    return true;
  }
  return ReadJsonTree(value->text, &parsed->tree) == rapidjson::kParseErrorNone;
}

struct ModelResult {
  std::string error;  // the first word, or empty
  JsonTree tree;
};

bool IsAdd(const JsonTree& tree) {
  return tree.type == ValueType::kObject && tree.Find("$add") != nullptr;
}

// Adds to what is stored; null is absent.
ModelResult ModelAdd(const JsonTree* stored, const JsonTree& add) {
  if (stored != nullptr && stored->type != ValueType::kNumber) return {"WRONGTYPE", {}};
  ModelResult result;
  result.tree.type = ValueType::kNumber;
  const Status status = AddDecimals(stored != nullptr ? stored->text : "0", add.Find("$add")->text,
                                    &result.tree.text);
  if (!status.ok()) result.error = "ERR";
  return result;
}

JsonTree ModelMerge(JsonTree value, const JsonTree& fallback) {
  for (const auto& [name, below] : fallback.members) {
    const JsonTree* there = value.Find(name);
    if (there == nullptr) {
      value.Put(name, below);
    } else if (there->type == ValueType::kObject && below.type == ValueType::kObject) {
      value.Put(name, ModelMerge(*there, below));
    }
  }
  return value;
}

ModelResult Model(const Parsed& stored_parsed, const Parsed& value, const Parsed& fallback,
                  const Update& update) {
  const JsonTree* stored = stored_parsed.value && !update.overwrite ? &stored_parsed.tree : nullptr;
  const bool has_fallback = fallback.value && fallback.tree.type != ValueType::kNull;
  const bool has_value = value.value && !(has_fallback && value.tree.type == ValueType::kNull);
  const bool stored_object = stored != nullptr && stored->type == ValueType::kObject;

  if (!has_value && stored != nullptr && !stored_object) return {"", *stored};
  const JsonTree& wanted = has_value ? value.tree : fallback.tree;
  if (has_value && IsAdd(wanted)) {
    if (stored_object) return {"WRONGTYPE", {}};
    return ModelAdd(stored, wanted);
  }
  if (wanted.type != ValueType::kObject) {
    if (stored_object) return {"WRONGTYPE", {}};
    return {"", wanted};
  }

  JsonTree result{.type = ValueType::kObject};
  if (stored_object) result = *stored;
  for (const std::string_view name : update.unset) result.Erase(name);
  const auto unset = [&](const std::string& name) {
    for (const std::string_view other : update.unset) {
      if (other == name) return true;
    }
    return false;
  };
  if (has_value) {
    for (const auto& [name, member] : value.tree.members) {
      if (unset(name)) continue;
      if (member.type == ValueType::kNull && update.remove_nulls) {
        result.Erase(name);
      } else if (IsAdd(member)) {
        ModelResult sum = ModelAdd(result.Find(name), member);
        if (!sum.error.empty()) return sum;
        result.Put(name, sum.tree);
      } else {
        const JsonTree* below = has_fallback ? fallback.tree.Find(name) : nullptr;
        const bool both = member.type == ValueType::kObject && below != nullptr &&
                          below->type == ValueType::kObject;
        result.Put(name, both ? ModelMerge(member, *below) : member);
      }
    }
  }
  if (has_fallback && fallback.tree.type == ValueType::kObject) {
    for (const auto& [name, member] : fallback.tree.members) {
      if (unset(name) || result.Find(name) != nullptr) continue;
      if (has_value && value.tree.Find(name) != nullptr) continue;
      if (member.type == ValueType::kNull && update.remove_nulls) continue;
      result.Put(name, member);
    }
  }
  return {"", result};
}

void Check(std::string_view input) {
  if (input.empty()) return;
  const auto flags = static_cast<uint8_t>(input.front());
  input.remove_prefix(1);
  std::vector<std::string_view> texts;
  for (;;) {
    const size_t end = input.find('\xff');
    texts.push_back(input.substr(0, end));
    if (end == std::string_view::npos) break;
    input.remove_prefix(end + 1);
  }
  texts.resize(std::max<size_t>(texts.size(), 3));
  Parsed stored;
  Parsed value;
  Parsed fallback;
  if (!Parse(texts[0], &stored) || !Parse(texts[1], &value) || !Parse(texts[2], &fallback)) return;
  Update update;
  update.value = value.value;
  update.fallback = fallback.value;
  update.unset = std::span(texts).subspan(3);
  update.remove_nulls = (flags & 1) == 0;
  update.overwrite = (flags & 2) != 0;
  if (!CheckUpdate(update).ok()) return;

  std::string out;
  const Result<ValueView> result =
      ApplyUpdate(stored.value ? &*stored.value : nullptr, update, kLimits, &out);
  const ModelResult expected = Model(stored, value, fallback, update);
  if (!result.ok()) {
    if (result.status().text().find("max-item-size") != std::string::npos) return;
    // With several bad attributes either may be named first.
    AMPT_ASSERT(!expected.error.empty());
    return;
  }
  AMPT_ASSERT(expected.error.empty());
  std::string text;
  std::string expected_text;
  AppendJson(*result, &text);
  WriteJsonTree(expected.tree, &expected_text);
  if (expected.tree.type == ValueType::kString && !IsValidUtf8(expected.tree.text)) {
    AMPT_ASSERT(result->text == expected.tree.text);
  } else {
    AMPT_ASSERT(text == expected_text);
  }
}

}  // namespace
}  // namespace ampt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  ampt::Check(input);
  return 0;
}
