#include "tools/bench/load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <deque>

namespace ampt::bench {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;
constexpr int64_t kPatience_ns = 30'000'000'000;
constexpr int64_t kLongestWait_ns = 1'000'000'000;
// Before a request is due the open loop polls for this long instead of sleeping: waking up late
// would count as the server's latency.
constexpr int64_t kSpin_ns = 20'000;

int64_t Nanos(const timespec& time) {
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

int64_t ClockNs(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return Nanos(now);
}

// recv(), and for how long the last of what it got had been there, if the socket tells (as after
// SO_TIMESTAMPNS), else 0.
ssize_t ReceiveWithAge(int fd, char* bytes, size_t room, int64_t* age_ns) {
  iovec part{bytes, room};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = recvmsg(fd, &message, 0);
  *age_ns = 0;
  if (n < 0) return n;
  const cmsghdr* const told = CMSG_FIRSTHDR(&message);
  if (told != nullptr && told->cmsg_level == SOL_SOCKET && told->cmsg_type == SCM_TIMESTAMPNS) {
    timespec came;
    std::memcpy(&came, CMSG_DATA(told), sizeof came);
    *age_ns = std::max<int64_t>(0, ClockNs(CLOCK_REALTIME) - Nanos(came));
  }
  return n;
}

sigset_t Interrupts() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

int64_t NowNs() {
  return ClockNs(CLOCK_MONOTONIC);
}

void CatchInterrupts() {
  const sigset_t signals = Interrupts();
  sigprocmask(SIG_BLOCK, &signals, nullptr);
}

void Batches::Add(const std::string_view* words, size_t count) {
  AppendCommand(Begin(), words, count);
}

std::string* Batches::Begin() {
  if (requests_ % depth_ == 0) begins_.push_back(bytes_.size());
  requests_++;
  return &bytes_;
}

std::string_view Batches::bytes_of(size_t batch) const {
  const size_t end = batch + 1 < begins_.size() ? begins_[batch + 1] : bytes_.size();
  return std::string_view(bytes_).substr(begins_[batch], end - begins_[batch]);
}

size_t Batches::requests_in(size_t batch) const {
  return std::min(depth_, requests_ - batch * depth_);
}

struct Load::Connection {
  struct Awaited {
    size_t replies;
    int64_t due_ns;
    int64_t late_ns;
  };

  int fd;
  bool wants_to_write = false;
  std::unique_ptr<ReplyCounter> replies;
  std::deque<std::string_view> unsent;
  std::deque<Awaited> awaited;  // one entry a batch, oldest first
};

Load::Load(uint16_t port, size_t clients, Protocol protocol)
    : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)), buffer_(kBufferBytes) {
  prctl(PR_SET_TIMERSLACK, 1);  // an open loop must wake up in time; the default is 50 us late
  const sigset_t signals = Interrupts();
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;  // data.ptr is null: the signals
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, signal_fd_, &event);
  for (size_t i = 0; i < clients; i++) {
    const int fd = Connect(port);
    if (fd < 0) {
      throw Failure(
          fmt::format("connection {} of {} refused: {}", i + 1, clients, std::strerror(errno)));
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->fd = fd;
    connections_.back()->replies = NewReplyCounter(protocol);
    event.data.ptr = connections_.back().get();
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  }
}

Load::~Load() {
  for (const auto& connection : connections_) close(connection->fd);
  close(signal_fd_);
  close(epoll_fd_);
}

LoadResult Load::RunClosed(const Batches& batches) {
  return Run(batches, 0, nullptr);
}

LoadResult Load::RunOpen(const Batches& batches, double rate, Histogram* latencies) {
  StampArrivals(1);
  const LoadResult result = Run(batches, rate, latencies);
  StampArrivals(0);  // they cost a closed loop time
  return result;
}

