// Server: the event loop, its connections and the databases.
//
// One thread, one libuv loop. A turn of it:
//
//   poll -> sockets are read, their connections noted as ready
//   turn -> ready commands run as a batch (batch.h), what they did is handed to the log, every
//           connection that has replies is flushed with one write (or its replies wait for the
//           log), what is due expires and one slice of long work is done
//
// While a script runs that was suspended (dispatch.h), the last part is one slice of that and
// nothing else: neither the data nor the log changes but by the script.
//
// The time is taken once a turn, so all of a turn happens in one millisecond. When nothing is ready
// and nothing is due the loop sleeps until a socket, a deadline or the 100 ms timer wakes it.
#pragma once

#include <uv.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
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
#include "server/acl.h"
#include "server/batch.h"
#include "server/blocked_clients.h"
#include "server/buffers.h"
#include "server/client_list.h"
#include "server/connection.h"
#include "server/dispatch.h"
#include "server/effects_chain.h"
#include "server/expire_lag.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/log.h"
#include "server/memory_limit.h"
#include "server/monitoring.h"
#include "server/notifications.h"
#include "server/pubsub.h"
#include "server/server_clock.h"
#include "server/server_host.h"
#include "server/settings.h"
#include "server/slices.h"
#include "server/statistics.h"
#include "server/storage.h"
#include "server/supervision.h"
#include "server/tls.h"
#include "server/transactions.h"

