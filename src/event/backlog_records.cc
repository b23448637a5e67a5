// Backlog's part in keeping: records, snapshots, loading.
//
// **Why a snapshot may be written while everything goes on.** BeginSave() is the moment, M. Ids and
// definitions of consumers are copied at M. What consumers hold is written bit by bit behind it:
// all events with an id below the next one at M, in order of id, each with the state of every entry
// as it is when the walk comes by, at a time v later than M. Loading takes that and replays all
// records and writes since M. For each pair of consumer and event:
//
//   - An event from before M is in the walk exactly once, because ids do not change: whatever lists
//     its entries move between, none is passed over. If it is gone by v, every consumer was done.
//   - Every record about a pair says all of its state. So of those between M and v the last one
//     brings the pair to what it was at v, in whatever (later) state it was loaded; those behind v
//     continue from there. A record about a pair that is gone changes nothing.
//   - Events from after M are not in the snapshot, but come from the replayed writes, and are kept
//     for the consumers that exist by the records before them, as at first.
//   - A consumer dropped after M keeps its entries until the save is over: should the record of its
//     end be lost, it is whole.
//   - Flushed items stay items while the save lasts, and are written as the events they will be.
//
// If a crash takes the end of the log, pairs may show a state later than the log tells. That is a
// state they were in: an event that was acknowledged stays so though the record is lost; nothing
// that a consumer is not done with is missing. Only within a lane two entries may then be in
// flight, of which Settle() keeps the first: the other one had its attempt, and gets another.

#include <algorithm>
#include <tuple>

#include "base/assert.h"
#include "base/bytes.h"
#include "event/backlog.h"
#include "model/record.h"

