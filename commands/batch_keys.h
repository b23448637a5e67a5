// The keys of a batch: how many, canonical, none twice.
#pragma once

#include <string>
#include <vector>

#include "commands/context.h"
#include "model/key.h"

namespace ampt {

// Canonical keys in the order of the request. `noun` is the operation of the error texts ("get",
// "remove"). Errors: none or more than 25, an invalid one, one twice.
Result<std::vector<std::string>> ReadBatchKeys(Words words, std::string_view noun);
Status DuplicateKeys();

}  // namespace ampt
