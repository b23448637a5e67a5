// BlockedClients: connections whose command waits for something to come (AMPT.EVENTS READ … BLOCK).
//
// A parked command costs memory only: it is looked at when it is woken, when its time is over and
// when its client goes. Those woken are served in the order in which they were.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "commands/host.h"
#include "event/seams.h"
#include "server/log.h"

namespace ampt {

class BlockedClients final : public EventHost {
 public:
  // Calls `answer` with a reply to that client, if it is still there, and lets it go on when that
  // returns true.
  using Answer = std::function<void(int64_t id, const std::function<bool(Reply&)>& answer)>;

  BlockedClients(Answer answer, Log& log) : answer_(std::move(answer)), log_(log) {}

  // Parks the command of a connection. REQUIRES: it has none parked.
  void Add(int64_t id, std::unique_ptr<BlockedWork> work);
  // The connection has gone.
  void Remove(int64_t id);
  // Ends the wait of that client, as if its time were over or with an error; false: it does not
  // wait.
  bool Unblock(int64_t id, bool with_error);
  // All of them, as if their time were over.
  void UnblockAll();

  // Up to `most` of those whose time is over and, unless `writes_wait`, of those that were woken.
  // Returns how many.
  size_t Work(TimeMs now_ms, bool writes_wait, size_t most);
  // When Work() has something to do that no Wake() tells; kNoDeadline: never.
  TimeMs NextDeadline() const {
    return deadlines_.empty() ? kNoDeadline : deadlines_.begin()->first;
  }
  bool has_woken() const { return !woken_.empty(); }
  size_t count() const { return parked_.size(); }

  // --- EventHost ---
  void Wake(uint64_t token) override { woken_.push_back(static_cast<int64_t>(token)); }
  void LeftOut(int database, std::string_view consumer, uint64_t id, uint64_t count) override;

 private:
  using Parked = std::map<int64_t, std::unique_ptr<BlockedWork>>;

  // Takes it out, so that it may answer for the last time.
  std::unique_ptr<BlockedWork> Take(Parked::iterator at);

  Answer answer_;
  Log& log_;
  Parked parked_;
  std::set<std::pair<TimeMs, int64_t>> deadlines_;
  std::vector<int64_t> woken_;
};

}  // namespace ampt
