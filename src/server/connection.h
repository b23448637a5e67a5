// Connection: one client's socket, its bytes in both directions, and what it has chosen (Session).
//
// It reads, parses and sends; it runs no command. Bytes that came make it ready, its owner then
// takes the commands out in batches, lets replies be appended to output(), and flushes once a turn.
//
//   socket -> ReadBuffer -> NextCommand() … dispatch … output() -> Flush() -> socket
//
// Nobody waits for a slow client: what the socket does not take at once is sent by libuv as it
// drains. A client that lets more than kMostUnsentBytes pile up is held up: it is not read from and
// none of its commands run until all has gone. Where client-output-buffer-limit sets a limit it is
// served on up to there instead, by kMostUnsentBytes a turn, so that it is cut off as the limit
// says. Either way it holds no more than that and one reply. An idle connection has no buffers.
#pragma once

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "commands/host.h"
#include "server/buffers.h"
#include "server/resp_parser.h"
#include "server/settings.h"
#include "server/statistics.h"

namespace ampt {

struct Command;

class Connection final : public Session {
 public:
  static constexpr size_t kMostUnsentBytes = 1 << 20;

  // Who the connection belongs to. All calls come from the loop's callbacks.
  class Owner {
   public:
    virtual ~Owner() = default;
    // There may be commands to take: bytes have come, or the client is no longer held up.
    virtual void BecameReady(Connection& connection) = 0;
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
  };

  Connection(Environment& environment, int64_t id, bool is_unix);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- life ---
  // Takes the connection waiting at `listener`. A libuv error code or 0; on error, as always, it
  // must be closed and ends in HasClosed().
  int Accept(uv_stream_t* listener);
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
    return !is_closing_ && !close_after_reply_ && !is_blocked_ && !is_held_up_;
  }
  RespParser::Result NextCommand(const RespLimits& limits, RespWords* words);
  std::string_view protocol_error() const { return parser_.error(); }
  // Where the next command begins; going back undoes NextCommand().
  size_t position() const { return input_.position(); }
  void GoBackTo(size_t position);
  // After a batch: gives buffers back, goes on reading if it may.
  void FinishTurn();
  // The client waits for something; its later commands wait with it.
  void set_blocked(bool blocked) { is_blocked_ = blocked; }
  bool is_blocked() const { return is_blocked_; }
  // Set while the connection waits in its owner's list.
  bool is_listed() const { return is_listed_; }
  void set_listed(bool listed) { is_listed_ = listed; }

  // --- replies ---
  // Append here; Flush() sends it.
  std::string* output();
  size_t output_bytes() const { return output_.size(); }
  // Takes back what was appended behind `size` (CLIENT REPLY OFF).
  void TruncateOutput(size_t size) { output_.resize(size); }
  // Whether the latest command is not to be answered (CLIENT REPLY).
  void set_silenced(bool silenced) { is_silenced_ = silenced; }
  bool is_silenced() const { return is_silenced_; }
  // After a command: so much unsent output holds the client up, at least until the next Flush().
  void CheckHeldUp() {
    if (unsent_bytes() > held_up_above_bytes_) is_held_up_ = true;
  }
  // Sends output(): at once what the socket takes, the rest as it drains.
  void Flush();
  // Called once a second: closes it if it was idle or slow for too long.
  void CheckTime();
  ReplyMode reply_mode() const { return reply_mode_; }
  // What a RespReply for this client writes.
  const int* resp_version_in_use() const { return &resp_version_; }

  // --- what CLIENT and INFO show ---
  void set_last_command(const Command* command) { last_command_ = command; }
  const Command* last_command() const { return last_command_; }
  std::string address() const;
  std::string local_address() const;
  bool is_local() const;
  ClientClass client_class() const { return ClientClass::kNormal; }
  int64_t age_s() const;
  size_t input_buffer_bytes() const { return input_.capacity() + parser_.allocated_bytes(); }
  size_t output_buffer_bytes() const { return output_.capacity() + sending_bytes(); }

  // --- Session ---
  int64_t id() const override { return id_; }
  int database() const override { return database_; }
  void set_database(int database) override { database_ = database; }
  int resp_version() const override { return resp_version_; }
  void set_resp_version(int version) override { resp_version_ = version; }
  bool authenticated() const override { return authenticated_; }
  void set_authenticated(bool authenticated) override { authenticated_ = authenticated; }
  std::string_view name() const override { return names_ ? names_->client : std::string_view(); }
  void set_name(std::string_view name) override;
  void set_library(std::string_view name, std::string_view version) override;
  void set_no_evict(bool on) override { no_evict_ = on; }
  void set_no_touch(bool on) override { no_touch_ = on; }
  void set_reply_mode(ReplyMode mode) override { reply_mode_ = mode; }
  std::string Describe() const override;
  void Reset() override;
  void CloseAfterReply() override { close_after_reply_ = true; }

 private:
  // Few clients have these.
  struct Names {
    std::string client;
    std::string library;
    std::string library_version;
  };
  // Output that libuv sends; lives until it is sent.
  struct Sending {
    uv_write_t request;
    std::string data;
    size_t already_sent;
  };

  static Connection& Of(void* handle) {
    return *static_cast<Connection*>(static_cast<uv_handle_t*>(handle)->data);
  }
  static void OnAllocate(uv_handle_t* handle, size_t, uv_buf_t* buffer);
  static void OnRead(uv_stream_t* stream, ssize_t bytes, const uv_buf_t*);
  static void OnSent(uv_write_t* request, int status);
  static void OnClosed(uv_handle_t* handle);

  size_t sending_bytes() const { return uv_stream_get_write_queue_size(&handle_.stream); }
  size_t unsent_bytes() const { return output_.size() + sending_bytes(); }
  // Reads or not, as the state of the connection wants it.
  void UpdateReading();
  void Send();
  // Commands that were held up may go on until so much is unsent.
  void LetGoOn(size_t held_up_above_bytes);
  // Closes a client that has reached a limit for unsent output.
  void CheckOutputLimit();
  Names& names();

  Environment& environment_;
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } handle_;
  ReadBuffer input_;
  RespParser parser_;
  std::string output_;
  std::unique_ptr<Names> names_;
  const Command* last_command_ = nullptr;
  int64_t id_;
  uint64_t created_ms_;                    // loop time
  uint64_t last_active_ms_;                // loop time
  uint64_t over_soft_limit_since_ms_ = 0;  // 0: is not over it
  size_t held_up_above_bytes_ = kMostUnsentBytes;
  int database_ = 0;
  int resp_version_ = 2;
  ReplyMode reply_mode_ = ReplyMode::kOn;
  bool is_unix_;
  bool authenticated_;
  bool no_evict_ = false;
  bool no_touch_ = false;
  bool is_reading_ = false;
  bool is_blocked_ = false;
  bool is_held_up_ = false;
  bool is_sending_ = false;
  bool is_listed_ = false;
  bool is_silenced_ = false;
  bool close_after_reply_ = false;
  bool is_closing_ = false;
};

}  // namespace ampt
