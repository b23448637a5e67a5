// ItemPointer: the address of an item in six bytes, for indexes that hold millions of them.
//
// Processes get addresses of at most 47 (x86-64) or 48 bits (AArch64) unless they ask for more, so
// the upper two bytes are always zero. A leak checker does not see what only these refer to.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/assert.h"

namespace ampt {

class Item;

class ItemPointer {
 public:
  ItemPointer() = default;
  ItemPointer(Item* item) { *this = item; }  // NOLINT: it stands for a pointer
  ItemPointer& operator=(Item* item) {
    const auto address = reinterpret_cast<uint64_t>(item);
    AMPT_ASSERT(address >> 48 == 0);
    std::memcpy(bytes_, &address, sizeof bytes_);
    return *this;
  }
  Item* operator->() const { return *this; }
  operator Item*() const {
    // Two loads, put together in a register: one copy of six bytes would go by way of the stack.
    uint32_t low;
    uint16_t high;
    std::memcpy(&low, bytes_, sizeof low);
    std::memcpy(&high, bytes_ + sizeof low, sizeof high);
    return reinterpret_cast<Item*>(uint64_t{high} << 32 | low);
  }

 private:
  char bytes_[6];
};
static_assert(sizeof(ItemPointer) == 6 && sizeof(void*) == 8);

}  // namespace ampt
