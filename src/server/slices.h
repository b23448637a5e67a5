// Slices: work that is too long for one turn of the loop, done a little at a time.
//
// All jobs take turns, so that a short one does not wait for a long one. While there are jobs the
// loop does not sleep; between two slices every client that has sent something is served.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "base/clock.h"

namespace ampt {

class Slices {
 public:
  // A slice of the job, given the time of the turn; true when it is done.
  using Job = std::function<bool(TimeMs now_ms)>;

  void Add(Job job) { jobs_.push_back(std::move(job)); }
  bool empty() const { return jobs_.empty(); }

  // One slice of the next job. Jobs may add jobs.
  void RunOne(TimeMs now_ms) {
    if (jobs_.empty()) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    if (!job(now_ms)) jobs_.push_back(std::move(job));
  }

 private:
  std::deque<Job> jobs_;
};

}  // namespace ampt
