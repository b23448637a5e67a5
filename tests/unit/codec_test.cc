#include "persistence/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/random.h"
#include "model/record.h"
#include "persistence/log_reader.h"
#include "persistence/log_writer.h"
#include "persistence/manifest.h"
#include "persistence/snapshot.h"
#include "tests/crash/simulated_disk.h"

namespace ampt {
namespace {

// Writes effects down as lines.
class LineSink : public EffectSink {
 public:
  std::vector<std::string> lines;
  Status Put(int database, std::string_view key, const ItemState& state) override {
    Add("put", database, std::string(key) + "=" + std::string(state.value.text));
    return Status::Ok();
  }
  Status Delete(int database, std::string_view key, DeleteReason reason) override {
    static constexpr const char* kReasons[] = {"", " expired", " evicted"};
    Add("delete", database, std::string(key) + kReasons[static_cast<size_t>(reason)]);
    return key == "refused" ? Status::Err("not this one") : Status::Ok();
  }
  Status Flush(int database) override {
    Add("flush", database, "");
    return Status::Ok();
  }
  Status Other(int database, uint32_t kind, std::string_view bytes) override {
    Add("other", database, std::to_string(kind) + "=" + std::string(bytes));
    return Status::Ok();
  }

 private:
  void Add(const std::string& what, int database, const std::string& more) {
    lines.push_back(what + " " + std::to_string(database) + " " + more);
  }
};

ItemState Answer() {
  ItemState state;
  state.value = NumberValue("42");
  state.created_s = 1700000000;
  state.modified_s = 1700000060;
  state.deadline_ms = 1800000000000;
  state.labels[0] = "blue";
  return state;
}

std::string SomeEffects() {
  std::string bytes;
  AppendPut(0, "a", Answer(), &bytes);
  AppendDelete(65535, "", DeleteReason::kEvicted, &bytes);
  AppendFlush(3, &bytes);
  AppendOther(1, 77, "xyz", &bytes);
  AppendPut(1, std::string(65536, 'k'), {}, &bytes);
  return bytes;
}

TEST(CodecTest, EffectsComeBackInOrder) {
  LineSink sink;
  ASSERT_TRUE(ReadEffects(SomeEffects(), 5, sink).ok());
  EXPECT_EQ(sink.lines, (std::vector<std::string>{"put 0 a=42", "delete 65535  evicted", "flush 3 ",
                                                  "other 1 77=xyz",
                                                  "put 1 " + std::string(65536, 'k') + "=null"}));
}

TEST(CodecTest, CutEffectsAreRefused) {
  std::string bytes;
  AppendPut(0, "a", Answer(), &bytes);
  AppendDelete(0, "b", DeleteReason::kRemoved, &bytes);
  AppendFlush(3, &bytes);
  AppendOther(1, 77, "xyz", &bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    LineSink sink;
    const std::string cut(bytes.data(), size);
    EXPECT_FALSE(ReadEffects(cut, 4, sink).ok()) << size;
  }
  LineSink sink;
  EXPECT_EQ(ReadEffects(bytes, 3, sink).text(), "ERR more bytes than effects");
  EXPECT_EQ(ReadEffects(bytes, 5, sink).text(), "ERR effect 5 of 5: is cut short");
}

TEST(CodecTest, ErrorsNameTheEffect) {
  LineSink sink;
  std::string bytes;
  AppendFlush(1, &bytes);
  AppendDelete(0, "refused", DeleteReason::kRemoved, &bytes);
  EXPECT_EQ(ReadEffects(bytes, 2, sink).text(), "ERR effect 2 of 2: not this one");
  bytes[0] = 9;
  EXPECT_EQ(ReadEffects(bytes, 2, sink).text(),
            "ERR effect 1 of 2: is of a kind this program does not know");
  bytes[0] = 3;
  bytes[1] = 1;
  EXPECT_EQ(ReadEffects(bytes, 2, sink).text(), "ERR effect 1 of 2: has unknown flags");
  bytes.clear();
  AppendDelete(0, std::string(65537, 'k'), DeleteReason::kRemoved, &bytes);
  EXPECT_EQ(ReadEffects(bytes, 1, sink).text(), "ERR effect 1 of 1: has a key that is too long");
}

TEST(CodecTest, AnyBytesAreReadWithoutHarm) {
  const std::string good = SomeEffects().substr(0, 200);
  Random random(1);
  for (int round = 0; round < 100000; ++round) {
    std::string bytes = good.substr(0, random.Below(good.size() + 1));
    for (uint64_t n = random.Below(4); n > 0 && !bytes.empty(); --n) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Next());
    }
    LineSink sink;
    const Status status = ReadEffects(bytes, static_cast<uint32_t>(random.Below(8)), sink);
    EXPECT_LE(sink.lines.size(), 8u);
    if (!status.ok()) {
      EXPECT_FALSE(status.text().empty());
    }
  }
}

template <typename Header>
void ExpectEveryBitGuarded(const Header& header) {
  std::string bytes(Header::kBytes, '\0');
  WriteHeader(header, bytes.data());
  Header read;
  ASSERT_TRUE(ReadHeader(bytes, &read).ok());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string bad = bytes;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    const Status status = ReadHeader(bad, &read);
    ASSERT_FALSE(status.ok()) << bit;
    EXPECT_TRUE(status.text().starts_with(bit < 64 ? "FOREIGN " : "DAMAGED ")) << bit;
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(ReadHeader(bytes.substr(0, size), &read).text().starts_with("DAMAGED ")) << size;
  }
}

