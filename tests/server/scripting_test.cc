// Scripts: their limits, their cache, and that nobody comes between.
#include <signal.h>

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
  void ForgetClient() { client_.reset(); }
  void TearDown() override {
    ForgetClient();
    ServerTest::TearDown();
  }

 private:
  std::unique_ptr<Client> client_;
};

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

// --- long scripts
// ---------------------------------------------------------------------------------

constexpr const char* kBusy =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
constexpr const char* kUnkillable =
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can "
    "either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE "
    "command.";
constexpr const char* kKilled = "ERR Script killed by user with SCRIPT KILL... script: ";
// Runs until a client comes or goes.
constexpr const char* kUntilClientsChange =
    "local function clients() return redis.call('INFO','clients'):match('connected_clients:%d+') "
    "end local now=clients() while clients()==now do end ";

class LongScriptTest : public ScriptingTest {
 protected:
  void Start(Settings settings = {}) {
    settings.push_back({"busy-reply-threshold", "20"});
    ForgetClient();
    StartServer(settings);
    runner_ = std::make_unique<Client>(Connect());
    guest_ = std::make_unique<Client>(Connect());
    client();
  }
  // Sends a script, and waits until others hear of it.
  void Begin(const std::string& script) { Send(Encode({"EVAL", script, "0"})); }
  void Send(const std::string& requests) {
    ASSERT_TRUE(runner().Send(requests));
    ASSERT_TRUE(WaitFor([&] { return client().Run({"PING"}).text == kBusy; }));
  }
  // Ends one that waits for a change of clients.
  void LetGuestGo() { guest_.reset(); }
  // Waits until others are served.
  void ExpectServed() {
    EXPECT_TRUE(WaitFor([&] { return client().Run({"PING"}).text == "PONG"; }));
  }
  std::string ReadText() {
    const std::optional<Value> reply = runner().Read();
    return reply ? Render(*reply) : "closed";
  }
  Client& runner() { return *runner_; }
  void DropRunner() { runner_.reset(); }
  void TearDown() override {
    runner_.reset();
    guest_.reset();
    ScriptingTest::TearDown();
  }

 private:
  std::unique_ptr<Client> runner_;
  std::unique_ptr<Client> guest_;
};

TEST_F(LongScriptTest, IsKilled) {
  Start();
  const char* const endless[] = {
      "while true do end",
      "local function f() return f() end return f()",
      "while true do pcall(function() while true do end end) end",
      "while true do redis.call('GET','a') end",
      "while true do redis.pcall('FOO') end",
      "while true do pcall(coroutine.wrap(function() while true do end end)) end",
      "local t={} for i=1,1e9 do t[1]=i end",
      "local function f() while true do pcall(coroutine.wrap(f)) end end f()",
      "local function f() while true do coroutine.resume(coroutine.create(f)) end end f()",
      "xpcall(function() while true do end end, function() while true do end end)",
      "while true do xpcall(function() error('x') end, function() while true do end end) end",
  };
  for (const char* script : endless) {
    Begin(script);
    EXPECT_EQ(client().Ask("SCRIPT KILL"), "OK") << script;
    const std::string reply = ReadText();
    EXPECT_TRUE(reply.starts_with(std::string("(error) ") + kKilled)) << script << "\n" << reply;
    EXPECT_EQ(client().Ask("PING"), "PONG") << script;
    EXPECT_EQ(client().Run({"SCRIPT", "KILL"}).text, "NOTBUSY No scripts in execution right now.");
  }
  Begin(endless[0]);
  EXPECT_EQ(client().Ask("SCRIPT KILL"), "OK");
  EXPECT_EQ(ReadText(), std::string("(error) ") + kKilled +
                            "694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7, on @user_script:1.");
}

