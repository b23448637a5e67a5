// Backlog: the events of one database that some consumer is not done with, and its consumers.
//
// Events (events.h) has one for each database and is what others see of it; what is promised is
// said there. This class is one database's share: ids, consumers, stored events, and the events
// that a flush still has to become.
//
// **A flush.** The items that it detached become deleted events bit by bit (ConvertSome). Until
// then events that come behind are *held*: stored, but in no lane, so that their order needs no
// further thought. Several flushes follow each other: items of the first, held events up to the
// second, items of the second, …
//
// **Loading.** While records and replayed writes come in (state kLoading), entries are in no lane:
// each belongs to its event and hangs in a chain of its consumer's. So nothing depends on an order
// in which records make sense only together. Settle() then builds the lanes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "event/consumer.h"
#include "event/event.h"
#include "event/event_record.h"
#include "event/seams.h"
#include "event/stored_event.h"
#include "model/keyspace.h"

namespace ampt {

// What all databases share.
struct BacklogEnvironment {
  Allocator allocator;       // of all that is stored: its count is what the memory limit is about
  size_t flushed_bytes = 0;  // estimate of what flushed items take that are no events yet
  EventSettings settings;
  EventJournal* journal = nullptr;
  EventHost* host = nullptr;
  LiveSink* live = nullptr;
  TimeMs now_ms = 0;
  bool is_loading = false;
  bool is_saving = false;

  bool is_full() const {
    return settings.max_memory_bytes > 0 &&
           allocator.used_bytes() + flushed_bytes >= settings.max_memory_bytes;
  }
};

// What a consumer has before it, in numbers.
struct ConsumerFigures {
  uint64_t backlog;  // flushed items that no filter has seen yet count as if all matched
  uint64_t in_flight;
  uint64_t blocked;  // lanes that wait for a retry
  uint64_t dead;
  int64_t lag_ms;  // the age of the oldest event of the backlog
};

class Backlog {
 public:
  static constexpr size_t kMostConsumers = 1000;

  Backlog(BacklogEnvironment& environment, int database)
      : environment_(environment), database_(database), stored_(environment.allocator) {}
  Backlog(const Backlog&) = delete;
  Backlog& operator=(const Backlog&) = delete;
  ~Backlog();

  // --- changes ----------------------------------------------------------------------------------

  bool has_listeners() const { return !consumers_.empty() || is_live_; }
  void set_live(bool is_live) { is_live_ = is_live; }
  bool is_live() const { return is_live_; }
  void WillChange(const Item& item);
  void DidChange(ChangeKind kind, const Item& item, Origin origin);
  std::optional<DetachedItems> TakeFlushed(DetachedItems items);
  // Makes events of flushed items and moves held ones into lanes: up to `most` of them. True when
  // there is nothing (more) to do for now.
  bool ConvertSome(size_t most);
  // Whether a consumer may get an event of that key (of any key).
  bool IsListenedTo(std::string_view key) const;
  bool has_consumers() const { return !consumers_.empty(); }
  size_t consumer_count() const { return consumers_.size(); }

  uint64_t next_id() const { return next_id_; }
  uint64_t reserved() const { return reserved_; }
  void SetIds(uint64_t next, uint64_t reserved, bool closed);
  // Where ids go on after loading: behind all that may have been given out.
  void ResumeIds(size_t items);
  void Reserve();

  // --- consumers --------------------------------------------------------------------------------

  Consumer* Find(std::string_view name) const;
  Consumer* Find(uint64_t number) const;
  Status Create(std::string_view name, ConsumerSettings settings);
  void Drop(Consumer& consumer);
  void Read(Consumer& consumer, size_t count, std::vector<std::string>* events);
  int64_t Acknowledge(Consumer& consumer, const std::vector<uint64_t>& ids);
  Status Refuse(Consumer& consumer, uint64_t id, std::string_view reason);
  void DeadLetters(const Consumer& consumer, size_t count, std::vector<std::string>* events) const;
  int64_t Replay(Consumer& consumer, const std::vector<uint64_t>& ids);
  ConsumerFigures FiguresOf(const Consumer& consumer) const;
  void AppendInfo(const Consumer& consumer, std::string* out) const;
  const std::map<std::string, std::shared_ptr<Consumer>, std::less<>>& consumers() const {
    return consumers_;
  }

  // Gives what is ready to readers that wait.
  void WakeReaders(Consumer& consumer);

  // --- time -------------------------------------------------------------------------------------

  TimeMs NextDue() const { return due_.empty() ? kNoDeadline : (*due_.begin())->delivery->due_ms; }
  // Up to `most` lapses, retries and ends; returns how many.
  size_t RunDue(size_t most);
  // Frees up to `most` entries of dropped consumers. True when none are left.
  bool FreeSome(size_t most);

