// Being watched and being run: SLOWLOG, LATENCY, MONITOR and CLIENT PAUSE of a running server, the
// pages of metrics-port, and what it tells the service manager that started it.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class OperationTest : public ServerTest {
 protected:
  // The next reply in redis-cli's form.
  static std::string Next(Client& client) {
    const std::optional<Value> reply = client.Read();
    return reply ? Render(*reply) : "connection closed";
  }
  // Of the words of all entries of the slow log, newest first.
  static std::vector<std::string> SlowRequests(Client& client) {
    std::vector<std::string> requests;
    for (const Value& entry : client.Run({"SLOWLOG", "GET", "-1"}).elements) {
      std::string words;
      for (const Value& word : entry.elements.at(3).elements) {
        words += (words.empty() ? "" : " ") + word.text;
      }
      requests.push_back(words);
    }
    return requests;
  }
};

// --- SLOWLOG
// --------------------------------------------------------------------------------------

TEST_F(OperationTest, SlowCommandsAreLoggedWithTheirClient) {
  StartServer({{"slowlog-log-slower-than", "20000"}});
  Client client = Connect();
  client.Ask("CLIENT SETNAME sleeper");
  client.Ask("PING");
  EXPECT_EQ(client.Ask("DEBUG SLEEP 0.05"), "OK");
  const Value log = client.Run({"SLOWLOG", "GET"});
  ASSERT_GE(log.elements.size(), 1u);
  // The machine may have stopped others for that long as well.
  const Value& entry = log.elements.back();
  ASSERT_EQ(entry.elements.size(), 6u);
  EXPECT_GE(entry.elements[2].integer(), 50'000);
  EXPECT_EQ(Render(entry.elements[3]), "1) \"DEBUG\"\n2) \"SLEEP\"\n3) \"0.05\"");
  EXPECT_TRUE(std::regex_match(entry.elements[4].text, std::regex("127\\.0\\.0\\.1:[0-9]+")));
  EXPECT_EQ(entry.elements[5].text, "sleeper");
}

TEST_F(OperationTest, WithAThresholdOfZeroEveryCommandIsLoggedAlone) {
  StartServer({{"slowlog-log-slower-than", "0"}, {"slowlog-max-len", "1000"}});
  Client client = Connect();
  client.Ask("SLOWLOG RESET");
  std::string pipeline;
  for (int i = 0; i < 100; ++i) pipeline += Encode({"SET", "key" + std::to_string(i), "1"});
  client.Send(pipeline);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(Next(client), "OK");
  const std::vector<std::string> requests = SlowRequests(client);
  ASSERT_EQ(requests.size(), 101u);  // with SLOWLOG RESET, which is logged when it is over
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(requests[i], "SET key" + std::to_string(99 - i) + " 1");
  }
}

TEST_F(OperationTest, TheSlowLogShowsWhatATransactionRunsAndNoSecrets) {
  StartServer({{"slowlog-log-slower-than", "0"}, {"slowlog-max-len", "1000"}});
  Client client = Connect();
  client.Ask("SLOWLOG RESET");
  client.Ask("MULTI");
  client.Ask("SET a 1");
  client.Ask("GET a");
  client.Ask("EXEC");
  client.Ask("EVAL \"redis.call('get', 'a') return redis.call('get', 'b')\" 0");
  client.Ask("AUTH secret-word");
  client.Ask("AUTH default secret-word");
  client.Ask("HELLO 2 AUTH default secret-word");
  client.Ask("CONFIG SET requirepass secret-word");
  client.Ask("CONFIG SET requirepass \"\"");
  client.Ask("AMPT.COUNT *");
  const std::vector<std::string> requests = SlowRequests(client);
  const std::set<std::string> seen(requests.begin(), requests.end());
  for (const std::string expected :
       {"MULTI", "SET a 1", "GET a", "get a", "get b", "AUTH (redacted)",
        "AUTH (redacted) (redacted)", "HELLO 2 AUTH (redacted) (redacted)",
        "CONFIG SET requirepass (redacted)", "AMPT.COUNT *"}) {
    EXPECT_TRUE(seen.contains(expected)) << expected;
  }
  EXPECT_FALSE(seen.contains("EXEC"));
  for (const std::string& request : requests) {
    EXPECT_EQ(request.find("secret-word"), std::string::npos) << request;
  }
}

