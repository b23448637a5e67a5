// Events: change events of all databases, live and for durable consumers.
//
// **The event is its write.** A change gives an id, whether anybody listens or not, and an event
// where somebody does. Events are not logged: replaying the writes with the same consumers makes
// the same events with the same ids. What consumers do is logged, as records (event_record.h) in
// the frame of their turn.
//
//   filter         which events somebody wants
//   event          an event, and its JSON
//   stored_event   events kept for consumers, and the entries by which they hold them
//   consumer       one consumer's lanes, dead letters, waiting readers
//   backlog        one database: ids, stored events, consumers, flushes, records, loading
//   seams          what is asked of the host
//
// Nothing here knows a clock, a file or a connection. All of it belongs to one thread at a time.
//
// ## How a host drives it
//
// **Start.**
//
//   Events events(databases, settings);
//   events.set_host(&host);  events.set_live_sink(&pubsub);
//   EventKeeper keeper(events);                          // persistence.h: Events as data to keep
//   Recover(…, &keeper, …);                              // loads consumers and backlogs as well
//   effects: DurableEffects first, then events           // records come behind their write
//   events.set_journal(&durable_effects);                // for `appendonly no`: null
//   events.Recovered(now_ms, databases);                 // writes records; then
//   write *and sync* the log before the first client is served: ids from before a crash are passed
//   over by what these records reserve, which must be on the disk before one of them is given out.
//   (With `appendonly no` a crash takes back ids with everything else since the last snapshot.)
//   walk.set_other_source(&keeper);                      // so that snapshots hold the backlogs
//
// DEBUG RELOAD: events.Clear() in front of loading again. It forgets everything, waiting readers
// included (StopWaiting of each before, or wake them to find NOTFOUND).
//
// **Each turn**, before its commands: events.SetNow(now_ms). Then, or after them:
//
//   events.RunDue(n)          lapses, retries, ends; again in the next turn while it returned n.
//                             In front of the commands they see no state whose time is over
//   events.ConvertSome(n)     flushed items become events; not while walk.holds_detached_items()
//   events.FreeSome(n)        what dropped consumers held
//   wake up at events.NextDue(), and at once while RunDue() returned n, or one of the other two
//   returned false. n = 256 takes less than a millisecond. RunDue() writes records: it waits, as
//   writes do, while the log fails.
//
// **A flush.** Whoever detaches items calls TakeFlushed() at once: the ids of their events are
// taken there. What it gives back is the caller's to free.
//
// **Before a write command** that may add events: `if (events.WouldExceed(database, key))` answer
// OOM ("OOM command not allowed when the backlogs of event consumers are over
// 'events-max-memory'."), for every key it may write, or without a key for whole databases.
// Expiry and eviction are never refused.
//
// **A blocked READ.** The command leaves its BlockedWork in the context (commands/context.h) and
// has told Wait() of a token, the connection's number. When Wake(token) comes the host calls, when
// the running command is over and in the order of the calls, TryAgain() on it: true means that it
// has answered. At its deadline the host calls TimeOut(). Destroying it stops the waiting.
//
// **End.** events.Close(), then the log's: ids go on without a gap at the next start.
//
// ## Costs
//
// A change that nobody listens to: a counter and a branch. Else: the filters of all consumers of
// the database, and O(log n) for each that matches. READ, ACK, NAK, REPLAY: O(log n) an event.
// Memory: an event once, some 200 bytes and its records (more where every key is a lane of its
// own), and some 60 bytes for each further consumer; counted to the byte, and bounded by
// `events-max-memory`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "event/backlog.h"
#include "event/seams.h"
#include "model/effects.h"
#include "model/keyspace.h"

namespace ampt {

class Events final : public Effects {
 public:
  // REQUIRES: databases below 65536.
  Events(int databases, const EventSettings& settings);
  ~Events() override;

  // Null, or somebody who outlives this.
  void set_journal(EventJournal* journal) { environment_.journal = journal; }
  void set_host(EventHost* host) { environment_.host = host; }
  void set_live_sink(LiveSink* live) { environment_.live = live; }
  void set_settings(const EventSettings& settings) { environment_.settings = settings; }
  const EventSettings& settings() const { return environment_.settings; }
  // Whether any subscriber listens to the database; then the sink is asked.
  void SetLive(int database, bool is_live) { of(database).set_live(is_live); }

  // The time of the turn. Going back is ignored.
  void SetNow(TimeMs now_ms) {
    if (now_ms > environment_.now_ms) environment_.now_ms = now_ms;
  }

  // --- changes ----------------------------------------------------------------------------------

  void WillChange(int database, const Item& item, Origin) override {
    of(database).WillChange(item);
  }
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    of(database).DidChange(kind, item, origin);
  }
  // TakeFlushed() follows.
  void WillFlush(int) override {}

  // Takes the items of a flush to make deleted events of; gives them back if nobody listens.
  std::optional<DetachedItems> TakeFlushed(int database, DetachedItems items) {
    return of(database).TakeFlushed(std::move(items));
  }

