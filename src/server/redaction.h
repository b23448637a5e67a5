// Redaction: a request's words as they may be shown to somebody else (SLOWLOG, MONITOR), with
// "(redacted)" in place of passwords.
#pragma once

#include <string_view>
#include <vector>

#include "commands/spec.h"

namespace ampt {

// `command`: what runs, of a container its part; `words`: the request, or the first of it. Views of
// `words`, good as long as they are. Cost: O(words).
std::vector<std::string_view> WithoutSecrets(const Command& command, Words words);

}  // namespace ampt
