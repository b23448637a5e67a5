// PrefetchLine(): asks for a cache line before it is needed.
#pragma once

namespace ampt {

// Brings the line at `address` into the cache, for reading; the caller does not wait. Any address
// will do, also one that is not mapped.
inline void PrefetchLine(const void* address) {
  __builtin_prefetch(address);
  // GCC takes a function that does nothing but prefetch for one without effect, and drops calls of
  // it. This has none either, but GCC does not look inside.
  asm volatile("");
}

}  // namespace ampt
