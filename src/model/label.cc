#include "model/label.h"

#include <algorithm>

namespace ampt {

std::string_view EncodeLabel(std::string_view label, std::string* scratch) {
  const auto special = [](char c) { return static_cast<unsigned char>(c) <= 1; };
  if (std::none_of(label.begin(), label.end(), special)) return label;
  scratch->clear();
  for (const char c : label) {
    if (special(c)) scratch->push_back('\x01');
    scratch->push_back(special(c) ? static_cast<char>(c + 1) : c);
  }
  return *scratch;
}

std::string_view DecodeLabel(std::string_view encoded, std::string* scratch) {
  if (encoded.find('\x01') == std::string_view::npos) return encoded;
  scratch->clear();
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] == '\x01' && i + 1 < encoded.size()) {
      scratch->push_back(static_cast<char>(encoded[++i] - 1));
    } else {
      scratch->push_back(encoded[i]);
    }
  }
  return *scratch;
}

Range EncodeLabelRange(const Range& range) {
  Range encoded = range;
  std::string scratch;
  encoded.lower = std::string(EncodeLabel(range.lower, &scratch));
  encoded.upper = std::string(EncodeLabel(range.upper, &scratch));
  return encoded;
}

}  // namespace ampt
