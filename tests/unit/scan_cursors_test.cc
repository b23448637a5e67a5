#include "model/scan_cursors.h"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"

namespace ampt {
namespace {

TEST(ScanCursors, RememberKeysAsTheyAre) {
  ScanCursors cursors;
  const std::string nul("a\0b", 3);
  const uint64_t first = cursors.Remember(nul);
  const uint64_t second = cursors.Remember("");
  EXPECT_NE(first, 0u);
  EXPECT_NE(first, second);
  EXPECT_EQ(cursors.Find(first), nul);
  EXPECT_EQ(cursors.Find(second), "");
  EXPECT_EQ(cursors.Find(first), nul);
}

TEST(ScanCursors, UnknownOnesAreNotFound) {
  ScanCursors cursors;
  EXPECT_EQ(cursors.Find(0), std::nullopt);
  EXPECT_EQ(cursors.Find(1), std::nullopt);
  const uint64_t cursor = cursors.Remember("a");
  EXPECT_EQ(cursors.Find(0), std::nullopt);
  EXPECT_EQ(cursors.Find(cursor + 1), std::nullopt);
  EXPECT_EQ(cursors.Find(UINT64_MAX), std::nullopt);
}

TEST(ScanCursors, TheOldestGiveWay) {
  ScanCursors cursors;
  const uint64_t first = cursors.Remember("first");
  const uint64_t second = cursors.Remember("second");
  uint64_t last = second;
  for (size_t i = 2; i < limits::kScanCursors; ++i) last = cursors.Remember("filler");
  EXPECT_EQ(cursors.Find(first), "first");
  last = cursors.Remember("last");
  EXPECT_EQ(cursors.Find(first), std::nullopt);
  EXPECT_EQ(cursors.Find(second), "second");
  EXPECT_EQ(cursors.Find(last), "last");
}

TEST(ScanCursors, LongKeysDoNotExhaustTheMemory) {
  // Of the longest keys that AMPT commands write, all are kept.
  static_assert(limits::kScanCursors * (2 * limits::kKeySegmentBytes + 1) <=
                limits::kScanCursorBytes);
  ScanCursors cursors;
  const std::string key(limits::kRawKeyBytes, 'k');
  constexpr uint64_t kKept = limits::kScanCursorBytes / limits::kRawKeyBytes;
  const uint64_t first = cursors.Remember(key);
  for (uint64_t i = 1; i < kKept; ++i) cursors.Remember(key);
  EXPECT_EQ(cursors.Find(first), key);
  const uint64_t last = cursors.Remember(key);
  EXPECT_EQ(cursors.Find(first), std::nullopt);
  EXPECT_EQ(cursors.Find(first + 1), key);
  EXPECT_EQ(cursors.Find(last), key);
}

}  // namespace
}  // namespace ampt
