#include "server/dispatch.h"

#include <utility>

#include "server/resp_reply.h"

namespace ampt {
namespace {

// Redis' own bound on what this error repeats.
constexpr size_t kEchoedBytes = 128;

// The part of a container that will run, for statistics and CLIENT LIST.
const Command* CommandOrPart(const Command* command, Words words) {
  if (command->subcommands.empty() || words.size() < 2) return command;
  const Command* part = command->Subcommand(words[1]);
  return part != nullptr ? part : command;
}

}  // namespace

Status UnknownCommand(Words words) {
  std::string arguments;
  for (size_t i = 1; i < words.size() && arguments.size() < kEchoedBytes; ++i) {
    const size_t most = kEchoedBytes - arguments.size();
    arguments.append("'").append(words[i].substr(0, most)).append("' ");
  }
  return Status::Err("unknown command '" + std::string(words[0].substr(0, kEchoedBytes)) +
                     "', with args beginning with: " + arguments);
}

Status Dispatcher::Check(const Connection& connection, const Command* command, const Command* part,
                         Words words) const {
  if (command == nullptr) return UnknownCommand(words);
  if (!command->ArityFits(words.size())) return WrongArity(command->spec.name);
  const bool needs_password = !environment_.settings.requirepass.empty();
  if (__builtin_expect(needs_password && !connection.authenticated(), 0) && !part->Is(kNoAuth)) {
    return Status::Coded("NOAUTH", "Authentication required.");
  }
  const auto most_bytes = static_cast<size_t>(environment_.settings.maxmemory);
  if (part->Is(kDenyOom) && most_bytes > 0 && environment_.allocator.used_bytes() > most_bytes) {
    return Status::Coded("OOM", "command not allowed when used memory > 'maxmemory'.");
  }
  return {};
}

void Dispatcher::CountRun() {
  if (run_.calls == 0) return;
  const int64_t nanos = ServerClock::StopwatchNanos();
  run_.figures->CountCalls(run_.calls, nanos - last_nanos_);
  run_.calls = 0;
  last_nanos_ = nanos;
}

std::unique_ptr<SlicedWork> Dispatcher::Execute(Connection& connection, const Command* command,
                                                Words words, TimeMs now_ms) {
  const bool skip = connection.reply_mode() == ReplyMode::kSkipNext;
  if (__builtin_expect(skip, 0)) connection.set_reply_mode(ReplyMode::kOn);
  const size_t output_before = connection.output_bytes();
  Statistics& statistics = environment_.statistics;
  RespReply reply(connection.output(), connection.resp_version_in_use());
  std::unique_ptr<SlicedWork> work;

  // The container itself is executed: it checks the part's arity and takes its own name away.
  const Command* part = command != nullptr ? CommandOrPart(command, words) : nullptr;
  if (const Status refusal = Check(connection, command, part, words); !refusal.ok()) {
    reply.Error(refusal);
    if (part != nullptr) ++statistics.Of(part).rejected;
  } else {
    connection.set_last_command(part);
    Context context{environment_.databases,
                    *environment_.databases[static_cast<size_t>(connection.database())],
                    reply,
                    now_ms,
                    connection,
                    environment_.host,
                    environment_.host.model_settings(),
                    environment_.commands,
                    environment_.random,
                    scratch_};
    if (part != run_.command) {
      CountRun();
      run_ = {part, &statistics.Of(part), 0};
    }
    command->execute(context, words);
    work = std::move(context.work);
    ++run_.calls;
    run_.figures->failed += reply.errors() > 0;
    if (!part->Is(kFast)) CountRun();
  }
  ++statistics.commands_processed;
  if (reply.errors() > 0) statistics.CountError(reply.error_code());

  // CLIENT REPLY OFF and SKIP silence the command that says so, SKIP also the next one.
  connection.set_silenced(skip || connection.reply_mode() != ReplyMode::kOn);
  if (__builtin_expect(connection.is_silenced(), 0)) connection.TruncateOutput(output_before);
  return work;
}

}  // namespace ampt
