#include "server/acl.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/bytes.h"
#include "model/glob.h"
#include "model/key.h"
#include "server/process.h"
#include "server/server_clock.h"

namespace ampt {

extern const Command kCopy;
extern const Command kFlushall;
extern const Command kMove;
extern const Command kPsubscribe;
extern const Command kPublish;
extern const Command kSelect;
extern const Command kSet;
extern const Command kSubscribe;

namespace {

constexpr std::string_view kDefaultName = "default";
// Of what a client sent, so that its log of refusals stays small.
constexpr size_t kNotedBytes = 512;
// Equal refusals within this time are one entry (Redis' own).
constexpr int64_t kGroupedNanos = 60'000'000'000;
constexpr unsigned kReadsAndWrites = kReadsKey | kWritesKey;

// What a command does with a key: Redis' key specifications, where the flags do not say it.
struct KeyUses {
  std::string_view command;
  unsigned first;
  unsigned others;
};
constexpr KeyUses kKeyUses[] = {
    {"ampt.add", kReadsAndWrites, kReadsAndWrites},
    {"ampt.set", kReadsAndWrites, kReadsAndWrites},
    {"copy", kReadsKey, kWritesKey},
    {"decr", kReadsAndWrites, kReadsAndWrites},
    {"decrby", kReadsAndWrites, kReadsAndWrites},
    {"eval", kReadsAndWrites, kReadsAndWrites},
    {"evalsha", kReadsAndWrites, kReadsAndWrites},
    {"exists", kTouchesKey, kTouchesKey},
    {"getdel", kReadsAndWrites, kReadsAndWrites},
    {"getex", kReadsAndWrites, kReadsAndWrites},
    {"getset", kReadsAndWrites, kReadsAndWrites},
    {"hlen", kTouchesKey, kTouchesKey},
    {"incr", kReadsAndWrites, kReadsAndWrites},
    {"incrby", kReadsAndWrites, kReadsAndWrites},
    {"incrbyfloat", kReadsAndWrites, kReadsAndWrites},
    {"llen", kTouchesKey, kTouchesKey},
    {"memory|usage", kTouchesKey, kTouchesKey},
    {"move", kReadsAndWrites, kReadsAndWrites},
    {"object|encoding", kTouchesKey, kTouchesKey},
    {"object|freq", kTouchesKey, kTouchesKey},
    {"object|idletime", kTouchesKey, kTouchesKey},
    {"object|refcount", kTouchesKey, kTouchesKey},
    {"rename", kReadsAndWrites, kWritesKey},
    {"renamenx", kReadsAndWrites, kWritesKey},
    {"strlen", kTouchesKey, kTouchesKey},
    {"touch", kTouchesKey, kTouchesKey},
    {"type", kTouchesKey, kTouchesKey},
    {"watch", kTouchesKey, kTouchesKey},
};

unsigned UseOfKey(const Command& command, Words words, size_t index) {
  for (const KeyUses& uses : kKeyUses) {
    if (uses.command == command.spec.name) return index == 0 ? uses.first : uses.others;
  }
  if (!command.Is(kWrite)) return kReadsKey;
  constexpr size_t kOptions = 3;
  const bool gets = &command == &kSet && words.size() > kOptions &&
                    std::ranges::any_of(words.subspan(kOptions), [](std::string_view word) {
                      return EqualsIgnoreCase(word, "get");
                    });
  return kWritesKey | (gets ? kReadsKey : kTouchesKey);
}

// Whether a query goes by a label. What its options are is known from ampt_get.cc; a query that
// does not fit this is refused by its command.
bool GoesByLabel(Words words) {
  for (size_t i = 2; i < words.size(); ++i) {
    if (EqualsIgnoreCase(words[i], "label")) return true;
    if (EqualsIgnoreCase(words[i], "limit") || EqualsIgnoreCase(words[i], "start")) ++i;
  }
  return false;
}

// Whether a channel, or a pattern by what it may match, shows another database than `database`
// (notify-keyspace-events).
bool ShowsOtherDatabase(std::string_view name, bool is_pattern, int database) {
  const GlobPrefix prefix = is_pattern ? PrefixOfGlob(name) : GlobPrefix{std::string(name), true};
  const std::string_view known = prefix.literal;
  for (const std::string_view kind : {"__keyspace@", "__keyevent@"}) {
    if (known.starts_with(fmt::format("{}{}__:", kind, database))) continue;
    if (known.starts_with(kind) || (!prefix.exact && kind.starts_with(known))) return true;
  }
  return false;
}

// The database that a command leads to; nullopt: none but the selected one.
std::optional<int64_t> TargetDatabase(const Command& command, Words words) {
  if (&command == &kSelect) return ParseInteger(words[1]);
  if (&command == &kMove) return ParseInteger(words[2]);
  if (&command != &kCopy) return std::nullopt;
  std::optional<int64_t> target;
  for (size_t i = 3; i + 1 < words.size(); ++i) {
    if (EqualsIgnoreCase(words[i], "db")) target = ParseInteger(words[++i]);
  }
  return target;
}

// A rule as an error may show it: not what could be a password, nor what was meant as one.
std::string Shown(std::string_view rule, size_t position) {
  const bool is_public =
      !rule.empty() && (std::string_view("+-~%&").find(rule[0]) != std::string_view::npos ||
                        rule.starts_with("db="));
  return is_public ? fmt::format("'{}'", rule) : fmt::format("number {}", position);
}

// Puts what stands between "(" and ")" into one rule. Returns what is wrong, if anything.
std::string JoinSelectors(std::span<const std::string_view> words,
                          std::vector<std::string>* rules) {
  bool is_open = false;
  for (const std::string_view word : words) {
    if (is_open) {
      rules->back().append(1, ' ').append(word);
    } else {
      rules->emplace_back(word);
    }
    is_open = (is_open || word.starts_with('(')) && !word.ends_with(')');
  }
  if (!is_open) return {};
  return fmt::format("Unmatched parenthesis in acl selector starting at '{}'.",
                     rules->back().substr(0, rules->back().find(' ')));
}

}  // namespace

// --- Acl: users
// -----------------------------------------------------------------------------------

Acl::Acl(const Settings& settings, Clients* clients)
    : settings_(settings), clients_(clients), nobody_("nobody", numbers_, {0, false}) {
  default_user_ = users_.emplace(std::string(kDefaultName), MakeDefaultUser()).first->second.get();
}

std::unique_ptr<AclUser> Acl::MakeDefaultUser() const {
  auto user = std::make_unique<AclUser>(std::string(kDefaultName), numbers_, defaults());
  const std::string password = settings_.requirepass;
  for (const std::string& rule :
       {std::string("on"), std::string("~*"), std::string("&*"), std::string("+@all"),
        password.empty() ? std::string("nopass") : ">" + password}) {
    user->Apply(rule, numbers_, defaults());
  }
  return user;
}

AclUser* Acl::FindUser(std::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? nullptr : found->second.get();
}

void Acl::CloseClients(
    const std::function<bool(const AclUser& user, const Session& session)>& is_meant,
    const Session& me) {
  if (clients_ != nullptr) clients_->CloseClients(is_meant, me);
}

Status Acl::LoadAtStart() {
  if (!settings_.aclfile.empty()) {
    if (!settings_.users.empty()) {
      return Status::Err(
          fmt::format("{}: 'user': users are either in this file or in the one that "
                      "aclfile names, not in both",
                      settings_.users.front().place));
    }
    Result<Users> users = ReadFile();
    if (!users.ok()) return users.status();
    users_ = std::move(*users);
  }
  for (const UserLine& line : settings_.users) {
    const auto failed = [&](std::string_view what) {
      return Status::Err(fmt::format("{}: 'user {}': {}", line.place, line.name, what));
    };
    auto user = std::make_unique<AclUser>(line.name, numbers_, defaults());
    const std::vector<std::string_view> words(line.rules.begin(), line.rules.end());
    std::vector<std::string> rules;
    if (const std::string reason = JoinSelectors(words, &rules); !reason.empty()) {
      return failed(reason);
    }
    for (size_t i = 0; i < rules.size(); ++i) {
      const std::string reason = user->Apply(rules[i], numbers_, defaults());
      if (!reason.empty())
        return failed(fmt::format("rule {}: {}", Shown(rules[i], i + 1), reason));
    }
    users_.insert_or_assign(line.name, std::move(user));
  }
  default_user_ = FindUser(kDefaultName);
  return {};
}

Result<Acl::Users> Acl::ParseUsers(std::string_view text, const std::string& path) const {
  Users users;
  std::string errors;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    if (line.empty() || line.starts_with('#')) continue;
    const std::vector<std::string_view> words = SplitAtSpaces(line);
    if (words[0] != "user" || words.size() < 2) {
      errors += fmt::format("{}:{} should start with user keyword followed by the username. ", path,
                            number);
      continue;
    }
    std::string name(words[1]);
    if (users.contains(name)) {
      errors += fmt::format("{}:{}: Duplicate user '{}' found. ", path, number, name);
      continue;
    }
    auto user = std::make_unique<AclUser>(name, numbers_, defaults());
    std::vector<std::string> rules;
    std::string reason = JoinSelectors(std::span(words).subspan(2), &rules);
    if (!reason.empty()) errors += fmt::format("{}:{}: {} ", path, number, reason);
    for (size_t i = 0; reason.empty() && i < rules.size(); ++i) {
      reason = user->Apply(rules[i], numbers_, defaults());
      if (reason.empty()) continue;
      errors += fmt::format("{}:{}: Error in applying operation {}: {}. ", path, number,
                            Shown(rules[i], i + 1), reason);
    }
    users.emplace(std::move(name), std::move(user));
  }
  if (!errors.empty()) {
    return Status::Err(errors +
                       "WARNING: ACL errors detected, no change to the previously active "
                       "ACL rules was performed");
  }
  if (!users.contains(kDefaultName)) users.emplace(std::string(kDefaultName), MakeDefaultUser());
  return users;
}

