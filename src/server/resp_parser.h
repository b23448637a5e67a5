// RespParser: from bytes to the words of commands, without I/O.
//
// One parser for clients, for the replay of logs and for tools. It understands RESP arrays of bulk
// strings and inline commands (one line, quotes and escapes as in Redis). Words are views into the
// caller's bytes: nothing is copied but inline words with quotes.
//
// It can stop at every byte and go on when more has come. Of an unfinished command the caller keeps
// what was taken where it lies, as words are views of it; only what was not taken must lie in one
// piece. So a command of many words may lie in many blocks. Cost over the whole command: linear in
// its bytes, however they are cut; no allocation for what comes in one piece. An announced length
// allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace ampt {

// Where parsed words are put: those of many commands, one behind the other. Reused, so that a loop
// turn allocates nothing.
struct RespWords {
  std::vector<std::string_view> words;
  std::deque<std::string>
      unquoted;  // what words with quotes mean; a deque, so that views stay good

  void Clear() {
    words.clear();
    if (!unquoted.empty()) unquoted.clear();
  }
};

struct RespLimits {
  size_t bulk_bytes = limits::kMaxBulkBytesDefault;  // `proto-max-bulk-len`
  // A client that has not said its password yet gets little memory.
  bool authenticated = true;
};

class RespParser {
 public:
  enum class Result : uint8_t {
    kCommand,  // words were appended (none: an empty line or array); consumed() bytes were taken
    kMore,     // consumed() bytes were taken and stay; call again with what is behind these and
               // more of it, at least wanted() bytes in all
    kError,    // the stream makes no sense from here on: answer error() and close
  };

  // `input` begins with the first byte of a command, or where the bytes taken end. Words are
  // appended to `out` only when the command is complete.
  Result Next(std::string_view input, const RespLimits& limits, RespWords* out);

  // After kCommand and kMore: how many bytes of `input` were taken.
  size_t consumed() const { return consumed_; }
  // After kMore: how many bytes behind these are needed at least.
  size_t wanted() const { return wanted_; }
  // After kError: "Protocol error: …", as Redis says it.
  const std::string& error() const { return error_; }
  // Words of an unfinished command.
  size_t unfinished_words() const { return unfinished_.size(); }
  // Bytes kept for them; room that nothing was written to yet takes no memory.
  size_t allocated_bytes() const { return unfinished_.size() * sizeof(std::string_view); }

  // Forgets an unfinished command: the next call begins at the first byte of one.
  void Reset();

 private:
  Result NextCommand(std::string_view input, const RespLimits& limits, RespWords* out);
  Result NextInline(std::string_view input, RespWords* out);
  // The bulk strings from offset `at` of `input` on, of which `items` are to come.
  Result NextBulks(std::string_view input, size_t at, int64_t items, const RespLimits& limits,
                   RespWords* out);
  // How far a command got that did not come in one piece.
  struct Progress {
    size_t consumed;
    size_t wanted;
    int64_t items_left;
    int64_t bulk_bytes;
  };
  // Takes its words along to the next call.
  Result Suspend(const Progress& progress, size_t first_word, RespWords* out);
  Result Done(size_t consumed);
  Result Fail(std::string_view what);

  // Of the unfinished command: what is read of it, and what is to come.
  size_t searched_ = 0;      // bytes of an inline command without the end of its line
  int64_t items_left_ = 0;   // bulk strings to come
  int64_t bulk_bytes_ = -1;  // announced length of the current one, -1 before its header
  bool has_unfinished_ = false;
  std::vector<std::string_view> unfinished_;

  size_t consumed_ = 0;
  size_t wanted_ = 0;
  std::string error_;
};

}  // namespace ampt
