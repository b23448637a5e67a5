#include "tests/server/harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace ampt::test {
namespace {

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

std::string ServerProgram() {
  const char* program = std::getenv("AMPT_SERVER");
  return std::filesystem::absolute(program != nullptr ? program : "build/ampt-server");
}

uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ADD_FAILURE() << "no free port: " << std::strerror(errno);
  }
  close(fd);
  return ntohs(address.sin_port);
}

TemporaryDirectory::TemporaryDirectory() {
  path_ = std::filesystem::temp_directory_path() / "ampt-test-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) {
    ADD_FAILURE() << "cannot make a temporary directory: " << std::strerror(errno);
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
}

namespace {

// Starts the server program in `directory`, both streams appended to `log`.
pid_t Spawn(const Words& arguments, const std::string& directory, const std::string& log) {
  const std::string program = ServerProgram();
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  // From here on only what may follow a fork.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  // For root, too, modes of files mean something then. Others have nothing to drop.
  prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE);
  prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH);
  const int fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  const int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  if (chdir(directory.c_str()) != 0) _exit(127);
  execv(program.c_str(), argv.data());
  dprintf(STDERR_FILENO, "cannot run %s: %s\n", program.c_str(), std::strerror(errno));
  _exit(127);
}

std::string ConfigLine(const std::string& name, const std::string& value) {
  const bool plain = !value.empty() && value.find_first_of("\" \\#'") == std::string::npos;
  return name + " " + (plain ? value : Quoted(value)) + "\n";
}

}  // namespace

Outcome RunServerToEnd(const Words& arguments, const std::string& directory) {
  const std::string log = directory + "/output";
  std::filesystem::remove(log);
  const pid_t pid = Spawn(arguments, directory, log);
  int status = 0;
  const bool ended = WaitFor([&] { return waitpid(pid, &status, WNOHANG) == pid; });
  if (!ended) {
    ADD_FAILURE() << "the server did not end";
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadFile(log)};
}

ServerProcess::ServerProcess(const Settings& settings) {
  Restart(settings);
}

void ServerProcess::Restart(const Settings& settings, Until until) {
  // Another process may take the port between its choice and its use.
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (Start(settings, until)) return;
  }
  ADD_FAILURE() << ServerProgram() << " does not start:\n" << Log();
}

ServerProcess::~ServerProcess() {
  if (running()) Stop();
}

bool ServerProcess::Start(const Settings& settings, Until until) {
  port_ = FreePort();
  const std::string config = directory() + "/test.conf";
  {
    std::ofstream file(config);
    file << "port " << port_ << "\nbind 127.0.0.1\nenable-debug-command yes\n";
    for (const auto& [name, value] : settings) file << ConfigLine(name, value);
  }
  pid_ = Spawn({config}, directory(), directory() + "/log");
  const bool answered = WaitFor([this, until] {
    if (Reap()) return true;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool listens = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(fd);
    if (!listens) return false;
    if (until == Until::kListens) return true;
    // Any answer will do (NOAUTH too) but that it still loads.
    Client client = Connect();
    return !client.Run({"PING"}).text.starts_with("LOADING");
  });
  if (!answered) Kill();
  return answered && running();
}

bool ServerProcess::Reap() {
  if (pid_ > 0 && waitpid(pid_, &wait_status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ < 0;
}

bool ServerProcess::running() {
  return !Reap();
}

std::string ServerProcess::Log() const {
  return ReadFile(directory() + "/log");
}

int64_t ServerProcess::RssBytes() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/statm");
  int64_t size_pages = 0;
  int64_t resident_pages = 0;
  file >> size_pages >> resident_pages;
  return resident_pages * sysconf(_SC_PAGESIZE);
}

void ServerProcess::Signal(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

void ServerProcess::Stop() {
  Signal(SIGTERM);
  ExpectExit();
}

void ServerProcess::ExpectExit(int status) {
  if (!WaitFor([this] { return Reap(); })) {
    ADD_FAILURE() << "the server does not end:\n" << Log();
    Kill();
    return;
  }
  EXPECT_TRUE(WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == status)
      << (WIFEXITED(wait_status_) ? "exit status " + std::to_string(WEXITSTATUS(wait_status_))
                                  : "ended by signal " + std::to_string(WTERMSIG(wait_status_)))
      << "\n"
      << Log();
}

void ServerProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, &wait_status_, 0);
  pid_ = -1;
}

void ServerTest::StartServer(const Settings& settings) {
  server_.reset();
  server_ = std::make_unique<ServerProcess>(settings);
}

ServerProcess& ServerTest::server() {
  if (!server_) StartServer();
  return *server_;
}

void ServerTest::TearDown() {
  if (!server_) return;
  if (server_->running()) server_->Stop();
  if (HasFailure()) std::fprintf(stderr, "--- the server's log\n%s---\n", server_->Log().c_str());
  server_.reset();
}

void ServerTest::ExpectAlive() {
  EXPECT_EQ(Connect().Ask("PING"), "PONG");
}

std::string ServerTest::InfoText(std::string_view name) {
  Client client = Connect();
  const std::string info = client.Run({"INFO", "everything"}).text;
  const std::string line = "\n" + std::string(name) + ":";
  const size_t at = info.find(line);
  if (at == std::string::npos) {
    ADD_FAILURE() << "INFO has no " << name << ":\n" << info;
    return {};
  }
  const size_t begin = at + line.size();
  return info.substr(begin, info.find('\r', begin) - begin);
}

int64_t ServerTest::InfoNumber(std::string_view name) {
  const std::string text = InfoText(name);
  return text.empty() ? -1 : std::atoll(text.c_str());
}

}  // namespace ampt::test
