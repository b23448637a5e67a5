// Eight bytes at once: which of them are what is looked for, without a branch for each.
//
// A mask has the highest bit of each matching byte set. It is nonzero exactly if a byte matches,
// and its lowest bit is exact; bits above that may be carried there from the byte below (Lamport,
// Multiple byte processing with full-word instructions, CACM 1975).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ampt {

inline constexpr uint64_t kByteOnes = 0x0101010101010101;
inline constexpr uint64_t kByteHighBits = 0x8080808080808080;
static_assert(std::endian::native == std::endian::little, "the lowest byte must be the first");

inline uint64_t LoadBytes(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}
// The first `size` bytes, fewer than eight, at `at`; the others are 'A'.
inline uint64_t LoadFewBytes(const char* at, size_t size) {
  uint64_t word = kByteOnes * 'A';
  std::memcpy(&word, at, size);
  return word;
}

inline uint64_t BytesEqual(uint64_t word, char c) {
  const uint64_t x = word ^ kByteOnes * static_cast<uint8_t>(c);
  return (x - kByteOnes) & ~x & kByteHighBits;
}
// Bytes below `c`, itself at most 0x80.
inline uint64_t BytesBelow(uint64_t word, char c) {
  return (word - kByteOnes * static_cast<uint8_t>(c)) & ~word & kByteHighBits;
}
inline uint64_t BytesAboveAscii(uint64_t word) {
  return word & kByteHighBits;
}
// Which byte the lowest bit of `mask` means, 0 to 7. REQUIRES: mask != 0.
inline int FirstByte(uint64_t mask) {
  return std::countr_zero(mask) / 8;
}

// The first byte of [at, end) that `mask_of` marks, or `end`. `mask_of` must not mark an 'A'.
template <typename MaskOf>
const char* FindByte(const char* at, const char* end, MaskOf mask_of) {
  for (; end - at >= 8; at += 8) {
    if (const uint64_t mask = mask_of(LoadBytes(at)); mask != 0) return at + FirstByte(mask);
  }
  if (at == end) return end;
  const uint64_t mask = mask_of(LoadFewBytes(at, static_cast<size_t>(end - at)));
  return mask != 0 ? at + FirstByte(mask) : end;
}

}  // namespace ampt
