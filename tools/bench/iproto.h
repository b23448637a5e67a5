// Tarantool's binary protocol: requests in MessagePack behind their length, and the Lua program
// that makes a tarantool hold what this benchmark stores.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "tools/bench/protocol.h"

namespace ampt::bench {

// Tables of tarantool and their fields.
enum class Space : uint64_t {
  kPairs = 512,    // key, value; a tree by key
  kRecords = 513,  // key, value, label1, label2; a tree by key and one by each label
};
enum class SpaceIndex : uint64_t { kKey = 0, kLabel1 = 1, kLabel2 = 2 };
enum class Walk : uint64_t { kEqual = 0, kFrom = 5 };

void AppendIprotoPing(std::string* out);
// Up to `limit` tuples: those whose field equals `text`, or all from there in the index's order.
void AppendSelect(std::string* out, Space space, SpaceIndex index, Walk walk, std::string_view text,
                  uint64_t limit);
// The tuple of these fields in place of what has the same key.
void AppendReplace(std::string* out, Space space, std::initializer_list<std::string_view> fields);
// The pair of a key and a number.
void AppendReplaceNumber(std::string* out, std::string_view key, uint64_t number);
// Adds 1 to the number of a pair.
void AppendIncrement(std::string* out, std::string_view key);

// A program for tarantool: memtx, no log, both spaces; {port} and {dir} to be replaced. It listens
// once all is there.
extern const std::string_view kTarantoolProgram;

class IprotoReplyCounter final : public ReplyCounter {
 public:
  size_t Feed(std::string_view bytes) override;

 private:
  uint64_t ReplyBytes() const;
  size_t HeadBytes() const;
  void CheckHead() const;

  std::string head_;     // the first bytes of a reply, with its length, that are to be looked at
  uint64_t left_ = 128;  // to pass: of the greeting, then of a reply behind its head
  bool is_greeting_ = true;  // whether that is what passes
};

}  // namespace ampt::bench
