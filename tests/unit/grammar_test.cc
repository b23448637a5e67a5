// Grammars: what each part takes, what a grammar says of itself, and what it answers to wrong
// words.
#include "commands/grammar.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ampt::grammar {
namespace {

enum class Mode : uint8_t { kUpsert, kReplace };

struct Args {
  std::string_view key;
  int64_t number = 0;
  std::optional<std::string_view> maybe;
  bool meta = false;
  bool quiet = false;
  Mode mode = Mode::kUpsert;
  std::optional<int64_t> limit;
  std::optional<bool> exists;
  std::string_view text;
  Words words;
};

// "OK", or the error.
template <typename G>
std::string Parse(const G& grammar, const std::vector<std::string_view>& words, Args* args) {
  std::vector<std::string_view> all = {"cmd"};
  all.insert(all.end(), words.begin(), words.end());
  const Status status = grammar.Parse(all, args);
  return status.ok() ? "OK" : status.text();
}
template <typename G>
std::string Parse(const G& grammar, const std::vector<std::string_view>& words) {
  Args args;
  return Parse(grammar, words, &args);
}

constexpr auto kAmptOptions = Ampt<Args>(
    Key("key", &Args::key), OneOf(Flag("META", &Args::meta), Flag("QUIET", &Args::quiet)),
    Flag("OVERWRITE", &Args::mode, Mode::kReplace), Option("LIMIT", "n", &Args::limit),
    Option("EXISTS", "bool", &Args::exists), Option("TTL", "when", &Args::text));
constexpr auto kRedisOptions = Redis<Args>(
    Key("key", &Args::key), OneOf(Flag("META", &Args::meta), Flag("QUIET", &Args::quiet)),
    Option("LIMIT", "n", &Args::limit), Option("TTL", "when", &Args::text));

TEST(GrammarTest, ReadsPositionsAndOptionsInAnyOrder) {
  Args args;
  ASSERT_EQ(Parse(kAmptOptions, {"k", "exists", "NO", "Limit", "-7", "meta", "TTL", ""}, &args),
            "OK");
  EXPECT_EQ(args.key, "k");
  EXPECT_EQ(args.exists, false);
  EXPECT_EQ(args.limit, -7);
  EXPECT_TRUE(args.meta);
  EXPECT_FALSE(args.quiet);
  EXPECT_EQ(args.text, "");
  EXPECT_EQ(args.mode, Mode::kUpsert);
  ASSERT_EQ(Parse(kAmptOptions, {"META", "OVERWRITE"}, &args), "OK");
  EXPECT_EQ(args.key, "META");
  EXPECT_EQ(args.mode, Mode::kReplace);
}

TEST(GrammarTest, AnOptionsWordMayLookLikeAnOption) {
  Args args;
  ASSERT_EQ(Parse(kAmptOptions, {"k", "TTL", "META", "QUIET"}, &args), "OK");
  EXPECT_EQ(args.text, "META");
  EXPECT_FALSE(args.meta);
  EXPECT_TRUE(args.quiet);
}

TEST(GrammarTest, AmptErrorsNameTheOption) {
  EXPECT_EQ(Parse(kAmptOptions, {"k", "FOO"}), "ERR syntax error: unknown option 'FOO'");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "LIMIT", "1", "x"}), "ERR syntax error: unknown option 'x'");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "limit", "1", "LIMIT", "1"}),
            "ERR syntax error: option 'LIMIT' given twice");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "META", "META"}),
            "ERR syntax error: option 'META' given twice");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "OVERWRITE", "OVERWRITE"}),
            "ERR syntax error: option 'OVERWRITE' given twice");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "QUIET", "LIMIT", "2", "meta"}),
            "ERR syntax error: META and QUIET exclude each other");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "TTL"}), "ERR syntax error: option 'TTL' needs a value");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "LIMIT", "1x"}),
            "ERR value is not an integer or out of range");
  EXPECT_EQ(Parse(kAmptOptions, {"k", "EXISTS", "maybe"}),
            "ERR EXISTS must be true, false, yes or no");
}

TEST(GrammarTest, RedisErrorsAreThoseOfRedis) {
  EXPECT_EQ(Parse(kRedisOptions, {"k", "FOO"}), "ERR syntax error");
  EXPECT_EQ(Parse(kRedisOptions, {"k", "LIMIT", "1", "LIMIT", "1"}), "ERR syntax error");
  EXPECT_EQ(Parse(kRedisOptions, {"k", "META", "QUIET"}), "ERR syntax error");
  EXPECT_EQ(Parse(kRedisOptions, {"k", "TTL"}), "ERR syntax error");
  EXPECT_EQ(Parse(kRedisOptions, {"k", "LIMIT", "x"}),
            "ERR value is not an integer or out of range");
  // SET key value NX NX is fine with Redis.
  EXPECT_EQ(Parse(kRedisOptions, {"k", "META", "META"}), "OK");
}

