// What the string commands of Redis share: their bounds, and from a value to an item.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "commands/context.h"

namespace ampt {

// A key of a plain Redis command may be any bytes, none included, up to limits::kRawKeyBytes.
Status CheckRawKey(std::string_view key);
// What a stored value may take (`max-item-size`).
Status CheckValueBytes(const ModelSettings& settings, uint64_t bytes);
// The same for a string that a command lengthens: beyond `proto-max-bulk-len` with Redis' text.
Status CheckLengthenedBytes(const ModelSettings& settings, uint64_t bytes);

// The state of an item written anew: created and modified now, without labels.
inline ItemState NewItem(const ValueView& value, uint32_t now_s, TimeMs deadline_ms = kNoDeadline) {
  return {.value = value, .created_s = now_s, .modified_s = now_s, .deadline_ms = deadline_ms};
}

// Stores a value that a command made from the one that was there: labels, deadline and created
// stay, a missing item is created. `value` may be a view of the item.
void StoreChanged(KeyRef& ref, const ValueView& value, uint32_t now_s);

// A string reply: the item's text, null where there is none. WRONGTYPE for objects and arrays, and
// then nothing is answered.
Status AnswerText(Reply& reply, const Item* item);

}  // namespace ampt