TEST_F(OperationTest, WorkInSlicesIsLoggedAsOne) {
  StartServer({{"slowlog-log-slower-than", "0"}});
  Client client = Connect();
  ASSERT_EQ(client.Ask("CONFIG RESETSTAT"), "OK");
  ASSERT_EQ(client.Ask("DEBUG POPULATE 100000"), "OK");
  const std::vector<std::string> requests = SlowRequests(client);
  EXPECT_EQ(std::count(requests.begin(), requests.end(), "DEBUG POPULATE 100000"), 1);
  const std::string stats = client.Run({"INFO", "commandstats"}).text;
  EXPECT_NE(stats.find("cmdstat_debug|populate:calls=1,"), std::string::npos) << stats;
}

// --- LATENCY
// --------------------------------------------------------------------------------------

TEST_F(OperationTest, LatencyNotesSlowCommandsAndSlowWrites) {
  StartServer({{"latency-monitor-threshold", "30"}, {"appendfsync", "always"}});
  Client client = Connect();
  ASSERT_EQ(client.Ask("LATENCY RESET").substr(0, 9), "(integer)");
  ASSERT_EQ(client.Ask("DEBUG SLEEP 0.06"), "OK");
  ASSERT_EQ(client.Ask("DEBUG FAILPOINT sync delay 60"), "OK");
  ASSERT_EQ(client.Ask("SET a 1"), "OK");
  std::set<std::string> events;
  EXPECT_TRUE(WaitFor([&] {
    for (const Value& event : client.Run({"LATENCY", "LATEST"}).elements) {
      events.insert(event.elements.at(0).text);
    }
    return events.contains("command") && events.contains("aof-write") &&
           events.contains("event-loop");
  }));
  EXPECT_EQ(client.Run({"LATENCY", "HISTORY", "command"}).elements.size(), 1u);
  EXPECT_TRUE(client.Ask("LATENCY GRAPH command").find("command - high ") != std::string::npos);
  EXPECT_NE(client.Ask("LATENCY DOCTOR").find("command: 1 latency spikes"), std::string::npos);
}

TEST_F(OperationTest, HistogramsCountEveryCall) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("CONFIG RESETSTAT"), "OK");
  std::string pipeline;
  for (int i = 0; i < 1000; ++i) pipeline += Encode({"GET", "a"});
  client.Send(pipeline);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(Next(client), "(nil)");
  const Value histogram = client.Run({"LATENCY", "HISTOGRAM", "get"});
  ASSERT_EQ(histogram.elements.size(), 2u);
  EXPECT_EQ(histogram.elements[0].text, "get");
  const Value& get = histogram.elements[1];
  EXPECT_EQ(get.elements.at(1).integer(), 1000);
  EXPECT_EQ(get.elements.at(3).elements.back().integer(), 1000);
}

TEST_F(OperationTest, InfoShowsThePercentilesThatAreSet) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("GET a"), "(nil)");
  EXPECT_NE(client.Ask("INFO latencystats").find("latency_percentiles_usec_get:p50="),
            std::string::npos);
  ASSERT_EQ(client.Ask("CONFIG SET latency-tracking-info-percentiles \"0 99.5 100.0\""), "OK");
  const std::string info = client.Ask("INFO latencystats");
  for (const char* part : {"usec_get:p0=", ",p99.5=", ",p100="}) {
    EXPECT_NE(info.find(part), std::string::npos) << info;
  }
  ASSERT_EQ(client.Ask("CONFIG SET latency-tracking no"), "OK");
  EXPECT_EQ(client.Ask("INFO latencystats").find("usec_get"), std::string::npos);
}

// --- MONITOR
// --------------------------------------------------------------------------------------

