// kill -9 of the server under load. Its clients log what they sent and what they were told; after a
// restart each of them must find exactly what the first n of its operations make, where n counts at
// least what the settings promise. So nothing acknowledged is lost, nothing comes twice, nothing
// overtakes, and an MSET or a transaction is whole or absent.
//
//   ROUNDS=20 build/wire-tests --gtest_filter='KillTest.*'
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "tests/server/harness.h"

namespace ampt::test {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kClients = 3;
constexpr size_t kOutstanding = 8;  // operations that a client sends ahead
constexpr std::string_view kColours[] = {"red", "green", "blue"};

// --- what a client's items must be
// ----------------------------------------------------------------

struct Stored {
  std::string json;
  std::string label1;
};
using State = std::map<std::string, Stored>;  // by key

// One request, or several that count as one.
struct Operation {
  std::string request;
  size_t replies = 1;
  std::function<void(State&)> apply;
};

// Random operations on items of the namespace `name`.
class Operations {
 public:
  Operations(std::string name, uint64_t seed) : name_(std::move(name)), random_(seed) {}

  Operation Next() {
    const std::string value = "v" + std::to_string(++serial_);
    switch (Below(12)) {
      case 0:
      case 1:
      case 2:
        return Set(Key("string", 20), value);
      case 3:
      case 4:
      case 5:
        return Increment(Key("count", 10));
      case 6:
      case 7:
        return SetLabelled(Key("object", 20));
      case 8:
        return SetPair(Key("pair", 10), value);
      case 9:
        return Transact(value);
      default:
        return Delete(Key(Below(2) == 0 ? "string" : "object", 20));
    }
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  std::string Key(const std::string& kind, uint64_t count) {
    return name_ + ":" + kind + std::to_string(Below(count));
  }
  static std::string Quoted(const std::string& text) { return "\"" + text + "\""; }
  static void Add(State& state, const std::string& key) {
    Stored& stored = state[key];
    stored.json = std::to_string(std::atoll(stored.json.c_str()) + 1);
  }

  static Operation Set(const std::string& key, const std::string& value) {
    return {Encode({"SET", key, value}), 1, [=](State& state) {
              state[key] = {Quoted(value), ""};
            }};
  }
  static Operation Increment(const std::string& key) {
    return {Encode({"INCR", key}), 1, [=](State& state) { Add(state, key); }};
  }
  Operation SetLabelled(const std::string& key) {
    const std::string json = "{\"n\":" + std::to_string(serial_) + "}";
    const std::string label = name_ + "-" + std::string(kColours[Below(std::size(kColours))]);
    return {Encode({"AMPT.SET", key, json, "QUIET", "LABEL1", label}), 1, [=](State& state) {
              state[key] = {json, label};
            }};
  }
  static Operation SetPair(const std::string& key, const std::string& value) {
    return {Encode({"MSET", key + "a", value, key + "b", value}), 1, [=](State& state) {
              state[key + "a"] = state[key + "b"] = {Quoted(value), ""};
            }};
  }
  Operation Transact(const std::string& value) const {
    const std::string text = name_ + ":text";
    const std::string times = name_ + ":times";
    return {Encode({"MULTI"}) + Encode({"SET", text, value}) + Encode({"INCR", times}) +
                Encode({"EXEC"}),
            4, [=](State& state) {
              state[text] = {Quoted(value), ""};
              Add(state, times);
            }};
  }
  static Operation Delete(const std::string& key) {
    return {Encode({"DEL", key}), 1, [=](State& state) { state.erase(key); }};
  }

  const std::string name_;
  std::mt19937_64 random_;
  uint64_t serial_ = 0;
};

// What AMPT.GET says of these items: all, or those with that label.
std::string PageOf(const State& state, const std::string& label) {
  std::string items;
  for (const auto& [key, stored] : state) {
    if (!label.empty() && stored.label1 != label) continue;
    if (!items.empty()) items += ",";
    items += "{\"key\":\"" + key + "\",\"value\":" + stored.json + "}";
  }
  return "{\"items\":[" + items + "]}";
}

using Pages = std::vector<std::string>;

Pages PagesOf(const State& state, const std::string& name) {
  Pages pages = {PageOf(state, "")};
  for (const std::string_view colour : kColours) {
    pages.push_back(PageOf(state, name + "-" + std::string(colour)));
  }
  return pages;
}

Pages ReadPages(Client& client, const std::string& name) {
  Pages pages = {client.Run({"AMPT.GET", name + ":*", "LIMIT", "1000"}).text};
  for (const std::string_view colour : kColours) {
    pages.push_back(
        client.Run({"AMPT.GETBYLABEL", "label1", name + "-" + std::string(colour), "LIMIT", "1000"})
            .text);
  }
  return pages;
}

// --- a client that logs
// ---------------------------------------------------------------------------

class LoggingClient {
 public:
  LoggingClient(std::string name, uint64_t seed)
      : name_(name), operations_(std::move(name), seed) {}

