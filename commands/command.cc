// COMMAND. All of it is read from the table: what redis-cli hints, what clients learn of key
// positions and what documentation pages show is what the parsers do.
#include "commands/grammar.h"
#include "commands/texts.h"
#include "model/glob.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kLoading | kStale;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

// By the name of a command or of a subcommand, as "client|list"; null if there is none.
const Command* FindByFullName(const CommandTable& table, std::string_view name) {
  const size_t bar = name.find('|');
  const Command* command = table.Find(name.substr(0, bar));
  if (command == nullptr || bar == std::string_view::npos) return command;
  return command->Subcommand(name.substr(bar + 1));
}

// Of a request: the subcommand, if there is one.
const Command* FindForRequest(const CommandTable& table, Words words) {
  const Command* command = table.Find(words[0]);
  if (command == nullptr || command->subcommands.empty() || words.size() < 2) return command;
  const Command* subcommand = command->Subcommand(words[1]);
  return subcommand != nullptr ? subcommand : command;
}

void AnswerSimpleSet(Reply& reply, std::span<const std::string_view> words) {
  reply.Set(words.size());
  for (const std::string_view word : words) reply.Simple(word);
}

std::vector<std::string_view> FlagNames(const Command& command) {
  struct Name {
    uint32_t flag;
    std::string_view name;
  };
  constexpr Name kNames[] = {
      {kWrite, "write"},     {kReadonly, "readonly"}, {kDenyOom, "denyoom"},
      {kAdmin, "admin"},     {kNoScript, "noscript"}, {kBlocking, "blocking"},
      {kLoading, "loading"}, {kStale, "stale"},       {kFast, "fast"},
      {kNoAuth, "no_auth"},  {kNoMulti, "no_multi"},  {kAllowBusy, "allow_busy"},
      {kPubsub, "pubsub"},
  };
  std::vector<std::string_view> names;
  for (const Name& name : kNames) {
    if ((command.spec.flags & name.flag) != 0) names.push_back(name.name);
  }
  if (command.grammar.keys.count_at > 0) names.push_back("movablekeys");
  return names;
}

std::vector<std::string_view> AccessNames(const Command& command) {
  if (command.Is(kWrite)) return {"RW", "update"};
  return {"RO", "access"};
}

// Where the keys are, in the form of Redis 7: a place to begin and a way to find them from there.
void AnswerKeySpecs(Reply& reply, const Command& command) {
  const KeyPositions& keys = command.grammar.keys;
  if (keys.first == 0) return reply.Set(0);
  const bool counted = keys.count_at > 0;
  reply.Set(1);
  reply.Map(3);
  reply.Bulk("flags");
  AnswerSimpleSet(reply, AccessNames(command));
  reply.Bulk("begin_search");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk("index");
  reply.Bulk("spec");
  reply.Map(1);
  reply.Bulk("index");
  reply.Integer(counted ? keys.count_at : keys.first);
  reply.Bulk("find_keys");
  reply.Map(2);
  reply.Bulk("type");
  reply.Bulk(counted ? "keynum" : "range");
  reply.Bulk("spec");
  reply.Map(3);
  reply.Bulk(counted ? "keynumidx" : "lastkey");
  reply.Integer(counted || keys.last < 0 ? (counted ? 0 : keys.last) : keys.last - keys.first);
  reply.Bulk(counted ? "firstkey" : "keystep");
  reply.Integer(counted ? keys.first - keys.count_at : keys.step);
  reply.Bulk(counted ? "keystep" : "limit");
  reply.Integer(counted ? keys.step : 0);
}

