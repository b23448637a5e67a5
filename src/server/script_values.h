// What scripts and commands tell each other: replies as Lua values, Lua values as replies, by the
// rules of Redis 7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <lua.hpp>
#include "commands/reply.h"

namespace ampt {

// A Reply that becomes a value on top of a Lua stack. A script chooses between the types of RESP2
// and of RESP3 (redis.setresp). REQUIRES: allocations do not fail (see Sandbox).
class ScriptReply final : public Reply {
 public:
  // `resp`: 2 or 3.
  ScriptReply(lua_State* lua, int resp) : lua_(lua), is_resp3_(resp == 3) {}

  uint64_t errors() const { return errors_; }
  std::string_view error_code() const { return error_code_; }
  // Whether the reply is there, as one value on top of the stack.
  bool is_complete() const { return is_complete_; }
  // Whether the reply as a whole is an error.
  bool is_error() const { return is_error_; }

  using Reply::Error;
  void Simple(std::string_view text) override;
  void Error(std::string_view text) override;
  void Integer(int64_t value) override;
  void Bulk(std::string_view bytes) override;
  void Null() override;
  void NullArray() override { Null(); }
  void Double(double value) override;
  void Boolean(bool value) override;
  void Verbatim(std::string_view text) override;
  void Array(size_t n) override { Open(Kind::kArray, n); }
  void Map(size_t n) override { Open(is_resp3_ ? Kind::kMap : Kind::kArray, 2 * n); }
  void Set(size_t n) override { Open(is_resp3_ ? Kind::kSet : Kind::kArray, n); }
  void Push(size_t n) override { Open(Kind::kArray, n); }
  std::string* OpenBulk() override { return &bulk_; }
  void CloseBulk() override;

 private:
  enum class Kind : uint8_t { kArray, kMap, kSet };
  // A container that is being filled; its table, and of a map perhaps a name, are on the stack.
  struct Container {
    Kind kind;
    size_t left;
    int filled;
  };

  void Open(Kind kind, size_t n);
  // The value on top is complete: puts it into its container, and that into its own if it is full.
  void Place();
  // The same for a container that has got its last element.
  void CloseFull();
  void PushField(const char* name, std::string_view text);

  lua_State* lua_;
  bool is_resp3_;
  bool is_complete_ = false;
  bool is_error_ = false;
  uint64_t errors_ = 0;
  std::string error_code_;
  std::string bulk_;
  std::vector<Container> open_;
};

// Pushes {err = "ERR text"}.
void PushError(lua_State* lua, std::string_view text_with_code);

// Whether the value at `index`, written out with all that it contains as often as it contains it,
// takes no more than about `most_bytes`. Cost: no more than proportional to that.
bool FitsBudget(lua_State* lua, int index, size_t most_bytes);

// Answers with the value on top of the stack, which stays. `resp`: what the script has chosen, 2
// or 3.
void ReplyWithValue(lua_State* lua, int resp, Reply& reply);

}  // namespace ampt
