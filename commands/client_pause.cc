// CLIENT PAUSE, UNPAUSE. For a change-over to another server: clients may go on sending, but
// nothing of what they send, or none of their writes, runs until the pause is over. Deadlines go
// on.
#include "commands/client_parts.h"
#include "commands/grammar.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kAdmin | kNoScript | kLoading | kStale;

namespace pause {

// So that no sum with a clock overflows.
constexpr int64_t kLongestMs = int64_t{1} << 53;

struct Args {
  std::string_view timeout;
  std::optional<std::string_view> mode;
};

constexpr auto kGrammar =
    Redis<Args>(Word("timeout", &Args::timeout), Maybe("WRITE | ALL", &Args::mode));

constexpr Example kExamples[] = {
    {"CLIENT PAUSE 0 WRITE", "OK"},
    {"CLIENT PAUSE -1", "(error) ERR timeout is negative"},
};

constexpr Spec kSpec{
    .name = "client|pause",
    .group = Group::kConnection,
    .summary = "Lets commands wait for so many milliseconds, all or only those that write",
    .since = "3.0.0",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args& args) {
  const bool writes_only = args.mode && EqualsIgnoreCase(*args.mode, "write");
  if (args.mode && !writes_only && !EqualsIgnoreCase(*args.mode, "all")) {
    return Status::Err("CLIENT PAUSE mode must be WRITE or ALL");
  }
  const std::optional<int64_t> timeout_ms = ParseInteger(args.timeout);
  if (!timeout_ms) return Status::Err("timeout is not an integer or out of range");
  if (*timeout_ms < 0) return Status::Err("timeout is negative");
  if (*timeout_ms > kLongestMs) return Status::Err("timeout is out of range");
  context.host.PauseClients(*timeout_ms, writes_only);
  context.reply.Ok();
  return {};
}

}  // namespace pause

namespace unpause {

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {{"CLIENT UNPAUSE", "OK"}};

constexpr Spec kSpec{
    .name = "client|unpause",
    .group = Group::kConnection,
    .summary = "Ends a pause before its time",
    .since = "6.2.0",
    .complexity = "O(n) where n is the number of clients that wait",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const Args&) {
  context.host.UnpauseClients();
  context.reply.Ok();
  return {};
}

}  // namespace unpause

}  // namespace

constexpr Command kClientPause = Define<pause::kGrammar, pause::Run>(pause::kSpec);
constexpr Command kClientUnpause = Define<unpause::kGrammar, unpause::Run>(unpause::kSpec);

}  // namespace ampt