TEST_F(OperationTest, MonitorShowsWhatRuns) {
  Client monitor = Connect();
  ASSERT_EQ(monitor.Ask("MONITOR"), "OK");
  EXPECT_EQ(monitor.Ask("MONITOR"), "OK");
  Client client = Connect();
  client.Ask("SELECT 2");
  client.Ask("SET \"a b\" \"\\x00\\n\"");
  client.Ask("GET");  // refused: not shown
  client.Ask("CONFIG GET port");
  client.Ask("AUTH secret");
  client.Ask("MULTI");
  client.Ask("GET a");
  client.Ask("EXEC");
  client.Ask("EVAL \"return redis.call('get', 'a')\" 0");
  const std::string start = R"([0-9]+\.[0-9]{6} \[2 127\.0\.0\.1:[0-9]+\] )";
  const std::string lines[] = {
      start + R"re("SELECT" "2")re",
      start + R"re("SET" "a b" "\\x00\\n")re",
      start + R"re("AUTH" "\(redacted\)")re",
      start + R"re("MULTI")re",
      start + R"re("GET" "a")re",
      start + R"re("EXEC")re",
      start + R"re("EVAL" "return redis.call\('get', 'a'\)" "0")re",
      R"re([0-9]+\.[0-9]{6} \[2 lua\] "get" "a")re",
  };
  for (const std::string& line : lines) {
    const std::string shown = Next(monitor);
    EXPECT_TRUE(std::regex_match(shown, std::regex(line))) << shown << "\nexpected: " << line;
  }
  EXPECT_NE(client.Ask("CLIENT LIST").find(" flags=O "), std::string::npos);
  // The answer comes before the line that shows the request.
  EXPECT_EQ(monitor.Ask("PING"), "PONG");
  EXPECT_TRUE(Next(monitor).ends_with("\"PING\""));
  EXPECT_EQ(monitor.Ask("GET a"), "(error) ERR Replica can't interact with the keyspace");
  EXPECT_EQ(monitor.Ask("RESET"), "RESET");
  client.Ask("SET a 1");
  EXPECT_EQ(monitor.Ask("GET a"), "(nil)");  // of database 0
  EXPECT_EQ(client.Ask("CLIENT LIST").find(" flags=O "), std::string::npos);
}

TEST_F(OperationTest, AMonitorThatDoesNotReadIsCutOff) {
  StartServer({{"client-output-buffer-limit", "pubsub 1mb 0 0"}});
  Client monitor = Connect();
  ASSERT_EQ(monitor.Ask("MONITOR"), "OK");
  Client client = Connect();
  const std::string value(100'000, 'x');
  EXPECT_TRUE(WaitFor([&] {
    for (int i = 0; i < 20; ++i) client.Run({"SET", "a", value});
    return InfoNumber("client_output_buffer_limit_disconnections") == 1;
  }));
  EXPECT_TRUE(monitor.WaitClosed());
  ExpectAlive();
}

TEST_F(OperationTest, MonitorIsNotForTransactionsAndScripts) {
  Client client = Connect();
  client.Ask("MULTI");
  EXPECT_EQ(client.Ask("MONITOR"), "QUEUED");
  EXPECT_EQ(client.Ask("EXEC"), "1) (error) ERR MONITOR isn't allowed for DENY BLOCKING client");
}

// --- CLIENT PAUSE
// ---------------------------------------------------------------------------------

TEST_F(OperationTest, APauseOfWritesLetsReadsGoOn) {
  Client operator_client = Connect();
  Client client = Connect();
  ASSERT_EQ(operator_client.Ask("CLIENT PAUSE 1000000 WRITE"), "OK");
  client.Send(Encode({"GET", "a"}) + Encode({"SET", "a", "1"}) + Encode({"GET", "a"}));
  EXPECT_EQ(Next(client), "(nil)");
  EXPECT_EQ(operator_client.Ask("GET a"), "(nil)");
  EXPECT_FALSE(client.HasReply());
  EXPECT_NE(operator_client.Ask("INFO clients").find("blocked_clients:1"), std::string::npos);
  ASSERT_EQ(operator_client.Ask("CLIENT UNPAUSE"), "OK");
  EXPECT_NE(operator_client.Ask("INFO clients").find("blocked_clients:0"), std::string::npos);
  EXPECT_EQ(Next(client), "OK");
  EXPECT_EQ(Next(client), "\"1\"");
}

TEST_F(OperationTest, APauseOfWritesLetsTransactionsGoOnThatOnlyRead) {
  Client operator_client = Connect();
  Client client = Connect();
  ASSERT_EQ(operator_client.Ask("CLIENT PAUSE 1000000 WRITE"), "OK");
  client.Send(Encode({"MULTI"}) + Encode({"GET", "a"}) + Encode({"EXEC"}));
  EXPECT_EQ(Next(client), "OK");
  EXPECT_EQ(Next(client), "QUEUED");
  EXPECT_EQ(Next(client), "1) (nil)");
  // One that was queued in front of the pause waits, if it writes.
  ASSERT_EQ(operator_client.Ask("CLIENT UNPAUSE"), "OK");
  ASSERT_EQ(client.Ask("MULTI"), "OK");
  ASSERT_EQ(client.Ask("SET a 1"), "QUEUED");
  ASSERT_EQ(operator_client.Ask("CLIENT PAUSE 1000000 WRITE"), "OK");
  client.Send(Encode({"EXEC"}));
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("blocked_clients") == 1; }));
  EXPECT_EQ(operator_client.Ask("GET a"), "(nil)");
  ASSERT_EQ(operator_client.Ask("CLIENT UNPAUSE"), "OK");
  EXPECT_EQ(Next(client), "1) OK");
}

