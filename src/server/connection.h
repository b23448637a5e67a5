// Connection: one client's socket, its bytes in both directions, and what it has chosen (Session).
//
// It reads, parses and sends; it runs no command. Bytes that came make it ready, its owner then
// takes the commands out in batches, lets replies be appended to output(), and flushes once a turn.
//
//   socket -> ReadBuffer -> NextCommand() … dispatch … output() -> Flush() -> socket
//
// Nobody waits for a slow client: what the socket does not take at once is sent as it drains, and
// in pieces. A client that lets more than kMostUnsentBytes pile up is held up: it is not read from
// and none of its commands run until all has gone. Where client-output-buffer-limit sets a limit it
// is served on up to there instead, by kMostUnsentBytes a turn, so that it is cut off as the limit
// says. Either way it holds no more than that and one reply. An idle connection has no buffers.
#pragma once

#include <uv.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/host.h"
#include "server/buffers.h"
#include "server/pubsub.h"
#include "server/resp_parser.h"
#include "server/settings.h"
#include "server/statistics.h"
#include "server/tls.h"
#include "server/transactions.h"

namespace ampt {

struct Command;
class Acl;
class AclUser;
class Monitoring;

class Connection final : public Session, public PubSub::Subscriber {
 public:
  static constexpr size_t kMostUnsentBytes = 1 << 20;
  // So much of a turn's replies counts against no limit, as in Redis.
  static constexpr size_t kUncountedBytes = 16 << 10;
  // How much is gathered for a client that does not take it at once in one string.
  static constexpr size_t kGatheredBytes = 64 << 10;
  // What all sockets together may take, and give, in a turn, so that nobody waits for what a crowd
  // moves. Beyond that each gives a short piece, takes a longer one of a new answer, and what it
  // has not taken waits for a later turn. Not so for clients that are cut off if they do not take
  // it.
  static constexpr size_t kTurnSendBytes = 128 << 10;
  static constexpr size_t kTurnReadBytes = 256 << 10;
  static constexpr size_t kShortPieceBytes = 16 << 10;
  // A new answer: what commands of a turn can answer is bounded already.
  static constexpr size_t kLongPieceBytes = 256 << 10;
  // How much libuv gets to tell that a socket takes something again.
  static constexpr size_t kFeelerBytes = 1024;
  // A TLS client that has not shaken hands within this time is closed.
  static constexpr uint64_t kHandshakeMs = 10'000;

  // Who the connection belongs to. All calls come from the loop's callbacks.
  class Owner {
   public:
    virtual ~Owner() = default;
    // There may be commands to take: bytes have come, or the client is no longer held up.
    virtual void BecameReady(Connection& connection) = 0;
    // Enough of a part of its answer has gone for the next one: see EndPart().
    virtual void MayGetNextPart(Connection& connection) = 0;
    // It has more to send: its socket takes something again, or the turn had no room for it.
    // SendMore() is to be called in a later one.
    virtual void WaitsToSend(Connection& connection) = 0;
    // Messages were pushed to it; called once until EndPushes(), which the owner is to call.
    virtual void WasPushed(Connection& connection) = 0;
    // TLS with it failed; it is closed.
    virtual void TlsFailed(Connection& connection, std::string_view reason) = 0;
    // The socket is closed: the owner deletes the connection. Nothing of it is called any more.
    virtual void HasClosed(Connection& connection) = 0;
  };

  // What connections share; outlives them.
  struct Environment {
    uv_loop_t* loop;
    Owner& owner;
    const Settings& settings;
    Statistics& statistics;
    BufferPool& buffers;
    PubSub& pubsub;
    Monitoring& monitoring;
    const Acl& acl;
    // Of this turn, see kTurnSendBytes.
    size_t sendable_bytes_left = kTurnSendBytes;
    size_t readable_bytes_left = kTurnReadBytes;

    void BeginTurn() {
      sendable_bytes_left = kTurnSendBytes;
      readable_bytes_left = kTurnReadBytes;
    }
  };

  Connection(Environment& environment, int64_t id, bool is_unix);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- life ---
  // Takes the connection waiting at `listener`. A libuv error code or 0; on error, as always, it
  // must be closed and ends in HasClosed().
  int Accept(uv_stream_t* listener);
  // From now on it speaks TLS. REQUIRES: not started.
  void Secure(const TlsContext& context);
  // Starts reading.
  int Start();
  // Sends nothing more and closes. Safe to call again, and while the connection is in a batch.
  void Close();
  // Tries to send `text`, then closes: for clients that are not let in.
  void Refuse(std::string_view text);
  bool is_closing() const { return is_closing_; }

