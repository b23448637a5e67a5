// Server: the event loop, its connections and the databases.
//
// One thread, one libuv loop. A turn of it:
//
//   poll -> sockets are read, their connections noted as ready
//   turn -> ready commands run as a batch (batch.h), every connection that has replies is flushed
//           with one write, what is due expires and one slice of long work is done
//
// The time is taken once a turn, so all of a turn happens in one millisecond. When nothing is ready
// and nothing is due the loop sleeps until a socket, a deadline or the 100 ms timer wakes it.
#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/alloc.h"
#include "base/random.h"
#include "base/status.h"
#include "commands/context.h"
#include "commands/spec.h"
#include "server/batch.h"
#include "server/buffers.h"
#include "server/connection.h"
#include "server/dispatch.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/server_clock.h"
#include "server/server_host.h"
#include "server/settings.h"
#include "server/slices.h"
#include "server/statistics.h"

namespace ampt {

class Server final : public ServerControl, private Connection::Owner, private Batch::Owner {
 public:
  // `settings` and `log` outlive the server.
  Server(Settings& settings, Log& log, Invocation invocation);
  // REQUIRES: Run() has returned, if it was called.
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens every listener, or says which one cannot be opened and why.
  Status Listen();
  // Serves until Stop(), SIGTERM or SIGINT. REQUIRES: Listen() succeeded.
  void Run();

  // --- ServerControl ---
  std::string ListClients(const ClientFilter& filter) override;
  int64_t KillClients(const ClientFilter& filter, const Session& me) override;
  bool UnblockClient(int64_t id, bool with_error) override;
  ClientFigures client_figures() const override;
  bool IsLocal(const Session& session) const override;
  void SettingsChanged() override {}
  void Stop() override { is_stopping_ = true; }
  void RunInSlices(std::function<bool()> do_some) override;

 private:
  // Connections worked off together; more in one turn make several batches, so that the memory for
  // what they sent stays small.
  static constexpr size_t kMostReady = 256;
  static constexpr size_t kExpireAtOnce = 64;  // items between two looks at the stopwatch

  void BecameReady(Connection& connection) override;
  void HasClosed(Connection& connection) override;
  void RunInSlices(Connection& connection, std::unique_ptr<SlicedWork> work) override;
  void ProtocolFailed(Connection& connection) override;
  void HttpCame(Connection& connection) override;

  void Accept(uv_stream_t* listener, bool is_unix, int error);
  void Turn();
  // The slice's worth of items that are due; false if there are more.
  bool ExpireDue();
  // Has the loop wake up when it must: at once, or at the next deadline.
  void SetAlarm(bool at_once);
  void EveryTenthOfASecond();
  void Shutdown();
  // Null when it has gone.
  Connection* FindConnection(int64_t id) const;
  bool Matches(const ClientFilter& filter, const Connection& connection) const;

  Settings& settings_;
  Log& log_;
  ServerClock clock_;
  Allocator allocator_;
  Random random_;
  CommandTable commands_;
  Statistics statistics_;
  Databases databases_;
  ServerHost host_;
  BufferPool buffers_;

  uv_loop_t loop_;
  uv_check_t after_poll_;
  uv_idle_t keep_awake_;  // runs while there is work without an event
  uv_timer_t deadline_timer_;
  uv_timer_t regular_timer_;
  std::array<uv_signal_t, 2> signals_;
  std::vector<std::unique_ptr<Listener>> listeners_;

  Connection::Environment connection_environment_;
  std::map<int64_t, std::unique_ptr<Connection>> connections_;  // those being closed included
  int64_t last_id_ = 0;
  Dispatcher dispatcher_;
  Batch batch_;
  std::vector<Connection*> ready_;
  std::vector<Connection*> running_;  // the batch at work
  Slices slices_;
  TimeMs now_ms_ = 0;
  size_t next_to_expire_ = 0;  // database
  unsigned tenths_ = 0;
  int64_t next_accept_warning_us_ = 0;
  int64_t next_http_warning_us_ = 0;
  bool is_in_turn_ = false;
  bool is_stopping_ = false;
};

}  // namespace ampt