TEST_F(OperationTest, WhatIsWrongIsRefusedDuringAPause) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("CLIENT PAUSE 1000000 WRITE"), "OK");
  EXPECT_EQ(client.Ask("SET a"), "(error) ERR wrong number of arguments for 'set' command");
  ASSERT_EQ(client.Ask("CLIENT UNPAUSE"), "OK");
}

TEST_F(OperationTest, NothingIsRemovedDuringAPause) {
  Client client = Connect();
  ASSERT_EQ(client.Ask("SET a 1 PX 20"), "OK");
  ASSERT_EQ(client.Ask("CLIENT PAUSE 1000000 WRITE"), "OK");
  EXPECT_TRUE(WaitFor([&] { return client.Ask("GET a") == "(nil)"; }));
  const int64_t removed = InfoNumber("expired_keys");
  ASSERT_EQ(client.Ask("CLIENT UNPAUSE"), "OK");
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("expired_keys") == 1; }));
  EXPECT_EQ(removed, 0);
}

TEST_F(OperationTest, APauseOfAllEndsByItself) {
  Client client = Connect();
  Client other = Connect();
  // The rest of the pipeline waits, too.
  client.Send(Encode({"CLIENT", "PAUSE", "300"}) + Encode({"PING"}) + Encode({"SET", "a", "1"}));
  EXPECT_EQ(Next(client), "OK");
  EXPECT_EQ(other.Ask("PING"), "PONG");
  EXPECT_EQ(Next(client), "PONG");
  EXPECT_EQ(Next(client), "OK");
  ExpectAlive();
}

TEST_F(OperationTest, AClientMayLeaveDuringAPause) {
  Client operator_client = Connect();
  ASSERT_EQ(operator_client.Ask("CLIENT PAUSE 1000000 WRITE"), "OK");
  for (int i = 0; i < 10; ++i) Connect().Send(Encode({"SET", "a", "1"}));
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("connected_clients") == 2; }));
  ASSERT_EQ(operator_client.Ask("CLIENT UNPAUSE"), "OK");
  EXPECT_EQ(operator_client.Ask("SET a 2"), "OK");
}

// --- hot keys
// -------------------------------------------------------------------------------------

TEST_F(OperationTest, InfoShowsHotKeys) {
  Client client = Connect();
  std::string pipeline;
  for (int i = 0; i < 1000; ++i) {
    pipeline += Encode({"GET", "hot key"}) + Encode({"GET", "cold" + std::to_string(i)});
  }
  EXPECT_TRUE(WaitFor([&] {
    client.Send(pipeline);
    for (int i = 0; i < 2000; ++i) Next(client);
    return std::regex_search(
        client.Run({"INFO", "hotkeys"}).text,
        std::regex("hotkey_0:db=0,share=[0-9.]+%,error=[0-9.]+%,key=\"hot key\"\r\n"));
  }));
  client.Ask("CONFIG RESETSTAT");
  EXPECT_EQ(client.Run({"INFO", "hotkeys"}).text, "# Hotkeys\r\nhotkeys_sampled:0\r\n");
}

// --- metrics-port
// ---------------------------------------------------------------------------------

class MetricsTest : public OperationTest {
 protected:
  void StartWithMetrics(Settings settings = {}) {
    port_ = FreePort();
    settings.emplace_back("metrics-port", std::to_string(port_));
    StartServer(settings);
  }
  std::string Ask(const std::string& request) const {
    Client client = Client::Tcp(port_);
    client.Send(request);
    return client.ReadToEnd();
  }
  std::string Get(const std::string& path) const {
    return Ask("GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n");
  }
  uint16_t port_ = 0;
};

