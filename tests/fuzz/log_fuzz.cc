// A file of the log with right checksums and any contents: read, replayed, checked.
//
// Input: a byte that says how the file is made, then frames, each some bytes for its header and a
// payload; the rest is bytes behind the last frame.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "persistence/check.h"
#include "persistence/log_reader.h"
#include "persistence/persistence.h"
#include "persistence/recovery.h"
#include "tests/fuzz/file_fuzz.h"

namespace ampt {
namespace {

std::string MakeLog(Pieces input) {
  constexpr uint64_t kSalt = 7;
  std::string bytes(SegmentHeader::kBytes, '\0');
  WriteHeader(SegmentHeader{1, 2, 1, kSalt}, bytes.data());
  const uint8_t how = input.Byte();
  uint64_t sequence = 1;
  for (int frames = how & 7; frames > 0 && !input.empty(); --frames) {
    const uint8_t odd = input.Byte();
    FrameHeader header;
    header.effects = input.Byte();
    const std::string_view payload = input.Text();
    header.payload_bytes = payload.size();
    if ((odd & 1) != 0) header.payload_bytes = static_cast<uint64_t>(input.Byte()) << (odd >> 2);
    header.sequence = sequence++;
    header.synced_offset = (odd & 2) != 0 ? bytes.size() : SegmentHeader::kBytes;
    header.payload_checksum = Checksum(payload, kSalt);
    char head[FrameHeader::kBytes];
    WriteHeader(header, kSalt, head);
    bytes.append(head, sizeof head).append(payload);
  }
  return bytes.append(input.Rest());
}

}  // namespace
}  // namespace ampt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ampt;
  // The bytes as they are, and as the contents of a file with right checksums.
  for (const bool made : {false, true}) {
    const std::string bytes =
        made ? MakeLog(Pieces(data, size)) : std::string(reinterpret_cast<const char*>(data), size);
    MemoryFile file(bytes);
    LogReader reader(file);
    if (reader.Open().ok()) {
      Allocator allocator;
      Keyspace keyspace(allocator, 0, 1);
      const std::vector<Keyspace*> databases{&keyspace};
      Events events(1, EventSettings());
      EventKeeper keeper(events);
      KeyspaceSink sink(databases, &keeper);
      keyspace.set_effects(keeper.ReplayEffects());
      LogReader::Frame frame;
      while (true) {
        const auto outcome = reader.Next(&frame);
        AMPT_ASSERT(outcome.ok());
        if (*outcome == LogReader::Outcome::kEnd) break;
        if (*outcome == LogReader::Outcome::kBad) {
          const auto tail = reader.ReadTail();
          AMPT_ASSERT(tail.ok() && tail->highest_mark <= bytes.size());
          break;
        }
        AMPT_ASSERT(reader.offset() <= bytes.size());
        if (!ReadEffects(frame.payload, frame.header.effects, sink).ok()) break;
      }
      keyspace.set_effects(nullptr);
      keyspace.CheckInvariants();
      events.Recovered(0, databases);
      events.CheckInvariants();
    }
    MemoryDisk disk(bytes);
    const auto result =
        CheckFile(disk, "memory", CheckOptions{true, false}, [](std::string_view) {});
    AMPT_ASSERT(result.ok());
  }
  return 0;
}