Result<Acl::Users> Acl::ReadFile() const {
  const Result<std::string> text = ReadWholeFile(settings_.aclfile);
  if (!text.ok()) {
    return Status::Err(fmt::format("Error loading ACLs, opening file '{}': {}", settings_.aclfile,
                                   std::string_view(text.status().text()).substr(4)));
  }
  return ParseUsers(*text, settings_.aclfile);
}

void Acl::Replace(Users users, const Session& me) {
  std::vector<std::string> changed;
  for (const auto& [name, user] : users_) {
    const auto found = users.find(name);
    // The default user's clients stay, as with CONFIG SET requirepass.
    if (name == kDefaultName) continue;
    if (found == users.end() || found->second->Line() != user->Line()) changed.push_back(name);
  }
  CloseClients([&](const AclUser& user,
                   const Session&) { return std::ranges::binary_search(changed, user.name()); },
               me);
  // Those that are as they were keep their place.
  for (auto& [name, user] : users) {
    if (AclUser* const old = FindUser(name)) {
      *old = std::move(*user);
      user = std::move(users_.find(name)->second);
    }
  }
  users_ = std::move(users);
}

Status Acl::SetUser(std::string_view name, Words rules, const Session& me) {
  if (HasSpacesOrNuls(name))
    return Status::Err("Usernames can't contain spaces or null characters");
  std::vector<std::string> joined;
  if (const std::string reason = JoinSelectors(rules, &joined); !reason.empty()) {
    return Status::Err(reason);
  }
  AclUser* user = FindUser(name);
  AclUser changed = user != nullptr ? *user : AclUser(std::string(name), numbers_, defaults());
  for (const std::string& rule : joined) {
    const std::string reason = changed.Apply(rule, numbers_, defaults());
    if (reason.empty()) continue;
    return Status::Err(fmt::format("Error in ACL SETUSER modifier '{}': {}", rule, reason));
  }
  if (user == nullptr) {
    users_.emplace(std::string(name), std::make_unique<AclUser>(std::move(changed)));
    return {};
  }
  const bool is_moved = changed.database() != user->database();
  *user = std::move(changed);
  const auto may_listen = [&](const Session& session, Topic topic, const Command& command) {
    const std::string_view verb = command.spec.name;
    for (const std::string& channel : session.Subscriptions(topic)) {
      const std::string_view words[] = {verb, channel};
      if (const Verdict verdict = Judge(*user, command, words);
          verdict.reason != Reason::kNone && verdict.reason != Reason::kCommand) {
        return false;
      }
    }
    return true;
  };
  CloseClients(
      [&](const AclUser& of, const Session& session) {
        if (&of != user) return false;
        // It would go on as it was permitted before.
        if (session.is_subscribing()) return true;
        const bool is_elsewhere = user->database() && session.database() != *user->database();
        // Events come from the database that was selected as the client subscribed.
        const bool may_hear_other =
            is_moved && user->database() && session.subscription_count() > 0;
        return is_elsewhere || may_hear_other ||
               !may_listen(session, Topic::kChannel, kSubscribe) ||
               !may_listen(session, Topic::kPattern, kPsubscribe);
      },
      me);
  return {};
}

