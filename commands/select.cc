// SELECT. Each database is an environment of its own; a connection begins in database 0.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  int64_t database = 0;
};

constexpr auto kGrammar = Redis<Args>(Word("index", &Args::database));

constexpr Example kExamples[] = {
    {"SET where \"database 0\"", "OK"},
    {"SELECT 1", "OK"},
    {"GET where", "(nil)"},
    {"SELECT 0", "OK"},
    {"GET where", "\"database 0\""},
    {"SELECT 100000", "(error) ERR DB index is out of range"},
};

constexpr Spec kSpec{
    .name = "select",
    .group = Group::kConnection,
    .summary = "Changes the selected database",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kLoading | kStale | kFast,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.database != static_cast<int32_t>(args.database)) {
    return Status::Err("value is out of range, value must between -2147483648 and 2147483647");
  }
  if (args.database < 0 || args.database >= static_cast<int64_t>(context.databases.size())) {
    return Status::Err("DB index is out of range");
  }
  context.session.set_database(static_cast<int>(args.database));
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kSelect;
constexpr Command kSelect = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
