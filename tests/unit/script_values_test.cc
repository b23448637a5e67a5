// Replies as Lua values and back, and the world that scripts live in.
#include "server/script_values.h"

#include <gtest/gtest.h>

#include <string>

#include "server/script_sandbox.h"
#include "tests/unit/test_context.h"

namespace ampt {
namespace {

class ScriptValuesTest : public testing::Test {
 protected:
  lua_State* lua() { return sandbox_.lua(); }

  // What Lua makes of `code`, as text; an error as "error: …".
  std::string Evaluate(const std::string& code) {
    lua_settop(lua(), 0);
    if (luaL_loadbuffer(lua(), code.data(), code.size(), "@script") != 0 ||
        sandbox_.CallBounded(0, 1, 0) != 0) {
      return std::string("error: ") + lua_tostring(lua(), -1);
    }
    lua_pushvalue(lua(), -1);  // what is made a string stays one
    const char* text = lua_tostring(lua(), -1);
    const std::string result = text != nullptr ? text : luaL_typename(lua(), -1);
    lua_pop(lua(), 1);
    return result;
  }
  // What is answered with the value of `code`.
  std::string ReplyOf(const std::string& code, int resp = 2) {
    Evaluate(code);
    const Unbounded unbounded(sandbox_);
    RecordingReply reply;
    ReplyWithValue(lua(), resp, reply);
    EXPECT_EQ(lua_gettop(lua()), 1) << code;
    return reply.text();
  }
  // What `code` makes of the reply, given to it as the global `r`.
  std::string ValueOf(void (*answer)(Reply&), const std::string& code, int resp = 2) {
    {
      const Unbounded unbounded(sandbox_);
      lua_settop(lua(), 0);
      ScriptReply reply(lua(), resp);
      answer(reply);
      EXPECT_TRUE(reply.is_complete());
      EXPECT_EQ(lua_gettop(lua()), 1);
      sandbox_.SetGlobal("r");
    }
    return Evaluate("return tostring(" + code + ")");
  }

  Sandbox sandbox_;
};

TEST_F(ScriptValuesTest, ValuesBecomeReplies) {
  EXPECT_EQ(ReplyOf("return 1.9"), "(integer) 1");
  EXPECT_EQ(ReplyOf("return 'a'"), "\"a\"");
  EXPECT_EQ(ReplyOf("return true"), "(integer) 1");
  EXPECT_EQ(ReplyOf("return false"), "(nil)");
  EXPECT_EQ(ReplyOf("return true", 3), "(true)");
  EXPECT_EQ(ReplyOf("return nil"), "(nil)");
  EXPECT_EQ(ReplyOf("return {1,{},nil,2}"), "1) (integer) 1\n2) (empty array)");
  EXPECT_EQ(ReplyOf("return {ok='fine'}"), "fine");
  EXPECT_EQ(ReplyOf("return {err='BAD x'}"), "(error) BAD x");
  EXPECT_EQ(ReplyOf("return {double=1.5}"), "(double) 1.5");
  EXPECT_EQ(ReplyOf("return {map={a={1}}}"), "1# \"a\" => 1) (integer) 1");
  EXPECT_EQ(ReplyOf("return {set={a=true}}"), "1~ \"a\"");
  EXPECT_EQ(ReplyOf("return {verbatim_string={string='x',format='txt'}}"), "x");
  EXPECT_EQ(ReplyOf("return string.rep"), "(nil)");
}

TEST_F(ScriptValuesTest, RepliesHaveBounds) {
  EXPECT_EQ(ReplyOf("local t={1} for i=1,50 do t={t,t} end return t"),
            "(error) ERR the script's reply would be longer than 512 MiB");
  EXPECT_EQ(ReplyOf("local t={} t[1]=t return t"), "(error) ERR reached lua stack limit");
}

TEST_F(ScriptValuesTest, RepliesBecomeValues) {
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Ok(); }, "r.ok"), "OK");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Error(Status::Err("x")); }, "r.err"), "ERR x");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Integer(-7); }, "r + 0"), "-7");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Null(); }, "r == false"), "true");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.NullArray(); }, "rawget(_G, 'r')", 3), "nil");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Boolean(false); }, "r"), "0");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Boolean(false); }, "r", 3), "false");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Double(1.5); }, "r"), "1.5");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Double(1.5); }, "r.double", 3), "1.5");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Verbatim("v"); }, "r"), "v");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Verbatim("v"); }, "r.verbatim_string.string", 3), "v");
  EXPECT_EQ(ValueOf(
                [](Reply& reply) {
                  *reply.OpenBulk() = "b";
                  reply.CloseBulk();
                },
                "r"),
            "b");
}