Result<int64_t> Acl::DeleteUsers(Words names, const Session& me) {
  if (std::ranges::find(names, kDefaultName) != names.end()) {
    return Status::Err("The 'default' user cannot be removed");
  }
  int64_t deleted = 0;
  for (const std::string_view name : names) {
    const auto found = users_.find(name);
    if (found == users_.end()) continue;
    const AclUser* const gone = found->second.get();
    CloseClients([&](const AclUser& user, const Session&) { return &user == gone; }, me);
    users_.erase(found);
    ++deleted;
  }
  return deleted;
}

std::optional<UserDescription> Acl::DescribeUser(std::string_view name) const {
  const AclUser* const user = FindUser(name);
  if (user == nullptr) return std::nullopt;
  return user->Describe();
}

std::vector<std::string> Acl::UserNames() const {
  std::vector<std::string> names;
  for (const auto& [name, user] : users_) names.push_back(name);
  return names;
}

std::vector<std::string> Acl::UserLines() const {
  std::vector<std::string> lines;
  for (const auto& [name, user] : users_) lines.push_back(user->Line());
  return lines;
}

std::vector<UserLine> Acl::LinesForConfig() const {
  std::vector<UserLine> lines;
  if (!settings_.aclfile.empty()) return lines;
  const std::string as_configured = MakeDefaultUser()->Line();
  for (const auto& [name, user] : users_) {
    const std::string line = user->Line();
    if (line == as_configured) continue;
    const std::vector<std::string_view> words = SplitAtSpaces(line);
    lines.push_back({"", name, {words.begin() + 2, words.end()}});
  }
  return lines;
}

