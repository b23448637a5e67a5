#include "server/batch.h"

#include <utility>

#include "base/bytes.h"

namespace ampt {
namespace {

// Words that stay allocated between groups.
constexpr size_t kKeptWords = 16 * 1024;

// No command of ours, but what an HTTP request with a body begins with, or one of its lines.
bool IsHttp(std::string_view word) {
  return EqualsIgnoreCase(word, "post") || EqualsIgnoreCase(word, "host:");
}

}  // namespace

void Batch::Run(std::span<Connection* const> ready, Budget budget, TimeMs now_ms,
                bool writes_wait) {
  writes_wait_ = writes_wait;
  unfinished_.clear();
  dispatcher_.StartTiming();
  run_until_nanos_ = dispatcher_.last_nanos() + budget.run_nanos;
  share_nanos_ = budget.share_nanos;
  for (Connection* connection : ready) {
    if (dispatcher_.last_nanos() > run_until_nanos_) {
      unfinished_.push_back(connection);
      continue;
    }
    // The words of a long command are handed over as they are, to an empty group only.
    if (connection->unfinished_words() > kGroupWords) Execute(now_ms);
    const int64_t until_nanos = dispatcher_.last_nanos() + share_nanos_;
    for (size_t groups = 0; Collect(*connection);) {
      Execute(now_ms);
      const bool has_time = dispatcher_.last_nanos() <= until_nanos;
      if (++groups < kGroupsOfShare && has_time) continue;
      if (!has_time) connection->set_costly(true);
      unfinished_.push_back(connection);
      break;
    }
    // Nothing of it ran, but to take the words of a long command takes time as well.
    if (connection->unfinished_words() > kGroupWords) dispatcher_.StartTiming();
    if (IsFull()) Execute(now_ms);
  }
  Execute(now_ms);
}

class Batch::WorkWithWords : public SlicedWork {
 public:
  explicit WorkWithWords(std::unique_ptr<SlicedWork> work) : work_(std::move(work)) {}

  void Keep(std::shared_ptr<const RespWords> words, std::unique_ptr<ReadBuffer> input) {
    words_ = std::move(words);
    input_ = std::move(input);
  }
  bool DoSome(TimeMs now_ms) override { return work_->DoSome(now_ms); }
  bool Answer(Reply& reply) override { return work_->Answer(reply); }

