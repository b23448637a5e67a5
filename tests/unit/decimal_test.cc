#include "model/decimal.h"

#include <string>

#include <gtest/gtest.h>

namespace ampt {
namespace {

std::string Sum(std::string_view a, std::string_view b) {
  std::string sum = "left over";
  const Status status = AddDecimals(a, b, &sum);
  return status.ok() ? sum : status.text();
}

constexpr std::string_view kTooLong = "ERR the sum would take more than 256 bytes";

TEST(JsonNumber, Grammar) {
  for (const char* number : {"0", "-0", "7", "120", "-1.5", "0.0", "1e5", "1E+5", "1e-05", "0e0",
                             "-12.340E-7", "1e99999999999999999999"}) {
    EXPECT_TRUE(IsJsonNumber(number)) << number;
  }
  EXPECT_TRUE(IsJsonNumber(std::string(100000, '9')));
  for (const char* text : {"", "-", "+1", "01", "-01", "1.", ".5", "1.e5", "1e", "1e+", "0x10",
                           "1 ", " 1", "1,", "NaN", "Infinity", "--1", "1e5.0", "1e5e5"}) {
    EXPECT_FALSE(IsJsonNumber(text)) << text;
  }
  EXPECT_FALSE(IsJsonNumber(std::string_view("1\0", 2)));
}

TEST(JsonNumber, PrefixIsTheLongestNumber) {
  EXPECT_EQ(JsonNumberPrefix("1.5,"), 3u);
  EXPECT_EQ(JsonNumberPrefix("1."), 1u);
  EXPECT_EQ(JsonNumberPrefix("1.x"), 1u);
  EXPECT_EQ(JsonNumberPrefix("1e+"), 1u);
  EXPECT_EQ(JsonNumberPrefix("1e+x"), 1u);
  EXPECT_EQ(JsonNumberPrefix("01"), 1u);
  EXPECT_EQ(JsonNumberPrefix("-"), 0u);
  EXPECT_EQ(JsonNumberPrefix("-x"), 0u);
  EXPECT_EQ(JsonNumberPrefix("e1"), 0u);
}

TEST(AddDecimals, Integers) {
  EXPECT_EQ(Sum("0", "0"), "0");
  EXPECT_EQ(Sum("2", "40"), "42");
  EXPECT_EQ(Sum("5", "-7"), "-2");
  EXPECT_EQ(Sum("-0", "0"), "0");
  EXPECT_EQ(Sum("9007199254740991", "10"), "9007199254741001");
}

TEST(AddDecimals, IntegersBeyond64Bits) {
  EXPECT_EQ(Sum("9223372036854775807", "1"), "9223372036854775808");
  EXPECT_EQ(Sum("-9223372036854775808", "-1"), "-9223372036854775809");
  EXPECT_EQ(Sum("9223372036854775808", "-1"), "9223372036854775807");
  EXPECT_EQ(Sum("100000000000000000000000000000000000000", "1"),
            "100000000000000000000000000000000000001");
}

TEST(AddDecimals, FractionsAreExact) {
  EXPECT_EQ(Sum("0.1", "0.2"), "0.3");
  EXPECT_EQ(Sum("1.50", "0"), "1.5");
  EXPECT_EQ(Sum("0", "1.50"), "1.5");
  EXPECT_EQ(Sum("1.5", "1.5"), "3");
  EXPECT_EQ(Sum("0.5", "-0.5"), "0");
  EXPECT_EQ(Sum("-0.5", "0.25"), "-0.25");
  EXPECT_EQ(Sum("-0.001", "0"), "-0.001");
  EXPECT_EQ(Sum("0.05", "0.005"), "0.055");
  EXPECT_EQ(Sum("99.99", "0.01"), "100");
  EXPECT_EQ(Sum("0.0", "-0.0"), "0");
  EXPECT_EQ(Sum("08.5" + 1, "0.08"), "8.58");  // digits that an octal reading would refuse
  std::string sum = "0";
  for (int i = 0; i < 10; ++i) sum = Sum(sum, "0.1");
  EXPECT_EQ(sum, "1");
}

TEST(AddDecimals, Exponents) {
  EXPECT_EQ(Sum("1e3", "1"), "1001");
  EXPECT_EQ(Sum("1E+3", "0"), "1000");
  EXPECT_EQ(Sum("12.5e-1", "0"), "1.25");
  EXPECT_EQ(Sum("1e-20", "1"), "1.00000000000000000001");
  EXPECT_EQ(Sum("1.00000000000000000001", "-1"), "0.00000000000000000001");
  EXPECT_EQ(Sum("1e007", "1e08"), "110000000");
  EXPECT_EQ(Sum("0e99999999999999999999999999", "3"), "3");
}

TEST(AddDecimals, TheLengthIsTheOnlyLimit) {
  EXPECT_EQ(Sum("1e255", "0"), "1" + std::string(255, '0'));
  EXPECT_EQ(Sum("1e256", "0"), kTooLong);
  EXPECT_EQ(Sum("-1e254", "0"), "-1" + std::string(254, '0'));
  EXPECT_EQ(Sum("-1e255", "0"), kTooLong);
  EXPECT_EQ(Sum("1e-254", "0"), "0." + std::string(253, '0') + "1");
  EXPECT_EQ(Sum("1e-255", "0"), kTooLong);
  EXPECT_EQ(Sum("1", "1e-254"), "1." + std::string(253, '0') + "1");
  EXPECT_EQ(Sum("10", "1e-254"), kTooLong);
  EXPECT_EQ(Sum(std::string(256, '9'), "-1"), std::string(255, '9') + "8");
  EXPECT_EQ(Sum(std::string(256, '9'), "1"), kTooLong);
  EXPECT_EQ(Sum(std::string(256, '9'), "0." + std::string(254, '9')), kTooLong);
}

TEST(AddDecimals, HugeExponentsCostNothing) {
  const std::string exponent(250, '9');
  EXPECT_EQ(Sum("1e" + exponent, "1"), kTooLong);
  EXPECT_EQ(Sum("1e-" + exponent, "1"), kTooLong);
  EXPECT_EQ(Sum("1e" + exponent, "-1e-" + exponent), kTooLong);
  EXPECT_EQ(Sum("1e" + exponent, "0"), kTooLong);
}

TEST(AddDecimals, HugePartsMayCancel) {
  const std::string exponent(200, '9');
  EXPECT_EQ(Sum("1e" + exponent, "-1e" + exponent), "0");
  EXPECT_EQ(Sum("1.0e" + exponent, "-10e" + std::string(199, '9') + "8"), "0");
  EXPECT_EQ(Sum("1e300", "-1e300"), "0");
  EXPECT_EQ(Sum("12e299", "-1.2e300"), "0");
  EXPECT_EQ(Sum("1e300", "-999e297"), kTooLong);
}

}  // namespace
}  // namespace ampt