TEST_F(LongScriptTest, KeepsAllButAFewCommandsWaiting) {
  Start({{"lua-time-limit", "10"}});
  Begin("while true do end");
  const std::string busy = std::string("(error) ") + kBusy;
  for (const char* line : {"GET a",
                           "SET a 1",
                           "EVAL \"return 1\" 0",
                           "SCRIPT LOAD \"return 1\"",
                           "SCRIPT FLUSH",
                           "SCRIPT EXISTS a",
                           "CLIENT KILL ID 1",
                           "CLIENT LIST",
                           "INFO",
                           "CONFIG SET maxmemory 1",
                           "SUBSCRIBE a",
                           "PUBLISH a b",
                           "FLUSHALL",
                           "AMPT.GET a",
                           "AMPT.SET a 1",
                           "COMMAND COUNT",
                           "SHUTDOWN",
                           "SHUTDOWN SAVE",
                           "SHUTDOWN FORCE",
                           "MONITOR",
                           "DEBUG RELOAD",
                           "EXISTS a"}) {
    EXPECT_EQ(client().Ask(line), busy) << line;
  }
  EXPECT_TRUE(client().Ask("FOO").starts_with("(error) ERR unknown command 'FOO'"));
  EXPECT_TRUE(client().Ask("GET").starts_with("(error) ERR wrong number of arguments"));
  EXPECT_TRUE(client().Ask("AUTH x").starts_with("(error) ERR AUTH <password> called without"));
  EXPECT_FALSE(client().Run({"HELLO", "2"}).is_error());
  EXPECT_EQ(client().Ask("WATCH a"), "OK");
  EXPECT_EQ(client().Ask("UNWATCH"), "OK");
  EXPECT_EQ(client().Ask("MULTI"), "OK");
  EXPECT_EQ(client().Ask("GET a"), busy);
  EXPECT_EQ(client().Ask("EXEC"),
            std::string("(error) EXECABORT Transaction discarded because of: ") + kBusy);
  EXPECT_EQ(client().Ask("MULTI"), "OK");
  EXPECT_EQ(client().Ask("DISCARD"), "OK");
  EXPECT_EQ(client().Ask("RESET"), "RESET");
  Client late = Connect();
  EXPECT_EQ(late.Ask("PING"), busy);
  EXPECT_EQ(late.Ask("QUIT"), "OK");
  EXPECT_TRUE(late.WaitClosed());
  EXPECT_EQ(client().Ask("SCRIPT KILL"), "OK");
  EXPECT_TRUE(ReadText().starts_with(std::string("(error) ") + kKilled));
  EXPECT_EQ(client().Ask("GET a"), "(nil)");
}

// As long as the threshold is not reached others wait, and then are served.
TEST_F(LongScriptTest, AnswersWhoWaitedForAShortOne) {
  StartServer({{"busy-reply-threshold", "3600000"}});
  Client other = Connect();
  ASSERT_TRUE(client().Send(Encode({"EVAL", "for i=1,5e6 do end return 1", "0"})));
  EXPECT_EQ(other.Ask("PING"), "PONG");
  EXPECT_EQ(client().Read()->integer(), 1);
}

TEST_F(LongScriptTest, IsNotKilledOnceItHasWritten) {
  Start();
  Begin(std::string("redis.call('SET','w',1) ") + kUntilClientsChange +
        "return redis.call('INCR','w')");
  EXPECT_EQ(client().Run({"SCRIPT", "KILL"}).text, kUnkillable);
  EXPECT_EQ(client().Run({"GET", "w"}).text, kBusy);
  LetGuestGo();
  EXPECT_EQ(ReadText(), "(integer) 2");
  ExpectServed();
  EXPECT_EQ(client().Ask("GET w"), "\"2\"");
}

TEST_F(LongScriptTest, SuspendsTheTransactionItIsIn) {
  Start();
  Send(Encode({"MULTI"}) + Encode({"SET", "a", "1", "PX", "1"}) +
       Encode({"EVAL", std::string(kUntilClientsChange) + "return 'over'", "0"}) +
       Encode({"INCR", "a"}) + Encode({"EXEC"}) + Encode({"PING"}));
  EXPECT_EQ(client().Run({"GET", "a"}).text, kBusy);
  LetGuestGo();
  EXPECT_EQ(ReadText(), "OK");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ReadText(), "QUEUED");
  // All of it happens at one time: the key is still there, long after its deadline.
  EXPECT_EQ(ReadText(), "1) OK\n2) \"over\"\n3) (integer) 2");
  EXPECT_EQ(ReadText(), "PONG");
  EXPECT_EQ(client().Ask("GET a"), "(nil)");
}

