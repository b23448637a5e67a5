// WorkerJob: one piece of blocking work at a time on libuv's thread pool.
//
//   job.Start([&] { /* on a worker */ }, [&] { /* back on the loop */ });
//
// What the loop seldom must (SHUTDOWN, DEBUG RELOAD, a load that takes no time) it can do too: wait
// for the work right here.
#pragma once

#include <uv.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/assert.h"

namespace ampt {

class WorkerJob {
 public:
  explicit WorkerJob(uv_loop_t* loop) : loop_(loop) {}
  WorkerJob(const WorkerJob&) = delete;
  WorkerJob& operator=(const WorkerJob&) = delete;
  // The work may refer to what is going away, so it is waited for; what comes after it is left out.
  ~WorkerJob() {
    if (run_ == nullptr) return;
    Wait();
    run_->job = nullptr;
  }

  bool running() const { return run_ != nullptr; }

  // `after` may start the next job. REQUIRES: !running().
  void Start(std::function<void()> work, std::function<void()> after) {
    AMPT_ASSERT(run_ == nullptr);
    run_ = std::make_shared<Run>();
    run_->job = this;
    run_->work = std::move(work);
    run_->after = std::move(after);
    auto* const request = new Request{{}, run_};
    request->handle.data = request;
    const int error = uv_queue_work(loop_, &request->handle, OnWorker, OnLoop);
    AMPT_ASSERT(error == 0);
  }

  // Waits for the work, if any is running, and does what comes after it, unless `most` passes
  // before; false then.
  bool FinishWithin(std::chrono::milliseconds most) {
    if (run_ == nullptr) return true;
    {
      std::unique_lock lock(run_->mutex);
      if (!run_->changed.wait_for(lock, most, [this] { return run_->is_done; })) return false;
    }
    Complete();
    return true;
  }
  void Finish() {
    if (run_ == nullptr) return;
    Wait();
    Complete();
  }

 private:
  struct Run {
    WorkerJob* job;  // null once it is completed
    std::function<void()> work;
    std::function<void()> after;
    std::mutex mutex;
    std::condition_variable changed;
    bool is_done = false;
  };
  struct Request {
    uv_work_t handle;
    std::shared_ptr<Run> run;
  };

  static void OnWorker(uv_work_t* handle) {
    Run& run = *static_cast<Request*>(handle->data)->run;
    run.work();
    const std::lock_guard lock(run.mutex);
    run.is_done = true;
    run.changed.notify_all();
  }
  static void OnLoop(uv_work_t* handle, int /*status*/) {
    const std::unique_ptr<Request> request(static_cast<Request*>(handle->data));
    if (request->run->job != nullptr) request->run->job->Complete();
  }

  void Wait() {
    std::unique_lock lock(run_->mutex);
    run_->changed.wait(lock, [this] { return run_->is_done; });
  }
  void Complete() {
    const std::shared_ptr<Run> run = std::move(run_);
    run_ = nullptr;
    run->job = nullptr;
    run->after();
  }

  uv_loop_t* loop_;
  std::shared_ptr<Run> run_;
};

}  // namespace ampt
