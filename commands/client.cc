// CLIENT. What connections say of themselves and of each other. Which connections there are only
// the host knows; here are words, checks and replies.
//
// Client libraries that try MAINT_NOTIFICATIONS hear Redis' "unknown subcommand" and go on. PAUSE
// and TRACKING have files of their own. In a cluster every node speaks for itself.
#include <algorithm>
#include <memory>
#include <utility>

#include "commands/access_control.h"
#include "commands/client_name.h"
#include "commands/client_parts.h"
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kOwn = kNoScript | kLoading | kStale;
constexpr uint32_t kOthers = kOwn | kAdmin;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

Result<bool> ReadOnOff(std::string_view word) {
  if (EqualsIgnoreCase(word, "on")) return true;
  if (EqualsIgnoreCase(word, "off")) return false;
  return SyntaxError();
}

// Into the name that ClientFilter uses.
Status ReadType(std::string_view word, std::string* type) {
  for (const std::string_view known : {"normal", "master", "replica", "pubsub"}) {
    if (EqualsIgnoreCase(word, known)) {
      *type = known;
      return {};
    }
  }
  if (EqualsIgnoreCase(word, "slave")) {
    *type = "replica";
    return {};
  }
  return Status::Err("Unknown client type '" + std::string(word.substr(0, 128)) + "'");
}

// --- CLIENT ID
// ------------------------------------------------------------------------------------