TEST_F(ScriptValuesTest, ContainersBecomeTables) {
  const auto nested = [](Reply& reply) {
    reply.Array(3);
    reply.Array(0);
    reply.Map(2);
    reply.Bulk("a");
    reply.Integer(1);
    reply.Bulk("b");
    reply.Set(1);
    reply.Bulk("member");
    reply.Null();
  };
  EXPECT_EQ(ValueOf(nested, "#r .. #r[1] .. r[2][1] .. r[2][2] .. r[2][3] .. r[2][4][1]"),
            "30a1bmember");
  EXPECT_EQ(ValueOf(nested, "r[2].map.a", 3), "1");
  EXPECT_EQ(ValueOf(nested, "r[2].map.b.set.member", 3), "true");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Map(0); }, "type(r.map) .. type(next(r.map))", 3),
            "tablenil");
  EXPECT_EQ(ValueOf([](Reply& reply) { reply.Push(0); }, "#r"), "0");
}

TEST_F(ScriptValuesTest, WhatScriptsSeeIsProtected) {
  EXPECT_EQ(Evaluate("x = 1"), "error: script:1: Attempt to modify a readonly table");
  EXPECT_EQ(Evaluate("return x"),
            "error: script:1: Script attempted to access nonexistent global variable 'x'");
  EXPECT_EQ(Evaluate("string.rep = 1"), "error: script:1: Attempt to modify a readonly table");
  EXPECT_EQ(Evaluate("rawset(string, 'rep', 1)"), "error: Attempt to modify a readonly table");
  EXPECT_EQ(Evaluate("local t = {} rawset(t, 1, 'own') return t[1]"), "own");
  EXPECT_EQ(Evaluate("local t = {} table.insert(t, 'own') return t[1]"), "own");
  EXPECT_EQ(Evaluate("return tostring(getmetatable(''))"), "false");
  for (const char* name : {"os", "io", "require", "debug", "print", "dofile", "loadfile", "getfenv",
                           "setfenv", "newproxy", "module", "package"}) {
    EXPECT_EQ(Evaluate(std::string("return ") + name).substr(0, 6), "error:") << name;
  }
  EXPECT_EQ(Evaluate("return tostring(string.dump)"), "nil");
}

TEST_F(ScriptValuesTest, OnlyTextIsLoaded) {
  EXPECT_EQ(Evaluate("return loadstring('return 7')()"), "7");
  EXPECT_EQ(Evaluate("return select(2, loadstring('\\27Lua'))"), "bytecode is not allowed");
  EXPECT_EQ(Evaluate("local n = 0 return load(function() n = n + 1 return ({'ret', 'urn 8'})[n] "
                     "end)()"),
            "8");
  EXPECT_EQ(Evaluate("local n = 0 return select(2, load(function() n = n + 1 return ({'\\27', "
                     "'Lua'})[n] end))"),
            "bytecode is not allowed");
  EXPECT_EQ(Evaluate("return loadstring('y = 1')()"),
            "error: [string \"y = 1\"]:1: Attempt to modify a readonly table");
}

TEST_F(ScriptValuesTest, MemoryIsBoundedAndComesBack) {
  const size_t before = sandbox_.allocated_bytes();
  EXPECT_EQ(Evaluate("local t, s = {}, ('x'):rep(1e6) for i = 1, 1e9 do t[i] = s .. i end"),
            "error: not enough memory");
  EXPECT_LE(sandbox_.allocated_bytes(), Sandbox::kMostBytes);
  lua_gc(lua(), LUA_GCCOLLECT, 0);
  EXPECT_LT(sandbox_.allocated_bytes(), before + Sandbox::kMostBytes / 8);
  EXPECT_EQ(Evaluate("return 'again'"), "again");
}

TEST_F(ScriptValuesTest, PatternsAreBounded) {
  EXPECT_EQ(Evaluate("return ('a'):rep(300000):find(('a?'):rep(300000))"),
            "error: script:1: pattern is longer than 16 KiB");
  EXPECT_EQ(Evaluate("return ('a'):rep(8000):match(('a?'):rep(8000)):len()"), "8000");
}

}  // namespace
}  // namespace ampt
