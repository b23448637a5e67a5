#include "model/when.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>

namespace ampt {
namespace {

constexpr TimeMs kNow = 1'795'301'726'123;  // 2026-11-21T22:55:26.123Z

std::string Iso(TimeMs time_ms) {
  std::string text;
  AppendIsoDate(time_ms, &text);
  return text;
}

// The deadline as a date, "none", or the error's text.
std::string When(std::string_view text) {
  const Result<std::optional<TimeMs>> when = ParseWhen(text, kNow);
  if (!when.ok()) return when.status().text();
  return *when ? Iso(**when) : "none";
}

std::string Date(std::string_view text) {
  const Result<TimeMs> date = ParseIsoDate(text);
  return date.ok() ? Iso(*date) : date.status().text();
}

constexpr std::string_view kInvalid = "ERR Invalid ttl value.";

TEST(When, SmallIntegersAreSecondsFromNow) {
  EXPECT_EQ(*ParseWhen("3600", kNow), kNow + 3'600'000);
  EXPECT_EQ(*ParseWhen("0", kNow), kNow);
  EXPECT_EQ(*ParseWhen("-0", kNow), kNow);
  EXPECT_EQ(*ParseWhen("-10", kNow), kNow - 10'000);
  EXPECT_EQ(*ParseWhen("2030", kNow), kNow + 2'030'000);
  EXPECT_EQ(*ParseWhen("315359999", kNow), kNow + 315'359'999'000);
}

TEST(When, LargeIntegersAreEpochSeconds) {
  EXPECT_EQ(*ParseWhen("315360000", kNow), 315'360'000'000);
  EXPECT_EQ(When("1795301732"), "2026-11-21T22:55:32.000Z");
  EXPECT_EQ(When("253402300799"), "9999-12-31T23:59:59.000Z");
}

TEST(When, IntegersOutOfBoundsAreRefused) {
  for (const std::string_view text :
       {"253402300800", "-253402300800", "9223372036854775", "9223372036854775807",
        "-9223372036854775808", "9223372036854775808", "18446744073709551617",
        "99999999999999999999999999999999"}) {
    EXPECT_EQ(When(text), kInvalid) << text;
  }
}

TEST(When, EmptyRemovesTheDeadline) {
  EXPECT_EQ(When(""), "none");
}

TEST(When, IsoDates) {
  EXPECT_EQ(When("2030-06"), "2030-06-01T00:00:00.000Z");
  EXPECT_EQ(When("2030-06-15"), "2030-06-15T00:00:00.000Z");
  EXPECT_EQ(When("2030-06-15T10:20"), "2030-06-15T10:20:00.000Z");
  EXPECT_EQ(When("2030-06-15T10:20Z"), "2030-06-15T10:20:00.000Z");
  EXPECT_EQ(When("2030-06-15T10:20:30"), "2030-06-15T10:20:30.000Z");
  EXPECT_EQ(When("2030-06-15T10:20:30.5"), "2030-06-15T10:20:30.500Z");
  EXPECT_EQ(When("2030-06-15T10:20:30.123999Z"), "2030-06-15T10:20:30.123Z");
  EXPECT_EQ(When("2030-06-15T10:20:30.00000000000000000001Z"), "2030-06-15T10:20:30.000Z");
  EXPECT_EQ(When("2030-06-15T10:20:30+02:30"), "2030-06-15T07:50:30.000Z");
  EXPECT_EQ(When("2030-06-15T23:20-02:30"), "2030-06-16T01:50:00.000Z");
  EXPECT_EQ(When("2038-01-19T03:14:08Z"), "2038-01-19T03:14:08.000Z");
  EXPECT_EQ(When("1969-12-31T23:59:59.999Z"), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(When("0000-01-01"), "0000-01-01T00:00:00.000Z");
  EXPECT_EQ(When("9999-12-31T23:59:59.999Z"), "9999-12-31T23:59:59.999Z");
}

TEST(When, DatesMustBeReal) {
  EXPECT_EQ(When("2028-02-29"), "2028-02-29T00:00:00.000Z");
  for (const std::string_view text :
       {"2030-02-29", "2100-02-29", "2030-02-30", "2030-04-31", "2030-00", "2030-13", "2030-01-00",
        "2030-01-32", "2030-01-01T24:00", "2030-01-01T23:60", "2030-01-01T23:59:60",
        "2030-01-01T00:00+24:00", "2030-01-01T00:00+00:60", "9999-12-31T23:59:59-00:01"}) {
    EXPECT_EQ(When(text), kInvalid) << text;
  }
}

TEST(When, AnythingElseIsRefused) {
  for (const std::string_view text : {"junk",
                                      " ",
                                      " 5",
                                      "5 ",
                                      "+5",
                                      "-",
                                      "--5",
                                      "1.5",
                                      "1e3",
                                      "0x10",
                                      "5s",
                                      "2030-",
                                      "2030-6",
                                      "2030-06-1",
                                      "2030-06-15T",
                                      "2030-06-15T10",
                                      "2030-06-15T10:2",
                                      "2030-06-15T10:20:",
                                      "2030-06-15T10:20:30.",
                                      "2030-06-15T10:20:30.Z",
                                      "2030-06-15T10:20:30,5",
                                      "2030-06-15 10:20",
                                      "2030-06-15t10:20",
                                      "2030-06-15T10:20z",
                                      "2030-06-15T10:20+02",
                                      "2030-06-15T10:20+0200",
                                      "2030-06-15T10:20ZZ",
                                      "2030-06-15T10:20 ",
                                      "2030-06-15Z",
                                      "2030T10:20",
                                      "2030-06T10:20",
                                      "2030/06/15",
                                      "June 15, 2030",
                                      "10:00",
                                      "+02030-06-15",
                                      "-002030-06-15",
                                      "10000-01-01",
                                      "20300615T1020",
                                      "٢٠٣٠-06"}) {
    EXPECT_EQ(When(text), kInvalid) << text;
  }
  EXPECT_EQ(When(std::string_view("2030-06-15\0", 11)), kInvalid);
}

TEST(IsoDate, TakesAYearAloneButNoOtherInteger) {
  EXPECT_EQ(Date("2030"), "2030-01-01T00:00:00.000Z");
  EXPECT_EQ(Date("2030-06-15T10:20:30Z"), "2030-06-15T10:20:30.000Z");
  for (const std::string_view text : {"", "0", "3", "203", "20300", "20300615", "-2030", "3600s"}) {
    EXPECT_EQ(Date(text), kInvalid) << text;
  }
}

TEST(IsoDate, EveryTimeHasAText) {
  EXPECT_EQ(Iso(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(Iso(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(Iso(kNow), "2026-11-21T22:55:26.123Z");
  EXPECT_EQ(Iso(253'402'300'800'000), "+010000-01-01T00:00:00.000Z");
  // The two ends of ECMAScript's Date.
  EXPECT_EQ(Iso(8'640'000'000'000'000), "+275760-09-13T00:00:00.000Z");
  EXPECT_EQ(Iso(-8'640'000'000'000'000), "-271821-04-20T00:00:00.000Z");
  EXPECT_EQ(Iso(std::numeric_limits<TimeMs>::max()), "+292278994-08-17T07:12:55.807Z");
  EXPECT_EQ(Iso(std::numeric_limits<TimeMs>::min()), "-292275055-05-16T16:47:04.192Z");
}

TEST(IsoDate, EveryDayReadsBack) {
  const Result<TimeMs> first = ParseIsoDate("0000-01-01");
  const Result<TimeMs> last = ParseIsoDate("9999-12-31");
  ASSERT_TRUE(first.ok() && last.ok());
  constexpr TimeMs kStep = TimeMs{31} * 86'400'000 + 12'345'678;
  for (TimeMs time_ms = *first; time_ms < *last; time_ms += kStep) {
    const Result<TimeMs> again = ParseIsoDate(Iso(time_ms));
    ASSERT_TRUE(again.ok()) << Iso(time_ms);
    ASSERT_EQ(*again, time_ms);
  }
}

TEST(IsoDate, Appends) {
  std::string text = "at ";
  AppendIsoDate(0, &text);
  EXPECT_EQ(text, "at 1970-01-01T00:00:00.000Z");
}

}  // namespace
}  // namespace ampt
