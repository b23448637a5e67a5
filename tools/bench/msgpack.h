// MessagePack, the part of it that IPROTO requests are written in and replies begin with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ampt::bench::msgpack {

// The last `size` bytes of `value`, the highest first.
inline void AppendBigEndian(std::string* out, uint64_t value, size_t size) {
  while (size > 0) out->push_back(static_cast<char>(value >> (8 * --size)));
}

// In the shortest form.
inline void AppendUint(std::string* out, uint64_t value) {
  if (value < 0x80) return AppendBigEndian(out, value, 1);
  const int width = value <= 0xFF ? 0 : value <= 0xFFFF ? 1 : value <= 0xFFFFFFFF ? 2 : 3;
  out->push_back(static_cast<char>(0xCC + width));
  AppendBigEndian(out, value, size_t{1} << width);
}

inline void AppendString(std::string* out, std::string_view text) {
  if (text.size() < 32) {
    out->push_back(static_cast<char>(0xA0 | text.size()));
  } else {
    const int width = text.size() <= 0xFF ? 0 : text.size() <= 0xFFFF ? 1 : 2;
    out->push_back(static_cast<char>(0xD9 + width));
    AppendBigEndian(out, text.size(), size_t{1} << width);
  }
  out->append(text);
}

// The head of an array or a map of so many members. REQUIRES: count < 16.
inline void AppendArray(std::string* out, size_t count) {
  out->push_back(static_cast<char>(0x90 | count));
}
inline void AppendMap(std::string* out, size_t count) {
  out->push_back(static_cast<char>(0x80 | count));
}

// What stands at the front of `in`, taken off it: an unsigned integer's value, or how many members
// the array or map has whose head it is. Nothing, where it is something else or cut off.
enum class Type { kUint, kArray, kMap };
inline std::optional<uint64_t> Take(Type type, std::string_view* in) {
  if (in->empty()) return std::nullopt;
  const auto head = static_cast<unsigned char>((*in)[0]);
  size_t size = 0;
  uint64_t value = 0;
  if (type == Type::kUint && head < 0x80) {
    value = head;
  } else if (type == Type::kUint && head >= 0xCC && head <= 0xCF) {
    size = size_t{1} << (head - 0xCC);
  } else if ((type == Type::kArray && head >> 4 == 0x9) ||
             (type == Type::kMap && head >> 4 == 0x8)) {
    value = head & 0xF;
  } else if ((type == Type::kArray && (head == 0xDC || head == 0xDD)) ||
             (type == Type::kMap && (head == 0xDE || head == 0xDF))) {
    size = head & 1 ? 4 : 2;
  } else {
    return std::nullopt;
  }
  if (in->size() < 1 + size) return std::nullopt;
  for (size_t i = 1; i <= size; i++) value = value << 8 | static_cast<unsigned char>((*in)[i]);
  in->remove_prefix(1 + size);
  return value;
}

}  // namespace ampt::bench::msgpack
