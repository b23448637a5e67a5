// Users over real sockets: what happens to their connections, and where users come from.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

std::string TextOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class AclServerTest : public ServerTest {
 protected:
  // A server with these lines in a file of its own that the configuration includes.
  void StartWith(const std::string& lines, Settings settings = {}) {
    const std::string path = folder_.path() + "/more.conf";
    std::ofstream(path) << lines;
    settings.emplace_back("include", path);
    StartServer(settings);
  }
  Client ConnectAs(const std::string& user, const std::string& password) {
    Client client = Connect();
    EXPECT_EQ(client.Ask("AUTH " + user + " " + password), "OK");
    return client;
  }

  TemporaryDirectory folder_;
};

constexpr std::string_view kNoDatabase =
    "(error) NOPERM this user has no permissions to use another database";

TEST_F(AclServerTest, EveryEnvironmentHasItsOwnCredentials) {
  StartWith(
      "user default on >root ~* &* +@all\n"
      "user staging on >secret db=3 ~* &* +@all -@dangerous\n"
      "user live on >geheim db=4 ~* &* +@all -@dangerous\n");
  EXPECT_EQ(Connect().Ask("GET a"), "(error) NOAUTH Authentication required.");
  Client staging = ConnectAs("staging", "secret");
  Client live = Connect();
  EXPECT_FALSE(live.Run({"HELLO", "3", "AUTH", "live", "geheim"}).is_error());
  EXPECT_EQ(staging.Ask("SET a staging"), "OK");
  EXPECT_EQ(live.Ask("SET a live"), "OK");
  EXPECT_EQ(staging.Ask("GET a"), "\"staging\"");
  EXPECT_EQ(staging.Ask("SELECT 4"), kNoDatabase);
  EXPECT_EQ(staging.Ask("SELECT 3"), "OK");
  EXPECT_EQ(staging.Ask("MOVE a 4"), kNoDatabase);
  EXPECT_EQ(staging.Ask("COPY a b DB 4"), kNoDatabase);
  EXPECT_EQ(
      staging.Ask("EVAL \"redis.call('select', 4) return redis.call('get', 'a')\" 0").substr(0, 58),
      "(error) ERR The user executing the script can't use anothe");
  staging.Ask("MULTI");
  EXPECT_EQ(staging.Ask("SELECT 4"), kNoDatabase);
  EXPECT_EQ(staging.Ask("EXEC"),
            "(error) EXECABORT Transaction discarded because of previous errors.");
  EXPECT_EQ(staging.Ask("ACL WHOAMI"), "\"staging\"");
  EXPECT_EQ(staging.Ask("AUTH live wrong"),
            "(error) WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(staging.Ask("GET a"), "\"staging\"");
  EXPECT_EQ(staging.Ask("AUTH live geheim"), "OK");
  EXPECT_EQ(staging.Ask("GET a"), "\"live\"");
  EXPECT_EQ(staging.Ask("RESET"), "RESET");
  EXPECT_EQ(staging.Ask("GET a"), "(error) NOAUTH Authentication required.");
  Client root = ConnectAs("default", "root");
  EXPECT_EQ(root.Ask("GET a"), "(nil)");
  EXPECT_EQ(root.Ask("SELECT 4"), "OK");
  EXPECT_EQ(root.Ask("GET a"), "\"live\"");
}

TEST_F(AclServerTest, WhoIsDeletedIsClosed) {
  Client admin = Connect();
  admin.Ask("ACL SETUSER bob on >pw ~* &* +@all");
  Client bob = ConnectAs("bob", "pw");
  Client other = ConnectAs("bob", "pw");
  EXPECT_NE(admin.Ask("CLIENT LIST").find("user=bob"), std::string::npos);
  // Whoever deletes himself hears so.
  EXPECT_EQ(bob.Ask("ACL DELUSER bob nobody-knows"), "(integer) 1");
  EXPECT_TRUE(bob.WaitClosed());
  EXPECT_TRUE(other.WaitClosed());
  EXPECT_EQ(admin.Ask("PING"), "PONG");
  EXPECT_EQ(admin.Ask("CLIENT LIST").find("user=bob"), std::string::npos);
}

TEST_F(AclServerTest, WhoDeletesHimselfInATransactionMayDoNothingMore) {
  Client admin = Connect();
  admin.Ask("ACL SETUSER bob on >pw ~* &* +@all");
  Client bob = ConnectAs("bob", "pw");
  for (const char* line : {"MULTI", "SET a 1", "ACL DELUSER bob", "SET b 1"}) bob.Ask(line);
  const std::string reply = bob.Ask("EXEC");
  EXPECT_EQ(reply.substr(0, 60), "1) OK\n2) (integer) 1\n3) (error) NOPERM ACLs rules changed be");
  EXPECT_TRUE(bob.WaitClosed());
  EXPECT_EQ(admin.Ask("EXISTS a b"), "(integer) 1");
}

