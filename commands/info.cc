// INFO. The host knows the figures; several sections may be asked for at once. In a cluster every
// node speaks for itself.
#include "commands/grammar.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words sections;
};

constexpr auto kGrammar = Redis<Args>(Maybe("section", &Args::sections));

constexpr Example kExamples[] = {
    {"INFO", ""},
    {"INFO server memory", ""},
};

constexpr Spec kSpec{
    .name = "info",
    .group = Group::kServer,
    .summary = "Returns figures about the server",
    .since = "1.0.0",
    .complexity = "O(1)",
    .flags = kLoading | kStale | kDangerous,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  std::vector<std::string> lower;
  lower.reserve(args.sections.size());
  for (const std::string_view section : args.sections) {
    std::string& text = lower.emplace_back();
    for (const char c : section) text.push_back(AsciiLower(c));
  }
  const std::vector<std::string_view> sections(lower.begin(), lower.end());
  context.reply.Verbatim(context.host.Info(sections));
  return {};
}

}  // namespace

extern const Command kInfo;
constexpr Command kInfo = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
