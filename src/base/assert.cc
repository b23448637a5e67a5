#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace ampt {

void AssertFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "ampt-server: assertion failed: %s (%s:%d)\n", condition, file, line);
  std::fflush(stderr);
  std::abort();
}

}  // namespace ampt