namespace ampt {

class Server final : public ServerControl,
                     private Connection::Owner,
                     private Batch::Owner,
                     private Storage::Owner,
                     private Acl::Clients {
 public:
  // `settings`, `log` and `supervisor` outlive the server.
  Server(Settings& settings, Log& log, Supervisor& supervisor, Invocation invocation);
  // REQUIRES: Run() has returned, if it was called.
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes the users and the new names of commands from the settings. Before Listen().
  Status Prepare();
  // Opens every listener, or says which one cannot be opened and why.
  Status Listen();
  // Loads the data, then serves until Stop(), SIGTERM or SIGINT. An error where the data cannot be
  // loaded, or could not be saved at the end. REQUIRES: Listen() succeeded.
  Status Run();

  // --- ServerControl ---
  int64_t ListClients(const ClientFilter& filter, int64_t after_id, size_t most,
                      std::string* list) override;
  int64_t KillClients(const ClientFilter& filter, const Session& me) override;
  bool UnblockClient(int64_t id, bool with_error) override;
  void Monitor(Session& me) override;
  void PauseClients(int64_t duration_ms, bool writes_only) override;
  void UnpauseClients() override;
  ClientFigures client_figures() const override;
  bool IsLocal(const Session& session) const override;
  Status SettingsChanged() override;
  bool is_busy() const override { return dispatcher_.is_busy(); }
  bool AbandonScript() override;
  void Stop() override;
  void AnswerAfterSave(const Session& session) override;
  Status Reload() override;
  void RunInSlices(std::function<bool()> do_some) override;

 private:
  // Connections worked off together; more in one turn make several batches, so that the memory for
  // what they sent stays small.
  static constexpr size_t kMostReady = 256;
  // Whoever has sent so much, or has last asked for what took long, is served behind the others of
  // a turn.
  static constexpr size_t kMuchBytes = 16 * 1024;
  static bool AsksForMuch(const Connection& connection) {
    return connection.unparsed_bytes() > kMuchBytes || connection.is_costly();
  }
  // What a turn has for those who ask for little: many short requests in one go are answered, and
  // logged, in one go.
  static constexpr Batch::Budget kForLittle = {.run_nanos = 600'000, .share_nanos = 100'000};
  // For others of these, who could not be worked off to their end in the turn before.
  static constexpr Batch::Budget kForPostponed = {.run_nanos = 150'000, .share_nanos = 100'000};
  // For those who ask for much: while others are there, and while they are among themselves.
  static constexpr Batch::Budget kForMuch = {.run_nanos = 75'000, .share_nanos = 75'000};
  static constexpr Batch::Budget kForMuchAlone = {.run_nanos = 600'000, .share_nanos = 200'000};
  // Others are there until they have asked for nothing for so long; who asked for much is none of
  // them for as long.
  static constexpr int64_t kOthersStayNanos = 100'000'000;
  // New clients a turn lets in, so that a storm of them does not hold up the others.
  static constexpr size_t kAcceptsOfTurn = 16;
  static constexpr size_t kClientsAtOnce = 200;  // checked in a slice
  static constexpr size_t kExpireAtOnce = 64;    // items between two looks at the stopwatch
  static constexpr size_t kDueAtOnce = 256;      // steps of events: less than a millisecond

  void BecameReady(Connection& connection) override;
  void WasPushed(Connection& connection) override;
  void MayGetNextPart(Connection& connection) override;
  void WaitsToSend(Connection& connection) override;
  void TlsFailed(Connection& connection, std::string_view reason) override;
  void HasClosed(Connection& connection) override;
  void RunInSlices(Connection& connection, std::unique_ptr<SlicedWork> work) override;
  void ProtocolFailed(Connection& connection) override;
  void HttpCame(Connection& connection) override;
  void WaitForDisk(Connection& connection) override;
  void WaitForPause(Connection& connection) override;
  void Block(Connection& connection, std::unique_ptr<BlockedWork> work) override;

  Status ListenAt(const Settings& settings) override;
  void UseTls(std::shared_ptr<const TlsContext> context) override { tls_ = std::move(context); }
  void LogIn(Session& session, const AclUser& user) override;
  void CloseClients(
      const std::function<bool(const AclUser& user, const Session& session)>& is_meant,
      const Session& me) override;

  void LoadEnded(const Status& status) override;
  // What is loaded begins to live.
  Status BecomeReady();
  void LogAdvanced() override;
  void SaveEnded(const Status& status) override;

  void Accept(uv_stream_t* listener, bool is_unix, int error, bool is_tls);
  void Turn();
  // Of those who wait for it, as far as the turn's room goes; then they are in running_.
  void SendMore();
  // Sends the replies of those in running_, which is empty then.
  void Answer();
  // A share for each of those who wait, as far as the time goes; one at least.
  void RunWaiting(std::deque<Connection*>& waiting, Batch::Budget budget, bool writes_wait);
  bool HasReady() const { return !ready_.empty() || !postponed_.empty() || !demanding_.empty(); }
  // Lists a connection that asks for much; false if it does not.
  bool Demands(Connection& connection);
  void KeepUnfinished();
  // A slice of the script that is suspended.
  void GoOnWithScript();
  // The command of that connection is not suspended any more.
  void EndSuspension(Connection& connection);
  // Sends the messages of this turn: the one place where they leave.
  void FlushPushed();
  // What a script has said so far may be about writes that are not in the log yet.
  bool PushesWait() const {
    return dispatcher_.is_busy() && settings_.appendfsync == SyncPolicy::kAlways;
  }
  // Has what a connection has been answered wait for the log, if it is to.
  void HoldBack(Connection& connection, uint64_t sequence);
  // Sends what a connection has been answered in this turn, or has it wait for the log.
  void Flush(Connection& connection, uint64_t sequence);
  void ReactToLog();
  // Lets connections go on whose commands had to wait.
  void LetGoOn(std::vector<int64_t>& waiting);
  // A slice of the answer to work that is done; true if this was the last, or the next one comes
  // when the client has taken more.
  bool AnswerInParts(int64_t id, const std::shared_ptr<SlicedWork>& work);
  // Ends a client's wait with an answer, if it is still there.
  void Answer(int64_t id, const std::function<void(Reply&)>& answer);
  // The same, unless `answer` returns false: it goes on waiting, unanswered.
  void TryAnswer(int64_t id, const std::function<bool(Reply&)>& answer);
  // Has the loop go on with slices that were left behind outside of a turn.
  void GoOnWithSlices();
  // The client's wait is over: it is answered, or silenced.
  void EndAnswer(Connection& waiting);
  // A slice of what consumers of events need; true if there is more.
  bool WorkOnEvents();
  EventSettings MakeEventSettings() const;
  void OnSignal(int number);
  // What a signal that ends the process asks for.
  void StopAsTold();
  // Reads the files of TLS.
  Status ReadTls();
  Status ListenForHttp();
  HttpAnswer AnswerHttp(std::string_view path);
  // Tells the log and the supervisor how far loading is.
  void ReportLoading();
  // The slice's worth of items that are due; false if there are more.
  bool ExpireDue();
  // Has the loop wake up when it must: at once, or at the next deadline.
  void SetAlarm(bool at_once);
  void EveryTenthOfASecond();
  // What is looked at every second, of some of them; true when all are.
  bool CheckSomeClients(int64_t* after_id);
  void Shutdown();

  Settings& settings_;
  Log& log_;
  Supervisor& supervisor_;
  ServerClock clock_;
  Allocator allocator_;
  Random random_;
  CommandTable commands_;
  Statistics statistics_;
  Databases databases_;
  MemoryLimit memory_;
  Events events_;
  EventKeeper event_keeper_{events_};
  struct Loop : uv_loop_t {
    Loop() { uv_loop_init(this); }
  };
  Loop loop_;
  Storage storage_;
  EffectsChain effects_;
  Watches watches_{random_.Next(), slices_};
  Transaction::OldQueues old_queues_{slices_};
  PubSub pubsub_;
  Notifications notifications_;
  ExpireLag expire_lag_;
  BlockedClients blocked_;
  Monitoring monitoring_;
  Acl acl_;
  ServerHost host_;
  BufferPool buffers_;

  uv_check_t after_poll_;
  uv_idle_t keep_awake_;  // runs while there is work without an event
  uv_timer_t deadline_timer_;
  uv_timer_t regular_timer_;
  uv_timer_t pause_timer_;  // runs during CLIENT PAUSE
  std::array<uv_signal_t, 3> signals_;
  std::shared_ptr<const TlsContext> tls_;  // null: there is no tls-port
  TcpListeners tcp_listeners_;
  std::unique_ptr<Listener> unix_listener_;  // null: there is no unixsocket
  HttpServer http_;

  struct WaitingListener {
    uv_stream_t* stream;
    bool is_unix;
    bool is_tls;
  };
  // Those who have a client for the next turn; it is that turn's first work, before any is freed.
  std::vector<WaitingListener> waiting_listeners_;
  size_t accepts_left_ = kAcceptsOfTurn;

  Connection::Environment connection_environment_;
  ClientList clients_{settings_, statistics_, log_};
  Dispatcher dispatcher_;
  Batch batch_;
  // A connection is in one of these at most, and knows that (is_listed()).
  std::vector<Connection*> ready_;
  std::deque<Connection*> postponed_;
  std::deque<Connection*> demanding_;  // AsksForMuch()
  std::vector<Connection*> running_;   // the batch at work
  std::vector<Connection*> pushed_;    // got messages that are not sent yet
  Slices slices_;
  // Work whose clients are to take more of the answer first, by their ids.
  std::map<int64_t, std::shared_ptr<SlicedWork>> untaken_answers_;
  std::vector<int64_t> waiting_to_send_;    // connections
  std::vector<int64_t> held_back_;          // connections whose replies wait for the log
  std::vector<int64_t> waiting_for_disk_;   // connections whose writes wait
  std::vector<int64_t> waiting_for_pause_;  // connections whose commands wait for its end
  std::vector<int64_t> waiting_for_save_;   // connections that sent SAVE
  TimeMs now_ms_ = 0;
  int64_t others_stay_until_nanos_ = 0;  // those who ask for little
  size_t next_to_expire_ = 0;            // database
  unsigned tenths_ = 0;
  bool is_checking_clients_ = false;
  int64_t next_accept_warning_us_ = 0;
  int64_t next_http_warning_us_ = 0;
  bool is_in_turn_ = false;
  bool log_has_advanced_ = false;    // within this turn
  bool pause_is_over_ = false;       // within this turn
  bool suspended_has_gone_ = false;  // the client whose script is suspended
  bool stops_after_script_ = false;
  bool has_refused_to_stop_ = false;
  Status end_;
  bool is_stopping_ = false;
};

}  // namespace ampt