namespace {

Status NoFile() {
  return Status::Err(
      "This Redis instance is not configured to use an ACL file. You may want to specify users via "
      "the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
      "configuration file set) in order to store users in the Redis configuration.");
}

}  // namespace

Status Acl::LoadUsers(const Session& me) {
  if (settings_.aclfile.empty()) return NoFile();
  Result<Users> users = ReadFile();
  if (!users.ok()) return users.status();
  Replace(std::move(*users), me);
  return {};
}

Status Acl::SaveUsers() {
  if (settings_.aclfile.empty()) return NoFile();
  std::string text;
  for (const std::string& line : UserLines()) text.append(line).append(1, '\n');
  return ReplaceFile(settings_.aclfile, text);
}

const AclUser* Acl::LogIn(const Session& session, std::string_view name, std::string_view password,
                          std::string_view command) {
  const AclUser* const user = FindUser(name);
  // As long for a name that does not exist.
  const bool matches = (user != nullptr ? *user : nobody_).PasswordMatches(password);
  if (user != nullptr && matches && user->is_enabled()) return user;
  Note(Reason::kLogin, From::kClient, command, name, session);
  return nullptr;
}

void Acl::SetDefaultPassword(std::string_view password) {
  default_user_->Apply("resetpass", numbers_, defaults());
  default_user_->Apply(password.empty() ? "nopass" : ">" + std::string(password), numbers_,
                       defaults());
}

// --- Acl: requests
// --------------------------------------------------------------------------------

