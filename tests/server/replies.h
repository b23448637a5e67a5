// Requests and replies as text: redis-cli's way to write words, and to show what comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ampt::test {

using Words = std::vector<std::string>;

// Splits a line as redis-cli does: words, "text with \x00 \n \" escapes", 'literal text'.
// nullopt: the quotes do not match.
std::optional<Words> SplitWords(std::string_view line);

// Replaces every %{x*n} by n times x: `SET %{k*257} v`.
std::string ExpandRepeats(std::string_view text);

// The bytes of a request.
std::string Encode(const Words& words);

// A reply. `type` is the first byte of its RESP form, '_' for every null; `text` what a scalar
// holds; of a map the elements are names and values in turn.
struct Value {
  char type = '_';
  std::string text;
  std::vector<Value> elements;

  bool is_error() const { return type == '-'; }
  int64_t integer() const;  // 0 if it is none
};

// As redis-cli prints it to a terminal, without the last line end:
// "text"  OK  (integer) 1  (nil)  (empty array)  1) …  1# "name" => …  (double) 1.5  (true)
std::string Render(const Value& value);

// A text in double quotes, with redis-cli's escapes.
std::string Quoted(std::string_view text);

enum class Taken : uint8_t { kReply, kIncomplete, kBroken };
// Reads the reply that begins at `*at`. After kReply `*at` is its end; else `*at` and `*value` are
// unspecified.
Taken TakeReply(std::string_view bytes, size_t* at, Value* value);

}  // namespace ampt::test
