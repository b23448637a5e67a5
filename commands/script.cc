// SCRIPT. The scripts that the server knows, by the SHA-1 digest of their text. Those of LOAD stay
// until FLUSH or the end of the server; those of EVAL may be forgotten for newer ones. In a cluster
// each node has its own: LOAD and FLUSH go to all, EXISTS is true where it is on all.
#include "base/bytes.h"
#include "commands/grammar.h"
#include "commands/runner.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr Spec SpecOf(std::string_view name, std::string_view summary, std::string_view complexity,
                      uint32_t flags, std::span<const Example> examples) {
  return {.name = name,
          .group = Group::kScripting,
          .summary = summary,
          .since = "2.6.0",
          .complexity = complexity,
          .flags = flags,
          .scope = Scope::kNode,
          .examples = examples};
}

// --- LOAD
// -----------------------------------------------------------------------------------------

namespace load {

struct Args {
  std::string_view script;
};

constexpr auto kGrammar = Redis<Args>(Word("script", &Args::script));

constexpr Example kExamples[] = {
    {"SCRIPT LOAD \"return 1\"", "\"e0e1f9fabfc9d4800c877a703b823ac0578ff8db\""},
};

Status Run(Context& context, const Args& args) {
  const Result<std::string> digest = context.runner->scripts().Load(args.script);
  if (!digest.ok()) return digest.status();
  context.reply.Bulk(*digest);
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(
    SpecOf("script|load", "Keeps a script for EVALSHA and returns its digest",
           "O(n) where n is the length of the script", kNoScript | kStale, kExamples));

}  // namespace load

// --- EXISTS
// ---------------------------------------------------------------------------------------

namespace exists {

struct Args {
  Words digests;
};

constexpr auto kGrammar = Redis<Args>(Rest("sha1", &Args::digests));

constexpr Example kExamples[] = {
    {"SCRIPT LOAD \"return 1\"", "\"e0e1f9fabfc9d4800c877a703b823ac0578ff8db\""},
    {"SCRIPT EXISTS e0e1f9fabfc9d4800c877a703b823ac0578ff8db abc",
     "1) (integer) 1\n2) (integer) 0"},
};

Status Run(Context& context, const Args& args) {
  context.reply.Array(args.digests.size());
  for (const std::string_view digest : args.digests) {
    context.reply.Integer(context.runner->scripts().Exists(digest) ? 1 : 0);
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(
    SpecOf("script|exists", "Returns 1 for each digest of a script that is known, else 0",
           "O(n) where n is the number of digests", kNoScript, kExamples));

}  // namespace exists

// --- FLUSH
// ----------------------------------------------------------------------------------------

namespace flush {

struct Args {
  Words mode;
};

constexpr auto kGrammar = Redis<Args>(Maybe("ASYNC | SYNC", &Args::mode));

constexpr Example kExamples[] = {
    {"SCRIPT FLUSH", "OK"},
    {"SCRIPT FLUSH SYNC", "OK"},
};

// What Lua holds is little, so both modes are one.
Status Run(Context& context, const Args& args) {
  const bool is_known =
      args.mode.empty() || (args.mode.size() == 1 && (EqualsIgnoreCase(args.mode[0], "async") ||
                                                      EqualsIgnoreCase(args.mode[0], "sync")));
  if (!is_known) return Status::Err("SCRIPT FLUSH only support SYNC|ASYNC option");
  context.runner->scripts().Flush();
  context.reply.Ok();
  return {};
}

constexpr Command kCommand =
    Define<kGrammar, Run>(SpecOf("script|flush", "Forgets all scripts",
                                 "O(n) where n is the number of scripts", kNoScript, kExamples));

}  // namespace flush

// --- KILL
// -----------------------------------------------------------------------------------------

namespace kill {

struct Args {};

constexpr auto kGrammar = Redis<Args>();

constexpr Example kExamples[] = {
    {"SCRIPT KILL", "(error) NOTBUSY No scripts in execution right now."},
};

// It is heard once the script has run for `busy-reply-threshold`.
Status Run(Context& context, const Args&) {
  AMPT_RETURN_IF_ERROR(context.runner->scripts().Kill());
  context.reply.Ok();
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(
    SpecOf("script|kill", "Ends the script that runs, if it has written nothing", "O(1)",
           kNoScript | kAllowBusy, kExamples));

}  // namespace kill

constexpr const Command* kParts[] = {&load::kCommand, &exists::kCommand, &flush::kCommand,
                                     &kill::kCommand};

constexpr Spec kSpec =
    SpecOf("script", "Manages the scripts that the server knows", "Depends on subcommand", 0, {});

}  // namespace

extern const Command kScript;
constexpr Command kScript = DefineContainer<kScript>(kSpec, kParts);

}  // namespace ampt