namespace ampt {
namespace {

constexpr TimeMs kLastTimeMs = kNoDeadline / 4;

// What counts on and on never gets there.
constexpr uint64_t kLastNumber = UINT64_MAX / 2;

bool IsTime(TimeMs time_ms) {
  return time_ms >= 0 && time_ms <= kLastTimeMs;
}

Status Bad(std::string_view what) {
  return Status::Err("a record of events " + std::string(what));
}

}  // namespace

// --- writing
// --------------------------------------------------------------------------------------

void Backlog::Record(EventRecord kind) {
  if (environment_.journal == nullptr || environment_.is_loading) return;
  environment_.journal->Record(database_, static_cast<uint32_t>(kind), record_);
}

void Backlog::RecordTime(uint64_t id) {
  if (recorded_time_ms_ == environment_.now_ms || environment_.is_loading) return;
  recorded_time_ms_ = environment_.now_ms;
  RecordWriter(record_).I64(environment_.now_ms).U64(id);
  Record(EventRecord::kTime);
}

void Backlog::WriteConsumer(const Consumer& consumer, RecordWriter writer) {
  const ConsumerSettings& settings = consumer.settings;
  const ConsumerCounters& counters = consumer.counters;
  writer.U64(consumer.number()).Text(consumer.name()).I64(settings.ackwait_ms);
  writer.I64(settings.backoff_first_ms).I64(settings.backoff_max_ms).I64(settings.maxage_ms);
  writer.U64(counters.deaths).U64(counters.replays).U64(counters.left_out);
  writer.U64(counters.first_left_out).U64(counters.dead_lost);
  writer.U32(static_cast<uint32_t>(settings.filters->filters().size()));
  for (const Filter& filter : settings.filters->filters()) writer.Text(filter.text());
}

void Backlog::RecordConsumer(const Consumer& consumer) {
  WriteConsumer(consumer, RecordWriter(record_));
  Record(EventRecord::kConsumer);
}

void Backlog::WriteDelivery(const Entry* entry, RecordWriter& writer) {
  const Delivery* delivery = entry->delivery;
  writer.U8(static_cast<uint8_t>(entry->state));
  if (delivery == nullptr) {
    writer.U8(0).U32(0).U64(0).U64(0).U64(0).U64(0).U64(0).Text({});
    return;
  }
  writer.U8(delivery->replayed).U32(delivery->attempts);
  writer.I64(delivery->first_ms).I64(delivery->last_ms).I64(delivery->due_ms);
  writer.U64(delivery->position).U64(delivery->sequence).Text(delivery->reason);
}

void Backlog::RecordEntry(const Entry* entry) {
  RecordWriter writer(record_);
  writer.U64(entry->consumer->number()).U64(entry->id());
  WriteDelivery(entry, writer);
  Record(EventRecord::kEntry);
}

void Backlog::BeginSave() {
  save_ = {};
  save_.next_id = next_id_;
  for (const auto& [name, consumer] : consumers_) {
    WriteConsumer(*consumer, RecordWriter(save_.consumers.emplace_back()));
  }
  save_.flushes = flushed_.size();
  // The log that goes with the snapshot begins here.
  recorded_time_ms_ = 0;
}

bool Backlog::SaveOne(EventJournal& to) {
  const auto record = [&](EventRecord kind, std::string_view bytes) {
    to.Record(database_, static_cast<uint32_t>(kind), bytes);
    return true;
  };
  if (save_.consumer < save_.consumers.size()) {
    return record(EventRecord::kConsumer, save_.consumers[save_.consumer++]);
  }
  const auto found = stored_.lower_bound(save_.reached);
  if (found != stored_.end() && found->first < save_.next_id) {
    const StoredEvent& event = *found->second;
    save_.reached = event.id + 1;
    RecordWriter writer(record_);
    writer.U64(event.id).I64(event.time_ms).U8(static_cast<uint8_t>(event.name));
    writer.U8(static_cast<uint8_t>(event.reason));
    writer.Text(event.key()).Text(event.item()).Text(event.previous());
    for (const Entry* entry = event.entries; entry != nullptr; entry = entry->next_of_event) {
      writer.U64(entry->consumer->number());
      WriteDelivery(entry, writer);
    }
    return record(EventRecord::kEvent, record_);
  }
  for (; save_.flush < save_.flushes; ++save_.flush, save_.in_flush = false) {
    const Flushed& flushed = flushed_[save_.flush];
    if (!save_.in_flush) {
      save_.item = flushed.items.begin();
      save_.item_id = flushed.next_id;
      save_.in_flush = true;
    }
    if (!save_.item.Valid()) continue;
    const Item& item = *save_.item.item();
    item_record_.clear();
    AppendRecord(item.state(), &item_record_);
    RecordWriter writer(record_);
    writer.U64(save_.item_id++).I64(flushed.time_ms);
    writer.U8(static_cast<uint8_t>(EventName::kDeleted));
    writer.U8(static_cast<uint8_t>(DeleteReason::kRemoved));
    writer.Text(item.key()).Text(item_record_).Text({});
    bool wanted = false;
    const Entry fresh;
    for (const Target& target : flushed.targets) {
      if (!target.filters->Matches(EventName::kDeleted, item.key())) continue;
      writer.U64(target.consumer->number());
      WriteDelivery(&fresh, writer);
      wanted = true;
    }
    save_.item.Next();
    return wanted ? record(EventRecord::kEvent, record_) : true;
  }
  save_ = {};
  return false;
}

// --- loading
// --------------------------------------------------------------------------------------

Status Backlog::Apply(EventRecord kind, RecordReader& reader) {
  is_closed_ = false;
  switch (kind) {
    case EventRecord::kConsumer:
      return ApplyConsumer(reader);
    case EventRecord::kDrop: {
      Consumer* consumer = Find(reader.U64());
      if (consumer != nullptr) Drop(*consumer);
      break;
    }
    case EventRecord::kEntry:
      return ApplyEntry(reader);
    case EventRecord::kDone: {
      const Consumer* consumer = Find(reader.U64());
      while (!reader.empty() && reader.ok()) {
        const uint64_t id = reader.U64();
        if (consumer == nullptr) continue;
        ConvertUpTo(id);
        if (Entry* entry = FindEntry(*consumer, id)) {
          Unlink(entry);
          Finish(entry);
        }
      }
      break;
    }
    case EventRecord::kTime: {
      const TimeMs time_ms = reader.I64();
      const uint64_t id = reader.U64();
      if (!reader.ok() || !IsTime(time_ms)) return Bad("has no such time");
      environment_.now_ms = std::max(environment_.now_ms, time_ms);
      if (const auto found = stored_.find(id); found != stored_.end()) {
        found->second->time_ms = time_ms;
      }
      if (!flushed_.empty() && flushed_.back().next_id == id) flushed_.back().time_ms = time_ms;
      break;
    }
    case EventRecord::kEvent:
      return ApplyEvent(reader);
    case EventRecord::kLeftOut:
    case EventRecord::kDeadLost: {
      Consumer* consumer = Find(reader.U64());
      const uint64_t id = reader.U64();
      if (consumer == nullptr) return Status::Ok();
      ConvertUpTo(id);
      if (Entry* entry = FindEntry(*consumer, id)) {
        Unlink(entry);
        Finish(entry);
      }
      if (kind == EventRecord::kLeftOut) {
        consumer->counters.first_left_out = reader.U64();
        consumer->counters.left_out = reader.U64();
      } else {
        consumer->counters.dead_lost = reader.U64();
      }
      break;
    }
    default:
      return Bad("is of a kind this program does not know");
  }
  return reader.ok() ? Status::Ok() : Bad("is cut short");
}

Status Backlog::ApplyConsumer(RecordReader& reader) {
  const uint64_t number = reader.U64();
  const std::string_view name = reader.Text();
  ConsumerSettings settings;
  settings.ackwait_ms = reader.I64();
  settings.backoff_first_ms = reader.I64();
  settings.backoff_max_ms = reader.I64();
  settings.maxage_ms = reader.I64();
  ConsumerCounters counters;
  counters.deaths = reader.U64();
  counters.replays = reader.U64();
  counters.left_out = reader.U64();
  counters.first_left_out = reader.U64();
  counters.dead_lost = reader.U64();
  std::vector<std::string_view> texts;
  for (uint32_t n = reader.U32(); n > 0 && reader.ok(); --n) texts.push_back(reader.Text());
  if (!reader.ok() || number == 0 || number > kLastNumber || counters.deaths > kLastNumber ||
      counters.replays > kLastNumber) {
    return Bad("tells of no consumer");
  }
  AMPT_RETURN_IF_ERROR(CheckConsumerSettings(settings));
  Result<std::shared_ptr<const FilterSet>> filters = FilterSet::Parse(texts);
  if (!filters.ok()) return filters.status();
  settings.filters = std::move(*filters);

  if (Consumer* consumer = Find(number); consumer != nullptr) {
    consumer->settings = std::move(settings);
    consumer->counters = counters;
    return Status::Ok();
  }
  if (Find(name) != nullptr) return Bad("gives a second consumer the name of the first");
  const auto created =
      std::make_shared<Consumer>(environment_.allocator, number, name, std::move(settings));
  created->counters = counters;
  consumers_.emplace(name, created);
  by_number_.emplace(number, created);
  next_consumer_ = std::max(next_consumer_, number + 1);
  return Status::Ok();
}

Status Backlog::ApplyEntry(RecordReader& reader) {
  const Consumer* consumer = Find(reader.U64());
  const uint64_t id = reader.U64();
  if (consumer == nullptr) return Status::Ok();
  ConvertUpTo(id);
  Entry* entry = FindEntry(*consumer, id);
  return entry != nullptr ? ApplyDelivery(reader, entry) : Status::Ok();
}

Status Backlog::ApplyEvent(RecordReader& reader) {
  const uint64_t id = reader.U64();
  const TimeMs time_ms = reader.I64();
  const uint8_t name = reader.U8();
  const uint8_t reason = reader.U8();
  const std::string_view key = reader.Text();
  const std::string_view item = reader.Text();
  const std::string_view previous = reader.Text();
  ItemState state;
  if (!reader.ok() || id == 0 || id >= next_id_ || !IsTime(time_ms) ||
      name > static_cast<uint8_t>(EventName::kDeleted) ||
      reason > static_cast<uint8_t>(DeleteReason::kEvicted) || key.size() > limits::kRawKeyBytes) {
    return Bad("tells of no event");
  }
  AMPT_RETURN_IF_ERROR(ReadRecord(item, &state));
  if (!previous.empty()) AMPT_RETURN_IF_ERROR(ReadRecord(previous, &state));
  if (stored_.contains(id)) return Bad("tells of an event twice");
  // A flush is of a log, an event of a snapshot in front of it.
  if (!flushed_.empty()) return Bad("tells of an event behind a flush");

  StoredEvent* event = nullptr;
  while (!reader.empty()) {
    Consumer* consumer = Find(reader.U64());
    Entry ignored;
    Entry* entry = &ignored;
    if (consumer != nullptr) {
      if (event == nullptr) {
        event = Store(id, time_ms, static_cast<EventName>(name), static_cast<DeleteReason>(reason),
                      key, item, previous);
      } else if (FindEntry(*consumer, id) != nullptr) {
        return Bad("names a consumer twice");
      }
      entry = AddEntry(event, *consumer);
      Enqueue(entry);
    }
    AMPT_RETURN_IF_ERROR(ApplyDelivery(reader, entry));
  }
  return Status::Ok();
}

// An entry without a consumer is not changed; its bytes are read all the same.
Status Backlog::ApplyDelivery(RecordReader& reader, Entry* entry) {
  const uint8_t state = reader.U8();
  const bool replayed = reader.U8() != 0;
  const uint32_t attempts = reader.U32();
  const TimeMs first_ms = reader.I64();
  const TimeMs last_ms = reader.I64();
  const TimeMs due_ms = reader.I64();
  const uint64_t position = reader.U64();
  const uint64_t sequence = reader.U64();
  const std::string_view reason = reader.Text();
  if (!reader.ok()) return Bad("is cut short");
  const auto now_in = static_cast<EntryState>(state);
  if (state > static_cast<uint8_t>(EntryState::kDead) || !IsTime(first_ms) || !IsTime(last_ms) ||
      sequence > kLastNumber || (now_in != EntryState::kQueued && attempts == 0)) {
    return Bad("tells of no delivery");
  }
  if (entry->consumer == nullptr) return Status::Ok();
  entry->state = now_in;
  if (entry->delivery == nullptr && attempts == 0 && !replayed) return Status::Ok();
  Delivery& delivery = DeliveryOf(entry);
  delivery.attempts = attempts;
  delivery.replayed = replayed;
  delivery.first_ms = first_ms;
  delivery.last_ms = last_ms;
  delivery.due_ms = due_ms;
  delivery.position = position;
  delivery.sequence = sequence;
  delivery.reason.assign(reason);
  ConsumerCounters& counters = entry->consumer->counters;
  uint64_t& counter = now_in == EntryState::kDead ? counters.deaths : counters.replays;
  if (now_in == EntryState::kDead || replayed) counter = std::max(counter, sequence);
  return Status::Ok();
}

void Backlog::PlaceLoaded(Entry* entry) {
  Consumer& consumer = *entry->consumer;
  const bool behind_flush = !flushed_.empty() && entry->position() >= flushed_.front().next_id;
  if (behind_flush || consumer.HasLane(entry->event->key())) entry->state = EntryState::kQueued;
  if (behind_flush) {
    held_.Append(entry);
    entry->is_held = true;
  } else {
    PutIntoLane(entry);
  }
  if (entry->attempts() == 0) return;
  const TimeMs end_ms = EndOf(entry);
  switch (entry->state) {
    case EntryState::kInFlight:
      return SetDue(entry, std::min(environment_.now_ms + consumer.settings.ackwait_ms, end_ms));
    case EntryState::kWaiting:
      return SetDue(entry, std::min(entry->delivery->due_ms, end_ms));
    default:
      return SetDue(entry, end_ms);
  }
}

void Backlog::Settle() {
  AMPT_ASSERT(!environment_.is_loading);
  recorded_time_ms_ = 0;
  std::vector<Entry*> alive;
  for (const auto& [name, consumer] : consumers_) {
    std::vector<Entry*> dead;
    while (!consumer->loading.empty()) {
      Entry* entry = consumer->loading.first;
      consumer->loading.Remove(entry);
      (entry->state == EntryState::kDead ? dead : alive).push_back(entry);
    }
    std::sort(dead.begin(), dead.end(), [](const Entry* a, const Entry* b) {
      return a->delivery->sequence < b->delivery->sequence;
    });
    for (Entry* entry : dead) {
      uint64_t& sequence = entry->delivery->sequence;
      // Only a file that nobody wrote has one twice.
      if (consumer->dead().contains(sequence)) sequence = ++consumer->counters.deaths;
      consumer->AddDead(entry);
    }
  }
  const auto place = [](const Entry* entry) {
    return std::tuple(entry->position(), entry->sequence(), entry->id());
  };
  std::sort(alive.begin(), alive.end(),
            [&](const Entry* a, const Entry* b) { return place(a) < place(b); });
  for (Entry* entry : alive) PlaceLoaded(entry);
}

// --- digest
// ---------------------------------------------------------------------------------------

uint64_t Backlog::Digest() const {
  uint64_t digest = 0;
  std::string text;
  const auto add = [&] { digest += HashBytes(text, static_cast<uint64_t>(database_)); };
  for (const auto& [name, consumer] : consumers_) {
    RecordWriter writer(text);
    const ConsumerSettings& settings = consumer->settings;
    writer.Text(name).I64(settings.ackwait_ms).I64(settings.backoff_first_ms);
    writer.I64(settings.backoff_max_ms).I64(settings.maxage_ms);
    for (const Filter& filter : settings.filters->filters()) writer.Text(filter.text());
    add();
  }
  const auto add_event = [&](const Consumer& consumer, uint64_t id, EventName name,
                             DeleteReason reason, std::string_view key, std::string_view item,
                             std::string_view previous, const Entry& entry) {
    const bool replayed = entry.delivery != nullptr && entry.delivery->replayed;
    RecordWriter(text)
        .Text(consumer.name())
        .U64(id)
        .U8(static_cast<uint8_t>(name))
        .U8(static_cast<uint8_t>(reason))
        .Text(key)
        .Text(item)
        .Text(previous)
        .U8(entry.state == EntryState::kDead)
        .U8(replayed)
        .U32(entry.attempts());
    add();
  };
  for (const auto& [id, event] : stored_) {
    for (const Entry* entry = event->entries; entry != nullptr; entry = entry->next_of_event) {
      if (entry->consumer->is_dropped) continue;
      add_event(*entry->consumer, id, event->name, event->reason, event->key(), event->item(),
                event->previous(), *entry);
    }
  }
  const Entry fresh;
  std::string item_record;
  for (const Flushed& flushed : flushed_) {
    uint64_t id = flushed.next_id;
    for (KeyIndex::Cursor at = flushed.items.begin(); at.Valid(); at.Next(), ++id) {
      const Item& item = *at.item();
      item_record.clear();
      AppendRecord(item.state(), &item_record);
      for (const Target& target : flushed.targets) {
        if (target.consumer->is_dropped ||
            !target.filters->Matches(EventName::kDeleted, item.key())) {
          continue;
        }
        add_event(*target.consumer, id, EventName::kDeleted, DeleteReason::kRemoved, item.key(),
                  item_record, {}, fresh);
      }
    }
  }
  return digest;
}

}  // namespace ampt
