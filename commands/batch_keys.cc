#include "commands/batch_keys.h"

#include <algorithm>

#include "base/limits.h"

namespace ampt {

Status DuplicateKeys() {
  return Status::Err("Provided list of item keys contains duplicates");
}

Result<std::vector<std::string>> ReadBatchKeys(Words words, std::string_view noun) {
  if (words.empty()) return Status::Err("You must provide at least one key");
  if (words.size() > limits::kBatchItems) {
    return Status::Err("You may only provide a maximum of 25 keys in one batch " +
                       std::string(noun) + " request");
  }
  std::vector<std::string> keys;
  std::string scratch;
  for (const std::string_view word : words) {
    const Result<std::string_view> key = CanonicalKey(word, KeyUse::kRead, &scratch);
    if (!key.ok()) return key.status();
    if (std::find(keys.begin(), keys.end(), *key) != keys.end()) return DuplicateKeys();
    keys.emplace_back(*key);
  }
  return keys;
}

}  // namespace ampt