TEST(CodecTest, HeadersOfFilesGuardEveryBit) {
  ExpectEveryBitGuarded(SegmentHeader{1, 2, 3, 4});
  ExpectEveryBitGuarded(SnapshotHeader{1, 2, 3, 4, 5});
}

TEST(CodecTest, AnotherVersionSaysSo) {
  std::string bytes(SegmentHeader::kBytes, '\0');
  WriteHeader(SegmentHeader{1, 2, 3, 4}, bytes.data());
  bytes[8] = 2;
  const uint64_t checksum = Checksum(std::string_view(bytes).substr(0, 48), 0);
  std::memcpy(bytes.data() + 48, &checksum, 8);
  SegmentHeader read;
  EXPECT_EQ(ReadHeader(bytes, &read).text(),
            "VERSION it has version 2, this program knows version 1: use a newer ampt-server");
}

TEST(CodecTest, HeadersOfFramesAndBlocksNeedTheSalt) {
  char frame[FrameHeader::kBytes];
  WriteHeader(FrameHeader{1, 2, 3, 4, 5}, 99, frame);
  FrameHeader read;
  EXPECT_TRUE(ReadHeader(std::string_view(frame, sizeof frame), 99, &read));
  EXPECT_EQ(read.synced_offset, 4u);
  EXPECT_FALSE(ReadHeader(std::string_view(frame, sizeof frame), 98, &read));
  EXPECT_FALSE(ReadHeader(std::string_view(frame, sizeof frame - 1), 99, &read));
  char block[BlockHeader::kBytes];
  WriteHeader(BlockHeader{BlockKind::kUnsorted, Compression::kLz4, 1, 2, 3, 4, 5}, 99, block);
  BlockHeader back;
  EXPECT_TRUE(ReadHeader(std::string_view(block, sizeof block), 99, &back));
  EXPECT_EQ(back.raw_bytes, 3u);
  EXPECT_FALSE(ReadHeader(std::string_view(block, sizeof block), 98, &back));
}

// --- the examples of FORMAT.md
// --------------------------------------------------------------------

std::string FormatPage() {
  const std::filesystem::path here = std::filesystem::path(__FILE__).parent_path();
  std::ifstream file(here / "../../persistence/FORMAT.md");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The fenced block of that name.
std::string BlockOf(const std::string& page, const std::string& name) {
  const std::string fence = "```" + name + "\n";
  const size_t begin = page.find(fence);
  if (begin == std::string::npos) return "";
  const size_t end = page.find("\n```", begin + fence.size());
  return page.substr(begin + fence.size(), end + 1 - begin - fence.size());
}

// Bytes in hexadecimal in front of the '|' of each line.
std::string FromHex(const std::string& text) {
  std::string bytes;
  for (size_t line = 0; line < text.size();) {
    const size_t end = std::min(text.find('\n', line), text.size());
    const size_t bar = std::min(text.find('|', line), end);
    for (size_t at = line; at + 1 < bar; ++at) {
      if (text[at] == ' ') continue;
      bytes.push_back(static_cast<char>(std::stoi(text.substr(at, 2), nullptr, 16)));
      ++at;
    }
    line = end + 1;
  }
  return bytes;
}

std::string ToHex(const std::string& bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size(); ++at) {
    char two[4];
    std::snprintf(two, sizeof two, "%02x ", static_cast<uint8_t>(bytes[at]));
    text.append(two, at % 16 == 15 ? 2 : 3);
    if (at % 16 == 15) text += '\n';
  }
  return text;
}

constexpr uint64_t kExampleId = 0x1122334455667788;
constexpr uint64_t kExampleSalt = 0x0102030405060708;

std::string ExampleLog() {
  std::string bytes(SegmentHeader::kBytes, '\0');
  WriteHeader(SegmentHeader{kExampleId, 3, 9, kExampleSalt}, bytes.data());
  FrameBuffer frame;
  frame.Clear(9);
  frame.AddPut(0, "a", Answer());
  frame.AddDelete(1, "old", DeleteReason::kExpired);
  return bytes.append(frame.Finish(SegmentHeader::kBytes, kExampleSalt));
}

std::string ExampleSnapshot() {
  SimulatedDisk disk(1);
  Result<std::unique_ptr<SnapshotFile>> file = SnapshotFile::Create(
      disk, "/d/s", SnapshotHeader{kExampleId, 3, 8, 1700000100000, kExampleSalt}, false);
  SnapshotBlock block;
  AppendPut(0, "a", Answer(), &block.bytes);
  block.items = 1;
  EXPECT_TRUE((*file)->Add(block).ok());
  EXPECT_TRUE((*file)->Finish("/d").ok());
  return disk.Contents("/d/s");
}

TEST(FormatPageTest, TheExamplesAreTrue) {
  const std::string page = FormatPage();
  std::string record;
  AppendRecord(Answer(), &record);
  EXPECT_EQ(ToHex(FromHex(BlockOf(page, "hex record"))), ToHex(record));
  EXPECT_EQ(ToHex(FromHex(BlockOf(page, "hex log"))), ToHex(ExampleLog()));
  EXPECT_EQ(ToHex(FromHex(BlockOf(page, "hex snapshot"))), ToHex(ExampleSnapshot()));
  EXPECT_EQ(BlockOf(page, "manifest"), FormatManifest({kExampleId, 3, {3, 4}}));
}

}  // namespace
}  // namespace ampt
