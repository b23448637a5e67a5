// ACL. Users and what each may do; the rules themselves are the host's (server/acl.h). In a cluster
// every node has users of its own: change them on all.
#include <algorithm>

#include "commands/access_control.h"
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kOwn = kNoScript | kLoading | kStale;
constexpr uint32_t kOthers = kOwn | kAdmin;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

// What a server without a file of users answers, in Redis' words.
constexpr std::string_view kNoFile =
    "(error) ERR This Redis instance is not configured to use an ACL file. You may want to specify "
    "users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis "
    "configuration file set) in order to store users in the Redis configuration.";

Status NoUsers() {
  return Status::Err("users are not managed here");
}

// The last word may be missing, but more than one is Redis' own complaint.
template <const auto& kGrammar, auto kRun>
void ExecuteWithOneWord(Context& context, Words words) {
  if (words.size() <= 2) return Execute<kGrammar, kRun>(context, words);
  context.reply.Error(Status::Err("unknown subcommand or wrong number of arguments for '" +
                                  std::string(words[0].substr(0, 128)) + "'. Try ACL HELP."));
}

template <const auto& kGrammar, auto kRun>
constexpr Command DefineWithOneWord(const Spec& spec) {
  Command command = Define<kGrammar, kRun>(spec);
  command.execute = &ExecuteWithOneWord<kGrammar, kRun>;
  return command;
}

void AnswerNames(Reply& reply, const auto& names) {
  reply.Array(names.size());
  for (const auto& name : names) reply.Bulk(name);
}

// --- ACL CAT
// -------------------------------------------------------------------------------------

namespace cat {

struct Args {
  std::optional<std::string_view> category;
};

constexpr auto kGrammar = Redis<Args>(Maybe("category", &Args::category));

constexpr Example kExamples[] = {
    {"ACL CAT", ""},
    {"ACL CAT transaction",
     "1) \"multi\"\n2) \"exec\"\n3) \"discard\"\n4) \"watch\"\n5) \"unwatch\""},
    {"ACL CAT nonsense", "(error) ERR Unknown category 'nonsense'"},
};

constexpr Spec kSpec{
    .name = "acl|cat",
    .group = Group::kServer,
    .summary = "Returns the categories of commands, or the commands of one",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of commands",
    .flags = kOwn,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  if (!args.category) {
    AnswerNames(context.reply, access->Categories());
    return {};
  }
  const auto commands = access->CommandsOf(*args.category);
  if (!commands) {
    return Status::Err("Unknown category '" + std::string(args.category->substr(0, 128)) + "'");
  }
  AnswerNames(context.reply, *commands);
  return {};
}

constexpr Command kCommand = DefineWithOneWord<kGrammar, Run>(kSpec);

}  // namespace cat

// --- ACL DELUSER
// ---------------------------------------------------------------------------------

