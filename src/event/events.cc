#include "event/events.h"

#include <algorithm>

#include "base/assert.h"

namespace ampt {
namespace {

Status NoConsumer() {
  return Status::Coded("NOTFOUND", "Consumer does not exist");
}

}  // namespace

Events::Events(int databases, const EventSettings& settings) {
  AMPT_ASSERT(databases < 65536);
  environment_.settings = settings;
  for (int n = 0; n < databases; ++n) {
    backlogs_.push_back(std::make_unique<Backlog>(environment_, n));
  }
}

Events::~Events() = default;

void Events::Clear() {
  for (size_t n = 0; n < backlogs_.size(); ++n) {
    const bool is_live = backlogs_[n]->is_live();
    backlogs_[n].reset();
    backlogs_[n] = std::make_unique<Backlog>(environment_, static_cast<int>(n));
    backlogs_[n]->set_live(is_live);
  }
  waiting_.clear();
  environment_.is_loading = environment_.is_saving = false;
}

// --- consumers
// ------------------------------------------------------------------------------------

Status Events::DropConsumer(int database, std::string_view name) {
  Consumer* consumer = of(database).Find(name);
  if (consumer == nullptr) return NoConsumer();
  for (const auto& [order, token] : consumer->waiters) waiting_.erase(token);
  of(database).Drop(*consumer);
  return {};
}

Result<uint64_t> Events::NumberOf(int database, std::string_view name) const {
  const Consumer* consumer = of(database).Find(name);
  if (consumer == nullptr) return NoConsumer();
  return consumer->number();
}

Result<std::vector<std::string>> Events::Read(int database, std::string_view name, size_t count) {
  Consumer* consumer = of(database).Find(name);
  if (consumer == nullptr) return NoConsumer();
  std::vector<std::string> events;
  of(database).Read(*consumer, count, &events);
  return events;
}

Result<int64_t> Events::Acknowledge(int database, std::string_view name,
                                    const std::vector<uint64_t>& ids) {
  Consumer* consumer = of(database).Find(name);
  if (consumer == nullptr) return NoConsumer();
  return of(database).Acknowledge(*consumer, ids);
}

Status Events::Refuse(int database, std::string_view name, uint64_t id, std::string_view reason) {
  Consumer* consumer = of(database).Find(name);
  if (consumer == nullptr) return NoConsumer();
  return of(database).Refuse(*consumer, id, reason);
}

Result<std::vector<std::string>> Events::DeadLetters(int database, std::string_view name,
                                                     size_t count) const {
  const Consumer* consumer = of(database).Find(name);
  if (consumer == nullptr) return NoConsumer();
  std::vector<std::string> events;
  of(database).DeadLetters(*consumer, count, &events);
  return events;
}

Result<int64_t> Events::Replay(int database, std::string_view name,
                               const std::vector<uint64_t>& ids) {
  Consumer* consumer = of(database).Find(name);
  if (consumer == nullptr) return NoConsumer();
  return of(database).Replay(*consumer, ids);
}

Status Events::AppendInfo(int database, std::optional<std::string_view> name,
                          std::string* out) const {
  const Backlog& backlog = of(database);
  if (name) {
    const Consumer* consumer = backlog.Find(*name);
    if (consumer == nullptr) return NoConsumer();
    backlog.AppendInfo(*consumer, out);
    return {};
  }
  out->append("[");
  bool first = true;
  for (const auto& [consumer_name, consumer] : backlog.consumers()) {
    if (!first) out->append(",");
    first = false;
    backlog.AppendInfo(*consumer, out);
  }
  out->append("]");
  return {};
}

std::vector<Events::ConsumerRow> Events::ConsumerRows(size_t most) const {
  std::vector<ConsumerRow> rows;
  for (size_t n = 0; n < backlogs_.size(); ++n) {
    const Backlog& backlog = *backlogs_[n];
    for (const auto& [name, consumer] : backlog.consumers()) {
      if (rows.size() == most) return rows;
      rows.push_back({static_cast<int>(n), consumer.get(), backlog.FiguresOf(*consumer)});
    }
  }
  return rows;
}

void Events::Wait(int database, std::string_view name, uint64_t token) {
  Consumer* consumer = of(database).Find(name);
  AMPT_ASSERT(consumer != nullptr);
  const auto [found, is_new] =
      waiting_.try_emplace(token, Waiting{database, consumer->number(), next_wait_});
  if (is_new) {
    ++next_wait_;
    consumer->waiters.emplace(found->second.order, token);
  } else {
    AMPT_ASSERT(found->second.consumer == consumer->number());
    consumer->woken.erase(found->second.order);
  }
  of(database).WakeReaders(*consumer);
}

void Events::StopWaiting(uint64_t token) {
  const auto found = waiting_.find(token);
  if (found == waiting_.end()) return;
  const Waiting waiting = found->second;
  waiting_.erase(found);
  Consumer* consumer = of(waiting.database).Find(waiting.consumer);
  AMPT_ASSERT(consumer != nullptr);
  consumer->waiters.erase(waiting.order);
  consumer->woken.erase(waiting.order);
  // What woke it may be there still.
  of(waiting.database).WakeReaders(*consumer);
}

// --- time
// -----------------------------------------------------------------------------------------

TimeMs Events::NextDue() const {
  TimeMs next_ms = kNoDeadline;
  for (const auto& backlog : backlogs_) next_ms = std::min(next_ms, backlog->NextDue());
  return next_ms;
}

size_t Events::RunDue(size_t most) {
  size_t done = 0;
  for (const auto& backlog : backlogs_) done += backlog->RunDue(most - done);
  return done;
}

bool Events::ConvertSome(size_t most) {
  bool done = true;
  for (const auto& backlog : backlogs_) done = backlog->ConvertSome(most) && done;
  return done;
}

bool Events::FreeSome(size_t most) {
  bool done = true;
  for (const auto& backlog : backlogs_) done = backlog->FreeSome(most) && done;
  return done;
}

// --- keeping
// --------------------------------------------------------------------------------------

Status Events::Apply(int database, uint32_t kind, std::string_view bytes) {
  const auto record = static_cast<EventRecord>(kind);
  RecordReader reader(bytes);
  if (record == EventRecord::kIds || record == EventRecord::kClosed) {
    return ApplyIds(record, reader);
  }
  return of(database).Apply(record, reader);
}

Status Events::ApplyIds(EventRecord kind, RecordReader& reader) {
  while (!reader.empty() && reader.ok()) {
    const size_t database = reader.U16();
    const uint64_t next = reader.U64();
    const uint64_t reserved = reader.U64();
    // Half of all numbers will do; the rest is room for sums.
    if (!reader.ok() || next == 0 || next > reserved || reserved > UINT64_MAX / 2) {
      return Status::Err("a record of events has no such ids");
    }
    if (database >= backlogs_.size()) continue;
    if (next < backlogs_[database]->next_id()) {
      return Status::Err("a record of events takes ids back");
    }
    backlogs_[database]->SetIds(next, reserved, kind == EventRecord::kClosed);
  }
  return {};
}

void Events::WriteIds(std::string* record) const {
  RecordWriter writer(*record);
  for (size_t n = 0; n < backlogs_.size(); ++n) {
    const Backlog& backlog = *backlogs_[n];
    writer.U16(static_cast<uint16_t>(n)).U64(backlog.next_id());
    writer.U64(std::max(backlog.next_id(), backlog.reserved()));
  }
}

void Events::Recovered(TimeMs now_ms, std::span<Keyspace* const> databases) {
  environment_.is_loading = false;
  SetNow(now_ms);
  for (size_t n = 0; n < backlogs_.size(); ++n) {
    backlogs_[n]->ResumeIds(databases[n]->items());
    backlogs_[n]->Settle();
  }
  if (environment_.journal == nullptr) return;
  std::string record;
  WriteIds(&record);
  environment_.journal->Record(0, static_cast<uint32_t>(EventRecord::kIds), record);
}

size_t Events::consumer_count() const {
  size_t count = 0;
  for (const auto& backlog : backlogs_) count += backlog->consumer_count();
  return count;
}

void Events::Close() {
  if (environment_.journal == nullptr) return;
  std::string record;
  WriteIds(&record);
  environment_.journal->Record(0, static_cast<uint32_t>(EventRecord::kClosed), record);
}

void Events::BeginSave(EventJournal& to) {
  std::string record;
  WriteIds(&record);
  to.Record(0, static_cast<uint32_t>(EventRecord::kIds), record);
  for (const auto& backlog : backlogs_) backlog->BeginSave();
  save_database_ = 0;
  environment_.is_saving = true;
}

bool Events::SaveOne(EventJournal& to) {
  for (; save_database_ < backlogs_.size(); ++save_database_) {
    if (backlogs_[save_database_]->SaveOne(to)) return true;
  }
  EndSave();
  return false;
}

void Events::EndSave() {
  environment_.is_saving = false;
}

void Events::CheckInvariants() const {
  for (const auto& backlog : backlogs_) backlog->CheckInvariants();
  size_t waiters = 0;
  for (const auto& backlog : backlogs_) {
    for (const auto& [name, consumer] : backlog->consumers()) waiters += consumer->waiters.size();
  }
  AMPT_ASSERT(waiters == waiting_.size());
}

}  // namespace ampt
