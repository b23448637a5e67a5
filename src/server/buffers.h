// Memory for what comes in and what goes out, shared by all connections.
//
// A connection has a buffer only while it has bytes that are not worked off, so an idle one costs
// nothing here, and the few buffers in use stay in the processor's caches.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ampt {

class BufferPool {
 public:
  static constexpr size_t kBlockBytes = 64 * 1024;

  BufferPool() = default;
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  // A block of kBlockBytes.
  char* Take();
  void GiveBack(char* block);

  // An empty string with some capacity.
  std::string TakeString();
  void GiveBack(std::string&& string);

 private:
  static constexpr size_t kKeptBlocks = 64;
  static constexpr size_t kKeptStrings = 256;
  static constexpr size_t kKeptStringBytes = 16 * 1024;

  std::vector<char*> blocks_;
  std::vector<std::string> strings_;
};

// The bytes of one connection that are not worked off, in one block or, of a command that is
// longer, in a chain of them: what was taken of it stays where it lies, so that a command of a
// million words costs no copy. Only a single word that is longer than a block is copied as its
// block grows.
//
// Two places in it: position() is where the first command begins that is not worked off, and the
// cursor is how far that has been taken. Views are good until MakeRoom() or Release(), those of
// what was taken until Release() finds it worked off.
class ReadBuffer {
 public:
  explicit ReadBuffer(BufferPool& pool) : pool_(pool) {}
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  ~ReadBuffer() { Free(); }

  // What it takes of memory: room in large blocks that nothing was written to yet takes none.
  size_t allocated_bytes() const;
  // What has come and takes room, requests that are at work included.
  size_t filled_bytes() const { return filled_bytes_; }
  // From position() on.
  size_t unparsed_bytes() const { return filled_bytes_ - position_; }

  // What is behind the cursor, to the end of its block.
  std::string_view untaken() const {
    if (blocks_.empty()) return {};
    return {blocks_[at_].data + cursor_, blocks_[at_].end - cursor_};
  }
  void Take(size_t bytes) { cursor_ += bytes; }
  // To be called when all of a block was taken and more is wanted. False: there is no next one.
  bool GoToNextBlock();
  // The command ends at the cursor.
  void EndCommand() { position_ = before_bytes_ + cursor_; }

  size_t position() const { return position_; }
  // Undoes Take() and EndCommand() since `position`, possible until the next MakeRoom(), Release()
  // or TakeParsed(). Cost: O(blocks).
  void GoBackTo(size_t position);

  // Room behind the bytes that are there, for `wanted` bytes in one piece behind the cursor. A
  // block grows only when it is nearly full, up to `wanted` and to kGrowth times what has come of
  // that; what nothing was written to takes no memory. One block of the pool is always granted.
  void MakeRoom(size_t wanted);
  char* room() { return blocks_.back().data + blocks_.back().end; }
  size_t room_bytes() const {
    return blocks_.empty() ? 0 : blocks_.back().capacity - blocks_.back().end;
  }
  void Filled(size_t bytes) {
    blocks_.back().end += bytes;
    filled_bytes_ += bytes;
  }

  // Whether what is unparsed belongs in a smaller block. Release() moves it if nothing is taken.
  bool IsSmall() const;
  // Gives back what is not needed any more, at the end of a turn.
  void Release();
  // Takes the blocks away that hold what was parsed; what is unparsed goes on in others. So views
  // of what was parsed are good as long as the result. Nothing may be taken of the next command.
  std::unique_ptr<ReadBuffer> TakeParsed();

 private:
  struct Block {
    char* data;
    size_t capacity;  // BufferPool::kBlockBytes: from the pool; else its own
    size_t end;       // behind the bytes that count
  };

  static constexpr size_t kLeastRoomBytes = 4096;
  static constexpr size_t kGrowth = 16;
  // The beginning of a command that is not longer waits for the rest in a small block of its own:
  // thousands of slow clients take no more than what they have sent.
  static constexpr size_t kSmallBytes = 512;

  bool has_taken() const { return before_bytes_ + cursor_ != position_; }
  Block NewBlock(size_t capacity);
  void FreeBlock(const Block& block);
  void Free();
  // Frees the blocks in front of the one that position() is in.
  void FreeParsed();
  bool IsAbove(size_t capacity) const {
    return blocks_.size() > 1 || blocks_[0].capacity > capacity;
  }
  // Puts what is unparsed, of which nothing is taken, into one block.
  void MoveTo(size_t capacity);
  void GrowLast(size_t capacity);

  BufferPool& pool_;
  boost::container::small_vector<Block, 1> blocks_;
  size_t at_ = 0;            // the block that the cursor is in
  size_t cursor_ = 0;        // in that block
  size_t before_bytes_ = 0;  // in the blocks in front of it
  size_t position_ = 0;      // counted from the first block's first byte
  size_t filled_bytes_ = 0;  // in all blocks
};

}  // namespace ampt
