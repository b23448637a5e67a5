// PageReserve: huge pages that are there before they are needed.
//
// The first touch of a huge page makes the kernel clear two megabytes: a tenth of a millisecond on
// bare metal, ten and more on a virtual machine whose host has to find that memory first. A growing
// heap pays it in the middle of a command. Here a thread of its own pays it beforehand: it keeps
// touched chunks ready, one at first, more when it was found empty, none when nobody has asked for
// a second.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace ampt {

class PageReserve {
 public:
  static constexpr size_t kChunkBytes = size_t{2} << 20;
  static constexpr size_t kMostChunks = 8;

  // `kept_for`: how long after the latest Take() chunks are kept.
  explicit PageReserve(std::chrono::milliseconds kept_for = std::chrono::seconds(1));
  // What was taken stays with who took it.
  ~PageReserve();
  PageReserve(const PageReserve&) = delete;
  PageReserve& operator=(const PageReserve&) = delete;

  // A chunk of kChunkBytes, aligned to as much, all zero and in memory already; null if none is
  // ready, or if that cannot be told at once. The caller unmaps it. From any thread; never waits.
  void* Take();

  struct Figures {
    size_t ready;   // chunks
    size_t target;  // how many it wants to keep
    uint64_t asked;
    uint64_t given;
  };
  Figures figures() const;

 private:
  void Run();

  const std::chrono::milliseconds kept_for_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<void*> ready_;
  size_t target_ = 0;
  std::atomic<uint64_t> asked_{0};
  uint64_t given_ = 0;
  bool is_ending_ = false;
  std::thread thread_;
};

// Has the slabs of this process grow by chunks of a reserve, from now on and for as long as the
// process lives; returns that reserve. Null: this is a build without slabs.
const PageReserve* GrowSlabsFromReserve();

}  // namespace ampt
