#include "server/batch.h"

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

void Batch::Run(std::span<Connection* const> ready, TimeMs now_ms, bool writes_wait) {
  writes_wait_ = writes_wait;
  for (Connection* connection : ready) {
    while (Collect(*connection)) Execute(now_ms);
    if (group_size_ == kGroup) Execute(now_ms);
  }
  Execute(now_ms);
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
  while (group_size_ < kGroup) {
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
      keys_.push_back({store, store->HashOf(words[at]), words[at]});
      store->Prefetch(keys_.back().hash);
    }
  }
  if (const size_t picked = hot_keys_.Pick(keys_.size()); picked != HotKeys::kNone) {
    hot_keys_.Count(keys_[picked].store->database(), keys_[picked].hash, keys_[picked].key);
  }
  if (keys_.size() == 1) return;  // nothing to overlap with
  for (const KeyHash& key : keys_) key.store->PrefetchItem(key.hash);
}

void Batch::Execute(TimeMs now_ms) {
  if (group_size_ == 0) return;
  Prefetch();
  dispatcher_.StartTiming();
  const Connection* stopped = nullptr;
  for (const Request& request : Group()) {
    Connection& connection = *request.connection;
    if (&connection == stopped) continue;
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
    const bool waits = request.command != nullptr &&
                       ((__builtin_expect(writes_wait_, 0) &&
                         (request.command->spec.flags & (kWrite | kMayWrite)) != 0) ||
                        dispatcher_.MustWaitForMemory(*request.command));
    if (__builtin_expect(waits, 0)) {
      connection.GoBackTo(request.position);
      owner_.WaitForDisk(connection);
      stopped = &connection;
      continue;
    }
    if (__builtin_expect(pause_ != Pause::kNone, 0) && request.command != nullptr &&
        (pause_ == Pause::kAll || (request.command->spec.flags & (kWrite | kMayWrite)) != 0)) {
      connection.GoBackTo(request.position);
      owner_.WaitForPause(connection);
      stopped = &connection;
      continue;
    }
    if (request.command == nullptr && IsHttp(words_.words[request.first_word])) {
      owner_.HttpCame(connection);
      continue;
    }
    std::unique_ptr<SlicedWork> work =
        dispatcher_.Execute(connection, request.command, WordsOf(request), now_ms);
    if (work != nullptr) owner_.RunInSlices(connection, std::move(work));
    if (auto blocked = dispatcher_.TakeBlocked()) owner_.Block(connection, std::move(blocked));
    connection.CheckHeldUp();
  }
  dispatcher_.StopTiming();
  group_size_ = 0;
  words_.Clear();
  if (words_.words.capacity() > kKeptWords) std::vector<std::string_view>().swap(words_.words);
}

}  // namespace ampt
