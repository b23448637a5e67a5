// Labels as they are kept: encoded so that label, a separator and the key, one behind the other,
// compare with memcmp as the pair (label, key) does.
//
// The byte 0x00 becomes 01 01 and 0x01 becomes 01 02; 0x00 is then free to separate. Everything a
// person would write is unchanged. The encoding keeps order and prefixes, so ranges can be encoded
// bound by bound.
#pragma once

#include <string>
#include <string_view>

#include "model/expression.h"

namespace ampt {

// A view of `label` itself, or of `*scratch` where something had to be encoded.
std::string_view EncodeLabel(std::string_view label, std::string* scratch);
std::string_view DecodeLabel(std::string_view encoded, std::string* scratch);
// The range of encoded labels.
Range EncodeLabelRange(const Range& range);

}  // namespace ampt
