// Acl: who may do what (Redis' ACL).
//
// A user has passwords, and selectors: sets of commands, key patterns and channel patterns, the
// first his own, each further one a grant by itself. One selector must allow all of a request. What
// goes beyond Redis:
//
//   db=N      binds a user to one database: logging in selects it, nothing leads out of it
//   queries   AMPT.GET orders:* and its like need a pattern P* (P without glob characters) that
//             covers all that the query can match; what names no key (SCAN, KEYS, label queries,
//             `ampt:` channels) needs all keys
//
// Cost of a check: one flag of the connection's user where he may do all (the default user); else a
// hash of the command's address, one bit, and a glob for each pattern and key.
//
// Users keep their address as long as they exist, so that a connection can point to its own; a
// change is made in a copy that replaces the old rights at once. Passwords are kept as SHA-256.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "commands/access_control.h"
#include "commands/spec.h"
#include "server/acl_rules.h"
#include "server/settings.h"

namespace ampt {

class Acl final : public AccessControl {
 public:
  // What the ACL does to connections.
  class Clients {
   public:
    virtual ~Clients() = default;
    // Logs out and closes those of which `is_meant` is true; `me` after its reply.
    virtual void CloseClients(
        const std::function<bool(const AclUser& user, const Session& session)>& is_meant,
        const Session& me) = 0;
  };
  // Where a command that was refused came from.
  enum class From : uint8_t { kClient, kTransaction, kScript };

  // `settings` and `clients` outlive it; null: there are no connections. The default user may do
  // all, with the setting requirepass.
  Acl(const Settings& settings, Clients* clients);

  // Takes the users of the settings: of `user` lines or of the file `aclfile`. Errors name file and
  // line, and never a password.
  Status LoadAtStart();
  // The users as lines for the configuration file; none where a file of users has them. The default
  // user is one only where he is not what the settings alone would make of him.
  std::vector<UserLine> LinesForConfig() const;

  // --- connections ---
  const AclUser& default_user() const { return *default_user_; }
  // One who may do nothing: for connections whose user is gone.
  const AclUser& nobody() const { return nobody_; }
  // Whether a client that does not log in is the default user.
  bool lets_anybody_in() const {
    return default_user_->is_enabled() && default_user_->needs_no_password();
  }
  // The user of that name and password; null: there is none, or he is disabled. A failure is noted
  // as one of `command`.
  const AclUser* LogIn(const Session& session, std::string_view name, std::string_view password,
                       std::string_view command);
  // Follows the setting requirepass.
  void SetDefaultPassword(std::string_view password);

  // --- requests ---
  // NOPERM where the connection's user may not do that. `command`: the part that will run, with all
  // words of the request; one that does not fit the arity is left to the command to complain of.
  // `is_queueing`: it is not to run before EXEC, which ACL LOG says.
  Status Check(const Session& session, const AclUser& user, const Command& command, Words words,
               bool is_queueing) {
    if (__builtin_expect(user.is_unrestricted(), 1)) return {};
    return CheckRestricted(session, user, command, words, From::kClient,
                           is_queueing ? From::kTransaction : From::kClient);
  }
  // The same for one that was queued, or that a script calls, in the words that Redis has there.
  Status CheckWithin(From from, const Session& session, const AclUser& user, const Command& command,
                     Words words) {
    if (__builtin_expect(user.is_unrestricted(), 1)) return {};
    return CheckRestricted(session, user, command, words, from, from);
  }

  // The same as a question.
  bool Allows(const AclUser& user, const Command& command, Words words) const {
    return user.is_unrestricted() || Judge(user, command, words).reason == Reason::kNone;
  }

  // --- AccessControl ---
  Status SetUser(std::string_view name, Words rules, const Session& me) override;
  Result<int64_t> DeleteUsers(Words names, const Session& me) override;
  bool HasUser(std::string_view name) const override { return FindUser(name) != nullptr; }
  std::optional<UserDescription> DescribeUser(std::string_view name) const override;
  std::vector<std::string> UserNames() const override;
  std::vector<std::string> UserLines() const override;
  Status LoadUsers(const Session& me) override;
  Status SaveUsers() override;
  Result<std::string> DryRun(std::string_view user, const Command& command,
                             Words words) const override;
  std::vector<RefusalEntry> Refusals(size_t most) const override;
  void ForgetRefusals() override { refusals_.clear(); }
  std::vector<std::string_view> Categories() const override;
  std::optional<std::vector<std::string_view>> CommandsOf(std::string_view category) const override;
  std::string RandomHex(int64_t bits) const override;

 private:
  using Users = std::map<std::string, std::unique_ptr<AclUser>, std::less<>>;
  // Why a request is refused; the later ones are nearer to being allowed.
  enum class Reason : uint8_t { kNone, kCommand, kKey, kChannel, kDatabase, kLogin };
  struct Verdict {
    Reason reason = Reason::kNone;
    std::string object;
    size_t position = 0;  // of the object among the keys or channels of the request
  };
  struct Refusal {
    Reason reason;
    From from;
    std::string object;
    std::string user;
    std::string client;
    int64_t created_nanos;
    uint64_t count;
  };

  void CloseClients(
      const std::function<bool(const AclUser& user, const Session& session)>& is_meant,
      const Session& me);
  AclDefaults defaults() const {
    return {settings_.databases, settings_.acl_pubsub_default == PubsubDefault::kAllChannels};
  }
  AclUser* FindUser(std::string_view name) const;
  std::unique_ptr<AclUser> MakeDefaultUser() const;
  // The users of a file's text, or all that is wrong with it.
  Result<Users> ParseUsers(std::string_view text, const std::string& path) const;
  // The users of the file `aclfile`.
  Result<Users> ReadFile() const;
  // Puts these in the place of all, and closes the clients of those that are gone or changed.
  void Replace(Users users, const Session& me);
  // A refusal is worded for `from` and noted as one of `noted`.
  Status CheckRestricted(const Session& session, const AclUser& user, const Command& command,
                         Words words, From from, From noted);
  Verdict Judge(const AclUser& user, const Command& command, Words words) const;
  Verdict JudgeBy(const AclSelector& selector, const Command& command, Words words) const;
  void Note(Reason reason, From from, std::string_view object, std::string_view user,
            const Session& session);

  const Settings& settings_;
  Clients* clients_;
  CommandNumbers numbers_;
  Users users_;
  AclUser* default_user_;
  AclUser nobody_;
  std::deque<Refusal> refusals_;  // the latest first
};

// Has commands go by their new names (`rename-command`); errors name file and line.
Status RenameCommands(const Settings& settings, CommandTable& commands);

}  // namespace ampt