namespace id {

constexpr Example kExamples[] = {{"CLIENT ID", ""}};

constexpr Spec kSpec{
    .name = "client|id",
    .group = Group::kConnection,
    .summary = "Returns the number of this connection",
    .since = "5.0.0",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Integer(context.session.id());
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace id

// --- CLIENT INFO
// ----------------------------------------------------------------------------------

namespace info {

constexpr Example kExamples[] = {{"CLIENT INFO", ""}};

constexpr Spec kSpec{
    .name = "client|info",
    .group = Group::kConnection,
    .summary = "Returns what CLIENT LIST shows of this connection",
    .since = "6.2.0",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Verbatim(context.session.Describe() + "\n");
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace info

// --- CLIENT LIST
// ----------------------------------------------------------------------------------

namespace list {

struct Args {
  Words options;
};

constexpr auto kGrammar =
    Redis<Args>(Maybe("TYPE type | ID client-id [client-id ...]", &Args::options));

constexpr Example kExamples[] = {
    {"CLIENT LIST", ""},
    {"CLIENT LIST TYPE normal", ""},
    {"CLIENT LIST ID none", "(error) ERR Invalid client ID"},
};

constexpr Spec kSpec{
    .name = "client|list",
    .group = Group::kConnection,
    .summary = "Returns a line of fields for every connection",
    .since = "2.4.0",
    .complexity = "O(n) where n is the number of connections",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

class ListWork : public SlicedWork {
 public:
  ListWork(Host& host, ClientFilter filter) : host_(host), filter_(std::move(filter)) {}

  bool DoSome(TimeMs) override {
    constexpr size_t kConnections = 30;
    latest_id_ = host_.ListClients(filter_, latest_id_, kConnections, &list_);
    return latest_id_ == 0;
  }
  bool Answer(Reply& reply) override {
    reply.Verbatim(list_);
    return true;
  }

 private:
  Host& host_;
  const ClientFilter filter_;
  int64_t latest_id_ = 0;
  std::string list_;
};

// In slices: connections there from begin to end are listed once, others may.
Status Run(Context& context, const Args& args) {
  ClientFilter filter;
  filter.skip_me = false;
  const Words& options = args.options;
  if (options.size() == 2 && EqualsIgnoreCase(options[0], "type")) {
    AMPT_RETURN_IF_ERROR(ReadType(options[1], &filter.type));
  } else if (options.size() >= 2 && EqualsIgnoreCase(options[0], "id")) {
    for (const std::string_view word : options.subspan(1)) {
      const std::optional<int64_t> id = ParseInteger(word);
      if (!id || *id < 1) return Status::Err("Invalid client ID");
      filter.ids.push_back(*id);
    }
    std::sort(filter.ids.begin(), filter.ids.end());
  } else if (!options.empty()) {
    return SyntaxError();
  }
  RunSliced(context, std::make_unique<ListWork>(context.host, std::move(filter)));
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace list

// --- CLIENT GETNAME, SETNAME, SETINFO
// -------------------------------------------------------------

namespace getname {

constexpr Example kExamples[] = {
    {"CLIENT GETNAME", "(nil)"},
    {"CLIENT SETNAME worker-1", "OK"},
    {"CLIENT GETNAME", "\"worker-1\""},
};

constexpr Spec kSpec{
    .name = "client|getname",
    .group = Group::kConnection,
    .summary = "Returns the name of this connection",
    .since = "2.6.9",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  if (context.session.name().empty()) {
    context.reply.Null();
  } else {
    context.reply.Bulk(context.session.name());
  }
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace getname

namespace setname {

struct Args {
  std::string_view name;
};

constexpr auto kGrammar = Redis<Args>(Word("connection-name", &Args::name));

constexpr Example kExamples[] = {
    {"CLIENT SETNAME worker-1", "OK"},
    {"CLIENT SETNAME \"worker 1\"",
     "(error) ERR Client names cannot contain spaces, newlines or special characters."},
};

constexpr Spec kSpec{
    .name = "client|setname",
    .group = Group::kConnection,
    .summary = "Names this connection; the empty name removes it",
    .since = "2.6.9",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (!IsClientName(args.name)) return InvalidClientName();
  context.session.set_name(args.name);
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace setname

namespace setinfo {

struct Args {
  std::string_view attribute;
  std::string_view value;
};

constexpr auto kGrammar =
    Redis<Args>(Word("LIB-NAME | LIB-VER", &Args::attribute), Word("value", &Args::value));

constexpr Example kExamples[] = {
    {"CLIENT SETINFO LIB-NAME redis-py", "OK"},
    {"CLIENT SETINFO LIB-VER 5.0.1", "OK"},
};

constexpr Spec kSpec{
    .name = "client|setinfo",
    .group = Group::kConnection,
    .summary = "Says which client library speaks, for CLIENT LIST",
    .since = "7.2.0",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const bool is_name = EqualsIgnoreCase(args.attribute, "lib-name");
  const std::string shown(args.attribute.substr(0, 128));
  if (!is_name && !EqualsIgnoreCase(args.attribute, "lib-ver")) {
    return Status::Err("Unrecognized option '" + shown + "'");
  }
  if (!IsClientName(args.value)) {
    return Status::Err(shown + " cannot contain spaces, newlines or special characters.");
  }
  // A view without data means "keep", so an empty word needs some.
  const std::string_view value = args.value.empty() ? std::string_view("") : args.value;
  context.session.set_library(is_name ? value : std::string_view(),
                              is_name ? std::string_view() : value);
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace setinfo

// --- CLIENT KILL
// ----------------------------------------------------------------------------------

namespace kill {

struct Args {
  Words filters;
};

// Either one address, or pairs of a word and a value.
constexpr auto kGrammar = Redis<Args>(Rest("filter", &Args::filters));

constexpr Example kExamples[] = {
    {"CLIENT KILL 203.0.113.7:4242", "(error) ERR No such client"},
    {"CLIENT KILL TYPE pubsub SKIPME yes", "(integer) 0"},
    {"CLIENT KILL ID none", "(error) ERR client-id should be greater than 0"},
};

constexpr Spec kSpec{
    .name = "client|kill",
    .group = Group::kConnection,
    .summary =
        "Closes the connection from ip:port, or those that match all of ID client-id, TYPE "
        "type, USER username, ADDR ip:port, LADDR ip:port, MAXAGE seconds, SKIPME yes|no",
    .since = "2.4.0",
    .complexity = "O(n) where n is the number of connections",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status ReadFilter(Host& host, std::string_view word, std::string_view value, ClientFilter* filter) {
  if (EqualsIgnoreCase(word, "id")) {
    const std::optional<int64_t> id = ParseInteger(value);
    if (!id || *id < 1) return Status::Err("client-id should be greater than 0");
    filter->ids = {*id};
  } else if (EqualsIgnoreCase(word, "type")) {
    return ReadType(value, &filter->type);
  } else if (EqualsIgnoreCase(word, "user")) {
    AccessControl* const access = host.access_control();
    const bool is_known = access != nullptr ? access->HasUser(value) : value == "default";
    if (!is_known) return Status::Err("No such user '" + std::string(value) + "'");
    filter->user = value;
  } else if (EqualsIgnoreCase(word, "addr")) {
    filter->address = value;
  } else if (EqualsIgnoreCase(word, "laddr")) {
    filter->local_address = value;
  } else if (EqualsIgnoreCase(word, "maxage")) {
    filter->max_age_s = ParseInteger(value);
    if (!filter->max_age_s) return Status::Err("maxage is not an integer or out of range");
    if (*filter->max_age_s < 1) return Status::Err("maxage should be greater than 0");
  } else if (EqualsIgnoreCase(word, "skipme")) {
    filter->skip_me = EqualsIgnoreCase(value, "yes");
    if (!filter->skip_me && !EqualsIgnoreCase(value, "no")) return SyntaxError();
  } else {
    return SyntaxError();
  }
  return {};
}

Status Run(Context& context, const Args& args) {
  ClientFilter filter;
  if (args.filters.size() == 1) {
    filter.address = args.filters[0];
    filter.skip_me = false;
    // An empty address would mean any.
    if (filter.address.empty() || context.host.KillClients(filter, context.session) == 0) {
      return Status::Err("No such client");
    }
    context.reply.Ok();
    return {};
  }
  for (size_t i = 0; i < args.filters.size(); i += 2) {
    if (i + 1 == args.filters.size()) return SyntaxError();
    AMPT_RETURN_IF_ERROR(ReadFilter(context.host, args.filters[i], args.filters[i + 1], &filter));
  }
  context.reply.Integer(context.host.KillClients(filter, context.session));
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace kill

// --- CLIENT NO-EVICT, NO-TOUCH, REPLY, UNBLOCK
// ----------------------------------------------------

namespace no_evict {

struct Args {
  std::string_view mode;
};

constexpr auto kGrammar = Redis<Args>(Word("ON | OFF", &Args::mode));

constexpr Example kExamples[] = {{"CLIENT NO-EVICT ON", "OK"}};

constexpr Spec kSpec{
    .name = "client|no-evict",
    .group = Group::kConnection,
    .summary = "Keeps this connection when memory for clients runs short",
    .since = "7.0.0",
    .complexity = "O(1)",
    .flags = kOthers,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<bool> on = ReadOnOff(args.mode);
  if (!on.ok()) return on.status();
  context.session.set_no_evict(*on);
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace no_evict

namespace no_touch {

struct Args {
  std::string_view mode;
};

constexpr auto kGrammar = Redis<Args>(Word("ON | OFF", &Args::mode));

constexpr Example kExamples[] = {{"CLIENT NO-TOUCH ON", "OK"}};

constexpr Spec kSpec{
    .name = "client|no-touch",
    .group = Group::kConnection,
    .summary = "Reads of this connection do not count as use of an item",
    .since = "7.2.0",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const Result<bool> on = ReadOnOff(args.mode);
  if (!on.ok()) return on.status();
  context.session.set_no_touch(*on);
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace no_touch

namespace reply {

struct Args {
  std::string_view mode;
};

constexpr auto kGrammar = Redis<Args>(Word("ON | OFF | SKIP", &Args::mode));

constexpr Example kExamples[] = {{"CLIENT REPLY ON", "OK"}};

constexpr Spec kSpec{
    .name = "client|reply",
    .group = Group::kConnection,
    .summary = "Answers this connection, not any more, or not for the next command",
    .since = "3.2.0",
    .complexity = "O(1)",
    .flags = kOwn,
    .scope = Scope::kNone,
    .examples = kExamples,
};

// OFF and SKIP have no reply themselves.
Status Run(Context& context, const Args& args) {
  if (EqualsIgnoreCase(args.mode, "on")) {
    context.session.set_reply_mode(ReplyMode::kOn);
    context.reply.Ok();
  } else if (EqualsIgnoreCase(args.mode, "off")) {
    context.session.set_reply_mode(ReplyMode::kOff);
  } else if (EqualsIgnoreCase(args.mode, "skip")) {
    context.session.set_reply_mode(ReplyMode::kSkipNext);
  } else {
    return SyntaxError();
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace reply

namespace unblock {

struct Args {
  int64_t id = 0;
  std::optional<std::string_view> reason;
};

constexpr auto kGrammar =
    Redis<Args>(Word("client-id", &Args::id), Maybe("TIMEOUT | ERROR", &Args::reason));

constexpr Example kExamples[] = {{"CLIENT UNBLOCK 1000000", "(integer) 0"}};

constexpr Spec kSpec{
    .name = "client|unblock",
    .group = Group::kConnection,
    .summary = "Ends the wait of a blocked connection as if its time were over, or with an error",
    .since = "5.0.0",
    .complexity = "O(1)",
    .flags = kOthers,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const bool with_error = args.reason && EqualsIgnoreCase(*args.reason, "error");
  if (args.reason && !with_error && !EqualsIgnoreCase(*args.reason, "timeout")) {
    return Status::Err("CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  }
  context.reply.Integer(context.host.UnblockClient(args.id, with_error) ? 1 : 0);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace unblock

// --- the container
// --------------------------------------------------------------------------------

constexpr const Command* kParts[] = {
    &id::kCommand,       &info::kCommand,    &list::kCommand,      &getname::kCommand,
    &setname::kCommand,  &setinfo::kCommand, &kill::kCommand,      &no_evict::kCommand,
    &no_touch::kCommand, &reply::kCommand,   &unblock::kCommand,   &kClientPause,
    &kClientUnpause,     &kClientTracking,   &kClientTrackinginfo, &kClientGetredir,
    &kClientCaching,
};

constexpr Example kExamples[] = {
    {"CLIENT FOO", "(error) ERR unknown subcommand 'FOO'. Try CLIENT HELP."},
};

constexpr Spec kSpec{
    .name = "client",
    .group = Group::kConnection,
    .summary = "Commands about connections",
    .since = "2.4.0",
    .complexity = "Depends on subcommand",
    .flags = 0,
    .scope = Scope::kNone,
    .examples = kExamples,
};

}  // namespace

extern const Command kClient;
constexpr Command kClient = DefineContainer<kClient>(kSpec, kParts);

}  // namespace ampt
