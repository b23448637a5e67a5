// DEL and UNLINK.
#pragma once

#include <cstdint>

#include "commands/context.h"

namespace ampt {

// Deletes those that are there and returns how many there were.
int64_t DeleteKeys(Context& context, Words keys);

}  // namespace ampt
