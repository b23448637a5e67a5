#include "server/transactions.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ampt {
namespace {

// What a watched key takes beside its name: a node of the map, a watcher and a pointer to it.
constexpr size_t kWatchOverheadBytes = 128;

}  // namespace

// --- Watches
// --------------------------------------------------------------------------------------

Watches::Watches(uint64_t hash_seed, Slices& slices)
    : hash_seed_(hash_seed), left_(slices, [this](std::unique_ptr<Watching>& left) {
        ForgetKey(*left);
        return left->keys.empty();
      }) {}

void Watches::Changed(int database, ChangeKind kind, const Item& item, Origin origin) {
  const auto at = static_cast<size_t>(database);
  const Keys::Node* const found = at < keys_.size() ? keys_[at].Find(item.key()) : nullptr;
  if (found == nullptr) return;
  const bool is_expiry = kind == ChangeKind::kDeleted && origin == Origin::kExpired;
  for (const Watcher& watcher : found->value.all) {
    // What was past its deadline when it was watched was not there then either.
    if (is_expiry && !watcher.existed) continue;
    watcher.watching->is_spoilt = true;
  }
}

void Watches::WillFlush(int database) {
  const auto at = static_cast<size_t>(database);
  if (at >= keys_.size()) return;
  keys_[at].ForEach([](const Keys::Node& key) {
    // Whoever is not spoilt has seen no change: what existed then exists still.
    for (const Watcher& watcher : key.value.all) {
      if (watcher.existed) watcher.watching->is_spoilt = true;
    }
  });
}

Watches::Keys::Node& Watches::FindOrAdd(int database, std::string_view key) {
  const auto at = static_cast<size_t>(database);
  while (keys_.size() <= at) keys_.emplace_back(hash_seed_);
  Keys::Node* node = keys_[at].Find(key);
  if (node == nullptr) {
    node = &keys_[at].Add(key);
    node->value.database = database;
    ++key_count_;
  }
  return *node;
}

void Watches::ForgetKey(Watching& watching) {
  Keys::Node& key = *watching.keys.back();
  watching.keys.pop_back();
  std::vector<Watcher>& watchers = key.value.all;
  std::erase_if(watchers, [&](const Watcher& watcher) { return watcher.watching == &watching; });
  if (!watchers.empty()) return;
  keys_[static_cast<size_t>(key.value.database)].Remove(key);
  --key_count_;
}

// --- Transaction
// ----------------------------------------------------------------------------------

void Transaction::Abort() {
  is_aborted_ = true;
  ForgetQueue();
}

void Transaction::Queue(const Command* command, Words words, uint32_t flags) {
  if (is_aborted_ || has_spoilt()) return;
  size_t bytes = 0;
  for (const std::string_view word : words) bytes += word.size();
  Queued queued{command, std::make_unique_for_overwrite<char[]>(bytes), {}};
  queued.words.reserve(words.size());
  char* to = queued.bytes.get();
  for (const std::string_view word : words) {
    std::copy_n(word.data(), word.size(), to);
    queued.words.emplace_back(to, word.size());
    to += word.size();
  }
  queue_.push_back(std::move(queued));
  queued_bytes_ += bytes + words.size() * sizeof(std::string_view) + sizeof(Queued);
  flags_ |= flags;
}

void Transaction::ForgetQueue() {
  if (queue_.size() > old_queues_.kFew) {
    const size_t size = queue_.size();
    old_queues_.Add(std::exchange(queue_, {}), size);
  } else {
    queue_.clear();
  }
  queued_bytes_ = 0;
  flags_ = 0;
}

void Transaction::Close() {
  ForgetQueue();
  Unwatch();
  is_open_ = false;
  is_aborted_ = false;
}

void Transaction::Watch(int database, std::string_view key, const Item* item) {
  if (has_spoilt()) return;
  if (watching_ == nullptr) watching_ = std::make_unique<Watches::Watching>();
  Watches::Keys::Node& node = watches_.FindOrAdd(database, key);
  std::vector<Watches::Watcher>& watchers = node.value.all;
  const bool is_watched = std::any_of(
      watchers.begin(), watchers.end(),
      [this](const Watches::Watcher& watcher) { return watcher.watching == watching_.get(); });
  if (is_watched) return;
  watchers.push_back({watching_.get(), item != nullptr});
  watching_->keys.push_back(&node);
  watching_->bytes += key.size() + kWatchOverheadBytes;
  if (item == nullptr) return;
  watching_->first_deadline_ms = std::min(watching_->first_deadline_ms, item->deadline_ms());
}

void Transaction::Unwatch() {
  if (watching_ == nullptr) return;
  const size_t count = watching_->keys.size();
  if (count > watches_.left_.kFew) return watches_.left_.Add(std::move(watching_), count);
  while (!watching_->keys.empty()) watches_.ForgetKey(*watching_);
  watching_.reset();
}

}  // namespace ampt
