// Server: who is let in, what its connections tell, and what commands do with them.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "server/resp_reply.h"
#include "server/server.h"

namespace ampt {
namespace {

constexpr int64_t kAcceptWarningEveryUs = 1'000'000;
constexpr int64_t kHttpWarningEveryUs = 60'000'000;
constexpr std::string_view kTooManyClients = "-ERR max number of clients reached\r\n";
// What follows DENIED is Redis' own, by which people look for help.
constexpr std::string_view kProtected =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    "server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    "so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable "
    "the protected mode by editing the Redis configuration file, and setting the protected mode "
    "option to 'no', and then restarting the server. 3) If you started the server manually just "
    "for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication "
    "password for the default user. NOTE: You only need to do one of the above things in order for "
    "the server to start accepting connections from the outside.\r\n";

Status NowhereToListen() {
  return Status::Err("nowhere to listen: give a port, an address to bind or a unixsocket");
}

}  // namespace

Status Server::Listen() {
  // First, so that whoever reaches the server for commands can also ask how it is.
  AMPT_RETURN_IF_ERROR(ListenForHttp());
  if (!settings_.unixsocket.empty()) {
    auto listener =
        Listener::Unix(&loop_, settings_.unixsocket, settings_.unixsocketperm,
                       settings_.tcp_backlog, [this](uv_stream_t* stream, bool is_unix, int error) {
                         Accept(stream, is_unix, error, /*is_tls=*/false);
                       });
    if (!listener.ok()) return listener.status();
    unix_listener_ = std::move(*listener);
  }
  AMPT_RETURN_IF_ERROR(ListenAt(settings_));
  if (tcp_listeners_.empty() && unix_listener_ == nullptr) return NowhereToListen();
  return {};
}

Status Server::ListenAt(const Settings& settings) {
  std::vector<TcpListeners::Address> addresses;
  for (const std::string& host : settings.bind) {
    if (settings.port != 0) addresses.push_back({host, settings.port, /*is_tls=*/false});
    if (settings.tls_port != 0) addresses.push_back({host, settings.tls_port, /*is_tls=*/true});
  }
  if (addresses.empty() && unix_listener_ == nullptr) return NowhereToListen();
  return tcp_listeners_.ListenAt(addresses, settings.tcp_backlog);
}

Status Server::ListenForHttp() {
  if (settings_.metrics_port == 0) return {};
  for (const std::string& host : settings_.metrics_bind) {
    const bool optional = host.starts_with('-');
    const Status status =
        http_.Listen(host.substr(optional ? 1 : 0), settings_.metrics_port, settings_.tcp_backlog);
    if (status.ok()) continue;
    if (!optional) return status;
    log_.Warning("{}; it is optional, so the server goes on", status.text());
  }
  return {};
}

Status Server::ReadTls() {
  if (settings_.tls_port == 0) return {};
  auto made = TlsContext::Make(settings_);
  if (made.ok()) tls_ = std::move(*made);
  return made.status();
}

void Server::Accept(uv_stream_t* listener, bool is_unix, int error, bool is_tls) {
  if (error != 0) {
    const int64_t now_us = clock_.StopwatchMicros();
    if (now_us < next_accept_warning_us_) return;
    next_accept_warning_us_ = now_us + kAcceptWarningEveryUs;
    log_.Warning("A client could not be accepted: {}", uv_strerror(error));
    return;
  }
  if (accepts_left_ == 0) return waiting_listeners_.push_back({listener, is_unix, is_tls});
  --accepts_left_;
  const bool is_full = clients_.size() >= static_cast<size_t>(settings_.maxclients);
  Connection& connection = clients_.Add(connection_environment_, is_unix);
  if (is_tls) connection.Secure(*tls_);
  if (connection.Accept(listener) != 0) return connection.Close();
  if (is_full) {
    ++statistics_.connections_rejected;
    return connection.Refuse(kTooManyClients);
  }
  if (settings_.protected_mode && acl_.default_user().needs_no_password() &&
      !connection.is_local()) {
    ++statistics_.connections_rejected;
    return connection.Refuse(kProtected);
  }
  ++statistics_.connections_received;
  if (connection.Start() != 0) connection.Close();
}

void Server::BecameReady(Connection& connection) {
  if (connection.is_listed()) return;
  connection.set_listed(true);
  if (Demands(connection)) return;
  ready_.push_back(&connection);
  if (ready_.size() >= kMostReady && !is_in_turn_) Turn();
}

void Server::TlsFailed(Connection& connection, std::string_view reason) {
  log_.Verbose("TLS with client {} from {} failed: {}", connection.id(), connection.address(),
               reason);
}

void Server::WasPushed(Connection& connection) {
  pushed_.push_back(&connection);
}

void Server::HasClosed(Connection& connection) {
  if (&connection == dispatcher_.busy_connection()) {
    suspended_has_gone_ = true;
    return;
  }
  // The rest of a transaction may have begun to listen once it was closed.
  pubsub_.UnsubscribeAll(connection);
  monitoring_.RemoveMonitor(connection);
  if (connection.is_listed()) {
    std::erase(ready_, &connection);
    std::erase(postponed_, &connection);
    std::erase(demanding_, &connection);
  }
  std::erase(running_, &connection);
  std::erase(pushed_, &connection);
  blocked_.Remove(connection.id());
  untaken_answers_.erase(connection.id());
  clients_.Remove(connection);
  GoOnWithSlices();
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

bool Server::CheckSomeClients(int64_t* after_id) {
  *after_id = clients_.ForSome(*after_id, kClientsAtOnce, [this](Connection& connection) {
    connection.CheckTime();
    clients_.CountMemory(connection);
  });
  is_checking_clients_ = *after_id != 0;
  return !is_checking_clients_;
}

// --- ServerControl
// --------------------------------------------------------------------------------

int64_t Server::ListClients(const ClientFilter& filter, int64_t after_id, size_t most,
                            std::string* list) {
  return clients_.List(filter, after_id, most, list);
}

int64_t Server::KillClients(const ClientFilter& filter, const Session& me) {
  return clients_.Kill(filter, me);
}

bool Server::UnblockClient(int64_t id, bool with_error) {
  // Work in slices is done to its end: a client that waits for it cannot be let go before.
  return blocked_.Unblock(id, with_error);
}

void Server::Monitor(Session& me) {
  if (Connection* const connection = clients_.Find(me.id())) monitoring_.AddMonitor(*connection);
}

void Server::LogIn(Session& session, const AclUser& user) {
  static_cast<Connection&>(session).LogIn(user);
}

void Server::CloseClients(
    const std::function<bool(const AclUser& user, const Session& session)>& is_meant,
    const Session& me) {
  clients_.Close(is_meant, me);
}

ClientFigures Server::client_figures() const {
  ClientFigures figures = clients_.Figures();
  for (const int64_t id : waiting_for_pause_) figures.blocked += clients_.Find(id) != nullptr;
  return figures;
}

bool Server::IsLocal(const Session& session) const {
  const Connection* const connection = clients_.Find(session.id());
  return connection != nullptr && connection->is_local();
}

}  // namespace ampt
