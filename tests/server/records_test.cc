// Replays tests/records/records.txt, what the existing service was observed to do in the words of
// this server's commands. tests/records/translate.py tells the format.
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/when.h"
#include "tests/server/harness.h"

namespace ampt {
namespace {

using rapidjson::SizeType;
using Json = rapidjson::Value;

// --- JSON with numbers as they were written
// --------------------------------------------------------

// The member under which a number's text stands in the DOM: RapidJSON's own numbers are doubles,
// which could not tell 0.30000000000000004 from 0.300000000000000041.
constexpr const char kNumber[] = "#number";

// Feeds a document, numbers as {"#number":"text"}.
struct NumberKeeper : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, NumberKeeper> {
  explicit NumberKeeper(rapidjson::Document* target) : target(*target) {}
  bool Null() { return target.Null(); }
  bool Bool(bool value) { return target.Bool(value); }
  bool RawNumber(const char* text, SizeType size, bool) {
    return target.StartObject() && target.Key(kNumber, sizeof kNumber - 1, true) &&
           target.String(text, size, true) && target.EndObject(1);
  }
  bool String(const char* text, SizeType size, bool) { return target.String(text, size, true); }
  bool Key(const char* text, SizeType size, bool) { return target.Key(text, size, true); }
  bool StartObject() { return target.StartObject(); }
  bool EndObject(SizeType members) { return target.EndObject(members); }
  bool StartArray() { return target.StartArray(); }
  bool EndArray(SizeType elements) { return target.EndArray(elements); }