  // --- requests ---
  // False: its commands wait (work in slices, unsent replies) or are past (closing).
  bool MayExecute() const {
    return !is_closing_ && !close_after_reply_ && !is_blocked_ && !is_held_up_ && !waits_for_disk_;
  }
  RespParser::Result NextCommand(const RespLimits& limits, RespWords* words);
  std::string_view protocol_error() const { return parser_.error(); }
  // Where the next command begins; going back undoes NextCommand().
  size_t position() const { return input_.position(); }
  size_t unparsed_bytes() const { return input_.unparsed_bytes(); }
  void GoBackTo(size_t position);
  // Words of a command that has not come to its end.
  size_t unfinished_words() const { return parser_.unfinished_words(); }
  // After a batch: gives buffers back, goes on reading if it may.
  void FinishTurn();
  // The client waits for something; its later commands wait with it.
  void set_blocked(bool blocked) { is_blocked_ = blocked; }
  bool is_blocked() const { return is_blocked_; }
  // Its command goes on in later turns, and with it the answer to that: what came before is sent
  // meanwhile, later commands wait.
  void set_suspended(bool suspended) { is_suspended_ = is_blocked_ = suspended; }
  // The bytes that the words of its commands lie in: these stay good as long as the result.
  std::unique_ptr<ReadBuffer> TakeParsed();
  // Set while the connection waits in its owner's list.
  bool is_listed() const { return is_listed_; }
  void set_listed(bool listed) { is_listed_ = listed; }
  // Whether its latest command took long.
  bool is_costly() const { return is_costly_; }
  void set_costly(bool is_costly) { is_costly_ = is_costly; }
  // When it was last found to ask for much, by the stopwatch.
  int64_t demanded_nanos() const { return demanded_nanos_; }
  void set_demanded_nanos(int64_t nanos) { demanded_nanos_ = nanos; }

  // --- replies ---
  // Append here; Flush() sends it.
  std::string* output();
  size_t output_bytes() const { return output_.size(); }
  // Around the answer to one request. A message never stands within an answer: it comes before it
  // where nothing of the answer is written yet, else behind it.
  void BeginReply();
  void EndReply();
  // Instead of EndReply(), where the answer goes on with the next BeginReply(): what there is of it
  // is sent. `is_whole`: a message may come before the rest. False: the client is to take more of
  // that before the next part, the owner is told.
  bool EndPart(bool is_whole);
  // Takes back what was answered since BeginReply(), but no message (CLIENT REPLY OFF).
  void DropReply() { output_.resize(reply_begin_); }
  // Whether the latest command is not to be answered (CLIENT REPLY).
  void set_silenced(bool silenced) { is_silenced_ = silenced; }
  bool is_silenced() const { return is_silenced_; }
  // A message for the client (PubSub::Subscriber). One that lets more pile up than its limit says
  // gets no more, and is closed by EndPushes().
  void Push(std::string_view message) override;
  // After a command: so much unsent output holds the client up, at least until the next Flush().
  void CheckHeldUp() {
    if (unsent_bytes() > held_up_above_bytes_) is_held_up_ = true;
  }
  // Whether unsent output has reached the limit at which a client is cut off; it is closed then.
  bool CloseIfOverOutputLimit() {
    CheckOutputLimit();
    return is_closing_;
  }
  // The messages of a turn are complete, Flush() follows. A client with too many is closed.
  void EndPushes();
  // There are messages for which EndPushes() was not called yet.
  bool was_pushed() const { return was_pushed_; }
  // Sends output(): at once what the socket takes, the rest as it drains. What is held back stays.
  void Flush();
  // Goes on with what waits to be sent (Owner::WaitsToSend), if anything does. Flush() is to
  // follow, as there is less of it then.
  void SendMore();
  // What is in output() shows writes of the log up to that sequence, and is not to be sent before
  // LetGo() has said that they are kept. A sequence below the one before counts as that.
  void HoldBack(uint64_t sequence);
  // Sends what was held back for sequences up to `kept`.
  void LetGo(uint64_t kept);
  bool is_held_back() const { return !held_back_.empty(); }
  // Whether it has written since nothing was held back.
  void NoteWrite(bool writes) { has_written_ = has_written_ || writes; }
  bool has_written() const { return has_written_; }
  // A command of its has to wait: for the disk, for memory, or for the end of a pause.
  void set_waits_for_disk(bool waits) { waits_for_disk_ = waits; }
  bool waits_for_disk() const { return waits_for_disk_; }
  // Called once a second: closes it if it was idle or slow for too long.
  void CheckTime();
  ReplyMode reply_mode() const { return reply_mode_; }
  // What a RespReply for this client writes.
  const int* resp_version_in_use() const { return &resp_version_; }

