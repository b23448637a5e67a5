// Batch: the commands of all clients that were read from in one turn of the loop, worked off
// together.
//
// In groups of kGroup, across connections: parse, look up, ask for the memory the keys lie in, and
// only then execute, so that the waits for memory overlap. Fifty clients that send one command each
// gain as much as one that sends fifty. Within a connection order is kept.
//
// A connection that has sent more than its share of a turn is not worked off to its end: what is
// left of it comes in later turns, so that nobody waits for all that another one has sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "commands/context.h"
#include "server/connection.h"
#include "server/dispatch.h"
#include "server/hot_keys.h"
#include "server/resp_parser.h"

namespace ampt {

// Which commands do not run for now (CLIENT PAUSE).
enum class Pause : uint8_t { kNone, kWrites, kAll };

class Batch {
 public:
  // What is done with a command's work that is left over.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The connection waits until the work is done.
    virtual void RunInSlices(Connection& connection, std::unique_ptr<SlicedWork> work) = 0;
    // A protocol error ends the connection.
    virtual void ProtocolFailed(Connection& connection) = 0;
    // A web browser, made by some page to talk to this server: ends the connection, unanswered.
    virtual void HttpCame(Connection& connection) = 0;
    // Its next command is a write, which has to wait, for the disk or for memory: the owner makes
    // it ready again.
    virtual void WaitForDisk(Connection& connection) = 0;
    // Its next command has to wait for the end of a pause: the owner makes it ready again.
    virtual void WaitForPause(Connection& connection) = 0;
    // The connection waits for what its command waits for.
    virtual void Block(Connection& connection, std::unique_ptr<BlockedWork> work) = 0;
  };

  // All outlive the batch.
  Batch(Owner& owner, Dispatcher& dispatcher, const CommandTable& commands, Databases& databases,
        const Settings& settings, HotKeys& hot_keys)
      : owner_(owner),
        dispatcher_(dispatcher),
        commands_(commands),
        databases_(databases),
        settings_(settings),
        hot_keys_(hot_keys) {}

  // After so long no group, and no command that is not fast, begins: of a run, so that what comes
  // meanwhile need not wait for a crowd, and of one connection in it.
  struct Budget {
    int64_t run_nanos;
    int64_t share_nanos;
  };
  // Works off what these connections have sent, up to the share of each. Replies wait in their
  // output(). `writes_wait`: no write is run (Owner::WaitForDisk).
  void Run(std::span<Connection* const> ready, Budget budget, TimeMs now_ms, bool writes_wait);
  // Those of the latest Run() that have sent more, most of them once.
  std::span<Connection* const> unfinished() const { return unfinished_; }
  // From the next command on, of the group at work too.
  void set_pause(Pause pause) { pause_ = pause; }
  bool is_paused() const { return pause_ != Pause::kNone; }
  // The command that was suspended is over: its words are needed no more.
  void ForgetSuspended();

 private:
  static constexpr size_t kGroup = 32;
  // A connection's share, if the time allows.
  static constexpr size_t kGroupsOfShare = 4;
  // A connection is costly whose latest command takes longer, or who used up its share of the time.
  static constexpr int64_t kCostlyNanos = 25'000;
  // Answers of so many bytes take time in any command, so the clock is looked at.
  static constexpr size_t kLongAnswerBytes = 64 << 10;
  // A group of commands of many keys is smaller, so that what is asked for is still there when it
  // is used.
  static constexpr size_t kGroupWords = 6 * kGroup;
  // Enough keys of one MGET to keep the memory busy.
  static constexpr size_t kMostKeys = 4 * kGroup;

  struct Request {
    Connection* connection;
    const Command* command;  // null: unknown
    size_t position;         // in the connection's buffer
    size_t first_word;
    size_t words;  // 0: a protocol error
  };
  struct KeyHash {
    const Store* store;
    uint64_t hash;
    std::string_view key;
    const Item* item;  // as far as it is known
  };

  // Takes commands of `connection` into the group; true if more may be there.
  bool Collect(Connection& connection);
  // The command of that name; null: there is none. Mostly it is the same one again.
  const Command* Find(std::string_view name);
  bool IsFull() const { return group_size_ == kGroup || words_.words.size() >= kGroupWords; }
  void Prefetch();
  // What a command has to wait for before it runs: the disk (or memory), the end of a pause.
  enum class Wait : uint8_t { kNone, kDisk, kPause };
  Wait WaitOf(const Request& request) const;
  void Execute(TimeMs now_ms);
  // Work that keeps the words of its request.
  class WorkWithWords;
  // Hands the words of the group, and the bytes that they are views of, to those who keep them.
  void GiveWordsAway(Connection* suspended);
  std::span<const Request> Group() const { return {group_.data(), group_size_}; }
  Words WordsOf(const Request& request) const {
    return Words(words_.words).subspan(request.first_word, request.words);
  }

  Owner& owner_;
  Dispatcher& dispatcher_;
  const CommandTable& commands_;
  Databases& databases_;
  const Settings& settings_;
  HotKeys& hot_keys_;
  RespWords words_;
  // Of the suspended command: its words, and the bytes that they are views of.
  std::shared_ptr<RespWords> suspended_words_;
  std::unique_ptr<ReadBuffer> suspended_input_;
  // Of the group at work; each lives at least as long as that.
  std::vector<std::pair<Connection*, WorkWithWords*>> keep_words_;
  const Command* latest_ = nullptr;
  std::string latest_name_;  // as it was written
  std::vector<Connection*> unfinished_;
  std::array<Request, kGroup> group_;
  size_t group_size_ = 0;
  int64_t run_until_nanos_ = 0;
  int64_t share_nanos_ = 0;
  bool writes_wait_ = false;
  Pause pause_ = Pause::kNone;
  std::vector<KeyHash> keys_;
};

}  // namespace ampt
