#include "tests/server/harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace ampt::test {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool WaitFor(const std::function<bool()>& condition) {
  const auto deadline = SteadyClock::now() + kDeadline;
  while (!condition()) {
    if (SteadyClock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// --- words and replies
// ----------------------------------------------------------------------------

std::optional<Words> SplitWords(std::string_view line) {
  Words words;
  size_t at = 0;
  const auto is_space = [&] { return std::isspace(static_cast<unsigned char>(line[at])) != 0; };
  while (true) {
    while (at < line.size() && is_space()) ++at;
    if (at == line.size()) return words;
    std::string& word = words.emplace_back();
    while (at < line.size() && !is_space()) {
      const char quote = line[at];
      if (quote != '"' && quote != '\'') {
        word.push_back(line[at++]);
        continue;
      }
      for (++at; at < line.size() && line[at] != quote; ++at) {
        if (line[at] != '\\' || at + 1 == line.size()) {
          word.push_back(line[at]);
        } else if (quote == '\'') {
          if (line[at + 1] == '\'') ++at;
          word.push_back(line[at]);
        } else if (const char c = line[++at]; c == 'x' && at + 2 < line.size() &&
                                              HexDigit(line[at + 1]) >= 0 &&
                                              HexDigit(line[at + 2]) >= 0) {
          word.push_back(static_cast<char>(HexDigit(line[at + 1]) * 16 + HexDigit(line[at + 2])));
          at += 2;
        } else {
          constexpr std::string_view kNames = "nrtba";
          constexpr std::string_view kCharacters = "\n\r\t\b\a";
          const size_t special = kNames.find(c);
          word.push_back(special == std::string_view::npos ? c : kCharacters[special]);
        }
      }
      if (at == line.size()) return std::nullopt;
      ++at;
      if (at < line.size() && !is_space()) return std::nullopt;
    }
  }
}

std::string ExpandRepeats(std::string_view text) {
  std::string expanded;
  while (true) {
    const size_t open = text.find("%{");
    const size_t close = open == std::string_view::npos ? open : text.find('}', open + 3);
    const size_t star = close == std::string_view::npos ? close : text.rfind('*', close);
    size_t count = 0;
    const auto is_count = [&] {
      const char* const end = text.data() + close;
      return star > open + 2 && std::from_chars(text.data() + star + 1, end, count).ptr == end;
    };
    if (star == std::string_view::npos || !is_count()) return expanded.append(text);
    expanded.append(text.substr(0, open));
    const std::string_view unit = text.substr(open + 2, star - open - 2);
    for (size_t i = 0; i < count; ++i) expanded.append(unit);
    text.remove_prefix(close + 1);
  }
}

std::string Encode(const Words& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes.append("$").append(std::to_string(word.size())).append("\r\n");
    bytes.append(word).append("\r\n");
  }
  return bytes;
}

int64_t Value::integer() const {
  return type == ':' ? std::atoll(text.c_str()) : 0;
}

namespace {

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"':
        quoted.append(1, '\\').append(1, c);
        break;
      case '\n':
        quoted.append("\\n");
        break;
      case '\r':
        quoted.append("\\r");
        break;
      case '\t':
        quoted.append("\\t");
        break;
      case '\a':
        quoted.append("\\a");
        break;
      case '\b':
        quoted.append("\\b");
        break;
      default:
        if (c >= 0x20 && c < 0x7F) {
          quoted.push_back(c);
        } else {
          char code[8];
          std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(c));
          quoted.append(code);
        }
    }
  }
  return quoted.append("\"");
}

std::string_view EmptyName(char type) {
  switch (type) {
    case '%':
      return "(empty hash)";
    case '~':
      return "(empty set)";
    case '>':
      return "(empty push)";
    default:
      return "(empty array)";
  }
}

