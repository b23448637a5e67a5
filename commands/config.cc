// CONFIG. The settings belong to the host: it knows names, kinds and limits, and changes several of
// them or none. In a cluster every node has settings of its own.
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kAdmin | kNoScript | kLoading | kStale;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

namespace get {

struct Args {
  Words globs;
};

constexpr auto kGrammar = Redis<Args>(Rest("glob", &Args::globs));

constexpr Example kExamples[] = {
    {"CONFIG GET maxmemory", ""},
    {"CONFIG GET *memory* appendonly", ""},
};

constexpr Spec kSpec{
    .name = "config|get",
    .group = Group::kServer,
    .summary = "Returns the settings whose names match a glob",
    .since = "2.0.0",
    .complexity = "O(n) where n is the number of settings",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const std::string_view glob : args.globs) {
    for (auto& setting : context.host.GetSettings(glob)) {
      bool known = false;
      for (const auto& other : found) known = known || other.first == setting.first;
      if (!known) found.push_back(std::move(setting));
    }
  }
  context.reply.Map(found.size());
  for (const auto& [name, value] : found) {
    context.reply.Bulk(name);
    context.reply.Bulk(value);
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace get

namespace set {

struct Args {
  Words pairs;
};

constexpr auto kGrammar = Redis<Args>(Rest("name value", &Args::pairs, !kAreKeys, 2));

constexpr Example kExamples[] = {
    {"CONFIG SET maxmemory 0", "OK"},
    {"CONFIG SET maxmemory 0 appendonly", "(error) ERR syntax error"},
};

constexpr Spec kSpec{
    .name = "config|set",
    .group = Group::kServer,
    .summary = "Changes settings, all that are named or none",
    .since = "2.0.0",
    .complexity = "O(n) where n is the number of settings named",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  if (args.pairs.size() % 2 != 0) return SyntaxError();
  std::vector<std::pair<std::string_view, std::string_view>> settings;
  for (size_t i = 0; i < args.pairs.size(); i += 2) {
    settings.emplace_back(args.pairs[i], args.pairs[i + 1]);
  }
  AMPT_RETURN_IF_ERROR(context.host.SetSettings(settings));
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace set

namespace resetstat {

constexpr Example kExamples[] = {{"CONFIG RESETSTAT", "OK"}};

constexpr Spec kSpec{
    .name = "config|resetstat",
    .group = Group::kServer,
    .summary = "Sets the counters of INFO to zero",
    .since = "2.0.0",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.host.ResetStatistics();
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace resetstat

namespace rewrite {

constexpr Example kExamples[] = {{"CONFIG REWRITE", ""}};

constexpr Spec kSpec{
    .name = "config|rewrite",
    .group = Group::kServer,
    .summary = "Writes the settings as they are now into the configuration file",
    .since = "2.8.0",
    .complexity = "O(n) where n is the number of settings",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  AMPT_RETURN_IF_ERROR(context.host.RewriteConfig());
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace rewrite

constexpr const Command* kParts[] = {&get::kCommand, &set::kCommand, &resetstat::kCommand,
                                     &rewrite::kCommand};

constexpr Example kExamples[] = {
    {"CONFIG FOO", "(error) ERR unknown subcommand 'FOO'. Try CONFIG HELP."},
};

constexpr Spec kSpec{
    .name = "config",
    .group = Group::kServer,
    .summary = "Commands about settings",
    .since = "2.0.0",
    .complexity = "Depends on subcommand",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

extern const Command kConfig;
constexpr Command kConfig = DefineContainer<kConfig>(kSpec, kParts);

}  // namespace ampt
