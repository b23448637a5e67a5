// What a client may call itself and its library.
#pragma once

#include <algorithm>
#include <string_view>

#include "base/status.h"

namespace ampt {

// Printable ASCII without spaces, so that CLIENT LIST stays one line a client.
inline bool IsClientName(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

inline Status InvalidClientName() {
  return Status::Err("Client names cannot contain spaces, newlines or special characters.");
}

}  // namespace ampt
