#include "server/script_values.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace ampt {
namespace {

// How deep tables may lie in each other to be answered.
constexpr int kMostDepth = 1000;
// What a value of any kind takes at least, written out.
constexpr size_t kValueBytes = 16;
// What a script may answer: as much as the longest string.
constexpr size_t kMostReplyBytes = size_t{512} << 20;

std::string_view TextAt(lua_State* lua, int index) {
  size_t bytes = 0;
  const char* text = lua_tolstring(lua, index, &bytes);
  return {text, bytes};
}

bool TakeFromBudget(lua_State* lua, int index, int depth, size_t* left) {
  const size_t bytes = lua_type(lua, index) == LUA_TSTRING ? lua_objlen(lua, index) : 0;
  if (*left < bytes + kValueBytes) return false;
  *left -= bytes + kValueBytes;
  if (lua_istable(lua, index) == 0) return true;
  // Whoever writes it out has a limit of its own for depth.
  if (depth == kMostDepth + 1 || lua_checkstack(lua, 3) == 0) return true;
  lua_pushvalue(lua, index);
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    if (!TakeFromBudget(lua, lua_gettop(lua) - 1, depth + 1, left) ||
        !TakeFromBudget(lua, lua_gettop(lua), depth + 1, left)) {
      lua_pop(lua, 3);
      return false;
    }
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  return true;
}

// Whether tables lie too deep in the one on top.
bool IsTooDeep(lua_State* lua, int depth) {
  if (lua_istable(lua, -1) == 0) return false;
  if (depth == kMostDepth || lua_checkstack(lua, 4) == 0) return true;
  bool is_too_deep = false;
  lua_pushnil(lua);
  while (!is_too_deep && lua_next(lua, -2) != 0) {
    is_too_deep = IsTooDeep(lua, depth + 1);
    lua_pop(lua, 1);
  }
  if (is_too_deep) lua_pop(lua, 1);  // the name
  return is_too_deep;
}

int64_t TruncatedInteger(double value) {
  // As the conversion of C does it on this machine, without being undefined.
  constexpr double kLimit = 9223372036854775808.0;
  if (!(value >= -kLimit && value < kLimit)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

class ValueWriter {
 public:
  ValueWriter(lua_State* lua, int resp, Reply& reply) : lua_(lua), resp_(resp), reply_(reply) {}

  // Answers with the value on top and pops it.
  void Write() {
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        reply_.Bulk(TextAt(lua_, -1));
        break;
      case LUA_TBOOLEAN:
        WriteBoolean(lua_toboolean(lua_, -1) != 0);
        break;
      case LUA_TNUMBER:
        reply_.Integer(TruncatedInteger(lua_tonumber(lua_, -1)));
        break;
      case LUA_TTABLE:
        WriteTable();
        break;
      default:
        reply_.Null();
    }
    lua_pop(lua_, 1);
  }

 private:
  // Pushes a field of the table on top; false (and nothing pushed) if it has another type.
  bool PushField(const char* name, int type) {
    lua_pushstring(lua_, name);
    lua_rawget(lua_, -2);
    if (lua_type(lua_, -1) == type) return true;
    lua_pop(lua_, 1);
    return false;
  }

  void WriteBoolean(bool value) {
    if (resp_ == 3) {
      reply_.Boolean(value);
    } else if (value) {
      reply_.Integer(1);
    } else {
      reply_.Null();
    }
  }

  void WriteTable() {
    if (PushField("err", LUA_TSTRING)) {
      reply_.Error(TextAt(lua_, -1));
    } else if (PushField("ok", LUA_TSTRING)) {
      reply_.Simple(TextAt(lua_, -1));
    } else if (PushField("double", LUA_TNUMBER)) {
      reply_.Double(lua_tonumber(lua_, -1));
    } else if (PushField("map", LUA_TTABLE)) {
      reply_.Map(CountFields());
      ForEach([&] {
        lua_pushvalue(lua_, -2);
        Write();
        lua_pushvalue(lua_, -1);
        Write();
      });
    } else if (PushField("set", LUA_TTABLE)) {
      reply_.Set(CountFields());
      ForEach([&] {
        lua_pushvalue(lua_, -2);
        Write();
      });
    } else if (PushField("big_number", LUA_TSTRING)) {
      reply_.Bulk(TextAt(lua_, -1));
    } else if (PushField("verbatim_string", LUA_TTABLE)) {
      if (PushField("string", LUA_TSTRING)) {
        reply_.Verbatim(TextAt(lua_, -1));
        lua_pop(lua_, 1);
      } else {
        reply_.Null();
      }
    } else {
      WriteArray();
      return;
    }
    lua_pop(lua_, 1);
  }

  void WriteArray() {
    int size = 0;
    while (true) {
      lua_rawgeti(lua_, -1, size + 1);
      const bool is_end = lua_isnil(lua_, -1);
      lua_pop(lua_, 1);
      if (is_end) break;
      ++size;
    }
    reply_.Array(static_cast<size_t>(size));
    for (int i = 1; i <= size; ++i) {
      lua_rawgeti(lua_, -1, i);
      Write();
    }
  }

  template <typename Function>
  void ForEach(Function function) {
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      function();
      lua_pop(lua_, 1);
    }
  }
  size_t CountFields() {
    size_t fields = 0;
    ForEach([&] { ++fields; });
    return fields;
  }

  lua_State* lua_;
  int resp_;
  Reply& reply_;
};

}  // namespace