  void Start(Client client) {
    sent_.clear();
    acknowledged_at_.clear();
    acknowledged_ = 0;
    thread_ = std::thread([this, client = std::move(client)]() mutable { Work(client); });
  }
  // Once the server is gone.
  void Join() { thread_.join(); }
  size_t acknowledged() const { return acknowledged_; }
  size_t sent() const { return sent_.size(); }
  size_t AcknowledgedBefore(SteadyClock::time_point time) const {
    return static_cast<size_t>(
        std::lower_bound(acknowledged_at_.begin(), acknowledged_at_.end(), time) -
        acknowledged_at_.begin());
  }

  // Finds the n whose operations make what the server holds now, and goes on from there. nullopt:
  // there is no such n. The least from `promised` on, else one below.
  std::optional<size_t> Compare(Client& server, size_t promised) {
    const Pages found = ReadPages(server, name_);
    const std::optional<size_t> match = Find(found, promised, sent_.size());
    return match ? match : Find(found, 0, promised);
  }
  // For a message: what it should be, and what it is.
  std::string Difference(Client& server, size_t promised) const {
    State state = state_;
    for (size_t n = 0; n < promised; ++n) sent_[n].apply(state);
    return "after " + std::to_string(promised) + " operations:\n" + PageOf(state, "") +
           "\nfound:\n" + ReadPages(server, name_)[0];
  }

 private:
  std::optional<size_t> Find(const Pages& found, size_t from, size_t to) {
    State state = state_;
    for (size_t n = 0; n <= to; ++n) {
      if (n >= from && PagesOf(state, name_) == found) {
        state_ = std::move(state);
        return n;
      }
      if (n < to) sent_[n].apply(state);
    }
    return std::nullopt;
  }

  void Work(Client& client) {
    size_t answered = 0;
    while (true) {
      while (sent_.size() - answered < kOutstanding) {
        sent_.push_back(operations_.Next());
        if (!client.Send(sent_.back().request)) return;
      }
      for (size_t reply = 0; reply < sent_[answered].replies; ++reply) {
        const std::optional<Value> value = client.Read();
        if (!value) return;
        if (value->is_error()) ADD_FAILURE() << sent_[answered].request << value->text;
      }
      ++answered;
      acknowledged_at_.push_back(SteadyClock::now());
      acknowledged_ = answered;
    }
  }

  const std::string name_;
  Operations operations_;
  State state_;  // before the operations of this round
  std::vector<Operation> sent_;
  std::vector<SteadyClock::time_point> acknowledged_at_;
  std::atomic<size_t> acknowledged_ = 0;
  std::thread thread_;
};

// --- rounds
// ---------------------------------------------------------------------------------------

class KillTest : public ServerTest {
 protected:
  struct Load {
    std::string appendfsync;
    bool with_saves = false;
    // Killed when so many operations were acknowledged…
    size_t least_acknowledged = 0;
    size_t most_acknowledged = 1;
    // …and so much time is over,
    std::chrono::milliseconds least_time{0};
    // by when what was acknowledged longer ago than this must be kept.
    std::chrono::milliseconds may_lose{0};
    int rounds = 2;  // without ROUNDS
  };