  rapidjson::Document& target;
};

// False if `text` is not JSON.
bool Parse(std::string_view text, rapidjson::Document* document) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  bool ok = false;
  const auto generate = [&](rapidjson::Document& target) {
    NumberKeeper handler(&target);
    constexpr unsigned kFlags =
        rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseIterativeFlag;
    ok = !reader.Parse<kFlags>(stream, handler).IsError();
    return ok;
  };
  document->Populate(generate);
  return ok;
}

std::string Text(const Json& string) {
  return {string.GetString(), string.GetStringLength()};
}

std::string Dump(const Json& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  std::string text(buffer.GetString(), buffer.GetSize());
  if (text.size() > 300) text = text.substr(0, 300) + "…";
  return text;
}

// The member of an object that has only that one, else null.
const Json* OnlyMember(const Json& value, const char* name) {
  if (!value.IsObject() || value.MemberCount() != 1 || !value.HasMember(name)) return nullptr;
  return &value[name];
}

// A decimal number in a form that is the same for equal numbers.
std::string Decimal(const std::string& text) {
  const bool negative = text.starts_with('-');
  const size_t e = text.find_first_of("eE");
  long exponent = e == std::string::npos ? 0 : std::strtol(text.c_str() + e + 1, nullptr, 10);
  std::string digits = text.substr(negative, e == std::string::npos ? e : e - negative);
  if (const size_t point = digits.find('.'); point != std::string::npos) {
    exponent -= static_cast<long>(digits.size() - point - 1);
    digits.erase(point, 1);
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.empty()) return "0";
  while (digits.ends_with('0')) {
    digits.pop_back();
    ++exponent;
  }
  return (negative ? "-" : "") + digits + "e" + std::to_string(exponent);
}

std::string Repeat(const Json& pair) {
  const long count = std::strtol(pair[1][kNumber].GetString(), nullptr, 10);
  std::string text;
  for (long i = 0; i < count; ++i) text += Text(pair[0]);
  return text;
}

// --- Comparing
// -------------------------------------------------------------------------------------

// What differs, or "" if nothing does. The order of attributes is not significant.
std::string Difference(const Json& expected, const Json& actual, const std::string& where) {
  const auto differ = [&] {
    return where + ": expected " + Dump(expected) + ", found " + Dump(actual) + "\n";
  };
  if (const Json* near = OnlyMember(expected, "$near")) {
    if (!actual.IsString()) return differ();
    const Result<TimeMs> wanted = ParseIsoDate(Text(*near));
    const Result<TimeMs> found = ParseIsoDate(Text(actual));
    return wanted.ok() && found.ok() && std::abs(*wanted - *found) <= 1000 ? "" : differ();
  }
  if (const Json* repeat = OnlyMember(expected, "$repeat")) {
    return actual.IsString() && Text(actual) == Repeat(*repeat) ? "" : differ();
  }
  if (const Json* number = OnlyMember(expected, kNumber)) {
    const Json* found = OnlyMember(actual, kNumber);
    return found != nullptr && Decimal(Text(*number)) == Decimal(Text(*found)) ? "" : differ();
  }
  if (expected.IsObject() && actual.IsObject()) {
    std::string differences;
    for (const auto& [name, value] : expected.GetObject()) {
      const auto found = actual.FindMember(name);
      const std::string place = where + "." + Text(name);
      if (found == actual.MemberEnd()) {
        differences += place + ": missing\n";
      } else {
        differences += Difference(value, found->value, place);
      }
    }
    for (const auto& [name, value] : actual.GetObject()) {
      if (!expected.HasMember(name)) differences += where + "." + Text(name) + ": not expected\n";
    }
    return differences;
  }
  if (expected.IsArray() && actual.IsArray()) {
    if (expected.Size() != actual.Size()) return differ();
    std::string differences;
    for (SizeType i = 0; i < expected.Size(); ++i) {
      differences += Difference(expected[i], actual[i], where + "[" + std::to_string(i) + "]");
    }
    return differences;
  }
  return expected == actual ? "" : differ();
}

std::string Show(const test::Value& reply) {
  return test::Render(reply).substr(0, 300);
}

// What of `reply` is not as `expected` (the object of an "expect" line) says, or "".
std::string CheckReply(const Json& expected, const test::Value& reply) {
  const auto& [kind, wanted] = *expected.MemberBegin();
  const std::string name = Text(kind);
  const std::string otherwise = "expected " + Dump(expected) + ", found " + Show(reply) + "\n";
  if (name == "null") return reply.type == '_' ? "" : otherwise;
  if (name == "integer") {
    const auto bound = [&](SizeType i) { return std::atoll(wanted[i][kNumber].GetString()); };
    const bool inside = reply.integer() >= bound(0) && reply.integer() <= bound(1);
    return reply.type == ':' && inside ? "" : otherwise;
  }
  if (name == "error") {
    if (!reply.is_error()) return otherwise;
    const std::string_view found = reply.text;
    const std::string code = Text(wanted["code"]) + " ";
    if (!found.starts_with(code)) return otherwise;
    if (!wanted.HasMember("text")) return "";
    return found.substr(code.size()) == Text(wanted["text"]) ? "" : otherwise;
  }
  // The JSON text of a value, an item or a page.
  rapidjson::Document actual;
  if (reply.type != '$' || !Parse(reply.text, &actual)) return otherwise;
  return Difference(wanted, actual, name);
}

// --- Reading and replaying
// -------------------------------------------------------------------------

struct Step {
  std::vector<std::string> words;
  rapidjson::Document expected;
};

struct Record {
  std::string head;  // the line that begins it
  std::string database;
  TimeMs at_ms = 0;
  std::vector<Step> steps;
};

std::vector<std::string> Words(const Json& send) {
  std::vector<std::string> words;
  for (const Json& argument : send.GetArray()) {
    if (argument.IsString()) {
      words.push_back(Text(argument));
      continue;
    }
    std::string& word = words.emplace_back();
    for (const Json& piece : argument.GetArray()) {
      word += piece.IsString() ? Text(piece) : Repeat(piece["$repeat"]);
    }
  }
  return words;
}

std::vector<Record> ReadRecords(std::istream& file) {
  std::vector<Record> records;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string keyword;
    fields >> keyword;
    const std::string_view rest =
        std::string_view(line).substr(std::min(line.size(), keyword.size() + 1));
    if (keyword == "record") {
      Record& record = records.emplace_back();
      record.head = line;
      std::string id, group, db, at;
      int64_t seconds = 0;
      fields >> id >> group >> db >> record.database >> at >> seconds;
      EXPECT_TRUE(fields && db == "db" && at == "at") << line;
      record.at_ms = seconds * 1000;
    } else if (keyword == "send") {
      rapidjson::Document send;
      if (!Parse(rest, &send)) ADD_FAILURE() << "not JSON: " << line;
      records.back().steps.emplace_back().words = Words(send);
    } else if (keyword == "expect") {
      if (!Parse(rest, &records.back().steps.back().expected))
        ADD_FAILURE() << "not JSON: " << line;
    } else {
      EXPECT_TRUE(keyword.empty() || keyword == "#" || keyword == "omitted") << line;
    }
  }
  return records;
}

