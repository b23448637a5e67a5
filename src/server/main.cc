// ampt-server: reads its settings and serves until it is told to stop.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/alloc.h"
#include "server/acl.h"
#include "server/command_line.h"
#include "server/config_file.h"
#include "server/log.h"
#include "server/page_reserve.h"
#include "server/process.h"
#include "server/server.h"
#include "server/settings.h"
#include "server/supervision.h"

namespace ampt {
namespace {

// Freeing millions of items one by one takes seconds, and is of use to a leak checker only.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kFreesAtExit = true;
#else
constexpr bool kFreesAtExit = false;
#endif

Status ReadSettings(const CommandLine& line, Settings& settings) {
  if (!line.config_file.empty()) {
    AMPT_RETURN_IF_ERROR(ReadConfigFile(line.config_file, ReadWholeFile, settings));
  }
  return ReadCommandLine(line.settings, settings);
}

Status Serve(Settings& settings, Invocation invocation) {
  AMPT_RETURN_IF_ERROR(EnterFolder(settings.dir));
  Log log;
  log.set_level(settings.loglevel);
  AMPT_RETURN_IF_ERROR(log.Open(settings.logfile));
  MakeRoomForClients(settings, log);
  Supervisor supervisor(settings.supervised, log);
  if (supervisor.is_there()) invocation.supervised_by = "systemd";
  KeepFreedLargeBlocks();
  GrowSlabsFromReserve();
  auto server = std::make_unique<Server>(settings, log, supervisor, std::move(invocation));
  AMPT_RETURN_IF_ERROR(server->Prepare());
  AMPT_RETURN_IF_ERROR(server->Listen());
  const PidFile pid_file(settings.pidfile, log);
  const Status end = server->Run();
  if (end.ok()) log.Warning("Stopped");
  // Nothing of it is open any more: only memory is left, which the system takes back at once.
  if (!kFreesAtExit) static_cast<void>(server.release());
  return end;
}

// What Server::Prepare() would complain of.
Status CheckAccess(const Settings& settings) {
  AMPT_RETURN_IF_ERROR(EnterFolder(settings.dir));
  CommandTable commands;
  AMPT_RETURN_IF_ERROR(RenameCommands(settings, commands));
  AMPT_RETURN_IF_ERROR(Acl(settings, nullptr).LoadAtStart());
  return settings.tls_port == 0 ? Status() : TlsContext::Make(settings).status();
}

int Main(const char* program, std::vector<std::string_view> words) {
  const CommandLine line = ParseCommandLine(words);
  switch (line.task) {
    case Task::kVersion:
      fmt::print("{}", VersionText());
      return 0;
    case Task::kHelp:
      fmt::print("{}", HelpText());
      return 0;
    case Task::kCommands:
      fmt::print("{}", CommandsAsMarkdown(CommandTable()));
      return 0;
    case Task::kCheckConfig:
    case Task::kServe:
      break;
  }
  Settings settings;
  Status status = ReadSettings(line, settings);
  if (status.ok() && line.task == Task::kCheckConfig) status = CheckAccess(settings);
  if (status.ok() && line.task == Task::kCheckConfig) {
    fmt::print("The settings are good.\n");
    return 0;
  }
  if (status.ok()) {
    const std::string config_file =
        line.config_file.empty() ? std::string() : AbsolutePath(line.config_file);
    status = Serve(settings, {AbsolutePath(program), config_file});
  }
  if (status.ok()) return 0;
  std::string_view text = status.text();
  constexpr std::string_view kCode = "ERR ";  // for programs
  if (text.starts_with(kCode)) text.remove_prefix(kCode.size());
  fmt::print(stderr, "ampt-server: {}\n", text);
  return 1;
}

}  // namespace
}  // namespace ampt

int main(int argc, char** argv) {
  return ampt::Main(argv[0], {argv + 1, argv + argc});
}
