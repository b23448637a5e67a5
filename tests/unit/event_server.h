// The smallest server for tests of events: keyspaces, events, a log and snapshots in memory, and a
// host that remembers. Time is a number.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/events.h"
#include "persistence/codec.h"
#include "persistence/persistence.h"

namespace ampt {

// Effects one behind the other, as a log or a snapshot holds them.
struct EffectBytes {
  std::string bytes;
  uint32_t count = 0;
};

class EventServer : private Effects,
                    private EventJournal,
                    private EventHost,
                    private LiveSink,
                    private OtherReceiver {
 public:
  static constexpr int kDatabases = 2;
  // Whatever an EventServer leaves behind for the next one.
  struct Files {
    EffectBytes snapshot;
    EffectBytes log;
  };

  explicit EventServer(const EventSettings& settings = {}) : EventServer(Files(), settings) {}
  // Loads; `files` may be cut by whoever made them.
  explicit EventServer(Files files, const EventSettings& settings = {}, TimeMs at_ms = 1'000'000)
      : events(kDatabases, settings),
        keeper_(events),
        now_ms(at_ms),
        snapshot_(std::move(files.snapshot)),
        log_(std::move(files.log)) {
    for (int n = 0; n < kDatabases; ++n) {
      owned_.push_back(std::make_unique<Keyspace>(allocator_, n, 7));
      databases_.push_back(owned_.back().get());
    }
    KeyspaceSink sink(databases_, &keeper_);
    sink.set_once(true);
    Check(ReadEffects(snapshot_.bytes, snapshot_.count, sink));
    sink.set_once(false);
    for (Keyspace* keyspace : databases_) keyspace->set_effects(keeper_.ReplayEffects());
    Check(ReadEffects(log_.bytes, log_.count, sink));
    for (Keyspace* keyspace : databases_) keyspace->set_effects(this);
    events.set_journal(this);
    events.set_host(this);
    events.set_live_sink(this);
    events.Recovered(now_ms, databases_);
    events.CheckInvariants();
  }
  ~EventServer() override {
    for (Keyspace* keyspace : databases_) keyspace->set_effects(nullptr);
  }

  void Advance(TimeMs by_ms) {
    now_ms += by_ms;
    events.SetNow(now_ms);
    while (events.RunDue(1) > 0) {
    }
  }

  // --- writing ---
  void Put(std::string_view key, std::string_view text, int database = 0) {
    ItemState state;
    state.value = NumberValue(text);
    state.created_s = 1000;
    state.modified_s = 1000;
    KeyRef ref = (*databases_[static_cast<size_t>(database)]).Open(key, now_ms);
    if (ref.exists()) state.created_s = ref.item().created_s();
    ref.Put(state);
  }
  void Remove(std::string_view key, Origin origin = Origin::kClient, int database = 0) {
    KeyRef ref = databases_[static_cast<size_t>(database)]->Open(key, now_ms);
    if (ref.exists()) ref.Erase(origin);
  }
  // True if the events took the items.
  bool Flush(int database = 0) {
    return !events.TakeFlushed(database, databases_[static_cast<size_t>(database)]->Detach());
  }
  Keyspace& keyspace(int database = 0) { return *databases_[static_cast<size_t>(database)]; }

  // --- consumers ---
  void Create(std::string_view name, const std::vector<std::string_view>& filters = {"*"},
              int database = 0) {
    ConsumerSettings settings = defaults;
    settings.filters = *FilterSet::Parse(filters);
    const Status status = events.CreateConsumer(database, name, std::move(settings));
    EXPECT_TRUE(status.ok());
  }
  std::vector<std::string> ReadJson(std::string_view name, size_t count = 1000, int database = 0) {
    const auto read = events.Read(database, name, count);
    EXPECT_TRUE(read.ok());
    return read.ok() ? *read : std::vector<std::string>();
  }
  // The events' ids and attempts, as "3" or "3/2", joined by spaces.
  std::string Read(std::string_view name, size_t count = 1000, int database = 0) {
    return Short(ReadJson(name, count, database));
  }
  std::vector<std::string> DeadJson(std::string_view name, size_t count = 1000) {
    return *events.DeadLetters(0, name, count);
  }
  std::string Dead(std::string_view name, size_t count = 1000) {
    return Short(DeadJson(name, count));
  }
  int64_t Ack(std::string_view name, const std::vector<uint64_t>& ids, int database = 0) {
    return *events.Acknowledge(database, name, ids);
  }
  std::string Nak(std::string_view name, uint64_t id, std::string_view reason = "") {
    const Status status = events.Refuse(0, name, id, reason);
    return status.ok() ? "OK" : status.text();
  }
  int64_t Replay(std::string_view name, const std::vector<uint64_t>& ids) {
    return *events.Replay(0, name, ids);
  }
  std::string Info(std::string_view name, int database = 0) {
    std::string out;
    Check(events.AppendInfo(database, name, &out));
    return out;
  }
  // A member of Info(): the text up to the next member.
  std::string Info(std::string_view name, const std::string& member) {
    const std::string info = Info(name);
    const size_t at = info.find("\"" + member + "\":");
    if (at == std::string::npos) return "";
    const size_t from = at + member.size() + 3;
    return info.substr(from, info.find_first_of(",}", from) - from);
  }

  // --- keeping ---
  // A snapshot of now: the items at once, the rest by SaveSome().
  void BeginSnapshot() {
    saving_.emplace();
    saving_base_ = log_end();
    for (const Keyspace* keyspace : databases_) {
      for (auto at = keyspace->by_key().First(); at.Valid(); at.Next()) {
        AppendPut(keyspace->database(), at.item()->key(), at.item()->state(), &saving_->bytes);
        ++saving_->count;
      }
    }
    keeper_.BeginSave(*this);
  }
  // False when it is over; then the snapshot and the log since are what is kept.
  bool SaveSome() {
    if (keeper_.SaveSome(*this)) return true;
    snapshot_ = std::move(*saving_);
    base_ = saving_base_;
    saving_.reset();
    return false;
  }
  bool saving() const { return saving_.has_value(); }
  void AbortSnapshot() {
    if (!saving_) return;
    keeper_.AbortSave();
    saving_.reset();
  }
  // A place in the log of this server.
  struct LogEnd {
    size_t bytes = 0;
    uint32_t count = 0;
  };
  LogEnd log_end() const { return {log_.bytes.size(), log_.count}; }
  // Whether the snapshot was begun at or before that.
  bool IsBehindSnapshot(const LogEnd& end) const { return end.bytes >= base_.bytes; }
  // What is kept, as if the log ended there. REQUIRES: IsBehindSnapshot(end).
  Files files(const LogEnd& end) const {
    return {snapshot_,
            {log_.bytes.substr(base_.bytes, end.bytes - base_.bytes), end.count - base_.count}};
  }
  Files files() const { return files(log_end()); }

  static std::string Short(const std::vector<std::string>& events) {
    std::string all;
    for (const std::string& json : events) {
      const size_t id_end = json.find('"', 7);
      all += (all.empty() ? "" : " ") + json.substr(7, id_end - 7);
      const size_t at = json.find("\"attempt\":");
      if (at == std::string::npos) continue;
      const std::string attempt = json.substr(at + 10, json.find(',', at) - at - 10);
      if (attempt != "1") all += "/" + attempt;
      if (json.find("\"replayed\":true") != std::string::npos) all += "r";
    }
    return all;
  }

  std::vector<uint64_t> TakeWoken() { return std::exchange(woken_, {}); }
  std::vector<std::string> TakeLive() { return std::exchange(live_, {}); }
  std::vector<std::string> TakeLeftOut() { return std::exchange(left_out_, {}); }

  ConsumerSettings defaults;

 private:
  // Flushed items live on in backlogs.
  Allocator allocator_;

 public:
  Events events;

 private:
  static void Check(const Status& status) { EXPECT_TRUE(status.ok()) << status.text(); }

  template <typename Append>
  void Log(Append append) {
    append(&log_.bytes);
    ++log_.count;
  }
  void WillChange(int database, const Item& item, Origin origin) override {
    events.WillChange(database, item, origin);
  }
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    Log([&](std::string* out) {
      if (kind == ChangeKind::kDeleted) {
        AppendDelete(database, item.key(), ReasonOf(origin), out);
      } else {
        AppendPut(database, item.key(), item.state(), out);
      }
    });
    events.DidChange(database, kind, item, origin);
  }
  void WillFlush(int database) override {
    Log([&](std::string* out) { AppendFlush(database, out); });
    events.WillFlush(database);
  }
  void Record(int database, uint32_t kind, std::string_view bytes) override {
    Log([&](std::string* out) { AppendOther(database, kind, bytes, out); });
  }
  void AddOther(int database, uint32_t kind, std::string_view bytes) override {
    AppendOther(database, kind, bytes, &saving_->bytes);
    ++saving_->count;
  }
  void Wake(uint64_t token) override { woken_.push_back(token); }
  void LeftOut(int database, std::string_view consumer, uint64_t id, uint64_t count) override {
    left_out_.push_back(std::to_string(database) + " " + std::string(consumer) + " " +
                        std::to_string(id) + " " + std::to_string(count));
  }
  bool Wants(int, std::string_view key) override { return key.find("quiet") != 0; }
  void Publish(const Event& event) override {
    live_.emplace_back();
    AppendEventJson(event, &live_.back());
  }

  std::vector<std::unique_ptr<Keyspace>> owned_;
  std::vector<Keyspace*> databases_;
  EventKeeper keeper_;

 public:
  TimeMs now_ms;

 private:
  EffectBytes snapshot_;
  EffectBytes log_;  // all of this server's life
  LogEnd base_;      // where the snapshot's moment is in it
  std::optional<EffectBytes> saving_;
  LogEnd saving_base_;
  std::vector<uint64_t> woken_;
  std::vector<std::string> live_;
  std::vector<std::string> left_out_;
};

}  // namespace ampt
