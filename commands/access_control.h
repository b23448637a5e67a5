// AccessControl: the users of the server and what each may do, as the command ACL sees them.
//
// The server implements it (server/acl.h); where the program has no users of its own (a module,
// most tests) Host::access_control() is null and ACL says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "commands/context.h"

namespace ampt {

// What ACL GETUSER shows. Passwords are SHA-256 digests, 64 hexadecimal digits.
struct UserDescription {
  struct Rights {
    std::string commands;  // "+@all -flushall"
    std::string keys;      // "~orders:* %R~shared:*"
    std::string channels;  // "&news.*"
  };
  std::vector<std::string> flags;
  std::vector<std::string> passwords;
  Rights rights;
  std::vector<Rights> selectors;  // each grants more, by itself
  std::optional<int> database;    // the only one the user can be in
};

// Something that a user was refused, or a login that failed.
struct RefusalEntry {
  uint64_t count = 0;        // how often, one shortly after the other
  std::string_view reason;   // command, key, channel, database, auth
  std::string_view context;  // toplevel, multi, lua
  std::string object;        // the command's name, the key, the channel
  std::string user;
  std::string client;  // as CLIENT LIST shows it
  double age_s = 0;
};

class AccessControl {
 public:
  virtual ~AccessControl() = default;

  // Creates or changes a user: all of the rules or, with an error, none. Connections that now have
  // what the user may not have any more are closed; `me` once it is answered.
  virtual Status SetUser(std::string_view name, Words rules, const Session& me) = 0;
  // How many of them there were; their connections are closed. Error: the default user stays.
  virtual Result<int64_t> DeleteUsers(Words names, const Session& me) = 0;
  virtual bool HasUser(std::string_view name) const = 0;
  virtual std::optional<UserDescription> DescribeUser(std::string_view name) const = 0;
  // In order.
  virtual std::vector<std::string> UserNames() const = 0;
  // A line for each as a file of users has it: "user default on nopass ~* &* +@all".
  virtual std::vector<std::string> UserLines() const = 0;

  // From and to the file that the setting `aclfile` names.
  virtual Status LoadUsers(const Session& me) = 0;
  virtual Status SaveUsers() = 0;

  // What that user would hear: nothing, or why not. REQUIRES: the arity fits.
  virtual Result<std::string> DryRun(std::string_view user, const Command& command,
                                     Words words) const = 0;

  // The latest first, at most `most`.
  virtual std::vector<RefusalEntry> Refusals(size_t most) const = 0;
  virtual void ForgetRefusals() = 0;

  // Every category, without the '@'.
  virtual std::vector<std::string_view> Categories() const = 0;
  // Commands and subcommands of a category; nullopt: there is no such.
  virtual std::optional<std::vector<std::string_view>> CommandsOf(
      std::string_view category) const = 0;
  // So many random bits, four in each hexadecimal digit, for a password.
  virtual std::string RandomHex(int64_t bits) const = 0;
};

}  // namespace ampt
