#include "tools/bench/servers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <thread>

#include "tools/bench/iproto.h"
#include "tools/bench/resp.h"

namespace ampt::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr auto kStartPatience = seconds(60);
constexpr auto kStopPatience = seconds(10);
constexpr auto kPoll = milliseconds(5);

// The program of that name on PATH, or "".
std::string OnPath(const std::string& program) {
  const char* path = getenv("PATH");
  std::string_view left = path != nullptr ? path : "";
  while (!left.empty()) {
    const size_t colon = std::min(left.find(':'), left.size());
    const std::string file = fmt::format("{}/{}", left.substr(0, colon), program);
    if (access(file.c_str(), X_OK) == 0) return file;
    left.remove_prefix(std::min(colon + 1, left.size()));
  }
  return "";
}

// The servers there is a name for. `command` begins with {program}.
struct Rival {
  std::string_view name;
  std::string_view program;  // on PATH, but for ours
  std::string_view command;
  Protocol protocol;
  std::string_view start_program;
};
constexpr std::string_view kRedisCommand =
    "{program} --port {port} --bind 127.0.0.1 --dir {dir} --save '' --appendonly no";
constexpr std::string_view kOurs = "ampt-server";
const Rival kRivals[] = {
    {"redis", "redis-server", kRedisCommand, Protocol::kResp, ""},
    {"ampt", kOurs, "'{program}' --port {port} --dir {dir} --save '' --appendonly no",
     Protocol::kResp, ""},
    {"valkey", "valkey-server", kRedisCommand, Protocol::kResp, ""},
    // One thread that works, as the others have; so much memory that nothing is evicted.
    {"memcached", "memcached",
     "{program} -p {port} -l 127.0.0.1 -U 0 -t 1 -m 65536 -c 11000 -u \"$(id -un)\"",
     Protocol::kMemcached, ""},
    {"tarantool", "tarantool", "{program} {dir}/start.lua", Protocol::kIproto, kTarantoolProgram},
};

bool IsInstalled(const Rival& rival) {
  return rival.program == kOurs || !OnPath(std::string(rival.program)).empty();
}

std::string Replace(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size()) {
    text.replace(at, what.size(), with);
  }
  return text;
}

ServerSpec SpecOf(const Rival& rival) {
  const std::string program(rival.program);
  return {std::string(rival.name),
          Replace(std::string(rival.command), "{program}",
                  rival.program == kOurs ? DirectoryOfThisProgram() + "/" + program : program),
          rival.protocol, rival.start_program};
}

// The first line that a server sends, after `request`; "" where nothing comes within a second.
std::string FirstLine(uint16_t port, std::string_view request) {
  const int fd = Connect(port);
  if (fd < 0) return "";
  const timeval patience{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  send(fd, request.data(), request.size(), MSG_NOSIGNAL);
  std::string line;
  for (char c; recv(fd, &c, 1, 0) == 1 && c != '\n';) line.push_back(c);
  close(fd);
  return line;
}

// The beginning of its first line, behind which the version stands, of what has no INFO.
struct Greeting {
  Protocol protocol;
  std::string_view request;
  std::string_view reply;
};
constexpr Greeting kGreetings[] = {
    {Protocol::kMemcached, "version\r\n", "VERSION "},
    {Protocol::kIproto, "", "Tarantool "},
};
// Its version; "" as long as it does not serve.
std::string AskVersion(Protocol protocol, uint16_t port) {
  for (const Greeting& greeting : kGreetings) {
    if (greeting.protocol != protocol) continue;
    const std::string line = FirstLine(port, greeting.request);
    if (!line.starts_with(greeting.reply)) return "";
    const std::string version = line.substr(greeting.reply.size());
    return version.substr(0, version.find_first_of(" \r"));
  }
  return "";
}

// Free now; that it stays free until the server binds it is likely, not certain.
uint16_t FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(fd);
  if (!bound) throw Failure("no free port on 127.0.0.1");
  return ntohs(address.sin_port);
}

