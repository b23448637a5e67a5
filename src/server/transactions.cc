#include "server/transactions.h"

#include <algorithm>
#include <cstring>

namespace ampt {
namespace {

// What a watched key takes beside its name: a node of the map, a watcher and a pointer to it.
constexpr size_t kWatchOverheadBytes = 128;

}  // namespace

// --- Watches
// --------------------------------------------------------------------------------------

void Watches::Changed(int database, ChangeKind kind, const Item& item, Origin origin) {
  const auto found = keys_.find(KeyView{database, item.key()});
  if (found == keys_.end()) return;
  const bool is_expiry = kind == ChangeKind::kDeleted && origin == Origin::kExpired;
  for (const Watcher& watcher : found->second) {
    // What was past its deadline when it was watched was not there then either.
    if (is_expiry && !watcher.existed) continue;
    watcher.transaction->is_spoilt_ = true;
  }
}

void Watches::WillFlush(int database) {
  for (const auto& [key, watchers] : keys_) {
    if (key.database != database) continue;
    // Whoever is not spoilt has seen no change: what existed then exists still.
    for (const Watcher& watcher : watchers) {
      if (watcher.existed) watcher.transaction->is_spoilt_ = true;
    }
  }
}

// --- Transaction
// ----------------------------------------------------------------------------------

void Transaction::Abort() {
  is_aborted_ = true;
  ForgetQueue();
}

void Transaction::Queue(const Command* command, Words words, uint32_t flags) {
  if (is_aborted_ || is_spoilt_) return;
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
  std::vector<Queued>().swap(queue_);
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
  if (is_spoilt_) return;
  auto found = watches_.keys_.find(Watches::KeyView{database, key});
  if (found == watches_.keys_.end()) {
    found = watches_.keys_.try_emplace({database, std::string(key)}).first;
  }
  std::vector<Watches::Watcher>& watchers = found->second;
  const bool is_watched =
      std::any_of(watchers.begin(), watchers.end(),
                  [this](const Watches::Watcher& watcher) { return watcher.transaction == this; });
  if (is_watched) return;
  watchers.push_back({this, item != nullptr});
  watched_.push_back(&*found);
  watched_bytes_ += key.size() + kWatchOverheadBytes;
  if (item != nullptr) first_deadline_ms_ = std::min(first_deadline_ms_, item->deadline_ms());
}

void Transaction::Unwatch() {
  for (auto* const watched : watched_) {
    std::vector<Watches::Watcher>& watchers = watched->second;
    std::erase_if(watchers,
                  [this](const Watches::Watcher& watcher) { return watcher.transaction == this; });
    if (watchers.empty()) watches_.keys_.erase(watches_.keys_.find(watched->first));
  }
  std::vector<Watches::Keys::value_type*>().swap(watched_);
  watched_bytes_ = 0;
  first_deadline_ms_ = kNoDeadline;
  is_spoilt_ = false;
}

}  // namespace ampt