Acl::Verdict Acl::JudgeBy(const AclSelector& selector, const Command& command, Words words) const {
  if (!command.Is(kNoAuth) && !selector.MayRun(numbers_.Of(command))) {
    const bool is_help = !command.subcommands.empty();
    return {Reason::kCommand, std::string(command.spec.name) + (is_help ? "|help" : "")};
  }
  if (!command.ArityFits(words.size())) return {};  // it will be refused for that
  const unsigned use = command.Is(kWrite) ? kWritesKey : kReadsKey;
  if (command.Is(kEveryKey) && !selector.MayAccessAll(use)) {
    return {Reason::kKey, std::string(command.spec.name)};
  }
  const std::vector<std::string_view> keys = KeysOf(command, words);
  std::string scratch;
  for (size_t i = 0; i < keys.size(); ++i) {
    const Verdict refused{Reason::kKey, std::string(keys[i]), i};
    if (command.Is(kQuery)) {
      if (GoesByLabel(words)) {
        if (!selector.MayAccessAll(use)) return refused;
        continue;
      }
      const Result<Expression> expression = ParseExpression(keys[i]);
      if (expression.ok() && !expression->exact) {
        if (!selector.MayAccessRange(expression->range, use)) return refused;
        continue;
      }
    }
    std::string_view key = keys[i];
    if (command.spec.group == Group::kItems) {
      // What is stored, not what was written: their keys are trimmed.
      const Result<std::string_view> canonical = CanonicalKey(key, KeyUse::kRead, &scratch);
      if (canonical.ok()) key = *canonical;
    }
    if (!selector.MayAccess(key, UseOfKey(command, words, i))) return refused;
  }
  const bool is_pattern = &command == &kPsubscribe;
  if (is_pattern || &command == &kSubscribe || &command == &kPublish) {
    const Words channels = &command == &kPublish ? words.subspan(1, 1) : words.subspan(1);
    for (size_t i = 0; i < channels.size(); ++i) {
      const std::string_view channel = channels[i];
      const bool is_allowed =
          is_pattern ? selector.MayUsePattern(channel) : selector.MayUseChannel(channel);
      // Events show items of any key.
      const bool shows_items = channel.starts_with(kEventChannelPrefix);
      if (!is_allowed || (shows_items && !selector.MayAccessAll(kReadsKey))) {
        return {Reason::kChannel, std::string(channel), i};
      }
    }
  }
  return {};
}

Acl::Verdict Acl::Judge(const AclUser& user, const Command& command, Words words) const {
  Verdict verdict;
  for (const AclSelector& selector : user.selectors()) {
    Verdict next = JudgeBy(selector, command, words);
    // Of those that refuse, the one that allowed most.
    const bool is_nearer = next.reason == Reason::kNone || next.reason > verdict.reason ||
                           (next.reason == verdict.reason && next.position > verdict.position);
    if (is_nearer) verdict = std::move(next);
    if (verdict.reason == Reason::kNone) break;
  }
  if (verdict.reason != Reason::kNone || !user.database() || !command.ArityFits(words.size())) {
    return verdict;
  }
  const int database = *user.database();
  const std::optional<int64_t> target = TargetDatabase(command, words);
  if (&command == &kFlushall || (target && *target != database)) {
    return {Reason::kDatabase, std::string(command.spec.name)};
  }
  const bool is_pattern = &command == &kPsubscribe;
  if (is_pattern || &command == &kSubscribe) {
    for (const std::string_view channel : words.subspan(1)) {
      if (ShowsOtherDatabase(channel, is_pattern, database)) {
        return {Reason::kChannel, std::string(channel)};
      }
    }
  }
  return {};
}

Status Acl::CheckRestricted(const Session& session, const AclUser& user, const Command& command,
                            Words words, From from, From noted) {
  // A container has no such part: it says so itself.
  if (!command.subcommands.empty() && words.size() > 1 && !EqualsIgnoreCase(words[1], "help")) {
    return {};
  }
  const Verdict verdict = Judge(user, command, words);
  if (verdict.reason == Reason::kNone) return {};
  Note(verdict.reason, noted, verdict.object, user.name(), session);
  // What Redis says in each place, by Reason.
  constexpr std::array<std::array<std::string_view, 3>, 5> kTexts{{
      {"", "", ""},
      {"run the '{}' command", "no permission to execute the command or subcommand",
       "The user executing the script can't run this command or subcommand"},
      {"access one of the keys used as arguments", "no permission to touch the specified keys",
       "The user executing the script can't access at least one of the keys mentioned in the "
       "command arguments"},
      {"access one of the channels used as arguments",
       "no permission to access one of the channels used as arguments to the command",
       "The user executing the script can't publish to the channel mentioned in the command"},
      {"use another database", "no permission to use another database",
       "The user executing the script can't use another database"},
  }};
  const std::string_view text =
      kTexts[static_cast<size_t>(verdict.reason)][static_cast<size_t>(from)];
  switch (from) {
    case From::kClient:
      return Status::Coded("NOPERM", "this user has no permissions to " +
                                         (verdict.reason == Reason::kCommand
                                              ? fmt::format("run the '{}' command", verdict.object)
                                              : std::string(text)));
    case From::kTransaction:
      return Status::Coded(
          "NOPERM",
          fmt::format("ACLs rules changed between the moment the transaction was accumulated and "
                      "the EXEC call. This command is no longer allowed for the following reason: "
                      "{}",
                      text));
    case From::kScript:
      return Status::Err(text);
  }
  return {};
}

