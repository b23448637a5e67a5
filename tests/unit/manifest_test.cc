#include "persistence/manifest.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "persistence/codec.h"
#include "persistence/data_directory.h"
#include "tests/crash/simulated_disk.h"

namespace ampt {
namespace {

TEST(ManifestTest, ComesBack) {
  for (const Manifest& manifest :
       {Manifest{1, std::nullopt, {}}, Manifest{0xfedcba9876543210, 7, {8}},
        Manifest{2, 3, {3, 4, 1000000000000}}, Manifest{2, std::nullopt, {1, 2}}}) {
    const Result<Manifest> read = ParseManifest(FormatManifest(manifest));
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(*read, manifest);
  }
}

TEST(ManifestTest, AnyChangedByteIsRefused) {
  const std::string good = FormatManifest({5, 7, {8, 9}});
  for (size_t at = 0; at < good.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1 << bit);
      const Result<Manifest> read = ParseManifest(bad);
      // Hexadecimal digits of the checksum may be in capitals.
      if (read.ok()) {
        EXPECT_EQ(*read, *ParseManifest(good)) << at;
        EXPECT_EQ(bit, 5) << at;
      }
    }
    EXPECT_FALSE(ParseManifest(good.substr(0, at)).ok()) << at;
  }
  EXPECT_FALSE(ParseManifest(good + "\n").ok());
  EXPECT_TRUE(ParseManifest("").status().text().starts_with("FOREIGN "));
}

std::string WithChecksum(std::string text) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx",
                static_cast<unsigned long long>(Checksum(text, 0)));
  return text + "checksum " + digits + "\n";
}

TEST(ManifestTest, WhatMakesNoSenseIsRefused) {
  const auto error_of = [](const std::string& text) {
    const Result<Manifest> read = ParseManifest(WithChecksum(text));
    return read.ok() ? std::string() : read.status().text();
  };
  const std::string head = "ampt-manifest 1\nid 0000000000000005\n";
  EXPECT_EQ(error_of(head), "");
  EXPECT_EQ(error_of("ampt-manifest 2\nid 0000000000000005\n"),
            "VERSION it has another version than 1: use a newer ampt-server");
  EXPECT_EQ(error_of("ampt-manifest 1\nbase 5\n"), "DAMAGED its second line is no id");
  EXPECT_EQ(error_of(head + "log 2\nlog 2\n"), "DAMAGED the line 'log 2' has no meaning there");
  EXPECT_EQ(error_of(head + "log 2\nbase 2\n"), "DAMAGED the line 'base 2' has no meaning there");
  EXPECT_EQ(error_of(head + "base 99999999999999999999\n"),
            "DAMAGED the line 'base 99999999999999999999' has no meaning there");
  EXPECT_EQ(error_of(head + "frob\n"), "DAMAGED the line 'frob' has no meaning there");
}

TEST(ManifestTest, NamesTellRoles) {
  EXPECT_EQ(BaseName(7), "ampt-base-00000007.snapshot");
  EXPECT_EQ(SegmentName(1234567890), "ampt-log-1234567890.log");
  EXPECT_EQ(ReadName("ampt-base-00000007.snapshot").role, FileRole::kBase);
  EXPECT_EQ(ReadName("ampt-base-00000007.snapshot").number, 7u);
  EXPECT_EQ(ReadName("ampt-log-1234567890.log").role, FileRole::kSegment);
  EXPECT_EQ(ReadName("ampt-log-00000001.log.temp").role, FileRole::kTemp);
  EXPECT_EQ(ReadName("ampt-manifest").role, FileRole::kManifest);
  EXPECT_EQ(ReadName("ampt-lock").role, FileRole::kLock);
  for (const char* name : {"ampt-log-1.log", "ampt-log-0000000x.log", "ampt-log-000000001.log",
                           "ampt-log-00000001.log.cut", "dump.rdb", "other.temp", ""}) {
    EXPECT_EQ(ReadName(name).role, FileRole::kUnknown) << name;
  }
}

// --- the directory
// --------------------------------------------------------------------------------