void Load::StampArrivals(int on) {
  for (const auto& connection : connections_) {
    setsockopt(connection->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  }
}

LoadResult Load::Run(const Batches& batches, double rate, Histogram* latencies) {
  const bool open = rate > 0;
  const double batch_interval_ns = open ? 1e9 * static_cast<double>(batches.depth()) / rate : 0;
  const size_t total = batches.requests();
  LoadResult result;
  size_t next = 0;
  const int64_t cpu_begin_ns = ClockNs(CLOCK_PROCESS_CPUTIME_ID);
  const int64_t begin_ns = NowNs();
  int64_t progress_ns = begin_ns;

  const auto due_ns = [&](size_t batch) {
    return begin_ns + static_cast<int64_t>(static_cast<double>(batch) * batch_interval_ns);
  };
  if (!open) {
    for (const auto& connection : connections_) {
      if (next < batches.size()) Submit(connection.get(), batches, next++, begin_ns, begin_ns);
    }
  }

  epoll_event events[64];
  while (result.requests < total) {
    int64_t wait_ns = kLongestWait_ns;
    if (open) {
      const int64_t now_ns = NowNs();
      for (; next < batches.size() && due_ns(next) <= now_ns; next++) {
        Connection* connection = connections_[next % connections_.size()].get();
        Submit(connection, batches, next, due_ns(next), NowNs());
      }
      if (next < batches.size()) {
        wait_ns = std::clamp<int64_t>(due_ns(next) - NowNs() - kSpin_ns, 0, wait_ns);
      }
    }
    timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    int ready = epoll_pwait2(epoll_fd_, events, std::size(events), &timeout, nullptr);
    if (ready < 0 && errno == EINTR) {
      // It was stopped, perhaps: what came meanwhile is read before more comes behind it.
      timeout = {};
      ready = epoll_pwait2(epoll_fd_, events, std::size(events), &timeout, nullptr);
    }
    if (ready < 0 && errno != EINTR) {
      throw Failure(fmt::format("cannot wait for replies: {}", std::strerror(errno)));
    }
    const int64_t now_ns = NowNs();
    if (ready > 0) {
      progress_ns = now_ns;
    } else if (batches.depth() * next > result.requests && now_ns - progress_ns > kPatience_ns) {
      throw Failure("no reply for 30 s");
    }
    for (int i = 0; i < ready; i++) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (connection == nullptr) throw Failure("interrupted");
      if (events[i].events & EPOLLOUT) Send(connection);
      if (!(events[i].events & ~EPOLLOUT)) continue;
      result.requests += Receive(connection, latencies, &result);
      if (!open && connection->awaited.empty() && next < batches.size()) {
        Submit(connection, batches, next++, begin_ns, begin_ns);
      }
    }
  }
  result.elapsed_ns = NowNs() - begin_ns;
  result.generator_cpu_ns = ClockNs(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin_ns;
  return result;
}

void Load::Submit(Connection* connection, const Batches& batches, size_t batch, int64_t due_ns,
                  int64_t now_ns) {
  connection->awaited.push_back({batches.requests_in(batch), due_ns, now_ns - due_ns});
  connection->unsent.push_back(batches.bytes_of(batch));
  if (!connection->wants_to_write) Send(connection);
}

void Load::Send(Connection* connection) {
  while (!connection->unsent.empty()) {
    std::string_view& bytes = connection->unsent.front();
    const ssize_t n = send(connection->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) throw Failure(fmt::format("cannot send to the server: {}", std::strerror(errno)));
    bytes.remove_prefix(n);
    if (bytes.empty()) connection->unsent.pop_front();
  }
  const bool wants_to_write = !connection->unsent.empty();
  if (wants_to_write == connection->wants_to_write) return;
  connection->wants_to_write = wants_to_write;
  epoll_event event{};
  event.events = wants_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = connection;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection->fd, &event);
}

// One recv: what is left after it makes the socket ready again.
size_t Load::Receive(Connection* connection, Histogram* latencies, LoadResult* result) {
  int64_t age_ns;
  const ssize_t n = ReceiveWithAge(connection->fd, buffer_.data(), buffer_.size(), &age_ns);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (n < 0) throw Failure(fmt::format("cannot read a reply: {}", std::strerror(errno)));
  if (n == 0) throw Failure("the server closed the connection");
  result->reply_bytes += static_cast<uint64_t>(n);
  const size_t complete = connection->replies->Feed({buffer_.data(), static_cast<size_t>(n)});
  const int64_t now_ns = latencies != nullptr ? NowNs() : 0;
  for (size_t left = complete; left > 0;) {
    if (connection->awaited.empty()) throw Failure("the server sent a reply nobody asked for");
    auto& [replies, due_ns, late_ns] = connection->awaited.front();
    const size_t taken = std::min(left, replies);
    if (latencies != nullptr) {
      const int64_t wait_ns = std::max<int64_t>(0, now_ns - due_ns);
      for (size_t i = 0; i < taken; i++) latencies->Add(wait_ns);
      result->longest.Take({wait_ns, std::min(wait_ns, late_ns + age_ns), due_ns});
    }
    replies -= taken;
    left -= taken;
    if (replies == 0) connection->awaited.pop_front();
  }
  return complete;
}

}  // namespace ampt::bench
