// Exact decimal sums of JSON numbers. The only user of Boost.Multiprecision.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/status.h"

namespace ampt {

// How many bytes at the beginning of `text` are one JSON number (RFC 8259 grammar); 0 if there is
// none. The longest number counts: of `1.5,` that is 3, of `1.` it is 1, of `-` 0.
size_t JsonNumberPrefix(std::string_view text);

// True if `text` is one JSON number and nothing else, of whatever length.
inline bool IsJsonNumber(std::string_view text) {
  return !text.empty() && JsonNumberPrefix(text) == text.size();
}

// Writes a + b to `*sum` (cleared first), exact and plain: no exponent, no trailing zeros after the
// point, no "-0". `0.1` + `0.2` is `0.3`, `1.50` + `0` is `1.5`, `1e3` + `1` is `1001`.
// Refused where that takes more than limits::kNumberBytes; never rounds, and never does work that
// grows with the size of an exponent. REQUIRES: both are JSON numbers of at most kNumberBytes.
// Cost: some ten nanoseconds when both are integers that fit 64 bits, else about a microsecond.
Status AddDecimals(std::string_view a, std::string_view b, std::string* sum);

}  // namespace ampt
