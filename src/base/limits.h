// Every bound of the server that is not a setting, in one place.
//
// A bound that a user can change is a setting (see conf/ampt.conf); its default is here too, so
// that the core has the same limits when it is used without a server.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ampt::limits {

// Keys. A simple key, a namespace, a name and each half of a label: UTF-8 bytes after trimming.
inline constexpr size_t kKeySegmentBytes = 256;
// A key written by a plain Redis command may be any bytes up to this.
inline constexpr size_t kRawKeyBytes = 65536;
inline constexpr int kLabels = 5;

// Values.
inline constexpr size_t kMaxItemBytesDefault = 16u << 20;   // `max-item-size`
inline constexpr size_t kMaxItemBytesCeiling = 512u << 20;  // what `max-item-size` can be set to
inline constexpr int kMaxJsonDepthDefault = 128;            // `max-json-depth`, counts containers
inline constexpr int kMaxJsonDepthCeiling = 10000;
inline constexpr size_t kNumberBytes = 256;  // a JSON number and a decimal sum, as text

// Queries and batches.
inline constexpr int64_t kPageItemsDefault = 100;
inline constexpr int64_t kPageItemsMax = 1000;
inline constexpr size_t kPageValueBytes = 1u << 20;  // a page ends with the item that reaches this
inline constexpr size_t kBatchItems = 25;

// Deadlines. A TTL below this many seconds is relative, from there on it is an epoch second.
inline constexpr int64_t kRelativeTtlSeconds = 315360000;

// Regions of small blocks that each tick of the server looks over for memory to give back.
inline constexpr size_t kRegionsPerTick = 16;

// SCAN.
inline constexpr size_t kScanCursors = 65536;  // remembered positions per database
// What their keys may take. Enough for all of them with the longest keys AMPT commands write.
inline constexpr size_t kScanCursorBytes = 64u << 20;
inline constexpr size_t kScanItemsPerCall = 1000;  // COUNT is a wish; this keeps a call short

// The pattern of SCAN and KEYS: as long as a key can be.
inline constexpr size_t kPatternBytes = kRawKeyBytes;

// Work in slices. Others wait for one of these again and again: so short that they hardly notice,
// so long that going on where the last one ended costs little beside it.
inline constexpr int64_t kSliceMicros = 100;
// At most as long, where counting is cheaper than the clock: keys looked up or walked over, and
// names that are watched, subscribed to or given back.
inline constexpr size_t kSliceKeys = 300;
inline constexpr size_t kSliceNames = 50;

// Protocol (Redis' own limits).
inline constexpr size_t kInlineBytes = 64 * 1024;
inline constexpr int64_t kMultibulkItems = 1024 * 1024;
inline constexpr int64_t kMultibulkItemsUnauthenticated = 10;
inline constexpr int64_t kBulkBytesUnauthenticated = 16384;
inline constexpr size_t kMaxBulkBytesDefault = 512u << 20;  // `proto-max-bulk-len`

}  // namespace ampt::limits
