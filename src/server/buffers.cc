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

void ReadBuffer::MakeRoom(size_t wanted) {
  if (data_ == nullptr) {
    data_ = pool_.Take();
    capacity_ = BufferPool::kBlockBytes;
    return;
  }
  if (capacity_ < BufferPool::kBlockBytes) return MoveTo(pool_.Take(), BufferPool::kBlockBytes);
  if (room_bytes() >= kLeastRoomBytes) return;
  if (begin_ > 0) {
    std::memmove(data_, data_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (room_bytes() >= kLeastRoomBytes || wanted <= capacity_) return;
  const size_t most = std::min(2 * capacity_, wanted);
  const size_t capacity = std::max(capacity_ + capacity_ / 2, most);
  MoveTo(Allocate(capacity), capacity);
}

void ReadBuffer::Release() {
  const size_t size = end_ - begin_;
  if (size == 0) {
    Free();
  } else if (size <= kSmallBytes) {
    if (capacity_ > kSmallBytes) MoveTo(Allocate(kSmallBytes), kSmallBytes);
  } else if (capacity_ > BufferPool::kBlockBytes && size <= BufferPool::kBlockBytes / 2) {
    MoveTo(pool_.Take(), BufferPool::kBlockBytes);
  }
}

std::unique_ptr<ReadBuffer> ReadBuffer::TakeParsed() {
  auto taken = std::make_unique<ReadBuffer>(pool_);
  std::swap(taken->data_, data_);
  std::swap(taken->capacity_, capacity_);
  const std::string_view rest(taken->data_ + begin_, end_ - begin_);
  begin_ = end_ = 0;
  if (rest.empty()) return taken;
  capacity_ = std::max(BufferPool::kBlockBytes, rest.size());
  data_ = capacity_ == BufferPool::kBlockBytes ? pool_.Take() : Allocate(capacity_);
  std::memcpy(data_, rest.data(), rest.size());
  end_ = rest.size();
  return taken;
}

void ReadBuffer::MoveTo(char* block, size_t capacity) {
  const size_t size = end_ - begin_;
  std::memcpy(block, data_ + begin_, size);
  Free();
  data_ = block;
  capacity_ = capacity;
  end_ = size;
}

void ReadBuffer::Free() {
  if (data_ == nullptr) return;
  if (capacity_ == BufferPool::kBlockBytes) {
    pool_.GiveBack(data_);
  } else {
    Deallocate(data_);
  }
  data_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

}  // namespace ampt
