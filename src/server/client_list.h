// ClientList: the connections of the server, by their ids, and what concerns all of them: CLIENT
// LIST and KILL, `maxmemory-clients`, the figures of INFO.
//
// A connection is here from Add() until Remove(), so also while it is being closed; Find() and all
// that follows leave those out. Cost, where nothing else is said: a walk over all connections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "commands/host.h"
#include "server/connection.h"
#include "server/log.h"
#include "server/server_host.h"
#include "server/settings.h"
#include "server/statistics.h"

namespace ampt {

class ClientList {
 public:
  // All outlive the clients.
  ClientList(const Settings& settings, Statistics& statistics, Log& log)
      : settings_(settings), statistics_(statistics), log_(log) {}

  // A new connection under the next id. Cost: O(log n).
  Connection& Add(Connection::Environment& environment, bool is_unix);
  // Deletes it. REQUIRES: its socket is closed. Cost: O(log n).
  void Remove(Connection& connection);
  // Null when it has gone. Cost: O(log n).
  Connection* Find(int64_t id) const;
  size_t size() const { return connections_.size(); }
  // Calls `visit(connection)` for each, those being closed included; none may be removed meanwhile.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [id, connection] : connections_) visit(*connection);
  }

  // Calls `visit(connection)` for up to `most` of them behind `after_id`. The id to go on behind;
  // 0: there are no more.
  template <typename Visit>
  int64_t ForSome(int64_t after_id, size_t most, Visit visit) const {
    auto at = connections_.upper_bound(after_id);
    for (; at != connections_.end() && most > 0; ++at, --most) {
      after_id = at->first;
      visit(*at->second);
    }
    return at == connections_.end() ? 0 : after_id;
  }

  // --- maxmemory-clients ---
  // Keeps account of what a connection takes. Cost: a subtraction.
  void CountMemory(Connection& connection);
  // Closes the largest ones where all together take too much. Cost while they do not: a comparison.
  void EvictLargest();

  // --- CLIENT, ACL, INFO ---
  // Describes up to `most` of them behind `after_id`, a line each. The id to go on behind; 0: there
  // are no more.
  int64_t List(const ClientFilter& filter, int64_t after_id, size_t most, std::string* list) const;
  // Returns how many. `me` gets its reply first.
  int64_t Kill(const ClientFilter& filter, const Session& me);
  // Closes those that are meant; from now on they may do nothing.
  void Close(const std::function<bool(const AclUser& user, const Session& session)>& is_meant,
             const Session& me);
  ClientFigures Figures() const;

 private:
  const Settings& settings_;
  Statistics& statistics_;
  Log& log_;
  std::map<int64_t, std::unique_ptr<Connection>> connections_;
  int64_t last_id_ = 0;
  size_t bytes_ = 0;  // of all connections, as last counted
};

}  // namespace ampt
