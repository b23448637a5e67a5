// Numbers as little-endian bytes, for files. Each Put returns the place behind what it wrote.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace ampt {

static_assert(std::endian::native == std::endian::little, "the file formats are little-endian");

inline char* PutLittle16(uint16_t value, char* to) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
inline char* PutLittle32(uint32_t value, char* to) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
inline char* PutLittle64(uint64_t value, char* to) {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
inline uint16_t GetLittle16(const char* from) {
  uint16_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline uint32_t GetLittle32(const char* from) {
  uint32_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
inline uint64_t GetLittle64(const char* from) {
  uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace ampt
