#include "model/key.h"

#include <array>

#include "base/byte_masks.h"
#include "base/limits.h"
#include "base/utf8.h"

namespace ampt {
namespace {

enum ByteClass : uint8_t {
  kPlain,
  kColon,
  kQuery,  // | and *
  kOdd,    // perhaps white space to trim, perhaps not UTF-8: needs a closer look
};

constexpr std::array<ByteClass, 256> kByteClass = [] {
  std::array<ByteClass, 256> table{};
  for (int byte = 0; byte < 256; ++byte) {
    if (byte <= ' ' || byte >= 0x80) table[byte] = kOdd;
  }
  table[':'] = kColon;
  table['|'] = table['*'] = kQuery;
  return table;
}();

struct Shape {
  size_t colon = std::string_view::npos;  // the first one
  bool query_in_name = false;             // | or * after it
  bool odd = false;
};

Shape Examine(std::string_view text) {
  Shape shape;
  for (size_t i = 0; i < text.size(); ++i) {
    const ByteClass byte_class = kByteClass[static_cast<uint8_t>(text[i])];
    if (byte_class == kPlain) [[likely]]
      continue;
    const bool in_name = shape.colon != std::string_view::npos;
    if (byte_class == kOdd) {
      shape.odd = true;
    } else if (byte_class == kQuery) {
      shape.query_in_name |= in_name;
    } else if (!in_name) {
      shape.colon = i;
    }
  }
  return shape;
}

// Bytes of white space at the start of `text`; 0 if there is none.
size_t LeadingSpace(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (text.empty()) return 0;
  if ((byte(0) >= 0x09 && byte(0) <= 0x0D) || byte(0) == 0x20) return 1;
  if (text.starts_with("\xC2\xA0")) return 2;  // U+00A0
  if (text.size() < 3) return 0;
  const uint32_t three = byte(0) << 16 | byte(1) << 8 | byte(2);
  switch (three) {
    case 0xE19A80:  // U+1680
    case 0xE280A8:  // U+2028
    case 0xE280A9:  // U+2029
    case 0xE280AF:  // U+202F
    case 0xE2819F:  // U+205F
    case 0xE38080:  // U+3000
    case 0xEFBBBF:  // U+FEFF
      return 3;
    default:
      return three >= 0xE28080 && three <= 0xE2808A ? 3 : 0;  // U+2000 to U+200A
  }
}

size_t TrailingSpace(std::string_view text) {
  for (size_t bytes = 1; bytes <= 3 && bytes <= text.size(); ++bytes) {
    if (LeadingSpace(text.substr(text.size() - bytes)) == bytes) return bytes;
  }
  return 0;
}

// REQUIRES: `text` is not valid UTF-8. Returns where the first byte stands that is no whole
// character.
size_t FirstInvalidByte(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t bytes = 1;
    while (bytes <= 4 && !IsValidUtf8(text.substr(at, bytes))) ++bytes;
    if (bytes > 4) break;
    at += bytes;
  }
  return at;
}

std::string_view TrimSegments(std::string_view raw, std::string* scratch) {
  if (raw.find(':') == std::string_view::npos) return TrimEcma(raw);
  scratch->clear();
  for (std::string_view rest = raw;;) {
    const size_t colon = rest.find(':');
    scratch->append(TrimEcma(rest.substr(0, colon)));
    if (colon == std::string_view::npos) return *scratch;
    scratch->push_back(':');
    rest.remove_prefix(colon + 1);
  }
}

Status CheckKey(std::string_view key, const Shape& shape, KeyUse use) {
  const bool simple = shape.colon == std::string_view::npos;
  const std::string_view name = simple ? key : key.substr(shape.colon + 1);
  // Of a name with colons only its first segment must not be empty.
  if (name.empty() || shape.colon == 0 || (!simple && name.front() == ':')) {
    return Status::Err("Invalid key");
  }
  if (name.size() > limits::kKeySegmentBytes) {
    return Status::Err("Invalid key: Maximum Key size is 256 bytes");
  }
  if (!simple && shape.colon > limits::kKeySegmentBytes) {
    return Status::Err("Invalid key: Maximum collection name size is 256 bytes");
  }
  if (use != KeyUse::kWrite) return Status::Ok();
  if (simple) {
    if (key != "*") return Status::Ok();
    return Status::Err("Invalid key: '*' stands for every item and cannot be the key of one");
  }
  if (shape.query_in_name) {
    return Status::Err(
        "Invalid key: Key names in collections cannot contain the '|' or the '*' characters.");
  }
  if (name.front() == '>' || name.front() == '<') {
    return Status::Err(
        "Invalid key: Key names in collections cannot start with the '>' or '<' characters.");
  }
  return Status::Ok();
}

}  // namespace

std::string_view TrimEcma(std::string_view text) {
  while (const size_t bytes = LeadingSpace(text)) text.remove_prefix(bytes);
  while (const size_t bytes = TrailingSpace(text)) text.remove_suffix(bytes);
  return text;
}

bool IsPlainKey(std::string_view text) {
  if (text.empty() || text.size() > limits::kKeySegmentBytes) return false;
  if (text.front() == ':' || text.back() == ':') return false;
  uint64_t odd = 0;
  uint64_t colons = 0;  // of the word before
  const auto look_at = [&](uint64_t word) {
    const uint64_t before = colons >> 56;
    colons = BytesEqual(word, ':');
    odd |= BytesBelow(word, '!') | BytesAboveAscii(word) | BytesEqual(word, '|') |
           BytesEqual(word, '*') | BytesEqual(word | kByteOnes * 2, '>') |  // and '<'
           (colons & (colons << 8 | before));
  };
  const char* at = text.data();
  const char* const end = at + text.size();
  for (; end - at >= 8; at += 8) look_at(LoadBytes(at));
  if (at != end) look_at(LoadFewBytes(at, static_cast<size_t>(end - at)));
  return odd == 0;
}

Result<std::string_view> CanonicalKey(std::string_view raw, KeyUse use, std::string* scratch) {
  if (IsPlainKey(raw)) [[likely]]
    return raw;
  Shape shape = Examine(raw);
  std::string_view key = raw;
  if (shape.odd) [[unlikely]] {
    if (!IsValidUtf8(raw)) {
      return Status::Err("Invalid key: not valid UTF-8 (byte " +
                         std::to_string(FirstInvalidByte(raw)) + ")");
    }
    key = TrimSegments(raw, scratch);
    shape = Examine(key);
  }
  AMPT_RETURN_IF_ERROR(CheckKey(key, shape, use));
  return key;
}

}  // namespace ampt
