// What a user of the ACL is made of: rules, selectors and passwords (see acl.h for what they mean).
//
// Nothing here knows connections. Rules are applied one by one and say, as Redis does, why they
// cannot be; a user is a value, so a change is made in a copy that replaces the old one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "commands/access_control.h"
#include "commands/spec.h"
#include "model/expression.h"

namespace ampt {

// Every category, without the '@': Redis', so that its files of users are understood, and ours.
std::span<const std::string_view> AclCategoryNames();

// Names and patterns of users have none of these, as a line has them between spaces.
bool HasSpacesOrNuls(std::string_view text);
std::vector<std::string_view> SplitAtSpaces(std::string_view text);

// Commands and their parts, numbered.
class CommandNumbers {
 public:
  CommandNumbers();
  size_t size() const { return commands_.size(); }
  size_t Of(const Command& command) const { return numbers_.find(&command)->second; }
  // The command, and of a container all parts. `name`: "get", "client", "client|list". Empty: there
  // is no such.
  std::vector<size_t> Find(std::string_view name) const;
  // Those of a category, without the '@', in any case; nullopt: there is no such.
  std::optional<std::vector<size_t>> OfCategory(std::string_view category) const;
  const Command& operator[](size_t number) const { return *commands_[number]; }

 private:
  void Add(const Command* command);
  std::vector<const Command*> commands_;
  std::unordered_map<const Command*, size_t> numbers_;
};

// What a key is looked at for.
enum KeyAccess : uint8_t { kTouchesKey = 0, kReadsKey = 1, kWritesKey = 2 };

// What the settings say about rules.
struct AclDefaults {
  int databases;      // how many there are
  bool all_channels;  // whether a new selector may use them all
};

class AclSelector {
 public:
  AclSelector(const CommandNumbers& numbers, const AclDefaults& defaults)
      : allowed_(numbers.size()), all_channels_(defaults.all_channels) {}

  // Applies one rule; returns nothing, or why it cannot be, as Redis says it.
  std::string Apply(std::string_view rule, const CommandNumbers& numbers);

  bool MayRun(size_t command) const { return allowed_[command]; }
  // `access`: a set of KeyAccess.
  bool MayAccess(std::string_view key, unsigned access) const;
  // Every key that lies in a range. False where only several patterns together cover it.
  bool MayAccessRange(const Range& range, unsigned access) const;
  bool MayAccessAll(unsigned access) const;
  bool MayUseChannel(std::string_view channel) const;
  // A client's pattern is allowed as it stands, not by what it matches.
  bool MayUsePattern(std::string_view pattern) const;
  bool MayDoAll() const { return all_commands_ && all_keys_ && all_channels_; }

  UserDescription::Rights Describe() const;
  // As it stands in a user's line.
  std::string Line() const;

 private:
  struct KeyPattern {
    std::string glob;
    unsigned access;
  };
  std::string ApplyKeyRule(std::string_view rule);
  std::string ApplyCommandRule(std::string_view rule, const CommandNumbers& numbers);
  void AllowAll(bool allowed);

  std::vector<bool> allowed_;  // by number
  bool all_commands_ = false;  // also those to come
  bool all_keys_ = false;
  bool all_channels_ = false;
  std::vector<KeyPattern> keys_;
  std::vector<std::string> channels_;
  // What was applied since +@all or -@all, which is the first: enough to do it again.
  std::vector<std::string> command_rules_{"-@all"};
};

class AclUser {
 public:
  AclUser(std::string name, const CommandNumbers& numbers, const AclDefaults& defaults);

  const std::string& name() const { return name_; }
  bool is_enabled() const { return is_enabled_; }
  bool needs_no_password() const { return needs_no_password_; }
  // The one he is bound to.
  std::optional<int> database() const { return database_; }
  // Nothing is to be checked.
  bool is_unrestricted() const { return is_unrestricted_; }
  bool PasswordMatches(std::string_view password) const;
  std::span<const AclSelector> selectors() const { return selectors_; }

  // Applies one rule, a selector in one word; returns nothing, or why it cannot be.
  std::string Apply(std::string_view rule, const CommandNumbers& numbers,
                    const AclDefaults& defaults);
  UserDescription Describe() const;
  // "user bob on #… ~* &* +@all"
  std::string Line() const;

 private:
  std::string ApplyPasswordRule(std::string_view rule);
  std::string ApplySelector(std::string_view rule, const CommandNumbers& numbers,
                            const AclDefaults& defaults);
  void Reset(const CommandNumbers& numbers, const AclDefaults& defaults);

  std::string name_;
  bool is_enabled_ = false;
  bool needs_no_password_ = false;
  bool is_unrestricted_ = false;
  std::optional<int> database_;
  std::vector<std::string> passwords_;  // digests, in the order of coming
  std::vector<AclSelector> selectors_;  // at least one
};

}  // namespace ampt
