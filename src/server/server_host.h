// ServerHost: the server as its commands see it (CONFIG, INFO, AUTH, SHUTDOWN, DEBUG, …).
//
// Everything that is not about the event loop is here; what is, it asks of ServerControl, which
// class Server implements. So nothing here knows libuv or a socket.
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

#include "commands/context.h"
#include "commands/host.h"
#include "server/log.h"
#include "server/server_clock.h"
#include "server/settings.h"
#include "server/statistics.h"

namespace ampt {

// The connections at this moment, for INFO and MEMORY STATS.
struct ClientFigures {
  size_t connected = 0;
  size_t blocked = 0;
  size_t largest_input_buffer_bytes = 0;
  size_t largest_output_buffer_bytes = 0;
  size_t buffer_bytes = 0;  // of all connections together
};

// What the host asks of the event loop and its connections.
class ServerControl {
 public:
  virtual ~ServerControl() = default;

  // As in Host.
  virtual std::string ListClients(const ClientFilter& filter) = 0;
  virtual int64_t KillClients(const ClientFilter& filter, const Session& me) = 0;
  virtual bool UnblockClient(int64_t id, bool with_error) = 0;

  virtual ClientFigures client_figures() const = 0;
  // Whether that connection comes from this machine (a Unix socket or a loopback address).
  virtual bool IsLocal(const Session& session) const = 0;

  // The settings have changed; whatever was copied out of them must be taken again.
  virtual void SettingsChanged() = 0;
  // Ends the loop after this turn.
  virtual void Stop() = 0;
  // Calls `do_some` once a turn, between clients, until it returns true.
  virtual void RunInSlices(std::function<bool()> do_some) = 0;
};

// What the databases count, since the start or CONFIG RESETSTAT.
struct DataFigures {
  uint64_t expired = 0;  // items removed by their deadline
  uint64_t hits = 0;     // reads of a key that was there
  uint64_t misses = 0;   // and of one that was not
};

// How the program was started, for INFO and CONFIG REWRITE.
struct Invocation {
  std::string executable;   // absolute
  std::string config_file;  // absolute; empty: none
};

struct InfoSource;

class ServerHost : public Host {
 public:
  // All are owned by the caller and outlive the host.
  ServerHost(ServerControl& control, Settings& settings, Statistics& statistics, ServerClock& clock,
             Log& log, Databases& databases, Invocation invocation);

  std::string ListClients(const ClientFilter& filter) override;
  int64_t KillClients(const ClientFilter& filter, const Session& me) override;
  bool UnblockClient(int64_t id, bool with_error) override;

  std::vector<std::pair<std::string, std::string>> GetSettings(std::string_view glob) override;
  Status SetSettings(
      std::span<const std::pair<std::string_view, std::string_view>> settings) override;
  Status RewriteConfig() override;

  bool AuthRequired() const override { return !settings_.requirepass.empty(); }
  Status CheckPassword(std::string_view user, std::string_view password) override;
  std::string Info(std::span<const std::string_view> sections) override;
  void ResetStatistics() override;
  std::string MemoryDoctor() override;
  void MemoryPurge() override;
  std::vector<std::pair<std::string, int64_t>> MemoryStats() override;
  int database_count() const override { return static_cast<int>(databases_.size()); }
  Status Shutdown(bool now) override;
  void FreeLater(std::function<bool()> free_some) override;
  int64_t WallMicros() override { return clock_.WallMicros(); }

  bool DebugAllowed(const Session& me) const override;
  void SetClock(std::optional<TimeMs> now_ms) override { clock_.Stop(now_ms); }
  void Sleep(double seconds) override;

  // The part of the settings that the model's commands obey; follows every CONFIG SET.
  const ModelSettings& model_settings() const { return model_settings_; }

 private:
  void CopyModelSettings();
  InfoSource MakeInfoSource();
  // Of all databases, since the start.
  DataFigures CountedByDatabases() const;

  ServerControl& control_;
  Settings& settings_;
  Statistics& statistics_;
  ServerClock& clock_;
  Log& log_;
  Databases& databases_;
  Invocation invocation_;
  ModelSettings model_settings_;
  std::string run_id_;  // 40 hexadecimal digits, new at each start
  int64_t started_nanos_;
  DataFigures counted_at_reset_;
  // How many jobs of FreeLater are not done; shared with them, as they may outlive the host.
  std::shared_ptr<size_t> pending_frees_;
};

}  // namespace ampt
