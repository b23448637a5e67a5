// What the tests of the running server are built from: a server process of their own, and a client
// that shows replies as redis-cli does.
//
// All waiting is for a condition, bounded by one deadline (kDeadline) that only a broken server
// reaches. Nothing here throws; what goes wrong is a failure of the running test.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampt::test {

using Words = std::vector<std::string>;
using Settings = std::vector<std::pair<std::string, std::string>>;

// How long a test waits for anything before it calls the server hung. Long enough for a sanitizer
// build on a busy machine.
inline constexpr std::chrono::seconds kDeadline{30};

// Calls `condition` until it is true. False if the deadline passed before.
bool WaitFor(const std::function<bool()>& condition);

// --- words and replies
// ----------------------------------------------------------------------------

// Splits a line as redis-cli does: words, "text with \x00 \n \" escapes", 'literal text'.
// nullopt: the quotes do not match.
std::optional<Words> SplitWords(std::string_view line);

// Replaces every %{x*n} by n times x: `SET %{k*257} v`.
std::string ExpandRepeats(std::string_view text);

// The bytes of a request.
std::string Encode(const Words& words);

// A reply. `type` is the first byte of its RESP form, '_' for every null; `text` what a scalar
// holds; of a map the elements are names and values in turn.
struct Value {
  char type = '_';
  std::string text;
  std::vector<Value> elements;

  bool is_error() const { return type == '-'; }
  int64_t integer() const;  // 0 if it is none
};

// As redis-cli prints it to a terminal, without the last line end:
// "text"  OK  (integer) 1  (nil)  (empty array)  1) …  1# "name" => …  (double) 1.5  (true)
std::string Render(const Value& value);

// --- a connection
// ---------------------------------------------------------------------------------

// A connection that speaks RESP2 and RESP3. Sending reads what arrives meanwhile, so that a
// pipeline of any size does not block on both sides. Movable; closed with the object.
class Client {
 public:
  // Failing to connect is a failure of the test, and the client is closed from the beginning.
  static Client Tcp(uint16_t port);
  static Client Unix(const std::string& path);
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  // Sends one request and reads one reply (pushed messages are skipped). An error reply of its own,
  // "-connection closed", where there is none.
  Value Run(const Words& words);
  // The same from and to redis-cli's form.
  std::string Ask(std::string_view line);

  // False if the server has closed the connection.
  bool Send(std::string_view bytes);
  // The next reply. nullopt: the server closed the connection, or sent what is no RESP (the test
  // fails then).
  std::optional<Value> Read();
  // True if a reply has arrived that Read would return without waiting.
  bool HasReply();
  // Waits until the server closes, dropping what it still sends. False: it did not.
  bool WaitClosed();
  // All that the server sends until it closes.
  std::string ReadToEnd();
  // Closes the sending half.
  void FinishSending();
  void Close();
  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }

 private:
  explicit Client(int fd) : fd_(fd) {}
  // One read from the socket; false: nothing more will come.
  bool Receive();
  // Waits for `events`; 0 at the deadline.
  short Poll(short events);

  int fd_ = -1;
  bool ended_ = false;
  std::string received_;
  size_t parsed_ = 0;  // of received_: replies already handed out
};

// --- a server
// -------------------------------------------------------------------------------------

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