  // --- keeping ----------------------------------------------------------------------------------

  void BeginSave();
  // At most one record; false when all are written.
  bool SaveOne(EventJournal& to);
  Status Apply(EventRecord kind, RecordReader& reader);
  void Settle();

  uint64_t Digest() const;
  void CheckInvariants() const;

 private:
  // A flush whose items are being made events.
  struct Target {
    std::shared_ptr<Consumer> consumer;
    std::shared_ptr<const FilterSet> filters;  // as they were
  };
  struct Flushed {
    uint64_t next_id;  // of the first item that is left
    TimeMs time_ms;
    DetachedItems items;
    size_t item_bytes;  // on average
    std::vector<Target> targets;
    bool is_live;
  };
  struct ByDue {
    bool operator()(const Entry* a, const Entry* b) const {
      if (a->delivery->due_ms != b->delivery->due_ms) {
        return a->delivery->due_ms < b->delivery->due_ms;
      }
      if (a->id() != b->id()) return a->id() < b->id();
      return a->consumer->number() < b->consumer->number();
    }
  };
  using StoredEvents = std::map<uint64_t, StoredEvent*, std::less<>,
                                SeamAllocator<std::pair<const uint64_t, StoredEvent*>>>;

  void Tell(uint64_t id, ChangeKind kind, const Item& item, Origin origin);
  bool is_pending() const { return !flushed_.empty() || !held_.empty(); }
  void ConvertOne(Flushed& flushed);

  StoredEvent* Store(uint64_t id, TimeMs time_ms, EventName name, DeleteReason reason,
                     std::string_view key, std::string_view item, std::string_view previous);
  Entry* AddEntry(StoredEvent* event, Consumer& consumer);
  Entry* FindEntry(const Consumer& consumer, uint64_t id) const;
  // Puts a new or replayed entry where it belongs now.
  void Enqueue(Entry* entry);
  void PutIntoLane(Entry* entry);
  // Takes an entry out of whatever list it is in.
  void Unlink(Entry* entry);
  // The consumer is done with it: frees the entry, and the event with its last.
  void Finish(Entry* entry);
  Delivery& DeliveryOf(Entry* entry);
  void SetDue(Entry* entry, TimeMs due_ms);
  void ClearDue(Entry* entry);

  TimeMs EndOf(const Entry* entry) const;
  void HandOut(Entry* entry);
  void Fail(Entry* entry, std::string_view reason);
  void Die(Entry* entry);
  void TrimDead(Consumer& consumer);

  // --- records ---
  void Record(EventRecord kind);
  void RecordTime(uint64_t id);
  void RecordConsumer(const Consumer& consumer);
  void RecordEntry(const Entry* entry);
  static void WriteConsumer(const Consumer& consumer, RecordWriter writer);
  static void WriteDelivery(const Entry* entry, RecordWriter& writer);
  Status ApplyConsumer(RecordReader& reader);
  Status ApplyEntry(RecordReader& reader);
  Status ApplyEvent(RecordReader& reader);
  Status ApplyDelivery(RecordReader& reader, Entry* entry);
  // Makes events of flushed items as long as that may bring the one of that id.
  void ConvertUpTo(uint64_t id);
  void PlaceLoaded(Entry* entry);

  BacklogEnvironment& environment_;
  const int database_;
  uint64_t next_id_ = 1;
  uint64_t reserved_ = 0;
  bool is_closed_ = false;  // while loading: the last thing said was where ids go on
  uint64_t items_ = 0;      // in the database
  bool is_live_ = false;

  std::map<std::string, std::shared_ptr<Consumer>, std::less<>> consumers_;
  std::map<uint64_t, std::shared_ptr<Consumer>> by_number_;
  uint64_t next_consumer_ = 1;
  std::vector<std::shared_ptr<Consumer>> dropped_;

  StoredEvents stored_;
  std::set<Entry*, ByDue> due_;
  size_t in_lanes_ = 0;  // of all consumers
  std::deque<Flushed> flushed_;
  EntryList held_;
  TimeMs recorded_time_ms_ = 0;

  // What has been captured of the item that is being changed.
  std::string previous_;
  bool has_previous_ = false;
  std::string item_record_;
  std::vector<Consumer*> matching_;
  std::string record_;

  // What BeginSave() copied, and how far SaveOne() has come.
  struct Save {
    uint64_t next_id = 0;
    uint64_t reached = 0;                // ids below are written
    std::vector<std::string> consumers;  // records
    size_t consumer = 0;
    size_t flushes = 0;  // how many of flushed_ belong to it
    size_t flush = 0;
    KeyIndex::Cursor item;
    uint64_t item_id = 0;
    bool in_flush = false;
  } save_;
};

}  // namespace ampt
