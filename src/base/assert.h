// AMPT_ASSERT: a broken invariant ends the process with its place and text, in every build.
//
// Only for what this code base itself promises; never for input. Cheap enough to stay in release
// builds; what is not cheap is in CheckInvariants() functions.
#pragma once

namespace ampt {
[[noreturn, gnu::cold]] void AssertFailed(const char* condition, const char* file, int line);
}  // namespace ampt

#define AMPT_ASSERT(condition)                                                                   \
  do {                                                                                           \
    if (__builtin_expect(!(condition), 0)) ::ampt::AssertFailed(#condition, __FILE__, __LINE__); \
  } while (0)
