#include "event/consumer.h"

#include <tuple>

#include "base/assert.h"

namespace ampt {

Status CheckConsumerSettings(const ConsumerSettings& settings) {
  constexpr int64_t kWeekMs = int64_t{7} * 86400 * 1000;
  constexpr int64_t kYearMs = int64_t{365} * 86400 * 1000;
  const auto between = [](int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most;
  };
  if (!between(settings.ackwait_ms, 1, kWeekMs)) {
    return Status::Err("ACKWAIT must be between 1 and 604800000 milliseconds");
  }
  if (!between(settings.backoff_first_ms, 1, kWeekMs) ||
      !between(settings.backoff_max_ms, settings.backoff_first_ms, kWeekMs)) {
    return Status::Err(
        "BACKOFF must be between 1 and 604800000 milliseconds, the first not over the max");
  }
  if (!between(settings.maxage_ms, 1000, kYearMs)) {
    return Status::Err("MAXAGE must be between 1 and 31536000 seconds");
  }
  return {};
}

bool Consumer::Append(Entry* entry) {
  ++in_lanes_;
  const LaneName name(entry->event->key());
  const auto lane = lanes_.lower_bound(name);
  if (lane == lanes_.end() || lane->hash != name.hash || lane->name() != name.text) {
    entry->previous = entry->next = nullptr;
    lanes_.insert(lane, Lane{name.hash, entry, entry});
    HeadsOf(entry->state).insert(entry);
    return entry->state == EntryState::kQueued;
  }
  entry->previous = lane->last;
  entry->next = nullptr;
  lane->last->next = entry;
  lane->last = entry;
  return false;
}

bool Consumer::Remove(Entry* entry) {
  --in_lanes_;
  bool ready = false;
  if (entry->previous != nullptr && entry->next != nullptr) {
    entry->previous->next = entry->next;
    entry->next->previous = entry->previous;
  } else {
    const auto lane = lanes_.find(LaneName(entry->event->key()));
    AMPT_ASSERT(lane != lanes_.end());
    if (entry->previous != nullptr) {
      entry->previous->next = nullptr;
      lane->last = entry->previous;
    } else {
      AMPT_ASSERT(lane->first == entry);
      HeadsOf(entry->state).erase(entry);
      if (entry->next == nullptr) {
        lanes_.erase(lane);
      } else {
        lane->first = entry->next;
        entry->next->previous = nullptr;
        ready_.insert(entry->next);
        ready = true;
      }
    }
  }
  entry->previous = entry->next = nullptr;
  return ready;
}

void Consumer::SetState(Entry* entry, EntryState state) {
  AMPT_ASSERT(IsFirst(entry) && state != EntryState::kDead);
  HeadsOf(entry->state).erase(entry);
  entry->state = state;
  HeadsOf(state).insert(entry);
}

bool Consumer::IsFirst(const Entry* entry) const {
  return entry->previous == nullptr && !entry->is_held && entry->state != EntryState::kDead;
}

void Consumer::AddDead(Entry* entry) {
  entry->state = EntryState::kDead;
  dead_.emplace(entry->delivery->sequence, entry);
}

void Consumer::RemoveDead(Entry* entry) {
  dead_.erase(entry->delivery->sequence);
}

void Consumer::CheckInvariants() const {
  size_t count = 0;
  for (const Lane& lane : lanes_) {
    AMPT_ASSERT(lane.first->previous == nullptr && lane.last->next == nullptr);
    const Entry* before = nullptr;
    for (const Entry* entry = lane.first; entry != nullptr; entry = entry->next) {
      ++count;
      AMPT_ASSERT(entry->consumer == this && entry->previous == before && !entry->is_held);
      AMPT_ASSERT(LaneOf(entry->event->key()) == lane.name());
      AMPT_ASSERT(LaneName(entry->event->key()).hash == lane.hash);
      AMPT_ASSERT(before == nullptr || entry->state == EntryState::kQueued);
      if (before != nullptr) {
        AMPT_ASSERT(std::tuple(before->position(), before->sequence(), before->id()) <
                    std::tuple(entry->position(), entry->sequence(), entry->id()));
      }
      before = entry;
    }
    AMPT_ASSERT(before == lane.last);
    const Heads& heads = lane.first->state == EntryState::kQueued     ? ready_
                         : lane.first->state == EntryState::kInFlight ? in_flight_
                                                                      : waiting_;
    AMPT_ASSERT(heads.contains(lane.first));
  }
  AMPT_ASSERT(count == in_lanes_);
  AMPT_ASSERT(lanes_.size() == ready_.size() + in_flight_.size() + waiting_.size());
  for (const auto& [sequence, entry] : dead_) {
    AMPT_ASSERT(entry->state == EntryState::kDead && entry->delivery->sequence == sequence);
  }
  for (const uint64_t order : woken) AMPT_ASSERT(waiters.contains(order));
}

}  // namespace ampt
