#include "server/script_sandbox.h"

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "server/script_values.h"

extern "C" {
int luaopen_cjson(lua_State* lua);
int luaopen_bit(lua_State* lua);
}

namespace ampt {
namespace {

// Keys of the registry.
constexpr const char* kGlobals = "ampt.globals";      // what scripts see as global variables
constexpr const char* kProtected = "ampt.protected";  // the tables that scripts must not change

// Lua matches a pattern by recursion, a level an item: this keeps it within any thread's stack.
constexpr size_t kMostPatternBytes = 16 * 1024;
// What cjson.encode() may make.
constexpr size_t kMostJsonBytes = size_t{64} << 20;

// Raises `text` without saying where, as a C function of Redis does.
int Raise(lua_State* lua, const char* text) {
  lua_pushstring(lua, text);
  return lua_error(lua);
}

int RaiseReadonly(lua_State* lua) {
  return luaL_error(lua, "Attempt to modify a readonly table");
}

int RaiseNoSuchGlobal(lua_State* lua) {
  const char* name = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : luaL_typename(lua, 2);
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'", name);
}

// --- functions in front of Lua's own, which is the first upvalue
// --------------------------------------

int CallOriginal(lua_State* lua) {
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

// For those that write into their first argument without asking its metatable.
int ChangeUnprotected(lua_State* lua) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kProtected);
  lua_pushvalue(lua, lua_gettop(lua) > 1 ? 1 : -1);
  lua_rawget(lua, -2);
  const bool is_protected = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 2);
  if (is_protected) return Raise(lua, "Attempt to modify a readonly table");
  return CallOriginal(lua);
}

int MatchShortPattern(lua_State* lua) {
  size_t bytes = 0;
  luaL_checklstring(lua, 2, &bytes);
  if (bytes > kMostPatternBytes) return luaL_error(lua, "pattern is longer than 16 KiB");
  return CallOriginal(lua);
}

// Its first upvalue is that of the original, which is the second: so the original, called as a
// plain function, finds what it needs and its errors name the script's line.
int EncodeLittle(lua_State* lua) {
  if (lua_gettop(lua) == 1 && !FitsBudget(lua, 1, kMostJsonBytes)) {
    return luaL_error(lua, "Cannot serialise: the text would be longer than 64 MiB");
  }
  return lua_tocfunction(lua, lua_upvalueindex(2))(lua);
}

// cjson.encode_keep_buffer() answers what is in force.
int KeepNoBuffer(lua_State* lua) {
  lua_pushboolean(lua, 0);
  return 1;
}