// --- ScriptReply
// ----------------------------------------------------------------------------------

void ScriptReply::PushField(const char* name, std::string_view text) {
  lua_pushlstring(lua_, text.data(), text.size());
  lua_setfield(lua_, -2, name);
}

void ScriptReply::Simple(std::string_view text) {
  lua_createtable(lua_, 0, 1);
  PushField("ok", text);
  Place();
}

void ScriptReply::Error(std::string_view text) {
  ++errors_;
  error_code_ = text.substr(0, text.find(' '));
  is_error_ = open_.empty();
  PushError(lua_, text);
  Place();
}

void ScriptReply::Integer(int64_t value) {
  lua_pushnumber(lua_, static_cast<double>(value));
  Place();
}

void ScriptReply::Bulk(std::string_view bytes) {
  lua_pushlstring(lua_, bytes.data(), bytes.size());
  Place();
}

void ScriptReply::CloseBulk() {
  Bulk(bulk_);
  bulk_.clear();
}

void ScriptReply::Null() {
  if (is_resp3_) {
    lua_pushnil(lua_);
  } else {
    lua_pushboolean(lua_, 0);
  }
  Place();
}

void ScriptReply::Double(double value) {
  if (is_resp3_) {
    lua_createtable(lua_, 0, 1);
    lua_pushnumber(lua_, value);
    lua_setfield(lua_, -2, "double");
  } else {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", value);
    lua_pushstring(lua_, text);
  }
  Place();
}

void ScriptReply::Boolean(bool value) {
  if (is_resp3_) {
    lua_pushboolean(lua_, value ? 1 : 0);
  } else {
    lua_pushnumber(lua_, value ? 1 : 0);
  }
  Place();
}

void ScriptReply::Verbatim(std::string_view text) {
  if (!is_resp3_) return Bulk(text);
  lua_createtable(lua_, 0, 1);
  lua_createtable(lua_, 0, 2);
  PushField("string", text);
  PushField("format", "txt");
  lua_setfield(lua_, -2, "verbatim_string");
  Place();
}

void ScriptReply::Open(Kind kind, size_t n) {
  lua_checkstack(lua_, 8);
  if (kind != Kind::kArray) lua_createtable(lua_, 0, 1);
  lua_newtable(lua_);
  open_.push_back({kind, n, 0});
  CloseFull();
}

void ScriptReply::Place() {
  if (open_.empty()) {
    is_complete_ = true;
    return;
  }
  Container& container = open_.back();
  --container.left;
  ++container.filled;
  if (container.kind == Kind::kArray) {
    lua_rawseti(lua_, -2, container.filled);
  } else {
    const bool is_name = container.kind == Kind::kSet || container.filled % 2 == 1;
    // No field of a table has nil for its name.
    if (is_name && lua_isnil(lua_, -1)) {
      lua_pop(lua_, 1);
      lua_pushboolean(lua_, 0);
    }
    if (container.kind == Kind::kSet) lua_pushboolean(lua_, 1);
    if (container.kind == Kind::kSet || !is_name) lua_rawset(lua_, -3);
  }
  CloseFull();
}

void ScriptReply::CloseFull() {
  if (open_.empty() || open_.back().left > 0) return;
  const Kind kind = open_.back().kind;
  open_.pop_back();
  if (kind != Kind::kArray) lua_setfield(lua_, -2, kind == Kind::kMap ? "map" : "set");
  Place();
}

// --- functions
// ------------------------------------------------------------------------------------

void PushError(lua_State* lua, std::string_view text_with_code) {
  lua_createtable(lua, 0, 1);
  lua_pushlstring(lua, text_with_code.data(), text_with_code.size());
  lua_setfield(lua, -2, "err");
}

bool FitsBudget(lua_State* lua, int index, size_t most_bytes) {
  return TakeFromBudget(lua, index, 0, &most_bytes);
}

void ReplyWithValue(lua_State* lua, int resp, Reply& reply) {
  if (!FitsBudget(lua, lua_gettop(lua), kMostReplyBytes)) {
    return reply.Error("ERR the script's reply would be longer than 512 MiB");
  }
  if (IsTooDeep(lua, 0)) return reply.Error("ERR reached lua stack limit");
  lua_checkstack(lua, 6 * kMostDepth);
  lua_pushvalue(lua, -1);
  ValueWriter(lua, resp, reply).Write();
}

}  // namespace ampt