TEST(GrammarTest, AWordInAnErrorIsShortAndPrintable) {
  EXPECT_EQ(Parse(kAmptOptions, {"k", std::string_view("a\r\n\0\xff'\\", 7)}),
            "ERR syntax error: unknown option 'a\\x0d\\x0a\\x00\\xff\\'\\\\'");
  const std::string full(64, 'x');
  EXPECT_EQ(Parse(kAmptOptions, {"k", full}), "ERR syntax error: unknown option '" + full + "'");
  const std::string huge(1000000, 'x');
  EXPECT_EQ(Parse(kAmptOptions, {"k", huge}), "ERR syntax error: unknown option '" + full + "...'");
}

TEST(GrammarTest, IntegersAreReadAsRedisReadsThem) {
  constexpr auto kNumber = Redis<Args>(Word("n", &Args::number));
  Args args;
  EXPECT_EQ(Parse(kNumber, {"-9223372036854775808"}, &args), "OK");
  EXPECT_EQ(args.number, INT64_MIN);
  EXPECT_EQ(Parse(kNumber, {"9223372036854775807"}, &args), "OK");
  EXPECT_EQ(args.number, INT64_MAX);
  EXPECT_EQ(Parse(kNumber, {"0"}, &args), "OK");
  EXPECT_EQ(args.number, 0);
  for (const std::string_view bad : {"", "-", "-0", "01", "+1", " 1", "1 ", "1.0", "1e3", "0x1",
                                     "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(Parse(kNumber, {bad}), "ERR value is not an integer or out of range") << bad;
  }
}

TEST(GrammarTest, AMaybeMayBeMissing) {
  constexpr auto kMaybe = Redis<Args>(Key("key", &Args::key), Maybe("count", &Args::maybe));
  Args args;
  EXPECT_EQ(Parse(kMaybe, {"k"}, &args), "OK");
  EXPECT_EQ(args.maybe, std::nullopt);
  EXPECT_EQ(Parse(kMaybe, {"k", ""}, &args), "OK");
  EXPECT_EQ(args.maybe, "");
  EXPECT_EQ(Parse(kMaybe, {"k", "1", "2"}), "ERR syntax error");
  EXPECT_EQ(kMaybe.Arity(), -2);
  EXPECT_EQ(kMaybe.Usage(), " key [count]");

  constexpr auto kMaybeWords = Redis<Args>(Maybe("name", &Args::words));
  EXPECT_EQ(Parse(kMaybeWords, {}, &args), "OK");
  EXPECT_TRUE(args.words.empty());
  EXPECT_EQ(kMaybeWords.Arity(), -1);
  EXPECT_EQ(kMaybeWords.Usage(), " [name ...]");
  const std::vector<ArgumentDoc> docs = kMaybeWords.Arguments();
  ASSERT_EQ(docs.size(), 1u);
  EXPECT_TRUE(docs[0].optional);
  EXPECT_TRUE(docs[0].multiple);
}

TEST(GrammarTest, ARestTakesAllWords) {
  constexpr auto kRest = Redis<Args>(Rest("key", &Args::words, kAreKeys));
  const std::vector<std::string_view> words = {"cmd", "a", "META", "b"};
  Args args;
  ASSERT_TRUE(kRest.Parse(words, &args).ok());
  ASSERT_EQ(args.words.size(), 3u);
  EXPECT_EQ(args.words[1], "META");
  EXPECT_EQ(kRest.Arity(), -2);
  EXPECT_EQ(kRest.Keys().first, 1);
  EXPECT_EQ(kRest.Keys().last, -1);
  EXPECT_EQ(kRest.Keys().step, 1);

  constexpr auto kPairs = Redis<Args>(Rest("key value", &Args::words, kAreKeys, 2));
  EXPECT_EQ(kPairs.Arity(), -3);
  EXPECT_EQ(kPairs.Keys().step, 2);
  EXPECT_EQ(kPairs.Usage(), " key value [key value ...]");
}

TEST(GrammarTest, ACountSaysHowManyFollow) {
  constexpr auto kCounted =
      Ampt<Args>(Counted("numitems", "key item", &Args::words, 2), Flag("META", &Args::meta));
  const std::vector<std::string_view> words = {"cmd", "2", "a", "1", "b", "2", "META"};
  Args args;
  ASSERT_TRUE(kCounted.Parse(words, &args).ok());
  EXPECT_EQ(args.words.size(), 4u);
  EXPECT_TRUE(args.meta);
  EXPECT_EQ(Parse(kCounted, {"0", "META"}, &args), "OK");
  EXPECT_TRUE(args.words.empty());
  for (const std::string_view bad :
       {"2", "-1", "x", "", "4611686018427387905", "9223372036854775807", "-9223372036854775808"}) {
    EXPECT_EQ(Parse(kCounted, {bad, "a", "1", "b"}),
              "ERR syntax error: numitems does not fit the words that follow it")
        << bad;
  }
  EXPECT_EQ(Parse(kCounted, {"1", "a", "1", "b"}), "ERR syntax error: unknown option 'b'");
  // A count that is wrong has an error of its own, so the count is all that must be there.
  EXPECT_EQ(kCounted.Arity(), -2);
  EXPECT_EQ(kCounted.Keys().count_at, 1);
  EXPECT_EQ(kCounted.Keys().first, 2);
  EXPECT_EQ(kCounted.Keys().step, 2);
  constexpr auto kRedisCounted = Redis<Args>(Counted("numkeys", "key", &Args::words));
  EXPECT_EQ(Parse(kRedisCounted, {"2", "a"}),
            "ERR Number of keys can't be greater than number of args");
}

TEST(GrammarTest, ArityKeysAndUsageFollowFromTheParts) {
  EXPECT_EQ(kAmptOptions.Arity(), -2);
  EXPECT_EQ(kAmptOptions.Keys().first, 1);
  EXPECT_EQ(kAmptOptions.Keys().last, 1);
  EXPECT_EQ(kAmptOptions.Usage(),
            " key [META | QUIET] [OVERWRITE] [LIMIT n] [EXISTS bool] [TTL when]");
  constexpr auto kTwoKeys = Redis<Args>(Key("source", &Args::key), Key("target", &Args::text));
  EXPECT_EQ(kTwoKeys.Arity(), 3);
  EXPECT_EQ(kTwoKeys.Keys().first, 1);
  EXPECT_EQ(kTwoKeys.Keys().last, 2);
  constexpr auto kKeySecond = Redis<Args>(Word("n", &Args::number), Key("key", &Args::key));
  EXPECT_EQ(kKeySecond.Keys().first, 2);
  EXPECT_EQ(kKeySecond.Keys().last, 2);
  constexpr auto kNothing = Redis<Args>();
  EXPECT_EQ(kNothing.Arity(), 1);
  EXPECT_EQ(kNothing.Keys().first, 0);
  EXPECT_EQ(kNothing.Usage(), "");
}

TEST(GrammarTest, ArgumentsDescribeTheParts) {
  const std::vector<ArgumentDoc> docs = kAmptOptions.Arguments();
  ASSERT_EQ(docs.size(), 6u);
  EXPECT_EQ(docs[0].name, "key");
  EXPECT_EQ(docs[0].type, "key");
  EXPECT_FALSE(docs[0].optional);
  EXPECT_EQ(docs[1].type, "oneof");
  EXPECT_EQ(docs[1].name, "meta-or-quiet");
  EXPECT_TRUE(docs[1].optional);
  ASSERT_EQ(docs[1].parts.size(), 2u);
  EXPECT_EQ(docs[1].parts[1].token, "QUIET");
  EXPECT_EQ(docs[1].parts[1].type, "pure-token");
  EXPECT_FALSE(docs[1].parts[1].optional);
  EXPECT_EQ(docs[3].name, "n");
  EXPECT_EQ(docs[3].token, "LIMIT");
  EXPECT_EQ(docs[3].type, "integer");
}

TEST(GrammarTest, ParseFromBeginsAtAnotherWord) {
  const std::vector<std::string_view> words = {"cmd", "skipped", "k", "META"};
  Args args;
  ASSERT_TRUE(kAmptOptions.ParseFrom(words, 2, &args).ok());
  EXPECT_EQ(args.key, "k");
  EXPECT_TRUE(args.meta);
}

TEST(DefineTest, ASubcommandCountsItsContainer) {
  EXPECT_EQ(Shifted(2, 1), 3);
  EXPECT_EQ(Shifted(-2, 1), -3);
  EXPECT_EQ(Shifted(-2, 0), -2);
  const KeyPositions one = Shifted(KeyPositions{1, 1, 1, 0}, 1);
  EXPECT_EQ(one.first, 2);
  EXPECT_EQ(one.last, 2);
  const KeyPositions open = Shifted(KeyPositions{1, -1, 2, 0}, 1);
  EXPECT_EQ(open.first, 2);
  EXPECT_EQ(open.last, -1);
  EXPECT_EQ(open.step, 2);
  EXPECT_EQ(Shifted(KeyPositions{}, 1).first, 0);
  EXPECT_EQ(Shifted(KeyPositions{2, 2, 1, 1}, 1).count_at, 2);
  EXPECT_EQ(WordsBefore(Spec{.name = "client|list"}), 1);
  EXPECT_EQ(WordsBefore(Spec{.name = "client"}), 0);
}

}  // namespace
}  // namespace ampt::grammar