void AnswerInfo(Reply& reply, const Command& command) {
  const KeyPositions keys =
      command.grammar.keys.count_at > 0 ? KeyPositions{} : command.grammar.keys;
  std::vector<std::string> categories;
  for (const std::string_view name : AclCategories(command)) {
    categories.push_back("@" + std::string(name));
  }
  reply.Array(10);
  reply.Bulk(command.spec.name);
  reply.Integer(command.grammar.arity);
  AnswerSimpleSet(reply, FlagNames(command));
  reply.Integer(keys.first);
  reply.Integer(keys.last);
  reply.Integer(keys.step);
  reply.Set(categories.size());
  for (const std::string& category : categories) reply.Simple(category);
  reply.Set(0);  // tips
  AnswerKeySpecs(reply, command);
  // Redis has it as an array with, and as a set without elements.
  if (command.subcommands.empty()) return reply.Set(0);
  reply.Array(command.subcommands.size());
  for (const Command* subcommand : command.subcommands) AnswerInfo(reply, *subcommand);
}

void AnswerArguments(Reply& reply, const std::vector<ArgumentDoc>& arguments) {
  reply.Array(arguments.size());
  for (const ArgumentDoc& argument : arguments) {
    const bool is_key = argument.type == "key";
    const bool has_flags = argument.optional || argument.multiple;
    reply.Map(2 + (is_key ? 1 : 0) + (argument.token.empty() ? 0 : 1) + (has_flags ? 1 : 0) +
              (argument.parts.empty() ? 0 : 1));
    reply.Bulk("name");
    reply.Bulk(argument.name);
    reply.Bulk("type");
    reply.Bulk(argument.type);
    if (is_key) {
      reply.Bulk("key_spec_index");
      reply.Integer(0);
    }
    if (!argument.token.empty()) {
      reply.Bulk("token");
      reply.Bulk(argument.token);
    }
    if (has_flags) {
      reply.Bulk("flags");
      reply.Set((argument.optional ? 1 : 0) + (argument.multiple ? 1 : 0));
      if (argument.optional) reply.Simple("optional");
      if (argument.multiple) reply.Simple("multiple");
    }
    if (!argument.parts.empty()) {
      reply.Bulk("arguments");
      AnswerArguments(reply, argument.parts);
    }
  }
}

void AnswerDocs(Reply& reply, const Command& command) {
  const std::vector<ArgumentDoc> arguments = command.grammar.arguments();
  reply.Bulk(command.spec.name);
  reply.Map(4 + (arguments.empty() ? 0 : 1) + (command.subcommands.empty() ? 0 : 1));
  reply.Bulk("summary");
  reply.Bulk(command.spec.summary);
  reply.Bulk("since");
  reply.Bulk(command.spec.since);
  reply.Bulk("group");
  reply.Bulk(GroupName(command.spec.group));
  reply.Bulk("complexity");
  reply.Bulk(command.spec.complexity);
  if (!arguments.empty()) {
    reply.Bulk("arguments");
    AnswerArguments(reply, arguments);
  }
  if (!command.subcommands.empty()) {
    reply.Bulk("subcommands");
    reply.Map(command.subcommands.size());
    for (const Command* subcommand : command.subcommands) AnswerDocs(reply, *subcommand);
  }
}

void AnswerInfoOfAll(Context& context) {
  context.reply.Array(context.commands.all().size());
  for (const Command* command : context.commands.all()) AnswerInfo(context.reply, *command);
}

// --- COMMAND COUNT
// --------------------------------------------------------------------------------