Result<std::string> Acl::DryRun(std::string_view name, const Command& command, Words words) const {
  const AclUser* const user = FindUser(name);
  if (user == nullptr) return Status::Err(fmt::format("User '{}' not found", name));
  const Verdict verdict = Judge(*user, command, words);
  switch (verdict.reason) {
    case Reason::kNone:
    case Reason::kLogin:
      return std::string();
    case Reason::kCommand:
      return fmt::format("This user has no permissions to run the '{}' command", verdict.object);
    case Reason::kKey:
      return fmt::format("This user has no permissions to access the '{}' key", verdict.object);
    case Reason::kChannel:
      return fmt::format("This user has no permissions to access the '{}' channel", verdict.object);
    case Reason::kDatabase:
      return std::string("This user has no permissions to use another database");
  }
  return std::string();
}

// --- Acl: what was refused
// ------------------------------------------------------------------------

void Acl::Note(Reason reason, From from, std::string_view object, std::string_view user,
               const Session& session) {
  object = object.substr(0, kNotedBytes);
  user = user.substr(0, kNotedBytes);
  const int64_t now_nanos = ServerClock::StopwatchNanos();
  Refusal entry{reason,    from, std::string(object), std::string(user), session.Describe(),
                now_nanos, 1};
  const auto same = std::ranges::find_if(refusals_, [&](const Refusal& other) {
    return other.reason == reason && other.from == from && other.object == object &&
           other.user == user && now_nanos - other.created_nanos <= kGroupedNanos;
  });
  if (same != refusals_.end()) {
    entry.count += same->count;
    refusals_.erase(same);
  }
  refusals_.push_front(std::move(entry));
  const auto most = static_cast<size_t>(settings_.acllog_max_len);
  if (refusals_.size() > most) refusals_.resize(most);
}

std::vector<RefusalEntry> Acl::Refusals(size_t most) const {
  constexpr std::string_view kReasons[] = {"", "command", "key", "channel", "database", "auth"};
  constexpr std::string_view kFroms[] = {"toplevel", "multi", "lua"};
  const int64_t now_nanos = ServerClock::StopwatchNanos();
  std::vector<RefusalEntry> entries;
  for (const Refusal& refusal : refusals_) {
    if (entries.size() == most) break;
    entries.push_back(
        {refusal.count, kReasons[static_cast<size_t>(refusal.reason)],
         kFroms[static_cast<size_t>(refusal.from)], refusal.object, refusal.user, refusal.client,
         static_cast<double>((now_nanos - refusal.created_nanos) / 1'000'000) / 1000.0});
  }
  return entries;
}

// --- Acl: what there is
// ---------------------------------------------------------------------------

std::vector<std::string_view> Acl::Categories() const {
  const std::span<const std::string_view> names = AclCategoryNames();
  return {names.begin(), names.end()};
}

std::optional<std::vector<std::string_view>> Acl::CommandsOf(std::string_view category) const {
  const std::optional<std::vector<size_t>> numbers = numbers_.OfCategory(category);
  if (!numbers) return std::nullopt;
  std::vector<std::string_view> names;
  for (const size_t number : *numbers) {
    // A container does nothing itself.
    if (numbers_[number].subcommands.empty()) names.push_back(numbers_[number].spec.name);
  }
  return names;
}

std::string Acl::RandomHex(int64_t bits) const {
  const auto digits = static_cast<size_t>((bits + 3) / 4);
  std::vector<unsigned char> bytes((digits + 1) / 2);
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t got = getrandom(bytes.data() + at, bytes.size() - at, 0);
    if (got > 0) at += static_cast<size_t>(got);
  }
  std::string hex;
  for (const unsigned char byte : bytes) hex += fmt::format("{:02x}", byte);
  return hex.substr(0, digits);
}

Status RenameCommands(const Settings& settings, CommandTable& commands) {
  for (const RenamedCommand& renamed : settings.renamed_commands) {
    const Status status = commands.Rename(renamed.name, renamed.new_name);
    if (status.ok()) continue;
    return Status::Err(fmt::format("{}: 'rename-command': {}", renamed.place,
                                   std::string_view(status.text()).substr(4)));
  }
  return {};
}

}  // namespace ampt
