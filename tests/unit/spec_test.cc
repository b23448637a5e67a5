// The table of commands: every entry complete and in agreement with Redis, and what is made of it.
#include "commands/spec.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "tests/unit/test_context.h"

namespace ampt {
namespace {

std::vector<const Command*> WithSubcommands() {
  std::vector<const Command*> all;
  for (const Command* command : AllCommands()) {
    all.push_back(command);
    all.insert(all.end(), command->subcommands.begin(), command->subcommands.end());
  }
  return all;
}

struct RedisSays {
  int arity;
  KeyPositions keys;
};

// COMMAND INFO of redis-server 7.0.15; SETINFO and NO-TOUCH: 7.2.
const std::map<std::string_view, RedisSays> kRedis = {
    {"set", {-3, {1, 1, 1}}},
    {"setex", {4, {1, 1, 1}}},
    {"psetex", {4, {1, 1, 1}}},
    {"setnx", {3, {1, 1, 1}}},
    {"getset", {3, {1, 1, 1}}},
    {"getdel", {2, {1, 1, 1}}},
    {"getex", {-2, {1, 1, 1}}},
    {"mget", {-2, {1, -1, 1}}},
    {"mset", {-3, {1, -1, 2}}},
    {"msetnx", {-3, {1, -1, 2}}},
    {"append", {3, {1, 1, 1}}},
    {"strlen", {2, {1, 1, 1}}},
    {"hlen", {2, {1, 1, 1}}},
    {"llen", {2, {1, 1, 1}}},
    {"getrange", {4, {1, 1, 1}}},
    {"setrange", {4, {1, 1, 1}}},
    {"incr", {2, {1, 1, 1}}},
    {"decr", {2, {1, 1, 1}}},
    {"incrby", {3, {1, 1, 1}}},
    {"decrby", {3, {1, 1, 1}}},
    {"incrbyfloat", {3, {1, 1, 1}}},
    {"del", {-2, {1, -1, 1}}},
    {"unlink", {-2, {1, -1, 1}}},
    {"exists", {-2, {1, -1, 1}}},
    {"type", {2, {1, 1, 1}}},
    {"touch", {-2, {1, -1, 1}}},
    {"keys", {2, {}}},
    {"scan", {-2, {}}},
    {"randomkey", {1, {}}},
    {"rename", {3, {1, 2, 1}}},
    {"renamenx", {3, {1, 2, 1}}},
    {"copy", {-3, {1, 2, 1}}},
    {"move", {3, {1, 1, 1}}},
    {"expire", {-3, {1, 1, 1}}},
    {"pexpire", {-3, {1, 1, 1}}},
    {"expireat", {-3, {1, 1, 1}}},
    {"pexpireat", {-3, {1, 1, 1}}},
    {"expiretime", {2, {1, 1, 1}}},
    {"pexpiretime", {2, {1, 1, 1}}},
    {"ttl", {2, {1, 1, 1}}},
    {"pttl", {2, {1, 1, 1}}},
    {"persist", {2, {1, 1, 1}}},
    {"object", {-2, {}}},
    {"object|idletime", {3, {2, 2, 1}}},
    {"object|freq", {3, {2, 2, 1}}},
    {"object|encoding", {3, {2, 2, 1}}},
    {"object|refcount", {3, {2, 2, 1}}},
    {"dbsize", {1, {}}},
    {"flushdb", {-1, {}}},
    {"flushall", {-1, {}}},
    {"get", {2, {1, 1, 1}}},
    {"ping", {-1, {}}},
    {"echo", {2, {}}},
    {"hello", {-1, {}}},
    {"auth", {-2, {}}},
    {"select", {2, {}}},
    {"quit", {-1, {}}},
    {"reset", {1, {}}},
    {"client", {-2, {}}},
    {"client|info", {2, {}}},
    {"client|getname", {2, {}}},
    {"client|setname", {3, {}}},
    {"client|kill", {-3, {}}},
    {"client|id", {2, {}}},
    {"client|no-evict", {3, {}}},
    {"client|unblock", {-3, {}}},
    {"client|list", {-2, {}}},
    {"client|reply", {3, {}}},
    {"client|pause", {-3, {}}},
    {"client|unpause", {2, {}}},
    {"client|tracking", {-3, {}}},
    {"client|trackinginfo", {2, {}}},
    {"client|getredir", {2, {}}},
    {"client|caching", {3, {}}},
    {"command", {-1, {}}},
    {"command|list", {-2, {}}},
    {"command|info", {-2, {}}},
    {"command|count", {2, {}}},
    {"command|docs", {-2, {}}},
    {"command|getkeys", {-4, {}}},
    {"command|getkeysandflags", {-4, {}}},
    {"info", {-1, {}}},
    {"config", {-2, {}}},
    {"config|resetstat", {2, {}}},
    {"config|get", {-3, {}}},
    {"config|rewrite", {2, {}}},
    {"config|set", {-4, {}}},
    {"time", {1, {}}},
    {"debug", {-2, {}}},
    {"memory", {-2, {}}},
    {"memory|usage", {-3, {2, 2, 1}}},
    {"memory|stats", {2, {}}},
    {"memory|doctor", {2, {}}},
    {"memory|malloc-stats", {2, {}}},
    {"memory|purge", {2, {}}},
    {"readonly", {1, {}}},
    {"readwrite", {1, {}}},
    {"shutdown", {-1, {}}},
    {"role", {1, {}}},
    {"wait", {3, {}}},
    {"save", {1, {}}},
    {"bgsave", {-1, {}}},
    {"bgrewriteaof", {1, {}}},
    {"lastsave", {1, {}}},
    {"slowlog", {-2, {}}},
    {"slowlog|get", {-2, {}}},
    {"slowlog|reset", {2, {}}},
    {"slowlog|len", {2, {}}},
    {"latency", {-2, {}}},
    {"latency|doctor", {2, {}}},
    {"latency|histogram", {-2, {}}},
    {"latency|history", {3, {}}},
    {"latency|graph", {3, {}}},
    {"latency|latest", {2, {}}},
    {"latency|reset", {-2, {}}},
    {"monitor", {1, {}}},
    {"acl", {-2, {}}},
    {"acl|getuser", {3, {}}},
    {"acl|deluser", {-3, {}}},
    {"acl|dryrun", {-4, {}}},
    {"acl|genpass", {-2, {}}},
    {"acl|whoami", {2, {}}},
    {"acl|setuser", {-3, {}}},
    {"acl|users", {2, {}}},
    {"acl|load", {2, {}}},
    {"acl|log", {-2, {}}},
    {"acl|cat", {-2, {}}},
    {"acl|list", {2, {}}},
    {"acl|save", {2, {}}},
    {"multi", {1, {}}},
    {"exec", {1, {}}},
    {"discard", {1, {}}},
    {"watch", {-2, {1, -1, 1}}},
    {"unwatch", {1, {}}},
    {"eval", {-3, {}}},
    {"evalsha", {-3, {}}},
    {"eval_ro", {-3, {}}},
    {"script", {-2, {}}},
    {"script|debug", {3, {}}},
    {"script|exists", {-3, {}}},
    {"script|load", {3, {}}},
    {"script|flush", {-2, {}}},
    {"script|kill", {2, {}}},
    {"subscribe", {-2, {}}},
    {"unsubscribe", {-1, {}}},
    {"psubscribe", {-2, {}}},
    {"punsubscribe", {-1, {}}},
    {"publish", {3, {}}},
    {"pubsub", {-2, {}}},
    {"pubsub|channels", {-2, {}}},
    {"pubsub|numsub", {-2, {}}},
    {"pubsub|shardnumsub", {-2, {}}},
    {"pubsub|numpat", {2, {}}},
    {"pubsub|shardchannels", {-2, {}}},
    {"evalsha_ro", {-3, {}}},
    {"client|setinfo", {4, {}}},
    {"client|no-touch", {3, {}}},
};

// What Redis lists and this server's own forms of DEBUG.
bool IsOurOwn(std::string_view name) {
  return name.starts_with("ampt.") || name.starts_with("debug|");
}

TEST(SpecTest, EveryCommandIsComplete) {
  std::set<std::string_view> names;
  for (const Command* command : WithSubcommands()) {
    const Spec& spec = command->spec;
    SCOPED_TRACE(spec.name);
    EXPECT_TRUE(names.insert(spec.name).second) << "listed twice";
    for (const char c : spec.name) EXPECT_EQ(c, AsciiLower(c));
    ASSERT_FALSE(spec.summary.empty());
    EXPECT_NE(spec.summary.back(), '.');
    EXPECT_GE(spec.summary.front(), 'A');
    EXPECT_LE(spec.summary.front(), 'Z');
    EXPECT_FALSE(spec.since.empty());
    EXPECT_FALSE(spec.complexity.empty());
    // A container's examples are those of its parts.
    EXPECT_TRUE(!spec.examples.empty() || !command->subcommands.empty());
    for (const Example& example : spec.examples) EXPECT_FALSE(example.command.empty());
    EXPECT_NE(command->execute, nullptr);
  }
}

TEST(SpecTest, AnExampleShowsItsCommand) {
  for (const Command* command : WithSubcommands()) {
    SCOPED_TRACE(command->spec.name);
    std::string words(command->spec.name);
    for (char& c : words) c = c == '|' ? ' ' : c;
    bool shown = false;
    for (const Example& example : command->spec.examples) {
      shown = shown || EqualsIgnoreCase(example.command.substr(0, words.size()), words);
    }
    EXPECT_TRUE(shown || !command->subcommands.empty());
  }
}

TEST(SpecTest, FlagsAndScopeFitTheKeys) {
  for (const Command* command : WithSubcommands()) {
    SCOPED_TRACE(command->spec.name);
    const bool has_keys = command->grammar.keys.first > 0;
    EXPECT_FALSE(command->Is(kWrite) && command->Is(kReadonly));
    if (has_keys) {
      // WATCH looks at no value; what a script does is its own commands'.
      const bool names_only = command->spec.name == "watch" || command->Is(kMayWrite);
      EXPECT_TRUE(command->Is(kWrite) || command->Is(kReadonly) || names_only);
      EXPECT_NE(command->spec.scope, Scope::kNone);
      EXPECT_NE(command->spec.scope, Scope::kNode);
    }
    if (command->Is(kDenyOom)) {
      EXPECT_TRUE(command->Is(kWrite));
    }
  }
}

TEST(SpecTest, ArityAndKeysAreThoseOfRedis) {
  for (const Command* command : WithSubcommands()) {
    const auto redis = kRedis.find(command->spec.name);
    SCOPED_TRACE(command->spec.name);
    if (redis == kRedis.end()) {
      EXPECT_TRUE(IsOurOwn(command->spec.name)) << "Redis has no such command";
      continue;
    }
    EXPECT_EQ(command->grammar.arity, redis->second.arity);
    // Redis lists none where a word says how many there are.
    if (command->grammar.keys.count_at > 0) continue;
    EXPECT_EQ(command->grammar.keys.first, redis->second.keys.first);
    EXPECT_EQ(command->grammar.keys.last, redis->second.keys.last);
    EXPECT_EQ(command->grammar.keys.step, redis->second.keys.step);
  }
}

TEST(SpecTest, ExamplesDoWhatTheySay) {
  for (const Command* command : WithSubcommands()) {
    // They need who runs commands, or users: tests/server/examples_test.cc does them.
    const Group group = command->spec.group;
    if (group == Group::kTransactions || group == Group::kScripting) continue;
    if (command->spec.name.starts_with("acl")) continue;
    if (command->spec.name == "save") continue;  // answered when the host has saved
    TestContext server;
    for (const Example& example : command->spec.examples) {
      const std::string reply = server.Run(example.command);
      if (!example.reply.empty()) {
        EXPECT_EQ(reply, example.reply) << command->spec.name << ": " << example.command;
      }
      EXPECT_FALSE(reply.starts_with("(error) ERR unknown command")) << example.command;
      server.CheckInvariants();
    }
  }
}

TEST(SpecTest, EveryGroupIsInOnePlace) {
  std::set<Group> left;
  Group now = AllCommands()[0]->spec.group;
  for (const Command* command : AllCommands()) {
    if (command->spec.group == now) continue;
    left.insert(now);
    now = command->spec.group;
    EXPECT_FALSE(left.contains(now)) << command->spec.name;
  }
}

TEST(SpecTest, UsageIsMadeOfTheGrammar) {
  const CommandTable table;
  EXPECT_EQ(table.Find("get")->Usage(), "GET key");
  EXPECT_EQ(table.Find("ping")->Usage(), "PING [message]");
  EXPECT_EQ(table.Find("client")->Usage(), "CLIENT subcommand [argument ...]");
  EXPECT_EQ(table.Find("client")->Subcommand("setname")->Usage(), "CLIENT SETNAME connection-name");
  EXPECT_EQ(table.Find("memory")->Subcommand("usage")->Usage(), "MEMORY USAGE key [SAMPLES count]");
}

TEST(CommandTableTest, FindsEveryCommandInAnyCase) {
  const CommandTable table;
  EXPECT_EQ(table.all().size(), AllCommands().size());
  for (const Command* command : AllCommands()) {
    std::string name(command->spec.name);
    EXPECT_EQ(table.Find(name), command);
    for (size_t i = 0; i < name.size(); i += 2) name[i] = AsciiUpper(name[i]);
    EXPECT_EQ(table.Find(name), command);
    for (char& c : name) c = AsciiUpper(c);
    EXPECT_EQ(table.Find(name), command);
  }
}

TEST(CommandTableTest, FindsNothingElse) {
  const CommandTable table;
  EXPECT_EQ(table.Find(""), nullptr);
  EXPECT_EQ(table.Find("ge"), nullptr);
  EXPECT_EQ(table.Find("gett"), nullptr);
  EXPECT_EQ(table.Find("client|list"), nullptr);
  EXPECT_EQ(table.Find(std::string_view("get\0", 4)), nullptr);
  EXPECT_EQ(table.Find(std::string_view("\0\0\0", 3)), nullptr);
  EXPECT_EQ(table.Find(std::string(1000000, 'g')), nullptr);
  for (const Command* command : AllCommands()) {
    // Every sign that differs from a right one in one bit.
    std::string name(command->spec.name);
    for (char& c : name) {
      for (int bit = 0; bit < 8; ++bit) {
        const char right = c;
        c = static_cast<char>(c ^ (1 << bit));
        const Command* found = table.Find(name);
        EXPECT_EQ(found != nullptr, found != nullptr && EqualsIgnoreCase(found->spec.name, name));
        if (found == command) {
          EXPECT_EQ(AsciiLower(c), right) << name;
        }
        c = right;
      }
    }
  }
}

TEST(WrongArityTest, HasTheTextOfRedis) {
  EXPECT_EQ(WrongArity("get").text(), "ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(WrongArity("client|list").text(),
            "ERR wrong number of arguments for 'client|list' command");
}

TEST(ExecuteSubcommandTest, FindsChecksAndNamesWhatIsWrong) {
  TestContext server;
  EXPECT_EQ(server.Run("CLIENT id"), "(integer) 7");
  EXPECT_EQ(server.Run("client Id"), "(integer) 7");
  EXPECT_EQ(server.Run("CLIENT"), "(error) ERR wrong number of arguments for 'client' command");
  EXPECT_EQ(server.Run("CLIENT ID x"),
            "(error) ERR wrong number of arguments for 'client|id' command");
  EXPECT_EQ(server.Run("CLIENT SETNAME"),
            "(error) ERR wrong number of arguments for 'client|setname' command");
  EXPECT_EQ(server.Run("CLIENT fOO"), "(error) ERR unknown subcommand 'fOO'. Try CLIENT HELP.");
  EXPECT_EQ(server.Run("CLIENT \"\""), "(error) ERR unknown subcommand ''. Try CLIENT HELP.");
  EXPECT_EQ(server.Run("CLIENT HELP x"),
            "(error) ERR wrong number of arguments for 'client|help' command");
  const std::string shown = server.Run({"CLIENT", std::string(1000, 'x')});
  EXPECT_EQ(shown,
            "(error) ERR unknown subcommand '" + std::string(128, 'x') + "'. Try CLIENT HELP.");
}

TEST(ExecuteSubcommandTest, HelpIsMadeOfTheTable) {
  TestContext server;
  EXPECT_EQ(server.Run("CONFIG HELP"),
            " 1) CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\n"
            " 2) GET glob [glob ...]\n"
            " 3)     Returns the settings whose names match a glob.\n"
            " 4) SET name value [name value ...]\n"
            " 5)     Changes settings, all that are named or none.\n"
            " 6) RESETSTAT\n"
            " 7)     Sets the counters of INFO to zero.\n"
            " 8) REWRITE\n"
            " 9)     Writes the settings as they are now into the configuration file.\n"
            "10) HELP\n"
            "11)     Prints this help.");
}

TEST(KeysOfTest, FollowsTheKeyPositions) {
  const CommandTable table;
  const auto keys = [&](const Command& command, std::vector<std::string_view> words) {
    std::string all;
    for (const std::string_view key : KeysOf(command, words)) all.append(key).append(1, ' ');
    return all;
  };
  EXPECT_EQ(keys(*table.Find("get"), {"get", "a"}), "a ");
  EXPECT_EQ(keys(*table.Find("ping"), {"ping", "a"}), "");
  EXPECT_EQ(keys(*table.Find("mget"), {"mget", "a", "b", "c"}), "a b c ");
  EXPECT_EQ(keys(*table.Find("mset"), {"mset", "a", "1", "b", "2"}), "a b ");
  EXPECT_EQ(keys(*table.Find("rename"), {"rename", "a", "b"}), "a b ");
  EXPECT_EQ(keys(*table.Find("memory")->Subcommand("usage"), {"memory", "usage", "a"}), "a ");
  const Command& counted = *table.Find("ampt.mget");
  EXPECT_EQ(keys(counted, {"ampt.mget", "2", "a", "b", "META"}), "a b ");
  EXPECT_EQ(keys(counted, {"ampt.mget", "0", "a"}), "");
  EXPECT_EQ(keys(counted, {"ampt.mget", "3", "a", "b"}), "");
  EXPECT_EQ(keys(counted, {"ampt.mget", "-1", "a", "b"}), "");
  EXPECT_EQ(keys(counted, {"ampt.mget", "9223372036854775807", "a", "b"}), "");
  EXPECT_EQ(keys(counted, {"ampt.mget", "x", "a", "b"}), "");
  const Command& pairs = *table.Find("ampt.mset");
  EXPECT_EQ(keys(pairs, {"ampt.mset", "2", "a", "1", "b", "2", "QUIET"}), "a b ");
}

TEST(AclCategoriesTest, FollowFlagsAndGroup) {
  const CommandTable table;
  const auto categories = [](const Command& command) {
    std::string all;
    for (const std::string_view name : AclCategories(command)) all.append(name).append(1, ' ');
    return all;
  };
  EXPECT_EQ(categories(*table.Find("get")), "read string fast ");
  EXPECT_EQ(categories(*table.Find("ping")), "fast connection ");
  EXPECT_EQ(categories(*table.Find("info")), "slow dangerous ");
  EXPECT_EQ(categories(*table.Find("client")->Subcommand("kill")),
            "admin slow dangerous connection ");
}

}  // namespace
}  // namespace ampt