std::string NewDirectory() {
  std::string path = std::filesystem::temp_directory_path() / "ampt-bench-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) {
    throw Failure(fmt::format("cannot make a directory like {}: {}", path, std::strerror(errno)));
  }
  return path;
}

void RemoveDirectory(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

// The sum of these fields of a file of /proc; 0 where the process has ended.
uint64_t SumOfKilobytes(const std::string& path, std::initializer_list<std::string_view> fields) {
  uint64_t sum = 0;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    for (const std::string_view field : fields) {
      if (line.starts_with(field)) sum += std::stoull(line.substr(field.size())) * 1024;
    }
  }
  return sum;
}

// The child's half of a start: never returns.
[[noreturn]] void Become(const std::string& command, const std::string& log, int core,
                         pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above took effect
  setpgid(0, 0);                        // a ^C at the terminal is ours; we stop the server
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  PinTo(core);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  const std::string script = "exec " + command;
  execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
  _exit(127);
}

}  // namespace

std::string DirectoryOfThisProgram() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

std::vector<ServerSpec> DefaultServers() {
  std::vector<ServerSpec> servers;
  for (const Rival& rival : kRivals) {
    // Without a baseline there is nothing to compare with: let its start fail, and say why.
    if (&rival == kRivals || IsInstalled(rival)) servers.push_back(SpecOf(rival));
  }
  return servers;
}

std::vector<std::string> AbsentPrograms() {
  std::vector<std::string> programs;
  for (const Rival& rival : kRivals) {
    if (!IsInstalled(rival)) programs.emplace_back(rival.program);
  }
  return programs;
}

ServerSpec ParseServer(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0 && equals + 1 < text.size()) {
    return {text.substr(0, equals), text.substr(equals + 1)};
  }
  std::string names;
  for (const Rival& rival : kRivals) {
    if (text == rival.name) return SpecOf(rival);
    names += fmt::format("{}{}", names.empty() ? "" : ", ", rival.name);
  }
  throw Failure(fmt::format("--server {}: give name=command, or one of {}", text, names));
}

Cores ChooseCores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  Cores cores;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return cores;
  if (CPU_COUNT(&allowed) < 2) return cores;
  for (int core = 0; cores.generator < 0; core++) {
    if (CPU_ISSET(core, &allowed)) (cores.server < 0 ? cores.server : cores.generator) = core;
  }
  return cores;
}

