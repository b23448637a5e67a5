// What an ordered index compares: the text of an item in that index.
//
// A text is a byte string that need not lie in one piece. Its order is memcmp's (a proper prefix
// comes first). Indexes keep four bytes of it, its head, beside each item, so that most comparisons
// touch no item at all.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "model/item.h"

namespace ampt {

inline size_t MismatchOf(std::string_view a, std::string_view b, size_t from) {
  const size_t end = std::min(a.size(), b.size());
  size_t i = from;
  for (; i + 8 <= end; i += 8) {
    uint64_t x, y;
    std::memcpy(&x, a.data() + i, 8);
    std::memcpy(&y, b.data() + i, 8);
    if (x != y) return i + static_cast<size_t>(__builtin_ctzll(x ^ y)) / 8;
  }
  while (i < end && a[i] == b[i]) ++i;
  return i;
}

// A text in one piece.
class WholeText {
 public:
  explicit WholeText(std::string_view text) : text_(text) {}

  uint32_t Head(size_t offset) const { return LoadHead(text_.data(), text_.size(), offset); }
  // The first position from `from` on where the two differ or the shorter ends.
  size_t Mismatch(std::string_view probe, size_t from) const {
    return MismatchOf(text_, probe, from);
  }
  // < 0 where this text comes before `probe`. REQUIRES: the first `from` bytes agree.
  int Compare(std::string_view probe, size_t from) const {
    return text_.substr(from).compare(probe.substr(from));
  }
  std::string_view Flat(std::string* /*scratch*/) const { return text_; }

 private:
  std::string_view text_;
};

// Two pieces with a zero byte between them. REQUIRES: no first piece is another's prefix followed
// by a byte below 2 (labels are encoded so, deadlines have one size).
class PairText {
 public:
  PairText(std::string_view first, std::string_view second) : first_(first), second_(second) {}

  uint32_t Head(size_t offset) const {
    if (offset + 4 <= first_.size()) return LoadHead(first_.data(), first_.size(), offset);
    if (offset > first_.size()) {
      return LoadHead(second_.data(), second_.size(), offset - first_.size() - 1);
    }
    uint32_t head = 0;
    for (size_t i = offset; i < offset + 4; ++i) head = head << 8 | ByteAt(i);
    return head;
  }
  size_t Mismatch(std::string_view probe, size_t from) const {
    size_t at = from;
    if (at < first_.size()) {
      at = MismatchOf(first_, probe, at);
      if (at < first_.size()) return at;
    }
    if (at == first_.size()) {
      if (at >= probe.size() || probe[at] != '\0') return at;
      ++at;
    }
    const size_t skip = first_.size() + 1;
    return skip + MismatchOf(second_, probe.substr(skip), at - skip);
  }
  int Compare(std::string_view probe, size_t from) const {
    const size_t at = Mismatch(probe, from);
    const bool ends = at >= first_.size() + 1 + second_.size();
    if (at >= probe.size()) return ends ? 0 : 1;
    if (ends) return -1;
    return static_cast<int>(ByteAt(at)) - static_cast<int>(static_cast<uint8_t>(probe[at]));
  }
  std::string_view Flat(std::string* scratch) const {
    scratch->assign(first_).append(1, '\0').append(second_);
    return *scratch;
  }

 private:
  uint8_t ByteAt(size_t i) const {
    if (i < first_.size()) return static_cast<uint8_t>(first_[i]);
    if (i == first_.size()) return 0;
    i -= first_.size() + 1;
    return i < second_.size() ? static_cast<uint8_t>(second_[i]) : 0;
  }
  std::string_view first_;
  std::string_view second_;
};

// The index of all items by key.
struct ByKey {
  WholeText TextOf(const Item& item) const { return WholeText(item.key()); }
};

// One label's index: by (label, key).
struct ByLabel {
  int label = 0;  // 0 to 4
  PairText TextOf(const Item& item) const { return PairText(item.label(label), item.key()); }
};

// A deadline as eight bytes that sort like the number.
struct DeadlineBytes {
  explicit DeadlineBytes(TimeMs deadline_ms) {
    const uint64_t word = __builtin_bswap64(static_cast<uint64_t>(deadline_ms) ^ (1ull << 63));
    std::memcpy(bytes, &word, sizeof bytes);
  }
  char bytes[8];
};

// The index of items with a deadline: by (deadline, key).
struct ByDeadline {
  class Text : private DeadlineBytes, public PairText {
   public:
    explicit Text(const Item& item)
        : DeadlineBytes(item.deadline_ms()),
          PairText(std::string_view(bytes, sizeof bytes), item.key()) {}
    Text(const Text&) = delete;
  };
  Text TextOf(const Item& item) const { return Text(item); }
};

}  // namespace ampt
