// SAVE. Unlike Redis' it stops nobody but the client that asks: that one is answered when the
// snapshot of this moment is on the disk. In a cluster every node saves for itself.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"SAVE", "OK"}};

constexpr Spec kSpec{
    .name = "save",
    .group = Group::kServer,
    .summary = "Saves a snapshot of all databases and answers when it is on the disk",
    .since = "1.0.0",
    .complexity = "O(n) where n is the number of items; in slices",
    .flags = kAdmin | kNoScript | kNoMulti,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  return context.host.StartSaveAndAnswer(context.session);
}

}  // namespace

extern const Command kSave;
constexpr Command kSave = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