void PinTo(int core) {
  if (core < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

Server::Server(const ServerSpec& spec, int core)
    : spec_(spec), core_(core), version_(spec.name), directory_(NewDirectory()), port_(FreePort()) {
  command_ = InDirectory(spec.command);
  if (!spec.program.empty()) std::ofstream(directory_ + "/start.lua") << InDirectory(spec.program);
  try {
    Launch();
    Identify();
  } catch (const Failure&) {
    Stop();
    RemoveDirectory(directory_);
    throw;
  }
}

Server::~Server() {
  Stop();
  RemoveDirectory(directory_);
}

std::string Server::InDirectory(std::string_view text) const {
  return Replace(Replace(std::string(text), "{port}", std::to_string(port_)), "{dir}", directory_);
}

void Server::Launch() {
  const std::string log = directory_ + "/server.log";
  const pid_t parent = getpid();
  reaped_ = false;
  pid_ = fork();
  if (pid_ == 0) Become(command_, log, core_, parent);
  try {
    if (pid_ < 0) throw Failure(fmt::format("cannot fork: {}", std::strerror(errno)));
    AwaitReady();
  } catch (const Failure& failure) {
    throw Failure(
        fmt::format("{}: {}\ncommand: {}\n{}", spec_.name, failure.what(), command_, Autopsy()));
  }
}

double Server::Restart() {
  Stop();
  const auto begin = steady_clock::now();
  Launch();
  return std::chrono::duration<double>(steady_clock::now() - begin).count();
}

void Server::AwaitReady() {
  const auto deadline = steady_clock::now() + kStartPatience;
  while (steady_clock::now() < deadline) {
    if (Ended()) throw Failure("the server did not start");
    if (IsReady()) return;
    std::this_thread::sleep_for(kPoll);
  }
  throw Failure("the server does not answer");
}

bool Server::IsReady() {
  const int fd = Connect(port_);
  if (fd < 0) return false;
  close(fd);
  if (spec_.protocol != Protocol::kResp) return !AskVersion(spec_.protocol, port_).empty();
  return !Client(port_).Ask({"PING"}).error();  // else: it is still loading
}

void Server::Identify() {
  if (spec_.protocol != Protocol::kResp) {
    version_ = fmt::format("{} {}", spec_.name, AskVersion(spec_.protocol, port_));
    return;
  }
  Client client(port_);
  speaks_ampt_ = !client.Ask({"AMPT.COUNT", "*"}).error();
  const std::string info = client.Ask({"INFO", "server"}).text;
  for (const std::string_view product : {"ampt", "valkey", "redis"}) {
    const std::string field = fmt::format("\n{}_version:", product);
    const size_t at = info.find(field);
    if (at == std::string::npos) continue;
    const size_t begin = at + field.size();
    version_ = fmt::format("{} {}", product,
                           info.substr(begin, info.find_first_of("\r\n", begin) - begin));
    return;
  }
}

bool Server::Ended() {
  if (!reaped_) reaped_ = waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  return reaped_;
}

void Server::Stop() {
  if (pid_ > 0 && !Ended()) {
    kill(pid_, SIGTERM);
    const auto deadline = steady_clock::now() + kStopPatience;
    while (!Ended()) {
      if (steady_clock::now() > deadline) kill(pid_, SIGKILL);
      std::this_thread::sleep_for(kPoll);
    }
  }
}

int64_t Server::CpuNs() const {
  clockid_t clock;
  timespec used;
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    throw Failure("cannot read the server's CPU time: it has ended");
  }
  return used.tv_sec * int64_t{1'000'000'000} + used.tv_nsec;
}

uint64_t Server::RssBytes() const {
  const uint64_t bytes = SumOfKilobytes(fmt::format("/proc/{}/status", pid_), {"VmRSS:"});
  if (bytes == 0) throw Failure("cannot read the server's memory: it has ended");
  return bytes;
}

uint64_t Server::SettledRssBytes() const {
  constexpr std::chrono::milliseconds kBetweenLooks{250};
  constexpr int kQuietLooks = 8;
  uint64_t least_bytes = RssBytes();
  for (int quiet = 0; quiet < kQuietLooks; ++quiet) {
    std::this_thread::sleep_for(kBetweenLooks);
    const uint64_t bytes = RssBytes();
    if (bytes >= least_bytes) continue;
    least_bytes = bytes;
    quiet = 0;
  }
  return least_bytes;
}

uint64_t Server::RssWithChildrenBytes() const {
  uint64_t bytes = RssBytes();
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pid_));
  for (pid_t child = 0; children >> child;) {
    bytes += SumOfKilobytes(fmt::format("/proc/{}/smaps_rollup", child),
                            {"Private_Clean:", "Private_Dirty:"});
  }
  return bytes;
}

std::string Server::Autopsy() {
  std::string story;
  if (Ended() && WIFSIGNALED(wait_status_)) {
    story = fmt::format("it was ended by signal {}\n", WTERMSIG(wait_status_));
  } else if (Ended()) {
    story = fmt::format("it ended with status {}\n", WEXITSTATUS(wait_status_));
  }
  std::ifstream log(directory_ + "/server.log");
  std::string text{std::istreambuf_iterator<char>(log), std::istreambuf_iterator<char>()};
  constexpr size_t kTailBytes = 2000;
  if (text.size() > kTailBytes) text.erase(0, text.size() - kTailBytes);
  return story + (text.empty() ? "it wrote nothing" : "its last output:\n" + text);
}

}  // namespace ampt::bench
