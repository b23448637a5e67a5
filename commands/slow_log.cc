#include "commands/slow_log.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace ampt {
namespace {

// As Redis, kMostSlowLogWords too.
constexpr size_t kMostWordBytes = 128;

std::string More(size_t count, std::string_view of_what) {
  return std::string("... (")
      .append(IntegerText(static_cast<int64_t>(count)))
      .append(" more ")
      .append(of_what)
      .append(")");
}

}  // namespace

std::vector<std::string> Shortened(std::span<const std::string_view> words, size_t total_words) {
  const bool is_cut = total_words > kMostSlowLogWords;
  const size_t kept = is_cut ? kMostSlowLogWords - 1 : total_words;
  std::vector<std::string> shortened;
  shortened.reserve(kept + 1);
  for (const std::string_view word : words.first(kept)) {
    shortened.emplace_back(word.substr(0, kMostWordBytes));
    if (word.size() > kMostWordBytes) {
      shortened.back() += More(word.size() - kMostWordBytes, "bytes");
    }
  }
  if (is_cut) shortened.push_back(More(total_words - kept, "arguments"));
  return shortened;
}

void SlowLog::set_capacity(size_t entries) {
  capacity_ = entries;
  if (entries_.size() > capacity_) entries_.resize(capacity_);
}

void SlowLog::Add(Entry entry) {
  entry.id = next_id_++;
  entries_.push_front(std::move(entry));
  if (entries_.size() > capacity_) entries_.pop_back();
}

}  // namespace ampt
