#include "event/backlog.h"

#include <algorithm>

#include "base/assert.h"
#include "base/bytes.h"
#include "model/json.h"
#include "model/record.h"
#include "model/when.h"

namespace ampt {

namespace {
constexpr uint64_t kReserveIds = 1u << 24;
constexpr size_t kReadBytes = 1u << 20;
constexpr size_t kBlockedShown = 100;
constexpr uint64_t kWarnEvery = 1'000'000;
}  // namespace

Backlog::~Backlog() {
  for (const auto& [id, event] : stored_) {
    for (Entry* entry = event->entries; entry != nullptr;) {
      Entry* const next = entry->next_of_event;
      if (entry->delivery != nullptr) {
        entry->delivery->~Delivery();
        environment_.allocator.Free(entry->delivery, sizeof(Delivery));
      }
      environment_.allocator.Free(entry, sizeof(Entry));
      entry = next;
    }
    StoredEvent::Destroy(environment_.allocator, event);
  }
  for (const Flushed& flushed : flushed_) {
    environment_.flushed_bytes -= flushed.item_bytes * flushed.items.size();
  }
}

// --- ids
// ------------------------------------------------------------------------------------------

void Backlog::SetIds(uint64_t next, uint64_t reserved, bool closed) {
  next_id_ = next;
  reserved_ = reserved;
  is_closed_ = closed;
}

void Backlog::ResumeIds(size_t items) {
  items_ = items;
  if (!is_closed_) next_id_ = std::max(next_id_, reserved_);
  is_closed_ = false;
  reserved_ = next_id_ + 2 * items_ + kReserveIds;
}

// A flush takes an id for every item at once, and must not take more than are reserved.
void Backlog::Reserve() {
  reserved_ = next_id_ + 2 * items_ + kReserveIds;
  RecordWriter(record_).U16(static_cast<uint16_t>(database_)).U64(next_id_).U64(reserved_);
  if (environment_.journal != nullptr && !environment_.is_loading) {
    environment_.journal->Record(0, static_cast<uint32_t>(EventRecord::kIds), record_);
  }
}

// --- changes
// --------------------------------------------------------------------------------------

void Backlog::WillChange(const Item& item) {
  has_previous_ = false;
  if (!has_listeners()) return;
  // Only an updated event shows what was before.
  bool wanted = !environment_.is_loading && is_live_ && environment_.live != nullptr &&
                environment_.live->Wants(database_, item.key());
  for (auto at = consumers_.begin(); !wanted && at != consumers_.end(); ++at) {
    wanted = at->second->settings.filters->Matches(EventName::kUpdated, item.key());
  }
  if (!wanted) return;
  previous_.clear();
  AppendRecord(item.state(), &previous_);
  has_previous_ = true;
}

void Backlog::DidChange(ChangeKind kind, const Item& item, Origin origin) {
  const uint64_t id = next_id_++;
  items_ += kind == ChangeKind::kCreated;
  items_ -= kind == ChangeKind::kDeleted && items_ > 0;
  is_closed_ = false;
  if (__builtin_expect(next_id_ + items_ + kReserveIds / 2 > reserved_, 0) &&
      !environment_.is_loading) {
    Reserve();
  }
  if (has_listeners()) Tell(id, kind, item, origin);
}

void Backlog::Tell(uint64_t id, ChangeKind kind, const Item& item, Origin origin) {
  const EventName name = NameOf(kind);
  const std::string_view key = item.key();
  const bool updated = name == EventName::kUpdated && has_previous_;
  matching_.clear();
  for (const auto& [consumer_name, consumer] : consumers_) {
    if (consumer->settings.filters->Matches(name, key)) matching_.push_back(consumer.get());
  }
  if (!matching_.empty() && !environment_.is_loading && environment_.settings.drop_on_overflow &&
      environment_.is_full()) {
    for (Consumer* consumer : matching_) {
      ConsumerCounters& counters = consumer->counters;
      if (counters.first_left_out == 0) counters.first_left_out = id;
      if (counters.left_out++ % kWarnEvery == 0 && environment_.host != nullptr) {
        environment_.host->LeftOut(database_, consumer->name(), id, counters.left_out);
      }
      RecordWriter(record_)
          .U64(consumer->number())
          .U64(id)
          .U64(counters.first_left_out)
          .U64(counters.left_out);
      Record(EventRecord::kLeftOut);
    }
    matching_.clear();
  }
  if (!matching_.empty()) {
    item_record_.clear();
    AppendRecord(item.state(), &item_record_);
    StoredEvent* event = Store(id, environment_.now_ms, name, ReasonOf(origin), key, item_record_,
                               updated ? std::string_view(previous_) : std::string_view());
    RecordTime(id);
    for (Consumer* consumer : matching_) Enqueue(AddEntry(event, *consumer));
  }
  if (environment_.is_loading || !is_live_ || environment_.live == nullptr ||
      !environment_.live->Wants(database_, key)) {
    return;
  }
  Event event{.database = database_,
              .id = id,
              .name = name,
              .reason = ReasonOf(origin),
              .key = key,
              .item = item.state()};
  if (updated) {
    event.previous.emplace();
    AMPT_ASSERT(ReadRecord(previous_, &*event.previous).ok());
  }
  environment_.live->Publish(event);
}

bool Backlog::IsListenedTo(std::string_view key) const {
  return std::any_of(consumers_.begin(), consumers_.end(), [&](const auto& named) {
    return named.second->settings.filters->MatchesKey(key);
  });
}

// --- flushes
// --------------------------------------------------------------------------------------

std::optional<DetachedItems> Backlog::TakeFlushed(DetachedItems items) {
  const uint64_t first_id = next_id_;
  const size_t count = items.size();
  next_id_ += count;
  items_ = 0;
  is_closed_ = false;
  if (!environment_.is_loading && next_id_ + kReserveIds / 2 > reserved_) Reserve();
  std::vector<Target> targets;
  for (const auto& [name, consumer] : consumers_) {
    const auto& filters = consumer->settings.filters;
    if (filters->MatchesName(EventName::kDeleted)) targets.push_back({consumer, filters});
  }
  const bool is_live = is_live_ && !environment_.is_loading;
  if (count == 0 || (targets.empty() && !is_live)) return items;
  const size_t item_bytes = items.EstimateBytes() / count;
  environment_.flushed_bytes += item_bytes * count;
  flushed_.push_back(
      {first_id, environment_.now_ms, std::move(items), item_bytes, std::move(targets), is_live});
  RecordTime(first_id);
  return std::nullopt;
}

void Backlog::ConvertOne(Flushed& flushed) {
  const Item* item = flushed.items.Front();
  const uint64_t id = flushed.next_id++;
  const std::string_view key = item->key();
  StoredEvent* event = nullptr;
  for (const Target& target : flushed.targets) {
    if (target.consumer->is_dropped || !target.filters->Matches(EventName::kDeleted, key)) continue;
    if (event == nullptr) {
      item_record_.clear();
      AppendRecord(item->state(), &item_record_);
      event = Store(id, flushed.time_ms, EventName::kDeleted, DeleteReason::kRemoved, key,
                    item_record_, {});
    }
    Entry* entry = AddEntry(event, *target.consumer);
    if (environment_.is_loading) {
      Enqueue(entry);
    } else {
      PutIntoLane(entry);
    }
  }
  if (flushed.is_live && environment_.live != nullptr && environment_.live->Wants(database_, key)) {
    environment_.live->Publish({.database = database_,
                                .id = id,
                                .name = EventName::kDeleted,
                                .reason = DeleteReason::kRemoved,
                                .key = key,
                                .item = item->state()});
  }
  flushed.items.PopFront();
  environment_.flushed_bytes -= flushed.item_bytes;
}

bool Backlog::ConvertSome(size_t most) {
  if (environment_.is_saving) return true;
  for (; most > 0; --most) {
    if (!is_pending()) return true;
    const bool converts = !flushed_.empty() && flushed_.front().items.size() > 0;
    if (converts) {
      // There is something to be read first; then memory gets free.
      if (in_lanes_ > 0 && environment_.settings.max_memory_bytes > 0 &&
          environment_.allocator.used_bytes() >= environment_.settings.max_memory_bytes) {
        return true;
      }
      ConvertOne(flushed_.front());
      continue;
    }
    // Held events up to the next flush, then that flush.
    const uint64_t next_flush = flushed_.size() > 1 ? flushed_[1].next_id : UINT64_MAX;
    Entry* entry = held_.first;
    if (entry != nullptr && entry->position() < next_flush) {
      held_.Remove(entry);
      entry->is_held = false;
      if (entry->consumer->is_dropped) {
        Finish(entry);
      } else {
        PutIntoLane(entry);
      }
    } else {
      // Its indexes are left: freeing them takes no longer than making its last thousand events.
      AMPT_ASSERT(!flushed_.empty());
      if (flushed_.front().items.FreeSome(64)) flushed_.pop_front();
    }
  }
  return !is_pending();
}

void Backlog::ConvertUpTo(uint64_t id) {
  while (!flushed_.empty() && flushed_.front().next_id <= id) {
    Flushed& flushed = flushed_.front();
    if (flushed.items.size() > 0) {
      ConvertOne(flushed);
    } else {
      flushed_.pop_front();
    }
  }
}

// --- stored events and entries
// --------------------------------------------------------------------

StoredEvent* Backlog::Store(uint64_t id, TimeMs time_ms, EventName name, DeleteReason reason,
                            std::string_view key, std::string_view item,
                            std::string_view previous) {
  StoredEvent* event =
      StoredEvent::Create(environment_.allocator, id, time_ms, name, reason, key, item, previous);
  stored_.emplace_hint(stored_.end(), id, event);
  return event;
}

Entry* Backlog::AddEntry(StoredEvent* event, Consumer& consumer) {
  auto* entry = new (environment_.allocator.Allocate(sizeof(Entry))) Entry;
  entry->event = event;
  entry->consumer = &consumer;
  entry->next_of_event = event->entries;
  event->entries = entry;
  consumer.CountEntry(1);
  return entry;
}

Entry* Backlog::FindEntry(const Consumer& consumer, uint64_t id) const {
  const auto found = stored_.find(id);
  if (found == stored_.end()) return nullptr;
  Entry* entry = found->second->entries;
  while (entry != nullptr && entry->consumer != &consumer) entry = entry->next_of_event;
  return entry;
}

void Backlog::Enqueue(Entry* entry) {
  if (environment_.is_loading) {
    entry->consumer->loading.Append(entry);
  } else if (is_pending()) {
    held_.Append(entry);
    entry->is_held = true;
  } else {
    PutIntoLane(entry);
  }
}

void Backlog::PutIntoLane(Entry* entry) {
  ++in_lanes_;
  if (entry->consumer->Append(entry)) WakeReaders(*entry->consumer);
}

void Backlog::Unlink(Entry* entry) {
  if (environment_.is_loading) {
    entry->consumer->loading.Remove(entry);
  } else if (entry->is_held) {
    held_.Remove(entry);
    entry->is_held = false;
  } else if (entry->state == EntryState::kDead) {
    entry->consumer->RemoveDead(entry);
  } else {
    --in_lanes_;
    if (entry->consumer->Remove(entry)) WakeReaders(*entry->consumer);
  }
}

void Backlog::Finish(Entry* entry) {
  ClearDue(entry);
  StoredEvent* const event = entry->event;
  Entry** link = &event->entries;
  while (*link != entry) link = &(*link)->next_of_event;
  *link = entry->next_of_event;
  entry->consumer->CountEntry(-1);
  if (entry->delivery != nullptr) {
    entry->delivery->~Delivery();
    environment_.allocator.Free(entry->delivery, sizeof(Delivery));
  }
  environment_.allocator.Free(entry, sizeof(Entry));
  if (event->entries != nullptr) return;
  stored_.erase(event->id);
  StoredEvent::Destroy(environment_.allocator, event);
}

Delivery& Backlog::DeliveryOf(Entry* entry) {
  if (entry->delivery == nullptr) {
    entry->delivery =
        new (environment_.allocator.Allocate(sizeof(Delivery))) Delivery(environment_.allocator);
  }
  return *entry->delivery;
}

void Backlog::SetDue(Entry* entry, TimeMs due_ms) {
  ClearDue(entry);
  entry->delivery->due_ms = due_ms;
  due_.insert(entry);
  entry->is_due = true;
}

void Backlog::ClearDue(Entry* entry) {
  if (!entry->is_due) return;
  due_.erase(entry);
  entry->is_due = false;
}

// --- consumers
// ------------------------------------------------------------------------------------

Consumer* Backlog::Find(std::string_view name) const {
  const auto found = consumers_.find(name);
  return found != consumers_.end() ? found->second.get() : nullptr;
}

Consumer* Backlog::Find(uint64_t number) const {
  const auto found = by_number_.find(number);
  return found != by_number_.end() ? found->second.get() : nullptr;
}

Status Backlog::Create(std::string_view name, ConsumerSettings settings) {
  AMPT_RETURN_IF_ERROR(CheckConsumerSettings(settings));
  Consumer* consumer = Find(name);
  if (consumer != nullptr) {
    consumer->settings = std::move(settings);
  } else {
    if (consumers_.size() >= kMostConsumers) {
      return Status::Err("a database has at most 1000 consumers: drop one first");
    }
    const auto created = std::make_shared<Consumer>(environment_.allocator, next_consumer_++, name,
                                                    std::move(settings));
    consumers_.emplace(name, created);
    by_number_.emplace(created->number(), created);
    consumer = created.get();
  }
  RecordConsumer(*consumer);
  return {};
}

void Backlog::Drop(Consumer& consumer) {
  RecordWriter(record_).U64(consumer.number());
  Record(EventRecord::kDrop);
  const std::map<uint64_t, uint64_t> waiters = std::move(consumer.waiters);
  consumer.waiters.clear();
  consumer.woken.clear();
  consumer.is_dropped = true;
  dropped_.push_back(consumers_.find(consumer.name())->second);
  by_number_.erase(consumer.number());
  consumers_.erase(consumer.name());
  if (environment_.is_loading) {
    // Nobody waits yet, and memory must not grow with what a log tells of the past.
    while (!consumer.loading.empty()) {
      Entry* entry = consumer.loading.first;
      Unlink(entry);
      Finish(entry);
    }
  }
  if (environment_.host == nullptr) return;
  for (const auto& [order, token] : waiters) environment_.host->Wake(token);
}

bool Backlog::FreeSome(size_t most) {
  // A snapshot that is being written shows them still.
  if (environment_.is_saving) return true;
  while (!dropped_.empty()) {
    Consumer& consumer = *dropped_.back();
    Entry* entry = consumer.AnyInLanes();
    if (entry == nullptr && !consumer.dead().empty()) entry = consumer.dead().begin()->second;
    if (entry == nullptr) {
      // What is held is freed when its turn comes.
      if (consumer.entries() > 0) return true;
      dropped_.pop_back();
      continue;
    }
    if (most-- == 0) return false;
    Unlink(entry);
    Finish(entry);
  }
  return true;
}

void Backlog::WakeReaders(Consumer& consumer) {
  if (consumer.waiters.empty() || environment_.host == nullptr) return;
  auto next = consumer.waiters.begin();
  while (consumer.woken.size() < consumer.ready().size()) {
    while (next != consumer.waiters.end() && consumer.woken.contains(next->first)) ++next;
    if (next == consumer.waiters.end()) return;
    consumer.woken.insert(next->first);
    environment_.host->Wake(next->second);
  }
}

// MAXAGE counts from the first READ.
TimeMs Backlog::EndOf(const Entry* entry) const {
  return entry->delivery->first_ms + entry->consumer->settings.maxage_ms;
}

void Backlog::HandOut(Entry* entry) {
  Delivery& delivery = DeliveryOf(entry);
  const TimeMs now_ms = environment_.now_ms;
  ClearDue(entry);
  ConsumerActivity& activity = entry->consumer->activity;
  ++activity.delivered;
  if (delivery.attempts > 0) ++activity.retried;
  if (delivery.attempts++ == 0) delivery.first_ms = now_ms;
  delivery.last_ms = now_ms;
  entry->consumer->SetState(entry, EntryState::kInFlight);
  SetDue(entry, std::min(now_ms + entry->consumer->settings.ackwait_ms, EndOf(entry)));
  RecordEntry(entry);
}

void Backlog::Read(Consumer& consumer, size_t count, std::vector<std::string>* events) {
  size_t bytes = 0;
  while (events->size() < count && !consumer.ready().empty()) {
    Entry* entry = *consumer.ready().begin();
    std::string json;
    const EventDelivery delivery{
        .attempt = entry->attempts() + 1,
        .replayed = entry->delivery != nullptr && entry->delivery->replayed};
    AppendEventJson(entry->event->View(database_), delivery, &json);
    if (!events->empty() && bytes + json.size() > kReadBytes) break;
    bytes += json.size();
    events->push_back(std::move(json));
    HandOut(entry);
  }
}

int64_t Backlog::Acknowledge(Consumer& consumer, const std::vector<uint64_t>& ids) {
  int64_t count = 0;
  RecordWriter writer(record_);
  writer.U64(consumer.number());
  for (const uint64_t id : ids) {
    Entry* entry = FindEntry(consumer, id);
    // What was never handed out cannot be done.
    if (entry == nullptr || (entry->state != EntryState::kDead && entry->attempts() == 0)) continue;
    writer.U64(id);
    ++count;
    Unlink(entry);
    Finish(entry);
  }
  if (count > 0) Record(EventRecord::kDone);
  consumer.activity.acknowledged += static_cast<uint64_t>(count);
  return count;
}

Status Backlog::Refuse(Consumer& consumer, uint64_t id, std::string_view reason) {
  Entry* entry = FindEntry(consumer, id);
  if (entry == nullptr || entry->state != EntryState::kInFlight) {
    return Status::Coded("NOTFOUND", "Event is not in flight");
  }
  Fail(entry, reason);
  return {};
}

void Backlog::Fail(Entry* entry, std::string_view reason) {
  Delivery& delivery = *entry->delivery;
  const ConsumerSettings& settings = entry->consumer->settings;
  const TimeMs now_ms = environment_.now_ms;
  delivery.reason.assign(reason);
  if (now_ms >= EndOf(entry)) return Die(entry);
  int64_t delay_ms = settings.backoff_first_ms;
  for (uint32_t n = 1; n < delivery.attempts && delay_ms < settings.backoff_max_ms; ++n) {
    delay_ms *= 2;
  }
  ClearDue(entry);
  entry->consumer->SetState(entry, EntryState::kWaiting);
  SetDue(entry, std::min(now_ms + std::min(delay_ms, settings.backoff_max_ms), EndOf(entry)));
  RecordEntry(entry);
}

void Backlog::Die(Entry* entry) {
  Consumer& consumer = *entry->consumer;
  if (entry->delivery->reason.empty()) entry->delivery->reason.assign("no ACK within MAXAGE");
  ClearDue(entry);
  Unlink(entry);
  entry->delivery->sequence = ++consumer.counters.deaths;
  consumer.AddDead(entry);
  RecordEntry(entry);
  TrimDead(consumer);
}

void Backlog::TrimDead(Consumer& consumer) {
  while (consumer.dead().size() > environment_.settings.max_dead) {
    Entry* oldest = consumer.dead().begin()->second;
    RecordWriter(record_)
        .U64(consumer.number())
        .U64(oldest->id())
        .U64(++consumer.counters.dead_lost);
    Record(EventRecord::kDeadLost);
    Unlink(oldest);
    Finish(oldest);
  }
}

void Backlog::DeadLetters(const Consumer& consumer, size_t count,
                          std::vector<std::string>* events) const {
  size_t bytes = 0;
  for (const auto& [sequence, entry] : consumer.dead()) {
    if (events->size() == count) return;
    const Delivery& delivery = *entry->delivery;
    std::string json;
    const EventDelivery shown{
        .replayed = delivery.replayed,
        .failed = EventDelivery::Failure{delivery.attempts, delivery.reason, delivery.first_ms,
                                         delivery.last_ms}};
    AppendEventJson(entry->event->View(database_), shown, &json);
    if (!events->empty() && bytes + json.size() > kReadBytes) return;
    bytes += json.size();
    events->push_back(std::move(json));
  }
}

int64_t Backlog::Replay(Consumer& consumer, const std::vector<uint64_t>& ids) {
  int64_t count = 0;
  for (const uint64_t id : ids) {
    Entry* entry = FindEntry(consumer, id);
    if (entry == nullptr || entry->state != EntryState::kDead) continue;
    Unlink(entry);
    Delivery& delivery = *entry->delivery;
    delivery.attempts = 0;
    delivery.replayed = true;
    delivery.first_ms = delivery.last_ms = 0;
    delivery.due_ms = kNoDeadline;
    delivery.position = next_id_ - 1;
    delivery.sequence = ++consumer.counters.replays;
    delivery.reason.clear();
    entry->state = EntryState::kQueued;
    Enqueue(entry);
    RecordEntry(entry);
    ++count;
  }
  return count;
}

size_t Backlog::RunDue(size_t most) {
  size_t done = 0;
  for (; done < most && NextDue() <= environment_.now_ms; ++done) {
    Entry* entry = *due_.begin();
    if (entry->consumer->is_dropped) {
      ClearDue(entry);
    } else if (EndOf(entry) <= environment_.now_ms) {
      Die(entry);
    } else if (entry->state == EntryState::kInFlight) {
      Fail(entry, "no ACK within ACKWAIT");
    } else {
      // Its retry is due; until somebody reads it, only MAXAGE is. No record: a waiting entry whose
      // time is over means the same.
      if (entry->state == EntryState::kWaiting) {
        entry->consumer->SetState(entry, EntryState::kQueued);
      }
      SetDue(entry, EndOf(entry));
      WakeReaders(*entry->consumer);
    }
  }
  return done;
}

ConsumerFigures Backlog::FiguresOf(const Consumer& consumer) const {
  // The oldest event is the first of its lane, or among those that a flush has yet to become.
  size_t backlog = consumer.entries() - consumer.dead().size();
  TimeMs oldest_ms = environment_.now_ms;
  for (const Flushed& flushed : flushed_) {
    for (const Target& target : flushed.targets) {
      if (target.consumer.get() != &consumer || flushed.items.size() == 0) continue;
      backlog += flushed.items.size();
      oldest_ms = std::min(oldest_ms, flushed.time_ms);
    }
  }
  for (const Consumer::Heads* heads :
       {&consumer.ready(), &consumer.in_flight(), &consumer.waiting()}) {
    if (!heads->empty()) oldest_ms = std::min(oldest_ms, heads->begin()->entry->event->time_ms);
  }
  return {.backlog = backlog,
          .in_flight = consumer.in_flight().size(),
          .blocked = consumer.waiting().size(),
          .dead = consumer.dead().size(),
          .lag_ms = environment_.now_ms - oldest_ms};
}

void Backlog::AppendInfo(const Consumer& consumer, std::string* out) const {
  const auto number = [out](std::string_view name, int64_t value) {
    out->append(",\"").append(name).append("\":").append(IntegerText(value));
  };
  const ConsumerSettings& settings = consumer.settings;
  out->append("{\"name\":");
  AppendJsonKey(consumer.name(), out);
  out->append(",\"filters\":[");
  for (const Filter& filter : settings.filters->filters()) {
    if (&filter != &settings.filters->filters().front()) out->append(",");
    AppendJsonKey(filter.text(), out);
  }
  out->append("]");
  number("ackwait", settings.ackwait_ms);
  out->append(",\"backoff\":[").append(IntegerText(settings.backoff_first_ms));
  out->append(",").append(IntegerText(settings.backoff_max_ms)).append("]");
  number("maxage", settings.maxage_ms / 1000);

  const ConsumerFigures figures = FiguresOf(consumer);
  number("backlog", static_cast<int64_t>(figures.backlog));
  number("in_flight", static_cast<int64_t>(figures.in_flight));
  number("lag_ms", figures.lag_ms);
  number("dead", static_cast<int64_t>(figures.dead));
  if (consumer.counters.dead_lost > 0) {
    number("dead_lost", static_cast<int64_t>(consumer.counters.dead_lost));
  }
  number("dropped", static_cast<int64_t>(consumer.counters.left_out));
  if (consumer.counters.left_out > 0) {
    out->append(",\"first_dropped\":\"");
    out->append(IntegerText(static_cast<int64_t>(consumer.counters.first_left_out))).append("\"");
  }
  out->append(",\"blocked\":[");
  size_t shown = 0;
  for (const Entry* entry : consumer.waiting()) {
    if (shown == kBlockedShown) break;
    if (shown++ > 0) out->append(",");
    const std::string_view key = entry->event->key();
    out->append("{\"namespace\":");
    AppendJsonKey(key.substr(0, key.find(':')), out);
    out->append(",\"id\":\"").append(IntegerText(static_cast<int64_t>(entry->id())));
    out->append("\"");
    number("attempt", entry->attempts());
    out->append(",\"retry_at\":\"");
    AppendIsoDate(entry->delivery->due_ms, out);
    out->append("\"}");
  }
  out->append("]}");
}

void Backlog::CheckInvariants() const {
  size_t entries = 0;
  size_t in_lanes = 0;
  size_t dues = 0;
  for (const auto& [id, event] : stored_) {
    AMPT_ASSERT(event->id == id && event->entries != nullptr && id < next_id_);
    for (const Entry* entry = event->entries; entry != nullptr; entry = entry->next_of_event) {
      ++entries;
      AMPT_ASSERT(entry->event == event);
      AMPT_ASSERT(!entry->is_due || due_.contains(const_cast<Entry*>(entry)));
      dues += entry->is_due;
      const bool in_lane = !entry->is_held && entry->state != EntryState::kDead;
      in_lanes += in_lane;
      if (entry->consumer->is_dropped) continue;
      const bool needs_due = entry->state != EntryState::kDead && entry->attempts() > 0;
      AMPT_ASSERT(entry->is_due == needs_due);
    }
  }
  AMPT_ASSERT(dues == due_.size() && in_lanes == in_lanes_);
  for (const auto& [name, consumer] : consumers_) {
    AMPT_ASSERT(consumer->name() == name && Find(consumer->number()) == consumer.get());
    AMPT_ASSERT(!consumer->is_dropped && consumer->loading.empty());
    consumer->CheckInvariants();
    entries -= consumer->entries();
  }
  for (const auto& consumer : dropped_) entries -= consumer->entries();
  AMPT_ASSERT(entries == 0 && by_number_.size() == consumers_.size());
  for (const Entry* entry = held_.first; entry != nullptr; entry = entry->next) {
    AMPT_ASSERT(entry->is_held && (entry->next == nullptr || entry->next->previous == entry));
  }
}

}  // namespace ampt
