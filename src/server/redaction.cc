#include "server/redaction.h"

#include <cstddef>

#include "base/bytes.h"
#include "server/settings.h"

namespace ampt {
namespace {

constexpr std::string_view kRedacted = "(redacted)";

// HELLO 3 AUTH user password SETNAME name
void RedactHello(std::vector<std::string_view>& words) {
  for (size_t i = 2; i < words.size(); ++i) {
    if (EqualsIgnoreCase(words[i], "auth")) {
      for (size_t end = i + 3; i + 1 < end && i + 1 < words.size();) words[++i] = kRedacted;
    } else if (EqualsIgnoreCase(words[i], "setname")) {
      ++i;
    }
  }
}

// CONFIG SET name value … A name that is none of ours may be meant for another server's password.
void RedactConfigSet(std::vector<std::string_view>& words) {
  for (size_t i = 2; i + 1 < words.size(); i += 2) {
    const Setting* const setting = FindSetting(words[i]);
    if (setting == nullptr || setting->secret) words[i + 1] = kRedacted;
  }
}

void RedactFrom(size_t first, std::vector<std::string_view>& words) {
  for (size_t i = first; i < words.size(); ++i) words[i] = kRedacted;
}

}  // namespace

std::vector<std::string_view> WithoutSecrets(const Command& command, Words words) {
  std::vector<std::string_view> shown(words.begin(), words.end());
  const std::string_view name = command.spec.name;
  if (name == "auth") {
    RedactFrom(1, shown);
  } else if (name == "hello") {
    RedactHello(shown);
  } else if (name == "config|set") {
    RedactConfigSet(shown);
  } else if (name == "acl|setuser" || name == "acl|deluser" || name == "acl|dryrun") {
    RedactFrom(2, shown);
  }
  return shown;
}

}  // namespace ampt