// loadstring() and load() for text only: bytecode can do anything to the process.
int LoadText(lua_State* lua, const char* chunk, size_t bytes, const char* name) {
  if (bytes > 0 && chunk[0] == LUA_SIGNATURE[0]) {
    lua_pushnil(lua);
    lua_pushliteral(lua, "bytecode is not allowed");
    return 2;
  }
  if (luaL_loadbuffer(lua, chunk, bytes, name) == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

int LoadString(lua_State* lua) {
  size_t bytes = 0;
  const char* chunk = luaL_checklstring(lua, 1, &bytes);
  return LoadText(lua, chunk, bytes, luaL_optstring(lua, 2, chunk));
}

int Load(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  const char* name = luaL_optstring(lua, 2, "=(load)");
  lua_settop(lua, 3);
  luaL_Buffer text;
  luaL_buffinit(lua, &text);
  while (true) {
    lua_pushvalue(lua, 1);
    lua_call(lua, 0, 1);
    if (lua_isnil(lua, -1)) break;
    if (lua_isstring(lua, -1) == 0) return luaL_error(lua, "reader function must return a string");
    if (lua_objlen(lua, -1) == 0) break;
    luaL_addvalue(&text);
  }
  lua_pop(lua, 1);
  luaL_pushresult(&text);
  size_t bytes = 0;
  const char* chunk = lua_tolstring(lua, -1, &bytes);
  return LoadText(lua, chunk, bytes, name);
}

// --- functions that catch errors: not that of a script being ended. The first upvalue says if it
// is
// -------------------------------------------------------------------------------------------------

bool IsStopping(lua_State* lua) {
  return *static_cast<const bool*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

// pcall() that hands a command's error on as its text, as Redis' does.
int ProtectedCall(lua_State* lua) {
  luaL_checkany(lua, 1);
  const int status = lua_pcall(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0);
  if (status != 0 && IsStopping(lua)) return lua_error(lua);
  if (status != 0 && lua_istable(lua, -1) != 0) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
    if (lua_isstring(lua, -1) != 0) {
      lua_replace(lua, -2);
    } else {
      lua_pop(lua, 1);
    }
  }
  lua_pushboolean(lua, status == 0 ? 1 : 0);
  lua_insert(lua, 1);
  return lua_gettop(lua);
}

// xpcall() that calls its handler once the error is caught: Lua's own calls it within the error,
// and with it within the hook that ends a script, where no hook would end the handler.
int ProtectedCallWithHandler(lua_State* lua) {
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  lua_insert(lua, 1);  // handler, function
  const int status = lua_pcall(lua, 0, LUA_MULTRET, 0);
  if (status != 0) {
    if (IsStopping(lua)) return lua_error(lua);
    lua_insert(lua, 1);
    lua_settop(lua, 2);
    lua_insert(lua, 1);  // handler, error
    if (lua_pcall(lua, 1, 1, 0) != 0 && IsStopping(lua)) return lua_error(lua);
    lua_pushboolean(lua, 0);
    lua_insert(lua, 1);
    return 2;
  }
  lua_pushboolean(lua, 1);
  lua_replace(lua, 1);
  return lua_gettop(lua);
}

// coroutine.resume(); the original is the second upvalue.
int Resume(lua_State* lua) {
  const int results = lua_tocfunction(lua, lua_upvalueindex(2))(lua);
  if (IsStopping(lua) && lua_toboolean(lua, -results) == 0) return lua_error(lua);
  return results;
}

// --- building it
// ----------------------------------------------------------------------------------

// Puts `function` in front of field `name` of the table on top.
void PutInFront(lua_State* lua, const char* name, lua_CFunction function) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
}

// Puts the library `name`, just opened, on the stack.
void Open(lua_State* lua, lua_CFunction open, const char* name) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
  lua_getglobal(lua, name);
}

void Remove(lua_State* lua, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    lua_pushnil(lua);
    lua_setfield(lua, -2, name);
  }
}

// Replaces the table on top by an empty one through which it can be read and not changed.
void Protect(lua_State* lua) {
  lua_newtable(lua);           // table, proxy
  lua_createtable(lua, 0, 3);  // table, proxy, metatable
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, RaiseReadonly);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
  lua_remove(lua, -2);  // proxy
  lua_getfield(lua, LUA_REGISTRYINDEX, kProtected);
  lua_pushvalue(lua, -2);
  lua_pushboolean(lua, 1);
  lua_rawset(lua, -3);
  lua_pop(lua, 1);
}

[[noreturn]] int Panic(lua_State* lua) {
  std::fprintf(stderr, "ampt-server: Lua failed outside of a script: %s\n", lua_tostring(lua, -1));
  std::abort();
}

}  // namespace

void* Sandbox::Allocate(void* memory, void* block, size_t old_bytes, size_t new_bytes) {
  Memory& self = *static_cast<Memory*>(memory);
  if (new_bytes == 0) {
    std::free(block);
    self.bytes -= old_bytes;
    return nullptr;
  }
  const bool grows = new_bytes > old_bytes;
  if (grows && self.unbounded == 0 && self.bytes + (new_bytes - old_bytes) > kMostBytes) {
    return nullptr;
  }
  void* const moved = std::realloc(block, new_bytes);
  if (moved == nullptr) return nullptr;
  self.bytes += new_bytes - old_bytes;
  return moved;
}