  void Run(const Load& load) {
    const char* const wanted = std::getenv("ROUNDS");
    const int rounds = wanted != nullptr ? std::atoi(wanted) : load.rounds;
    const Settings settings = {{"appendfsync", load.appendfsync}, {"save", ""}};
    StartServer(settings);
    // So that a save takes more than a moment.
    ASSERT_EQ(Connect().Ask("DEBUG POPULATE 30000 filler 100"), "OK");
    std::vector<std::unique_ptr<LoggingClient>> clients;
    for (size_t i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<LoggingClient>("client" + std::to_string(i), i));
    }
    std::mt19937_64 random(42);
    for (int round = 1; round <= rounds && !HasFailure(); ++round) {
      const size_t target =
          load.least_acknowledged + random() % (load.most_acknowledged - load.least_acknowledged);
      const SteadyClock::time_point killed_at = LoadAndKill(load, target, clients);
      server().Restart(settings);
      Check(round, killed_at - load.may_lose, load, clients);
    }
    // What was recovered is on the disk as it is.
    const std::string digest = Connect().Ask("DEBUG DIGEST");
    server().Kill();
    server().Restart(settings);
    EXPECT_EQ(Connect().Ask("DEBUG DIGEST"), digest);
    EXPECT_EQ(Connect().Ask("GET filler:29999").substr(0, 12), "\"value:29999");
  }

 private:
  SteadyClock::time_point LoadAndKill(const Load& load, size_t target,
                                      std::vector<std::unique_ptr<LoggingClient>>& clients) {
    const auto began = SteadyClock::now();
    for (const auto& client : clients) client->Start(Connect());
    std::thread saver;
    std::atomic<size_t> saves = 0;
    if (load.with_saves) {
      saver = std::thread([&saves, client = Connect()]() mutable {
        for (; client.Run({"SAVE"}).text == "OK"; ++saves) {
        }
      });
    }
    const auto acknowledged = [&] {
      size_t sum = 0;
      for (const auto& client : clients) sum += client->acknowledged();
      return sum;
    };
    EXPECT_TRUE(WaitFor([&] {
      return acknowledged() >= target && SteadyClock::now() - began >= load.least_time;
    })) << acknowledged()
        << " operations were acknowledged";
    const auto killed_at = SteadyClock::now();
    server().Kill();
    for (const auto& client : clients) client->Join();
    if (saver.joinable()) saver.join();
    std::printf("  killed after %zu acknowledged operations", acknowledged());
    if (load.with_saves) std::printf(" and %zu snapshots", saves.load());
    return killed_at;
  }

  void Check(int round, SteadyClock::time_point promised_before, const Load& load,
             std::vector<std::unique_ptr<LoggingClient>>& clients) {
    Client server = Connect();
    size_t lost = 0;
    size_t kept_beyond = 0;
    for (const auto& client : clients) {
      const size_t promised = load.may_lose.count() == 0
                                  ? client->acknowledged()
                                  : client->AcknowledgedBefore(promised_before);
      const std::optional<size_t> kept = client->Compare(server, promised);
      ASSERT_TRUE(kept) << "no number of operations makes this; "
                        << client->Difference(server, promised);
      EXPECT_GE(*kept, promised) << "acknowledged operations are lost; "
                                 << client->Difference(server, promised);
      lost += client->acknowledged() - std::min(*kept, client->acknowledged());
      kept_beyond += *kept - std::min(*kept, client->acknowledged());
    }
    std::printf("; round %d, appendfsync %s: %zu of them lost, %zu others kept\n", round,
                load.appendfsync.c_str(), lost, kept_beyond);
  }
};

TEST_F(KillTest, AlwaysLosesNothingAcknowledged) {
  Run({.appendfsync = "always", .least_acknowledged = 500, .most_acknowledged = 4000});
}

TEST_F(KillTest, AlwaysLosesNothingWhileSaving) {
  Run({.appendfsync = "always",
       .with_saves = true,
       .least_acknowledged = 500,
       .most_acknowledged = 4000});
}

TEST_F(KillTest, EverysecLosesTwoSecondsAtMost) {
  Run({.appendfsync = "everysec",
       .least_acknowledged = 1000,
       .most_acknowledged = 4000,
       .least_time = std::chrono::milliseconds(2500),
       .may_lose = std::chrono::seconds(2),
       .rounds = 1});
}

TEST_F(KillTest, EverysecLosesTwoSecondsAtMostWhileSaving) {
  Run({.appendfsync = "everysec",
       .with_saves = true,
       .least_acknowledged = 1000,
       .most_acknowledged = 4000,
       .least_time = std::chrono::milliseconds(2500),
       .may_lose = std::chrono::seconds(2),
       .rounds = 1});
}

}  // namespace
}  // namespace ampt::test
