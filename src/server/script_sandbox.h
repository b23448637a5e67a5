// Sandbox: the Lua world that scripts live in.
//
// It offers what Redis 7 offers: the libraries string, table, math, coroutine, bit and cjson and
// the base functions that reach neither files nor bytecode. Nothing a script does outlives it:
// globals and libraries cannot be changed. Memory is bounded.
//
// Lua reports errors with longjmp, which skips C++ destructors. So a function called by Lua raises
// only where no C++ object is alive, and whatever works on the Lua stack outside of a protected
// call does it under Unbounded, so that running out of memory cannot raise there.
#pragma once

#include <cstddef>
#include <memory>

#include <lua.hpp>

namespace ampt {

class Sandbox {
 public:
  // What all scripts together may hold.
  static constexpr size_t kMostBytes = size_t{256} << 20;

  Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  lua_State* lua() const { return lua_.get(); }
  size_t allocated_bytes() const { return memory_.bytes; }

  // lua_pcall() with memory bounded, whatever Unbounded there is.
  int CallBounded(int arguments, int results, int handler);

  // From here to the next CallBounded() no error is caught by a script: the first one ends it.
  void Stop() { is_stopping_ = true; }

  // Makes the table on top of the stack a library that scripts can read as the global `name`, and
  // pops it.
  void AddLibrary(const char* name);
  // Sets the global `name` to the value on top of the stack and pops it.
  void SetGlobal(const char* name);

 private:
  friend class Unbounded;
  struct Memory {
    size_t bytes = 0;
    int unbounded = 0;  // how many Unbounded there are
  };
  struct Close {
    void operator()(lua_State* lua) const { lua_close(lua); }
  };

  static void* Allocate(void* memory, void* block, size_t old_bytes, size_t new_bytes);

  Memory memory_;
  bool is_stopping_ = false;
  std::unique_ptr<lua_State, Close> lua_;
};

// While one lives, allocations do not fail.
class Unbounded {
 public:
  explicit Unbounded(Sandbox& sandbox) : memory_(sandbox.memory_) { ++memory_.unbounded; }
  ~Unbounded() { --memory_.unbounded; }
  Unbounded(const Unbounded&) = delete;
  Unbounded& operator=(const Unbounded&) = delete;

 private:
  Sandbox::Memory& memory_;
};

}  // namespace ampt
