// Host: what a command may ask of the program it runs in, and Session: of the connection it came
// by.
//
// The server implements both; the tests have small ones of their own; in a module the host's own
// commands stand in, so everything here may be absent there and no command of the model needs it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "commands/latency_monitor.h"
#include "commands/reply.h"
#include "commands/slow_log.h"

namespace ampt {

// How a client wants to be answered (CLIENT REPLY).
// kSkipThis is that of the command behind a CLIENT REPLY SKIP; only CLIENT REPLY changes it.
enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext, kSkipThis };

// What a subscription is to: the channel of that name, or all channels that match a glob.
enum class Topic : uint8_t { kChannel, kPattern };
inline constexpr size_t kTopics = 2;

// Channels of this name carry the server's change events: `ampt:<filter>`.
inline constexpr std::string_view kEventChannelPrefix = "ampt:";

// Whether SHUTDOWN saves a snapshot: where the settings ask for snapshots and there is no log, or
// as it was told.
enum class ShutdownSave : uint8_t { kAsConfigured, kNo, kYes };

class AccessControl;  // commands/access_control.h

// The connection a command came by.
class Session {
 public:
  virtual ~Session() = default;
  virtual int64_t id() const = 0;
  virtual int database() const = 0;
  virtual void set_database(int database) = 0;
  virtual int resp_version() const = 0;  // 2 or 3
  virtual void set_resp_version(int version) = 0;
  // Who has logged in, and who it is without (ACL).
  virtual std::string_view user_name() const { return "default"; }
  virtual bool authenticated() const = 0;
  virtual void set_authenticated(bool authenticated) = 0;
  virtual std::string_view name() const = 0;
  virtual void set_name(std::string_view name) = 0;
  // A view without data (`{}`) keeps what is there; "" removes it.
  virtual void set_library(std::string_view name, std::string_view version) = 0;
  virtual void set_no_evict(bool on) = 0;
  virtual void set_no_touch(bool on) = 0;
  virtual void set_reply_mode(ReplyMode mode) = 0;
  // The fields of CLIENT LIST for this connection, without the line end.
  virtual std::string Describe() const = 0;
  // Back to the state of a new connection (RESET).
  virtual void Reset() = 0;
  // Closes the connection once what was answered is sent.
  virtual void CloseAfterReply() = 0;

  // --- subscriptions ---
  // From now on the client gets the messages of that topic; again has no effect. Event channels and
  // patterns: the events of the selected database. REQUIRES: the filter of an event channel parses.
  virtual void Subscribe(Topic topic, std::string_view name) = 0;
  // Event channels and patterns: of every database.
  virtual void Unsubscribe(Topic topic, std::string_view name) = 0;
  // The names, in order and without repetition.
  virtual std::vector<std::string> Subscriptions(Topic topic) const = 0;
  // The first of them, good until it is unsubscribed from.
  virtual std::optional<std::string_view> FirstSubscription(Topic topic) const = 0;
  // Set while a SUBSCRIBE goes on in slices: it was permitted before the first of them.
  virtual void set_subscribing(bool subscribing) = 0;
  virtual bool is_subscribing() const = 0;
  // How many channels and patterns together.
  virtual size_t subscription_count() const = 0;
};

// Which connections CLIENT KILL and CLIENT LIST mean; an empty field means any.
struct ClientFilter {
  std::vector<int64_t> ids;  // in order
  std::string address;       // ip:port as CLIENT LIST shows it
  std::string local_address;
  std::string user;
  std::string type;  // normal, master, replica, pubsub
  bool skip_me = true;
  std::optional<int64_t> max_age_s;
};

// A figure of MEMORY STATS.
struct MemoryFigure {
  using Parts = std::vector<std::pair<std::string_view, int64_t>>;
  std::string name;
  std::variant<int64_t, double, Parts> value;
};

// Work that grows with the data: done in slices between which other clients are served, while the
// client that asked waits.
class SlicedWork {
 public:
  virtual ~SlicedWork() = default;
  // Does some of it, about limits::kSliceMicros worth. True when all is done.
  virtual bool DoSome(TimeMs now_ms) = 0;
  // Answers the client, after the last slice, unless the client has gone. False: that was a slice's
  // worth of the answer, and it goes on with the next call. What is answered in pushes
  // (Reply::Push) must be whole ones each time: messages may come between.
  virtual bool Answer(Reply& reply) = 0;
  // Whether it has views of its request's words: the host keeps these where they are as long as the
  // work is there. Asked once.
  virtual bool keeps_words() const { return false; }
};

// A command that waits for something to happen. It is not answered yet; the host puts it aside with
// its client and goes on serving others. Destroying it ends the waiting.
class BlockedWork {
 public:
  virtual ~BlockedWork() = default;
  // When the host calls TimeOut(); kNoDeadline: never.
  virtual TimeMs deadline_ms() const = 0;
  // What it waits for may have come: true if it has answered. What it does then is a write of the
  // turn. Called when the host of events is woken (EventHost::Wake), not in between.
  virtual bool TryAgain(Reply& reply) = 0;
  // Answers that nothing came.
  virtual void TimeOut(Reply& reply) = 0;
};

