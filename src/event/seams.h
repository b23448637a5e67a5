// What the event layer asks of its host, and what it obeys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "event/event.h"

namespace ampt {

struct EventSettings {
  size_t max_memory_bytes = 256u << 20;  // `events-max-memory`; 0: no limit
  bool drop_on_overflow = false;         // `events-overflow drop`; else refuse
  size_t max_dead = 10000;               // `events-max-dead`, of one consumer
};

// Receives the records (event_record.h) that make consumers durable, in their order among the
// writes of the turn: into the log, or into a snapshot.
class EventJournal {
 public:
  virtual ~EventJournal() = default;
  virtual void Record(int database, uint32_t kind, std::string_view bytes) = 0;
};

// Subscribers to live events (pub/sub).
class LiveSink {
 public:
  virtual ~LiveSink() = default;
  // Whether anybody wants events of that key. Asked while Events::SetLive() says that somebody
  // listens to the database at all.
  virtual bool Wants(int database, std::string_view key) = 0;
  // In order of ids. The views end with the call, which may change nothing in databases or events.
  virtual void Publish(const Event& event) = 0;
};

// The program around.
class EventHost {
 public:
  virtual ~EventHost() = default;
  // A reader that waits (Events::Wait) should try again, or its consumer was dropped. May come in
  // the middle of a command: the host notes the token and acts when the command is over.
  virtual void Wake(uint64_t token) = 0;
  // `events-overflow drop`: an event was left out for that consumer, the first since it was last
  // said, or the first of a further million.
  virtual void LeftOut(int database, std::string_view consumer, uint64_t id, uint64_t count) = 0;
};

}  // namespace ampt
