// Codec: changes of items as bytes, and the fixed parts of the files that hold them.
//
// An *effect* is one change with everything resolved: replaying it needs no clock and no command.
// The log keeps effects in frames, the snapshot keeps items as `put` effects in blocks; FORMAT.md
// shows each layout. Everything here works on bytes in memory and knows no files.
//
// Readers take any bytes without reading beyond them. What has a right checksum but makes no sense
// is refused, never guessed at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/status.h"
#include "model/effects.h"
#include "model/item.h"

namespace ampt {

// --- effects
// --------------------------------------------------------------------------------------

enum class EffectKind : uint8_t { kPut = 1, kDelete = 2, kFlush = 3, kOther = 4 };

// Bytes that an effect takes beside key and record.
inline constexpr size_t kPutHeaderBytes = 12;

// Each appends one effect to `*out`. Cost: one copy.
// REQUIRES: database below 65536.
void AppendPut(int database, std::string_view key, const ItemState& state, std::string* out);
void AppendDelete(int database, std::string_view key, DeleteReason reason, std::string* out);
void AppendFlush(int database, std::string* out);
// Something of another part of the server (consumers of events, say) that belongs into the same
// atomic frame as the write it goes with. Its bytes mean nothing here.
void AppendOther(int database, uint32_t kind, std::string_view bytes, std::string* out);

// What receives effects in their order. All views end with the call. An error stops the reader.
class EffectSink {
 public:
  virtual ~EffectSink() = default;
  // An effect on that key will probably come soon: a chance to bring it into the cache.
  virtual void Expect(int /*database*/, std::string_view /*key*/) {}
  virtual Status Put(int database, std::string_view key, const ItemState& state) = 0;
  virtual Status Delete(int database, std::string_view key, DeleteReason reason) = 0;
  virtual Status Flush(int database) = 0;
  virtual Status Other(int database, uint32_t kind, std::string_view bytes) = 0;
};

// Hands the `count` effects that fill `bytes` to `sink`. Errors name the effect by its number.
Status ReadEffects(std::string_view bytes, uint32_t count, EffectSink& sink);

// --- files
// ----------------------------------------------------------------------------------------

// A file of the log. `salt` seeds all checksums of the file: no value of a client can hold bytes
// that pass for a frame, and no frame of another file does.
struct SegmentHeader {
  static constexpr size_t kBytes = 56;
  uint64_t directory_id = 0;
  uint64_t number = 0;
  uint64_t first_sequence = 0;  // of its first frame
  uint64_t salt = 0;
};

// What stands before the effects of a frame.
struct FrameHeader {
  static constexpr size_t kBytes = 48;
  uint32_t effects = 0;
  uint64_t payload_bytes = 0;
  uint64_t sequence = 0;
  uint64_t synced_offset = 0;  // all of the file before this was known to be synced
  uint64_t payload_checksum = 0;
};
inline constexpr uint32_t kFrameMagic = 0x4d465041;  // "APFM"

struct SnapshotHeader {
  static constexpr size_t kBytes = 64;
  uint64_t directory_id = 0;
  uint64_t number = 0;
  uint64_t sequence = 0;   // of the last frame whose effects it holds
  int64_t created_ms = 0;  // informative
  uint64_t salt = 0;
};

enum class BlockKind : uint8_t {
  kSorted = 1,    // items of one database in order of key, behind those of the block before
  kUnsorted = 2,  // items and other effects in any order
  kEnd = 3,       // what the file holds; nothing follows
};
enum class Compression : uint8_t { kNone = 0, kLz4 = 1 };

struct BlockHeader {
  static constexpr size_t kBytes = 40;
  BlockKind kind = BlockKind::kSorted;
  Compression compression = Compression::kNone;
  uint32_t index = 0;  // 0, 1, 2, … in the file
  uint32_t effects = 0;
  uint32_t raw_bytes = 0;
  uint32_t stored_bytes = 0;
  uint64_t payload_checksum = 0;  // of the stored bytes
};
inline constexpr uint32_t kBlockMagic = 0x4b4c4241;  // "ABLK"
// No block is larger: an event of the largest item and what it was before, its key, and a block
// that it came behind.
inline constexpr size_t kMostBlockBytes = 2 * limits::kMaxItemBytesCeiling + (2u << 20);

// The payload of the end block.
struct SnapshotCounts {
  static constexpr size_t kBytes = 24;
  uint64_t sorted = 0;
  uint64_t unsorted = 0;
  uint64_t others = 0;  // effects that are not items
};

// Each writes exactly kBytes of its struct, checksum included.
void WriteHeader(const SegmentHeader& header, char* to);
void WriteHeader(const FrameHeader& header, uint64_t salt, char* to);
void WriteHeader(const SnapshotHeader& header, char* to);
void WriteHeader(const BlockHeader& header, uint64_t salt, char* to);
void WriteCounts(const SnapshotCounts& counts, char* to);

// Each reads from `bytes`, which may be shorter: an error then. Errors say what is wrong without
// saying where; the first word is FOREIGN where the file is of another kind, VERSION where it is of
// another version, DAMAGED else.
Status ReadHeader(std::string_view bytes, SegmentHeader* header);
Status ReadHeader(std::string_view bytes, SnapshotHeader* header);
// For these a bool will do: their callers say more.
bool ReadHeader(std::string_view bytes, uint64_t salt, FrameHeader* header);
bool ReadHeader(std::string_view bytes, uint64_t salt, BlockHeader* header);
void ReadCounts(std::string_view bytes, SnapshotCounts* counts);

// XXH3-64.
uint64_t Checksum(std::string_view bytes, uint64_t salt);

}  // namespace ampt
