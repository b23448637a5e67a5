#include "server/blocked_clients.h"

#include <algorithm>

#include "model/item.h"

namespace ampt {

void BlockedClients::Add(int64_t id, std::unique_ptr<BlockedWork> work) {
  if (work->deadline_ms() != kNoDeadline) deadlines_.emplace(work->deadline_ms(), id);
  parked_.emplace(id, std::move(work));
}

std::unique_ptr<BlockedWork> BlockedClients::Take(Parked::iterator at) {
  std::unique_ptr<BlockedWork> work = std::move(at->second);
  deadlines_.erase({work->deadline_ms(), at->first});
  parked_.erase(at);
  return work;
}

void BlockedClients::Remove(int64_t id) {
  if (const auto found = parked_.find(id); found != parked_.end()) Take(found);
}

bool BlockedClients::Unblock(int64_t id, bool with_error) {
  const auto found = parked_.find(id);
  if (found == parked_.end()) return false;
  const std::unique_ptr<BlockedWork> work = Take(found);
  answer_(id, [&](Reply& reply) {
    if (with_error) {
      reply.Error(Status::Coded("UNBLOCKED", "client unblocked via CLIENT UNBLOCK"));
    } else {
      work->TimeOut(reply);
    }
    return true;
  });
  return true;
}

void BlockedClients::UnblockAll() {
  while (!parked_.empty()) Unblock(parked_.begin()->first, /*with_error=*/false);
  woken_.clear();
}

size_t BlockedClients::Work(TimeMs now_ms, bool writes_wait, size_t most) {
  size_t done = 0;
  while (done < most && !deadlines_.empty() && deadlines_.begin()->first <= now_ms) {
    Unblock(deadlines_.begin()->second, /*with_error=*/false);
    ++done;
  }
  if (writes_wait) return done;
  // Trying again may wake others, behind these.
  const size_t count = std::min(woken_.size(), most - done);
  const std::vector<int64_t> woken(woken_.begin(), woken_.begin() + static_cast<ptrdiff_t>(count));
  woken_.erase(woken_.begin(), woken_.begin() + static_cast<ptrdiff_t>(count));
  for (const int64_t id : woken) {
    const auto found = parked_.find(id);
    if (found == parked_.end()) continue;
    answer_(id, [&](Reply& reply) {
      if (!found->second->TryAgain(reply)) return false;
      Take(found);
      return true;
    });
  }
  return done + count;
}

void BlockedClients::LeftOut(int database, std::string_view consumer, uint64_t id, uint64_t count) {
  log_.Warning(
      "The backlogs of event consumers are full (events-max-memory): consumer {} of database {} "
      "has lost {} events so far, the latest was {}",
      consumer, database, count, id);
}

}  // namespace ampt
