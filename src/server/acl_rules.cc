#include "server/acl_rules.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "model/glob.h"

namespace ampt {
namespace {

constexpr size_t kDigestDigits = 2 * SHA256_DIGEST_LENGTH;
constexpr unsigned kReadsAndWrites = kReadsKey | kWritesKey;

constexpr std::string_view kCategories[] = {
    "keyspace", "read",        "write",      "set",         "sortedset", "list",  "hash", "string",
    "bitmap",   "hyperloglog", "geo",        "stream",      "pubsub",    "admin", "fast", "slow",
    "blocking", "dangerous",   "connection", "transaction", "scripting", "items"};

constexpr std::string_view kUnknownName = "Unknown command or category name in ACL";
constexpr std::string_view kSyntax = "Syntax error";

std::string Lower(std::string_view text) {
  std::string lower;
  for (const char c : text) lower.push_back(AsciiLower(c));
  return lower;
}

std::string HexOf(const unsigned char* bytes, size_t size) {
  std::string hex;
  for (size_t i = 0; i < size; ++i) hex += fmt::format("{:02x}", bytes[i]);
  return hex;
}

std::string DigestOf(std::string_view password) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(password.data()), password.size(), digest);
  return HexOf(digest, sizeof digest);
}

bool IsDigest(std::string_view text) {
  return text.size() == kDigestDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// P of a pattern P* without other glob characters.
std::optional<std::string_view> PlainPrefix(std::string_view glob) {
  if (!glob.ends_with('*')) return std::nullopt;
  glob.remove_suffix(1);
  if (glob.find_first_of("*?[]\\") != std::string_view::npos) return std::nullopt;
  return glob;
}

bool Covers(std::string_view prefix, const Range& range) {
  if (prefix.empty()) return true;
  if (!range.has_upper || range.lower < prefix) return false;
  const std::string end = PrefixSuccessor(prefix);
  return end.empty() || (range.upper_inclusive ? range.upper < end : range.upper <= end);
}

std::string PatternText(std::string_view glob, unsigned access) {
  std::string text = access == kReadsAndWrites ? "~" : access == kReadsKey ? "%R~" : "%W~";
  return text.append(glob);
}

void AppendWord(std::string_view word, std::string* line) {
  if (word.empty()) return;
  if (!line->empty()) line->append(1, ' ');
  line->append(word);
}

}  // namespace

std::span<const std::string_view> AclCategoryNames() {
  return kCategories;
}

bool HasSpacesOrNuls(std::string_view text) {
  return text.find_first_of(std::string_view(" \t\n\v\f\r\0", 7)) != std::string_view::npos;
}

std::vector<std::string_view> SplitAtSpaces(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t space = text.find(' ');
    if (space != 0) words.push_back(text.substr(0, space));
    if (space == std::string_view::npos) break;
    text.remove_prefix(space + 1);
  }
  return words;
}

// --- CommandNumbers
// -------------------------------------------------------------------------------

CommandNumbers::CommandNumbers() {
  for (const Command* command : AllCommands()) {
    Add(command);
    for (const Command* part : command->subcommands) Add(part);
  }
}

void CommandNumbers::Add(const Command* command) {
  numbers_.emplace(command, commands_.size());
  commands_.push_back(command);
}

std::vector<size_t> CommandNumbers::Find(std::string_view name) const {
  std::vector<size_t> found;
  for (size_t i = 0; i < commands_.size(); ++i) {
    const std::string_view whole = commands_[i]->spec.name;
    const bool is_part = whole.starts_with(name) && whole.substr(name.size()).starts_with('|');
    if (whole == name || is_part) found.push_back(i);
  }
  return found;
}

std::optional<std::vector<size_t>> CommandNumbers::OfCategory(std::string_view category) const {
  const std::string name = Lower(category);
  if (std::ranges::find(kCategories, name) == std::end(kCategories)) return std::nullopt;
  std::vector<size_t> found;
  for (size_t i = 0; i < commands_.size(); ++i) {
    const std::vector<std::string_view> categories = AclCategories(*commands_[i]);
    if (std::ranges::find(categories, name) != categories.end()) found.push_back(i);
  }
  return found;
}

