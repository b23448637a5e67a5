// The replies of a turn: sent, held back for the log, or waiting for room in a later turn; and
// those of commands that were answered later.
#include <memory>
#include <utility>
#include <vector>

#include "server/resp_reply.h"
#include "server/server.h"

namespace ampt {

void Server::Answer() {
  if (dispatcher_.is_busy()) storage_.Hold(dispatcher_.mark());
  storage_.EndTurn();
  const uint64_t sequence = storage_.last_sequence();
  for (Connection* connection : running_) {
    Flush(*connection, sequence);
    connection->FinishTurn();
  }
  running_.clear();
}

void Server::WaitsToSend(Connection& connection) {
  waiting_to_send_.push_back(connection.id());
  if (!is_in_turn_) SetAlarm(true);
}

void Server::SendMore() {
  for (const int64_t id : std::exchange(waiting_to_send_, {})) {
    Connection* const connection = clients_.Find(id);
    if (connection == nullptr) continue;
    connection->SendMore();
    // Else it is in pushed_.
    if (!PushesWait() || !connection->was_pushed()) running_.push_back(connection);
  }
}

void Server::HoldBack(Connection& connection, uint64_t sequence) {
  if (!storage_.HoldsBack(sequence) || connection.output_bytes() == 0) return;
  if (!connection.is_held_back()) held_back_.push_back(connection.id());
  connection.HoldBack(sequence);
}

void Server::Flush(Connection& connection, uint64_t sequence) {
  HoldBack(connection, sequence);
  connection.Flush();
  if (settings_.maxmemory_clients != 0) clients_.CountMemory(connection);
}

void Server::FlushPushed() {
  if (PushesWait()) return;
  const uint64_t sequence = storage_.last_sequence();
  for (Connection* connection : pushed_) {
    connection->EndPushes();
    Flush(*connection, sequence);
  }
  pushed_.clear();
}

void Server::ReactToLog() {
  const uint64_t kept = storage_.kept_sequence();
  const bool failed = storage_.log_failed();
  // To let go of one may begin a turn, in which others are held back.
  std::vector<int64_t> held_back = std::exchange(held_back_, {});
  std::erase_if(held_back, [&](int64_t id) {
    Connection* const connection = clients_.Find(id);
    if (connection == nullptr) return true;
    connection->LetGo(kept);
    // Nobody knows whether its write will last.
    if (failed && connection->is_held_back() && connection->has_written()) connection->Close();
    return connection->is_closing() || !connection->is_held_back();
  });
  held_back_.insert(held_back_.end(), held_back.begin(), held_back.end());
  if (storage_.WritersMustWait() || memory_.WritersMustWait()) return;
  LetGoOn(waiting_for_disk_);
}

// --- commands that wait
// -----------------------------------------------------------------------------

void Server::Block(Connection& connection, std::unique_ptr<BlockedWork> work) {
  connection.set_blocked(true);
  blocked_.Add(connection.id(), std::move(work));
}

void Server::Answer(int64_t id, const std::function<void(Reply&)>& answer) {
  TryAnswer(id, [&](Reply& reply) {
    answer(reply);
    return true;
  });
}

void Server::TryAnswer(int64_t id, const std::function<bool(Reply&)>& answer) {
  Connection* const waiting = clients_.Find(id);
  if (waiting == nullptr) return;
  waiting->BeginReply();
  RespReply reply(waiting->output(), waiting->resp_version_in_use());
  if (!answer(reply)) return waiting->EndReply();
  if (waiting->is_silenced()) waiting->DropReply();
  EndAnswer(*waiting);
}

void Server::EndAnswer(Connection& waiting) {
  waiting.NoteWrite(true);
  waiting.EndReply();
  // What it waits to send may be sent before its next command ends.
  HoldBack(waiting, storage_.last_sequence());
  waiting.set_blocked(false);
  waiting.CheckHeldUp();
  BecameReady(waiting);
  if (!is_in_turn_) SetAlarm(true);
}

bool Server::AnswerInParts(int64_t id, const std::shared_ptr<SlicedWork>& work) {
  Connection* const waiting = clients_.Find(id);
  if (waiting == nullptr) return true;
  waiting->BeginReply();
  RespReply reply(waiting->output(), waiting->resp_version_in_use());
  const bool is_done = work->Answer(reply);
  if (reply.errors() > 0) statistics_.CountError(reply.error_code());
  if (waiting->is_silenced() && !reply.has_pushed()) waiting->DropReply();
  if (is_done) {
    EndAnswer(*waiting);
    return true;
  }
  Flush(*waiting, storage_.last_sequence());
  if (waiting->is_closing()) return true;
  if (waiting->EndPart(/*is_whole=*/reply.has_pushed())) return false;
  untaken_answers_[id] = work;
  return true;
}

void Server::MayGetNextPart(Connection& connection) {
  const auto untaken = untaken_answers_.extract(connection.id());
  if (untaken.empty()) return;
  slices_.Add([this, id = connection.id(), work = untaken.mapped()](TimeMs) {
    return AnswerInParts(id, work);
  });
  if (!is_in_turn_) SetAlarm(true);
}

}  // namespace ampt
