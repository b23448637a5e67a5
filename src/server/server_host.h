// ServerHost: the server as its commands see it (CONFIG, INFO, AUTH, SHUTDOWN, DEBUG, …).
//
// Everything that is not about the event loop is here; what is, it asks of ServerControl, which
// class Server implements. So nothing here knows the loop or a socket.
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
#include "server/acl.h"
#include "server/expire_lag.h"
#include "server/hot_keys.h"
#include "server/log.h"
#include "server/memory_limit.h"
#include "server/monitoring.h"
#include "server/pubsub.h"
#include "server/server_clock.h"
#include "server/settings.h"
#include "server/statistics.h"
#include "server/storage.h"

namespace ampt {

// The connections at this moment, for INFO and MEMORY STATS.
struct ClientFigures {
  size_t connected = 0;
  size_t blocked = 0;
  size_t largest_input_buffer_bytes = 0;
  size_t largest_output_buffer_bytes = 0;
  size_t buffer_bytes = 0;  // of all connections together
};

class TlsContext;

// What the host asks of the event loop and its connections.
class ServerControl {
 public:
  virtual ~ServerControl() = default;

  // As in Host.
  virtual int64_t ListClients(const ClientFilter& filter, int64_t after_id, size_t most,
                              std::string* list) = 0;
  virtual int64_t KillClients(const ClientFilter& filter, const Session& me) = 0;
  virtual bool UnblockClient(int64_t id, bool with_error) = 0;

  virtual ClientFigures client_figures() const = 0;
  // Whether that connection comes from this machine (a Unix socket or a loopback address).
  virtual bool IsLocal(const Session& session) const = 0;

  virtual void Monitor(Session& me) = 0;
  virtual void PauseClients(int64_t duration_ms, bool writes_only) = 0;
  virtual void UnpauseClients() = 0;

  // Listens where these settings say (bind, port, tls-port). On error it listens where it did.
  virtual Status ListenAt(const Settings& settings) = 0;
  // For connections to come.
  virtual void UseTls(std::shared_ptr<const TlsContext> context) = 0;
  // The settings have changed; whatever was copied out of them must be taken again.
  virtual Status SettingsChanged() = 0;
  // Whether a script runs for so long already that others are told so (BUSY).
  virtual bool is_busy() const = 0;
  // Ends that script where it stands, if one is. True if what it has written is taken back from the
  // log: the data is not what the log says any more, so the server must end.
  virtual bool AbandonScript() = 0;
  // Sends the replies there are and ends the loop. REQUIRES: everything is on the disk.
  virtual void Stop() = 0;
  // The connection is answered when the running snapshot is saved.
  virtual void AnswerAfterSave(const Session& session) = 0;
  // The session is that user's from now on.
  virtual void LogIn(Session& session, const AclUser& user) = 0;
  // As in Host.
  virtual Status Reload() = 0;
  // Calls `do_some` once a turn, between clients, until it returns true.
  virtual void RunInSlices(std::function<bool()> do_some) = 0;
};

// What the databases count, since the start or CONFIG RESETSTAT.
struct DataFigures {
  uint64_t expired = 0;  // items removed by their deadline
  uint64_t evicted = 0;  // items removed to make room
  uint64_t hits = 0;     // reads of a key that was there
  uint64_t misses = 0;   // and of one that was not
};

// How the program was started, for INFO and CONFIG REWRITE.
struct Invocation {
  std::string executable;                 // absolute
  std::string config_file;                // absolute; empty: none
  std::string_view supervised_by = "no";  // or "systemd"
};

struct InfoSource;

class ServerHost : public Host {
 public:
  // All are owned by the caller and outlive the host.
  ServerHost(ServerControl& control, Settings& settings, Statistics& statistics, ServerClock& clock,
             Log& log, Databases& databases, Storage& storage, PubSub& pubsub, Events& events,
             ExpireLag& expire_lag, MemoryLimit& memory, Monitoring& monitoring, Acl& acl,
             Invocation invocation);

  int64_t ListClients(const ClientFilter& filter, int64_t after_id, size_t most,
                      std::string* list) override;
  int64_t KillClients(const ClientFilter& filter, const Session& me) override;
  bool UnblockClient(int64_t id, bool with_error) override;

  void Monitor(Session& me) override { control_.Monitor(me); }
  void PauseClients(int64_t duration_ms, bool writes_only) override {
    control_.PauseClients(duration_ms, writes_only);
  }
  void UnpauseClients() override { control_.UnpauseClients(); }
  SlowLog& slow_log() override { return monitoring_.slow_log(); }
  LatencyMonitor& latency_monitor() override { return monitoring_.latency(); }
  std::vector<CommandLatency> CommandLatencies() const override { return statistics_.Latencies(); }

  int64_t Publish(std::string_view channel, std::string_view message) override {
    return pubsub_.Publish(channel, message);
  }
  std::vector<std::string> ActiveChannels(std::string_view glob) const override {
    return pubsub_.ActiveChannels(glob);
  }
  size_t SubscriberCount(std::string_view channel) const override {
    return pubsub_.SubscriberCount(channel);
  }
  size_t pattern_count() const override { return pubsub_.pattern_count(); }

  std::vector<std::pair<std::string, std::string>> GetSettings(std::string_view glob) override;
  Status SetSettings(
      std::span<const std::pair<std::string_view, std::string_view>> settings) override;
  Status RewriteConfig() override;

  bool AuthRequired() const override { return !acl_.lets_anybody_in(); }
  Status LogIn(Session& session, std::string_view user, std::string_view password,
               std::string_view command) override;
  AccessControl* access_control() override { return &acl_; }
  std::string Info(std::span<const std::string_view> sections) override;
  // The page for Prometheus (metrics.h).
  std::string MetricsPage();
  void ResetStatistics() override;
  std::string MemoryDoctor() override;
  void MemoryPurge() override;
  std::vector<MemoryFigure> MemoryStats() override;
  int database_count() const override { return static_cast<int>(databases_.size()); }
  Status Shutdown(ShutdownSave save, bool force) override;
  Status StartSave() override { return storage_.RequestSave(); }
  Status StartSaveAndAnswer(const Session& me) override;
  bool saving() const override { return storage_.saving(); }
  void SaveAgain() override { storage_.SaveAgain(); }
  int64_t last_save_s() const override { return storage_.last_save_s(); }
  void FreeLater(size_t bytes, std::function<bool()> free_some) override;
  int64_t WallMicros() override { return clock_.WallMicros(); }

  bool DebugAllowed(const Session& me) const override;
  void SetClock(std::optional<TimeMs> now_ms) override { clock_.Stop(now_ms); }
  void Sleep(double seconds) override;
  Status Reload() override;
  Status SetFailpoint(std::optional<std::string_view> operation, std::string_view action,
                      int64_t number) override;

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
  Storage& storage_;
  PubSub& pubsub_;
  Events& events_;
  ExpireLag& expire_lag_;
  MemoryLimit& memory_;
  Monitoring& monitoring_;
  Acl& acl_;
  Invocation invocation_;
  ModelSettings model_settings_;
  std::string run_id_;  // 40 hexadecimal digits, new at each start
  int64_t started_nanos_;
  DataFigures counted_at_reset_;
  // How many jobs of FreeLater are not done; shared with them, as they may outlive the host.
  std::shared_ptr<size_t> pending_frees_;
};

}  // namespace ampt
