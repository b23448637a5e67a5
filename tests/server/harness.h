// What the tests of the running server are built from: a server process of their own, in a
// directory and on a port of its own, and what every such test asks it.
//
// All waiting is for a condition, bounded by kDeadline. Nothing here throws; what goes wrong is a
// failure of the running test.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/server/client.h"

namespace ampt::test {

using Settings = std::vector<std::pair<std::string, std::string>>;

// What a program did that ran to its end.
struct Outcome {
  int exit_status = -1;  // -1: it was ended by a signal
  std::string output;    // both streams
};

// The program under test: $AMPT_SERVER, else build/ampt-server.
std::string ServerProgram();
// Runs it in `directory` with these arguments until it ends; killed at the deadline. What it prints
// is also left there, in the file `output`.
Outcome RunServerToEnd(const Words& arguments, const std::string& directory);

// An unused port of the loopback device.
uint16_t FreePort();

// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A running server, in a directory and on a loopback port of its own, DEBUG allowed. Dies with this
// process, however that ends.
class ServerProcess {
 public:
  // Starts it and waits until it answers. If it does not, the test fails with the server's log.
  explicit ServerProcess(const Settings& settings = {});
  // Starts it anew in the same directory, on another port, and waits as at first, or only until it
  // takes connections: then it may still be loading. REQUIRES: it has ended.
  enum class Until : uint8_t { kAnswers, kListens };
  void Restart(const Settings& settings = {}, Until until = Until::kAnswers);
  // Stops it if it runs still; how that ends is checked as by Stop.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  bool running();
  pid_t pid() const { return pid_; }
  uint16_t port() const { return port_; }
  const std::string& directory() const { return directory_.path(); }
  Client Connect() const { return Client::Tcp(port_); }
  std::string Log() const;
  // Resident memory of the process.
  int64_t RssBytes() const;

  void Signal(int signal) const;
  // Sends SIGTERM and expects the exit status 0.
  void Stop();
  // Waits for its end and expects that exit status.
  void ExpectExit(int status = 0);
  void Kill();

 private:
  bool Start(const Settings& settings, Until until);
  // True once the process has ended.
  bool Reap();

  TemporaryDirectory directory_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
  int wait_status_ = 0;
};

// A test with a server. The log is shown where the test failed.
class ServerTest : public testing::Test {
 protected:
  void TearDown() override;

  // Starts one with these settings; stops the one before.
  void StartServer(const Settings& settings = {});
  // Starts one without settings where there is none yet.
  ServerProcess& server();
  Client Connect() { return server().Connect(); }
  // Expects that the server still serves a new connection.
  void ExpectAlive();
  // What stands behind `name:` in INFO. A name that is not there is a failure.
  std::string InfoText(std::string_view name);
  int64_t InfoNumber(std::string_view name);

 private:
  std::unique_ptr<ServerProcess> server_;
};

}  // namespace ampt::test
