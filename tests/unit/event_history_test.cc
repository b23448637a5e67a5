// Random histories by SEED: writers, workers that fail or vanish, flushes, restarts, crashes. What
// comes out is compared with a model that knows every event and what every consumer did.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "event/filter.h"
#include "tests/unit/event_server.h"

namespace ampt {
namespace {

uint64_t Seed() {
  const char* text = std::getenv("SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

// One consumer as it should be.
struct ConsumerModel {
  std::vector<std::string> filters;
  struct Pending {
    uint64_t id = 0;
    bool replayed = false;
    uint32_t attempts = 0;
    bool in_flight = false;  // as far as the worker knows: it may lapse
    TimeMs first_ms = 0;
    std::string lane;
  };
  std::map<std::string, std::deque<Pending>> lanes;
  std::map<uint64_t, std::string> dead;  // id -> lane
  uint64_t number = 0;
  std::set<uint64_t> done;

  bool Wants(EventName name, const std::string& key) const {
    for (const std::string& filter : filters) {
      if (Filter::Parse(filter)->Matches(name, key)) return true;
    }
    return false;
  }
};

struct Model {
  std::map<std::string, ConsumerModel> consumers;
  std::map<std::string, int> items;  // what there is
};

class History {
 public:
  History(uint64_t seed, bool small_memory) : random_(seed) {
    settings_.max_dead = 20;
    if (small_memory) settings_.max_memory_bytes = 60000;
    server_ = std::make_unique<EventServer>(settings_);
    SetDefaults();
  }

  void Turn() {
    const uint64_t what = random_.Below(100);
    if (what < 45) {
      Write();
    } else if (what < 47) {
      FlushAll();
    } else if (what < 78) {
      Work();
    } else if (what < 86) {
      Advance();
    } else if (what < 88) {
      DeadLetters();
    } else if (what < 90) {
      DefineConsumer();
    } else if (what < 91) {
      DropConsumer();
    } else if (what < 95) {
      server_->events.ConvertSome(1 + random_.Below(20));
      server_->events.FreeSome(random_.Below(20));
    } else if (what < 99) {
      Snapshot();
    } else {
      Restart();
    }
    server_->events.CheckInvariants();
  }

  // What a consumer still has, lane by lane, by reading and acknowledging all of it.
  using Drained = std::map<std::string, std::vector<uint64_t>>;
  static Drained Drain(EventServer& server, const std::string& name) {
    Drained drained;
    for (int idle = 0; idle < 3;) {
      while (!server.events.ConvertSome(1000)) {
      }
      const std::vector<std::string> events = server.ReadJson(name);
      std::vector<uint64_t> ids;
      for (const std::string& json : events) {
        ids.push_back(std::stoull(json.substr(7)));
        drained[LaneOfJson(json)].push_back(ids.back());
      }
      EXPECT_EQ(server.Ack(name, ids), static_cast<int64_t>(ids.size()));
      // Whatever is in flight lapses, whatever waits gets ready.
      if (events.empty()) {
        ++idle;
        server.Advance(server.defaults.ackwait_ms + 1);
        server.Advance(server.defaults.backoff_max_ms + 1);
      } else {
        idle = 0;
      }
    }
    return drained;
  }

  // At the end everything comes, in order, once.
  void Finish() {
    server_->AbortSnapshot();
    CheckDead();
    for (auto& [name, model] : model_.consumers) {
      const Drained drained = Drain(*server_, name);
      std::set<uint64_t> dead;
      for (const std::string& json : server_->DeadJson(name)) {
        dead.insert(std::stoull(json.substr(7)));
      }
      Drained expected;
      for (const auto& [lane, pending] : model.lanes) {
        for (const auto& entry : pending) {
          // Draining takes its time: what was handed out before may have died meanwhile.
          const bool died =
              entry.attempts > 0 && (dead.contains(entry.id) || dead.size() == settings_.max_dead);
          if (!died) expected[lane].push_back(entry.id);
        }
        if (expected[lane].empty()) expected.erase(lane);
      }
      EXPECT_EQ(drained, expected) << name;
    }
    server_->events.CheckInvariants();
  }

  EventServer& server() { return *server_; }
  Model& model() { return model_; }
  const EventSettings& settings() const { return settings_; }
  // Of a consumer by number: what it was done with, or what died, at any time.
  const std::set<uint64_t>& ever_done(uint64_t number) { return ever_done_[number]; }
  // Lanes in which something was replayed.
  bool IsInOrder(const std::string& lane) const { return !out_of_order_.contains(lane); }
  uint64_t deliveries() const { return deliveries_; }
  uint64_t restarts() const { return restarts_; }
  uint64_t snapshots() const { return snapshots_; }
  uint64_t deaths() const { return deaths_; }
  bool restarts_are_clean = true;

  static std::string LaneOfJson(const std::string& json) {
    const size_t at = json.find("\"key\":\"") + 7;
    return std::string(LaneOf(json.substr(at, json.find('"', at) - at)));
  }

 private:
  void SetDefaults() {
    server_->defaults.ackwait_ms = 1000;
    server_->defaults.backoff_first_ms = 50;
    server_->defaults.backoff_max_ms = 400;
    server_->defaults.maxage_ms = 4000;
  }

  std::string RandomKey() {
    static constexpr const char* kSpaces[] = {"n:", "m:", "n", ""};
    return kSpaces[random_.Below(4)] + std::to_string(random_.Below(6));
  }

  void Emit(EventName name, const std::string& key, uint64_t id) {
    for (auto& [consumer_name, consumer] : model_.consumers) {
      if (!consumer.Wants(name, key)) continue;
      const std::string lane(LaneOf(key));
      consumer.lanes[lane].push_back({.id = id, .lane = lane});
    }
  }

  void Write() {
    const std::string key = RandomKey();
    if (server_->events.WouldExceed(0, key)) return;
    const uint64_t id = server_->events.next_id(0);
    const bool exists = model_.items.contains(key);
    if (exists && random_.OneIn(3)) {
      static constexpr Origin kOrigins[] = {Origin::kClient, Origin::kExpired, Origin::kEvicted};
      server_->Remove(key, kOrigins[random_.Below(3)]);
      model_.items.erase(key);
      Emit(EventName::kDeleted, key, id);
    } else {
      server_->Put(key, std::to_string(random_.Below(1000)));
      ++model_.items[key];
      Emit(exists ? EventName::kUpdated : EventName::kCreated, key, id);
    }
    EXPECT_EQ(server_->events.next_id(0), id + 1);
  }

  void FlushAll() {
    uint64_t id = server_->events.next_id(0);
    server_->Flush();
    for (const auto& [key, count] : model_.items) Emit(EventName::kDeleted, key, id++);
    model_.items.clear();
    EXPECT_EQ(server_->events.next_id(0), id);
  }

  void DefineConsumer() {
    const std::string name = "c" + std::to_string(random_.Below(3));
    ConsumerModel& consumer = model_.consumers[name];
    consumer.filters.clear();
    static constexpr const char* kFilters[] = {"*", "created", "*:n:*", "deleted:*",
                                               "updated:m:1*"};
    std::vector<std::string_view> texts;
    for (uint64_t n = 1 + random_.Below(2); n > 0; --n) texts.push_back(kFilters[random_.Below(5)]);
    consumer.filters.assign(texts.begin(), texts.end());
    server_->Create(name, texts);
    consumer.number = *server_->events.NumberOf(0, name);
  }

  void DropConsumer() {
    if (model_.consumers.empty()) return;
    const std::string name = RandomConsumer();
    EXPECT_TRUE(server_->events.DropConsumer(0, name).ok());
    model_.consumers.erase(name);
  }

  std::string RandomConsumer() {
    auto at = model_.consumers.begin();
    std::advance(at, random_.Below(model_.consumers.size()));
    return at->first;
  }

  void Work() {
    if (model_.consumers.empty()) return;
    const std::string name = RandomConsumer();
    ConsumerModel& consumer = model_.consumers[name];
    std::set<std::string> lanes;
    uint64_t last = 0;
    for (const std::string& json : server_->ReadJson(name, 1 + random_.Below(4))) {
      ++deliveries_;
      const uint64_t id = std::stoull(json.substr(7));
      const std::string lane = LaneOfJson(json);
      EXPECT_GT(id, last) << "in order of ids";
      last = id;
      EXPECT_TRUE(lanes.insert(lane).second) << "one of a namespace";
      auto& pending = consumer.lanes[lane];
      ASSERT_FALSE(pending.empty()) << json;
      auto& first = pending.front();
      ASSERT_EQ(first.id, id) << "the first of its namespace that is not done";
      const uint32_t attempt =
          static_cast<uint32_t>(std::stoul(json.substr(json.find("\"attempt\":") + 10)));
      EXPECT_EQ(attempt, first.attempts + 1);
      EXPECT_EQ(json.find("\"replayed\":true") != std::string::npos, first.replayed);
      if (first.attempts++ == 0) first.first_ms = server_->now_ms;
      switch (random_.Below(4)) {
        case 0:
        case 1:
          Acknowledge(name, consumer, lane);
          break;
        case 2:
          EXPECT_EQ(server_->Nak(name, id, "failed"), "OK");
          break;
        default:  // the worker dies
          break;
      }
    }
    // A late ACK of something that was handed out once.
    if (!random_.OneIn(6)) return;
    for (auto& [lane, pending] : consumer.lanes) {
      if (pending.empty() || pending.front().attempts == 0) continue;
      return Acknowledge(name, consumer, lane);
    }
  }

  void Acknowledge(const std::string& name, ConsumerModel& consumer, const std::string& lane) {
    auto& pending = consumer.lanes[lane];
    const uint64_t id = pending.front().id;
    EXPECT_EQ(server_->Ack(name, {id}), 1);
    EXPECT_EQ(server_->Ack(name, {id}), 0);
    consumer.done.insert(id);
    ever_done_[consumer.number].insert(id);
    pending.pop_front();
    if (pending.empty()) consumer.lanes.erase(lane);
  }

  void Advance() {
    server_->Advance(static_cast<TimeMs>(random_.Below(random_.OneIn(10) ? 5000 : 300)));
    CheckDead();
  }

  // Takes over what died, which must have been handed out that long ago.
  void CheckDead() {
    for (auto& [name, consumer] : model_.consumers) {
      std::set<uint64_t> dead;
      for (const std::string& json : server_->DeadJson(name)) {
        dead.insert(std::stoull(json.substr(7)));
      }
      for (auto& [lane, pending] : consumer.lanes) {
        while (!pending.empty()) {
          const auto& first = pending.front();
          const bool over = first.attempts > 0 && server_->now_ms >= first.first_ms + 4000;
          // Of too many the oldest gave way.
          if (!dead.contains(first.id) && !(over && dead.size() == settings_.max_dead)) {
            EXPECT_FALSE(over) << "stuck: " << name << " " << first.id;
            break;
          }
          EXPECT_TRUE(over);
          ++deaths_;
          consumer.dead[first.id] = lane;
          ever_done_[consumer.number].insert(first.id);
          pending.pop_front();
        }
      }
      std::erase_if(consumer.lanes, [](const auto& lane) { return lane.second.empty(); });
      std::erase_if(consumer.dead, [&](const auto& one) { return !dead.contains(one.first); });
      EXPECT_EQ(consumer.dead.size(), dead.size());
    }
  }

  void DeadLetters() {
    CheckDead();
    for (auto& [name, consumer] : model_.consumers) {
      if (consumer.dead.empty()) continue;
      const auto [id, lane] = *consumer.dead.begin();
      consumer.dead.erase(id);
      if (random_.OneIn(2)) {
        EXPECT_EQ(server_->Ack(name, {id}), 1);
        consumer.done.insert(id);
      } else {
        EXPECT_EQ(server_->Replay(name, {id}), 1);
        consumer.lanes[lane].push_back({.id = id, .replayed = true, .lane = lane});
        out_of_order_.insert(lane);
      }
    }
  }

  void Snapshot() {
    if (!server_->saving()) {
      server_->BeginSnapshot();
      return;
    }
    for (uint64_t n = random_.Below(40); n > 0; --n) {
      if (server_->SaveSome()) continue;
      ++snapshots_;
      return;
    }
    if (random_.OneIn(20)) server_->AbortSnapshot();
  }

  void Restart() {
    if (!restarts_are_clean) return;
    const uint64_t digest = server_->events.Digest(0);
    const TimeMs now_ms = server_->now_ms;
    const bool closes = random_.OneIn(2);
    if (closes) server_->events.Close();
    const uint64_t next = server_->events.next_id(0);
    server_ = std::make_unique<EventServer>(server_->files(), settings_, now_ms);
    SetDefaults();
    ++restarts_;
    ASSERT_EQ(server_->events.Digest(0), digest);
    if (closes) {
      EXPECT_EQ(server_->events.next_id(0), next);
    } else {
      EXPECT_GE(server_->events.next_id(0), next);
    }
  }

  Random random_;
  EventSettings settings_;
  std::unique_ptr<EventServer> server_;
  Model model_;
  std::map<uint64_t, std::set<uint64_t>> ever_done_;
  std::set<std::string> out_of_order_;
  uint64_t deliveries_ = 0;
  uint64_t restarts_ = 0;
  uint64_t snapshots_ = 0;
  uint64_t deaths_ = 0;
};

TEST(EventHistoryTest, NothingIsLostReorderedDoubledOrStuck) {
  uint64_t deliveries = 0;
  uint64_t restarts = 0;
  uint64_t snapshots = 0;
  uint64_t deaths = 0;
  for (uint64_t seed = Seed(); seed < Seed() + 40; ++seed) {
    History history(seed, seed % 4 == 0);
    for (int turn = 0; turn < 600; ++turn) {
      history.Turn();
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ", turn " << turn;
    }
    history.Finish();
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ", at the end";
    deliveries += history.deliveries();
    restarts += history.restarts();
    snapshots += history.snapshots();
    deaths += history.deaths();
  }
  EXPECT_GT(deliveries, 1500u);
  EXPECT_GT(restarts, 80u);
  EXPECT_GT(snapshots, 40u);
  EXPECT_GT(deaths, 100u);
}

// Crashes that take any end of the log, over a snapshot that is later than what is left.
TEST(EventHistoryTest, ACrashLosesNoEventOfAWriteThatIsLeft) {
  uint64_t over_snapshots = 0;
  for (uint64_t seed = Seed(); seed < Seed() + 60; ++seed) {
    History history(seed * 1000, false);
    history.restarts_are_clean = false;
    struct Point {
      EventServer::LogEnd end;
      Model model;
      uint64_t next_id;
    };
    std::vector<Point> points;
    for (int turn = 0; turn < 300; ++turn) {
      history.Turn();
      EventServer& server = history.server();
      points.push_back({server.log_end(), history.model(), server.events.next_id(0)});
    }
    ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed;
    over_snapshots += history.snapshots() > 0;
    std::erase_if(
        points, [&](const Point& point) { return !history.server().IsBehindSnapshot(point.end); });
    Random random(seed);
    for (int crash = 0; crash < 6; ++crash) {
      // Mostly right behind the snapshot's moment, where it is furthest ahead.
      const size_t among = random.OneIn(3) ? points.size() : std::min<size_t>(points.size(), 30);
      const Point& point = points[random.Below(among)];
      EventServer server(history.server().files(point.end), history.settings(),
                         history.server().now_ms);
      server.defaults.ackwait_ms = 1000;
      server.defaults.backoff_max_ms = 400;
      EXPECT_GE(server.events.next_id(0), history.server().events.next_id(0));
      for (const auto& [name, consumer] : point.model.consumers) {
        std::set<uint64_t> dead;
        const auto note_dead = [&] {
          for (const std::string& json : server.DeadJson(name)) {
            dead.insert(std::stoull(json.substr(7)));
          }
        };
        note_dead();
        const History::Drained drained = History::Drain(server, name);
        note_dead();
        std::set<uint64_t> seen;
        for (const auto& [lane, ids] : drained) {
          uint64_t before = 0;
          for (const uint64_t id : ids) {
            EXPECT_TRUE(seen.insert(id).second) << "twice";
            EXPECT_TRUE(id > before || !history.IsInOrder(lane)) << "out of order";
            before = id;
          }
        }
        // What was acknowledged, or died, later than the log tells may show already.
        const std::set<uint64_t>& ever_done = history.ever_done(consumer.number);
        for (const auto& [lane, pending] : consumer.lanes) {
          for (const auto& entry : pending) {
            EXPECT_TRUE(seen.contains(entry.id) || dead.contains(entry.id) ||
                        ever_done.contains(entry.id))
                << name << " lost " << entry.id;
          }
        }
        for (const uint64_t id : seen) {
          EXPECT_LT(id, point.next_id) << "of a write that is lost";
          EXPECT_FALSE(consumer.done.contains(id)) << "done before the crash";
        }
      }
      server.events.CheckInvariants();
      ASSERT_FALSE(testing::Test::HasFailure()) << "seed " << seed << ", crash " << crash;
    }
  }
  EXPECT_GT(over_snapshots, 30u);
}

}  // namespace
}  // namespace ampt