TEST_F(LongScriptTest, IsKilledWithinATransactionThatGoesOn) {
  Start();
  Send(Encode({"MULTI"}) + Encode({"SET", "a", "1"}) + Encode({"EVAL", "while true do end", "0"}) +
       Encode({"INCR", "a"}) + Encode({"EXEC"}));
  EXPECT_EQ(client().Ask("SCRIPT KILL"), "OK");
  EXPECT_EQ(ReadText(), "OK");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ReadText(), "QUEUED");
  EXPECT_EQ(ReadText(), std::string("1) OK\n2) (error) ") + kKilled +
                            "694a5fe1ddb97a4c6a1bf299d9537c7d3d0f84e7, on @user_script:1.\n"
                            "3) (integer) 2");
}

TEST_F(LongScriptTest, LeavesWhatCameBeforeAndBehindInOrder) {
  for (const char* policy : {"everysec", "always"}) {
    Start({{"appendonly", "yes"}, {"appendfsync", policy}});
    Send(Encode({"SET", "a", "1"}) + Encode({"EVAL", "while true do end", "0"}) +
         Encode({"INCR", "a"}));
    if (std::string(policy) == "everysec") {
      EXPECT_EQ(ReadText(), "OK");  // while the script runs
    }
    // More than a block of input, which must not overwrite the words of the script.
    std::string more;
    for (int i = 0; i < 20000; ++i) more += Encode({"PING"});
    ASSERT_TRUE(runner().Send(more));
    EXPECT_EQ(client().Ask("SCRIPT KILL"), "OK");
    if (std::string(policy) == "always") {
      EXPECT_EQ(ReadText(), "OK");
    }
    EXPECT_TRUE(ReadText().starts_with(std::string("(error) ") + kKilled));
    EXPECT_EQ(ReadText(), "(integer) 2");
    for (int i = 0; i < 20000; ++i) ASSERT_EQ(ReadText(), "PONG");
  }
}

