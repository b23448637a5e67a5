// CLIENT TRACKING and what belongs to it. Not offered: the server does not remember what clients
// cache. Turning it off, and asking whether it is on, are answered truly; turning it on is an error
// that says so, which client libraries with a cache take as "go on without".
#include "commands/client_parts.h"
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kNoScript | kLoading | kStale;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

namespace tracking {

struct Args {
  std::string_view mode;
  Words options;
};

constexpr auto kGrammar =
    Redis<Args>(Word("ON | OFF", &Args::mode), Maybe("option", &Args::options));

constexpr Example kExamples[] = {
    {"CLIENT TRACKING OFF", "OK"},
    {"CLIENT TRACKING ON",
     "(error) ERR client side caching is not offered: this server does not track what clients "
     "read"},
};

constexpr Spec kSpec{
    .name = "client|tracking",
    .group = Group::kConnection,
    .summary = "Refuses client side caching, which is not offered",
    .since = "6.0.0",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (EqualsIgnoreCase(args.mode, "on")) {
    return Status::Err(
        "client side caching is not offered: this server does not track what clients read");
  }
  if (!EqualsIgnoreCase(args.mode, "off")) return SyntaxError();
  context.reply.Ok();
  return {};
}

}  // namespace tracking

namespace trackinginfo {

constexpr Example kExamples[] = {
    {"CLIENT TRACKINGINFO", ""},
};

constexpr Spec kSpec{
    .name = "client|trackinginfo",
    .group = Group::kConnection,
    .summary = "Returns whether the server tracks what this client reads, which it never does",
    .since = "6.2.0",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Map(3);
  context.reply.Bulk("flags");
  context.reply.Set(1);
  context.reply.Bulk("off");
  context.reply.Bulk("redirect");
  context.reply.Integer(-1);
  context.reply.Bulk("prefixes");
  context.reply.Array(0);
  return {};
}

}  // namespace trackinginfo

namespace getredir {

constexpr Example kExamples[] = {{"CLIENT GETREDIR", "(integer) -1"}};

constexpr Spec kSpec{
    .name = "client|getredir",
    .group = Group::kConnection,
    .summary = "Returns where invalidations for this client go: -1, there are none",
    .since = "6.0.0",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Integer(-1);
  return {};
}

}  // namespace getredir

namespace caching {

struct Args {
  std::string_view mode;
};

constexpr auto kGrammar = Redis<Args>(Word("YES | NO", &Args::mode));

constexpr Example kExamples[] = {
    {"CLIENT CACHING YES",
     "(error) ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN "
     "or OPTOUT mode enabled"},
};

constexpr Spec kSpec{
    .name = "client|caching",
    .group = Group::kConnection,
    .summary = "Refuses, as there is no tracking",
    .since = "6.0.0",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context&, const Args&) {
  return Status::Err(
      "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT "
      "mode enabled");
}

}  // namespace caching

}  // namespace

constexpr Command kClientTracking = Define<tracking::kGrammar, tracking::Run>(tracking::kSpec);
constexpr Command kClientTrackinginfo = Define<kNoWords, trackinginfo::Run>(trackinginfo::kSpec);
constexpr Command kClientGetredir = Define<kNoWords, getredir::Run>(getredir::kSpec);
constexpr Command kClientCaching = Define<caching::kGrammar, caching::Run>(caching::kSpec);

}  // namespace ampt
