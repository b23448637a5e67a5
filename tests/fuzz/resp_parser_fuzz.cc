// RespParser on any bytes: cut into pieces it must give the same requests and the same error as in
// one, from bytes of which those not taken lie somewhere else each time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "server/resp_parser.h"

namespace {

using ampt::RespParser;

struct Outcome {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

Outcome Feed(const char* data, size_t size, size_t piece, const ampt::RespLimits& limits) {
  RespParser parser;
  Outcome outcome;
  std::vector<std::unique_ptr<char[]>> blocks;  // of the command at work
  size_t begin = 0;
  for (size_t end = 0; end < size;) {
    end = std::min(size, end + piece);
    const size_t bytes = end - begin;
    char* const block = blocks.emplace_back(new char[bytes]).get();
    std::memcpy(block, data + begin, bytes);
    for (size_t at = 0;;) {
      ampt::RespWords words;
      const RespParser::Result result = parser.Next({block + at, bytes - at}, limits, &words);
      if (result == RespParser::Result::kError) {
        outcome.error = parser.error();
        return outcome;
      }
      if (parser.consumed() > bytes - at) std::abort();
      at += parser.consumed();
      if (result == RespParser::Result::kMore) {
        if (parser.wanted() <= bytes - at || !words.words.empty()) std::abort();
        begin += at;
        break;
      }
      outcome.requests.emplace_back(words.words.begin(), words.words.end());
      if (at == bytes) {
        blocks.clear();
        begin = end;
        break;
      }
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // The first byte picks the pieces, the second who asks.
  const size_t piece = 1 + data[0] % 16;
  const ampt::RespLimits limits{1 << 20, data[1] % 2 == 0};
  const char* stream = reinterpret_cast<const char*>(data) + 2;
  const Outcome whole = Feed(stream, size - 2, size, limits);
  if (Feed(stream, size - 2, piece, limits) != whole) std::abort();
  return 0;
}