TEST(DataDirectoryTest, BeginsEmptyAndKeepsItsId) {
  SimulatedDisk disk(1);
  uint64_t id;
  {
    Result<std::unique_ptr<DataDirectory>> directory = DataDirectory::Open(disk, "/d", 17);
    ASSERT_TRUE(directory.ok());
    id = (*directory)->manifest().directory_id;
    EXPECT_EQ((*directory)->manifest(), (Manifest{id, std::nullopt, {}}));
    const Status second = DataDirectory::Open(disk, "/d", 18).status();
    EXPECT_EQ(second.text(),
              "LOCKED another server uses the directory /d: /d/ampt-lock is locked by another "
              "process (pid 1); stop it, or give this one a `dir` of its own");
  }
  Result<std::unique_ptr<DataDirectory>> again = DataDirectory::Open(disk, "/d", 19);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ((*again)->manifest().directory_id, id);
}

TEST(DataDirectoryTest, DataWithoutAManifestIsRefused) {
  SimulatedDisk disk(1);
  disk.SetContents("/d/ampt-log-00000003.log", "x");
  EXPECT_EQ(DataDirectory::Open(disk, "/d", 1).status().text(),
            "DAMAGED /d/ampt-manifest is missing though there are data files such as "
            "ampt-log-00000003.log: restore it from a backup, or move the data files away to begin "
            "with nothing");
  disk.SetContents("/d/ampt-manifest", "something else");
  EXPECT_EQ(
      DataDirectory::Open(disk, "/d", 1).status().text(),
      "FOREIGN /d/ampt-manifest at byte 0: this is not a manifest of ampt-server (restore the "
      "file from a backup, or run ampt-check)");
}

TEST(DataDirectoryTest, NumbersAreNeverUsedTwice) {
  SimulatedDisk disk(1);
  disk.SetContents("/d/ampt-manifest", FormatManifest({5, 7, {8, 20}}));
  disk.SetContents("/d/ampt-log-00000031.log", "");
  Result<std::unique_ptr<DataDirectory>> directory = DataDirectory::Open(disk, "/d", 1);
  ASSERT_TRUE(directory.ok());
  EXPECT_EQ((*directory)->TakeNumber(), 32u);
  EXPECT_EQ((*directory)->TakeNumber(), 33u);
  EXPECT_NE((*directory)->SaltFor(32), (*directory)->SaltFor(33));
}

TEST(DataDirectoryTest, LeftoversGoAndStrangersStay) {
  SimulatedDisk disk(1);
  const auto segment = [](uint64_t id, uint64_t number) {
    std::string bytes(SegmentHeader::kBytes, '\0');
    WriteHeader(SegmentHeader{id, number, 1, 9}, bytes.data());
    return bytes;
  };
  disk.SetContents("/d/ampt-manifest", FormatManifest({5, std::nullopt, {8}}));
  disk.SetContents("/d/ampt-log-00000008.log", segment(5, 8));
  disk.SetContents("/d/ampt-log-00000007.log", segment(5, 7));   // ours, old
  disk.SetContents("/d/ampt-log-00000006.log", segment(6, 6));   // of another directory
  disk.SetContents("/d/ampt-log-00000009.log", "");              // its header was lost
  disk.SetContents("/d/ampt-base-00000009.snapshot.temp", "x");  // of a save
  disk.SetContents("/d/dump.rdb", "REDIS0011");
  Result<std::unique_ptr<DataDirectory>> directory = DataDirectory::Open(disk, "/d", 1);
  ASSERT_TRUE(directory.ok());
  const std::vector<std::string> lines = (*directory)->RemoveLeftovers();
  EXPECT_EQ(lines.size(), 4u);
  EXPECT_EQ(disk.Paths(), (std::vector<std::string>{"/d/ampt-lock", "/d/ampt-log-00000006.log",
                                                    "/d/ampt-log-00000008.log", "/d/ampt-manifest",
                                                    "/d/dump.rdb"}));
}

}  // namespace
}  // namespace ampt
