// AUTH. With one word it is the password of the user "default". A failed AUTH leaves the connection
// with the rights it had.
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view first;
  std::optional<std::string_view> second;
};

constexpr auto kGrammar =
    Redis<Args>(Word("username-or-password", &Args::first), Maybe("password", &Args::second));

constexpr Example kExamples[] = {
    {"AUTH default wrong elsewhere", "(error) ERR syntax error"},
};

constexpr Spec kSpec{
    .name = "auth",
    .group = Group::kConnection,
    .summary = "Logs the connection in",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kNoScript | kLoading | kStale | kFast | kNoAuth | kAllowBusy,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (!args.second && !context.host.AuthRequired()) {
    return Status::Err(
        "AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  const std::string_view user = args.second ? args.first : "default";
  const std::string_view password = args.second ? *args.second : args.first;
  AMPT_RETURN_IF_ERROR(context.host.LogIn(context.session, user, password, "AUTH"));
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kAuth;
constexpr Command kAuth = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
