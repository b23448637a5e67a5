// Users, their rules, and what these allow.
#include "server/acl.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/test_context.h"

namespace ampt {
namespace {

constexpr std::string_view kNoCommand =
    "NOPERM this user has no permissions to run the '{}' command";
constexpr std::string_view kNoKey =
    "NOPERM this user has no permissions to access one of the keys used as arguments";
constexpr std::string_view kNoChannel =
    "NOPERM this user has no permissions to access one of the channels used as arguments";
constexpr std::string_view kNoDatabase =
    "NOPERM this user has no permissions to use another database";

class AclTest : public testing::Test, private Acl::Clients {
 protected:
  AclTest() : acl_(settings_, this) {}

  std::string SetUser(const std::string& name, std::string_view rules) {
    const std::vector<std::string> words = SplitCommand(rules);
    const std::vector<std::string_view> views(words.begin(), words.end());
    const Status status = acl_.SetUser(name, views, session_);
    return status.ok() ? "OK" : status.text();
  }

  // What a user hears instead of the command's reply; OK if nothing.
  std::string Ask(const std::string& name, std::string_view line) {
    const AclUser* const user = UserOf(name);
    if (user == nullptr) return "no such user";
    const std::vector<std::string> words = SplitCommand(line);
    const std::vector<std::string_view> views(words.begin(), words.end());
    const Command* command = commands_.Find(views[0]);
    if (command == nullptr) return "no such command";
    if (!command->subcommands.empty()) {
      if (const Command* part = command->Subcommand(views[1])) command = part;
    }
    const Status status = acl_.Check(session_, *user, *command, views, false);
    return status.ok() ? "OK" : status.text();
  }

  // By logging in: the tests' users have this password.
  const AclUser* UserOf(const std::string& name) {
    return acl_.LogIn(session_, name, "pw", "auth");
  }

  std::string LineOf(const std::string& name) {
    for (const std::string& line : acl_.UserLines()) {
      if (line.starts_with("user " + name + " ")) return line;
    }
    return "";
  }

  void CloseClients(const std::function<bool(const AclUser&, const Session&)>& is_meant,
                    const Session&) override {
    closes_ = client_user_ != nullptr && is_meant(*client_user_, session_);
  }