namespace count {

constexpr Example kExamples[] = {{"COMMAND COUNT", ""}};

constexpr Spec kSpec{
    .name = "command|count",
    .group = Group::kServer,
    .summary = "Returns how many commands there are",
    .since = "2.8.13",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Integer(static_cast<int64_t>(context.commands.all().size()));
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace count

// --- COMMAND LIST
// ---------------------------------------------------------------------------------

namespace list {

struct Args {
  Words filter;
};

constexpr auto kGrammar =
    Redis<Args>(Maybe("FILTERBY (MODULE name | ACLCAT category | PATTERN glob)", &Args::filter));

constexpr Example kExamples[] = {
    {"COMMAND LIST FILTERBY PATTERN ech*", "1) \"echo\""},
    {"COMMAND LIST FILTERBY MODULE none", "(empty array)"},
};

constexpr Spec kSpec{
    .name = "command|list",
    .group = Group::kServer,
    .summary = "Returns the names of all commands, or of those that pass the filter",
    .since = "7.0.0",
    .complexity = "O(n) where n is the number of commands",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

// What a filter lets through. Modules have no commands here.
enum class By : uint8_t { kAll, kNone, kCategory, kGlob };

bool Passes(const Command& command, By by, std::string_view text) {
  if (by == By::kGlob) return GlobMatches(text, command.spec.name, Case::kIgnore);
  if (by == By::kCategory) {
    for (const std::string_view category : AclCategories(command)) {
      if (EqualsIgnoreCase(category, text)) return true;
    }
    return false;
  }
  return by == By::kAll;
}

Status Run(Context& context, const Args& args) {
  By by = By::kAll;
  std::string_view text;
  if (!args.filter.empty()) {
    if (args.filter.size() != 3 || !EqualsIgnoreCase(args.filter[0], "filterby")) {
      return SyntaxError();
    }
    text = args.filter[2];
    if (EqualsIgnoreCase(args.filter[1], "module")) {
      by = By::kNone;
    } else if (EqualsIgnoreCase(args.filter[1], "aclcat")) {
      by = By::kCategory;
    } else if (EqualsIgnoreCase(args.filter[1], "pattern")) {
      by = By::kGlob;
    } else {
      return SyntaxError();
    }
  }
  std::vector<std::string_view> names;
  for (const Command* command : context.commands.all()) {
    if (Passes(*command, by, text)) names.push_back(command->spec.name);
    for (const Command* subcommand : command->subcommands) {
      if (Passes(*subcommand, by, text)) names.push_back(subcommand->spec.name);
    }
  }
  context.reply.Array(names.size());
  for (const std::string_view name : names) context.reply.Bulk(name);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace list

// --- COMMAND INFO
// ---------------------------------------------------------------------------------

namespace info {

struct Args {
  Words names;
};

constexpr auto kGrammar = Redis<Args>(Maybe("command-name", &Args::names));

constexpr Example kExamples[] = {
    {"COMMAND INFO get", ""},
    {"COMMAND INFO no-such-command", "1) (nil)"},
};

constexpr Spec kSpec{
    .name = "command|info",
    .group = Group::kServer,
    .summary = "Returns arity, flags and key positions of commands, of all if none is named",
    .since = "2.8.13",
    .complexity = "O(n) where n is the number of commands named",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.names.empty()) {
    AnswerInfoOfAll(context);
    return {};
  }
  context.reply.Array(args.names.size());
  for (const std::string_view name : args.names) {
    const Command* command = FindByFullName(context.commands, name);
    if (command == nullptr) {
      context.reply.NullArray();
    } else {
      AnswerInfo(context.reply, *command);
    }
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace info

// --- COMMAND DOCS
// ---------------------------------------------------------------------------------

namespace docs {

struct Args {
  Words names;
};

constexpr auto kGrammar = Redis<Args>(Maybe("command-name", &Args::names));

constexpr Example kExamples[] = {{"COMMAND DOCS get", ""}};

constexpr Spec kSpec{
    .name = "command|docs",
    .group = Group::kServer,
    .summary = "Returns the documentation of commands, of all if none is named",
    .since = "7.0.0",
    .complexity = "O(n) where n is the number of commands named",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  std::vector<const Command*> wanted;
  for (const std::string_view name : args.names) {
    const Command* command = FindByFullName(context.commands, name);
    if (command != nullptr) wanted.push_back(command);
  }
  const auto shown =
      args.names.empty() ? context.commands.all() : std::span<const Command* const>(wanted);
  context.reply.Map(shown.size());
  for (const Command* command : shown) AnswerDocs(context.reply, *command);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace docs

// --- COMMAND GETKEYS, GETKEYSANDFLAGS
// -------------------------------------------------------------

struct RequestArgs {
  std::string_view command;
  Words words;
};

constexpr auto kRequestGrammar =
    Redis<RequestArgs>(Word("command", &RequestArgs::command), Rest("arg", &RequestArgs::words));

// The command of a request that has keys, and these.
Status FindKeys(const Context& context, const RequestArgs& args, const Command** command,
                std::vector<std::string_view>* keys) {
  std::vector<std::string_view> request = {args.command};
  request.insert(request.end(), args.words.begin(), args.words.end());
  *command = FindForRequest(context.commands, request);
  if (*command == nullptr) return Status::Err("Invalid command specified");
  if ((*command)->grammar.keys.first == 0) {
    return Status::Err("The command has no key arguments");
  }
  if (!(*command)->ArityFits(request.size())) {
    return Status::Err("Invalid number of arguments specified for command");
  }
  *keys = KeysOf(**command, request);
  // A script may do without keys.
  const auto count_at = static_cast<size_t>((*command)->grammar.keys.count_at);
  const bool names_none = count_at > 0 && request[count_at] == "0";
  if (keys->empty() && !names_none) return Status::Err("Invalid arguments specified for command");
  return {};
}

namespace getkeys {

constexpr Example kExamples[] = {
    {"COMMAND GETKEYS MSET a 1 b 2", "1) \"a\"\n2) \"b\""},
    {"COMMAND GETKEYS ECHO hello", "(error) ERR The command has no key arguments"},
};

constexpr Spec kSpec{
    .name = "command|getkeys",
    .group = Group::kServer,
    .summary = "Returns the keys among the words of a request",
    .since = "2.8.13",
    .complexity = "O(n) where n is the number of words",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const RequestArgs& args) {
  const Command* command = nullptr;
  std::vector<std::string_view> keys;
  AMPT_RETURN_IF_ERROR(FindKeys(context, args, &command, &keys));
  context.reply.Array(keys.size());
  for (const std::string_view key : keys) context.reply.Bulk(key);
  return {};
}

constexpr Command kCommand = Define<kRequestGrammar, Run>(kSpec);

}  // namespace getkeys

namespace getkeysandflags {

constexpr Example kExamples[] = {{"COMMAND GETKEYSANDFLAGS GETRANGE a 0 1", ""}};

constexpr Spec kSpec{
    .name = "command|getkeysandflags",
    .group = Group::kServer,
    .summary = "Returns the keys among the words of a request, and what is done with them",
    .since = "7.0.0",
    .complexity = "O(n) where n is the number of words",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const RequestArgs& args) {
  const Command* command = nullptr;
  std::vector<std::string_view> keys;
  AMPT_RETURN_IF_ERROR(FindKeys(context, args, &command, &keys));
  context.reply.Array(keys.size());
  for (const std::string_view key : keys) {
    context.reply.Array(2);
    context.reply.Bulk(key);
    AnswerSimpleSet(context.reply, AccessNames(*command));
  }
  return {};
}

constexpr Command kCommand = Define<kRequestGrammar, Run>(kSpec);

}  // namespace getkeysandflags

// --- the container
// --------------------------------------------------------------------------------

constexpr const Command* kParts[] = {&count::kCommand,   &list::kCommand,
                                     &info::kCommand,    &docs::kCommand,
                                     &getkeys::kCommand, &getkeysandflags::kCommand};

constexpr Example kExamples[] = {
    {"COMMAND", ""},
    {"COMMAND FOO", "(error) ERR unknown subcommand 'FOO'. Try COMMAND HELP."},
};

constexpr Spec kSpec{
    .name = "command",
    .group = Group::kServer,
    .summary = "Returns arity, flags and key positions of all commands",
    .since = "2.8.13",
    .complexity = "O(n) where n is the number of commands",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

}  // namespace

extern const Command kCommand;

namespace {

// Unlike other containers it means something on its own.
void ExecuteCommand(Context& context, Words words) {
  if (words.size() == 1) return AnswerInfoOfAll(context);
  ExecuteSubcommand(context, words, kCommand);
}

constexpr Command MakeCommand() {
  Command command = DefineContainer<kCommand>(kSpec, kParts);
  command.grammar.arity = -1;
  command.execute = &ExecuteCommand;
  return command;
}

}  // namespace

constexpr Command kCommand = MakeCommand();

}  // namespace ampt
