#include "tests/crash/simulated_events.h"

#include <algorithm>

namespace ampt {
namespace {

// A name says what a consumer is about, so that it is known after a crash.
struct Kind {
  std::string_view name;
  std::vector<std::string_view> filters;
};
const std::vector<Kind>& Kinds() {
  static const std::vector<Kind> kinds = {
      {"all", {"*"}}, {"gone", {"deleted"}}, {"some", {"created:key:1*", "updated:key:2*"}}};
  return kinds;
}

const FilterSet& FiltersOf(std::string_view name) {
  static const std::vector<std::shared_ptr<const FilterSet>> sets = [] {
    std::vector<std::shared_ptr<const FilterSet>> all;
    for (const Kind& kind : Kinds()) all.push_back(*FilterSet::Parse(kind.filters));
    return all;
  }();
  size_t n = 0;
  while (Kinds()[n].name != name) ++n;
  return *sets[n];
}

uint64_t IdOf(const std::string& json) {
  return std::stoull(json.substr(7));
}

}  // namespace

FoundEvents Drain(Events& events, int databases, TimeMs now_ms) {
  FoundEvents found;
  for (int database = 0; database < databases; ++database) {
    found.next_ids.push_back(events.next_id(database));
  }
  while (!events.ConvertSome(1000)) {
  }
  for (int database = 0; database < databases; ++database) {
    for (const Kind& kind : Kinds()) {
      const Result<uint64_t> number = events.NumberOf(database, kind.name);
      if (!number.ok()) continue;
      FoundConsumer& consumer = found.consumers[{database, *number}];
      consumer.name = kind.name;
      std::map<std::string, uint64_t> last;
      while (true) {
        auto read = events.Read(database, kind.name, 1000);
        const bool alive = !read->empty();
        if (!alive) read = events.DeadLetters(database, kind.name, 1000);
        if (!read->empty()) {
          std::vector<uint64_t> ids;
          for (const std::string& json : *read) {
            ids.push_back(IdOf(json));
            if (!alive) continue;
            const size_t key = json.find("\"key\":\"") + 7;
            std::string lane(LaneOf(json.substr(key, json.find('"', key) - key)));
            uint64_t& before = last[lane];
            consumer.in_order = consumer.in_order && ids.back() > before;
            before = ids.back();
          }
          consumer.held.insert(consumer.held.end(), ids.begin(), ids.end());
          [[maybe_unused]] const auto count = events.Acknowledge(database, kind.name, ids);
          continue;
        }
        // What is in flight or waits comes when it is due, before all behind it.
        if (events.NextDue() == kNoDeadline) break;
        now_ms = std::max(now_ms, events.NextDue());
        events.SetNow(now_ms);
        events.RunDue(1000);
      }
    }
  }
  return found;
}

void SimulatedEvents::Start(EventJournal* journal, const FoundEvents& found, TimeMs now_ms,
                            bool has_log) {
  has_log_ = has_log;
  events_.set_journal(journal);
  events_.Recovered(now_ms, databases_);
  for (const auto& [key, consumer] : found.consumers) {
    ConsumerModel& model = consumers_[key];
    model.name = consumer.name;
    for (const uint64_t id : consumer.held) model.events[id];
  }
}

void SimulatedEvents::Act() {
  const auto database = static_cast<int>(random_.Below(databases_.size()));
  const std::string name(Kinds()[random_.Below(Kinds().size())].name);
  events_.RunDue(random_.Below(20));
  const Result<uint64_t> number = events_.NumberOf(database, name);
  if (!number.ok()) {
    if (!random_.OneIn(8)) return;
    ConsumerSettings settings;
    settings.ackwait_ms = 500;
    settings.backoff_first_ms = 50;
    settings.maxage_ms = 3000;
    for (const Kind& kind : Kinds()) {
      if (kind.name == name) settings.filters = *FilterSet::Parse(kind.filters);
    }
    [[maybe_unused]] const Status created =
        events_.CreateConsumer(database, name, std::move(settings));
    consumers_[{database, *events_.NumberOf(database, name)}] = {name, {turn_, kNever}, {}};
  } else if (random_.OneIn(60)) {
    consumers_[{database, *number}].life.end = turn_;
    [[maybe_unused]] const Status dropped = events_.DropConsumer(database, name);
  } else {
    ReadAndAnswer(database, name);
  }
}

void SimulatedEvents::ReadAndAnswer(int database, const std::string& name) {
  ConsumerModel& model = consumers_[{database, *events_.NumberOf(database, name)}];
  const auto acknowledge = [&](uint64_t id) {
    const Result<int64_t> count = events_.Acknowledge(database, name, {id});
    if (*count == 1) model.events[id].end = turn_;
  };
  const auto read = events_.Read(database, name, 1 + random_.Below(3));
  for (const std::string& json : *read) {
    ++reads_;
    const uint64_t id = IdOf(json);
    switch (random_.Below(4)) {
      case 0:
        in_flight_.emplace_back(database, id);
        break;
      case 1: {
        [[maybe_unused]] const Status refused = events_.Refuse(database, name, id, "no");
        break;
      }
      default:
        acknowledge(id);
    }
  }
  // Late, or of a dead letter.
  if (!in_flight_.empty() && random_.OneIn(3)) {
    const auto [of, id] = in_flight_[random_.Below(in_flight_.size())];
    if (of == database) acknowledge(id);
  }
  const auto dead = events_.DeadLetters(database, name, 1);
  if (!dead->empty() && random_.OneIn(4)) acknowledge(IdOf(dead->front()));
}

void SimulatedEvents::Work(bool may_convert) {
  if (may_convert) events_.ConvertSome(random_.Below(8));
  events_.FreeSome(random_.Below(8));
}

void SimulatedEvents::Note(int database, uint64_t id, EventName name, std::string_view key) {
  for (auto& [of, consumer] : consumers_) {
    if (of.first != database || consumer.life.end != kNever) continue;
    if (FiltersOf(consumer.name).Matches(name, key)) consumer.events[id] = {turn_, kNever};
  }
}

void SimulatedEvents::WillChange(int database, const Item& item, Origin origin) {
  events_.WillChange(database, item, origin);
}

void SimulatedEvents::DidChange(int database, ChangeKind kind, const Item& item, Origin origin) {
  const uint64_t id = events_.next_id(database);
  events_.DidChange(database, kind, item, origin);
  Note(database, id, NameOf(kind), item.key());
}

void SimulatedEvents::WillFlush(int database) {
  uint64_t id = events_.next_id(database);
  const KeyIndex& items = databases_[static_cast<size_t>(database)]->by_key();
  for (auto at = items.First(); at.Valid(); at.Next()) {
    Note(database, id++, EventName::kDeleted, at.item()->key());
  }
  events_.WillFlush(database);
}

std::string SimulatedEvents::Problem(const FoundEvents& found, size_t low, size_t high) const {
  for (size_t n = 0; has_log_ && n < databases_.size(); ++n) {
    if (found.next_ids[n] < events_.next_id(static_cast<int>(n))) return "an id may come again";
  }
  for (const auto& [key, consumer] : consumers_) {
    const std::string who =
        "consumer " + consumer.name + " of database " + std::to_string(key.first) + ": ";
    const auto loaded = found.consumers.find(key);
    if (loaded == found.consumers.end()) {
      if (consumer.life.begin <= low && consumer.life.end > high) return who + "it is lost";
      continue;
    }
    if (consumer.life.begin > high) return who + "it is from a turn that is lost";
    if (consumer.life.end <= low) return who + "it was dropped";
    if (!loaded->second.in_order) return who + "out of order";
    const std::set<uint64_t> held(loaded->second.held.begin(), loaded->second.held.end());
    if (held.size() != loaded->second.held.size()) return who + "an event comes twice";
    for (const auto& [id, life] : consumer.events) {
      const bool is_held = held.contains(id);
      const std::string which = who + "event " + std::to_string(id) + " ";
      if (!is_held && life.begin <= low && life.end == kNever) return which + "is lost";
      if (is_held && life.begin > high) return which + "is of a write that is lost";
      if (is_held && life.end <= low) return which + "was done";
    }
    for (const uint64_t id : held) {
      if (!consumer.events.contains(id)) return who + "event " + std::to_string(id) + " never was";
    }
  }
  for (const auto& [key, consumer] : found.consumers) {
    if (!consumers_.contains(key)) return "a consumer that never was: " + consumer.name;
  }
  return "";
}

}  // namespace ampt
