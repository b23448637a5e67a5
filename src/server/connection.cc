#include "server/connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "commands/spec.h"
#include "server/acl.h"
#include "server/monitoring.h"

namespace ampt {
namespace {

// "127.0.0.1:6379", "[::1]:6379", or "?:0" if it is not known any more.
std::string AddressText(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN];
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, ntohs(v4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return fmt::format("[{}]:{}", text, ntohs(v6.sin6_port));
  }
  return "?:0";
}

// uv_buf_init() takes no more than 4 GiB.
uv_buf_t BufferOf(char* data, size_t size) {
  uv_buf_t buffer;
  buffer.base = data;
  buffer.len = size;
  return buffer;
}

sockaddr_storage PeerOf(const uv_tcp_t& tcp) {
  sockaddr_storage address{};
  int size = sizeof address;
  uv_tcp_getpeername(&tcp, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

}  // namespace

Connection::Connection(Environment& environment, int64_t id, bool is_unix)
    : environment_(environment),
      input_(environment.buffers),
      id_(id),
      created_ms_(uv_now(environment.loop)),
      last_active_ms_(created_ms_),
      is_unix_(is_unix) {
  BecomeDefaultUser();
  if (is_unix) {
    uv_pipe_init(environment.loop, &handle_.pipe, 0);
  } else {
    uv_tcp_init(environment.loop, &handle_.tcp);
  }
  handle_.handle.data = this;
}

// --- life
// -----------------------------------------------------------------------------------------

int Connection::Accept(uv_stream_t* listener) {
  if (const int error = uv_accept(listener, &handle_.stream); error != 0) return error;
  if (is_unix_) return 0;
  // A client that is gone already makes these fail; reading will tell.
  uv_tcp_nodelay(&handle_.tcp, 1);
  const auto keepalive_s = static_cast<unsigned>(environment_.settings.tcp_keepalive_s);
  if (keepalive_s > 0) uv_tcp_keepalive(&handle_.tcp, 1, keepalive_s);
  return 0;
}

void Connection::Secure(const TlsContext& context) {
  tls_ = std::make_unique<TlsStream>(context);
}

int Connection::Start() {
  is_reading_ = true;
  return uv_read_start(&handle_.stream, OnAllocate, OnRead);
}

void Connection::Close() {
  if (is_closing_) return;
  is_closing_ = true;
  environment_.pubsub.UnsubscribeAll(*this);
  environment_.monitoring.RemoveMonitor(*this);
  if (tls_ != nullptr && !is_sending()) {
    // Whoever does not take it now will see the end of the connection instead.
    tls_->Close();
    const std::string farewell = tls_->TakePending();
    const uv_buf_t buffer = BufferOf(const_cast<char*>(farewell.data()), farewell.size());
    if (!farewell.empty()) uv_try_write(&handle_.stream, &buffer, 1);
  }
  uv_close(&handle_.handle, OnClosed);
}

void Connection::Refuse(std::string_view text) {
  const uv_buf_t buffer = BufferOf(const_cast<char*>(text.data()), text.size());
  // Before the handshake nothing can be said in TLS.
  if (tls_ == nullptr) uv_try_write(&handle_.stream, &buffer, 1);
  Close();
}

void Connection::OnClosed(uv_handle_t* handle) {
  Connection& self = Of(handle);
  self.environment_.owner.HasClosed(self);
}

// --- requests
// -------------------------------------------------------------------------------------

void Connection::OnAllocate(uv_handle_t* handle, size_t, uv_buf_t* buffer) {
  Connection& self = Of(handle);
  // One read a turn, so that a client that sends without end is not served without end.
  if (self.is_listed_ || self.has_undecrypted_) {
    *buffer = BufferOf(nullptr, 0);
    return;
  }
  if (self.tls_ != nullptr) {
    *buffer = BufferOf(self.environment_.buffers.Take(),
                       std::min(BufferPool::kBlockBytes, self.ReadableBytes()));
    return;
  }
  self.input_.MakeRoom(self.parser_.wanted());
  *buffer = BufferOf(self.input_.room(), std::min(self.input_.room_bytes(), self.ReadableBytes()));
}

void Connection::OnRead(uv_stream_t* stream, ssize_t bytes, const uv_buf_t* buffer) {
  Connection& self = Of(stream);
  if (bytes == UV_ENOBUFS) {
    // Either it was read in this turn, or it is full of commands that wait.
    if (!self.is_listed_) self.UpdateReading();
    return;
  }
  size_t& left = self.environment_.readable_bytes_left;
  if (bytes > 0) left -= std::min(left, static_cast<size_t>(bytes));
  if (self.tls_ != nullptr) return self.OnEncrypted(bytes, *buffer);
  if (bytes == UV_EOF) return self.HasEnded();
  if (bytes < 0) return self.Close();
  ++self.environment_.statistics.reads;
  if (bytes == 0) return self.input_.Release();
  self.environment_.statistics.input_bytes += static_cast<uint64_t>(bytes);
  self.input_.Filled(static_cast<size_t>(bytes));
  self.Received();
}

void Connection::HasEnded() {
  if (!is_sending() && output_.empty()) return Close();
  // It may have closed its half only.
  close_after_reply_ = true;
  UpdateReading();
}

void Connection::Received() {
  last_active_ms_ = uv_now(environment_.loop);
  if (input_.unparsed_bytes() >
      static_cast<size_t>(environment_.settings.client_query_buffer_limit)) {
    ++environment_.statistics.query_limit_disconnections;
    return Close();
  }
  if (MayExecute()) {
    environment_.owner.BecameReady(*this);
  } else {
    UpdateReading();
  }
}

void Connection::OnEncrypted(ssize_t bytes, const uv_buf_t& buffer) {
  if (bytes > 0) tls_->Feed({buffer.base, static_cast<size_t>(bytes)});
  if (buffer.base != nullptr) environment_.buffers.GiveBack(buffer.base);
  if (bytes < 0) return Close();
  ++environment_.statistics.reads;
  if (bytes == 0) return;
  environment_.statistics.input_bytes += static_cast<uint64_t>(bytes);
  Decrypt();
}

void Connection::Decrypt() {
  auto outcome = TlsStream::Outcome::kBytes;
  bool has_received = false;
  while (outcome == TlsStream::Outcome::kBytes) {
    input_.MakeRoom(parser_.wanted());
    has_undecrypted_ = input_.room_bytes() == 0;
    if (has_undecrypted_) break;
    size_t got = 0;
    outcome = tls_->Read(input_.room(), input_.room_bytes(), &got);
    if (outcome != TlsStream::Outcome::kBytes) break;
    input_.Filled(got);
    has_received = true;
  }
  SendPending();
  if (is_closing_) return;
  if (outcome == TlsStream::Outcome::kFailed) {
    environment_.owner.TlsFailed(*this, tls_->error());
    return Close();
  }
  // What came before the end is worked off first: FinishTurn() closes.
  if (has_received) return Received();
  if (outcome == TlsStream::Outcome::kEnded) return Close();
  input_.Release();
}

RespParser::Result Connection::NextCommand(const RespLimits& limits, RespWords* words) {
  RespParser::Result result;
  do {
    result = parser_.Next(input_.untaken(), limits, words);
    if (result == RespParser::Result::kError) return result;
    input_.Take(parser_.consumed());
  } while (result == RespParser::Result::kMore && input_.GoToNextBlock());
  if (result == RespParser::Result::kCommand) {
    input_.EndCommand();
  } else if (input_.IsSmall()) {
    GoBackTo(input_.position());  // to be moved, and read once more with what follows
  }
  return result;
}

std::unique_ptr<ReadBuffer> Connection::TakeParsed() {
  GoBackTo(input_.position());
  return input_.TakeParsed();
}

void Connection::GoBackTo(size_t position) {
  parser_.Reset();
  input_.GoBackTo(position);
}

void Connection::FinishTurn() {
  if (is_closing_) return;
  // What is listed has commands that are still to run.
  if (tls_ != nullptr && tls_->has_ended() && !is_listed_) return HasEnded();
  input_.Release();
  if (has_undecrypted_) Decrypt();
  UpdateReading();
}

void Connection::UpdateReading() {
  if (is_closing_) return;
  // A client that waits is read from until its buffer is full, so that its leaving is noticed.
  const bool is_full = input_.unparsed_bytes() >= BufferPool::kBlockBytes;
  const bool wants =
      !close_after_reply_ && !is_held_up_ && !((is_blocked_ || waits_for_disk_) && is_full);
  if (wants == is_reading_) return;
  is_reading_ = wants;
  if (wants) {
    uv_read_start(&handle_.stream, OnAllocate, OnRead);
  } else {
    uv_read_stop(&handle_.stream);
  }
}

// --- replies
// --------------------------------------------------------------------------------------

std::string* Connection::output() {
  constexpr size_t kBytesWithoutBlock = 15;  // what a std::string holds in itself
  if (output_.empty() && output_.capacity() <= kBytesWithoutBlock) {
    output_ = environment_.buffers.TakeString();
  }
  return &output_;
}

void Connection::BeginReply() {
  reply_begin_ = output_.size();
  is_replying_ = true;
}

void Connection::EndReply() {
  is_replying_ = false;
  is_in_parts_ = false;
  if (deferred_.empty()) return;
  output()->append(deferred_);
  std::string().swap(deferred_);
}

bool Connection::EndPart(bool is_whole) {
  is_in_parts_ = true;
  if (is_whole) is_replying_ = false;
  CheckHeldUp();
  return !is_held_up_;
}

void Connection::Push(std::string_view message) {
  if (is_closing_ || close_after_reply_ || is_cut_off_) return;
  if (is_replying_ && (is_in_parts_ || output_.size() > reply_begin_)) {
    deferred_.append(message);
  } else {
    output()->append(message);
    reply_begin_ = output_.size();
  }
  const OutputBufferLimit& limit = environment_.settings.output_buffer_limit(output_class());
  is_cut_off_ = limit.hard_bytes > 0 && unsent_bytes() >= static_cast<size_t>(limit.hard_bytes);
  if (std::exchange(was_pushed_, true)) return;
  environment_.owner.WasPushed(*this);
}

void Connection::EndPushes() {
  was_pushed_ = false;
  if (is_closing_ || !is_cut_off_) return;
  ++environment_.statistics.output_limit_disconnections;
  Close();
}

void Connection::Flush() {
  // What a turn has added counts although the socket might take it.
  if (!is_closing_ && output_.size() > kUncountedBytes) CheckOutputLimit();
  // Behind what is on its way replies are gathered, but not in a string so long that growing it
  // holds up others.
  const size_t least_bytes = is_sending() ? kGatheredBytes : 1;
  if (!is_closing_ && sendable_bytes() >= least_bytes) Send();
  if (!is_closing_ && is_sending()) CheckOutputLimit();
  if (is_closing_) return;
  if (held_back_.empty() && !is_suspended_) has_written_ = false;
  if (!is_sending() && output_.empty()) {
    if (close_after_reply_) return Close();
    return LetGoOn(kMostUnsentBytes);
  }
  // Holding a client up must not keep it below the limit at which it is to be cut off.
  const OutputBufferLimit& limit = environment_.settings.output_buffer_limit(output_class());
  const auto cut_off_bytes = static_cast<size_t>(std::max(limit.hard_bytes, limit.soft_bytes));
  if (unsent_bytes() < cut_off_bytes) LetGoOn(unsent_bytes() + kMostUnsentBytes);
}

void Connection::Send() {
  std::string text = TakeSendable();
  if (tls_ == nullptr) return SendBytes(std::move(text));
  std::string encrypted;
  const bool is_encrypted = tls_->Encrypt(text, &encrypted);
  environment_.buffers.GiveBack(std::move(text));
  if (!is_encrypted) return Close();
  SendBytes(std::move(encrypted));
}

void Connection::SendPending() {
  std::string pending = tls_->TakePending();
  if (!pending.empty()) SendBytes(std::move(pending));
}

void Connection::SendBytes(std::string bytes) {
  if (is_sending()) {
    sending_->unsent_bytes += bytes.size();
    sending_->behind.push_back(std::move(bytes));
    return;
  }
  const ssize_t sent = SendSome(bytes, kLongPieceBytes);
  if (sent < 0) return Close();
  const auto done = static_cast<size_t>(sent);
  if (done == bytes.size()) return environment_.buffers.GiveBack(std::move(bytes));
  const size_t unsent = bytes.size() - done;
  sending_.reset(new Sending{.data = std::move(bytes), .done = done, .unsent_bytes = unsent});
  if (SendableBytes() == 0) return WaitToSend();
  SendFeeler();
}

size_t Connection::SendableBytes() const {
  const OutputBufferLimit& limit = environment_.settings.output_buffer_limit(output_class());
  const bool may_be_cut_off = limit.hard_bytes > 0 || limit.soft_bytes > 0;
  return may_be_cut_off ? SIZE_MAX : environment_.sendable_bytes_left;
}

ssize_t Connection::SendSome(std::string_view bytes, size_t least) {
  size_t most = bytes.size();
  if (most > least) most = std::min(most, std::max(SendableBytes(), least));
  const uv_buf_t buffer = BufferOf(const_cast<char*>(bytes.data()), most);
  const int sent = uv_try_write(&handle_.stream, &buffer, 1);
  ++environment_.statistics.writes;
  if (sent < 0) return sent == UV_EAGAIN ? 0 : sent;
  size_t& left = environment_.sendable_bytes_left;
  left -= std::min(left, static_cast<size_t>(sent));
  environment_.statistics.output_bytes += static_cast<uint64_t>(sent);
  return sent;
}

void Connection::WaitToSend() {
  waits_to_send_ = true;
  environment_.owner.WaitsToSend(*this);
}

void Connection::SendMore() {
  if (!std::exchange(waits_to_send_, false) || is_closing_) return;
  while (sending_->unsent_bytes > 0) {
    if (SendableBytes() == 0) return WaitToSend();
    const ssize_t sent = SendSome(sending_->unsent(), kShortPieceBytes);
    if (sent < 0) return Close();
    if (sent == 0) return SendFeeler();
    sending_->Advance(static_cast<size_t>(sent));
  }
  environment_.buffers.GiveBack(std::move(sending_->data));
  sending_.reset();
}

void Connection::SendFeeler() {
  const std::string_view feeler = sending_->unsent().substr(0, kFeelerBytes);
  const uv_buf_t buffer = BufferOf(const_cast<char*>(feeler.data()), feeler.size());
  sending_->feeler_bytes = feeler.size();
  if (uv_write(&sending_->request, &handle_.stream, &buffer, 1, OnSent) == 0) return;
  sending_.reset();
  Close();
}

void Connection::OnSent(uv_write_t* request, int status) {
  Connection& self = Of(request->handle);
  if (self.is_closing_) return;
  if (status != 0) return self.Close();
  const size_t bytes = self.sending_->feeler_bytes;
  self.environment_.statistics.output_bytes += bytes;
  self.sending_->Advance(bytes);
  // Not now: what is in output() may have to be held back, which the owner knows.
  self.WaitToSend();
}

std::string Connection::TakeSendable() {
  const size_t bytes = sendable_bytes();
  reply_begin_ -= std::min(reply_begin_, bytes);
  if (bytes == output_.size()) return std::exchange(output_, std::string());
  // The rest waits for the disk, or for a script: that takes longer than this copy.
  std::string rest = output_.substr(bytes);
  output_.resize(bytes);
  for (HeldBack& held : held_back_) held.end -= bytes;
  sendable_before_held_ = 0;
  return std::exchange(output_, std::move(rest));
}

void Connection::HoldBack(uint64_t sequence) {
  const size_t end = whole_bytes();
  if (is_closing_ || end == 0) return;
  if (held_back_.empty()) {
    // All of it: what the socket has not taken so far waits with the rest.
    sendable_before_held_ = 0;
    held_back_.push_back({sequence, end});
  } else if (held_back_.back().sequence >= sequence) {
    held_back_.back().end = end;
  } else if (held_back_.back().end < end) {
    held_back_.push_back({sequence, end});
  }
}

void Connection::LetGo(uint64_t kept) {
  if (is_closing_ || held_back_.empty()) return;
  size_t kept_parts = 0;
  while (kept_parts < held_back_.size() && held_back_[kept_parts].sequence <= kept) ++kept_parts;
  if (kept_parts == 0) return;
  sendable_before_held_ = held_back_[kept_parts - 1].end;
  held_back_.erase(held_back_.begin(), held_back_.begin() + static_cast<ptrdiff_t>(kept_parts));
  Flush();
}

void Connection::LetGoOn(size_t held_up_above_bytes) {
  held_up_above_bytes_ = held_up_above_bytes;
  if (!is_held_up_) return;
  is_held_up_ = false;
  UpdateReading();
  if (is_in_parts_) environment_.owner.MayGetNextPart(*this);
  if (MayExecute() && input_.unparsed_bytes() > 0) environment_.owner.BecameReady(*this);
}

void Connection::CheckOutputLimit() {
  const OutputBufferLimit& limit = environment_.settings.output_buffer_limit(output_class());
  const auto unsent = static_cast<int64_t>(unsent_bytes());
  const bool over_hard = limit.hard_bytes > 0 && unsent >= limit.hard_bytes;
  const bool over_soft = limit.soft_bytes > 0 && unsent >= limit.soft_bytes;
  const uint64_t now_ms = uv_now(environment_.loop);
  if (!over_soft) {
    over_soft_limit_since_ms_ = 0;
  } else if (over_soft_limit_since_ms_ == 0) {
    over_soft_limit_since_ms_ = now_ms;
  }
  const bool too_long =
      over_soft && now_ms - over_soft_limit_since_ms_ > static_cast<uint64_t>(limit.soft_s) * 1000;
  if (!over_hard && !too_long) return;
  ++environment_.statistics.output_limit_disconnections;
  Close();
}

void Connection::CheckTime() {
  if (is_closing_) return;
  CheckOutputLimit();
  if (tls_ != nullptr && !tls_->is_established() &&
      uv_now(environment_.loop) - created_ms_ > kHandshakeMs) {
    return Close();
  }
  const auto timeout_ms = static_cast<uint64_t>(environment_.settings.timeout_s) * 1000;
  // Those who listen are silent.
  if (timeout_ms > 0 && !is_blocked_ && subscription_count() == 0 && !is_monitor_ &&
      uv_now(environment_.loop) - last_active_ms_ > timeout_ms) {
    Close();
  }
}

// --- what CLIENT and INFO show
// --------------------------------------------------------------------

std::string Connection::address() const {
  if (is_unix_) return environment_.settings.unixsocket + ":0";
  return AddressText(PeerOf(handle_.tcp));
}

std::string Connection::local_address() const {
  if (is_unix_) return environment_.settings.unixsocket + ":0";
  sockaddr_storage address{};
  int size = sizeof address;
  uv_tcp_getsockname(&handle_.tcp, reinterpret_cast<sockaddr*>(&address), &size);
  return AddressText(address);
}

bool Connection::is_local() const {
  if (is_unix_) return true;
  const sockaddr_storage peer = PeerOf(handle_.tcp);
  if (peer.ss_family == AF_INET) {
    return ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr) >> 24 == 127;
  }
  if (peer.ss_family != AF_INET6) return false;
  const in6_addr& address = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&address) ||
         (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == 127);
}