class Host {
 public:
  virtual ~Host() = default;

  // --- connections (CLIENT) ---
  // Looks at up to `most` connections with ids above `after_id`, in order, and appends those that
  // match, a line each. The last id looked at; 0: these were all.
  virtual int64_t ListClients(const ClientFilter& filter, int64_t after_id, size_t most,
                              std::string* list) = 0;
  virtual int64_t KillClients(const ClientFilter& filter, const Session& me) = 0;
  // True if that client was blocked and is not any more.
  virtual bool UnblockClient(int64_t id, bool with_error) = 0;

  // From now on `me` is shown what all clients run, until Session::Reset() (MONITOR).
  virtual void Monitor(Session& me) = 0;
  // Commands, or only those that write, wait so long or until UnpauseClients().
  virtual void PauseClients(int64_t duration_ms, bool writes_only) = 0;
  virtual void UnpauseClients() = 0;

  // --- what took long (SLOWLOG, LATENCY) ---
  virtual SlowLog& slow_log() = 0;
  virtual LatencyMonitor& latency_monitor() = 0;
  // Of every command that was called, in the order of the table.
  virtual std::vector<CommandLatency> CommandLatencies() const = 0;

  // --- publish and subscribe ---
  // Returns how many clients it went to; one that gets it twice counts twice.
  virtual int64_t Publish(std::string_view channel, std::string_view message) = 0;
  // The channels that have subscribers and match a glob, in no order.
  virtual std::vector<std::string> ActiveChannels(std::string_view glob) const = 0;
  // Those of the channel by its name; patterns do not count.
  virtual size_t SubscriberCount(std::string_view channel) const = 0;
  // How many different patterns have subscribers.
  virtual size_t pattern_count() const = 0;

  // --- settings (CONFIG) ---
  // Name and value of every setting that matches a glob, in the order of the documentation.
  virtual std::vector<std::pair<std::string, std::string>> GetSettings(std::string_view glob) = 0;
  // All of them or none: a refused one leaves the others as they were.
  virtual Status SetSettings(
      std::span<const std::pair<std::string_view, std::string_view>> settings) = 0;
  virtual Status RewriteConfig() = 0;

  // --- the server as a whole ---
  virtual bool AuthRequired() const = 0;
  // Makes the session that user's (`command`: what it asks with), or says WRONGPASS.
  virtual Status LogIn(Session& session, std::string_view user, std::string_view password,
                       std::string_view command) = 0;
  // Null: users are not managed here.
  virtual AccessControl* access_control() { return nullptr; }
  // INFO of these sections (lower case; empty: the default ones).
  virtual std::string Info(std::span<const std::string_view> sections) = 0;
  virtual void ResetStatistics() = 0;
  virtual std::string MemoryDoctor() = 0;
  virtual void MemoryPurge() = 0;
  virtual std::vector<MemoryFigure> MemoryStats() = 0;
  virtual int database_count() const = 0;
  // Writes and syncs what is due, then stops the server. An error if that fails, unless `force`;
  // the server goes on then.
  virtual Status Shutdown(ShutdownSave save, bool force) = 0;

  // --- snapshots (SAVE, BGSAVE, …) ---
  // A snapshot of this turn's end is taken. An error if one is being taken.
  virtual Status StartSave() = 0;
  // The same, and `me` is answered when it is saved.
  virtual Status StartSaveAndAnswer(const Session& me) = 0;
  virtual bool saving() const = 0;
  // Another one when the running one is over.
  virtual void SaveAgain() = 0;
  // Epoch seconds of the latest snapshot; the server's start if there was none.
  virtual int64_t last_save_s() const = 0;

  // Frees what a flush detached, in slices. `bytes`: how much that is, at a guess.
  virtual void FreeLater(size_t bytes, std::function<bool()> free_some) = 0;
  // Wall clock in microseconds (TIME).
  virtual int64_t WallMicros() = 0;

  // --- debugging (DEBUG; allowed by `enable-debug-command`) ---
  virtual bool DebugAllowed(const Session& me) const = 0;
  // Stops the server's clock at that time, or lets it run again (nullopt).
  virtual void SetClock(std::optional<TimeMs> now_ms) = 0;
  virtual void Sleep(double seconds) = 0;
  // Saves everything, empties the databases and loads them from the disk.
  virtual Status Reload() = 0;
  // Has calls of the disk fail or take long (failpoints.h); without an operation: none any more.
  virtual Status SetFailpoint(std::optional<std::string_view> operation, std::string_view action,
                              int64_t number) = 0;
};

}  // namespace ampt
