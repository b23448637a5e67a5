#include "model/expression.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ampt {
namespace {

// The expression in interval notation, or the error's text.
std::string Show(std::string_view raw) {
  const Result<Expression> expression = ParseExpression(raw);
  if (!expression.ok()) return expression.status().text();
  if (expression->everything) return "everything";
  const Range& range = expression->range;
  if (expression->exact) {
    EXPECT_EQ(range.lower, range.upper);
    EXPECT_TRUE(range.Contains(range.lower));
    return "= " + range.lower;
  }
  return (range.lower_inclusive ? "[" : "(") + range.lower + " .. " + range.upper +
         (range.upper_inclusive ? "]" : ")");
}

constexpr std::string_view kWildcard =
    "ERR Wildcards ('*') can only be used at the end of a key expression";
constexpr std::string_view kAroundBar = "ERR You must supply a key name before and after '|'";

TEST(Expression, SimpleKeysAreExact) {
  for (const std::string raw : {"user", "user*", ">user", "a|b", "**", "<=x"}) {
    EXPECT_EQ(Show(raw), "= " + raw);
  }
  EXPECT_EQ(Show(" user "), "= user");
}

TEST(Expression, TheStarAloneIsEverythingButTheEmptyKey) {
  EXPECT_EQ(Show("*"), "everything");
  EXPECT_EQ(Show(" * "), "everything");
  const Range range = ParseExpression("*")->range;
  EXPECT_FALSE(range.Contains(""));
  EXPECT_TRUE(range.Contains(std::string_view("\0", 1)));
  EXPECT_TRUE(range.Contains("\xFF\xFF\xFF"));
}

TEST(Expression, NamesWithoutOperatorsAreExact) {
  EXPECT_EQ(Show("ns:b"), "= ns:b");
  EXPECT_EQ(Show(" ns : b "), "= ns:b");
  EXPECT_EQ(Show("ns:=e"), "= ns:=e");
  EXPECT_EQ(Show("ns:=>a"), "= ns:=>a");
  EXPECT_EQ(Show("ns:a:>1"), "= ns:a:>1");
  EXPECT_EQ(Show("ns*:a"), "= ns*:a");
}

TEST(Expression, Prefixes) {
  EXPECT_EQ(Show("ns:*"), "[ns: .. ns;)");
  EXPECT_EQ(Show(" ns : * "), "[ns: .. ns;)");
  EXPECT_EQ(Show("ns*:*"), "[ns*: .. ns*;)");
  EXPECT_EQ(Show("ns:orders*"), "[ns:orders .. ns:ordert)");
  EXPECT_EQ(Show("ns:orders *"), "[ns:orders  .. ns:orders!)");
  EXPECT_EQ(Show("ns: a : b*"), "[ns:a:b .. ns:a:c)");
  EXPECT_EQ(Show("ns:a:*"), "[ns:a: .. ns:a;)");
  EXPECT_EQ(Show("ns:a:>=1*"), "[ns:a:>=1 .. ns:a:>=2)");
}

TEST(Expression, OpenRangesStayInTheirNamespace) {
  EXPECT_EQ(Show("ns:>b"), "(ns:b .. ns;)");
  EXPECT_EQ(Show("ns:>=b"), "[ns:b .. ns;)");
  EXPECT_EQ(Show("ns:<b"), "[ns: .. ns:b)");
  EXPECT_EQ(Show("ns:<=b"), "[ns: .. ns:b]");
  EXPECT_FALSE(ParseExpression("ns:>b")->range.Contains("ns;x"));
  EXPECT_TRUE(ParseExpression("ns:>b")->range.Contains("ns:\xFF\xFF"));
  EXPECT_TRUE(ParseExpression("ns:<b")->range.Contains("ns:"));
  EXPECT_FALSE(ParseExpression("ns:<b")->range.Contains("ns"));
}

TEST(Expression, OperandsAreTrimmedAndLoseTheirStar) {
  EXPECT_EQ(Show("ns:> b"), "(ns:b .. ns;)");
  EXPECT_EQ(Show("ns: >\tb "), "(ns:b .. ns;)");
  EXPECT_EQ(Show("ns:>b*"), "(ns:b .. ns;)");
  EXPECT_EQ(Show("ns:<= b*"), "[ns: .. ns:b]");
  EXPECT_EQ(Show("ns:> a : b"), "(ns:a:b .. ns;)");
}

TEST(Expression, WhatFollowsAnOperatorIsLiteral) {
  EXPECT_EQ(Show("ns:>>a"), "(ns:>a .. ns;)");
  EXPECT_EQ(Show("ns:>=>a"), "[ns:>a .. ns;)");
  EXPECT_EQ(Show("ns:<>a"), "[ns: .. ns:>a)");
  EXPECT_EQ(Show("ns:>a|b"), "(ns:a|b .. ns;)");
  EXPECT_EQ(Show("ns:>= =e"), "[ns:=e .. ns;)");
}

TEST(Expression, BothEndsOfAPairAreIncluded) {
  EXPECT_EQ(Show("ns:a|b"), "[ns:a .. ns:b]");
  EXPECT_EQ(Show("ns:a|a"), "[ns:a .. ns:a]");
  EXPECT_EQ(Show("ns: a | b "), "[ns:a .. ns:b]");
  EXPECT_EQ(Show("ns:a|b*"), "[ns:a .. ns:b]");
  EXPECT_EQ(Show("ns:a|b|c"), "[ns:a .. ns:b]");
  EXPECT_EQ(Show("ns:a|b|"), "[ns:a .. ns:b]");
  EXPECT_EQ(Show("ns:a:1|a:2"), "[ns:a:1 .. ns:a:2]");
  EXPECT_FALSE(ParseExpression("ns:2021-05|2021-06")->range.Contains("ns:2021-06-01"));
}

TEST(Expression, MisplacedWildcards) {
  for (const std::string_view raw : {"ns:**", "ns:*orders", "ns:or*ders", "ns:or*d*", "ns:a*|b*",
                                     "ns:*|b", "ns:a*|*", "ns:>a*b", "ns:<=*a"}) {
    EXPECT_EQ(Show(raw), kWildcard) << raw;
  }
}

TEST(Expression, MissingOperands) {
  for (const std::string op : {">", ">=", "<", "<="}) {
    const std::string error = "ERR You must supply a key name after '" + op + "'";
    EXPECT_EQ(Show("ns:" + op), error);
    EXPECT_EQ(Show("ns:" + op + " "), error);
    EXPECT_EQ(Show("ns:" + op + "*"), error);
    EXPECT_EQ(Show("ns:" + op + " *"), error);
  }
  for (const std::string_view raw : {"ns:|a", "ns:a|", "ns:|", "ns:a| |c", "ns:a|*", "ns:||"}) {
    EXPECT_EQ(Show(raw), kAroundBar) << raw;
  }
}

TEST(Expression, BoundsMustBeInOrder) {
  EXPECT_TRUE(Show("ns:b|a").starts_with(
      "ERR The BETWEEN operator requires upper bound to be greater than or equal to lower bound"));
  // The order is that of bytes.
  EXPECT_EQ(Show("ns:Z|a"), "[ns:Z .. ns:a]");
  EXPECT_EQ(Show("ns:z|é"), "[ns:z .. ns:é]");
}

TEST(Expression, KeyRulesHoldForTheWholeExpression) {
  const std::string text(255, 'k');
  EXPECT_EQ(Show("ns:" + text + "*"), "[ns:" + text + " .. ns:" + text.substr(1) + "l)");
  const std::string too_long = "ERR Invalid key: Maximum Key size is 256 bytes";
  EXPECT_EQ(Show("ns:k" + text + "*"), too_long);
  EXPECT_EQ(Show("ns:>k" + text), too_long);
  EXPECT_EQ(Show("ns:" + text.substr(0, 200) + "|" + text.substr(0, 200)), too_long);
  EXPECT_EQ(Show("ns:"), "ERR Invalid key");
  EXPECT_EQ(Show("ns:>\xFF"), "ERR Invalid key: not valid UTF-8 (byte 4)");
  // Looked for in this order: key, wildcard position, operand.
  EXPECT_EQ(Show(":**"), "ERR Invalid key");
  EXPECT_EQ(Show("ns:>**"), kWildcard);
}

TEST(Expression, FormOfAgreesWithTheParser) {
  for (const std::string_view key : {"a", ">a", "a*", "a|b", "ns:a", "ns:=e", "ns:a:>1"}) {
    EXPECT_EQ(FormOf(key), KeyForm::kExact) << key;
    EXPECT_TRUE(ParseExpression(key)->exact) << key;
  }
  for (const std::string_view key : {"*", "ns:*", "ns:a*", "ns:>a", "ns:<a", "ns:a|b"}) {
    EXPECT_EQ(FormOf(key), KeyForm::kQuery) << key;
    EXPECT_FALSE(ParseExpression(key)->exact) << key;
  }
  for (const std::string_view key : {"ns:>", "ns:|", "ns:a*|b", "ns:b|a", "ns:**"}) {
    EXPECT_EQ(FormOf(key), KeyForm::kQuery) << key;
    EXPECT_FALSE(ParseExpression(key).ok()) << key;
  }
  EXPECT_EQ(FormOf("ns:a*b"), KeyForm::kMisplacedWildcard);
  EXPECT_EQ(FormOf("ns:*b"), KeyForm::kMisplacedWildcard);
}

TEST(Expression, PrefixSuccessor) {
  EXPECT_EQ(PrefixSuccessor("a"), "b");
  EXPECT_EQ(PrefixSuccessor("a\xFF\xFF"), "b");
  EXPECT_EQ(PrefixSuccessor("a\x7F"), "a\x80");
  EXPECT_EQ(PrefixSuccessor("\xFF\xFF"), "");
  EXPECT_EQ(PrefixSuccessor(""), "");
}

TEST(LabelCursor, RoundTrip) {
  EXPECT_EQ(JoinLabelCursor("lu-3", "ld:2021"), "lu-3|ld:2021");
  EXPECT_EQ(JoinLabelCursor("a|b", "c\\d"), "a\\|b|c\\\\d");
  for (const std::string key : {"k", "a|b", "\\", "|", "\\|", "ns:k\\"}) {
    for (const std::string label : {"l", "|", "\\\\", "x:|y"}) {
      const Result<LabelCursor> parts = SplitLabelCursor(JoinLabelCursor(key, label));
      ASSERT_TRUE(parts.ok());
      EXPECT_EQ(parts->key, key);
      EXPECT_EQ(parts->label, label);
    }
  }
}

TEST(LabelCursor, AnythingElseIsRefused) {
  for (const std::string_view cursor :
       {"", "k", "k|", "|l", "|", "k|l|m", "k\\|l", "k|l\\", "k\\n|l", "\\"}) {
    const Result<LabelCursor> parts = SplitLabelCursor(cursor);
    ASSERT_FALSE(parts.ok()) << cursor;
    EXPECT_EQ(parts.status().text(), "ERR Invalid key");
  }
}

constexpr std::string_view kOutside =
    "ERR The provided starting key does not match the range key predicate";

std::string Start(std::string_view start, std::string_view expression) {
  const Result<std::string> key = ResolveStart(start, ParseExpression(expression)->range);
  return key.ok() ? *key : key.status().text();
}

TEST(Start, TakenByteForByteWhereItLiesInTheRange) {
  EXPECT_EQ(Start("ns:a", "ns:*"), "ns:a");
  EXPECT_EQ(Start("ns: a ", "ns:*"), "ns: a ");
  EXPECT_EQ(Start("ns:\xFF", "ns:*"), "ns:\xFF");
  EXPECT_EQ(Start(" a ", "*"), " a ");
}

TEST(Start, ElseReadLikeAKey) {
  EXPECT_EQ(Start(" ns : a ", "ns:*"), "ns:a");
  EXPECT_EQ(Start("ns: c", "ns:b*"), kOutside);
  EXPECT_EQ(Start("ns: b", "ns:b*"), "ns:b");
  EXPECT_EQ(Start("other:a", "ns:*"), kOutside);
  EXPECT_EQ(Start("ns", "ns:*"), kOutside);
  EXPECT_EQ(Start("other:", "ns:*"), "ERR Invalid key");
  EXPECT_EQ(Start("x\xFF", "ns:*"), "ERR Invalid key: not valid UTF-8 (byte 1)");
}

std::string LabelStart(std::string_view start, std::string_view expression) {
  const Result<LabelCursor> cursor = ResolveLabelStart(start, ParseExpression(expression)->range);
  return cursor.ok() ? cursor->key + " / " + cursor->label : cursor.status().text();
}

TEST(Start, OfALabelPage) {
  EXPECT_EQ(LabelStart("k|ld:a", "ld:*"), "k / ld:a");
  EXPECT_EQ(LabelStart(" k |ld:a", "ld:*"), " k  / ld:a");
  EXPECT_EQ(LabelStart(" k | ld : a", "ld:*"), "k / ld:a");
  EXPECT_EQ(LabelStart("k|le:a", "ld:*"), kOutside);
  EXPECT_EQ(LabelStart("k", "ld:*"), "ERR Invalid key");
  EXPECT_EQ(LabelStart("k| ", "ld:*"), "ERR Invalid key");
  EXPECT_EQ(LabelStart(" | ld:a", "ld:*"), "ERR Invalid key");
}

}  // namespace
}  // namespace ampt