Sandbox::Sandbox() : lua_(lua_newstate(Allocate, &memory_)) {
  const Unbounded unbounded(*this);
  lua_State* const lua = lua_.get();
  lua_atpanic(lua, Panic);
  lua_newtable(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, kProtected);

  // The libraries are opened into Lua's own table of globals, which no script sees.
  Open(lua, luaopen_base, "_G");
  PutInFront(lua, "rawset", ChangeUnprotected);
  PutInFront(lua, "setmetatable", ChangeUnprotected);
  lua_newtable(lua);  // base, globals
  for (const char* name :
       {"_VERSION", "assert", "collectgarbage", "error", "gcinfo", "getmetatable", "ipairs", "next",
        "pairs", "rawequal", "rawget", "rawset", "select", "setmetatable", "tonumber", "tostring",
        "type", "unpack", "coroutine"}) {
    lua_getfield(lua, -2, name);
    lua_setfield(lua, -2, name);
  }
  lua_remove(lua, -2);
  lua_pushlightuserdata(lua, &is_stopping_);
  lua_pushcclosure(lua, ProtectedCall, 1);
  lua_setfield(lua, -2, "pcall");
  lua_pushlightuserdata(lua, &is_stopping_);
  lua_pushcclosure(lua, ProtectedCallWithHandler, 1);
  lua_setfield(lua, -2, "xpcall");
  lua_pushcfunction(lua, LoadString);
  lua_setfield(lua, -2, "loadstring");
  lua_pushcfunction(lua, Load);
  lua_setfield(lua, -2, "load");
  lua_pushvalue(lua, -1);
  lua_setfield(lua, LUA_REGISTRYINDEX, kGlobals);
  lua_getfield(lua, -1, "coroutine");
  lua_pushlightuserdata(lua, &is_stopping_);
  lua_getfield(lua, -2, "resume");
  lua_pushcclosure(lua, Resume, 2);
  lua_setfield(lua, -2, "resume");
  AddLibrary("coroutine");

  Open(lua, luaopen_string, "string");
  for (const char* name : {"find", "gfind", "gmatch", "gsub", "match"}) {
    PutInFront(lua, name, MatchShortPattern);
  }
  Remove(lua, {"dump"});
  // The metatable that all strings share.
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);
  AddLibrary("string");
  Open(lua, luaopen_table, "table");
  for (const char* name : {"insert", "remove", "setn", "sort"}) {
    PutInFront(lua, name, ChangeUnprotected);
  }
  AddLibrary("table");
  Open(lua, luaopen_math, "math");
  AddLibrary("math");
  Open(lua, luaopen_bit, "bit");
  AddLibrary("bit");
  lua_pushcfunction(lua, luaopen_cjson);
  lua_call(lua, 0, 1);
  lua_getfield(lua, -1, "encode");
  lua_getupvalue(lua, -1, 1);
  lua_insert(lua, -2);
  lua_pushcclosure(lua, EncodeLittle, 2);
  lua_setfield(lua, -2, "encode");
  // A module of its own would encode without that limit.
  Remove(lua, {"new"});
  // A kept buffer would stay for good, so none is, whatever is asked for.
  lua_pushcfunction(lua, KeepNoBuffer);
  lua_setfield(lua, -2, "encode_keep_buffer");
  AddLibrary("cjson");

  // The table of globals is on top: what scripts see is a proxy of it, which knows what is missing.
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, RaiseNoSuchGlobal);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
  Protect(lua);
  lua_pushvalue(lua, -1);
  SetGlobal("_G");
  lua_replace(lua, LUA_GLOBALSINDEX);
}

int Sandbox::CallBounded(int arguments, int results, int handler) {
  is_stopping_ = false;
  const int unbounded = std::exchange(memory_.unbounded, 0);
  const int status = lua_pcall(lua(), arguments, results, handler);
  memory_.unbounded = unbounded;
  return status;
}

void Sandbox::AddLibrary(const char* name) {
  Protect(lua());
  SetGlobal(name);
}

void Sandbox::SetGlobal(const char* name) {
  lua_State* const lua = lua_.get();
  lua_getfield(lua, LUA_REGISTRYINDEX, kGlobals);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, name);
  lua_pop(lua, 1);
}

}  // namespace ampt
