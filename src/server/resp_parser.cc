#include "server/resp_parser.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>
#include <utility>

#include "base/bytes.h"

namespace ampt {
namespace {

// Words of an unfinished command that are kept allocated between commands.
constexpr size_t kKeptWords = 64;
// From so many on there is room for this many times as many, to copy less: a fifteenth of what is
// there in all. Room takes no memory before it is written to.
constexpr size_t kManyWords = 1024;
constexpr size_t kGrowth = 16;

enum class Line : uint8_t { kGood, kMore, kBad, kTooLong };

// Reads "<integer>\r\n" at `at`; `*at` moves behind it.
[[gnu::noinline]] Line ReadAnyLength(std::string_view input, size_t* at, int64_t* value) {
  const char* const begin = input.data() + *at;
  const char* const end = input.data() + input.size();
  const char* p = begin;
  int64_t number = 0;
  while (p < end && p - begin < 9 && *p >= '0' && *p <= '9') number = number * 10 + (*p++ - '0');
  if (end - p >= 2 && *p == '\r' && p != begin && (*begin != '0' || p - begin == 1)) {
    *value = number;
    *at += static_cast<size_t>(p - begin) + 2;
    return Line::kGood;
  }
  const size_t left = static_cast<size_t>(end - begin);
  const void* found = left > 0 ? std::memchr(begin, '\r', left) : nullptr;
  if (found == nullptr) return left > limits::kInlineBytes ? Line::kTooLong : Line::kMore;
  const size_t size = static_cast<size_t>(static_cast<const char*>(found) - begin);
  const std::optional<int64_t> parsed = ParseInteger({begin, size});
  if (!parsed) return Line::kBad;
  if (left < size + 2) return Line::kMore;
  *value = *parsed;
  *at += size + 2;
  return Line::kGood;
}

// The same, for nearly all of them: one or two digits.
inline Line ReadLength(std::string_view input, size_t* at, int64_t* value) {
  if (input.size() - *at < 4) return ReadAnyLength(input, at, value);
  const char* const begin = input.data() + *at;
  const unsigned first = static_cast<unsigned char>(begin[0]) - unsigned{'0'};
  if (first <= 9 && begin[1] == '\r') {
    *value = first;
    *at += 3;
    return Line::kGood;
  }
  const unsigned second = static_cast<unsigned char>(begin[1]) - unsigned{'0'};
  if (first >= 1 && first <= 9 && second <= 9 && begin[2] == '\r') {
    *value = 10 * first + second;
    *at += 4;
    return Line::kGood;
  }
  return ReadAnyLength(input, at, value);
}

bool IsSpace(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads "…" with its escapes behind the opening quote at `*at`, and the closing quote, behind which
// a word must end.
bool ReadDoubleQuoted(std::string_view line, size_t* at, std::string* word) {
  size_t i = *at;
  while (i < line.size() && line[i] != '"') {
    if (line[i] != '\\' || i + 1 == line.size()) {
      word->push_back(line[i++]);
      continue;
    }
    const char escaped = line[i + 1];
    if (escaped == 'x' && i + 3 < line.size() && HexDigit(line[i + 2]) >= 0 &&
        HexDigit(line[i + 3]) >= 0) {
      word->push_back(static_cast<char>(HexDigit(line[i + 2]) * 16 + HexDigit(line[i + 3])));
      i += 4;
      continue;
    }
    switch (escaped) {
      case 'n':
        word->push_back('\n');
        break;
      case 'r':
        word->push_back('\r');
        break;
      case 't':
        word->push_back('\t');
        break;
      case 'b':
        word->push_back('\b');
        break;
      case 'a':
        word->push_back('\a');
        break;
      default:
        word->push_back(escaped);
        break;
    }
    i += 2;
  }
  *at = i + 1;
  return i < line.size() && (i + 1 == line.size() || IsSpace(line[i + 1]));
}

// The same for '…', where only \' is an escape.
bool ReadSingleQuoted(std::string_view line, size_t* at, std::string* word) {
  size_t i = *at;
  while (i < line.size() && line[i] != '\'') {
    if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '\'') ++i;
    word->push_back(line[i++]);
  }
  *at = i + 1;
  return i < line.size() && (i + 1 == line.size() || IsSpace(line[i + 1]));
}

// Splits a line into words. False: a quote is not closed, or something follows a closing one.
bool SplitLine(std::string_view line, RespWords* out) {
  size_t i = 0;
  for (;;) {
    while (i < line.size() && IsSpace(line[i])) ++i;
    if (i == line.size()) return true;
    const size_t begin = i;
    while (i < line.size() && !IsSpace(line[i]) && line[i] != '"' && line[i] != '\'') ++i;
    if (i == line.size() || IsSpace(line[i])) {
      out->words.push_back(line.substr(begin, i - begin));
      continue;
    }
    std::string& word = out->unquoted.emplace_back(line.substr(begin, i - begin));
    while (i < line.size() && !IsSpace(line[i])) {
      const char c = line[i++];
      if (c == '"') {
        if (!ReadDoubleQuoted(line, &i, &word)) return false;
      } else if (c == '\'') {
        if (!ReadSingleQuoted(line, &i, &word)) return false;
      } else {
        word.push_back(c);
      }
    }
    out->words.push_back(word);
  }
}

}  // namespace

RespParser::Result RespParser::Next(std::string_view input, const RespLimits& limits,
                                    RespWords* out) {
  const size_t first_word = out->words.size();
  const Result result = NextCommand(input, limits, out);
  if (result == Result::kError) out->words.resize(first_word);
  return result;
}

RespParser::Result RespParser::NextCommand(std::string_view input, const RespLimits& limits,
                                           RespWords* out) {
  if (has_unfinished_) return NextBulks(input, 0, items_left_, limits, out);
  consumed_ = 0;
  if (input.empty()) {
    wanted_ = 1;
    return Result::kMore;
  }
  if (input[0] != '*') return NextInline(input, out);

  size_t at = 1;
  int64_t items = 0;
  switch (ReadLength(input, &at, &items)) {
    case Line::kMore:
      wanted_ = input.size() + 1;
      return Result::kMore;
    case Line::kTooLong:
      return Fail("too big mbulk count string");
    case Line::kBad:
      return Fail("invalid multibulk length");
    case Line::kGood:
      break;
  }
  if (items > limits::kMultibulkItems) return Fail("invalid multibulk length");
  if (items > limits::kMultibulkItemsUnauthenticated && !limits.authenticated) {
    return Fail("unauthenticated multibulk length");
  }
  return NextBulks(input, at, items, limits, out);
}

RespParser::Result RespParser::NextBulks(std::string_view input, size_t at, int64_t items,
                                         const RespLimits& limits, RespWords* out) {
  const bool resumed = has_unfinished_;
  std::vector<std::string_view>& words = resumed ? unfinished_ : out->words;
  const size_t first_word = words.size();

  for (int64_t bytes = std::exchange(bulk_bytes_, -1); items > 0; --items, bytes = -1) {
    if (bytes < 0) {
      if (at == input.size()) return Suspend({at, 1, items, -1}, first_word, out);
      if (input[at] != '$') {
        return Fail(std::string("expected '$', got '") + input[at] + "'");
      }
      size_t behind = at + 1;
      const Line line = ReadLength(input, &behind, &bytes);
      if (line == Line::kMore) {
        return Suspend({at, input.size() - at + 1, items, -1}, first_word, out);
      }
      if (line == Line::kTooLong) return Fail("too big bulk count string");
      if (line == Line::kBad || bytes < 0 || static_cast<size_t>(bytes) > limits.bulk_bytes) {
        return Fail("invalid bulk length");
      }
      if (bytes > limits::kBulkBytesUnauthenticated && !limits.authenticated) {
        return Fail("unauthenticated bulk length");
      }
      at = behind;
    }
    const auto size = static_cast<size_t>(bytes);
    if (input.size() - at < size + 2) {
      return Suspend({at, size + 2, items, bytes}, first_word, out);
    }
    words.emplace_back(input.data() + at, size);
    at += size + 2;
  }
  if (resumed && out->words.empty()) {
    out->words.swap(unfinished_);  // no copy of a million views
  } else if (resumed) {
    out->words.insert(out->words.end(), unfinished_.begin(), unfinished_.end());
  }
  return Done(at);
}

RespParser::Result RespParser::NextInline(std::string_view input, RespWords* out) {
  const void* found = std::memchr(input.data() + searched_, '\n', input.size() - searched_);
  if (found == nullptr) {
    if (input.size() > limits::kInlineBytes) return Fail("too big inline request");
    searched_ = input.size();
    wanted_ = input.size() + 1;
    return Result::kMore;
  }
  size_t size = static_cast<size_t>(static_cast<const char*>(found) - input.data());
  const size_t consumed = size + 1;
  if (size > limits::kInlineBytes) return Fail("too big inline request");
  if (size > 0 && input[size - 1] == '\r') --size;
  if (!SplitLine(input.substr(0, size), out)) return Fail("unbalanced quotes in request");
  return Done(consumed);
}

RespParser::Result RespParser::Suspend(const Progress& progress, size_t first_word,
                                       RespWords* out) {
  if (!std::exchange(has_unfinished_, true)) {
    const auto begin = out->words.begin() + static_cast<std::ptrdiff_t>(first_word);
    unfinished_.assign(begin, out->words.end());
    out->words.resize(first_word);
  }
  const size_t words = unfinished_.size();
  const size_t room = unfinished_.capacity() - words;
  const size_t to_come = static_cast<size_t>(progress.items_left);
  if (words >= kManyWords && room < std::min(to_come, words)) {
    unfinished_.reserve(words + std::min(to_come, (kGrowth - 1) * words));
  }
  consumed_ = progress.consumed;
  wanted_ = progress.wanted;
  items_left_ = progress.items_left;
  bulk_bytes_ = progress.bulk_bytes;
  return Result::kMore;
}

void RespParser::Reset() {
  wanted_ = 0;
  searched_ = 0;
  items_left_ = 0;
  bulk_bytes_ = -1;
  has_unfinished_ = false;
  unfinished_.clear();
  if (unfinished_.capacity() > kKeptWords) std::vector<std::string_view>().swap(unfinished_);
}

RespParser::Result RespParser::Done(size_t consumed) {
  consumed_ = consumed;
  wanted_ = 0;
  searched_ = 0;
  if (has_unfinished_) Reset();
  return Result::kCommand;
}

RespParser::Result RespParser::Fail(std::string_view what) {
  error_.assign("Protocol error: ").append(what);
  Reset();
  return Result::kError;
}

}  // namespace ampt
