// The protocol and the life of connections, byte by byte over real sockets.
#include <arpa/inet.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <regex>
#include <thread>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

class ProtocolTest : public ServerTest {
 protected:
  // Expects that `request` is answered with `reply`, byte for byte, and the connection closed.
  void ExpectClosedWith(std::string_view request, std::string_view reply) {
    Client client = Connect();
    client.Send(request);
    EXPECT_EQ(client.ReadToEnd(), reply) << "request: " << request.substr(0, 60);
  }

  // Client::Send() reads meanwhile; this does not. REQUIRES: little enough for the system to take.
  static void SendOnly(const Client& client, const std::string& request) {
    ASSERT_EQ(send(client.fd(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
  }

  void WaitForClients(int64_t clients) {
    EXPECT_TRUE(WaitFor([&] { return InfoNumber("connected_clients") == clients; }))
        << InfoNumber("connected_clients") << " clients";
  }
};

// --- requests
// -------------------------------------------------------------------------------------

const std::string kConversation = Encode({"SET", "k", "a\r\nb"}) + Encode({"GET", "k"}) +
                                  "PING\r\n" + Encode({"AMPT.SET", "j", R"({"a":1})"}) +
                                  Encode({"GET", ""}) + "ECHO \"x y\"\n" + Encode({"PING"});
const std::string kAnswer =
    "+OK\r\n$4\r\na\r\nb\r\n+PONG\r\n$7\r\n{\"a\":1}\r\n$-1\r\n$3\r\nx y\r\n+PONG\r\n";

std::string ReadBytes(Client* client, size_t replies) {
  std::string text;
  for (size_t i = 0; i < replies; ++i) {
    const std::optional<Value> reply = client->Read();
    if (!reply) return text + "connection closed";
    text += Render(*reply) + "\n";
  }
  return text;
}

constexpr size_t kReplies = 7;
const std::string kRendered = "OK\n\"a\\r\\nb\"\nPONG\n\"{\\\"a\\\":1}\"\n(nil)\n\"x y\"\nPONG\n";

TEST_F(ProtocolTest, RequestsMaySplitAnywhere) {
  Client other = Connect();
  for (size_t split = 0; split <= kConversation.size(); ++split) {
    Client client = Connect();
    client.Send(std::string_view(kConversation).substr(0, split));
    // Once this is answered, the server has read the first part too or will read it alone.
    ASSERT_EQ(other.Ask("PING"), "PONG");
    client.Send(std::string_view(kConversation).substr(split));
    ASSERT_EQ(ReadBytes(&client, kReplies), kRendered) << "split at byte " << split;
  }
}

TEST_F(ProtocolTest, RequestsMayComeByteByByte) {
  Client other = Connect();
  Client client = Connect();
  for (const char byte : kConversation) {
    client.Send({&byte, 1});
    ASSERT_EQ(other.Ask("PING"), "PONG");
  }
  EXPECT_EQ(ReadBytes(&client, kReplies), kRendered);
}

// Two short commands in one write once got one reply.
TEST_F(ProtocolTest, ShortCommandsInOneWriteAreAllAnswered) {
  const std::pair<std::string, std::string> kCommands[] = {
      {"PING\r\n", "+PONG\r\n"},
      {Encode({"PING"}), "+PONG\r\n"},
      {Encode({"GET", ""}), "$-1\r\n"},
      {Encode({"SET", "k", ""}), "+OK\r\n"},
      {Encode({"nonsense"}), "-ERR unknown command 'nonsense', with args beginning with: \r\n"},
  };
  for (const auto& [first, first_reply] : kCommands) {
    for (const auto& [second, second_reply] : kCommands) {
      // Around the sizes of a batch's groups too.
      for (const size_t pairs : {1, 2, 15, 16, 17, 100}) {
        std::string requests;
        std::string replies;
        for (size_t i = 0; i < pairs; ++i) {
          requests += first + second;
          replies += first_reply + second_reply;
        }
        // By one connection, and then by two that have sent before the server looks.
        Client client = Connect();
        Client other = Connect();
        client.Send(requests);
        other.Send(requests + Encode({"QUIT"}));
        client.Send(Encode({"QUIT"}));
        ASSERT_EQ(client.ReadToEnd(), replies + "+OK\r\n") << first << second << pairs;
        ASSERT_EQ(other.ReadToEnd(), replies + "+OK\r\n") << first << second << pairs;
      }
    }
  }
}

TEST_F(ProtocolTest, RepliesAreByteForByte) {
  Client client = Connect();
  client.Send(kConversation + Encode({"QUIT"}));
  EXPECT_EQ(client.ReadToEnd(), kAnswer + "+OK\r\n");
}

TEST_F(ProtocolTest, APipelineOfAHundredThousandIsAnsweredInOrder) {
  constexpr int kRequests = 100'000;
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += Encode({"INCR", "n"});
  Client client = Connect();
  ASSERT_TRUE(client.Send(requests));
  for (int i = 1; i <= kRequests; ++i) {
    const std::optional<Value> reply = client.Read();
    ASSERT_TRUE(reply);
    ASSERT_EQ(reply->integer(), i);
  }
}

TEST_F(ProtocolTest, WhatIsWorkedOffInSlicesIsAnsweredInOrderToo) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("DEBUG POPULATE 200000"), "OK");
  client.Send(Encode({"AMPT.COUNT", "*"}) + Encode({"ECHO", "1"}) +
              Encode({"AMPT.REMOVERANGE", "*"}) + Encode({"DBSIZE"}) + Encode({"ECHO", "2"}));
  EXPECT_EQ(ReadBytes(&client, 5),
            "(integer) 200000\n\"1\"\n(integer) 200000\n(integer) 0\n\"2\"\n");
}

TEST_F(ProtocolTest, AClientThatGoesDuringSlicedWorkLeavesItsConnectionOnly) {
  ASSERT_EQ(Connect().Ask("DEBUG POPULATE 200000"), "OK");
  for (int i = 0; i < 20; ++i) Connect().Send(Encode({"AMPT.COUNT", "*"}));
  WaitForClients(1);
  EXPECT_EQ(Connect().Ask("AMPT.COUNT *"), "(integer) 200000");
}

TEST_F(ProtocolTest, InlineCommands) {
  Client client = Connect();
  client.Send("\r\n\n  \r\nSET k \"two \\x41\\n\"\r\nget k\nSET q 'it\\'s'\nGET q\r\nPING   \r\n");
  EXPECT_EQ(ReadBytes(&client, 5), "OK\n\"two A\\n\"\nOK\n\"it's\"\nPONG\n");
  client.Send("*0\r\n*-1\r\nPING\r\n");
  EXPECT_EQ(ReadBytes(&client, 1), "PONG\n");
}

TEST_F(ProtocolTest, RequestsThatBreakTheProtocolAreAnsweredAndTheConnectionClosed) {
  const std::pair<std::string, std::string> kErrors[] = {
      {"*abc\r\n", "invalid multibulk length"},
      {"*1048577\r\n", "invalid multibulk length"},
      {"*99999999999999999999\r\n", "invalid multibulk length"},
      {"*\r\n", "invalid multibulk length"},
      {"*1\r\nPING\r\n", "expected '$', got 'P'"},
      {"*1\r\n:1\r\n", "expected '$', got ':'"},
      {"*1\r\n$abc\r\n", "invalid bulk length"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$536870913\r\n", "invalid bulk length"},
      {"*1\r\n$99999999999999999999\r\n", "invalid bulk length"},
      {"*" + std::string(70'000, '1'), "too big mbulk count string"},
      {"*1\r\n$" + std::string(70'000, '1'), "too big bulk count string"},
      {std::string(70'000, 'x'), "too big inline request"},
      {"SET k \"open\r\n", "unbalanced quotes in request"},
      {"SET k \"a\"b\r\n", "unbalanced quotes in request"},
  };
  for (const auto& [request, text] : kErrors) {
    ExpectClosedWith(request, "-ERR Protocol error: " + text + "\r\n");
    // What was whole before is answered first.
    ExpectClosedWith(Encode({"ECHO", "a"}) + request,
                     "$1\r\na\r\n-ERR Protocol error: " + text + "\r\n");
  }
  ExpectAlive();
}

TEST_F(ProtocolTest, AWebPageCannotTalkToTheServer) {
  ExpectClosedWith("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k 1\r\n", "");
  ExpectClosedWith("Host: x\r\nSET k 1\r\n", "");
  ExpectClosedWith(Encode({"post"}) + Encode({"SET", "k", "1"}), "");
  EXPECT_EQ(Connect().Ask("EXISTS k"), "(integer) 0");
  EXPECT_NE(server().Log().find("SECURITY ATTACK"), std::string::npos) << server().Log();
}

TEST_F(ProtocolTest, BeforeAuthenticationRequestsAreSmall) {
  StartServer({{"requirepass", "secret"}});
  ExpectClosedWith("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n");
  ExpectClosedWith("*2\r\n$4\r\nAUTH\r\n$16385\r\n",
                   "-ERR Protocol error: unauthenticated bulk length\r\n");
  Client client = Connect();
  EXPECT_EQ(client.Ask("AUTH %{x*16384}"),
            "(error) WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_EQ(client.Ask("AUTH secret"), "OK");
  EXPECT_EQ(client.Ask("SET k %{x*100000}"), "OK");
  EXPECT_EQ(client.Ask("DEL a b c d e f g h i j k"), "(integer) 1");
}

TEST_F(ProtocolTest, RequestsOfManyAndOfLongWords) {
  Client client = Connect();
  Words words = {"DEL"};
  for (int i = 0; i < 200'000; ++i) words.push_back("key" + std::to_string(i));
  EXPECT_EQ(Render(client.Run(words)), "(integer) 0");
  const std::string value(10'000'000, 'v');
  EXPECT_EQ(Render(client.Run({"SET", "long", value})), "OK");
  EXPECT_TRUE(client.Run({"GET", "long"}).text == value);
}

TEST_F(ProtocolTest, WhatIsOnlyAnnouncedTakesNoMemory) {
  ASSERT_EQ(Connect().Ask("PING"), "PONG");
  const int64_t before_bytes = server().RssBytes();
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(Connect());
    clients.back().Send("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\nabc");
    clients.push_back(Connect());
    clients.back().Send("*1048576\r\n$3\r\nDEL\r\n");
  }
  WaitForClients(81);
  for (Client& client : clients) EXPECT_FALSE(client.HasReply());
  EXPECT_LT(server().RssBytes() - before_bytes, 100 << 20);
  clients.clear();
  WaitForClients(1);
}

TEST_F(ProtocolTest, ClientsThatVanishInTheMiddleOfARequestLeaveNothing) {
  const std::string request = Encode({"SET", "k", std::string(100'000, 'x')});
  for (size_t size = 1; size < request.size(); size += 997) {
    Client client = Connect();
    client.Send(std::string_view(request).substr(0, size));
    if (size % 2 == 0) {
      // A reset instead of an orderly end.
      const linger now{.l_onoff = 1, .l_linger = 0};
      setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
  }
  WaitForClients(1);
  EXPECT_EQ(Connect().Ask("EXISTS k"), "(integer) 0");
}

TEST_F(ProtocolTest, QuitAnswersAndClosesAndDropsTheRest) {
  Client client = Connect();
  client.Send(Encode({"SET", "a", "1"}) + Encode({"QUIT"}) + Encode({"SET", "b", "1"}));
  EXPECT_EQ(client.ReadToEnd(), "+OK\r\n+OK\r\n");
  EXPECT_EQ(Connect().Ask("EXISTS a b"), "(integer) 1");
}

TEST_F(ProtocolTest, ClientReplyOffAndSkip) {
  Client client = Connect();
  client.Send(Encode({"CLIENT", "REPLY", "OFF"}) + Encode({"SET", "a", "1"}) + Encode({"GET"}) +
              Encode({"CLIENT", "REPLY", "ON"}) + Encode({"CLIENT", "REPLY", "SKIP"}) +
              Encode({"ECHO", "skipped"}) + Encode({"ECHO", "seen"}));
  EXPECT_EQ(ReadBytes(&client, 2), "OK\n\"seen\"\n");
  EXPECT_EQ(client.Ask("GET a"), "\"1\"");
}

// --- many clients, slow clients
// -------------------------------------------------------------------

TEST_F(ProtocolTest, WhoNeverReadsDoesNotKeepOthersFromBeingServed) {
  Client other = Connect();
  ASSERT_EQ(Render(other.Run({"SET", "k", std::string(1 << 20, 'x')})), "OK");
  Client slow = Connect();
  constexpr int kRequests = 64;
  for (int i = 0; i < kRequests; ++i) slow.Send(Encode({"GET", "k"}));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(other.Ask("PING"), "PONG");
  for (int i = 0; i < kRequests; ++i) {
    const std::optional<Value> reply = slow.Read();
    ASSERT_TRUE(reply && reply->text.size() == 1 << 20) << i;
  }
}

TEST_F(ProtocolTest, WhoLeavesTooMuchUnreadIsCutOff) {
  StartServer({{"client-output-buffer-limit", "normal 4mb 0 0"}});
  Client other = Connect();
  ASSERT_EQ(Render(other.Run({"SET", "k", std::string(1 << 20, 'x')})), "OK");
  Client slow = Connect();
  for (int i = 0; i < 100; ++i) SendOnly(slow, Encode({"GET", "k"}));
  WaitForClients(2);
  EXPECT_TRUE(slow.WaitClosed());
  EXPECT_EQ(other.Ask("PING"), "PONG");
  EXPECT_EQ(InfoNumber("client_output_buffer_limit_disconnections"), 1);
}

TEST_F(ProtocolTest, WhoLeavesOneLargeReplyUnreadIsCutOffToo) {
  StartServer({{"client-output-buffer-limit", "normal 4mb 0 0"}});
  Client other = Connect();
  ASSERT_EQ(Render(other.Run({"SET", "k", std::string(16 << 20, 'x')})), "OK");
  Client slow = Connect();
  SendOnly(slow, Encode({"GET", "k"}));
  WaitForClients(2);
  EXPECT_TRUE(slow.WaitClosed());
  EXPECT_EQ(other.Ask("PING"), "PONG");
}

// Also one that reads all it gets.
TEST_F(ProtocolTest, AReplyBeyondTheHardLimitIsNotSent) {
  StartServer({{"client-output-buffer-limit", "normal 100kb 0 0"}});
  Client client = Connect();
  ASSERT_EQ(Render(client.Run({"SET", "small", std::string(90'000, 'x')})), "OK");
  ASSERT_EQ(Render(client.Run({"SET", "large", std::string(110'000, 'x')})), "OK");
  EXPECT_EQ(client.Run({"GET", "small"}).text.size(), 90'000u);
  ASSERT_TRUE(client.Send(Encode({"GET", "large"})));
  EXPECT_EQ(client.ReadToEnd(), "");
  EXPECT_EQ(InfoNumber("client_output_buffer_limit_disconnections"), 1);
}

TEST_F(ProtocolTest, ClientListShowsTheBuffersOfAClient) {
  Client client = Connect();
  const std::string list = client.Ask("CLIENT LIST");
  // *2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n is at work.
  EXPECT_NE(list.find(" qbuf=26 "), std::string::npos) << list;
  EXPECT_NE(list.find(" omem=0 "), std::string::npos) << list;
  Client half = Connect();
  EXPECT_EQ(half.Ask("CLIENT SETNAME half"), "OK");
  half.Send("*2\r\n$4\r\nECHO\r\n$1000\r\n" + std::string(500, 'x'));
  const auto line_of_half = [&] {
    const std::string text = client.Run({"CLIENT", "LIST"}).text;
    const size_t name = text.find(" name=half ");
    return name == std::string::npos ? "" : text.substr(name, text.find('\n', name) - name);
  };
  EXPECT_TRUE(WaitFor([&] { return line_of_half().find(" qbuf=521 ") != std::string::npos; }))
      << line_of_half();
  // Much unsent is seen, too.
  EXPECT_EQ(Render(client.Run({"SET", "k", std::string(8 << 20, 'x')})), "OK");
  half.Send(std::string(500, 'x') + "\r\n");
  for (int i = 0; i < 3; ++i) SendOnly(half, Encode({"GET", "k"}));
  EXPECT_TRUE(WaitFor([&] {
    const std::string line = line_of_half();
    const size_t omem = line.find(" omem=");
    return omem != std::string::npos && std::stoll(line.substr(omem + 6)) > 1 << 20;
  })) << line_of_half();
}

// What a client asks of a port: true if PONG comes.
bool IsServedAt(uint16_t port) {
  return Client::Tcp(port).Ask("PING") == "PONG";
}

bool IsRefusedAt(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool refused =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0;
  close(fd);
  return refused;
}

TEST_F(ProtocolTest, ThePortMayChangeWhileItServes) {
  StartServer();
  const uint16_t old_port = server().port();
  const uint16_t new_port = FreePort();
  Client client = Connect();
  EXPECT_EQ(client.Run({"CONFIG", "SET", "port", std::to_string(new_port)}).text, "OK");
  EXPECT_TRUE(IsServedAt(new_port));
  EXPECT_TRUE(IsRefusedAt(old_port));
  // Who is there stays.
  EXPECT_EQ(client.Ask("PING"), "PONG");
  EXPECT_EQ(client.Run({"CONFIG", "SET", "port", std::to_string(old_port)}).text, "OK");
  EXPECT_TRUE(IsServedAt(old_port));
  EXPECT_TRUE(IsRefusedAt(new_port));
}

TEST_F(ProtocolTest, APortThatCannotBeHadChangesNothing) {
  StartServer();
  ServerProcess other;
  Client client = Connect();
  const std::string failed = "(error) ERR CONFIG SET failed (possibly related to argument ";
  const std::string taken = std::to_string(other.port());
  const std::string in_use =
      Render(client.Run({"CONFIG", "SET", "timeout", "7", "port", taken, "maxclients", "99"}));
  EXPECT_TRUE(in_use.starts_with(failed + "'port') - Unable to listen on this port: ")) << in_use;
  EXPECT_NE(in_use.find(taken), std::string::npos) << in_use;
  const std::string unknown = client.Ask("CONFIG SET bind \"127.0.0.1 999.999.999.999\"");
  EXPECT_TRUE(unknown.starts_with(failed + "'bind') - Failed to bind to specified addresses: "))
      << unknown;
  const std::string nowhere = client.Ask("CONFIG SET port 0");
  EXPECT_NE(nowhere.find("nowhere to listen"), std::string::npos) << nowhere;
  EXPECT_TRUE(IsServedAt(server().port()));
  EXPECT_EQ(client.Ask("CONFIG GET port"),
            "1) \"port\"\n2) \"" + std::to_string(server().port()) + "\"");
  EXPECT_EQ(client.Ask("CONFIG GET bind"), "1) \"bind\"\n2) \"127.0.0.1\"");
  EXPECT_EQ(client.Ask("CONFIG GET timeout"), "1) \"timeout\"\n2) \"0\"");
}

TEST_F(ProtocolTest, AddressesMayChangeWhileItServes) {
  StartServer();
  Client client = Connect();
  // The wider address takes the place of the one that is part of it.
  for (const char* bind : {"*", "127.0.0.1", "127.0.0.1 127.0.0.2", "127.0.0.1 127.0.0.1"}) {
    EXPECT_EQ(client.Run({"CONFIG", "SET", "bind", bind}).text, "OK") << bind;
    EXPECT_TRUE(IsServedAt(server().port())) << bind;
  }
  EXPECT_EQ(client.Run({"CONFIG", "SET", "bind", "127.0.0.2"}).text, "OK");
  EXPECT_TRUE(IsRefusedAt(server().port()));
  EXPECT_EQ(client.Run({"CONFIG", "SET", "bind", "127.0.0.1"}).text, "OK");
  EXPECT_TRUE(IsServedAt(server().port()));
}

TEST_F(ProtocolTest, WhoLeavesMuchUnreadForTooLongIsCutOff) {
  StartServer({{"client-output-buffer-limit", "normal 0 4mb 1"}});
  Client other = Connect();
  ASSERT_EQ(Render(other.Run({"SET", "k", std::string(1 << 20, 'x')})), "OK");
  Client slow = Connect();
  for (int i = 0; i < 100; ++i) SendOnly(slow, Encode({"GET", "k"}));
  WaitForClients(2);
  EXPECT_TRUE(slow.WaitClosed());
  EXPECT_EQ(other.Ask("PING"), "PONG");
}

// No limit is set: what they wait for is not made before they read.
TEST_F(ProtocolTest, ManyWhoNeverReadHoldLittleMemory) {
  Client other = Connect();
  ASSERT_EQ(Render(other.Run({"SET", "k", std::string(1 << 20, 'x')})), "OK");
  const int64_t before_bytes = server().RssBytes();
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += Encode({"GET", "k"});
  std::vector<Client> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(Connect());
    SendOnly(slow.back(), requests);
  }
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(other.Ask("PING"), "PONG");
  EXPECT_LT(server().RssBytes() - before_bytes, 300 << 20);
  const std::optional<Value> reply = slow[0].Read();
  EXPECT_TRUE(reply && reply->text.size() == 1 << 20);
}

TEST_F(ProtocolTest, MaxclientsRefusesWithAText) {
  StartServer({{"maxclients", "10"}});
  WaitForClients(1);
  std::vector<Client> clients;
  // The connections that asked INFO may still be closing.
  ASSERT_TRUE(WaitFor([&] {
    clients.clear();
    for (int i = 0; i < 10; ++i) {
      clients.push_back(Connect());
      if (clients.back().Ask("PING") != "PONG") return false;
    }
    return true;
  }));
  ExpectClosedWith("", "-ERR max number of clients reached\r\n");
  for (Client& client : clients) EXPECT_EQ(client.Ask("PING"), "PONG");
  clients.pop_back();
  EXPECT_TRUE(WaitFor([&] { return Connect().Ask("PING") == "PONG"; }));
}

TEST_F(ProtocolTest, TimeoutClosesWhoIsIdle) {
  StartServer({{"timeout", "1"}});
  Client idle = Connect();
  EXPECT_EQ(idle.Ask("PING"), "PONG");
  EXPECT_TRUE(idle.WaitClosed());
  Client never_spoke = Connect();
  EXPECT_TRUE(never_spoke.WaitClosed());
  ExpectAlive();
}

// Clients are looked at some at a time; those who listen stay in front.
TEST_F(ProtocolTest, TimeoutClosesWhoIsIdleBehindManyWhoAreNot) {
  StartServer({{"timeout", "1"}});
  std::vector<Client> listeners;
  for (int i = 0; i < 500; ++i) {
    listeners.push_back(Connect());
    ASSERT_EQ(listeners.back().Run({"SUBSCRIBE", "news"}).elements.size(), 3u);
  }
  Client idle = Connect();
  EXPECT_TRUE(idle.WaitClosed());
  Client second = Connect();
  EXPECT_TRUE(second.WaitClosed());
  EXPECT_EQ(Connect().Ask("PUBLISH news x"), "(integer) 500");
}

TEST_F(ProtocolTest, ThousandConnectionsComeAndGo) {
  std::vector<Client> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(Connect());
  for (Client& client : clients) client.Send(Encode({"INCR", "n"}));
  int64_t sum = 0;
  for (Client& client : clients) sum += client.Read().value_or(Value{}).integer();
  EXPECT_EQ(sum, 500 * 501 / 2);
  clients.clear();
  WaitForClients(1);
}

TEST_F(ProtocolTest, UnixSocketWithItsPermissions) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/socket";
  StartServer({{"unixsocket", path}, {"unixsocketperm", "700"}});
  Client client = Client::Unix(path);
  EXPECT_EQ(client.Ask("SET k 1"), "OK");
  EXPECT_EQ(Connect().Ask("GET k"), "\"1\"");
  struct stat status {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  server().Stop();
  EXPECT_FALSE(std::filesystem::exists(path));
  // One that a crash left behind is no obstacle.
  StartServer({{"unixsocket", path}});
  server().Kill();
  StartServer({{"unixsocket", path}});
  Client again = Client::Unix(path);
  EXPECT_EQ(again.Ask("PING"), "PONG");
}

TEST_F(ProtocolTest, HiredisTalksToIt) {
  const std::unique_ptr<redisContext, decltype(&redisFree)> context(
      redisConnect("127.0.0.1", server().port()), &redisFree);
  ASSERT_TRUE(context && context->err == 0);
  redisAppendCommand(context.get(), "SET %b %b", "k\0", size_t{2}, "v\0", size_t{2});
  redisAppendCommand(context.get(), "GET %b", "k\0", size_t{2});
  redisAppendCommand(context.get(), "AMPT.SET j %s", R"({"a":[1,"x"]})");
  const int kTypes[] = {REDIS_REPLY_STATUS, REDIS_REPLY_STRING, REDIS_REPLY_STRING};
  const std::string kTexts[] = {"OK", std::string("v\0", 2), R"({"a":[1,"x"]})"};
  for (int i = 0; i < 3; ++i) {
    void* answer = nullptr;
    ASSERT_EQ(redisGetReply(context.get(), &answer), REDIS_OK) << context->errstr;
    auto* reply = static_cast<redisReply*>(answer);
    EXPECT_EQ(reply->type, kTypes[i]);
    EXPECT_EQ(std::string(reply->str, reply->len), kTexts[i]);
    freeReplyObject(reply);
  }
}

TEST_F(ProtocolTest, InfoTellsWhatToolsReadFromIt) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("MSET a 1 b 2"), "OK");
  ASSERT_EQ(client.Ask("EXPIRE a 100"), "(integer) 1");
  const std::string info = client.Run({"INFO"}).text;
  for (const std::string_view field : {"# Server\r\n",
                                       "\r\nredis_version:",
                                       "\r\nprocess_id:",
                                       "\r\ntcp_port:",
                                       "\r\nuptime_in_seconds:",
                                       "# Clients\r\n",
                                       "\r\nconnected_clients:1\r\n",
                                       "\r\nblocked_clients:0\r\n",
                                       "# Memory\r\n",
                                       "\r\nused_memory:",
                                       "\r\nused_memory_human:",
                                       "\r\nused_memory_rss:",
                                       "\r\nmaxmemory:",
                                       "# Stats\r\n",
                                       "\r\ntotal_connections_received:",
                                       "\r\ntotal_commands_processed:",
                                       "\r\ninstantaneous_ops_per_sec:",
                                       "\r\nexpired_keys:",
                                       "\r\nkeyspace_hits:",
                                       "\r\nkeyspace_misses:",
                                       "# Replication\r\n",
                                       "\r\nrole:master\r\n",
                                       "# Keyspace\r\n",
                                       "\r\ndb0:keys=2,expires=1,"}) {
    EXPECT_NE(info.find(field), std::string::npos) << field << " is not in\n" << info;
  }
  ASSERT_EQ(client.Ask("EXISTS a b c"), "(integer) 2");
  ASSERT_EQ(client.Ask("GET c"), "(nil)");
  ASSERT_EQ(client.Ask("GET a"), "\"1\"");
  EXPECT_EQ(InfoNumber("keyspace_hits"), 3);
  EXPECT_EQ(InfoNumber("keyspace_misses"), 2);
  ASSERT_EQ(client.Ask("CONFIG RESETSTAT"), "OK");
  EXPECT_EQ(InfoNumber("keyspace_hits"), 0);
  EXPECT_EQ(InfoNumber("keyspace_misses"), 0);
  EXPECT_NE(info.find("\r\nprocess_id:" + std::to_string(server().pid()) + "\r\n"),
            std::string::npos);
  const std::string one = client.Run({"INFO", "KEYSPACE"}).text;
  EXPECT_TRUE(one.starts_with("# Keyspace\r\ndb0:keys=2,")) << one;
  EXPECT_EQ(one.find("# Server"), std::string::npos);
  EXPECT_EQ(client.Run({"INFO", "nothing"}).text, "");
  const std::string two = client.Run({"INFO", "clients", "server"}).text;
  EXPECT_NE(two.find("# Clients"), std::string::npos);
  EXPECT_NE(two.find("# Server"), std::string::npos);
}

TEST_F(ProtocolTest, WhenMemoryIsFullAPartOfACommandIsRefusedByItself) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("SET k 1"), "OK");
  ASSERT_EQ(client.Ask("CONFIG SET maxmemory 1"), "OK");
  const std::string kFull = "(error) OOM command not allowed when used memory > 'maxmemory'.";
  EXPECT_EQ(client.Ask("DEBUG POPULATE 10"), kFull);
  EXPECT_EQ(client.Ask("SET k 2"), kFull);
  EXPECT_EQ(client.Ask("DEBUG VERIFY"), "OK");
  EXPECT_EQ(client.Ask("DBSIZE"), "(integer) 1");
}

// --- the end, and the beginning
// -------------------------------------------------------------------

// Clients that keep the server busy until it goes.
class Load {
 public:
  explicit Load(ServerProcess* server) {
    for (int i = 0; i < 4; ++i) {
      threads_.emplace_back([this, server] {
        Client client = server->Connect();
        std::string batch;
        for (int n = 0; n < 1000; ++n) {
          batch += Encode({"SET", "key:" + std::to_string(n), "value"});
          batch += Encode({"AMPT.GET", "key:*"});
        }
        while (client.Send(batch)) {
          for (int n = 0; n < 2000; ++n) {
            if (!client.Read()) return;
            ++replies_;
          }
        }
      });
    }
  }
  ~Load() {
    for (std::thread& thread : threads_) thread.join();
  }
  bool WaitUntilBusy() {
    return WaitFor([this] { return replies_ > 3000; });
  }

 private:
  std::atomic<int> replies_ = 0;
  std::vector<std::thread> threads_;
};

TEST_F(ProtocolTest, SigtermEndsItWhileClientsAreBusy) {
  StartServer();
  Load load(&server());
  EXPECT_TRUE(load.WaitUntilBusy());
  server().Stop();
}

TEST_F(ProtocolTest, SigintEndsItToo) {
  StartServer();
  server().Signal(SIGINT);
  server().ExpectExit();
}

TEST_F(ProtocolTest, ShutdownEndsItWhileClientsAreBusy) {
  StartServer();
  Load load(&server());
  EXPECT_TRUE(load.WaitUntilBusy());
  Client client = Connect();
  client.Send(Encode({"SHUTDOWN", "NOSAVE"}));
  EXPECT_EQ(client.ReadToEnd(), "");
  server().ExpectExit();
}

TEST_F(ProtocolTest, ShutdownWithBadWordsDoesNothing) {
  Client client = Connect();
  EXPECT_EQ(client.Ask("SHUTDOWN MAYBE"), "(error) ERR syntax error");
  EXPECT_EQ(client.Ask("SHUTDOWN SAVE NOSAVE"), "(error) ERR syntax error");
  EXPECT_EQ(client.Ask("PING"), "PONG");
}

class StartTest : public ServerTest {
 protected:
  // Runs the server with a configuration of this text.
  Outcome RunWith(const std::string& config) {
    std::ofstream(directory_.path() + "/bad.conf") << config;
    return RunServerToEnd({directory_.path() + "/bad.conf"}, directory_.path());
  }

  TemporaryDirectory directory_;
};

TEST_F(StartTest, APortInUseIsSaid) {
  const std::string port = std::to_string(server().port());
  const Outcome outcome = RunWith("bind 127.0.0.1\nport " + port + "\n");
  EXPECT_NE(outcome.exit_status, 0);
  EXPECT_NE(outcome.output.find(port), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("in use"), std::string::npos) << outcome.output;
  ExpectAlive();
}

TEST_F(StartTest, ABadConfigurationIsSaidWithItsLine) {
  const std::string kLines[] = {"nothing yes",  "port abc",        "port 99999", "port",
                                "timeout -1",   "databases 0",     "port 1 2",   "appendonly maybe",
                                "maxmemory 1x", "bind \"127.0.0.1"};
  for (const std::string& line : kLines) {
    const Outcome outcome = RunWith("# a comment\n\n" + line + "\n");
    EXPECT_GT(outcome.exit_status, 0) << line;
    EXPECT_TRUE(std::regex_search(outcome.output, std::regex("line 3|:3\\b"))) << line << ":\n"
                                                                               << outcome.output;
    EXPECT_NE(outcome.output.find(line.substr(0, line.find(' '))), std::string::npos)
        << line << ":\n"
        << outcome.output;
    std::filesystem::remove(directory_.path() + "/output");
  }
}

TEST_F(StartTest, AMissingConfigurationIsSaid) {
  const Outcome outcome = RunServerToEnd({"/nonexistent/ampt.conf"}, directory_.path());
  EXPECT_GT(outcome.exit_status, 0);
  EXPECT_NE(outcome.output.find("cannot read /nonexistent/ampt.conf: No such file or directory"),
            std::string::npos)
      << outcome.output;
}

TEST_F(StartTest, HelpTellsTheOptions) {
  const Outcome outcome = RunServerToEnd({"--help"}, directory_.path());
  EXPECT_EQ(outcome.exit_status, 0);
  EXPECT_NE(outcome.output.find("ampt-server"), std::string::npos) << outcome.output;
  EXPECT_NE(outcome.output.find("--help"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace ampt::test
