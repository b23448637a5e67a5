#include "server/server.h"

#include <signal.h>

#include <algorithm>
#include <random>
#include <utility>

#include "server/resp_reply.h"

namespace ampt {
namespace {

// How long the loop may sleep over a deadline; wall clocks are set.
constexpr TimeMs kLongestSleepMs = 1000;
constexpr uint64_t kTenthMs = 100;
constexpr int64_t kAcceptWarningEveryUs = 1'000'000;
constexpr int64_t kHttpWarningEveryUs = 60'000'000;
constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

Server& ServerOf(void* handle) {
  return *static_cast<Server*>(static_cast<uv_handle_t*>(handle)->data);
}

std::string_view NameOf(ClientClass of) {
  switch (of) {
    case ClientClass::kNormal:
      return "normal";
    case ClientClass::kReplica:
      return "replica";
    case ClientClass::kPubsub:
      return "pubsub";
  }
  return "";
}

}  // namespace

Server::Server(Settings& settings, Log& log, Invocation invocation)
    : settings_(settings),
      log_(log),
      random_(RandomSeed()),
      statistics_(commands_.all()),
      host_(*this, settings, statistics_, clock_, log, databases_, std::move(invocation)),
      connection_environment_{&loop_, *this, settings_, statistics_, buffers_},
      dispatcher_({databases_, host_, settings_, commands_, statistics_, allocator_, random_}),
      batch_(*this, dispatcher_, commands_, databases_, settings_) {
  if (settings.debug_clock > 0) clock_.BeginStopped(settings.debug_clock);
  const uint64_t hash_seed = random_.Next();
  for (int number = 0; number < settings.databases; ++number) {
    databases_.push_back(std::make_unique<Keyspace>(allocator_, number, hash_seed));
  }
  signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&loop_);
  uv_check_init(&loop_, &after_poll_);
  uv_idle_init(&loop_, &keep_awake_);
  uv_timer_init(&loop_, &deadline_timer_);
  uv_timer_init(&loop_, &regular_timer_);
  for (uv_signal_t& handle : signals_) uv_signal_init(&loop_, &handle);
  after_poll_.data = deadline_timer_.data = regular_timer_.data = this;
  for (uv_signal_t& handle : signals_) handle.data = this;
}

