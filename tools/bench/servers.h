// The servers under test: started on a free loopback port in a directory of their own, watched from
// outside, stopped by process id.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/protocol.h"

namespace ampt::bench {

struct ServerSpec {
  std::string name;
  std::string command;  // for sh; {port} and {dir} are replaced
  Protocol protocol = Protocol::kResp;
  // What start.lua in {dir} is to hold, with {port} and {dir} replaced; "": no such file.
  std::string_view program = "";
};

// The servers `make bench` compares, those of them that are installed: redis, ampt (the ampt-server
// beside this program), valkey, memcached, tarantool. The first is the baseline, the second the
// subject.
std::vector<ServerSpec> DefaultServers();
// Where the programs built with this one are.
std::string DirectoryOfThisProgram();
// The programs of those that are not installed.
std::vector<std::string> AbsentPrograms();

// "name=command", which speaks RESP, or the name of a default server. Throws Failure on anything
// else.
ServerSpec ParseServer(const std::string& text);

// Two cores that do not disturb each other, or -1 and -1 (anywhere) where this process has only
// one.
struct Cores {
  int server = -1;
  int generator = -1;
};
Cores ChooseCores();

// Pins the calling process; no effect for core -1.
void PinTo(int core);

// A running server. Dies with this process, however that ends.
class Server {
 public:
  // Starts it and waits until it answers. Throws Failure, with the end of the server's output,
  // if it ends before or takes over a minute.
  Server(const ServerSpec& spec, int core);
  // Stops it and removes its directory.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  const std::string& name() const { return spec_.name; }
  const std::string& version() const { return version_; }  // "redis 7.0.15", or the name alone
  uint16_t port() const { return port_; }
  Protocol protocol() const { return spec_.protocol; }
  // Whether it knows the AMPT commands.
  bool speaks_ampt() const { return speaks_ampt_; }

  // CPU time of all its threads, living and ended, user and kernel. Exact, not in clock ticks.
  int64_t CpuNs() const;
  // Resident memory.
  uint64_t RssBytes() const;
  // The same once the server has given back what it kept for a moment: when two seconds have
  // brought nothing more. What an allocator holds ready while it grows is not what items take.
  uint64_t SettledRssBytes() const;
  // The same with what its child processes have for themselves, as one that saves a snapshot has.
  uint64_t RssWithChildrenBytes() const;

  // Ends it with SIGTERM, starts it again in its directory, and returns how long that start took,
  // until it answered, in seconds. Throws Failure as the constructor does.
  double Restart();

  // What a person needs to know when it failed: how it ended, if it did, and its last output.
  std::string Autopsy();

 private:
  void Launch();
  void AwaitReady();
  bool IsReady();
  void Identify();
  std::string InDirectory(std::string_view text) const;
  bool Ended();
  void Stop();

  const ServerSpec spec_;
  int core_;
  std::string version_;
  std::string directory_;
  std::string command_;
  uint16_t port_;
  pid_t pid_ = -1;
  int wait_status_ = 0;
  bool reaped_ = false;
  bool speaks_ampt_ = false;
};

}  // namespace ampt::bench
