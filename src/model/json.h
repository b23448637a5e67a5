// JSON text in and out.
//
// Canonical text: compact (no white space); strings with the shortest escapes (\" \\ \b \f \n \r
// \t, \u00xx for the other controls, everything else as UTF-8); numbers as they were sent, but a
// zero loses its minus sign (-0 is 0, -0.0 is 0.0, -0e5 is 0e5); no name twice in one object (the
// last value wins, in the first's place). Two equal names therefore have equal canonical text, and
// a name can be looked up by comparing bytes.
//
// The scanner is our own because the contract asks for what RapidJSON 1.1.0 does not give: numbers
// of any magnitude (its reader refuses 1e400 even where numbers are read as strings), lone low
// surrogates refused, NUL bytes as an error rather than as the end. The tests and fuzzers compare
// it with RapidJSON.
//
// Nothing here recurses: depth costs memory, never stack.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/value.h"

namespace ampt {

struct JsonLimits {
  int max_depth;     // containers inside each other
  size_t max_bytes;  // size of the value as stored, before equal names are made one;
                     // text longer than 6 times that is not even read
};

// Parses `json`, one JSON text with optional white space around it, and writes the value's stored
// form to `*out` (cleared first; `json` must not lie in it). The view points into `*out`. A root
// object {"$binary":"<base64>"} becomes a string of those bytes; a text there that is not base64
// (RFC 4648 with padding) is an error. Errors name the argument (`what`) and the byte offset, as in
// "ERR value is not valid JSON: missing a comma or '}' at byte 17".
// Cost: linear in the text, about 2 ns a byte; objects of n names O(n log n).
Result<ValueView> ParseJson(std::string_view json, const JsonLimits& limits, std::string_view what,
                            std::string* out);
// The error for a value `what` that takes more than limits.max_bytes.
Status JsonTooLarge(std::string_view what, const JsonLimits& limits);

// Appends the value as JSON text: containers, numbers and words as they are; a string quoted and
// escaped, or as {"$binary":"<base64>"} when it is not valid UTF-8. Cost: one pass.
void AppendJson(const ValueView& value, std::string* out);
// Appends `utf8` as a quoted JSON string. REQUIRES: valid UTF-8.
void AppendJsonString(std::string_view utf8, std::string* out);
// A key in a reply: a JSON string, or {"$binary":…} when it is not valid UTF-8.
void AppendJsonKey(std::string_view key, std::string* out);

// The members of a canonical object, in order, without looking below the root level.
// REQUIRES: `object` is canonical text of an object that outlives the reader.
class ObjectReader {
 public:
  struct Member {
    std::string_view name;  // escaped, without quotes: compare with EscapedName()
    ValueView value;        // a string value's text is escaped and without quotes here
    std::string_view json;  // the value's JSON text
  };
  explicit ObjectReader(std::string_view object);
  bool Next(Member* member);

 private:
  const char* at_;
  const char* end_;
};

// The end of the value that begins at `at`, a place in canonical text that ends at `end`.
// A value's first byte tells its type. Cost: linear in the value.
const char* SkipJsonValue(const char* at, const char* end);

// How `name` (UTF-8) stands in canonical text, without quotes. A view of `name` itself, or of
// `*scratch` where something has to be escaped.
std::string_view EscapedName(std::string_view name, std::string* scratch);
// The stored form of a string value found by ObjectReader: unescaped into `*out` (cleared first).
void UnescapeString(std::string_view escaped, std::string* out);

}  // namespace ampt
