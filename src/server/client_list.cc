#include "server/client_list.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace ampt {
namespace {

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

bool Matches(const ClientFilter& filter, const Connection& connection) {
  if (connection.is_closing()) return false;
  if (!filter.ids.empty() &&
      !std::binary_search(filter.ids.begin(), filter.ids.end(), connection.id())) {
    return false;
  }
  if (!filter.type.empty() && filter.type != NameOf(connection.client_class())) return false;
  if (!filter.user.empty() && filter.user != connection.user_name()) return false;
  if (filter.max_age_s && connection.age_s() < *filter.max_age_s) return false;
  if (!filter.address.empty() && filter.address != connection.address()) return false;
  return filter.local_address.empty() || filter.local_address == connection.local_address();
}

}  // namespace

Connection& ClientList::Add(Connection::Environment& environment, bool is_unix) {
  auto owned = std::make_unique<Connection>(environment, ++last_id_, is_unix);
  Connection& connection = *owned;
  connections_.emplace(last_id_, std::move(owned));
  return connection;
}

void ClientList::Remove(Connection& connection) {
  bytes_ -= connection.counted_bytes();
  connections_.erase(connection.id());
}

Connection* ClientList::Find(int64_t id) const {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second->is_closing()) return nullptr;
  return found->second.get();
}

void ClientList::CountMemory(Connection& connection) {
  const size_t bytes = connection.is_closing() ? 0 : connection.allocated_bytes();
  bytes_ += bytes - connection.counted_bytes();
  connection.set_counted_bytes(bytes);
}

void ClientList::EvictLargest() {
  const size_t most_bytes = settings_.most_client_bytes();
  if (most_bytes == 0 || bytes_ <= most_bytes) return;
  // Much may have been sent since it was counted.
  std::vector<Connection*> largest_first;
  for (const auto& [id, connection] : connections_) {
    CountMemory(*connection);
    if (!connection->no_evict()) largest_first.push_back(connection.get());
  }
  std::sort(largest_first.begin(), largest_first.end(),
            [](const Connection* a, const Connection* b) {
              return a->counted_bytes() > b->counted_bytes();
            });
  for (Connection* connection : largest_first) {
    if (bytes_ <= most_bytes) break;
    log_.Notice("Evicting client: {}", connection->Describe());
    ++statistics_.evicted_clients;
    connection->Close();
    CountMemory(*connection);
  }
}

int64_t ClientList::List(const ClientFilter& filter, int64_t after_id, size_t most,
                         std::string* list) const {
  return ForSome(after_id, most, [&](const Connection& connection) {
    if (Matches(filter, connection)) list->append(connection.Describe()).append("\n");
  });
}

int64_t ClientList::Kill(const ClientFilter& filter, const Session& me) {
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

void ClientList::Close(
    const std::function<bool(const AclUser& user, const Session& session)>& is_meant,
    const Session& me) {
  for (const auto& [id, connection] : connections_) {
    if (connection->is_closing() || !is_meant(connection->user(), *connection)) continue;
    connection->LogOut();
    if (id == me.id()) {
      connection->CloseAfterReply();
    } else {
      connection->Close();
    }
  }
}

ClientFigures ClientList::Figures() const {
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
    figures.buffer_bytes += connection->allocated_bytes();
  }
  return figures;
}

}  // namespace ampt
