// MSET and MSETNX.
#pragma once

#include <string_view>

#include "base/status.h"
#include "commands/context.h"

namespace ampt {

// `pairs`: key, value, key, value, … All of them are checked, so that the write cannot fail
// halfway.
Status CheckPairs(const Context& context, Words pairs, std::string_view command);
// Stores each value as a new item. REQUIRES: CheckPairs.
void SetPairs(Context& context, Words pairs);

}  // namespace ampt