  // --- the user (ACL) ---
  const AclUser& user() const { return *user_; }
  // Selects the user's database, if he is bound to one.
  void LogIn(const AclUser& user);
  // From now on it is nobody's and may do nothing.
  void LogOut();
  // Whether only AUTH and its like are open to it.
  bool must_log_in() const;

  // --- transactions ---
  // Null: it has begun none and watches nothing.
  Transaction* transaction() const { return transaction_.get(); }
  void set_transaction(std::unique_ptr<Transaction> transaction) {
    transaction_ = std::move(transaction);
  }

  // --- what CLIENT and INFO show ---
  void set_last_command(const Command* command) { last_command_ = command; }
  const Command* last_command() const { return last_command_; }
  std::string address() const;
  std::string local_address() const;
  bool is_local() const;
  bool is_unix() const { return is_unix_; }
  // It is shown what others run (Monitoring).
  bool is_monitor() const { return is_monitor_; }
  void set_monitor(bool is_monitor) { is_monitor_ = is_monitor; }
  ClientClass client_class() const {
    return subscription_count() > 0 ? ClientClass::kPubsub : ClientClass::kNormal;
  }
  // Whose limits for unsent output it has: also of those who are shown what others run, since they
  // ask for it without a bound.
  ClientClass output_class() const { return is_monitor_ ? ClientClass::kPubsub : client_class(); }
  int64_t age_s() const;
  size_t input_buffer_bytes() const { return input_.allocated_bytes() + parser_.allocated_bytes(); }
  size_t output_buffer_bytes() const { return output_.capacity() + sending_bytes(); }
  // What the client takes in all.
  size_t allocated_bytes() const {
    return sizeof *this + input_buffer_bytes() + output_buffer_bytes() + subscription_bytes() +
           (transaction_ != nullptr ? transaction_->allocated_bytes() : 0) +
           (tls_ != nullptr ? tls_->buffered_bytes() : 0);
  }
  // What its owner has counted of that.
  size_t counted_bytes() const { return counted_bytes_; }
  void set_counted_bytes(size_t bytes) { counted_bytes_ = bytes; }

  // --- Session ---
  int64_t id() const override { return id_; }
  int database() const override { return database_; }
  void set_database(int database) override { database_ = database; }
  int resp_version() const override { return resp_version_; }
  void set_resp_version(int version) override { resp_version_ = version; }
  std::string_view user_name() const override;
  bool authenticated() const override { return authenticated_; }
  void set_authenticated(bool authenticated) override { authenticated_ = authenticated; }
  std::string_view name() const override { return names_ ? names_->client : std::string_view(); }
  void set_name(std::string_view name) override;
  void set_library(std::string_view name, std::string_view version) override;
  void set_no_evict(bool on) override { no_evict_ = on; }
  bool no_evict() const { return no_evict_; }
  void set_no_touch(bool on) override { no_touch_ = on; }
  bool no_touch() const { return no_touch_; }
  void set_reply_mode(ReplyMode mode) override {
    // SKIP adds nothing to OFF.
    if (mode != ReplyMode::kSkipNext || reply_mode_ != ReplyMode::kOff) reply_mode_ = mode;
  }
  std::string Describe() const override;
  void Reset() override;
  void CloseAfterReply() override { close_after_reply_ = true; }
  void Subscribe(Topic topic, std::string_view name) override;
  void Unsubscribe(Topic topic, std::string_view name) override;
  std::vector<std::string> Subscriptions(Topic topic) const override;
  std::optional<std::string_view> FirstSubscription(Topic topic) const override;
  void set_subscribing(bool subscribing) override { is_subscribing_ = subscribing; }
  bool is_subscribing() const override { return is_subscribing_; }
  size_t subscription_count() const override { return channel_count() + pattern_count(); }

 private:
  // Few clients have these.
  struct Names {
    std::string client;
    std::string library;
    std::string library_version;
  };
  // Output that the socket has not taken at once.
  struct Sending {
    uv_write_t request{};
    std::string data;
    size_t done;                       // of data
    size_t feeler_bytes = 0;           // of data behind that: libuv has them
    std::deque<std::string> behind{};  // what comes after data
    size_t unsent_bytes;               // of all

    std::string_view unsent() const { return std::string_view(data).substr(done); }
    void Advance(size_t bytes) {
      done += bytes;
      unsent_bytes -= bytes;
      if (done < data.size() || behind.empty()) return;
      data = std::move(behind.front());
      behind.pop_front();
      done = 0;
    }
  };