Server::~Server() {
  Shutdown();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

Status Server::Listen() {
  const auto add = [this](Result<std::unique_ptr<Listener>> listener) {
    if (listener.ok()) listeners_.push_back(std::move(*listener));
    return listener.status();
  };
  const Listener::OnClient on_client = [this](uv_stream_t* listener, bool is_unix, int error) {
    Accept(listener, is_unix, error);
  };
  if (settings_.port != 0) {
    for (const std::string& host : settings_.bind) {
      const bool optional = host.starts_with('-');
      const Status status = add(Listener::Tcp(&loop_, host.substr(optional ? 1 : 0), settings_.port,
                                              settings_.tcp_backlog, on_client));
      if (status.ok()) continue;
      if (!optional) return status;
      log_.Warning("{}; it is optional, so the server goes on", status.text());
    }
  }
  if (!settings_.unixsocket.empty()) {
    AMPT_RETURN_IF_ERROR(add(Listener::Unix(&loop_, settings_.unixsocket, settings_.unixsocketperm,
                                            settings_.tcp_backlog, on_client)));
  }
  if (listeners_.empty()) {
    return Status::Err("nowhere to listen: give a port, an address to bind or a unixsocket");
  }
  return {};
}

void Server::Run() {
  uv_check_start(&after_poll_, [](uv_check_t* check) { ServerOf(check).Turn(); });
  uv_timer_start(
      &regular_timer_, [](uv_timer_t* timer) { ServerOf(timer).EveryTenthOfASecond(); }, kTenthMs,
      kTenthMs);
  const auto on_signal = [](uv_signal_t* handle, int number) {
    Server& self = ServerOf(handle);
    self.log_.Warning("{} received, stopping", number == SIGTERM ? "SIGTERM" : "SIGINT");
    self.Stop();
  };
  uv_signal_start(&signals_[0], on_signal, SIGTERM);
  uv_signal_start(&signals_[1], on_signal, SIGINT);
  statistics_.MarkStartup();
  log_.Notice("Ready to accept connections");
  uv_run(&loop_, UV_RUN_DEFAULT);
}

void Server::Shutdown() {
  const auto close = [](auto& handle) {
    auto* const base = reinterpret_cast<uv_handle_t*>(&handle);
    if (!uv_is_closing(base)) uv_close(base, nullptr);
  };
  for (const auto& [id, connection] : connections_) connection->Close();
  for (const auto& listener : listeners_) listener->Close();
  close(after_poll_);
  close(keep_awake_);
  close(deadline_timer_);
  close(regular_timer_);
  for (uv_signal_t& handle : signals_) close(handle);
}

// --- a turn
// ---------------------------------------------------------------------------------------

void Server::Turn() {
  is_in_turn_ = true;
  now_ms_ = clock_.NowMs();
  running_.swap(ready_);
  for (Connection* connection : running_) connection->set_listed(false);
  batch_.Run(running_, now_ms_);
  for (Connection* connection : running_) {
    connection->Flush();
    connection->FinishTurn();
  }
  running_.clear();
  // Last, so that clients wait for one slice of either at most.
  const bool all_expired = ExpireDue();
  slices_.RunOne(now_ms_);
  const bool more = !all_expired || !ready_.empty() || !slices_.empty();
  SetAlarm(more);
  is_in_turn_ = false;
  if (is_stopping_) Shutdown();
}

bool Server::ExpireDue() {
  const int64_t until_us = clock_.StopwatchMicros() + limits::kSliceMicros;
  for (size_t tried = 0; tried < databases_.size(); ++tried) {
    Keyspace& keyspace = *databases_[next_to_expire_];
    if (keyspace.items_with_deadline() > 0) {
      while (keyspace.ExpireSome(now_ms_, kExpireAtOnce) == kExpireAtOnce) {
        if (clock_.StopwatchMicros() >= until_us) return false;
      }
    }
    next_to_expire_ = (next_to_expire_ + 1) % databases_.size();
  }
  return true;
}

void Server::SetAlarm(bool at_once) {
  if (!at_once) {
    TimeMs deadline_ms = kNoDeadline;
    for (const auto& keyspace : databases_) {
      if (keyspace->items_with_deadline() == 0) continue;
      deadline_ms = std::min(deadline_ms, keyspace->NextDeadline());
    }
    if (deadline_ms == kNoDeadline) {
      uv_timer_stop(&deadline_timer_);
    } else {
      // A deadline may have come since the turn began.
      const TimeMs wait_ms = deadline_ms - clock_.NowMs();
      at_once = wait_ms <= 0;
      if (!at_once) {
        uv_timer_start(
            &deadline_timer_, [](uv_timer_t* timer) { ServerOf(timer).Turn(); },
            static_cast<uint64_t>(std::min(wait_ms, kLongestSleepMs)), 0);
      }
    }
  }
  if (at_once) {
    uv_idle_start(&keep_awake_, [](uv_idle_t*) {});
  } else {
    uv_idle_stop(&keep_awake_);
  }
}

void Server::EveryTenthOfASecond() {
  statistics_.Sample(ServerClock::StopwatchNanos());
  if (++tenths_ % 10 != 0) return;
  for (const auto& [id, connection] : connections_) connection->CheckTime();
}

// --- connections
// ----------------------------------------------------------------------------------

void Server::Accept(uv_stream_t* listener, bool is_unix, int error) {
  if (error != 0) {
    const int64_t now_us = clock_.StopwatchMicros();
    if (now_us < next_accept_warning_us_) return;
    next_accept_warning_us_ = now_us + kAcceptWarningEveryUs;
    log_.Warning("A client could not be accepted: {}", uv_strerror(error));
    return;
  }
  const bool is_full = connections_.size() >= static_cast<size_t>(settings_.maxclients);
  auto owned = std::make_unique<Connection>(connection_environment_, ++last_id_, is_unix);
  Connection& connection = *owned;
  connections_.emplace(last_id_, std::move(owned));
  if (connection.Accept(listener) != 0) return connection.Close();
  if (is_full) {
    ++statistics_.connections_rejected;
    return connection.Refuse(kTooManyClients);
  }
  ++statistics_.connections_received;
  if (connection.Start() != 0) connection.Close();
}

void Server::BecameReady(Connection& connection) {
  if (connection.is_listed()) return;
  connection.set_listed(true);
  ready_.push_back(&connection);
  if (ready_.size() >= kMostReady && !is_in_turn_) Turn();
}

void Server::HasClosed(Connection& connection) {
  if (connection.is_listed()) std::erase(ready_, &connection);
  connections_.erase(connection.id());
}

void Server::RunInSlices(Connection& connection, std::unique_ptr<SlicedWork> work) {
  connection.set_blocked(true);
  slices_.Add([this, id = connection.id(),
               work = std::shared_ptr<SlicedWork>(std::move(work))](TimeMs now_ms) {
    if (!work->DoSome(now_ms)) return false;
    Connection* const waiting = FindConnection(id);
    if (waiting == nullptr) return true;
    const size_t output_before = waiting->output_bytes();
    RespReply reply(waiting->output(), waiting->resp_version_in_use());
    work->Answer(reply);
    if (waiting->is_silenced()) waiting->TruncateOutput(output_before);
    waiting->set_blocked(false);
    waiting->CheckHeldUp();
    BecameReady(*waiting);
    return true;
  });
}

void Server::ProtocolFailed(Connection& connection) {
  const Status error = Status::Err(connection.protocol_error());
  log_.Verbose("{} from client {}", connection.protocol_error(), connection.id());
  statistics_.CountError(error.text());
  RespReply reply(connection.output(), connection.resp_version_in_use());
  reply.Error(std::string_view(error.text()));
  connection.CloseAfterReply();
}

void Server::HttpCame(Connection& connection) {
  const int64_t now_us = clock_.StopwatchMicros();
  if (now_us >= next_http_warning_us_) {
    next_http_warning_us_ = now_us + kHttpWarningEveryUs;
    log_.Warning(
        "Possible SECURITY ATTACK detected: client {} from {} sends HTTP (POST or Host:), as a web "
        "page does that makes a browser talk to this server. Its connection is closed.",
        connection.id(), connection.address());
  }
  connection.Close();
}

Connection* Server::FindConnection(int64_t id) const {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second->is_closing()) return nullptr;
  return found->second.get();
}