 private:
  std::shared_ptr<const RespWords> words_;
  std::unique_ptr<ReadBuffer> input_;
  std::unique_ptr<SlicedWork> work_;
};

void Batch::GiveWordsAway(Connection* suspended) {
  const auto words = std::make_shared<RespWords>(std::move(words_));
  words_ = {};
  for (const auto& [connection, work] : keep_words_) work->Keep(words, connection->TakeParsed());
  keep_words_.clear();
  if (suspended == nullptr) return;
  suspended_words_ = words;
  suspended_input_ = suspended->TakeParsed();
}

void Batch::ForgetSuspended() {
  suspended_words_.reset();
  suspended_input_.reset();
}

const Command* Batch::Find(std::string_view name) {
  if (latest_ != nullptr && name == latest_name_) return latest_;
  const Command* command = commands_.Find(name);
  if (command != nullptr) {
    latest_ = command;
    latest_name_ = name;
  }
  return command;
}

bool Batch::Collect(Connection& connection) {
  if (!connection.MayExecute()) return false;
  const bool trusted = !connection.must_log_in();
  const RespLimits limits{static_cast<size_t>(settings_.proto_max_bulk_len), trusted};
  while (!IsFull()) {
    const size_t position = connection.position();
    const size_t first_word = words_.words.size();
    const RespParser::Result result = connection.NextCommand(limits, &words_);
    if (result == RespParser::Result::kMore) return false;
    if (result == RespParser::Result::kError) {
      group_[group_size_++] = {&connection, nullptr, position, first_word, 0};
      return false;
    }
    const size_t words = words_.words.size() - first_word;
    if (words == 0) continue;
    const Command* command = Find(words_.words[first_word]);
    group_[group_size_++] = {&connection, command, position, first_word, words};
    // What the next command may be depends on this one's outcome.
    if (!trusted) return true;
  }
  return true;
}

void Batch::Prefetch() {
  if (dispatcher_.loading()) return;  // the databases are somebody else's
  keys_.clear();
  for (const Request& request : Group()) {
    if (request.command == nullptr) continue;
    const KeyPositions& keys = request.command->grammar.keys;
    if (keys.first <= 0 || keys.step <= 0 || request.words == 0) continue;
    const auto first = static_cast<size_t>(keys.first);
    const size_t last =
        keys.last > 0 && keys.count_at == 0 ? static_cast<size_t>(keys.last) : request.words - 1;
    const Store* store = databases_[static_cast<size_t>(request.connection->database())].get();
    const Words words = WordsOf(request);
    for (size_t at = first; at <= last && at < words.size() && keys_.size() < kMostKeys;
         at += static_cast<size_t>(keys.step)) {
      keys_.push_back({store, store->HashOf(words[at]), words[at], nullptr});
      store->Prefetch(keys_.back().hash);
    }
  }
  if (const size_t picked = hot_keys_.Pick(keys_.size()); picked != HotKeys::kNone) {
    hot_keys_.Count(keys_[picked].store->database(), keys_[picked].hash, keys_[picked].key);
  }
  if (keys_.size() == 1) return;  // nothing to overlap with
  for (KeyHash& key : keys_) key.item = key.store->PrefetchItem(key.hash);
  for (const KeyHash& key : keys_) {
    if (key.item != nullptr) key.item->PrefetchRest();
  }
}

Batch::Wait Batch::WaitOf(const Request& request) const {
  const bool none_waits =
      !writes_wait_ && pause_ == Pause::kNone && !dispatcher_.WritersWaitForMemory();
  if (__builtin_expect(none_waits, 1)) return Wait::kNone;
  if (request.command == nullptr || dispatcher_.is_busy()) return Wait::kNone;
  if (!request.command->ArityFits(request.words)) return Wait::kNone;  // refused at once
  const uint32_t flags = Dispatcher::FlagsOf(*request.connection, *request.command);
  const bool may_write = (flags & (kWrite | kMayWrite)) != 0;
  const bool may_take_memory = (flags & (kDenyOom | kMayWrite)) != 0;
  if ((writes_wait_ && may_write) || (dispatcher_.WritersWaitForMemory() && may_take_memory)) {
    return Wait::kDisk;
  }
  if (pause_ == Pause::kAll || (pause_ == Pause::kWrites && may_write)) return Wait::kPause;
  return Wait::kNone;
}

void Batch::Execute(TimeMs now_ms) {
  if (group_size_ == 0) return;
  Prefetch();
  dispatcher_.StartTiming();
  const Connection* stopped = nullptr;
  const Connection* latest = nullptr;
  int64_t until_nanos = 0;
  for (const Request& request : Group()) {
    Connection& connection = *request.connection;
    if (&connection == stopped) continue;
    if (&connection != latest) {
      if (latest != nullptr && dispatcher_.last_nanos() > run_until_nanos_) {
        connection.GoBackTo(request.position);
        unfinished_.push_back(&connection);
        stopped = &connection;
        continue;
      }
      until_nanos = dispatcher_.last_nanos() + share_nanos_;
      latest = &connection;
    } else if (dispatcher_.last_nanos() > until_nanos) {
      connection.GoBackTo(request.position);
      connection.set_costly(true);
      unfinished_.push_back(&connection);
      stopped = &connection;
      continue;
    }
    if (!connection.MayExecute()) {
      // Its commands are taken again when it may go on.
      connection.GoBackTo(request.position);
      stopped = &connection;
      continue;
    }
    if (request.words == 0) {
      owner_.ProtocolFailed(connection);
      continue;
    }
    if (const Wait wait = WaitOf(request); __builtin_expect(wait != Wait::kNone, 0)) {
      connection.GoBackTo(request.position);
      if (wait == Wait::kPause) {
        owner_.WaitForPause(connection);
      } else {
        owner_.WaitForDisk(connection);
      }
      stopped = &connection;
      continue;
    }
    if (request.command == nullptr && IsHttp(words_.words[request.first_word])) {
      owner_.HttpCame(connection);
      continue;
    }
    const int64_t began_nanos = dispatcher_.last_nanos();
    std::unique_ptr<SlicedWork> work =
        dispatcher_.Execute(connection, request.command, WordsOf(request), now_ms);
    if (work != nullptr) {
      if (work->keeps_words()) {
        auto with_words = std::make_unique<WorkWithWords>(std::move(work));
        keep_words_.emplace_back(&connection, with_words.get());
        work = std::move(with_words);
      }
      owner_.RunInSlices(connection, std::move(work));
    }
    if (__builtin_expect(connection.output_bytes() > kLongAnswerBytes, 0)) dispatcher_.StopTiming();
    if (auto blocked = dispatcher_.TakeBlocked()) owner_.Block(connection, std::move(blocked));
    connection.set_costly(dispatcher_.last_nanos() - began_nanos > kCostlyNanos);
    connection.CheckHeldUp();
  }
  dispatcher_.StopTiming();
  group_size_ = 0;
  const bool is_suspended = dispatcher_.is_busy() && suspended_input_ == nullptr;
  if (__builtin_expect(is_suspended || !keep_words_.empty(), 0)) {
    return GiveWordsAway(is_suspended ? dispatcher_.busy_connection() : nullptr);
  }
  words_.Clear();
  if (words_.words.capacity() > kKeptWords) std::vector<std::string_view>().swap(words_.words);
}

}  // namespace ampt