// --- AclSelector
// ----------------------------------------------------------------------------------

std::string AclSelector::Apply(std::string_view rule, const CommandNumbers& numbers) {
  if (EqualsIgnoreCase(rule, "allkeys") || rule == "~*") {
    all_keys_ = true;
    keys_.clear();
  } else if (EqualsIgnoreCase(rule, "resetkeys")) {
    all_keys_ = false;
    keys_.clear();
  } else if (EqualsIgnoreCase(rule, "allchannels") || rule == "&*") {
    all_channels_ = true;
    channels_.clear();
  } else if (EqualsIgnoreCase(rule, "resetchannels")) {
    all_channels_ = false;
    channels_.clear();
  } else if (EqualsIgnoreCase(rule, "allcommands") || EqualsIgnoreCase(rule, "+@all")) {
    AllowAll(true);
  } else if (EqualsIgnoreCase(rule, "nocommands") || EqualsIgnoreCase(rule, "-@all")) {
    AllowAll(false);
  } else if (rule.starts_with('~') || rule.starts_with('%')) {
    return ApplyKeyRule(rule);
  } else if (rule.starts_with('&')) {
    if (all_channels_) {
      return "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and "
             "does not have any effect. Try 'resetchannels' to start with an empty list of "
             "channels";
    }
    const std::string pattern(rule.substr(1));
    if (HasSpacesOrNuls(pattern)) return std::string(kSyntax);
    if (std::ranges::find(channels_, pattern) == channels_.end()) channels_.push_back(pattern);
  } else if (rule.size() > 1 && (rule[0] == '+' || rule[0] == '-')) {
    return ApplyCommandRule(rule, numbers);
  } else {
    return std::string(kSyntax);
  }
  return {};
}

std::string AclSelector::ApplyKeyRule(std::string_view rule) {
  if (all_keys_) {
    return "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not "
           "have any effect. Try 'resetkeys' to start with an empty list of patterns";
  }
  unsigned access = 0;
  size_t at = 0;
  if (rule[0] == '%') {
    for (at = 1; at < rule.size() && rule[at] != '~'; ++at) {
      const char kind = AsciiLower(rule[at]);
      if (kind != 'r' && kind != 'w') return std::string(kSyntax);
      access |= kind == 'r' ? kReadsKey : kWritesKey;
    }
    if (access == 0 || at == rule.size()) return std::string(kSyntax);
  } else {
    access = kReadsAndWrites;
  }
  const std::string_view glob = rule.substr(at + 1);
  if (HasSpacesOrNuls(glob)) return std::string(kSyntax);
  for (KeyPattern& pattern : keys_) {
    if (pattern.glob != glob) continue;
    pattern.access |= access;
    return {};
  }
  keys_.push_back({std::string(glob), access});
  return {};
}

void AclSelector::AllowAll(bool allowed) {
  allowed_.assign(allowed_.size(), allowed);
  all_commands_ = allowed;
  command_rules_ = {allowed ? "+@all" : "-@all"};
}

std::string AclSelector::ApplyCommandRule(std::string_view rule, const CommandNumbers& numbers) {
  const bool allows = rule[0] == '+';
  const std::string name = Lower(rule.substr(1));
  std::vector<size_t> meant;
  if (name.starts_with('@')) {
    std::optional<std::vector<size_t>> of = numbers.OfCategory(std::string_view(name).substr(1));
    if (!of) return std::string(kUnknownName);
    meant = std::move(*of);
  } else {
    meant = numbers.Find(name);
    if (meant.empty()) {
      const size_t bar = name.rfind('|');
      if (!allows || bar == std::string::npos) return std::string(kUnknownName);
      const std::vector<size_t> command = numbers.Find(name.substr(0, bar));
      if (command.size() != 1) return std::string(kUnknownName);
      if (name.find('|') != bar) return "Allowing first-arg of a subcommand is not supported";
      return "Allowing a command with one first argument is not supported; for SELECT there is "
             "db=N";
    }
  }
  for (const size_t number : meant) allowed_[number] = allows;
  if (allows && all_commands_) return {};
  all_commands_ = false;
  // A later rule about the same makes the earlier one void.
  std::erase_if(command_rules_, [&](const std::string& earlier) {
    const std::string_view about = std::string_view(earlier).substr(1);
    return about == name || (about.starts_with(name) && about.substr(name.size()).starts_with('|'));
  });
  command_rules_.push_back((allows ? "+" : "-") + name);
  return {};
}

