#include "server/buffers.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace ampt {
namespace {

// Ends the process when memory has run out.
char* Allocate(size_t bytes) {
  return static_cast<char*>(::operator new(bytes));
}
void Deallocate(char* block) {
  ::operator delete(block);
}

}  // namespace

BufferPool::~BufferPool() {
  for (char* block : blocks_) Deallocate(block);
}

char* BufferPool::Take() {
  if (blocks_.empty()) return Allocate(kBlockBytes);
  char* const block = blocks_.back();
  blocks_.pop_back();
  return block;
}

void BufferPool::GiveBack(char* block) {
  if (blocks_.size() < kKeptBlocks) {
    blocks_.push_back(block);
  } else {
    Deallocate(block);
  }
}

std::string BufferPool::TakeString() {
  if (strings_.empty()) return {};
  std::string string = std::move(strings_.back());
  strings_.pop_back();
  return string;
}

void BufferPool::GiveBack(std::string&& string) {
  if (string.capacity() > kKeptStringBytes || strings_.size() >= kKeptStrings) {
    std::string().swap(string);
    return;
  }
  string.clear();
  strings_.push_back(std::move(string));
}

size_t ReadBuffer::allocated_bytes() const {
  size_t bytes = 0;
  for (const Block& block : blocks_) {
    bytes += std::min(block.capacity, std::max(block.end, BufferPool::kBlockBytes));
  }
  return bytes;
}

bool ReadBuffer::GoToNextBlock() {
  if (at_ + 1 >= blocks_.size()) return false;
  before_bytes_ += blocks_[at_].end;
  cursor_ = 0;
  ++at_;
  return true;
}

void ReadBuffer::GoBackTo(size_t position) {
  position_ = position;
  at_ = before_bytes_ = 0;
  // Behind the last byte of a block is in front of the next one, but for the last.
  while (at_ + 1 < blocks_.size() && position >= before_bytes_ + blocks_[at_].end) {
    before_bytes_ += blocks_[at_++].end;
  }
  cursor_ = position - before_bytes_;
}

void ReadBuffer::MakeRoom(size_t wanted) {
  if (blocks_.empty()) {
    blocks_.push_back(NewBlock(BufferPool::kBlockBytes));
    return;
  }
  FreeParsed();
  Block& last = blocks_.back();
  if (last.capacity < BufferPool::kBlockBytes && !has_taken()) {
    return GrowLast(BufferPool::kBlockBytes);
  }
  if (room_bytes() >= kLeastRoomBytes) return;
  if (at_ + 1 < blocks_.size()) return;  // there are commands to work off first
  const size_t untaken_bytes = last.end - cursor_;
  if (cursor_ > 0 && !has_taken()) {
    std::memmove(last.data, last.data + cursor_, untaken_bytes);
    filled_bytes_ -= cursor_;
    position_ -= cursor_;
    last.end = untaken_bytes;
    cursor_ = 0;
    if (room_bytes() >= kLeastRoomBytes) return;
  }
  const size_t capacity =
      std::max({BufferPool::kBlockBytes, untaken_bytes, std::min(wanted, kGrowth * untaken_bytes)});
  if (cursor_ == 0) {
    if (wanted > last.capacity) GrowLast(capacity);
    return;
  }
  Block next = NewBlock(capacity);
  std::memcpy(next.data, last.data + cursor_, untaken_bytes);
  next.end = untaken_bytes;
  last.end = cursor_;
  blocks_.push_back(next);
  GoToNextBlock();
}

bool ReadBuffer::IsSmall() const {
  const size_t bytes = unparsed_bytes();
  return bytes <= kSmallBytes ||
         (bytes <= BufferPool::kBlockBytes / 2 && IsAbove(BufferPool::kBlockBytes));
}

void ReadBuffer::Release() {
  const size_t bytes = unparsed_bytes();
  if (bytes == 0) return Free();
  FreeParsed();
  if (has_taken() || !IsSmall()) return;
  const size_t needed = bytes <= kSmallBytes ? kSmallBytes : BufferPool::kBlockBytes;
  if (IsAbove(needed)) MoveTo(needed);
}

std::unique_ptr<ReadBuffer> ReadBuffer::TakeParsed() {
  auto taken = std::make_unique<ReadBuffer>(pool_);
  if (blocks_.empty()) return taken;
  const std::string_view rest = untaken();
  const auto behind = blocks_.begin() + static_cast<std::ptrdiff_t>(at_) + 1;
  taken->blocks_.assign(blocks_.begin(), behind);
  blocks_.erase(blocks_.begin(), behind);
  filled_bytes_ -= position_;
  at_ = cursor_ = before_bytes_ = position_ = 0;
  if (rest.empty()) return taken;
  Block block = NewBlock(std::max(BufferPool::kBlockBytes, rest.size()));
  std::memcpy(block.data, rest.data(), rest.size());
  block.end = rest.size();
  blocks_.insert(blocks_.begin(), block);
  return taken;
}

ReadBuffer::Block ReadBuffer::NewBlock(size_t capacity) {
  char* const data = capacity == BufferPool::kBlockBytes ? pool_.Take() : Allocate(capacity);
  return {data, capacity, 0};
}

void ReadBuffer::FreeBlock(const Block& block) {
  if (block.capacity == BufferPool::kBlockBytes) {
    pool_.GiveBack(block.data);
  } else {
    Deallocate(block.data);
  }
}

void ReadBuffer::Free() {
  for (const Block& block : blocks_) FreeBlock(block);
  blocks_.clear();
  at_ = cursor_ = before_bytes_ = position_ = filled_bytes_ = 0;
}

void ReadBuffer::FreeParsed() {
  size_t blocks = 0;
  size_t bytes = 0;
  while (blocks < at_ && position_ >= bytes + blocks_[blocks].end) {
    bytes += blocks_[blocks].end;
    FreeBlock(blocks_[blocks++]);
  }
  if (blocks == 0) return;
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(blocks));
  at_ -= blocks;
  before_bytes_ -= bytes;
  position_ -= bytes;
  filled_bytes_ -= bytes;
}

void ReadBuffer::MoveTo(size_t capacity) {
  Block moved = NewBlock(capacity);
  for (size_t from = cursor_; at_ < blocks_.size(); from = 0) {
    const Block& block = blocks_[at_++];
    std::memcpy(moved.data + moved.end, block.data + from, block.end - from);
    moved.end += block.end - from;
  }
  Free();
  blocks_.push_back(moved);
  filled_bytes_ = moved.end;
}

void ReadBuffer::GrowLast(size_t capacity) {
  Block& last = blocks_.back();
  Block grown = NewBlock(capacity);
  std::memcpy(grown.data, last.data, last.end);
  grown.end = last.end;
  FreeBlock(last);
  last = grown;
}

}  // namespace ampt
