// Base64 (RFC 4648, section 4) with padding, without line breaks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ampt {

void AppendBase64(std::string_view bytes, std::string* out);

// Decodes `size` bytes at `text` in place. Returns the size of what they stand for, or -1 where
// they are no base64: another character, padding that is missing or elsewhere, or bits that no byte
// uses and that are not zero (one text for one string of bytes). The bytes at `text` are undefined
// then.
ptrdiff_t DecodeBase64(char* text, size_t size);

}  // namespace ampt