bool AclSelector::MayAccess(std::string_view key, unsigned access) const {
  if (all_keys_) return true;
  return std::ranges::any_of(keys_, [&](const KeyPattern& pattern) {
    return (pattern.access & access) == access && GlobMatches(pattern.glob, key);
  });
}

bool AclSelector::MayAccessRange(const Range& range, unsigned access) const {
  if (all_keys_) return true;
  return std::ranges::any_of(keys_, [&](const KeyPattern& pattern) {
    const std::optional<std::string_view> prefix = PlainPrefix(pattern.glob);
    return (pattern.access & access) == access && prefix && Covers(*prefix, range);
  });
}

bool AclSelector::MayAccessAll(unsigned access) const {
  if (all_keys_) return true;
  return std::ranges::any_of(keys_, [&](const KeyPattern& pattern) {
    return (pattern.access & access) == access && pattern.glob == "*";
  });
}

bool AclSelector::MayUseChannel(std::string_view channel) const {
  return all_channels_ || std::ranges::any_of(channels_, [&](const std::string& pattern) {
           return GlobMatches(pattern, channel);
         });
}

bool AclSelector::MayUsePattern(std::string_view pattern) const {
  return all_channels_ || std::ranges::find(channels_, pattern) != channels_.end();
}

UserDescription::Rights AclSelector::Describe() const {
  UserDescription::Rights rights;
  for (const std::string& rule : command_rules_) AppendWord(rule, &rights.commands);
  if (all_keys_) rights.keys = "~*";
  for (const KeyPattern& pattern : keys_) {
    AppendWord(PatternText(pattern.glob, pattern.access), &rights.keys);
  }
  if (all_channels_) rights.channels = "&*";
  for (const std::string& pattern : channels_) AppendWord("&" + pattern, &rights.channels);
  return rights;
}

std::string AclSelector::Line() const {
  const UserDescription::Rights rights = Describe();
  std::string line = rights.keys;
  if (!all_channels_) AppendWord("resetchannels", &line);
  AppendWord(rights.channels, &line);
  AppendWord(rights.commands, &line);
  return line;
}

// --- AclUser
// --------------------------------------------------------------------------------------

AclUser::AclUser(std::string name, const CommandNumbers& numbers, const AclDefaults& defaults)
    : name_(std::move(name)) {
  Reset(numbers, defaults);
}

void AclUser::Reset(const CommandNumbers& numbers, const AclDefaults& defaults) {
  is_enabled_ = false;
  needs_no_password_ = false;
  is_unrestricted_ = false;
  database_.reset();
  passwords_.clear();
  selectors_.assign(1, AclSelector(numbers, defaults));
}

bool AclUser::PasswordMatches(std::string_view password) const {
  const std::string digest = DigestOf(password);
  bool matches = needs_no_password_;
  for (const std::string& known : passwords_) {
    matches = (CRYPTO_memcmp(known.data(), digest.data(), kDigestDigits) == 0) || matches;
  }
  return matches;
}