namespace deluser {

struct Args {
  Words names;
};

constexpr auto kGrammar = Redis<Args>(Rest("username", &Args::names));

constexpr Example kExamples[] = {
    {"ACL DELUSER default", "(error) ERR The 'default' user cannot be removed"},
    {"ACL DELUSER nobody-knows", "(integer) 0"},
};

constexpr Spec kSpec{
    .name = "acl|deluser",
    .group = Group::kServer,
    .summary = "Deletes users and closes their connections; returns how many there were",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of connections",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  const Result<int64_t> deleted = access->DeleteUsers(args.names, context.session);
  if (!deleted.ok()) return deleted.status();
  context.reply.Integer(*deleted);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace deluser

// --- ACL DRYRUN
// ----------------------------------------------------------------------------------

namespace dryrun {

struct Args {
  std::string_view user;
  std::string_view command;
  Words words;
};

constexpr auto kGrammar = Redis<Args>(Word("username", &Args::user),
                                      Word("command", &Args::command), Maybe("arg", &Args::words));

constexpr Example kExamples[] = {
    {"ACL DRYRUN default GET greeting", "OK"},
    {"ACL SETUSER guest ~guest:* +@read", "OK"},
    {"ACL DRYRUN guest GET greeting",
     "\"This user has no permissions to access the 'greeting' key\""},
};

constexpr Spec kSpec{
    .name = "acl|dryrun",
    .group = Group::kServer,
    .summary = "Says whether a user may run a command, without running it",
    .since = "7.0.0",
    .complexity = "As checking the command",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  if (!access->HasUser(args.user)) {
    return Status::Err("User '" + std::string(args.user.substr(0, 128)) + "' not found");
  }
  const Command* command = context.commands.Find(args.command);
  if (command != nullptr && !command->subcommands.empty()) {
    command = args.words.empty() ? nullptr : command->Subcommand(args.words[0]);
  }
  if (command == nullptr) {
    return Status::Err("Command '" + std::string(args.command.substr(0, 128)) + "' not found");
  }
  std::vector<std::string_view> words{args.command};
  words.insert(words.end(), args.words.begin(), args.words.end());
  if (!command->ArityFits(words.size())) return WrongArity(command->spec.name);
  const Result<std::string> refusal = access->DryRun(args.user, *command, words);
  if (!refusal.ok()) return refusal.status();
  if (refusal->empty()) {
    context.reply.Ok();
  } else {
    context.reply.Bulk(*refusal);
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace dryrun

// --- ACL GENPASS
// ---------------------------------------------------------------------------------

namespace genpass {

struct Args {
  std::optional<int64_t> bits;
};

constexpr auto kGrammar = Redis<Args>(Maybe("bits", &Args::bits));

constexpr Example kExamples[] = {
    {"ACL GENPASS", ""},
    {"ACL GENPASS 128", ""},
    {"ACL GENPASS 5000",
     "(error) ERR ACL GENPASS argument must be the number of bits for the output password, a "
     "positive number up to 4096"},
};

constexpr Spec kSpec{
    .name = "acl|genpass",
    .group = Group::kServer,
    .summary = "Returns random hexadecimal digits for a password, 256 bits or as many",
    .since = "6.0.0",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  constexpr int64_t kBits = 256;
  constexpr int64_t kMostBits = 4096;
  const int64_t bits = args.bits.value_or(kBits);
  if (bits < 1 || bits > kMostBits) {
    return Status::Err(
        "ACL GENPASS argument must be the number of bits for the output password, a positive "
        "number up to 4096");
  }
  context.reply.Bulk(access->RandomHex(bits));
  return {};
}

constexpr Command kCommand = DefineWithOneWord<kGrammar, Run>(kSpec);

}  // namespace genpass

// --- ACL GETUSER
// ---------------------------------------------------------------------------------

namespace getuser {

struct Args {
  std::string_view name;
};

constexpr auto kGrammar = Redis<Args>(Word("username", &Args::name));

constexpr Example kExamples[] = {
    {"ACL SETUSER guest on nopass db=3 ~guest:* +@read", "OK"},
    {"ACL GETUSER guest", ""},
    {"ACL GETUSER nobody-knows", "(nil)"},
};

constexpr Spec kSpec{
    .name = "acl|getuser",
    .group = Group::kServer,
    .summary = "Returns what a user may do",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of rules",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

void AnswerRights(Reply& reply, const UserDescription::Rights& rights) {
  reply.Bulk("commands");
  reply.Bulk(rights.commands);
  reply.Bulk("keys");
  reply.Bulk(rights.keys);
  reply.Bulk("channels");
  reply.Bulk(rights.channels);
}

Status Run(Context& context, const Args& args) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  const std::optional<UserDescription> user = access->DescribeUser(args.name);
  Reply& reply = context.reply;
  if (!user) {
    reply.Null();
    return {};
  }
  reply.Map(user->database ? 7 : 6);
  reply.Bulk("flags");
  reply.Set(user->flags.size());
  for (const std::string& flag : user->flags) reply.Bulk(flag);
  reply.Bulk("passwords");
  AnswerNames(reply, user->passwords);
  AnswerRights(reply, user->rights);
  reply.Bulk("selectors");
  reply.Array(user->selectors.size());
  for (const UserDescription::Rights& rights : user->selectors) {
    reply.Map(3);
    AnswerRights(reply, rights);
  }
  if (user->database) {
    reply.Bulk("database");
    reply.Integer(*user->database);
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace getuser

// --- ACL LIST
// ------------------------------------------------------------------------------------

namespace list {

constexpr Example kExamples[] = {
    {"ACL LIST", "1) \"user default on nopass ~* &* +@all\""},
};

constexpr Spec kSpec{
    .name = "acl|list",
    .group = Group::kServer,
    .summary = "Returns a line for every user, as a file of users has it",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of users",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  AnswerNames(context.reply, access->UserLines());
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace list

// --- ACL LOAD
// ------------------------------------------------------------------------------------

namespace load {

constexpr Example kExamples[] = {{"ACL LOAD", kNoFile}};

constexpr Spec kSpec{
    .name = "acl|load",
    .group = Group::kServer,
    .summary = "Takes the users from the file that aclfile names, all of them or none",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of users and connections",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  AMPT_RETURN_IF_ERROR(access->LoadUsers(context.session));
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace load

// --- ACL LOG
// -------------------------------------------------------------------------------------

namespace log {

struct Args {
  std::optional<std::string_view> count_or_reset;
};

constexpr auto kGrammar = Redis<Args>(Maybe("count | RESET", &Args::count_or_reset));

constexpr Example kExamples[] = {
    {"ACL LOG", "(empty array)"},
    {"ACL LOG RESET", "OK"},
};

constexpr Spec kSpec{
    .name = "acl|log",
    .group = Group::kServer,
    .summary = "Returns what users were refused, the latest first, or forgets it",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of entries shown",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  int64_t count = 10;
  if (args.count_or_reset) {
    if (EqualsIgnoreCase(*args.count_or_reset, "reset")) {
      access->ForgetRefusals();
      context.reply.Ok();
      return {};
    }
    const std::optional<int64_t> given = ParseInteger(*args.count_or_reset);
    if (!given) return NotAnInteger();
    count = std::max<int64_t>(*given, 0);
  }
  const std::vector<RefusalEntry> entries = access->Refusals(static_cast<size_t>(count));
  Reply& reply = context.reply;
  reply.Array(entries.size());
  for (const RefusalEntry& entry : entries) {
    reply.Map(7);
    reply.Bulk("count");
    reply.Integer(static_cast<int64_t>(entry.count));
    reply.Bulk("reason");
    reply.Bulk(entry.reason);
    reply.Bulk("context");
    reply.Bulk(entry.context);
    reply.Bulk("object");
    reply.Bulk(entry.object);
    reply.Bulk("username");
    reply.Bulk(entry.user);
    reply.Bulk("age-seconds");
    reply.Double(entry.age_s);
    reply.Bulk("client-info");
    reply.Bulk(entry.client);
  }
  return {};
}

constexpr Command kCommand = DefineWithOneWord<kGrammar, Run>(kSpec);

}  // namespace log

// --- ACL SAVE
// ------------------------------------------------------------------------------------

namespace save {

constexpr Example kExamples[] = {{"ACL SAVE", kNoFile}};

constexpr Spec kSpec{
    .name = "acl|save",
    .group = Group::kServer,
    .summary = "Writes the users to the file that aclfile names",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of users",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  AMPT_RETURN_IF_ERROR(access->SaveUsers());
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace save

// --- ACL SETUSER
// ---------------------------------------------------------------------------------

namespace setuser {

struct Args {
  std::string_view name;
  Words rules;
};

constexpr auto kGrammar = Redis<Args>(Word("username", &Args::name), Maybe("rule", &Args::rules));

constexpr Example kExamples[] = {
    {"ACL SETUSER staging on >secret db=3 ~* &* +@all -@dangerous", "OK"},
    {"ACL SETUSER reader on >secret %R~orders:* +@read", "OK"},
    {"ACL SETUSER reader +nonsense",
     "(error) ERR Error in ACL SETUSER modifier '+nonsense': Unknown command or category name in "
     "ACL"},
};

constexpr Spec kSpec{
    .name = "acl|setuser",
    .group = Group::kServer,
    .summary = "Creates a user, or changes what one may do",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of rules and connections",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  AMPT_RETURN_IF_ERROR(access->SetUser(args.name, args.rules, context.session));
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace setuser

// --- ACL USERS
// -----------------------------------------------------------------------------------

namespace users {

constexpr Example kExamples[] = {
    {"ACL USERS", "1) \"default\""},
};

constexpr Spec kSpec{
    .name = "acl|users",
    .group = Group::kServer,
    .summary = "Returns the names of all users",
    .since = "6.0.0",
    .complexity = "O(n) where n is the number of users",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  AccessControl* const access = context.host.access_control();
  if (access == nullptr) return NoUsers();
  AnswerNames(context.reply, access->UserNames());
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace users

// --- ACL WHOAMI
// ----------------------------------------------------------------------------------

namespace whoami {

constexpr Example kExamples[] = {
    {"ACL WHOAMI", "\"default\""},
};

constexpr Spec kSpec{
    .name = "acl|whoami",
    .group = Group::kServer,
    .summary = "Returns the user of this connection",
    .since = "6.0.0",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Bulk(context.session.user_name());
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace whoami

// --- the container
// --------------------------------------------------------------------------------

constexpr const Command* kParts[] = {
    &cat::kCommand,     &deluser::kCommand, &dryrun::kCommand, &genpass::kCommand,
    &getuser::kCommand, &list::kCommand,    &load::kCommand,   &log::kCommand,
    &save::kCommand,    &setuser::kCommand, &users::kCommand,  &whoami::kCommand,
};

constexpr Example kExamples[] = {
    {"ACL FOO", "(error) ERR unknown subcommand 'FOO'. Try ACL HELP."},
};

constexpr Spec kSpec{
    .name = "acl",
    .group = Group::kServer,
    .summary = "Commands about users and what they may do",
    .since = "6.0.0",
    .complexity = "Depends on subcommand",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

extern const Command kAcl;
constexpr Command kAcl = DefineContainer<kAcl>(kSpec, kParts);

}  // namespace ampt