void RenderTo(const Value& value, const std::string& indent, std::string* out) {
  switch (value.type) {
    case '_':
      out->append("(nil)");
      return;
    case '+':
    case '=':
      out->append(value.text);
      return;
    case '-':
      out->append("(error) ").append(value.text);
      return;
    case ':':
      out->append("(integer) ").append(value.text);
      return;
    case ',':
      out->append("(double) ").append(value.text);
      return;
    case '(':
      out->append("(big number) ").append(value.text);
      return;
    case '#':
      out->append(value.text == "t" ? "(true)" : "(false)");
      return;
    case '$':
      out->append(Quoted(value.text));
      return;
    default:
      break;
  }
  if (value.elements.empty()) {
    out->append(EmptyName(value.type));
    return;
  }
  const size_t step = value.type == '%' ? 2 : 1;
  const size_t width = std::to_string(value.elements.size() / step).size();
  const char mark = value.type == '%' ? '#' : value.type == '~' ? '~' : ')';
  const std::string deeper = indent + std::string(width + 2, ' ');
  for (size_t i = 0; i < value.elements.size(); i += step) {
    const std::string number = std::to_string(i / step + 1);
    if (i > 0) out->append("\n").append(indent);
    out->append(width - number.size(), ' ').append(number).append(1, mark).append(" ");
    RenderTo(value.elements[i], deeper, out);
    if (step == 1) continue;
    out->append(" => ");
    if (value.elements[i + 1].elements.size() > 1) out->append("\n").append(deeper);
    RenderTo(value.elements[i + 1], deeper, out);
  }
}

// Takes replies off a buffer.
class ReplyParser {
 public:
  ReplyParser(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}

  enum class Outcome { kDone, kIncomplete, kBroken };
  Outcome Take(Value* value) {
    std::string_view line;
    if (!TakeLine(&line)) return Outcome::kIncomplete;
    if (line.empty()) return Outcome::kBroken;
    const char type = line.front();
    line.remove_prefix(1);
    value->type = type;
    switch (type) {
      case '+':
      case '-':
      case ':':
      case ',':
      case '#':
      case '(':
      case '_':
        value->text = line;
        return Outcome::kDone;
      case '$':
      case '=':
        return TakeText(line, value);
      case '*':
      case '%':
      case '~':
      case '>':
        return TakeElements(line, value);
      default:
        return Outcome::kBroken;
    }
  }
  size_t at() const { return at_; }

 private:
  bool TakeLine(std::string_view* line) {
    const size_t end = bytes_.find("\r\n", at_);
    if (end == std::string_view::npos) return false;
    *line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return true;
  }

  Outcome TakeText(std::string_view head, Value* value) {
    int64_t size = 0;
    if (!TakeNumber(head, &size)) return Outcome::kBroken;
    if (size == -1) {
      value->type = '_';
      return Outcome::kDone;
    }
    if (bytes_.size() - at_ < static_cast<size_t>(size) + 2) return Outcome::kIncomplete;
    value->text = bytes_.substr(at_, static_cast<size_t>(size));
    if (bytes_.substr(at_ + value->text.size(), 2) != "\r\n") return Outcome::kBroken;
    at_ += value->text.size() + 2;
    // The first four bytes of a verbatim string say what kind of text it is.
    if (value->type == '=') value->text.erase(0, 4);
    return Outcome::kDone;
  }

  Outcome TakeElements(std::string_view head, Value* value) {
    int64_t count = 0;
    if (!TakeNumber(head, &count)) return Outcome::kBroken;
    if (count == -1) {
      value->type = '_';
      return Outcome::kDone;
    }
    if (value->type == '%') count *= 2;
    for (int64_t i = 0; i < count; ++i) {
      const Outcome outcome = Take(&value->elements.emplace_back());
      if (outcome != Outcome::kDone) return outcome;
    }
    return Outcome::kDone;
  }

  static bool TakeNumber(std::string_view text, int64_t* number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    return error == std::errc() && end == text.data() + text.size() && *number >= -1;
  }

  std::string_view bytes_;
  size_t at_;
};

}  // namespace

std::string Render(const Value& value) {
  std::string text;
  RenderTo(value, "", &text);
  return text;
}

// --- a connection
// ---------------------------------------------------------------------------------

Client Client::Tcp(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ADD_FAILURE() << "cannot connect to port " << port << ": " << std::strerror(errno);
    close(fd);
    return Client(-1);
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return Client(fd);
}