std::string AclUser::Apply(std::string_view rule, const CommandNumbers& numbers,
                           const AclDefaults& defaults) {
  std::string reason;
  if (EqualsIgnoreCase(rule, "on")) {
    is_enabled_ = true;
  } else if (EqualsIgnoreCase(rule, "off")) {
    is_enabled_ = false;
  } else if (EqualsIgnoreCase(rule, "reset")) {
    Reset(numbers, defaults);
  } else if (EqualsIgnoreCase(rule, "nopass")) {
    needs_no_password_ = true;
    passwords_.clear();
  } else if (EqualsIgnoreCase(rule, "resetpass")) {
    needs_no_password_ = false;
    passwords_.clear();
  } else if (EqualsIgnoreCase(rule, "clearselectors")) {
    selectors_.resize(1, AclSelector(numbers, defaults));
  } else if (EqualsIgnoreCase(rule, "sanitize-payload") ||
             EqualsIgnoreCase(rule, "skip-sanitize-payload")) {
    // About RESTORE, which is not offered.
  } else if (!rule.empty() && std::string_view("><#!").find(rule[0]) != std::string_view::npos) {
    reason = ApplyPasswordRule(rule);
  } else if (EqualsIgnoreCase(rule, "db=any")) {
    database_.reset();
  } else if (EqualsIgnoreCase(rule.substr(0, 3), "db=")) {
    const std::optional<int64_t> database = ParseInteger(rule.substr(3));
    if (!database || *database < 0 || *database >= defaults.databases) {
      return fmt::format("A database must be from 0 to {}, or any", defaults.databases - 1);
    }
    database_ = static_cast<int>(*database);
  } else if (rule.starts_with('(')) {
    reason = ApplySelector(rule, numbers, defaults);
  } else {
    reason = selectors_.front().Apply(rule, numbers);
  }
  is_unrestricted_ = selectors_.front().MayDoAll() && !database_;
  return reason;
}

std::string AclUser::ApplyPasswordRule(std::string_view rule) {
  const bool is_digest = rule[0] == '#' || rule[0] == '!';
  const std::string_view given = rule.substr(1);
  if (is_digest && !IsDigest(given)) {
    return "The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
           "characters";
  }
  const std::string digest = is_digest ? std::string(given) : DigestOf(given);
  const auto known = std::ranges::find(passwords_, digest);
  if (rule[0] == '>' || rule[0] == '#') {
    if (known == passwords_.end()) passwords_.push_back(digest);
    needs_no_password_ = false;
    return {};
  }
  if (known == passwords_.end()) {
    return "The password you are trying to remove from the user does not exist";
  }
  passwords_.erase(known);
  return {};
}

std::string AclUser::ApplySelector(std::string_view rule, const CommandNumbers& numbers,
                                   const AclDefaults& defaults) {
  if (!rule.ends_with(')')) return std::string(kSyntax);
  AclSelector selector(numbers, defaults);
  for (const std::string_view part : SplitAtSpaces(rule.substr(1, rule.size() - 2))) {
    std::string reason = selector.Apply(part, numbers);
    if (!reason.empty()) return reason;
  }
  selectors_.push_back(std::move(selector));
  return {};
}

UserDescription AclUser::Describe() const {
  UserDescription description;
  description.flags.emplace_back(is_enabled_ ? "on" : "off");
  if (needs_no_password_) description.flags.emplace_back("nopass");
  description.passwords = passwords_;
  description.rights = selectors_.front().Describe();
  for (size_t i = 1; i < selectors_.size(); ++i) {
    description.selectors.push_back(selectors_[i].Describe());
  }
  description.database = database_;
  return description;
}

std::string AclUser::Line() const {
  std::string line = fmt::format("user {} {}", name_, is_enabled_ ? "on" : "off");
  if (needs_no_password_) AppendWord("nopass", &line);
  for (const std::string& digest : passwords_) AppendWord("#" + digest, &line);
  if (database_) AppendWord(fmt::format("db={}", *database_), &line);
  AppendWord(selectors_.front().Line(), &line);
  for (size_t i = 1; i < selectors_.size(); ++i) {
    AppendWord(fmt::format("({})", selectors_[i].Line()), &line);
  }
  return line;
}

}  // namespace ampt