int64_t Connection::age_s() const {
  return static_cast<int64_t>(uv_now(environment_.loop) - created_ms_) / 1000;
}

std::string Connection::Describe() const {
  std::string flags;
  const bool is_queueing = transaction_ != nullptr && transaction_->is_open();
  if (is_monitor_) flags += 'O';
  if (subscription_count() > 0) flags += 'P';
  if (is_queueing) flags += 'x';
  if (is_blocked_) flags += 'b';
  if (transaction_ != nullptr && transaction_->has_spoilt()) flags += 'd';
  if (close_after_reply_) flags += 'c';
  if (is_unix_) flags += 'U';
  if (no_evict_) flags += 'e';
  if (no_touch_) flags += 'T';
  if (flags.empty()) flags = "N";
  uv_os_fd_t fd = -1;
  uv_fileno(&handle_.handle, &fd);
  return fmt::format(
      "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub=0 "
      "multi={} qbuf={} qbuf-free={} argv-mem={} multi-mem={} rbs={} rbp={} obl={} oll={} omem={} "
      "tot-mem={} events={} cmd={} user={} redir=-1 resp={} lib-name={} lib-ver={}",
      id_, address(), local_address(), fd, name(), age_s(),
      (uv_now(environment_.loop) - last_active_ms_) / 1000, flags, database_, channel_count(),
      pattern_count(), is_queueing ? static_cast<int64_t>(transaction_->queue().size()) : -1,
      input_.filled_bytes(), input_.room_bytes(), parser_.allocated_bytes(),
      is_queueing ? transaction_->queued_bytes() : 0, output_.capacity(), output_.capacity(),
      output_.size(), is_sending() ? 1 : 0, unsent_bytes(), allocated_bytes(),
      is_sending() ? "rw" : "r", last_command_ != nullptr ? last_command_->spec.name : "NULL",
      user_name(), resp_version_, names_ ? names_->library : "",
      names_ ? names_->library_version : "");
}