  // `events-overflow refuse`, and backlogs are full: WouldExceed() is to be asked. Cost: constant.
  bool may_refuse() const { return MayRefuse(); }
  // `events-overflow refuse`: whether a write of that key must be refused now, because it would add
  // an event to backlogs that are full.
  bool WouldExceed(int database, std::string_view key) const {
    return MayRefuse() && of(database).IsListenedTo(key);
  }
  // The same of a write of any keys of the database.
  bool WouldExceed(int database) const { return MayRefuse() && of(database).has_consumers(); }
  // What backlogs take, flushed items included.
  size_t memory_bytes() const {
    return environment_.allocator.used_bytes() + environment_.flushed_bytes;
  }
  Allocator& allocator() { return environment_.allocator; }
  // Of all databases. Cost: linear in them.
  size_t consumer_count() const;
  uint64_t next_id(int database) const { return of(database).next_id(); }

  // --- consumers --------------------------------------------------------------------------------
  // Errors: "NOTFOUND Consumer does not exist", and what each says.

  // A new one, or new filters and settings for one that is there. Errors: CheckConsumerSettings();
  // over Backlog::kMostConsumers.
  Status CreateConsumer(int database, std::string_view name, ConsumerSettings settings) {
    return of(database).Create(name, std::move(settings));
  }
  Status DropConsumer(int database, std::string_view name);
  // The number of a consumer, never given twice in a database.
  Result<uint64_t> NumberOf(int database, std::string_view name) const;
  // Up to `count` events as JSON, at most 1 MiB of it but at least one; empty: there is none now.
  Result<std::vector<std::string>> Read(int database, std::string_view name, size_t count);
  // How many there were: in flight, waiting for a retry, dead.
  Result<int64_t> Acknowledge(int database, std::string_view name,
                              const std::vector<uint64_t>& ids);
  // Error: "NOTFOUND Event is not in flight".
  Status Refuse(int database, std::string_view name, uint64_t id, std::string_view reason);
  // The oldest first, at most 1 MiB.
  Result<std::vector<std::string>> DeadLetters(int database, std::string_view name,
                                               size_t count) const;
  Result<int64_t> Replay(int database, std::string_view name, const std::vector<uint64_t>& ids);
  // A JSON object; an array of all without a name. `backlog` counts flushed items that no filter
  // has seen yet as if all matched; `blocked` are the lanes that wait for a retry.
  Status AppendInfo(int database, std::optional<std::string_view> name, std::string* out) const;

  // A consumer in numbers. Valid until the next change of a consumer.
  struct ConsumerRow {
    int database;
    const Consumer* consumer;
    ConsumerFigures figures;
  };
  // Of up to `most` consumers, in the order of databases and names.
  std::vector<ConsumerRow> ConsumerRows(size_t most) const;

  // Queues a reader of that consumer, at its old place if it waits already. `token`: the host's
  // number for it, unique. REQUIRES: NumberOf(database, name) is OK.
  void Wait(int database, std::string_view name, uint64_t token);
  // It has got something, given up or gone. Unknown tokens are ignored.
  void StopWaiting(uint64_t token);
  size_t waiting_readers() const { return waiting_.size(); }

  // --- time -------------------------------------------------------------------------------------

  // When RunDue() has something to do; kNoDeadline: never. Cost: constant a database.
  TimeMs NextDue() const;
  // Up to `most` lapses, retries and ends of events; returns how many.
  size_t RunDue(size_t most);
  // Each true when there is nothing (more) to do for now.
  bool ConvertSome(size_t most);
  bool FreeSome(size_t most);

  // --- keeping ----------------------------------------------------------------------------------

  // As new: no consumers, ids from 1.
  void Clear();
  // From here on records come by Apply() and changes by replay, until Recovered().
  void BeginLoading() { environment_.is_loading = true; }
  // Any bytes are taken without harm; an error says what is wrong with them.
  Status Apply(int database, uint32_t kind, std::string_view bytes);
  // All is loaded: backlogs become ready to be read, ids pass over what a crash may have lost.
  // Cost: linear in the backlogs.
  void Recovered(TimeMs now_ms, std::span<Keyspace* const> databases);
  // Ends ids where they are.
  void Close();

  // A snapshot (why it may be written bit by bit: backlog_records.cc).
  void BeginSave(EventJournal& to);
  // At most one record; false when all are written.
  bool SaveOne(EventJournal& to);
  // Also in the middle.
  void EndSave();

  // An order-free hash of consumers, backlogs, attempts and dead letters; not of times. Linear.
  uint64_t Digest(int database) const { return of(database).Digest(); }
  // Ends the process where a promise is broken. Linear. REQUIRES: not loading.
  void CheckInvariants() const;

 private:
  struct Waiting {
    int database;
    uint64_t consumer;
    uint64_t order;
  };

  Backlog& of(int database) { return *backlogs_[static_cast<size_t>(database)]; }
  const Backlog& of(int database) const { return *backlogs_[static_cast<size_t>(database)]; }
  bool MayRefuse() const {
    return !environment_.settings.drop_on_overflow && environment_.is_full();
  }
  Status ApplyIds(EventRecord kind, RecordReader& reader);
  void WriteIds(std::string* record) const;

  BacklogEnvironment environment_;
  std::vector<std::unique_ptr<Backlog>> backlogs_;
  std::unordered_map<uint64_t, Waiting> waiting_;
  uint64_t next_wait_ = 1;
  size_t save_database_ = 0;
};

}  // namespace ampt