TEST_F(LongScriptTest, IsInTheSlowLogWithItsWords) {
  Start();
  Begin("while true do end");
  // Takes the place that the words of the script had.
  std::string more;
  for (int i = 0; i < 5000; ++i) more += Encode({"ECHO", "xxxxxxxxxxxxxxxxxxxx"});
  ASSERT_TRUE(runner().Send(more));
  EXPECT_EQ(client().Ask("SCRIPT KILL"), "OK");
  EXPECT_TRUE(ReadText().starts_with(std::string("(error) ") + kKilled));
  const Value entries = client().Run({"SLOWLOG", "GET", "1"});
  ASSERT_EQ(entries.elements.size(), 1u);
  EXPECT_EQ(Render(entries.elements[0].elements[3]),
            "1) \"EVAL\"\n2) \"while true do end\"\n3) \"0\"");
  EXPECT_GE(entries.elements[0].elements[2].integer(), 20'000);
  EXPECT_NE(InfoText("cmdstat_eval").find("calls=1,"), std::string::npos);
}

TEST_F(LongScriptTest, RunsOnWhenItsClientGoes) {
  Start();
  Begin("while true do end");
  DropRunner();
  EXPECT_EQ(client().Run({"PING"}).text, kBusy);
  EXPECT_EQ(client().Ask("SCRIPT KILL"), "OK");
  ExpectServed();
  EXPECT_TRUE(WaitFor([&] { return InfoNumber("connected_clients") <= 3; }));
}

TEST_F(LongScriptTest, EndsWhatItBeganThoughItsClientHasGone) {
  Start();
  Send(Encode({"MULTI"}) +
       Encode({"EVAL", std::string("redis.call('SET','w',1) ") + kUntilClientsChange, "0"}) +
       Encode({"SUBSCRIBE", "news"}) + Encode({"INCR", "w"}) + Encode({"EXEC"}));
  DropRunner();
  ExpectServed();
  EXPECT_EQ(client().Ask("GET w"), "\"2\"");
  EXPECT_EQ(client().Ask("PUBLISH news x"), "(integer) 0");
}

TEST_F(LongScriptTest, LeavesNothingOnTheDiskAfterShutdownNosave) {
  for (const char* policy : {"everysec", "always"}) {
    Start({{"appendonly", "yes"}, {"appendfsync", policy}});
    EXPECT_EQ(client().Ask("SET kept 1"), "OK");
    Send(Encode({"SET", "before", "1"}) +
         Encode(
             {"EVAL", "redis.call('SET','w',1) redis.call('DEL','kept') while true do end", "0"}));
    EXPECT_EQ(client().Run({"SCRIPT", "KILL"}).text, kUnkillable);
    ASSERT_TRUE(client().Send(Encode({"SHUTDOWN", "NOSAVE"})));
    server().ExpectExit();
    server().Restart({{"appendonly", "yes"}});
    Client after = Connect();
    EXPECT_EQ(after.Ask("MGET kept before w"), "1) \"1\"\n2) \"1\"\n3) (nil)");
  }
}

TEST_F(LongScriptTest, LeavesNothingOfItsTransactionEither) {
  Start({{"appendonly", "yes"}});
  Send(Encode({"MULTI"}) + Encode({"SET", "a", "1"}) + Encode({"EVAL", "while true do end", "0"}) +
       Encode({"EVAL", "while true do end", "0"}) + Encode({"SET", "b", "1"}) + Encode({"EXEC"}));
  ASSERT_TRUE(client().Send(Encode({"SHUTDOWN", "NOSAVE"})));
  server().ExpectExit();
  server().Restart({{"appendonly", "yes"}});
  EXPECT_EQ(Connect().Ask("DBSIZE"), "(integer) 0");
}

TEST_F(LongScriptTest, EndsWithASignal) {
  Start();
  Begin("while true do end");
  server().Stop();
}

TEST_F(LongScriptTest, KeepsASignalWaitingOnceItHasWritten) {
  Start({{"appendonly", "yes"}});
  Begin(std::string("redis.call('SET','w',1) ") + kUntilClientsChange +
        "return redis.call('INCR','w')");
  server().Signal(SIGTERM);
  ASSERT_TRUE(WaitFor([&] {
    return server().Log().find("the server stops when that is over") != std::string::npos;
  }));
  EXPECT_EQ(client().Run({"PING"}).text, kBusy);
  LetGuestGo();
  EXPECT_EQ(ReadText(), "(integer) 2");
  server().ExpectExit();
  server().Restart({{"appendonly", "yes"}});
  EXPECT_EQ(Connect().Ask("GET w"), "\"2\"");
}

TEST_F(LongScriptTest, EndsWithTheSecondSignal) {
  Start({{"appendonly", "yes"}});
  Begin("redis.call('SET','w',1) while true do end");
  server().Signal(SIGTERM);
  ASSERT_TRUE(WaitFor([&] {
    return server().Log().find("the server stops when that is over") != std::string::npos;
  }));
  server().Stop();
  server().Restart({{"appendonly", "yes"}});
  EXPECT_EQ(Connect().Ask("GET w"), "(nil)");
}

// Nothing but the script touches the data or the log: not expiry, work in slices, or a save.
TEST_F(LongScriptTest, IsAloneWithTheData) {
  Start({{"appendonly", "yes"}, {"enable-debug-command", "yes"}});
  Client slow = Connect();
  EXPECT_EQ(client().Ask("DEBUG POPULATE 300000 range:"), "OK");
  EXPECT_EQ(client().Ask("SET short 1 PX 1000000"), "OK");
  ASSERT_TRUE(slow.Send(Encode({"AMPT.REMOVERANGE", "range:*"}) + Encode({"BGSAVE"})));
  Begin(std::string("redis.call('PEXPIRE','short',1) local items=redis.call('DBSIZE') ") +
        kUntilClientsChange + "return {redis.call('DBSIZE')==items, redis.call('EXISTS','short')}");
  LetGuestGo();
  EXPECT_EQ(ReadText(), "1) (integer) 1\n2) (integer) 1");
  const std::optional<Value> removed = slow.Read();
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->integer(), 300000);
  EXPECT_TRUE(slow.Read());
  ASSERT_TRUE(WaitFor([&] {
    return InfoNumber("aof_rewrite_in_progress") == 0 && InfoNumber("rdb_bgsave_in_progress") == 0;
  }));
  ASSERT_TRUE(WaitFor([&] { return client().Ask("DBSIZE") == "(integer) 0"; }));
  client().Ask("SET last 1");
  server().Stop();
  server().Restart({{"appendonly", "yes"}});
  EXPECT_EQ(Connect().Ask("KEYS *"), "1) \"last\"");
}

}  // namespace
}  // namespace ampt::test
