// Records of consumers: any bytes are taken without harm, and records may come twice.
#include "event/event_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "tests/unit/event_server.h"

namespace ampt {
namespace {

struct OneRecord {
  int database;
  uint32_t kind;
  std::string bytes;
};

// Takes records apart again.
class Collector : public EffectSink {
 public:
  std::vector<OneRecord> records;
  Status Put(int, std::string_view, const ItemState&) override { return {}; }
  Status Delete(int, std::string_view, DeleteReason) override { return {}; }
  Status Flush(int) override { return {}; }
  Status Other(int database, uint32_t kind, std::string_view bytes) override {
    records.push_back({database, kind, std::string(bytes)});
    return {};
  }
};

// A server that has written every kind of record.
EventServer::Files AllKinds() {
  EventSettings settings;
  settings.max_dead = 1;
  settings.max_memory_bytes = 6000;
  settings.drop_on_overflow = true;
  EventServer server(settings);
  server.defaults.maxage_ms = 1000;
  server.Create("c", {"*", "created:n:*"});
  server.Create("d", {"deleted"});
  server.Create("gone");
  for (int n = 0; n < 4; ++n) server.Put("n:" + std::to_string(n % 2), "1");
  server.Put("m", "1");
  server.Put("o", "1");
  EXPECT_EQ(server.Read("c"), "1 5 6");
  EXPECT_EQ(server.Nak("c", 5, "why"), "OK");
  server.Advance(1000);
  EXPECT_EQ(server.Replay("c", {6}), 1);
  EXPECT_EQ(server.Read("c", 1), "2");
  EXPECT_EQ(server.Ack("c", {2}), 1);
  EXPECT_TRUE(server.events.DropConsumer(0, "gone").ok());
  server.BeginSnapshot();
  while (server.SaveSome()) {
  }
  for (int n = 0; n < 40; ++n) server.Put("n:0", "1");
  EXPECT_GT(server.TakeLeftOut().size(), 0u);
  server.events.Close();
  return server.files();
}

std::vector<OneRecord> RecordsOf(const EventServer::Files& files) {
  Collector collector;
  EXPECT_TRUE(ReadEffects(files.snapshot.bytes, files.snapshot.count, collector).ok());
  EXPECT_TRUE(ReadEffects(files.log.bytes, files.log.count, collector).ok());
  return collector.records;
}

TEST(EventRecordTest, AnyBytesAreTakenWithoutHarm) {
  const std::vector<OneRecord> records = RecordsOf(AllKinds());
  ASSERT_GT(records.size(), 10u);
  Random random(1);
  uint64_t taken = 0;
  uint64_t refused = 0;
  for (int round = 0; round < 5000; ++round) {
    Allocator allocator;
    Keyspace keyspace(allocator, 0, 1);
    const std::vector<Keyspace*> databases = {&keyspace};
    Events events(1, EventSettings());
    events.BeginLoading();
    for (const OneRecord& record : records) {
      std::string bytes = record.bytes;
      if (random.OneIn(12)) continue;
      if (random.OneIn(8)) bytes.resize(random.Below(bytes.size() + 1));
      for (uint64_t n = random.OneIn(3) ? random.Below(4) : 0; n > 0 && !bytes.empty(); --n) {
        bytes[random.Below(bytes.size())] =
            static_cast<char>(random.OneIn(2) ? random.Next() : random.Below(4));
      }
      const uint32_t kind =
          random.OneIn(30) ? static_cast<uint32_t>(random.Below(12)) : record.kind;
      const Status status = events.Apply(0, kind, bytes);
      ++(status.ok() ? taken : refused);
      EXPECT_TRUE(status.ok() || status.text().starts_with("ERR ")) << status.text();
    }
    events.Recovered(2'000'000, databases);
    events.CheckInvariants();
    for (const char* name : {"c", "d"}) {
      if (!events.NumberOf(0, name).ok()) continue;
      EXPECT_TRUE(events.Read(0, name, 1000).ok());
      EXPECT_TRUE(events.DeadLetters(0, name, 1000).ok());
    }
    events.CheckInvariants();
  }
  EXPECT_GT(taken, 10000u);
  EXPECT_GT(refused, 1000u);
}

TEST(EventRecordTest, ALogMayBeReplayedOverALaterState) {
  EventServer server;
  server.Create("c");
  server.Put("n:1", "1");
  server.Put("n:2", "1");
  server.BeginSnapshot();
  EXPECT_EQ(server.Read("c"), "1");
  EXPECT_EQ(server.Ack("c", {1}), 1);
  EXPECT_EQ(server.Read("c"), "2");
  EXPECT_EQ(server.Nak("c", 2, "x"), "OK");
  server.Put("n:3", "1");
  // Only now is what consumers hold written: later than the log that follows begins.
  while (server.SaveSome()) {
  }
  EventServer next(server.files(), EventSettings(), server.now_ms);
  EXPECT_EQ(next.events.Digest(0), server.events.Digest(0));
  EXPECT_EQ(next.Info("c"), server.Info("c"));
}

TEST(EventRecordTest, UnknownKindsAreNamed) {
  Events events(1, EventSettings());
  EXPECT_EQ(events.Apply(0, 77, "").text(),
            "ERR a record of events is of a kind this program does not know");
  EXPECT_EQ(events.Apply(0, static_cast<uint32_t>(EventRecord::kDrop), "abc").text(),
            "ERR a record of events is cut short");
}

}  // namespace
}  // namespace ampt