Client Client::Unix(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ADD_FAILURE() << "cannot connect to " << path << ": " << std::strerror(errno);
    close(fd);
    return Client(-1);
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return Client(fd);
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ended_(other.ended_),
      received_(std::move(other.received_)),
      parsed_(other.parsed_) {}

Client& Client::operator=(Client&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(ended_, other.ended_);
  std::swap(received_, other.received_);
  std::swap(parsed_, other.parsed_);
  return *this;
}

Client::~Client() {
  Close();
}

void Client::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void Client::FinishSending() {
  shutdown(fd_, SHUT_WR);
}

short Client::Poll(short events) {
  pollfd poll_fd{.fd = fd_, .events = events, .revents = 0};
  const auto timeout_ms = std::chrono::duration_cast<std::chrono::milliseconds>(kDeadline).count();
  if (poll(&poll_fd, 1, static_cast<int>(timeout_ms)) <= 0) {
    ADD_FAILURE() << "the server did not go on within " << kDeadline.count() << " s";
    return 0;
  }
  return poll_fd.revents;
}

bool Client::Receive() {
  if (fd_ < 0 || ended_) return false;
  char buffer[65536];
  const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
  if (size > 0) {
    // Dropping what was handed out only now and then keeps a long pipeline linear.
    if (parsed_ > received_.size() / 2) {
      received_.erase(0, parsed_);
      parsed_ = 0;
    }
    received_.append(buffer, static_cast<size_t>(size));
    return true;
  }
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  ended_ = true;
  return false;
}

bool Client::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    if (fd_ < 0 || ended_) return false;
    const ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size > 0) {
      bytes.remove_prefix(static_cast<size_t>(size));
      continue;
    }
    if (size < 0 && errno != EAGAIN && errno != EINTR) {
      Receive();
      return false;
    }
    const short events = Poll(POLLIN | POLLOUT);
    if (events == 0) return false;
    if ((events & POLLOUT) == 0 || (events & POLLIN) != 0) Receive();
  }
  return true;
}

std::optional<Value> Client::Read() {
  while (true) {
    Value value;
    ReplyParser parser(received_, parsed_);
    const ReplyParser::Outcome outcome = parser.Take(&value);
    if (outcome == ReplyParser::Outcome::kDone) {
      parsed_ = parser.at();
      return value;
    }
    if (outcome == ReplyParser::Outcome::kBroken) {
      ADD_FAILURE() << "not RESP: " << Quoted(received_.substr(parsed_, 200));
      return std::nullopt;
    }
    if (fd_ < 0 || ended_ || Poll(POLLIN) == 0 || !Receive()) return std::nullopt;
  }
}

bool Client::HasReply() {
  pollfd poll_fd{.fd = fd_, .events = POLLIN, .revents = 0};
  while (!ended_ && poll(&poll_fd, 1, 0) > 0 && Receive()) {
  }
  Value value;
  return ReplyParser(received_, parsed_).Take(&value) == ReplyParser::Outcome::kDone;
}

bool Client::WaitClosed() {
  while (!ended_) {
    if (fd_ < 0 || Poll(POLLIN) == 0) return false;
    Receive();
    received_.clear();
    parsed_ = 0;
  }
  return true;
}

std::string Client::ReadToEnd() {
  while (!ended_ && fd_ >= 0 && Poll(POLLIN) != 0) Receive();
  return received_.substr(parsed_);
}

Value Client::Run(const Words& words) {
  if (Send(Encode(words))) {
    while (std::optional<Value> reply = Read()) {
      if (reply->type != '>') return *std::move(reply);
    }
  }
  return {.type = '-', .text = "connection closed", .elements = {}};
}

std::string Client::Ask(std::string_view line) {
  const std::optional<Words> words = SplitWords(ExpandRepeats(line));
  if (!words || words->empty()) {
    ADD_FAILURE() << "not a command: " << line;
    return {};
  }
  return Render(Run(*words));
}

// --- a server
// -------------------------------------------------------------------------------------

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