// Checks the text format line by line; returns the names of what was sampled.
std::set<std::string> CheckPage(const std::string& answer) {
  std::set<std::string> names;
  std::istringstream page(answer.substr(answer.find("\r\n\r\n") + 4));
  const std::regex help("# HELP (ampt_[a-z_]+) .+\\.");
  const std::regex type("# TYPE (ampt_[a-z_]+) (counter|gauge|histogram)");
  const std::regex sample(
      R"re((ampt_[a-z_]+)(\{[a-z_]+="[^"\\]*"(,[a-z_]+="[^"\\]*")*\})? -?[0-9.e+-]+)re");
  std::string current;
  std::set<std::string> samples;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      current = match[1];
      EXPECT_TRUE(names.insert(current).second) << "twice: " << line;
    } else if (std::regex_match(line, match, type)) {
      EXPECT_EQ(match[1], current) << line;
      EXPECT_EQ(match[2] == "counter", current.ends_with("_total")) << line;
    } else if (std::regex_match(line, match, sample)) {
      EXPECT_TRUE(match[1].str().starts_with(current)) << line;
      EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << "twice: " << line;
    } else {
      ADD_FAILURE() << "not in the format: " << line;
    }
  }
  return names;
}

TEST_F(MetricsTest, PagesAreThoseOfPrometheusAndHealth) {
  StartWithMetrics();
  Client client = Connect();
  client.Ask("SET a 1 EX 1000");
  client.Ask("GET a");
  client.Ask("LPUSH a 1");
  client.Ask("INCR a b");
  const std::string answer = Get("/metrics");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer.substr(0, 200);
  EXPECT_NE(answer.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos);
  const std::set<std::string> names = CheckPage(answer);
  EXPECT_GT(names.size(), 30u);
  for (const std::string line :
       {"\nampt_items{db=\"0\"} 1\n", "\nampt_items_with_deadline{db=\"0\"} 1\n",
        "\nampt_command_duration_seconds_count{command=\"get\"} 1\n",
        "\nampt_command_duration_seconds_bucket{command=\"get\",le=\"+Inf\"} 1\n",
        "\nampt_lookups_total{result=\"hit\"} 1\n",
        "\nampt_command_failures_total{command=\"incr\",reason=\"rejected\"} 1\n",
        "\nampt_up 1\n"}) {
    EXPECT_NE(answer.find(line), std::string::npos) << line;
  }
  EXPECT_TRUE(Get("/healthz").ends_with("\r\n\r\nok\n"));
  EXPECT_TRUE(Get("/").starts_with("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_TRUE(Ask("HEAD /healthz HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
  EXPECT_TRUE(
      Ask("POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n").starts_with("HTTP/1.1 405"));
  EXPECT_TRUE(Ask("nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
}

TEST_F(MetricsTest, EventsAreCountedForEachConsumer) {
  StartWithMetrics({{"events-overflow", "drop"}});
  Client client = Connect();
  client.Ask("AMPT.EVENTS CREATE mailer FILTERS 1 * BACKOFF 1 1");
  client.Ask("SELECT 2");
  client.Run({"AMPT.EVENTS", "CREATE", "odd \" name", "FILTERS", "1", "*"});
  client.Ask("SELECT 0");
  client.Ask("SET a:1 x");
  client.Ask("SET b:1 x");
  client.Ask("SET b:2 x");
  const Value events = client.Run({"AMPT.EVENTS", "READ", "mailer", "COUNT", "10"});
  ASSERT_EQ(events.elements.size(), 2u);  // of a and b
  client.Ask("AMPT.EVENTS ACK mailer 1");
  const auto expect = [this](const std::vector<std::string>& lines) {
    const std::string answer = Get("/metrics");
    for (const std::string& line : lines) {
      EXPECT_NE(answer.find("\n" + line + "\n"), std::string::npos) << line << " in\n" << answer;
    }
  };
  expect({"ampt_events_consumers 2", "ampt_events_waiting_readers 0",
          "ampt_events_backlog{db=\"0\",consumer=\"mailer\"} 2",
          "ampt_events_backlog{db=\"2\",consumer=\"odd \\\" name\"} 0",
          "ampt_events_in_flight{db=\"0\",consumer=\"mailer\"} 1",
          "ampt_events_blocked{db=\"0\",consumer=\"mailer\"} 0",
          "ampt_events_dead{db=\"0\",consumer=\"mailer\"} 0",
          "ampt_events_delivered_total{db=\"0\",consumer=\"mailer\"} 2",
          "ampt_events_retried_total{db=\"0\",consumer=\"mailer\"} 0",
          "ampt_events_acknowledged_total{db=\"0\",consumer=\"mailer\"} 1",
          "ampt_events_dropped_total{db=\"0\",consumer=\"mailer\"} 0"});
  // One comes again, and there is no room for one more.
  client.Ask("AMPT.EVENTS NAK mailer 2");
  const Value again = client.Run({"AMPT.EVENTS", "READ", "mailer", "BLOCK", "0"});
  ASSERT_EQ(again.elements.size(), 1u);
  client.Ask("CONFIG SET events-max-memory 1");
  client.Ask("SET c:1 x");
  expect({"ampt_events_memory_max_bytes 1", "ampt_events_in_flight{db=\"0\",consumer=\"mailer\"} 1",
          "ampt_events_delivered_total{db=\"0\",consumer=\"mailer\"} 3",
          "ampt_events_retried_total{db=\"0\",consumer=\"mailer\"} 1",
          "ampt_events_dropped_total{db=\"0\",consumer=\"mailer\"} 1"});
  // However many there are, the page stays short.
  client.Ask("SELECT 2");
  client.Run({"AMPT.EVENTS", "DROP", "odd \" name"});
  for (int i = 0; i < 300; ++i) {
    client.Ask("AMPT.EVENTS CREATE many" + std::to_string(i) + " FILTERS 1 *");
  }
  const std::string answer = Get("/metrics");
  CheckPage(answer);
  size_t shown = 0;
  for (size_t at = 0; (at = answer.find("\nampt_events_backlog{", at)) != std::string::npos; ++at) {
    ++shown;
  }
  EXPECT_EQ(shown, 100u);
  EXPECT_NE(answer.find("\nampt_events_consumers 301\n"), std::string::npos);
}

TEST_F(MetricsTest, NoClientOfItHoldsTheServerUp) {
  StartWithMetrics();
  // Those that send nothing, never end, or never read.
  std::vector<Client> slow;
  for (int i = 0; i < 100; ++i) {
    slow.push_back(Client::Tcp(port_));
    slow.back().Send(i % 2 == 0 ? "" : "GET /metrics HTTP/1.1\r\nX: ");
  }
  EXPECT_TRUE(Get("/metrics").starts_with("HTTP/1.1 200"));
  EXPECT_TRUE(Ask(std::string(100'000, 'x')).starts_with("HTTP/1.1 400"));
  // Their time ends, and with more than there may be at once the newest is turned away.
  for (Client& client : slow) EXPECT_TRUE(client.WaitClosed());
  std::vector<Client> many;
  for (int i = 0; i < 300; ++i) many.push_back(Client::Tcp(port_));
  EXPECT_TRUE(many.back().WaitClosed());
  many.clear();
  EXPECT_TRUE(WaitFor([&] { return Get("/healthz").ends_with("ok\n"); }));
  ExpectAlive();
}

TEST_F(MetricsTest, ManyMayAskAtOnce) {
  StartWithMetrics();
  std::vector<Client> scrapers;
  for (int i = 0; i < 100; ++i) {
    scrapers.push_back(Client::Tcp(port_));
    scrapers.back().Send("GET /metrics HTTP/1.1\r\n\r\n");
  }
  for (Client& scraper : scrapers) CheckPage(scraper.ReadToEnd());
}

// --- being run
// ------------------------------------------------------------------------------------

// Where a service manager listens.
class NotifySocket {
 public:
  explicit NotifySocket(bool is_abstract) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    name_ = is_abstract ? "@ampt-test-" + std::to_string(getpid()) : directory_.path() + "/notify";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (is_abstract) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  ~NotifySocket() {
    unsetenv("NOTIFY_SOCKET");
    close(fd_);
  }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // Waits for a message that has this in it; returns it. What came before is in seen().
  std::string WaitForMessage(const std::string& part) {
    std::string found;
    EXPECT_TRUE(WaitFor([&] {
      char buffer[4096];
      const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
      if (size < 0) return false;
      found.assign(buffer, static_cast<size_t>(size));
      if (found.find(part) != std::string::npos) return true;
      seen_.push_back(found);
      return false;
    })) << part;
    return found;
  }
  const std::vector<std::string>& seen() const { return seen_; }

 private:
  TemporaryDirectory directory_;
  int fd_ = -1;
  std::string name_;
  std::vector<std::string> seen_;
};

TEST_F(MetricsTest, TheServiceManagerIsToldWhenTheServerIsReady) {
  for (const bool is_abstract : {false, true}) {
    for (const std::string supervised : {"systemd", "auto"}) {
      NotifySocket manager(is_abstract);
      StartServer({{"supervised", supervised}});
      const std::string ready = manager.WaitForMessage("READY=1");
      EXPECT_NE(ready.find("\nMAINPID=" + std::to_string(server().pid())), std::string::npos);
      EXPECT_TRUE(manager.seen().empty());
      EXPECT_EQ(InfoText("process_supervised"), "systemd");
      server().Stop();
      manager.WaitForMessage("STOPPING=1");
    }
  }
  NotifySocket manager(false);
  StartServer({{"supervised", "no"}});
  EXPECT_EQ(InfoText("process_supervised"), "no");
}

TEST_F(MetricsTest, WhileItLoadsItIsNotReadyAndSaysHowFarItIs) {
  StartServer();
  ASSERT_EQ(Connect().Ask("DEBUG POPULATE 1000000"), "OK");
  server().Stop();
  NotifySocket manager(false);
  port_ = FreePort();
  server().Restart({{"supervised", "systemd"}, {"metrics-port", std::to_string(port_)}},
                   ServerProcess::Until::kListens);
  const std::string health = Get("/healthz");
  EXPECT_TRUE(health.starts_with("HTTP/1.1 503 Service Unavailable\r\n")) << health;
  EXPECT_TRUE(health.ends_with("\r\n\r\nloading\n"));
  const std::string answer = Get("/metrics");
  CheckPage(answer);
  EXPECT_NE(answer.find("\nampt_up "), std::string::npos);
  manager.WaitForMessage("READY=1");
  ASSERT_FALSE(manager.seen().empty());
  for (const std::string& message : manager.seen()) {
    EXPECT_TRUE(message.starts_with("STATUS=Loading: ")) << message;
    EXPECT_NE(message.find("\nEXTEND_TIMEOUT_USEC="), std::string::npos) << message;
  }
  EXPECT_TRUE(Get("/healthz").ends_with("ok\n"));
}

TEST_F(OperationTest, WithoutAServiceManagerItSaysSo) {
  StartServer({{"supervised", "systemd"}});
  EXPECT_NE(server().Log().find("NOTIFY_SOCKET names no socket"), std::string::npos);
  EXPECT_EQ(InfoText("process_supervised"), "no");
}

TEST_F(OperationTest, OnSighupTheLogFileIsOpenedAnew) {
  StartServer({{"logfile", "server.log"}});
  const std::string path = server().directory() + "/server.log";
  ASSERT_NE(ReadFile(path).find("Ready to accept connections"), std::string::npos);
  std::filesystem::rename(path, path + ".1");
  server().Signal(SIGHUP);
  EXPECT_TRUE(WaitFor(
      [&] { return ReadFile(path).find("the log file is open anew") != std::string::npos; }));
  ExpectAlive();
  server().Stop();
  EXPECT_NE(ReadFile(path).find("Stopped"), std::string::npos);
  EXPECT_EQ(ReadFile(path + ".1").find("Stopped"), std::string::npos);
}

TEST_F(OperationTest, ALogFileThatCannotBeOpenedAnewIsWrittenOn) {
  TemporaryDirectory folder;
  const std::string path = folder.path() + "/logs/server.log";
  std::filesystem::create_directory(folder.path() + "/logs");
  StartServer({{"logfile", path}});
  std::filesystem::rename(folder.path() + "/logs", folder.path() + "/old");
  server().Signal(SIGHUP);
  EXPECT_TRUE(WaitFor([&] {
    return ReadFile(folder.path() + "/old/server.log").find("SIGHUP received, but cannot log to") !=
           std::string::npos;
  }));
  ExpectAlive();
}

}  // namespace
}  // namespace ampt::test
