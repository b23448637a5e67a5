// Items as the product's commands and events show them: JSON text.
#pragma once

#include <string>
#include <string_view>

#include "model/item.h"

namespace ampt {

// {"key":…,"value":…,"created":…,"modified":…,"label1":…,"ttl":…}, absent fields left out.
void AppendItem(std::string_view key, const ItemState& state, std::string* out);

// An element of a page: {"key":…,"value":…}, or the whole item with `meta`. Returns how many bytes
// the value's JSON took.
size_t AppendElement(std::string_view key, const ItemState& state, bool meta, std::string* out);
// The same for a stored item; cheaper, since labels are not looked for without `meta`.
size_t AppendElement(const Item& item, bool meta, std::string* out);

}  // namespace ampt
