// RENAME, RENAMENX, MOVE and COPY: an item under another key.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "commands/context.h"
#include "model/item.h"

namespace ampt {

// The item's whole state, copied into the context's scratch so that it outlives the item. Good
// until the scratch is used again.
ItemState StateAside(Context& context, const Item& item);

// The visible item `from` of the selected database becomes `to` of `target`: a deletion and a
// creation or replacement, both of origin kMoved. REQUIRES: not the same place.
void MoveItem(Context& context, std::string_view from, Store& target, std::string_view to);

// The database of that number.
Result<Store*> DatabaseAt(Context& context, int64_t number);

// "ERR source and destination objects are the same"
Status SameObject();

}  // namespace ampt
