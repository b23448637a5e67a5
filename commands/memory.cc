// MEMORY. What an item takes is exact: an item is its own blocks and its places in the indexes. In
// a cluster every node speaks for itself.
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

namespace usage {

struct Args {
  std::string_view key;
  int64_t samples = 0;
};

constexpr auto kGrammar =
    Redis<Args>(Key("key", &Args::key), Option("SAMPLES", "count", &Args::samples));

constexpr Example kExamples[] = {
    {"MEMORY USAGE nothing", "(nil)"},
    {"SET greeting Hello", "OK"},
    {"MEMORY USAGE greeting", ""},
};

constexpr Spec kSpec{
    .name = "memory|usage",
    .group = Group::kServer,
    .summary = "Returns how many bytes an item takes; SAMPLES is accepted and not needed",
    .since = "4.0.0",
    .complexity = "O(1)",
    .flags = kReadonly,
    .scope = Scope::kKey,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.samples < 0) return SyntaxError();
  const Item* item = context.store.Peek(args.key, context.now_ms);
  if (item == nullptr) {
    context.reply.Null();
  } else {
    context.reply.Integer(static_cast<int64_t>(item->allocated_bytes()));
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace usage

namespace stats {

constexpr Example kExamples[] = {{"MEMORY STATS", ""}};

constexpr Spec kSpec{
    .name = "memory|stats",
    .group = Group::kServer,
    .summary = "Returns figures about the memory in use",
    .since = "4.0.0",
    .complexity = "O(1)",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  const auto figures = context.host.MemoryStats();
  context.reply.Map(figures.size());
  for (const auto& [name, value] : figures) {
    context.reply.Bulk(name);
    if (const int64_t* number = std::get_if<int64_t>(&value)) {
      context.reply.Integer(*number);
    } else if (const double* ratio = std::get_if<double>(&value)) {
      context.reply.Double(*ratio);
    } else {
      const auto& parts = std::get<MemoryFigure::Parts>(value);
      context.reply.Map(parts.size());
      for (const auto& [part, bytes] : parts) {
        context.reply.Bulk(part);
        context.reply.Integer(bytes);
      }
    }
  }
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace stats

namespace doctor {

constexpr Example kExamples[] = {{"MEMORY DOCTOR", ""}};

constexpr Spec kSpec{
    .name = "memory|doctor",
    .group = Group::kServer,
    .summary = "Returns advice about the memory in use",
    .since = "4.0.0",
    .complexity = "O(1)",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Verbatim(context.host.MemoryDoctor());
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace doctor

namespace purge {

constexpr Example kExamples[] = {{"MEMORY PURGE", "OK"}};

constexpr Spec kSpec{
    .name = "memory|purge",
    .group = Group::kServer,
    .summary = "Gives memory that is not in use back to the operating system",
    .since = "4.0.0",
    .complexity = "Depends on how much memory is not in use",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.host.MemoryPurge();
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace purge

constexpr const Command* kParts[] = {&usage::kCommand, &stats::kCommand, &doctor::kCommand,
                                     &purge::kCommand};

constexpr Example kExamples[] = {
    {"MEMORY FOO", "(error) ERR unknown subcommand 'FOO'. Try MEMORY HELP."},
};

constexpr Spec kSpec{
    .name = "memory",
    .group = Group::kServer,
    .summary = "Commands about memory",
    .since = "4.0.0",
    .complexity = "Depends on subcommand",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

extern const Command kMemory;
constexpr Command kMemory = DefineContainer<kMemory>(kSpec, kParts);

}  // namespace ampt