TEST_F(AclServerTest, DisabledUsersAndTheirConnections) {
  Client admin = Connect();
  admin.Ask("ACL SETUSER bob on >pw ~* +@all");
  Client bob = ConnectAs("bob", "pw");
  admin.Ask("ACL SETUSER bob off");
  EXPECT_EQ(bob.Ask("PING"), "PONG");
  EXPECT_EQ(Connect().Ask("AUTH bob pw"),
            "(error) WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(admin.Ask("CLIENT KILL USER bob"), "(integer) 1");
  EXPECT_TRUE(bob.WaitClosed());
  EXPECT_EQ(admin.Ask("CLIENT KILL USER eve"), "(error) ERR No such user 'eve'");
}

TEST_F(AclServerTest, RightsThatAreTakenAreGoneAtOnce) {
  Client admin = Connect();
  admin.Ask("ACL SETUSER bob on >pw ~* &* +@all");
  Client bob = ConnectAs("bob", "pw");
  Client listener = ConnectAs("bob", "pw");
  listener.Ask("SUBSCRIBE news");
  bob.Ask("MULTI");
  bob.Ask("SET a 1");
  admin.Ask("ACL SETUSER bob -set resetchannels &news");
  EXPECT_EQ(bob.Ask("EXEC"),
            "1) (error) NOPERM ACLs rules changed between the moment the transaction was "
            "accumulated and the EXEC call. This command is no longer allowed for the following "
            "reason: no permission to execute the command or subcommand");
  EXPECT_EQ(bob.Ask("SET a 1"),
            "(error) NOPERM this user has no permissions to run the 'set' command");
  EXPECT_EQ(bob.Ask("EVAL \"return redis.call('set', 'a', 1)\" 0").substr(0, 53),
            "(error) ERR The user executing the script can't run t");
  EXPECT_EQ(admin.Ask("PUBLISH news 1"), "(integer) 1");
  admin.Ask("ACL SETUSER bob resetchannels");
  EXPECT_TRUE(listener.WaitClosed());
  // Whoever is elsewhere as he is bound to a database is closed.
  bob.Ask("SELECT 2");
  admin.Ask("ACL SETUSER bob db=1");
  EXPECT_TRUE(bob.WaitClosed());
  EXPECT_EQ(admin.Ask("EXISTS a"), "(integer) 0");
}

TEST_F(AclServerTest, TheFileOfUsers) {
  const std::string file = folder_.path() + "/users.acl";
  std::ofstream(file) << "user default on nopass ~* &* +@all\nuser bob on >pw db=1 ~* +@all\n";
  StartServer({{"aclfile", file}});
  Client bob = ConnectAs("bob", "pw");
  Client admin = Connect();
  EXPECT_EQ(bob.Ask("SELECT 0"), kNoDatabase);
  EXPECT_EQ(admin.Ask("ACL SETUSER eve on >hidden +get ~eve:*"), "OK");
  EXPECT_EQ(admin.Ask("ACL SAVE"), "OK");
  EXPECT_EQ(TextOf(file).find("hidden"), std::string::npos);
  std::ofstream(file, std::ios::app) << "user eve on\n";
  EXPECT_NE(admin.Ask("ACL LOAD").find(":4: Duplicate user 'eve' found."), std::string::npos);
  EXPECT_EQ(bob.Ask("PING"), "PONG");
  std::ofstream(file) << "user eve on >new +get ~eve:*\n";
  EXPECT_EQ(admin.Ask("ACL LOAD"), "OK");
  EXPECT_TRUE(bob.WaitClosed());
  EXPECT_EQ(admin.Ask("ACL USERS"), "1) \"default\"\n2) \"eve\"");
  EXPECT_EQ(ConnectAs("eve", "new").Ask("GET eve:1"), "(nil)");

  // A server does not start with other users than it was told to have.
  std::ofstream(file) << "user eve on >hidden-word another-hidden\n";
  const Outcome outcome = RunServerToEnd(
      {"--port", "0", "--unixsocket", folder_.path() + "/s", "--aclfile", file}, folder_.path());
  EXPECT_EQ(outcome.exit_status, 1);
  EXPECT_NE(outcome.output.find("users.acl:1: Error in applying operation number 3: Syntax error"),
            std::string::npos)
      << outcome.output;
  EXPECT_EQ(outcome.output.find("hidden"), std::string::npos);
  EXPECT_EQ(RunServerToEnd({"--aclfile", file, "--check-config"}, folder_.path()).exit_status, 1);
}

TEST_F(AclServerTest, UsersAreWrittenIntoTheConfiguration) {
  StartWith("user bob on >hidden ~a* +get\n");
  Client admin = Connect();
  EXPECT_EQ(admin.Ask("ACL LOAD").substr(0, 30), "(error) ERR This Redis instanc");
  EXPECT_EQ(admin.Ask("ACL SETUSER bob db=2 (+set ~b*)"), "OK");
  EXPECT_EQ(admin.Ask("ACL SETUSER eve on nopass"), "OK");
  EXPECT_EQ(admin.Ask("CONFIG REWRITE"), "OK");
  const std::string config = server().directory() + "/test.conf";
  const std::string text = TextOf(config);
  EXPECT_NE(text.find(" db=2 ~a* resetchannels -@all +get (~b* resetchannels -@all +set)\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nuser eve on nopass resetchannels -@all\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("user default"), std::string::npos) << text;
  EXPECT_EQ(text.find("hidden"), std::string::npos) << text;
  const Outcome outcome = RunServerToEnd({config, "--check-config"}, folder_.path());
  EXPECT_EQ(outcome.exit_status, 0) << outcome.output;
}

TEST_F(AclServerTest, CommandsCanBeRenamedAndTakenAway) {
  StartWith("rename-command FLUSHALL \"\"\nrename-command CONFIG admin-config\n");
  Client client = Connect();
  EXPECT_EQ(client.Ask("FLUSHALL").substr(0, 43), "(error) ERR unknown command 'FLUSHALL', wit");
  EXPECT_EQ(client.Ask("CONFIG GET port").substr(0, 41),
            "(error) ERR unknown command 'CONFIG', wit");
  EXPECT_NE(client.Ask("ADMIN-CONFIG GET port").find("port"), std::string::npos);
  EXPECT_EQ(client.Ask("EVAL \"return redis.call('flushall')\" 0").substr(0, 18),
            "(error) ERR Unknow");
  EXPECT_EQ(client.Ask("ACL SETUSER bob on >pw ~* +@all -config"), "OK");
  EXPECT_EQ(ConnectAs("bob", "pw").Ask("ADMIN-CONFIG GET port"),
            "(error) NOPERM this user has no permissions to run the 'config|get' command");
}

// The addresses of this machine that have no zone.
std::vector<std::string> OwnAddresses() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN];
    const auto* const address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
    found.emplace_back(inet_ntop(AF_INET, &address->sin_addr, text, sizeof text));
  }
  freeifaddrs(list);
  return found;
}

