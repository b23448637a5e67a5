// A snapshot with right checksums and any contents: loaded, checked.
//
// Input: blocks, each some bytes for its header and its stored bytes, the last one cut short where
// the input ends.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "persistence/check.h"
#include "persistence/persistence.h"
#include "persistence/recovery.h"
#include "persistence/snapshot.h"
#include "tests/fuzz/file_fuzz.h"

namespace ampt {
namespace {

std::string MakeSnapshot(Pieces input) {
  constexpr uint64_t kSalt = 7;
  std::string bytes(SnapshotHeader::kBytes, '\0');
  WriteHeader(SnapshotHeader{1, 2, 3, 4, kSalt}, bytes.data());
  for (uint32_t index = 0; !input.empty(); ++index) {
    const uint8_t how = input.Byte();
    BlockHeader header;
    header.kind = static_cast<BlockKind>(how & 3);
    header.compression = static_cast<Compression>(how >> 2 & 1);
    header.index = index;
    header.effects = input.Byte();
    const uint8_t raw = input.Byte();
    std::string_view payload = input.Text();
    std::string counts(SnapshotCounts::kBytes, '\0');
    if ((how & 8) != 0) {
      // An end that tells small numbers, so that some are right.
      WriteCounts(SnapshotCounts{raw % 8u, raw / 8u % 8u, raw / 64u}, counts.data());
      payload = counts;
    }
    header.stored_bytes = static_cast<uint32_t>(payload.size());
    header.raw_bytes = header.compression == Compression::kNone
                           ? header.stored_bytes
                           : static_cast<uint32_t>(raw) * (how >> 4);
    header.payload_checksum = Checksum(payload, kSalt);
    char head[BlockHeader::kBytes];
    WriteHeader(header, kSalt, head);
    bytes.append(head, sizeof head).append(payload);
  }
  return bytes;
}

}  // namespace
}  // namespace ampt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ampt;
  // The bytes as they are, and as the contents of a file with right checksums.
  for (const bool made : {false, true}) {
    const std::string bytes = made ? MakeSnapshot(Pieces(data, size))
                                   : std::string(reinterpret_cast<const char*>(data), size);
    MemoryFile file(bytes);
    Allocator allocator;
    Keyspace keyspace(allocator, 0, 1);
    const std::vector<Keyspace*> databases{&keyspace};
    Events events(1, EventSettings());
    EventKeeper keeper(events);
    KeyspaceSink sink(databases, &keeper);
    sink.set_once(true);
    const auto facts = ReadSnapshot(file, sink, ReadProgress());
    keyspace.CheckInvariants();
    events.Recovered(0, databases);
    events.CheckInvariants();
    if (facts.ok()) {
      AMPT_ASSERT(keyspace.items() == facts->counts.sorted + facts->counts.unsorted);
    }
    MemoryDisk disk(bytes);
    const auto result =
        CheckFile(disk, "memory", CheckOptions{true, false}, [](std::string_view) {});
    AMPT_ASSERT(result.ok());
  }
  return 0;
}
