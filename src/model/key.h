// Keys and labels as a user writes them, and their canonical form.
//
// `name` is a simple key, `namespace:name` a namespaced one: the first ':' separates. Each
// ':'-separated segment is trimmed of ECMAScript's white space; what remains, joined again, is the
// canonical form, and that is what is stored and compared.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace ampt {

enum class KeyUse : uint8_t {
  kWrite,  // the name may not hold | or * nor start with > or <; the simple key * is refused
  kRead,   // an exact key to read or remove, taken literally
  kLabel,  // a label to write or to look up: all characters are allowed
};

// True only for a key that is canonical as it stands, that every KeyUse accepts, and that an
// expression takes as an exact key. Most keys are found to be so: ASCII above the space, at most
// 256 bytes, none of | * < >, no empty segment. False says nothing. Cost: one pass, eight bytes at
// once.
bool IsPlainKey(std::string_view text);

// Returns the canonical form of `raw`: a view of a part of `raw` where one will do, else of
// `*scratch`; valid as long as both stand unchanged.
// Errors, in the order in which they are looked for: "Invalid key: not valid UTF-8 (byte N)",
// "Invalid key" (an empty simple key, namespace or name), "Invalid key: Maximum Key size is 256
// bytes", "Invalid key: Maximum collection name size is 256 bytes", and the texts on characters
// (kWrite). Cost: that of IsPlainKey if `raw` is plain; else a few passes.
Result<std::string_view> CanonicalKey(std::string_view raw, KeyUse use, std::string* scratch);

// The part of a key before the first ':', or the whole key. Events are in order within it.
inline std::string_view NamespaceOf(std::string_view key) {
  return key.substr(0, key.find(':'));
}

// ECMAScript's String.prototype.trim on UTF-8 text.
std::string_view TrimEcma(std::string_view text);

}  // namespace ampt
