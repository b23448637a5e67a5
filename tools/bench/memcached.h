// memcached's meta commands: mg, ms and ma.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tools/bench/protocol.h"

namespace ampt::bench {

void AppendMetaGet(std::string* out, std::string_view key);
void AppendMetaSet(std::string* out, std::string_view key, std::string_view value);
// Adds 1 and asks for the sum.
void AppendMetaIncrement(std::string* out, std::string_view key);

class MemcachedReplyCounter final : public LineReplyCounter {
 private:
  bool TakeLine(std::string_view line) override;
  bool EndBody() override { return true; }
};

}  // namespace ampt::bench
