#include "server/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/stack_context.hpp>
#include <memory>

#include "base/assert.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace ampt {
namespace {

size_t GuardBytes() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Hands the stack to Boost, which would otherwise make one.
struct GivenStack {
  char* bottom;

  boost::context::stack_context allocate() const {
    boost::context::stack_context stack;
    stack.size = Fiber::kStackBytes;
    stack.sp = bottom + Fiber::kStackBytes;
    return stack;
  }
  void deallocate(const boost::context::stack_context&) const {}
};

// Around a switch: `*shadow` is what is kept of the stack that is left (null: it is left for good).
void SwitchBegins([[maybe_unused]] void** shadow, [[maybe_unused]] const void* bottom,
                  [[maybe_unused]] size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(shadow, bottom, bytes);
#endif
}
// `shadow`: of the stack that is entered. The other one is told where it wants to know.
void SwitchEnds([[maybe_unused]] void* shadow, [[maybe_unused]] const void** old_bottom,
                [[maybe_unused]] size_t* old_bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(shadow, old_bottom, old_bytes);
#endif
}

}  // namespace

Fiber::Fiber() {
  const size_t guard_bytes = GuardBytes();
  void* const mapped = mmap(nullptr, guard_bytes + kStackBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  AMPT_ASSERT(mapped != MAP_FAILED);
  AMPT_ASSERT(mprotect(mapped, guard_bytes, PROT_NONE) == 0);
  // A huge page would take two megabytes for the little that most jobs touch. Some kernels have
  // none, which is as good.
  madvise(mapped, guard_bytes + kStackBytes, MADV_NOHUGEPAGE);
  stack_ = static_cast<char*>(mapped);
  inside_ = boost::context::fiber(std::allocator_arg, GivenStack{stack_ + guard_bytes},
                                  [this](boost::context::fiber&& outside) {
                                    SwitchEnds(nullptr, &outside_bottom_, &outside_bytes_);
                                    outside_ = std::move(outside);
                                    RunJobs();
                                    SwitchBegins(nullptr, outside_bottom_, outside_bytes_);
                                    return std::move(outside_);
                                  });
}

Fiber::~Fiber() {
  AMPT_ASSERT(!is_suspended_ && !is_running_);
  start_ = nullptr;
  Enter();
  munmap(stack_, GuardBytes() + kStackBytes);
}

void Fiber::Enter() {
  SwitchBegins(&outside_shadow_, stack_ + GuardBytes(), kStackBytes);
  inside_ = std::move(inside_).resume();
  SwitchEnds(outside_shadow_, nullptr, nullptr);
}

void Fiber::Leave() {
  SwitchBegins(&inside_shadow_, outside_bottom_, outside_bytes_);
  outside_ = std::move(outside_).resume();
  SwitchEnds(inside_shadow_, &outside_bottom_, &outside_bytes_);
}

void Fiber::RunJobs() {
  while (start_ != nullptr) {
    start_(job_);
    is_running_ = false;
    Leave();
  }
}

bool Fiber::RunJob(Start start, void* job) {
  AMPT_ASSERT(!is_running_ && !is_suspended_);
  start_ = start;
  job_ = job;
  is_running_ = true;
  Enter();
  return !is_suspended_;
}

bool Fiber::GoOn() {
  AMPT_ASSERT(is_suspended_);
  is_suspended_ = false;
  is_running_ = true;
  Enter();
  return !is_suspended_;
}

void Fiber::Suspend() {
  AMPT_ASSERT(is_running_);
  is_running_ = false;
  is_suspended_ = true;
  Leave();
}

}  // namespace ampt
