// The value of an item, as a view.
//
// A value is kept as the bytes that are read back most often: a string as its raw bytes (no quotes,
// no escapes; may be any bytes when a Redis string command wrote it), a number as its text, an
// array or object as compact canonical JSON text (model/json.h says what canonical means), the
// three words as themselves. So Redis' GET is always a copy of `text`.
#pragma once

#include <cstdint>
#include <string_view>

namespace ampt {

enum class ValueType : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };

// Does not own `text`.
struct ValueView {
  ValueType type = ValueType::kNull;
  std::string_view text = "null";

  bool is_object() const { return type == ValueType::kObject; }
  bool is_array() const { return type == ValueType::kArray; }
  // What Redis calls a string: everything that is not a container.
  bool is_scalar() const { return type < ValueType::kArray; }
};

inline ValueView StringValue(std::string_view bytes) {
  return {ValueType::kString, bytes};
}
inline ValueView NumberValue(std::string_view text) {
  return {ValueType::kNumber, text};
}

}  // namespace ampt
