#include "tools/bench/crowd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <iterator>
#include <utility>

#include "tools/bench/load.h"
#include "tools/bench/resp.h"

namespace ampt::bench {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;
// What one connection sends before others have their turn.
constexpr size_t kMostAtOnce = 256 * 1024;
// Fewer than there are ports, and than wait in TIME_WAIT after a storm.
constexpr uint64_t kConnectionsPerAddress = 1000;
constexpr uint64_t kAddresses = 200;

// From the address that is next in turn; -1 and errno if that fails.
int ConnectFrom(uint64_t number, uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(
      static_cast<uint32_t>(INADDR_LOOPBACK + 1 + number / kConnectionsPerAddress % kAddresses));
  const bool is_bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (!is_bound || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

}  // namespace

Source Repeat(std::string bytes) {
  return [bytes = std::move(bytes)](size_t, uint64_t, std::string* out) {
    out->append(bytes);
    return true;
  };
}

Source Times(uint64_t times, std::string bytes) {
  return [times, bytes = std::move(bytes)](size_t, uint64_t block, std::string* out) {
    if (block >= times) return false;
    out->append(bytes);
    return true;
  };
}

Source Nothing() {
  return [](size_t, uint64_t, std::string*) { return false; };
}

struct Crowd::Member {
  const Manner* manner;
  size_t number;  // within its manner
  int fd = -1;
  uint32_t events = 0;
  bool is_at_end = false;
  uint64_t block = 0;
  size_t sent = 0;  // of `unsent`
  std::string unsent;
  size_t awaited = 0;
  RespReplyCounter replies;
  int64_t due_ns = 0;
};

Crowd::Crowd(uint16_t port, std::vector<Manner> manners)
    : port_(port),
      manners_(std::move(manners)),
      buffer_(kBufferBytes),
      epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
  for (const Manner& manner : manners_) {
    for (size_t number = 0; number < manner.connections; ++number) {
      members_.push_back(std::make_unique<Member>(Member{&manner, number}));
      if (Open(members_.back().get())) continue;
      const int error = errno;
      const size_t open = members_.size() - 1;
      Leave();
      close(epoll_fd_);
      throw Failure(
          fmt::format("connection {} of a crowd refused: {}", open + 1, std::strerror(error)));
    }
  }
}

Crowd::~Crowd() {
  Leave();
  close(epoll_fd_);
}

void Crowd::Begin() {
  const int64_t now_ns = NowNs();
  for (const auto& member : members_) {
    const Manner& manner = *member->manner;
    member->due_ns = now_ns + manner.every_ms * 1'000'000 * static_cast<int64_t>(member->number) /
                                  static_cast<int64_t>(manner.connections);
  }
  thread_ = std::thread([this] {
    try {
      Run();
    } catch (const Failure& failure) {
      failure_ = failure.what();
    }
  });
}

void Crowd::Leave() {
  is_leaving_ = true;
  if (thread_.joinable()) thread_.join();
  for (const auto& member : members_) End(member.get());
}

void Crowd::Run() {
  // In the order in which they fall due, which stays the same: a manner's period is one for all.
  struct Paced {
    std::vector<Member*> members;
    size_t next = 0;
  };
  std::vector<Paced> paced;
  for (const Manner& manner : manners_) {
    if (manner.every_ms == 0) continue;
    Paced& some = paced.emplace_back();
    for (const auto& member : members_) {
      if (member->manner == &manner) some.members.push_back(member.get());
    }
  }
  for (const auto& member : members_) {
    if (is_leaving_) return;
    if (member->manner->every_ms == 0) SendSome(member.get());
  }
  epoll_event events[256];
  while (!is_leaving_) {
    int64_t next_ns = NowNs() + 20'000'000;
    for (Paced& some : paced) {
      for (; some.members[some.next]->due_ns <= NowNs(); ++some.next %= some.members.size()) {
        Member* const member = some.members[some.next];
        member->due_ns = std::max(member->due_ns, NowNs() - 1'000'000'000) +
                         member->manner->every_ms * 1'000'000;
        SendBlock(member);
        if (is_leaving_) return;
      }
      next_ns = std::min(next_ns, some.members[some.next]->due_ns);
    }
    const int64_t wait_ns = std::max<int64_t>(0, next_ns - NowNs());
    const timespec timeout{wait_ns / 1'000'000'000, wait_ns % 1'000'000'000};
    const int ready = epoll_pwait2(epoll_fd_, events, std::size(events), &timeout, nullptr);
    for (int i = 0; i < ready && !is_leaving_; ++i) {
      auto* const member = static_cast<Member*>(events[i].data.ptr);
      if ((events[i].events & EPOLLIN) != 0) ReceiveSome(member);
      if ((events[i].events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0 && !member->manner->reads) {
        ThrownOut(member);
      } else if ((events[i].events & EPOLLOUT) != 0) {
        SendSome(member);
      }
    }
  }
}

bool Crowd::Open(Member* member) {
  member->fd = ConnectFrom(opened_++, port_);
  member->is_at_end = false;
  member->block = 0;
  member->sent = 0;
  member->awaited = 0;
  member->unsent.clear();
  member->replies = RespReplyCounter();
  member->events = 0;
  if (member->fd < 0) return false;
  epoll_event event{};
  event.data.ptr = member;
  event.events = member->events = member->manner->reads ? EPOLLIN : EPOLLRDHUP;
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, member->fd, &event);
  return true;
}

void Crowd::End(Member* member) {
  if (member->fd < 0) return;
  close(member->fd);
  member->fd = -1;
}

void Crowd::ThrownOut(Member* member) {
  if (member->fd < 0) return;
  ++thrown_out_;
  End(member);
  if (!member->manner->returns) return;
  if (!Open(member)) {
    ++refused_;
    return;
  }
  ++returned_;
  if (member->manner->every_ms == 0) SendSome(member);
}

void Crowd::Watch(Member* member) {
  const bool wants_to_write = !member->is_at_end && member->awaited == 0 &&
                              (member->manner->every_ms == 0 || !member->unsent.empty());
  const uint32_t wanted =
      (member->manner->reads ? EPOLLIN : EPOLLRDHUP) | (wants_to_write ? EPOLLOUT : 0U);
  if (wanted == member->events) return;
  epoll_event event{};
  event.data.ptr = member;
  event.events = member->events = wanted;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, member->fd, &event);
}

// One that has its own pace: the next block, unless the socket has not even taken the last one.
void Crowd::SendBlock(Member* member) {
  if (member->fd < 0) {
    if (!member->manner->returns || !Open(member)) return;
    ++returned_;
  }
  if (!member->unsent.empty() || member->is_at_end) return;
  member->is_at_end = !member->manner->source(member->number, member->block++, &member->unsent);
  SendSome(member);
}

void Crowd::SendSome(Member* member) {
  if (member->fd < 0) return;
  const Manner& manner = *member->manner;
  for (size_t total = 0; total < kMostAtOnce;) {
    if (member->unsent.empty()) {
      if (manner.every_ms > 0 || member->is_at_end || member->awaited > 0) break;
      if (!manner.source(member->number, member->block++, &member->unsent)) {
        member->is_at_end = true;
        if (!manner.hangs_up) break;
        End(member);
        if (!Open(member)) {
          ++refused_;
          return;
        }
        ++returned_;
        break;
      }
    }
    const ssize_t count = send(member->fd, member->unsent.data() + member->sent,
                               member->unsent.size() - member->sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) break;
    if (count < 0) return ThrownOut(member);
    sent_bytes_ += static_cast<uint64_t>(count);
    total += static_cast<size_t>(count);
    member->sent += static_cast<size_t>(count);
    if (member->sent < member->unsent.size()) continue;
    member->unsent.clear();
    member->sent = 0;
    member->awaited = manner.awaits;
  }
  Watch(member);
}

void Crowd::ReceiveSome(Member* member) {
  if (member->fd < 0) return;
  const ssize_t count = recv(member->fd, buffer_.data(), buffer_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return ThrownOut(member);
  received_bytes_ += static_cast<uint64_t>(count);
  if (member->awaited == 0) return;
  const size_t complete = member->replies.Feed({buffer_.data(), static_cast<size_t>(count)});
  if (complete < member->awaited) {
    member->awaited -= complete;
    return;
  }
  member->awaited = 0;
  ++answered_;
  SendSome(member);
}

}  // namespace ampt::bench
