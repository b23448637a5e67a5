// ParseJson agrees with RapidJSON on what is JSON and what it means; what it wrote is canonical.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "model/decimal.h"
#include "model/json.h"
#include "tests/fuzz/json_model.h"

namespace ampt {
namespace {

constexpr JsonLimits kLimits{64, 1 << 20};

// What the contract refuses and RapidJSON does not.
bool RefusedByUsAlone(std::string_view error) {
  for (const std::string_view reason : {"a lone surrogate", "a number of more than 256 bytes",
                                        "max-json-depth", "max-item-size", "needs base64 text"}) {
    if (error.find(reason) != std::string_view::npos) return true;
  }
  return false;
}

void CheckMembers(std::string_view object) {
  std::string again = "{";
  ObjectReader reader(object);
  for (ObjectReader::Member member; reader.Next(&member);) {
    if (again.size() > 1) again += ',';
    std::string name;
    std::string scratch;
    UnescapeString(member.name, &name);
    AMPT_ASSERT(EscapedName(name, &scratch) == member.name);
    again.append(1, '"').append(member.name).append("\":").append(member.json);
  }
  AMPT_ASSERT(again + "}" == object);
}

void Check(std::string_view json) {
  std::string stored;
  const Result<ValueView> value = ParseJson(json, kLimits, "value", &stored);
  JsonTree tree;
  const rapidjson::ParseErrorCode code = ReadJsonTree(json, &tree);
  const bool same_end = json.find('\0') == std::string_view::npos;  // there RapidJSON stops
  if (!value.ok()) {
    AMPT_ASSERT(code != rapidjson::kParseErrorNone || !same_end ||
                RefusedByUsAlone(value.status().text()));
    return;
  }
  // Its reader has no numbers beyond a double's range.
  AMPT_ASSERT(code == rapidjson::kParseErrorNone || code == rapidjson::kParseErrorNumberTooBig);

  std::string text;
  AppendJson(*value, &text);
  std::string stored_again;
  const Result<ValueView> again = ParseJson(text, kLimits, "value", &stored_again);
  AMPT_ASSERT(again.ok() && again->type == value->type && again->text == value->text);
  if (value->is_object()) CheckMembers(value->text);
  if (value->type == ValueType::kNumber) AMPT_ASSERT(IsJsonNumber(value->text));

  const bool binary = value->type == ValueType::kString && tree.type == ValueType::kObject;
  if (code == rapidjson::kParseErrorNone && !binary) {
    std::string expected;
    WriteJsonTree(tree, &expected);
    AMPT_ASSERT(text == expected);
  }
}

}  // namespace
}  // namespace ampt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy, so that reading behind the end is seen.
  const std::string text(reinterpret_cast<const char*>(data), size);
  ampt::Check(text);
  return 0;
}
