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
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "commands/reply.h"

namespace ampt {

// How a client wants to be answered (CLIENT REPLY).
enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext };

// The connection a command came by.
class Session {
 public:
  virtual ~Session() = default;
  virtual int64_t id() const = 0;
  virtual int database() const = 0;
  virtual void set_database(int database) = 0;
  virtual int resp_version() const = 0;  // 2 or 3
  virtual void set_resp_version(int version) = 0;
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
};

// Which connections CLIENT KILL and CLIENT LIST mean; an empty field means any.
struct ClientFilter {
  std::vector<int64_t> ids;
  std::string address;  // ip:port as CLIENT LIST shows it
  std::string local_address;
  std::string user;
  std::string type;  // normal, master, replica, pubsub
  bool skip_me = true;
  std::optional<int64_t> max_age_s;
};

// Work that grows with the data: done in slices of about a millisecond between which other clients
// are served, while the client that asked waits.
class SlicedWork {
 public:
  virtual ~SlicedWork() = default;
  // Does some of it, about limits::kSliceMicros worth. True when all is done.
  virtual bool DoSome(TimeMs now_ms) = 0;
  // Answers the client. Called once, after the last slice, unless the client has gone.
  virtual void Answer(Reply& reply) = 0;
};

class Host {
 public:
  virtual ~Host() = default;

  // --- connections (CLIENT) ---
  virtual std::string ListClients(const ClientFilter& filter) = 0;
  virtual int64_t KillClients(const ClientFilter& filter, const Session& me) = 0;
  // True if that client was blocked and is not any more.
  virtual bool UnblockClient(int64_t id, bool with_error) = 0;

  // --- settings (CONFIG) ---
  // Name and value of every setting that matches a glob, in the order of the documentation.
  virtual std::vector<std::pair<std::string, std::string>> GetSettings(std::string_view glob) = 0;
  // All of them or none: a refused one leaves the others as they were.
  virtual Status SetSettings(
      std::span<const std::pair<std::string_view, std::string_view>> settings) = 0;
  virtual Status RewriteConfig() = 0;

  // --- the server as a whole ---
  virtual bool AuthRequired() const = 0;
  virtual Status CheckPassword(std::string_view user, std::string_view password) = 0;
  // INFO of these sections (lower case; empty: the default ones).
  virtual std::string Info(std::span<const std::string_view> sections) = 0;
  virtual void ResetStatistics() = 0;
  virtual std::string MemoryDoctor() = 0;
  virtual void MemoryPurge() = 0;
  // Name and value of each figure of MEMORY STATS.
  virtual std::vector<std::pair<std::string, int64_t>> MemoryStats() = 0;
  virtual int database_count() const = 0;
  // Stops the server after this turn. Error text if it cannot (nothing is stopped then).
  virtual Status Shutdown(bool now) = 0;
  // Frees what a flush detached, in slices.
  virtual void FreeLater(std::function<bool()> free_some) = 0;
  // Wall clock in microseconds (TIME).
  virtual int64_t WallMicros() = 0;

  // --- debugging (DEBUG; allowed by `enable-debug-command`) ---
  virtual bool DebugAllowed(const Session& me) const = 0;
  // Stops the server's clock at that time, or lets it run again (nullopt).
  virtual void SetClock(std::optional<TimeMs> now_ms) = 0;
  virtual void Sleep(double seconds) = 0;
};

}  // namespace ampt
