// Scripts: their limits, their cache, and that nobody comes between.
#include "tests/server/harness.h"

namespace ampt::test {
namespace {

class ScriptingTest : public ServerTest {
 protected:
  Value Eval(const std::string& script) { return client().Run({"EVAL", script, "0"}); }
  Client& client() {
    if (!client_) client_ = std::make_unique<Client>(Connect());
    return *client_;
  }
  void TearDown() override {
    client_.reset();
    ServerTest::TearDown();
  }

 private:
  std::unique_ptr<Client> client_;
};

TEST_F(ScriptingTest, OneThatRunsTooLongIsEnded) {
  StartServer({{"busy-reply-threshold", "50"}});
  const char* const endless[] = {
      "while true do end",
      "local function f() return f() end return f()",
      "while true do pcall(function() while true do end end) end",
      "while true do redis.call('GET','a') end",
      "while true do pcall(coroutine.wrap(function() while true do end end)) end",
      "local t={} for i=1,1e9 do t[1]=i end",
      "local function f() while true do pcall(coroutine.wrap(f)) end end f()",
      "local function f() while true do coroutine.resume(coroutine.create(f)) end end f()",
      "xpcall(function() while true do end end, function() while true do end end)",
      "while true do xpcall(function() error('x') end, function() while true do end end) end",
  };
  for (const char* script : endless) {
    EXPECT_TRUE(Eval(script).text.starts_with(
        "ERR Script ended: it ran longer than busy-reply-threshold allows."))
        << script << "\n"
        << Render(Eval(script));
  }
  // One that has written gets more time, but not all.
  const std::string reply = Eval("redis.call('SET','w',1) while true do end").text;
  EXPECT_NE(reply.find("Script ended"), std::string::npos) << reply;
  EXPECT_EQ(client().Ask("GET w"), "\"1\"");
  EXPECT_EQ(Eval("return 1").integer(), 1);
}

TEST_F(ScriptingTest, MemoryIsBounded) {
  const char* const hungry[] = {
      "return ('x'):rep(1e9)",
      "local s='x' while true do s=s..s end",
      "local t={} for i=1,1e9 do t[i]=('x'):rep(1e6)..i end",
      "local s=('x'):rep(1e6) local t={} for i=1,1e5 do t[i]=s end return table.concat(t)",
      "local s=('x'):rep(1e6) local t={} for i=1,1e5 do t[i]=s end return cjson.encode(t)",
      "local s=('x'):rep(1e6) local t={} for i=1,1e5 do t[i]=s end return t",
      "local t={1} for i=1,60 do t={t,t} end return t",
      "local t={1} for i=1,60 do t={t,t} end return cjson.encode(t)",
      "return cjson.decode(('['):rep(1e7))",
  };
  for (const char* script : hungry) {
    EXPECT_TRUE(Eval(script).is_error()) << script;
    EXPECT_EQ(Eval("return 1").integer(), 1) << script;
  }
  EXPECT_LT(server().RssBytes(), int64_t{2} << 30);
}

TEST_F(ScriptingTest, DepthIsBounded) {
  const char* const deep[] = {
      "local t={} for i=1,1e5 do t={t} end return t",
      "local t={} t[1]=t return t",
      "local t={} t[1]=t return cjson.encode(t)",
      "local t={} for i=1,1e5 do t={t} end return cjson.encode(t)",
      "local function r(n) return r(n+1)+1 end return r(1)",
      "return ('a'):rep(300000):match(('a?'):rep(300000))",
      "return loadstring('return '..('('):rep(1e5)..'1'..(')'):rep(1e5))()",
      "local f f=function() return pcall(f) or 1 end f() error('end')",
      "local f f=function(x) return (x:gsub('.',f)) end return f('a')",
      "local t=setmetatable({},{}) getmetatable(t).__index=t return t.x.y",
  };
  for (const char* script : deep) {
    EXPECT_TRUE(Eval(script).is_error()) << script;
    EXPECT_EQ(Eval("return 1").integer(), 1) << script;
  }
  EXPECT_EQ(Eval("local t={} for i=1,900 do t={t} end return t").type, '*');
}

TEST_F(ScriptingTest, OneScriptLeavesNothingForTheNext) {
  const char* const attempts[] = {
      "rawset(_G,'left',1)",
      "rawset(string,'left',1)",
      "table.insert(redis,'left')",
      "getmetatable('').__index=function() return 'left' end",
      "getmetatable(_G).__index=nil",
      "setmetatable(string,{})",
      "table.sort(redis) table.remove(redis) table.setn(redis,1) redis.left=1",
      "string.format=nil",
      "redis.call=nil",
      "cjson.null=1",
  };
  for (const char* script : attempts) EXPECT_TRUE(Eval(script).is_error()) << script;
  EXPECT_EQ(Render(Eval("return {tostring(rawget(_G,'left')), tostring(string.left),"
                        " tostring(redis.left), #redis, ('%s'):format('x'), type(cjson.null)}")),
            "1) \"nil\"\n2) \"nil\"\n3) \"nil\"\n4) (integer) 0\n5) \"x\"\n6) \"userdata\"");
}

TEST_F(ScriptingTest, NobodyComesBetween) {
  Client reader = Connect();
  constexpr int kRounds = 300;
  std::string writes;
  std::string reads;
  for (int i = 0; i < kRounds; ++i) {
    writes += Encode(
        {"EVAL", "redis.call('incr',KEYS[1]) return redis.call('incr',KEYS[2])", "2", "a", "b"});
    reads += Encode({"MGET", "a", "b"});
  }
  ASSERT_TRUE(client().Send(writes));
  ASSERT_TRUE(reader.Send(reads));
  for (int i = 0; i < kRounds; ++i) {
    const std::optional<Value> both = reader.Read();
    ASSERT_TRUE(both && both->elements.size() == 2);
    EXPECT_EQ(both->elements[0].text, both->elements[1].text);
  }
  for (int i = 0; i < kRounds; ++i) ASSERT_TRUE(client().Read());
}

TEST_F(ScriptingTest, EvaluatedScriptsAreForgottenForNewerOnes) {
  const Value loaded = client().Run({"SCRIPT", "LOAD", "return 'loaded'"});
  const Value first = Eval("return 'first'");
  ASSERT_EQ(first.text, "first");
  const std::string first_digest = Eval("return redis.sha1hex(\"return 'first'\")").text;
  const std::string last = "return 'last'";
  EXPECT_EQ(client().Run({"EVALSHA", first_digest, "0"}).text, "first");
  for (int i = 0; i < 600; ++i) ASSERT_EQ(Eval("return " + std::to_string(i)).integer(), i);
  EXPECT_EQ(client().Run({"EVALSHA", loaded.text, "0"}).text, "loaded");
  EXPECT_EQ(client().Run({"EVALSHA", first_digest, "0"}).text,
            "NOSCRIPT No matching script. Please use EVAL.");
}

TEST_F(ScriptingTest, SpeaksOfTheTypesOfResp3) {
  ASSERT_FALSE(client().Run({"HELLO", "3"}).is_error());
  const std::pair<const char*, const char*> cases[] = {
      {"return true", "(integer) 1"},
      {"return false", "(nil)"},
      {"return {double=3.5}", "(double) 3.5"},
      {"return {map={a=1}}", "1# \"a\" => (integer) 1"},
      {"return {set={a=true}}", "1~ \"a\""},
      {"redis.setresp(3) return true", "(true)"},
      {"redis.setresp(3) return false", "(false)"},
      {"redis.setresp(3) return redis.call('get','nokey')", "(nil)"},
      {"redis.setresp(3) return redis.call('memory','stats').map['keys.count'] ~= nil", "(true)"},
      {"return type(redis.call('memory','stats')[1])", "\"string\""},
  };
  for (const auto& [script, reply] : cases) EXPECT_EQ(Render(Eval(script)), reply) << script;
}

TEST_F(ScriptingTest, CallsTheCommandsForItems) {
  EXPECT_EQ(Eval("redis.call('AMPT.SET','ns:a','1.25') redis.call('AMPT.ADD','ns:a','0.5') "
                 "return redis.call('GET','ns:a')")
                .text,
            "1.75");
  // An object is none of Redis' strings.
  EXPECT_EQ(Eval("redis.call('AMPT.SET','ns:a','{\"n\":1}') return redis.pcall('GET','ns:a').err")
                .text.substr(0, 9),
            "WRONGTYPE");
  EXPECT_EQ(Eval("return redis.call('AMPT.REMOVERANGE','ns:*')").integer(), 1);
}

TEST_F(ScriptingTest, SpoilsWhatOthersWatch) {
  Client watcher = Connect();
  ASSERT_EQ(watcher.Ask("WATCH a"), "OK");
  EXPECT_FALSE(Eval("return redis.call('SET','a',1)").is_error());
  ASSERT_EQ(watcher.Ask("MULTI"), "OK");
  EXPECT_EQ(watcher.Ask("EXEC"), "(nil)");
}

}  // namespace
}  // namespace ampt::test
