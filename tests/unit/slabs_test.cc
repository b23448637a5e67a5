#include "base/slabs.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"

namespace ampt {
namespace {

// Ordinary memory, of which what is discarded is overwritten: nobody may rely on it.
class TestSource : public Slabs::Source {
 public:
  ~TestSource() override { EXPECT_EQ(regions(), 0u); }
  void* Take() override {
    if (regions_.size() == most_) return nullptr;
    void* const region = std::aligned_alloc(Slabs::kRegionBytes, Slabs::kRegionBytes);
    std::memset(region, 0xaa, Slabs::kRegionBytes);
    regions_.insert(region);
    return region;
  }
  void Return(void* region) override {
    EXPECT_EQ(regions_.erase(region), 1u);
    std::free(region);
  }
  void Discard(void* at, size_t bytes) override {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % 4096, 0u);
    EXPECT_EQ(bytes % 4096, 0u);
    std::memset(at, 0xdd, bytes);
    discarded_bytes_ += bytes;
  }
  void set_most(size_t regions) { most_ = regions; }
  size_t regions() const { return regions_.size(); }
  size_t discarded_bytes() const { return discarded_bytes_; }

 private:
  std::set<void*> regions_;
  size_t most_ = SIZE_MAX;
  size_t discarded_bytes_ = 0;
};

// Blocks that know what was written to them.
class Blocks {
 public:
  explicit Blocks(Slabs& slabs) : slabs_(slabs) {}
  void Add(size_t bytes) {
    auto* const block = static_cast<unsigned char*>(slabs_.Allocate(bytes));
    ASSERT_NE(block, nullptr);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % Slabs::kAlignment, 0u);
    const auto mark = static_cast<unsigned char>(next_mark_++);
    std::memset(block, mark, Slabs::Rounded(bytes));
    blocks_.push_back({block, bytes, mark});
    bytes_ += Slabs::Rounded(bytes);
  }
  // `is_rounded`: freed by the size it was rounded to.
  void Remove(size_t at, bool is_rounded) {
    const Block block = blocks_[at];
    blocks_[at] = blocks_.back();
    blocks_.pop_back();
    const size_t rounded = Slabs::Rounded(block.bytes);
    for (size_t i = 0; i < rounded; ++i) ASSERT_EQ(block.at[i], block.mark) << "at byte " << i;
    slabs_.Free(block.at, is_rounded ? rounded : block.bytes);
    bytes_ -= rounded;
  }
  void RemoveAll() {
    while (!blocks_.empty()) {
      ASSERT_NO_FATAL_FAILURE(Remove(blocks_.size() - 1, false));
    }
  }
  size_t count() const { return blocks_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Block {
    unsigned char* at;
    size_t bytes;
    unsigned char mark;
  };
  Slabs& slabs_;
  std::vector<Block> blocks_;
  size_t bytes_ = 0;
  unsigned next_mark_ = 0;
};

TEST(Slabs, RoundsUp) {
  EXPECT_EQ(Slabs::Rounded(0), 8u);
  EXPECT_EQ(Slabs::Rounded(1), 8u);
  EXPECT_EQ(Slabs::Rounded(8), 8u);
  EXPECT_EQ(Slabs::Rounded(9), 16u);
  EXPECT_EQ(Slabs::Rounded(48), 48u);
  EXPECT_EQ(Slabs::Rounded(49), 64u);
  EXPECT_EQ(Slabs::Rounded(113), 128u);
  EXPECT_EQ(Slabs::Rounded(129), 136u);
  EXPECT_EQ(Slabs::Rounded(1024), 1024u);
  EXPECT_EQ(Slabs::Rounded(Slabs::kMostBytes), Slabs::kMostBytes);
  // Whatever is freed may be named by either size.
  for (size_t bytes = 0; bytes <= Slabs::kMostBytes; ++bytes) {
    const size_t rounded = Slabs::Rounded(bytes);
    ASSERT_GE(rounded, bytes);
    ASSERT_EQ(Slabs::Rounded(rounded), rounded);
    ASSERT_EQ(rounded % Slabs::kAlignment, 0u);
    if (bytes > 64) {
      ASSERT_LE(rounded, bytes + bytes / 4 + Slabs::kAlignment) << bytes;
    }
  }
}

TEST(Slabs, RandomSequences) {
  for (const uint64_t seed : {1u, 2u, 3u}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    TestSource source;
    Slabs slabs(source);
    Blocks blocks(slabs);
    for (int i = 0; i < 120'000; ++i) {
      // Waves: mostly of one size each, so that runs and regions fill and empty.
      const bool grows = i / 20'000 % 2 == 0;
      const size_t usual = 40 + static_cast<size_t>(i / 20'000) * 130;
      if (blocks.count() == 0 || random.Below(8) < (grows ? 7u : 1u)) {
        const size_t bytes = random.OneIn(4) ? random.Below(Slabs::kMostBytes + 1) : usual;
        ASSERT_NO_FATAL_FAILURE(blocks.Add(bytes));
      } else {
        ASSERT_NO_FATAL_FAILURE(blocks.Remove(random.Below(blocks.count()), random.OneIn(2)));
      }
      if (i % 1'000 == 0) slabs.ReleaseSome(3);
      if (i % 10'000 == 0) slabs.ReleaseAll();
      ASSERT_EQ(slabs.figures().allocated_bytes, blocks.bytes());
      if (i % 4'000 == 0) slabs.CheckInvariants();
    }
    EXPECT_GT(source.discarded_bytes(), Slabs::kRegionBytes);
    blocks.RemoveAll();
    slabs.CheckInvariants();
    EXPECT_EQ(slabs.figures().allocated_bytes, 0u);
  }
}

TEST(Slabs, WasteLittle) {
  TestSource source;
  Slabs slabs(source);
  Blocks blocks(slabs);
  // Ten regions of each: the last run and the last region hardly matter.
  for (const size_t bytes : {40u, 104u, 168u, 240u, 504u, 1008u, 1024u, 2100u, 3000u, 8192u}) {
    const Slabs::Figures before = slabs.figures();
    while (blocks.bytes() - before.allocated_bytes < 10 * Slabs::kRegionBytes) {
      ASSERT_NO_FATAL_FAILURE(blocks.Add(bytes));
    }
    const Slabs::Figures after = slabs.figures();
    const size_t took = after.active_bytes - before.active_bytes;
    EXPECT_LT(took, (after.allocated_bytes - before.allocated_bytes) * 103 / 100) << bytes;
  }
  slabs.CheckInvariants();
}

TEST(Slabs, WholeCacheLinesBeginWhereLinesDo) {
  TestSource source;
  Slabs slabs(source);
  for (int i = 0; i < 5'000; ++i) {
    void* const block = slabs.Allocate(120);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(block) % Slabs::kLineBytes, 0u);
  }
}

TEST(Slabs, ABlockThatComesAndGoesStaysWhereItWas) {
  TestSource source;
  Slabs slabs(source);
  void* const first = slabs.Allocate(100);
  slabs.Free(first, 100);
  for (int i = 0; i < 10; ++i) {
    void* const again = slabs.Allocate(104);
    EXPECT_EQ(again, first);
    slabs.Free(again, 104);
  }
  EXPECT_EQ(source.regions(), 1u);
}

TEST(Slabs, FreedRunsServeOtherSizes) {
  TestSource source;
  Slabs slabs(source);
  Blocks blocks(slabs);
  for (const size_t bytes : {48u, 1000u, 200u, 16u, 744u}) {
    while (blocks.bytes() < 4 * Slabs::kRegionBytes - Slabs::kRegionBytes / 2) {
      ASSERT_NO_FATAL_FAILURE(blocks.Add(bytes));
    }
    blocks.RemoveAll();
    slabs.CheckInvariants();
  }
  EXPECT_LE(source.regions(), 4u);
}

TEST(Slabs, GivesBackWhatIsFreeAtTwoLooks) {
  TestSource source;
  Slabs slabs(source);
  Blocks blocks(slabs);
  const auto fill = [&] {
    while (slabs.figures().active_bytes < 6 * Slabs::kRegionBytes) blocks.Add(128);
  };
  const auto resident = [&] { return slabs.figures().resident_bytes; };
  fill();
  const size_t full = resident();
  slabs.ReleaseSome(100);
  slabs.ReleaseSome(100);
  EXPECT_EQ(resident(), full);
  blocks.RemoveAll();
  EXPECT_EQ(resident(), full);
  slabs.ReleaseSome(100);  // the first look only takes note
  EXPECT_EQ(resident(), full);
  // What is used between two looks is not idle.
  fill();
  blocks.RemoveAll();
  slabs.ReleaseSome(100);
  EXPECT_EQ(resident(), full);
  // A few regions at a time.
  slabs.ReleaseSome(100);
  EXPECT_LT(resident(), full);
  EXPECT_GT(resident(), Slabs::kRegionBytes);
  for (int i = 0; i < 4; ++i) slabs.ReleaseSome(100);
  // One run of the size that was used last is kept.
  EXPECT_LE(resident(), Slabs::kRegionBytes);
  slabs.CheckInvariants();
  // What the system has comes back, and no more is taken.
  const size_t regions = source.regions();
  fill();
  EXPECT_EQ(resident(), full);
  EXPECT_EQ(source.regions(), regions);
  slabs.CheckInvariants();
}

TEST(Slabs, GivesBackPartsOfARegion) {
  TestSource source;
  Slabs slabs(source);
  Blocks blocks(slabs);
  // One region in two sizes, of which one goes.
  std::vector<void*> others;
  for (int i = 0; i < 1'000; ++i) others.push_back(slabs.Allocate(800));
  while (slabs.figures().active_bytes < Slabs::kRegionBytes) blocks.Add(64);
  blocks.RemoveAll();
  slabs.ReleaseSome(1);
  slabs.ReleaseSome(1);
  EXPECT_LT(slabs.figures().resident_bytes, Slabs::kRegionBytes * 2 / 3);
  EXPECT_GE(slabs.figures().resident_bytes, 800'000u);
  slabs.CheckInvariants();
  while (slabs.figures().active_bytes < Slabs::kRegionBytes) blocks.Add(96);
  EXPECT_EQ(slabs.figures().resident_bytes, Slabs::kRegionBytes);
  EXPECT_EQ(source.regions(), 1u);
  for (void* other : others) slabs.Free(other, 800);
  blocks.RemoveAll();
  slabs.CheckInvariants();
}

TEST(Slabs, WithoutMemory) {
  TestSource source;
  source.set_most(1);
  Slabs slabs(source);
  std::vector<void*> blocks;
  while (void* const block = slabs.Allocate(1000)) blocks.push_back(block);
  EXPECT_GT(blocks.size(), 2'000u);
  EXPECT_EQ(slabs.Allocate(8), nullptr);
  slabs.CheckInvariants();
  slabs.Free(blocks.back(), 1000);
  EXPECT_EQ(slabs.Allocate(1000), blocks.back());
  for (void* block : blocks) slabs.Free(block, 1000);
  slabs.CheckInvariants();
}

}  // namespace
}  // namespace ampt
