// The words of a long request, worked off in slices.
//
// Work that does so lets the host keep the words where they are (SlicedWork::keeps_words), so that
// nothing is copied, however many they are.
#pragma once

#include <algorithm>
#include <cstddef>

#include "commands/context.h"

namespace ampt {

// Takes the next ones away from `words`: up to `most`, fewer where they are long, one at least
// unless there are none.
inline Words TakeSlice(Words* words, size_t most) {
  constexpr size_t kBytes = 256 * 1024;
  most = std::min(most, words->size());
  size_t count = 0;
  for (size_t bytes = 0; count < most && bytes < kBytes; ++count) bytes += (*words)[count].size();
  const Words taken = words->first(count);
  *words = words->subspan(count);
  return taken;
}

}  // namespace ampt
