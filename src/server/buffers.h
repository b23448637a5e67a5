// Memory for what comes in and what goes out, shared by all connections.
//
// A connection has a buffer only while it has bytes that are not worked off, so an idle one costs
// nothing here, and the few buffers in use stay in the processor's caches.
#pragma once

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

// The bytes of one connection that are not worked off. Views of them are good until MakeRoom() or
// Release().
class ReadBuffer {
 public:
  explicit ReadBuffer(BufferPool& pool) : pool_(pool) {}
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;
  ~ReadBuffer() { Free(); }

  std::string_view unparsed() const { return {data_ + begin_, end_ - begin_}; }
  size_t capacity() const { return capacity_; }
  // What has come and takes room, requests that are at work included.
  size_t filled_bytes() const { return end_; }

  // Where the unparsed bytes begin. Going back is possible until the next MakeRoom().
  size_t position() const { return begin_; }
  void set_position(size_t position) { begin_ = position; }
  void Consume(size_t bytes) { begin_ += bytes; }

  // Room behind the bytes that are there, for a command of `wanted` bytes in all. It grows only
  // when it is nearly full, half as large again or up to `wanted`, so it never takes more than
  // twice what has come; one block of the pool is always granted.
  void MakeRoom(size_t wanted);
  char* room() { return data_ + end_; }
  size_t room_bytes() const { return capacity_ - end_; }
  void Filled(size_t bytes) { end_ += bytes; }

  // Gives back what is not needed any more, at the end of a turn.
  void Release();
  // Takes the block away; what is unparsed goes on in another one. So views of what was parsed are
  // good as long as the result.
  std::unique_ptr<ReadBuffer> TakeParsed();

 private:
  static constexpr size_t kLeastRoomBytes = 4096;
  // The beginning of a command that is not longer waits for the rest in a small block of its own:
  // thousands of slow clients take no more than what they have sent.
  static constexpr size_t kSmallBytes = 512;

  void Free();
  void MoveTo(char* block, size_t capacity);

  BufferPool& pool_;
  char* data_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;  // kBlockBytes: from the pool; else its own
};

}  // namespace ampt
