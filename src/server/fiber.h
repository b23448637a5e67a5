// Fiber: a stack of its own for work that may have to stop in the middle and go on later, where it
// stands, with all the frames that it has by then.
//
//   if (!fiber.Run([&] { … fiber.Suspend(); … })) {   // it has called Suspend()
//     while (!fiber.GoOn()) …                         // perhaps several times
//   }
//
// One job at a time. No thread: whoever calls Run() or GoOn() waits until the job ends or suspends
// itself. Cost: two switches of the stack, some nanoseconds together; the stack is mapped once and
// kept, and takes the memory that was once touched of it. Behind its end lies a page that nobody
// may touch, so a job that needs more ends the process instead of writing elsewhere.
//
// What the job refers to must stay until it has ended. It throws nothing. AddressSanitizer is told
// of every switch.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <utility>

namespace ampt {

class Fiber {
 public:
  // As much as the main thread of a process has, for the same code runs on both.
  static constexpr size_t kStackBytes = size_t{8} << 20;

  Fiber();
  // REQUIRES: !is_suspended().
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs a copy of `job`; false if that has suspended itself. REQUIRES: no job is running.
  template <typename Job>
  bool Run(Job job) {
    return RunJob(
        [](void* from) {
          // Run() may return before this does.
          Job own(std::move(*static_cast<Job*>(from)));
          own();
        },
        &job);
  }
  // Lets the job go on; true if it has ended. REQUIRES: is_suspended().
  bool GoOn();
  // Called by the job: returns from Run() or GoOn(). It comes back with the next GoOn().
  void Suspend();

  // Whether the caller is the job.
  bool is_running() const { return is_running_; }
  bool is_suspended() const { return is_suspended_; }

 private:
  using Start = void (*)(void* job);

  bool RunJob(Start start, void* job);
  // What runs on the stack, from the first job to the destructor.
  void RunJobs();
  // To the stack, and back.
  void Enter();
  void Leave();

  char* stack_;                    // the page behind its end comes first
  boost::context::fiber inside_;   // where the stack's code stands, while the caller's runs
  boost::context::fiber outside_;  // the other way round
  Start start_ = nullptr;          // null: RunJobs() is to end
  void* job_ = nullptr;
  bool is_running_ = false;
  bool is_suspended_ = false;
  // Of AddressSanitizer: what it keeps of a stack that is left, and where the caller's stack lies.
  void* inside_shadow_ = nullptr;
  void* outside_shadow_ = nullptr;
  const void* outside_bottom_ = nullptr;
  size_t outside_bytes_ = 0;
};

}  // namespace ampt
