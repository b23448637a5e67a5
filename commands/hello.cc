// HELLO. Sets the protocol, the user and the name in one round trip. All words are read and checked
// before the first takes effect, so a refused HELLO leaves the connection as it was.
#include "commands/client_name.h"
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

// Clients choose what they send by this version: the newest Redis whose dialect is spoken here.
constexpr std::string_view kRedisVersion = "7.2.4";

struct Args {
  std::optional<std::string_view> version;
  Words options;
};

constexpr auto kGrammar =
    Redis<Args>(Maybe("protover", &Args::version),
                Maybe("AUTH username password] [SETNAME clientname", &Args::options));

constexpr Example kExamples[] = {
    {"HELLO 4", "(error) NOPROTO unsupported protocol version"},
    {"HELLO 3 SETNAME worker", ""},
    {"CLIENT GETNAME", "\"worker\""},
    {"HELLO 2", ""},
};

constexpr Spec kSpec{
    .name = "hello",
    .group = Group::kConnection,
    .summary = "Chooses the protocol, logs in and names the connection",
    .since = "6.0.0",
    .complexity = "O(1)",
    .flags = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy,
    .scope = Scope::kNone,
    .examples = kExamples,
};

struct Options {
  std::optional<std::string_view> user;
  std::string_view password;
  std::optional<std::string_view> name;
};

Status ReadOptions(Words words, Options* options) {
  for (size_t i = 0; i < words.size();) {
    const size_t behind = words.size() - i - 1;
    if (EqualsIgnoreCase(words[i], "auth") && behind >= 2) {
      options->user = words[i + 1];
      options->password = words[i + 2];
      i += 3;
    } else if (EqualsIgnoreCase(words[i], "setname") && behind >= 1) {
      options->name = words[i + 1];
      if (!IsClientName(*options->name)) return InvalidClientName();
      i += 2;
    } else {
      return Status::Err("Syntax error in HELLO option '" + std::string(words[i].substr(0, 128)) +
                         "'");
    }
  }
  return {};
}

Status Run(Context& context, const Args& args) {
  Session& session = context.session;
  int version = session.resp_version();
  if (args.version) {
    const std::optional<int64_t> wanted = ParseInteger(*args.version);
    if (!wanted) return Status::Err("Protocol version is not an integer or out of range");
    if (*wanted < 2 || *wanted > 3) {
      return Status::Coded("NOPROTO", "unsupported protocol version");
    }
    version = static_cast<int>(*wanted);
  }
  Options options;
  AMPT_RETURN_IF_ERROR(ReadOptions(args.options, &options));
  if (options.user) {
    AMPT_RETURN_IF_ERROR(context.host.LogIn(session, *options.user, options.password, "HELLO"));
  } else if (context.host.AuthRequired() && !session.authenticated()) {
    return Status::Coded("NOAUTH",
                         "HELLO must be called with the client already authenticated, otherwise "
                         "the HELLO AUTH <user> <pass> option can be used to authenticate "
                         "the client and select the RESP protocol version at the same time");
  }
  if (options.name) session.set_name(*options.name);
  session.set_resp_version(version);

  Reply& reply = context.reply;
  reply.Map(7);
  reply.Bulk("server");
  reply.Bulk("redis");
  reply.Bulk("version");
  reply.Bulk(kRedisVersion);
  reply.Bulk("proto");
  reply.Integer(version);
  reply.Bulk("id");
  reply.Integer(session.id());
  reply.Bulk("mode");
  reply.Bulk("standalone");
  reply.Bulk("role");
  reply.Bulk("master");
  reply.Bulk("modules");
  reply.Array(0);
  return {};
}

}  // namespace

extern const Command kHello;
constexpr Command kHello = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
