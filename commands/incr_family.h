// INCR, DECR, INCRBY, DECRBY: sums of 64-bit integers, with Redis' limits and errors.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "commands/context.h"

namespace ampt {

// Adds to the integer whose text is stored, whether a string or a number (an absent one is 0),
// leaves a number and answers it. Text such as 1.5, 1e3 or 007 is no integer. Allocates nothing but
// a new item.
Status IncrementBy(Context& context, std::string_view key, int64_t by);

}  // namespace ampt
