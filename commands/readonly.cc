// READONLY. In a cluster it lets a connection read from a replica; a client of one server has no
// use for it and hears what a Redis without cluster says.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"READONLY", "(error) ERR This instance has cluster support disabled"},
};

constexpr Spec kSpec{
    .name = "readonly",
    .group = Group::kConnection,
    .summary = "Refused: there is no cluster here",
    .since = "3.0.0",
    .complexity = "O(1)",
    .flags = kFast | kLoading | kStale,
    .scope = Scope::kNone,
    .examples = kExamples,
};

Status Run(Context&, const Args&) {
  return Status::Err("This instance has cluster support disabled");
}

}  // namespace

extern const Command kReadonlyCommand;
constexpr Command kReadonlyCommand = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