// --- Session
// --------------------------------------------------------------------------------------

void Connection::BecomeDefaultUser() {
  database_ = 0;
  LogIn(environment_.acl.default_user());
  authenticated_ = environment_.acl.lets_anybody_in();
}

void Connection::LogIn(const AclUser& user) {
  user_ = &user;
  authenticated_ = true;
  if (user.database()) database_ = *user.database();
}

void Connection::LogOut() {
  user_ = &environment_.acl.nobody();
  authenticated_ = false;
}

bool Connection::must_log_in() const {
  return !authenticated_ && !environment_.acl.lets_anybody_in();
}

std::string_view Connection::user_name() const {
  return user_->name();
}

Connection::Names& Connection::names() {
  if (names_ == nullptr) names_ = std::make_unique<Names>();
  return *names_;
}

void Connection::set_name(std::string_view name) {
  if (names_ != nullptr || !name.empty()) names().client = name;
}

void Connection::set_library(std::string_view name, std::string_view version) {
  if (name.data() != nullptr) names().library = name;
  if (version.data() != nullptr) names().library_version = version;
}

void Connection::Reset() {
  resp_version_ = 2;
  BecomeDefaultUser();
  no_evict_ = false;
  no_touch_ = false;
  if (reply_mode_ != ReplyMode::kSkipThis) reply_mode_ = ReplyMode::kOn;
  environment_.pubsub.UnsubscribeAll(*this);
  environment_.monitoring.RemoveMonitor(*this);
  if (names_ != nullptr) names_->client.clear();
  if (transaction_ != nullptr) transaction_->Close();
}

void Connection::Subscribe(Topic topic, std::string_view name) {
  environment_.pubsub.Subscribe(*this, topic, name, database_);
}

void Connection::Unsubscribe(Topic topic, std::string_view name) {
  environment_.pubsub.Unsubscribe(*this, topic, name);
}

std::vector<std::string> Connection::Subscriptions(Topic topic) const {
  return PubSub::SubscriptionsOf(*this, topic);
}

std::optional<std::string_view> Connection::FirstSubscription(Topic topic) const {
  return PubSub::FirstSubscription(*this, topic);
}

}  // namespace ampt
