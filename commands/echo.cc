// ECHO. What clients use to see that bytes pass unchanged.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view message;
};

constexpr auto kGrammar = Redis<Args>(Word("message", &Args::message));

constexpr Example kExamples[] = {{"ECHO \"Hello World\"", "\"Hello World\""}};

constexpr Spec kSpec{
    .name = "echo",
    .group = Group::kConnection,
    .summary = "Returns the given string",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kFast | kLoading | kStale,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  context.reply.Bulk(args.message);
  return {};
}

}  // namespace

extern const Command kEcho;
constexpr Command kEcho = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
