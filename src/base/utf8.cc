#include "base/utf8.h"

#include "base/byte_masks.h"

namespace ampt {

bool IsValidUtf8(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    at = FindByte(at, end, BytesAboveAscii);
    if (at == end) return true;
    const size_t size = Utf8Sequence(at, end);
    if (size == 0) return false;
    at += size;
  }
}

}  // namespace ampt