// All that the server says to a client that connects to this address and says PING.
std::string AnswerAt(const std::string& address, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  std::string answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    send(fd, "PING\r\nQUIT\r\n", 12, MSG_NOSIGNAL);
    char buffer[4096];
    ssize_t got;
    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
      answer.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
  return answer;
}

TEST_F(AclServerTest, ProtectedModeLetsOnlyThisMachineIn) {
  StartServer({{"bind", "0.0.0.0"}});
  Client admin = Connect();
  EXPECT_EQ(admin.Ask("CONFIG GET protected-mode"), "1) \"protected-mode\"\n2) \"yes\"");
  const auto check = [&](bool is_open) {
    const std::vector<std::string> addresses = OwnAddresses();
    ASSERT_FALSE(addresses.empty());
    for (const std::string& address : addresses) {
      const std::string answer = AnswerAt(address, server().port());
      if (is_open || address.starts_with("127.")) {
        EXPECT_TRUE(answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")) << address;
      } else {
        EXPECT_TRUE(answer.starts_with("-DENIED Redis is running in protected mode because "))
            << address << ": " << answer;
      }
    }
  };
  check(false);
  admin.Ask("CONFIG SET protected-mode no");
  check(true);
  admin.Ask("CONFIG SET protected-mode yes");
  check(false);
  // A password will do, too.
  admin.Ask("CONFIG SET requirepass secret");
  check(true);
}

TEST_F(AclServerTest, NoPasswordIsLogged) {
  StartServer({{"loglevel", "debug"}, {"slowlog-log-slower-than", "0"}});
  Client client = Connect();
  Client monitor = Connect();
  monitor.Ask("MONITOR");
  client.Ask("ACL SETUSER bob on >hidden-1 ~* +@all");
  client.Ask("AUTH bob hidden-1");
  client.Ask("AUTH bob hidden-2");
  client.Ask("HELLO 2 AUTH bob hidden-1");
  client.Ask("CONFIG SET requirepass hidden-3");
  client.Ask("CONFIG SET tls-key-file-pass hidden-4");
  for (const char* line :
       {"ACL LOG", "ACL LIST", "ACL GETUSER bob", "SLOWLOG GET 100", "INFO", "CLIENT LIST"}) {
    EXPECT_EQ(client.Ask(line).find("hidden"), std::string::npos) << line;
  }
  client.Ask("ECHO the-end");
  for (std::string seen; seen.find("the-end") == std::string::npos;) {
    const std::optional<Value> line = monitor.Read();
    ASSERT_TRUE(line);
    seen = line->text;
    EXPECT_EQ(seen.find("hidden"), std::string::npos) << seen;
  }
  EXPECT_EQ(server().Log().find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace ampt::test