using RecordsTest = test::ServerTest;

TEST_F(RecordsTest, TheServerAnswersAsRecorded) {
  std::ifstream file("tests/records/records.txt");
  ASSERT_TRUE(file) << "run the tests from the root of the repository";
  const std::vector<Record> records = ReadRecords(file);
  ASSERT_GT(records.size(), 600u);
  StartServer({{"debug-clock", std::to_string(records.front().at_ms)}});
  test::Client client = Connect();
  for (const Record& record : records) {
    SCOPED_TRACE(record.head);
    ASSERT_EQ(Show(client.Run({"DEBUG", "CLOCK", std::to_string(record.at_ms)})), "OK");
    ASSERT_EQ(Show(client.Run({"SELECT", record.database})), "OK");
    for (const Step& step : record.steps) {
      EXPECT_EQ(CheckReply(step.expected, client.Run(step.words)), "")
          << step.words[0] << " " << step.words[1];
    }
  }
}

// A comparison that finds no difference proves nothing unless it can find one.
std::string Compare(std::string_view expected, std::string_view actual) {
  rapidjson::Document left, right;
  EXPECT_TRUE(Parse(expected, &left) && Parse(actual, &right));
  return Difference(left, right, "");
}

TEST(RecordsComparison, NumbersAreDecimal) {
  EXPECT_EQ(
      Compare("[1e2, 0.10, -0, 12345678901234567890]", "[100.0, 1E-1, 0.00, 12345678901234567890]"),
      "");
  EXPECT_NE(Compare("0.3", "0.30000000000000000001"), "");
  EXPECT_NE(Compare("12345678901234567890", "12345678901234567891"), "");
  EXPECT_NE(Compare("1", "-1"), "");
  EXPECT_NE(Compare("1", "\"1\""), "");
  EXPECT_NE(Compare("{}", "0"), "");
}

TEST(RecordsComparison, OfObjectsOnlyTheOrderIsNotSignificant) {
  EXPECT_EQ(Compare(R"({"a":1,"b":null})", R"({"b":null,"a":1})"), "");
  EXPECT_NE(Compare(R"({"a":1})", R"({"a":1,"b":2})"), "");
  EXPECT_NE(Compare(R"({"a":1,"b":2})", R"({"a":1})"), "");
  EXPECT_NE(Compare("[1,2]", "[2,1]"), "");
  EXPECT_NE(Compare("null", "false"), "");
}

TEST(RecordsComparison, DatesAndRepeatedText) {
  constexpr std::string_view kNear = R"({"$near":"2026-11-21T22:55:26.000Z"})";
  EXPECT_EQ(Compare(kNear, R"("2026-11-21T22:55:27.000Z")"), "");
  EXPECT_NE(Compare(kNear, R"("2026-11-21T22:55:28.000Z")"), "");
  EXPECT_NE(Compare(kNear, "1795301726"), "");
  EXPECT_EQ(Compare(R"({"$repeat":["ab",2]})", R"("abab")"), "");
  EXPECT_NE(Compare(R"({"$repeat":["ab",2]})", R"("abab2")"), "");
}

}  // namespace
}  // namespace ampt