// --- ServerControl
// --------------------------------------------------------------------------------

bool Server::Matches(const ClientFilter& filter, const Connection& connection) const {
  if (connection.is_closing()) return false;
  if (!filter.ids.empty() &&
      std::find(filter.ids.begin(), filter.ids.end(), connection.id()) == filter.ids.end()) {
    return false;
  }
  if (!filter.type.empty() && filter.type != NameOf(connection.client_class())) return false;
  if (!filter.user.empty() && filter.user != "default") return false;
  if (filter.max_age_s && connection.age_s() < *filter.max_age_s) return false;
  if (!filter.address.empty() && filter.address != connection.address()) return false;
  return filter.local_address.empty() || filter.local_address == connection.local_address();
}

std::string Server::ListClients(const ClientFilter& filter) {
  std::string list;
  for (const auto& [id, connection] : connections_) {
    if (Matches(filter, *connection)) list.append(connection->Describe()).append("\n");
  }
  return list;
}

int64_t Server::KillClients(const ClientFilter& filter, const Session& me) {
  int64_t killed = 0;
  for (const auto& [id, connection] : connections_) {
    if (!Matches(filter, *connection)) continue;
    if (id != me.id()) {
      connection->Close();
    } else if (filter.skip_me) {
      continue;
    } else {
      connection->CloseAfterReply();
    }
    ++killed;
  }
  return killed;
}

bool Server::UnblockClient(int64_t, bool) {
  // Work in slices is done to its end: a client that waits for it cannot be let go before.
  return false;
}

ClientFigures Server::client_figures() const {
  ClientFigures figures;
  for (const auto& [id, connection] : connections_) {
    if (connection->is_closing()) continue;
    const size_t input_bytes = connection->input_buffer_bytes();
    const size_t output_bytes = connection->output_buffer_bytes();
    ++figures.connected;
    figures.blocked += connection->is_blocked();
    figures.largest_input_buffer_bytes = std::max(figures.largest_input_buffer_bytes, input_bytes);
    figures.largest_output_buffer_bytes =
        std::max(figures.largest_output_buffer_bytes, output_bytes);
    figures.buffer_bytes += sizeof(Connection) + input_bytes + output_bytes;
  }
  return figures;
}

bool Server::IsLocal(const Session& session) const {
  const Connection* const connection = FindConnection(session.id());
  return connection != nullptr && connection->is_local();
}

void Server::RunInSlices(std::function<bool()> do_some) {
  slices_.Add([do_some = std::move(do_some)](TimeMs) { return do_some(); });
}

}  // namespace ampt