  static Connection& Of(void* handle) {
    return *static_cast<Connection*>(static_cast<uv_handle_t*>(handle)->data);
  }
  static void OnAllocate(uv_handle_t* handle, size_t, uv_buf_t* buffer);
  static void OnRead(uv_stream_t* stream, ssize_t bytes, const uv_buf_t* buffer);
  static void OnSent(uv_write_t* request, int status);
  static void OnClosed(uv_handle_t* handle);

  // A part of output_ that waits for the log.
  struct HeldBack {
    uint64_t sequence;
    size_t end;  // of output_
  };
  // How much of output_ are whole answers.
  size_t whole_bytes() const {
    return __builtin_expect(is_suspended_, 0) ? reply_begin_ : output_.size();
  }
  // How much of output_ may be sent.
  size_t sendable_bytes() const {
    return held_back_.empty() ? whole_bytes() : sendable_before_held_;
  }

  size_t channel_count() const { return PubSub::Subscriber::subscription_count(Topic::kChannel); }
  size_t pattern_count() const { return PubSub::Subscriber::subscription_count(Topic::kPattern); }
  bool is_sending() const { return sending_ != nullptr; }
  size_t sending_bytes() const { return is_sending() ? sending_->unsent_bytes : 0; }
  size_t unsent_bytes() const { return output_.size() + deferred_.size() + sending_bytes(); }
  // Reads or not, as the state of the connection wants it.
  void UpdateReading();
  void Send();
  void SendBytes(std::string bytes);
  // Has the socket take what it takes now, within the bounds of the turn. Less than 0: an error.
  // At least `least` of them are tried.
  ssize_t SendSome(std::string_view bytes, size_t least);
  // How much may be sent of sending_ in this turn. Who is cut off for what he does not take gets
  // all that he takes.
  size_t SendableBytes() const;
  // Has libuv send the beginning of sending_ as soon as the socket takes something.
  void SendFeeler();
  void WaitToSend();
  // How much may be read from it now.
  size_t ReadableBytes() const {
    return std::max(environment_.readable_bytes_left, kShortPieceBytes);
  }
  // Sends what TLS itself has to say.
  void SendPending();
  // What came over TLS: `bytes` as OnRead gets them.
  void OnEncrypted(ssize_t bytes, const uv_buf_t& buffer);
  // Takes of it what input_ has room for.
  void Decrypt();
  // There are new bytes in input_.
  void Received();
  // The client sends nothing more.
  void HasEnded();
  // Takes out of output_ what may be sent.
  std::string TakeSendable();
  // Commands that were held up may go on until so much is unsent.
  void LetGoOn(size_t held_up_above_bytes);
  // Closes a client that has reached a limit for unsent output.
  void CheckOutputLimit();
  Names& names();

  // As a client that has just come, or sent RESET.
  void BecomeDefaultUser();

  Environment& environment_;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle_;
  std::unique_ptr<TlsStream> tls_;  // null: plain
  ReadBuffer input_;
  RespParser parser_;
  std::string output_;
  std::string deferred_;              // messages that come behind the answer
  size_t reply_begin_ = 0;            // of output_
  std::vector<HeldBack> held_back_;   // in order of both members
  size_t sendable_before_held_ = 0;   // of output_, where something is held back
  std::unique_ptr<Sending> sending_;  // null: the socket has taken all
  std::unique_ptr<Names> names_;
  std::unique_ptr<Transaction> transaction_;
  const Command* last_command_ = nullptr;
  const AclUser* user_ = nullptr;
  int64_t id_;
  uint64_t created_ms_;                    // loop time
  uint64_t last_active_ms_;                // loop time
  uint64_t over_soft_limit_since_ms_ = 0;  // 0: is not over it
  size_t held_up_above_bytes_ = kMostUnsentBytes;
  size_t counted_bytes_ = 0;
  int database_ = 0;
  int resp_version_ = 2;
  ReplyMode reply_mode_ = ReplyMode::kOn;
  bool is_unix_;
  bool authenticated_ = false;
  bool no_evict_ = false;
  bool no_touch_ = false;
  bool is_monitor_ = false;
  bool has_undecrypted_ = false;  // for want of room in input_
  bool is_reading_ = false;
  bool is_blocked_ = false;
  bool is_suspended_ = false;
  bool is_held_up_ = false;
  bool is_listed_ = false;
  bool is_costly_ = false;
  int64_t demanded_nanos_ = INT64_MIN / 2;
  bool waits_to_send_ = false;
  bool is_silenced_ = false;
  bool is_replying_ = false;
  bool is_in_parts_ = false;  // the answer: some of it was sent
  bool was_pushed_ = false;
  bool is_cut_off_ = false;
  bool is_subscribing_ = false;
  bool close_after_reply_ = false;
  bool has_written_ = false;
  bool waits_for_disk_ = false;
  bool is_closing_ = false;
};

}  // namespace ampt
