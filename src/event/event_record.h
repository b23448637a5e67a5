// The records by which the state of consumers is kept: in the log beside the writes, and in a
// snapshot. Events themselves are in snapshots only; a log has the writes that they come from.
//
// Every record is absolute: it says what is so now, not what changed, and names what it is about.
// So a record may be replayed over a state that has it already, or is past it; and one about a
// consumer or an event that is not there (any more) means nothing.
//
//   kind         bytes (little-endian; text: 4 bytes of length, then the text)
//   1 ids        for each database: 2 number, 8 next id, 8 reserved up to (excluded)
//   2 closed     the same, of a server that ended in peace: exactly where ids go on
//   3 consumer   8 number, text name, 8 ackwait ms, 8 and 8 backoff ms, 8 maxage ms, 8 deaths,
//                8 replays, 8 left out, 8 first left out, 8 dead lost, 4 filters, text each
//   4 drop       8 consumer
//   5 entry      8 consumer, 8 event, then the delivery (see below)
//   6 done       8 consumer, 8 event, again and again
//   7 time       8 milliseconds, 8 event: that event and those behind it came about then
//   8 event      8 id, 8 ms, 1 name, 1 reason, text key, text item record, text record before (or
//                empty), then for each consumer: 8 number, delivery
//   9 left out   8 consumer, 8 event, 8 first left out, 8 how many were left out
//  10 dead lost  8 consumer, 8 event, 8 how many dead letters gave way
//
//   delivery     1 state (0 queued, 1 in flight, 2 waiting, 3 dead), 1 replayed, 4 attempts,
//                8 first and 8 last ms, 8 due ms, 8 position, 8 sequence, text reason
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/little_endian.h"

namespace ampt {

enum class EventRecord : uint32_t {
  kIds = 1,
  kClosed = 2,
  kConsumer = 3,
  kDrop = 4,
  kEntry = 5,
  kDone = 6,
  kTime = 7,
  kEvent = 8,
  kLeftOut = 9,
  kDeadLost = 10,
};

// Appends to a string that it clears first.
class RecordWriter {
 public:
  explicit RecordWriter(std::string& out) : out_(out) { out_.clear(); }
  RecordWriter& U8(uint8_t value) {
    out_.push_back(static_cast<char>(value));
    return *this;
  }
  RecordWriter& U16(uint16_t value) {
    char bytes[2];
    PutLittle16(value, bytes);
    out_.append(bytes, sizeof bytes);
    return *this;
  }
  RecordWriter& U32(uint32_t value) {
    char bytes[4];
    PutLittle32(value, bytes);
    out_.append(bytes, sizeof bytes);
    return *this;
  }
  RecordWriter& U64(uint64_t value) {
    char bytes[8];
    PutLittle64(value, bytes);
    out_.append(bytes, sizeof bytes);
    return *this;
  }
  RecordWriter& I64(int64_t value) { return U64(static_cast<uint64_t>(value)); }
  RecordWriter& Text(std::string_view text) {
    U32(static_cast<uint32_t>(text.size()));
    out_.append(text);
    return *this;
  }

 private:
  std::string& out_;
};

// Reads what a RecordWriter wrote. Past the end everything is 0 or empty, and ok() is false.
class RecordReader {
 public:
  explicit RecordReader(std::string_view bytes) : rest_(bytes) {}
  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }

  uint8_t U8() { return static_cast<uint8_t>(Take(1)[0]); }
  uint16_t U16() { return GetLittle16(Take(2)); }
  uint32_t U32() { return GetLittle32(Take(4)); }
  uint64_t U64() { return GetLittle64(Take(8)); }
  int64_t I64() { return static_cast<int64_t>(U64()); }
  std::string_view Text() {
    const size_t size = U32();
    if (size > rest_.size()) {
      Fail();
      return {};
    }
    const std::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }

 private:
  void Fail() {
    ok_ = false;
    rest_ = {};
  }
  const char* Take(size_t bytes) {
    static constexpr char kZeros[8] = {};
    if (rest_.size() < bytes) {
      Fail();
      return kZeros;
    }
    const char* at = rest_.data();
    rest_.remove_prefix(bytes);
    return at;
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace ampt