  Settings settings_;
  CommandTable commands_;
  FakeSession session_;
  const AclUser* client_user_ = nullptr;  // of session_
  bool closes_ = false;                   // whether the latest change would close it
  Acl acl_;
};

std::string NoCommand(std::string_view name) {
  return fmt::format(fmt::runtime(kNoCommand), name);
}

TEST_F(AclTest, TheDefaultUserMayDoAll) {
  EXPECT_EQ(LineOf("default"), "user default on nopass ~* &* +@all");
  EXPECT_TRUE(acl_.default_user().is_unrestricted());
  EXPECT_TRUE(acl_.lets_anybody_in());
  EXPECT_EQ(Ask("default", "FLUSHALL"), "OK");
}

TEST_F(AclTest, ANewUserMayDoNothing) {
  EXPECT_EQ(SetUser("bob", ""), "OK");
  EXPECT_EQ(LineOf("bob"), "user bob off resetchannels -@all");
  EXPECT_EQ(UserOf("bob"), nullptr);
  EXPECT_EQ(SetUser("bob", "on >pw"), "OK");
  EXPECT_EQ(Ask("bob", "GET a"), NoCommand("get"));
  EXPECT_EQ(Ask("bob", "CONFIG GET *"), NoCommand("config|get"));
  EXPECT_EQ(Ask("bob", "CLIENT HELP"), NoCommand("client|help"));
  // Before a login there must be one.
  EXPECT_EQ(Ask("bob", "AUTH bob pw"), "OK");
  EXPECT_EQ(Ask("bob", "QUIT"), "OK");
}

TEST_F(AclTest, PasswordsAreKeptAsDigests) {
  SetUser("bob", "on >one >two");
  EXPECT_NE(acl_.LogIn(session_, "bob", "one", "auth"), nullptr);
  EXPECT_NE(acl_.LogIn(session_, "bob", "two", "auth"), nullptr);
  EXPECT_EQ(acl_.LogIn(session_, "bob", "three", "auth"), nullptr);
  EXPECT_EQ(acl_.LogIn(session_, "bob", "", "auth"), nullptr);
  EXPECT_EQ(acl_.LogIn(session_, "alice", "one", "auth"), nullptr);
  EXPECT_EQ(LineOf("bob").find("one"), std::string::npos);
  // SHA-256 of "one".
  const std::string digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
  EXPECT_NE(LineOf("bob").find("#" + digest), std::string::npos);
  EXPECT_EQ(SetUser("bob", "<two"), "OK");
  EXPECT_EQ(acl_.LogIn(session_, "bob", "two", "auth"), nullptr);
  EXPECT_EQ(SetUser("bob", "!" + digest), "OK");
  EXPECT_EQ(acl_.LogIn(session_, "bob", "one", "auth"), nullptr);
  EXPECT_EQ(SetUser("bob", "#" + digest), "OK");
  EXPECT_NE(acl_.LogIn(session_, "bob", "one", "auth"), nullptr);
  EXPECT_EQ(SetUser("bob", "nopass"), "OK");
  EXPECT_NE(acl_.LogIn(session_, "bob", "anything", "auth"), nullptr);
  EXPECT_EQ(SetUser("bob", "resetpass"), "OK");
  EXPECT_EQ(acl_.LogIn(session_, "bob", "anything", "auth"), nullptr);
}

TEST_F(AclTest, WrongRulesAreNamedAndChangeNothing) {
  SetUser("bob", "on >pw ~a* +get");
  const std::string before = LineOf("bob");
  const auto error = [&](std::string_view rule, std::string_view reason) {
    const std::string rules = "+set ~z* " + std::string(rule);
    EXPECT_EQ(SetUser("bob", rules),
              fmt::format("ERR Error in ACL SETUSER modifier '{}': {}", rule, reason));
    EXPECT_EQ(LineOf("bob"), before);
  };
  error("foo", "Syntax error");
  error("+", "Syntax error");
  error("%~a", "Syntax error");
  error("%X~a", "Syntax error");
  error("%R", "Syntax error");
  error("+foo", "Unknown command or category name in ACL");
  error("+@foo", "Unknown command or category name in ACL");
  error("+client|list|x", "Allowing first-arg of a subcommand is not supported");
  error("-client|list|x", "Unknown command or category name in ACL");
  error("+client|foo|bar", "Unknown command or category name in ACL");
  error("+get|a|b", "Unknown command or category name in ACL");
  error("+select|0",
        "Allowing a command with one first argument is not supported; for SELECT there is db=N");
  error("-get|x", "Unknown command or category name in ACL");
  error("#12",
        "The password hash must be exactly 64 characters and contain only lowercase "
        "hexadecimal characters");
  error("<no", "The password you are trying to remove from the user does not exist");
  error("db=16", "A database must be from 0 to 15, or any");
  error("db=x", "A database must be from 0 to 15, or any");
  EXPECT_EQ(SetUser("bob", "(+get ~a"),
            "ERR Unmatched parenthesis in acl selector starting at '(+get'.");
  EXPECT_EQ(SetUser("bob", "allkeys ~a").substr(0, 59),
            "ERR Error in ACL SETUSER modifier '~a': Adding a pattern af");
  EXPECT_EQ(SetUser("bo b", "on"), "ERR Usernames can't contain spaces or null characters");
  EXPECT_EQ(LineOf("bob"), before);
}

TEST_F(AclTest, CommandsByNameAndCategory) {
  SetUser("bob", "on >pw ~* &* +@read +client|list -get");
  EXPECT_EQ(Ask("bob", "MGET a"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.GET a"), "OK");
  EXPECT_EQ(Ask("bob", "GET a"), NoCommand("get"));
  EXPECT_EQ(Ask("bob", "SET a 1"), NoCommand("set"));
  EXPECT_EQ(Ask("bob", "CLIENT LIST"), "OK");
  EXPECT_EQ(Ask("bob", "CLIENT KILL ID 1"), NoCommand("client|kill"));
  SetUser("bob", "+@all -@dangerous -client");
  EXPECT_EQ(Ask("bob", "SET a 1"), "OK");
  EXPECT_EQ(Ask("bob", "FLUSHALL"), NoCommand("flushall"));
  EXPECT_EQ(Ask("bob", "CONFIG GET *"), NoCommand("config|get"));
  EXPECT_EQ(Ask("bob", "CLIENT LIST"), NoCommand("client|list"));
  EXPECT_EQ(LineOf("bob").substr(LineOf("bob").find("~*")), "~* &* +@all -@dangerous -client");
  // The later of two rules about the same is kept.
  SetUser("bob", "+@dangerous +CLIENT -client|kill");
  EXPECT_EQ(LineOf("bob").substr(LineOf("bob").find("~*")),
            "~* &* +@all +@dangerous +client -client|kill");
  SetUser("bob", "nocommands +get");
  EXPECT_EQ(LineOf("bob").substr(LineOf("bob").find("~*")), "~* &* -@all +get");
}

TEST_F(AclTest, EveryCategoryHasItsCommands) {
  for (const std::string_view category : acl_.Categories()) {
    const auto commands = acl_.CommandsOf(category);
    ASSERT_TRUE(commands) << category;
    for (const std::string_view name : *commands) {
      const Command* const command = commands_.Find(name.substr(0, name.find('|')));
      ASSERT_NE(command, nullptr) << name;
    }
  }
  const auto items = acl_.CommandsOf("items");
  EXPECT_NE(std::ranges::find(*items, "ampt.get"), items->end());
  EXPECT_EQ(acl_.CommandsOf("nonsense"), std::nullopt);
}

TEST_F(AclTest, KeysByPatternAndUse) {
  SetUser("bob", "on >pw +@all ~a* %R~r* %W~w*");
  EXPECT_EQ(Ask("bob", "SET a1 x"), "OK");
  EXPECT_EQ(Ask("bob", "SET b x"), kNoKey);
  EXPECT_EQ(Ask("bob", "MGET a1 r1"), "OK");
  EXPECT_EQ(Ask("bob", "MGET a1 w1"), kNoKey);
  EXPECT_EQ(Ask("bob", "SET r1 x"), kNoKey);
  EXPECT_EQ(Ask("bob", "SET w1 x"), "OK");
  EXPECT_EQ(Ask("bob", "SET w1 x GET"), kNoKey);
  EXPECT_EQ(Ask("bob", "INCR w1"), kNoKey);
  EXPECT_EQ(Ask("bob", "EXISTS w1 r1"), "OK");
  EXPECT_EQ(Ask("bob", "EXISTS z"), kNoKey);
  EXPECT_EQ(Ask("bob", "COPY r1 w1"), "OK");
  EXPECT_EQ(Ask("bob", "COPY w1 r1"), kNoKey);
  EXPECT_EQ(Ask("bob", "RENAME r1 w1"), kNoKey);
  EXPECT_EQ(Ask("bob", "RENAME a1 w1"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.MSET 2 w1 {} w2 {}"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.MSET 2 w1 {} r2 {}"), kNoKey);
  EXPECT_EQ(Ask("bob", "AMPT.SET w1 1"), kNoKey);
  EXPECT_EQ(Ask("bob", "AMPT.REMOVE w1"), "OK");
  EXPECT_EQ(Ask("bob", "OBJECT ENCODING z"), kNoKey);
  EXPECT_EQ(Ask("bob", "OBJECT ENCODING r1"), "OK");
  EXPECT_EQ(Ask("bob", "EVAL x 1 r1"), kNoKey);
  EXPECT_EQ(Ask("bob", "EVAL x 1 a1 z"), "OK");
  // Both uses may be given one by one.
  SetUser("bob", "%W~r*");
  EXPECT_EQ(Ask("bob", "INCR r1"), "OK");
  EXPECT_EQ(acl_.DescribeUser("bob")->rights.keys, "~a* ~r* %W~w*");
}

TEST_F(AclTest, KeysOfItemsAreJudgedAsTheyAreStored) {
  SetUser("bob", "on >pw +@all ~open:* ~?secret*");
  EXPECT_EQ(Ask("bob", "AMPT.GET ' open : a '"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.SET ' secret' 1"), kNoKey);
  EXPECT_EQ(Ask("bob", "AMPT.REMOVE ' secret'"), kNoKey);
  EXPECT_EQ(Ask("bob", "AMPT.MGET 1 ' secret'"), kNoKey);
  // A Redis command stores what is written.
  EXPECT_EQ(Ask("bob", "SET ' secret' 1"), "OK");
  EXPECT_EQ(Ask("bob", "GET ' open : a '"), kNoKey);
}

TEST_F(AclTest, AQueryNeedsAPatternThatCoversIt) {
  SetUser("bob", "on >pw +@all ~orders:2* ~exact:key ~glob?:* ~a*b*");
  for (const std::string verb : {"AMPT.GET ", "AMPT.COUNT ", "AMPT.REMOVERANGE "}) {
    EXPECT_EQ(Ask("bob", verb + "orders:2*"), "OK");
    EXPECT_EQ(Ask("bob", verb + "orders:20*"), "OK");
    EXPECT_EQ(Ask("bob", verb + "orders:2021|2022"), "OK");
    EXPECT_EQ(Ask("bob", verb + "' orders : 2*'"), "OK");
    EXPECT_EQ(Ask("bob", verb + "orders:2021|3"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "orders:1|2"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "orders:*"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "orders:>=2"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "orders:<3"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "other:*"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "*"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "globx:*"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "exact:key*"), kNoKey);
    EXPECT_EQ(Ask("bob", verb + "orders:2* LABEL 1"), kNoKey);
  }
  EXPECT_EQ(Ask("bob", "AMPT.GET orders:2* START orders:20 LIMIT 5"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.GET orders:2* START label"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.GET orders:2* START x label label1"), kNoKey);
  EXPECT_EQ(Ask("bob", "AMPT.GET exact:key"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.GET orders:17"), kNoKey);
  SetUser("bob", "~orders:*");
  EXPECT_EQ(Ask("bob", "AMPT.GET orders:*"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.GET orders:>x"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.GET orders:<=x"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.GET orders"), kNoKey);
  EXPECT_EQ(Ask("bob", "AMPT.GETBYLABEL label1 orders:*"), kNoKey);
  // Reading and writing differ here, too.
  SetUser("bob", "resetkeys %R~orders:*");
  EXPECT_EQ(Ask("bob", "AMPT.COUNT orders:*"), "OK");
  EXPECT_EQ(Ask("bob", "AMPT.REMOVERANGE orders:*"), kNoKey);
}

TEST_F(AclTest, WhatNamesNoKeysNeedsAll) {
  SetUser("bob", "on >pw +@all &* ~?*");
  SetUser("all", "on >pw +@all &* ~* -ping");
  SetUser("reader", "on >pw +@all &* %R~*");
  for (const std::string line :
       {"SCAN 0", "KEYS *", "KEYS a*", "RANDOMKEY", "AMPT.GETBYLABEL label1 x", "AMPT.GET *",
        "AMPT.COUNT *", "AMPT.GET x LABEL 1"}) {
    EXPECT_EQ(Ask("bob", line), kNoKey) << line;
    EXPECT_EQ(Ask("all", line), "OK") << line;
    EXPECT_EQ(Ask("reader", line), "OK") << line;
  }
  for (const std::string line : {"FLUSHDB", "FLUSHALL", "AMPT.REMOVERANGE *",
                                 "AMPT.EVENTS CREATE c FILTERS 1 *", "AMPT.EVENTS READ c"}) {
    EXPECT_EQ(Ask("bob", line), kNoKey) << line;
    EXPECT_EQ(Ask("all", line), "OK") << line;
    EXPECT_EQ(Ask("reader", line), kNoKey) << line;
  }
  for (const Command* part : commands_.Find("ampt.events")->subcommands) {
    EXPECT_TRUE(part->Is(kEveryKey)) << part->spec.name;
  }
}

TEST_F(AclTest, Channels) {
  SetUser("bob", "on >pw +@all ~a* &news.* &ampt:*");
  EXPECT_EQ(Ask("bob", "SUBSCRIBE news.uk news.us"), "OK");
  EXPECT_EQ(Ask("bob", "SUBSCRIBE news.uk other"), kNoChannel);
  EXPECT_EQ(Ask("bob", "PUBLISH news.uk x"), "OK");
  EXPECT_EQ(Ask("bob", "PUBLISH other x"), kNoChannel);
  // A client's pattern is compared as it stands.
  EXPECT_EQ(Ask("bob", "PSUBSCRIBE news.*"), "OK");
  EXPECT_EQ(Ask("bob", "PSUBSCRIBE news.u*"), kNoChannel);
  EXPECT_EQ(Ask("bob", "UNSUBSCRIBE other"), "OK");
  // Events tell of every key.
  EXPECT_EQ(Ask("bob", "SUBSCRIBE ampt:*"), kNoChannel);
  EXPECT_EQ(Ask("bob", "PSUBSCRIBE ampt:*"), kNoChannel);
  SetUser("bob", "allkeys");
  EXPECT_EQ(Ask("bob", "SUBSCRIBE ampt:*"), "OK");
  EXPECT_EQ(Ask("bob", "PSUBSCRIBE ampt:*"), "OK");
}

TEST_F(AclTest, OneSelectorMustAllowAll) {
  SetUser("bob", "on >pw +get ~a* (+set ~b* &q) (%R~r* +@read)");
  EXPECT_EQ(Ask("bob", "GET a"), "OK");
  EXPECT_EQ(Ask("bob", "SET b 1"), "OK");
  EXPECT_EQ(Ask("bob", "SET a 1"), kNoKey);
  EXPECT_EQ(Ask("bob", "GET r"), "OK");
  EXPECT_EQ(Ask("bob", "MGET r a"), kNoKey);
  EXPECT_EQ(Ask("bob", "DEL b"), NoCommand("del"));
  const std::string line = LineOf("bob");
  EXPECT_EQ(line.substr(line.find("~a")),
            "~a* resetchannels -@all +get (~b* resetchannels &q -@all +set) (%R~r* resetchannels "
            "-@all +@read)");
  SetUser("bob", "clearselectors");
  EXPECT_EQ(Ask("bob", "SET b 1"), NoCommand("set"));
}

TEST_F(AclTest, OneDatabaseIsNotLeft) {
  SetUser("staging", "on >pw db=3 allkeys allchannels allcommands");
  EXPECT_FALSE(UserOf("staging")->is_unrestricted());
  EXPECT_EQ(*UserOf("staging")->database(), 3);
  EXPECT_EQ(Ask("staging", "SELECT 3"), "OK");
  EXPECT_EQ(Ask("staging", "SELECT 0"), kNoDatabase);
  EXPECT_EQ(Ask("staging", "SELECT +0"), "OK");  // which is no number
  EXPECT_EQ(Ask("staging", "MOVE a 3"), "OK");
  EXPECT_EQ(Ask("staging", "MOVE a 4"), kNoDatabase);
  EXPECT_EQ(Ask("staging", "COPY a b"), "OK");
  EXPECT_EQ(Ask("staging", "COPY a b DB 3"), "OK");
  EXPECT_EQ(Ask("staging", "COPY a b REPLACE db 0"), kNoDatabase);
  EXPECT_EQ(Ask("staging", "COPY a b DB 3 DB 0"), kNoDatabase);
  EXPECT_EQ(Ask("staging", "COPY db 0 DB 3"), "OK");
  EXPECT_EQ(Ask("staging", "FLUSHDB"), "OK");
  EXPECT_EQ(Ask("staging", "FLUSHALL"), kNoDatabase);
  EXPECT_EQ(Ask("staging", "SUBSCRIBE news ampt:* __keyevent@3__:set"), "OK");
  EXPECT_EQ(Ask("staging", "SUBSCRIBE __keyevent@0__:set"), kNoChannel);
  EXPECT_EQ(Ask("staging", "SUBSCRIBE __keyspace@33__:a"), kNoChannel);
  EXPECT_EQ(Ask("staging", "PSUBSCRIBE __key*"), kNoChannel);
  EXPECT_EQ(Ask("staging", "PSUBSCRIBE *"), kNoChannel);
  EXPECT_EQ(Ask("staging", "PSUBSCRIBE __keyspace@3*"), kNoChannel);
  EXPECT_EQ(Ask("staging", "PSUBSCRIBE __keyspace@3__:*"), "OK");
  EXPECT_EQ(Ask("staging", "PSUBSCRIBE news.*"), "OK");
  EXPECT_NE(LineOf("staging").find(" db=3 ~* &* +@all"), std::string::npos);
  SetUser("staging", "db=any");
  EXPECT_EQ(Ask("staging", "SELECT 0"), "OK");
  EXPECT_TRUE(UserOf("staging")->is_unrestricted());
}

TEST_F(AclTest, ClientsAreClosedThatHaveMoreThanTheyMay) {
  SetUser("bob", "on >pw +@all ~* &*");
  client_user_ = UserOf("bob");
  SetUser("bob", "+@all");
  EXPECT_FALSE(closes_);
  // A user who is off keeps the clients that are in.
  SetUser("bob", "off");
  EXPECT_FALSE(closes_);
  SetUser("bob", "on db=0");
  EXPECT_FALSE(closes_);
  SetUser("bob", "db=1");
  EXPECT_TRUE(closes_);
  SetUser("bob", "db=any");
  session_.Subscribe(Topic::kChannel, "news");
  SetUser("bob", "resetchannels &news");
  EXPECT_FALSE(closes_);
  SetUser("bob", "resetchannels &other");
  EXPECT_TRUE(closes_);
  SetUser("bob", "allchannels");
  session_.Subscribe(Topic::kChannel, "ampt:*");
  SetUser("bob", "resetkeys ~a*");
  EXPECT_TRUE(closes_);
  const std::string_view names[] = {"bob", "nobody-knows"};
  EXPECT_EQ(*acl_.DeleteUsers(names, session_), 1);
  EXPECT_TRUE(closes_);
  const std::string_view standard[] = {"default"};
  EXPECT_FALSE(acl_.DeleteUsers(standard, session_).ok());
}

TEST_F(AclTest, OfTwoSelectorsTheOneThatAllowsMoreTellsWhatIsMissing) {
  SetUser("bob", "on >pw +mget ~a (+mget ~a ~b)");
  EXPECT_EQ(Ask("bob", "MGET a b c"), kNoKey);
  EXPECT_EQ(acl_.Refusals(1)[0].object, "c");
  SetUser("bob", "reset on >pw (+mget ~a ~b) +mget ~a");
  EXPECT_EQ(Ask("bob", "MGET a b c"), kNoKey);
  EXPECT_EQ(acl_.Refusals(1)[0].object, "c");
}

TEST_F(AclTest, ANewUserMayUseTheChannelsOfTheSetting) {
  SetUser("old", "on >pw +@all");
  settings_.acl_pubsub_default = PubsubDefault::kAllChannels;
  SetUser("bob", "on >pw +@all (+get ~x)");
  EXPECT_EQ(Ask("bob", "PUBLISH c m"), "OK");
  EXPECT_NE(LineOf("bob").find(" &* "), std::string::npos) << LineOf("bob");
  EXPECT_NE(LineOf("bob").find("(~x &* "), std::string::npos) << LineOf("bob");
  EXPECT_NE(SetUser("bob", "&c"), "OK");
  SetUser("bob", "resetchannels &c");
  EXPECT_EQ(Ask("bob", "PUBLISH d m"), kNoChannel);
  SetUser("bob", "reset on >pw +@all");
  EXPECT_EQ(Ask("bob", "PUBLISH d m"), "OK");
  EXPECT_EQ(Ask("old", "PUBLISH c m"), kNoChannel);
  settings_.acl_pubsub_default = PubsubDefault::kResetChannels;
  SetUser("eve", "on >pw +@all");
  EXPECT_EQ(Ask("eve", "PUBLISH c m"), kNoChannel);
  EXPECT_EQ(Ask("bob", "PUBLISH d m"), "OK");
}

TEST_F(AclTest, RefusalsAreNoted) {
  SetUser("bob", "on >pw +get ~a*");
  session_.client_name = "worker";
  Ask("bob", "SET a 1");
  Ask("bob", "GET b");
  Ask("bob", "GET b");
  acl_.LogIn(session_, "bob", "wrong", "hello");
  const std::vector<RefusalEntry> entries = acl_.Refusals(10);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].reason, "auth");
  EXPECT_EQ(entries[0].object, "hello");
  EXPECT_EQ(entries[0].user, "bob");
  EXPECT_EQ(entries[1].reason, "key");
  EXPECT_EQ(entries[1].object, "b");
  EXPECT_EQ(entries[1].count, 2u);
  EXPECT_EQ(entries[2].reason, "command");
  EXPECT_EQ(entries[2].object, "set");
  EXPECT_EQ(entries[2].context, "toplevel");
  EXPECT_EQ(entries[2].client, "id=7 name=worker");
  EXPECT_EQ(acl_.Refusals(1).size(), 1u);
  settings_.acllog_max_len = 2;
  Ask("bob", "GET c");
  EXPECT_EQ(acl_.Refusals(10).size(), 2u);
  EXPECT_EQ(acl_.Refusals(10)[0].object, "c");
  acl_.ForgetRefusals();
  EXPECT_TRUE(acl_.Refusals(10).empty());
  // What a client sent is not kept without a bound.
  Ask("bob", "GET " + std::string(100'000, 'x'));
  EXPECT_LT(acl_.Refusals(1)[0].object.size(), 1000u);
}

TEST_F(AclTest, RequirepassIsTheDefaultUsersPassword) {
  acl_.SetDefaultPassword("pw");
  EXPECT_FALSE(acl_.lets_anybody_in());
  EXPECT_NE(UserOf("default"), nullptr);
  EXPECT_EQ(acl_.LogIn(session_, "default", "other", "auth"), nullptr);
  acl_.SetDefaultPassword("");
  EXPECT_TRUE(acl_.lets_anybody_in());
  SetUser("default", "off");
  EXPECT_FALSE(acl_.lets_anybody_in());
}

TEST_F(AclTest, LinesOfTheConfigurationFile) {
  settings_.users = {{"ampt.conf:3", "bob", {"on", ">pw", "~a*", "(+get", "~b*)"}}};
  ASSERT_TRUE(acl_.LoadAtStart().ok());
  EXPECT_EQ(Ask("bob", "GET b"), "OK");
  // They are written with digests; the default user only where the settings do not say it all.
  std::vector<UserLine> lines = acl_.LinesForConfig();
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].name, "bob");
  SetUser("default", "-flushall");
  EXPECT_EQ(acl_.LinesForConfig().size(), 2u);
  settings_.users = lines;
  Acl again(settings_, nullptr);
  ASSERT_TRUE(again.LoadAtStart().ok());
  EXPECT_NE(again.LogIn(session_, "bob", "pw", "auth"), nullptr);
  EXPECT_EQ(again.DescribeUser("bob")->selectors.size(), 1u);

  settings_.users = {{"ampt.conf:3", "bob", {"on", "secret"}}};
  EXPECT_EQ(Acl(settings_, nullptr).LoadAtStart().text(),
            "ERR ampt.conf:3: 'user bob': rule number 2: Syntax error");
  settings_.users = {{"ampt.conf:3", "bob", {"on", "+foo"}}};
  EXPECT_EQ(Acl(settings_, nullptr).LoadAtStart().text(),
            "ERR ampt.conf:3: 'user bob': rule '+foo': Unknown command or category name in ACL");
  settings_.aclfile = "users.acl";
  EXPECT_TRUE(Acl(settings_, nullptr).LoadAtStart().text().starts_with("ERR ampt.conf:3: 'user'"));
}

class AclFileTest : public AclTest {
 protected:
  AclFileTest() {
    char name[] = "/tmp/ampt-acl-test.XXXXXX";
    folder_ = mkdtemp(name);
    settings_.aclfile = folder_ + "/users.acl";
  }
  ~AclFileTest() override { std::filesystem::remove_all(folder_); }

  void Write(std::string_view text) { std::ofstream(settings_.aclfile) << text; }
  std::string Text() const {
    std::ostringstream text;
    text << std::ifstream(settings_.aclfile).rdbuf();
    return text.str();
  }
  std::string Load() {
    const Status status = acl_.LoadUsers(session_);
    return status.ok() ? "OK" : status.text();
  }

  std::string folder_;
};

TEST_F(AclFileTest, IsSavedAndLoaded) {
  SetUser("bob", "on >pw db=2 ~a* &c +@read (+set ~b*)");
  ASSERT_TRUE(acl_.SaveUsers().ok());
  EXPECT_EQ(Text(), LineOf("bob") + "\nuser default on nopass ~* &* +@all\n");
  const std::string before = LineOf("bob");
  SetUser("bob", "reset");
  SetUser("late", "on");
  ASSERT_EQ(Load(), "OK");
  EXPECT_EQ(LineOf("bob"), before);
  EXPECT_FALSE(acl_.HasUser("late"));
  Acl again(settings_, nullptr);
  ASSERT_TRUE(again.LoadAtStart().ok());
  EXPECT_EQ(again.UserLines(), acl_.UserLines());
  // Only its owner may read a new one.
  struct stat status {};
  ASSERT_EQ(stat(settings_.aclfile.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_TRUE(acl_.LinesForConfig().empty());
}

TEST_F(AclFileTest, LoadingClosesWhoIsGoneOrChanged) {
  SetUser("bob", "on >pw +@all ~* &*");
  client_user_ = UserOf("bob");
  ASSERT_TRUE(acl_.SaveUsers().ok());
  ASSERT_EQ(Load(), "OK");
  EXPECT_FALSE(closes_);
  EXPECT_EQ(client_user_, UserOf("bob"));
  Write("user bob on >pw +@read ~* &*\n");
  ASSERT_EQ(Load(), "OK");
  EXPECT_TRUE(closes_);
  closes_ = false;
  Write("# nobody\n\n");
  ASSERT_EQ(Load(), "OK");
  EXPECT_TRUE(closes_);
  EXPECT_EQ(LineOf("default"), "user default on nopass ~* &* +@all");
}

TEST_F(AclFileTest, ABadFileChangesNothingAndSaysWhere) {
  SetUser("bob", "on >pw");
  const std::vector<std::string> before = acl_.UserLines();
  Write(
      "user default on nopass ~* &* +@all\nuser eve on >hidden +foo\nusr x\nuser eve on\n"
      "user al hidden\nuser jo (+get\n");
  const std::string& file = settings_.aclfile;
  EXPECT_EQ(
      Load(),
      "ERR " + file +
          ":2: Error in applying operation '+foo': Unknown command or category "
          "name in ACL. " +
          file + ":3 should start with user keyword followed by the username. " + file +
          ":4: Duplicate user 'eve' found. " + file +
          ":5: Error in applying operation number 1: Syntax error. " + file +
          ":6: Unmatched parenthesis in acl selector starting at '(+get'. WARNING: ACL errors "
          "detected, no change to the previously active ACL rules was performed");
  EXPECT_EQ(acl_.UserLines(), before);
  std::filesystem::remove(file);
  EXPECT_EQ(Load(),
            "ERR Error loading ACLs, opening file '" + file + "': No such file or directory");
}

TEST(AclRenameTest, CommandsGoByOtherNames) {
  Settings settings;
  settings.renamed_commands = {{"c:1", "flushall", ""}, {"c:2", "CONFIG", "admin-config"}};
  CommandTable commands;
  const size_t before = commands.all().size();
  ASSERT_TRUE(RenameCommands(settings, commands).ok());
  EXPECT_EQ(commands.Find("flushall"), nullptr);
  EXPECT_EQ(commands.Find("config"), nullptr);
  ASSERT_NE(commands.Find("ADMIN-config"), nullptr);
  EXPECT_EQ(commands.Find("ADMIN-config")->spec.name, "config");
  EXPECT_EQ(commands.all().size(), before - 1);
  settings.renamed_commands = {{"c:3", "flushall", "x"}};
  EXPECT_EQ(RenameCommands(settings, commands).text(),
            "ERR c:3: 'rename-command': there is no command 'flushall'");
  settings.renamed_commands = {{"c:4", "get", "SET"}};
  EXPECT_EQ(RenameCommands(settings, commands).text(),
            "ERR c:4: 'rename-command': 'SET' is a command already");
  settings.renamed_commands = {{"c:5", "admin-config", "config"}};
  EXPECT_TRUE(RenameCommands(settings, commands).ok());
  EXPECT_NE(commands.Find("config"), nullptr);
  EXPECT_EQ(commands.Find("admin-config"), nullptr);
}

}  // namespace
}  // namespace ampt
