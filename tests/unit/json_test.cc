#include "model/json.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace ampt {
namespace {

using namespace std::string_view_literals;

constexpr JsonLimits kLimits{limits::kMaxJsonDepthDefault, limits::kMaxItemBytesDefault};

// The canonical text, or the error.
std::string Canonical(std::string_view json, const JsonLimits& limits = kLimits) {
  std::string stored = "left over";
  const Result<ValueView> value = ParseJson(json, limits, "value", &stored);
  if (!value.ok()) return value.status().text();
  EXPECT_EQ(value->text.data(), stored.data());
  EXPECT_EQ(value->text.size(), stored.size());
  std::string text;
  AppendJson(*value, &text);
  return text;
}

std::string NotJson(std::string_view reason) {
  return "ERR value is not valid JSON: " + std::string(reason);
}

std::string Nested(int depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(ParseJson, StoredForms) {
  std::string stored;
  const auto parse = [&](std::string_view json) { return *ParseJson(json, kLimits, "v", &stored); };
  EXPECT_EQ(parse(" \"a\\n\\\"b\" ").text, "a\n\"b");
  EXPECT_EQ(parse("\"a\"").type, ValueType::kString);
  EXPECT_EQ(parse("\"\"").text, "");
  EXPECT_EQ(parse("12.50").text, "12.50");
  EXPECT_EQ(parse("12").type, ValueType::kNumber);
  EXPECT_EQ(parse("true").type, ValueType::kTrue);
  EXPECT_EQ(parse("false").type, ValueType::kFalse);
  EXPECT_EQ(parse("null").type, ValueType::kNull);
  EXPECT_EQ(parse("\tnull\r\n").text, "null");
  EXPECT_EQ(parse(" [ 1 , \"x\" ] ").text, R"([1,"x"])");
  EXPECT_EQ(parse("[]").type, ValueType::kArray);
  EXPECT_EQ(parse("{ }").text, "{}");
  EXPECT_EQ(parse("{}").type, ValueType::kObject);
  EXPECT_EQ(parse("\"a\\u0000b\"").text, "a\0b"sv);
}

TEST(ParseJson, White) {
  EXPECT_EQ(Canonical(" \t\r\n{ \"a\" : [ 1 , { } , [ ] , { \"b\" : null } ] , \"c\" : \"x y\" } "),
            R"({"a":[1,{},[],{"b":null}],"c":"x y"})");
  EXPECT_EQ(Canonical("\v1"), NotJson("a value is expected at byte 0"));
}

TEST(ParseJson, NumbersAreKeptAsSent) {
  for (const char* number :
       {"0", "-1", "1.50", "1E5", "1e+05", "1e400", "-1e-400", "9007199254740993", "1e99999999999",
        "123456789012345678901234567890", "0.1000", "-0.01", "-10", "-1e0"}) {
    EXPECT_EQ(Canonical(number), number);
    EXPECT_EQ(Canonical("[" + std::string(number) + "]"), "[" + std::string(number) + "]");
  }
}

TEST(ParseJson, ZeroHasNoSign) {
  EXPECT_EQ(Canonical("-0"), "0");
  EXPECT_EQ(Canonical("-0.0"), "0.0");
  EXPECT_EQ(Canonical("-0e5"), "0e5");
  EXPECT_EQ(Canonical("-0.00E-10"), "0.00E-10");
  EXPECT_EQ(Canonical("[-0,-0.0,-1,\"-0\"]"), "[0,0.0,-1,\"-0\"]");
}

TEST(ParseJson, LengthOfNumbers) {
  const std::string longest(256, '7');
  EXPECT_EQ(Canonical(longest), longest);
  EXPECT_EQ(Canonical("[1," + longest + "7]"),
            NotJson("a number of more than 256 bytes at byte 3"));
}

TEST(ParseJson, ShortestEscapes) {
  EXPECT_EQ(Canonical(R"(["\"\\\/\b\f\n\r\t"])"), R"(["\"\\/\b\f\n\r\t"])");
  EXPECT_EQ(Canonical(R"(["\u0022\u005c\u002f\u0008\u000C\u000a\u000d\u0009"])"),
            R"(["\"\\/\b\f\n\r\t"])");
  EXPECT_EQ(Canonical(R"(["\u0000\u001F\u007f\u0041"])"),
            "[\"\\u0000\\u001f\x7f"
            "A\"]");
  EXPECT_EQ(Canonical(R"(["\u00e9\u20AC\ud83d\ude00\uffff"])"), "[\"é€😀\uffff\"]");
  EXPECT_EQ(Canonical(R"({"\u0061\n":1})"), R"({"a\n":1})");
}

TEST(ParseJson, EscapesAtAllPlaces) {
  // Around the eight bytes that are looked at together, with and without bytes already moved.
  for (int before = 0; before < 20; ++before) {
    const std::string run(before, 'x');
    EXPECT_EQ(Canonical("[\"" + run + "\\u00e9" + run + "\"]"), "[\"" + run + "é" + run + "\"]");
    EXPECT_EQ(Canonical("[ \"" + run + "\\n" + run + "\"]"), "[\"" + run + "\\n" + run + "\"]");
    EXPECT_EQ(Canonical("[ \"" + run + "é" + run + "\"]"), "[\"" + run + "é" + run + "\"]");
    EXPECT_EQ(Canonical("[\"" + run + "\n\"]"),
              NotJson("a control character in a string must be escaped at byte " +
                      std::to_string(2 + before)));
    EXPECT_EQ(Canonical("\"" + run),
              NotJson("the text ends too early at byte " + std::to_string(1 + before)));
  }
}

TEST(ParseJson, SyntaxErrorsNameTheByte) {
  EXPECT_EQ(Canonical(""), NotJson("the text is empty at byte 0"));
  EXPECT_EQ(Canonical(" \n"), NotJson("the text is empty at byte 2"));
  EXPECT_EQ(Canonical("x"), NotJson("a value is expected at byte 0"));
  EXPECT_EQ(Canonical("nul"), NotJson("a value is expected at byte 0"));
  EXPECT_EQ(Canonical("nulL"), NotJson("a value is expected at byte 0"));
  EXPECT_EQ(Canonical("[tru]"), NotJson("a value is expected at byte 1"));
  EXPECT_EQ(Canonical("[fals"), NotJson("a value is expected at byte 1"));
  EXPECT_EQ(Canonical("'a'"), NotJson("a value is expected at byte 0"));
  EXPECT_EQ(Canonical("}"), NotJson("a value is expected at byte 0"));
  EXPECT_EQ(Canonical("[,1]"), NotJson("a value is expected at byte 1"));
  EXPECT_EQ(Canonical("[1,]"), NotJson("a value is expected at byte 3"));
  EXPECT_EQ(Canonical("{\"a\":}"), NotJson("a value is expected at byte 5"));
  EXPECT_EQ(Canonical("1 2"), NotJson("unexpected text after the value at byte 2"));
  EXPECT_EQ(Canonical("{}}"), NotJson("unexpected text after the value at byte 2"));
  EXPECT_EQ(Canonical("\"a\"b"), NotJson("unexpected text after the value at byte 3"));
  EXPECT_EQ(Canonical("01"), NotJson("unexpected text after the value at byte 1"));
  EXPECT_EQ(Canonical("1."), NotJson("unexpected text after the value at byte 1"));
  EXPECT_EQ(Canonical("nullx"), NotJson("unexpected text after the value at byte 4"));
  EXPECT_EQ(Canonical("[1 2]"), NotJson("missing a comma or ']' at byte 3"));
  EXPECT_EQ(Canonical("[1}"), NotJson("missing a comma or ']' at byte 2"));
  EXPECT_EQ(Canonical("[01]"), NotJson("missing a comma or ']' at byte 2"));
  EXPECT_EQ(Canonical("{\"a\":1 \"b\":2}"), NotJson("missing a comma or '}' at byte 7"));
  EXPECT_EQ(Canonical("{\"a\":1]"), NotJson("missing a comma or '}' at byte 6"));
  EXPECT_EQ(Canonical("{a:1}"), NotJson("a name in double quotes is expected at byte 1"));
  EXPECT_EQ(Canonical("{\"a\":1,}"), NotJson("a name in double quotes is expected at byte 7"));
  EXPECT_EQ(Canonical("{\"a\" 1}"), NotJson("missing ':' after a name at byte 5"));
  EXPECT_EQ(Canonical("[-]"), NotJson("a digit is missing at byte 2"));
  EXPECT_EQ(Canonical("[-x]"), NotJson("a digit is missing at byte 2"));
}

TEST(ParseJson, EndOfText) {
  const std::string text = R"({"a":[1,"b\n",-1]})";
  for (size_t size = 1; size < text.size(); ++size) {
    EXPECT_EQ(Canonical(text.substr(0, size)).find(NotJson("")), 0u) << size;
  }
  EXPECT_EQ(Canonical("["), NotJson("the text ends too early at byte 1"));
  EXPECT_EQ(Canonical("[1"), NotJson("the text ends too early at byte 2"));
  EXPECT_EQ(Canonical("[1,"), NotJson("the text ends too early at byte 3"));
  EXPECT_EQ(Canonical("{"), NotJson("the text ends too early at byte 1"));
  EXPECT_EQ(Canonical("{\"a"), NotJson("the text ends too early at byte 3"));
  EXPECT_EQ(Canonical("{\"a\""), NotJson("the text ends too early at byte 4"));
  EXPECT_EQ(Canonical("{\"a\":"), NotJson("the text ends too early at byte 5"));
  EXPECT_EQ(Canonical("-"), NotJson("the text ends too early at byte 1"));
}

TEST(ParseJson, NulBytesEndNothing) {
  EXPECT_EQ(Canonical("1\0"sv), NotJson("unexpected text after the value at byte 1"));
  EXPECT_EQ(Canonical("\0"sv), NotJson("a value is expected at byte 0"));
  EXPECT_EQ(Canonical("[1,\0 2]"sv), NotJson("a value is expected at byte 3"));
  EXPECT_EQ(Canonical("{\"a\":1\0}"sv), NotJson("missing a comma or '}' at byte 6"));
  EXPECT_EQ(Canonical("\"a\0b\""sv),
            NotJson("a control character in a string must be escaped at byte 2"));
}

TEST(ParseJson, BadStrings) {
  EXPECT_EQ(Canonical(R"("\x")"), NotJson("unknown escape at byte 1"));
  EXPECT_EQ(Canonical(R"("\u12g4")"), NotJson("\\u needs four hexadecimal digits at byte 1"));
  EXPECT_EQ(Canonical("\"\\u12"), NotJson("\\u needs four hexadecimal digits at byte 1"));
  EXPECT_EQ(Canonical("\"\\"), NotJson("the text ends in an escape at byte 1"));
  for (const char* lone : {R"(["\ud800"])", R"(["\udc00"])", R"(["\ud800x"])", R"(["\ud800\n"])",
                           R"(["\ud800\ud800"])", R"(["\udc00\ud800"])", R"(["\udfff"])",
                           R"({"\uDBFF":1})", R"(["\ud800\u0041"])"}) {
    EXPECT_EQ(Canonical(lone), NotJson("a lone surrogate at byte 2")) << lone;
  }
}

TEST(ParseJson, InvalidUtf8) {
  for (const char* bytes :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xe2\x82", "\xe2\x28\xa1", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf",
        "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(Canonical("[\"" + std::string(bytes) + "\"]"), NotJson("invalid UTF-8 at byte 2"));
  }
  for (const char* text : {"", "plain", "é€😀", "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"}) {
    EXPECT_EQ(Canonical("[\"" + std::string(text) + "\"]"), "[\"" + std::string(text) + "\"]");
  }
}

TEST(ParseJson, OfEqualNamesTheLastValueWinsInTheFirstsPlace) {
  EXPECT_EQ(Canonical(R"({"a":1,"a":2})"), R"({"a":2})");
  EXPECT_EQ(Canonical(R"({"a":1,"b":2,"a":3,"c":4,"a":[5],"b":6})"), R"({"a":[5],"b":6,"c":4})");
  EXPECT_EQ(Canonical(R"({"\u0061":1,"b":2,"a":3})"), R"({"a":3,"b":2})");
  EXPECT_EQ(Canonical(R"({"":1,"":2})"), R"({"":2})");
  EXPECT_EQ(Canonical(R"([{"a":1,"a":2},{"a":1}])"), R"([{"a":2},{"a":1}])");
  EXPECT_EQ(Canonical(R"({"a":{"a":{"a":1}}})"), R"({"a":{"a":{"a":1}}})");
  // On several levels at once, in values that stay, go and move.
  EXPECT_EQ(Canonical(R"({"x":{"d":1,"d":2},"y":0,"x":{"e":1,"f":2,"e":{"g":3,"g":4}}})"),
            R"({"x":{"e":{"g":4},"f":2},"y":0})");
  EXPECT_EQ(Canonical(R"({"x":1,"x":{"x":1,"x":{"x":1,"x":2}}})"), R"({"x":{"x":{"x":2}}})");
  // First and last eight bytes alike.
  EXPECT_EQ(Canonical(R"({"aaaaaaaa1bbbbbbbb":1,"aaaaaaaa2bbbbbbbb":2,"aaaaaaaa1bbbbbbbb":3})"),
            R"({"aaaaaaaa1bbbbbbbb":3,"aaaaaaaa2bbbbbbbb":2})");
}

TEST(ParseJson, ManyNames) {
  // 100,000 members, each name twice; and names made to look alike.
  for (const char* prefix : {"", "the same eight bytes and then "}) {
    std::string json = "{";
    std::string expected = "{";
    for (int round = 0; round < 2; ++round) {
      for (int i = 0; i < 50000; ++i) {
        const std::string name =
            "\"" + std::string(prefix) + std::to_string(i) + (*prefix ? " and eight\":" : "\":");
        if (json.size() > 1) json += ',';
        json += name + std::to_string(i + round);
        if (round == 1) expected += (i ? "," : "") + name + std::to_string(i + 1);
      }
    }
    EXPECT_EQ(Canonical(json + "}"), expected + "}");
  }
}

TEST(ParseJson, DeepEqualNamesAreLinear) {
  constexpr int kDepth = 5000;
  std::string json;
  std::string expected;
  for (int i = 0; i < kDepth; ++i) {
    json += R"({"a":1,"a":)";
    expected += R"({"a":)";
  }
  const std::string load = "\"" + std::string(1 << 20, 'x') + "\"";
  EXPECT_EQ(Canonical(json + load + std::string(kDepth, '}'), {kDepth, 16u << 20}),
            expected + load + std::string(kDepth, '}'));
}

TEST(ParseJson, Depth) {
  EXPECT_EQ(Canonical(Nested(128)), Nested(128));
  EXPECT_EQ(Canonical(Nested(129)),
            "ERR value is nested deeper than max-json-depth (128) at byte 128");
  EXPECT_EQ(Canonical(R"({"a":[{}]})", {2, 100}),
            "ERR value is nested deeper than max-json-depth (2) at byte 6");
  EXPECT_EQ(Canonical("[[],[],[[]]]", {3, 100}), "[[],[],[[]]]");
  EXPECT_EQ(Canonical(Nested(1000000), {10000, 16u << 20}),
            "ERR value is nested deeper than max-json-depth (10000) at byte 10000");
  EXPECT_EQ(Canonical(std::string(1000000, '['), {10000000, 16u << 20}),
            NotJson("the text ends too early at byte 1000000"));
}

TEST(ParseJson, Size) {
  const std::string refused = "ERR value is more than max-item-size (10 bytes)";
  const JsonLimits limits{10, 10};
  EXPECT_EQ(Canonical("\"0123456789\"", limits), "\"0123456789\"");
  EXPECT_EQ(Canonical("\"0123456789a\"", limits), refused);
  EXPECT_EQ(Canonical("[ \"012345\" ]", limits), "[\"012345\"]");
  EXPECT_EQ(Canonical("[ \"0123456\" ]", limits), refused);
  EXPECT_EQ(Canonical("{\"a\":1,\"b\":2,\"c\":3}", limits), refused);
  EXPECT_EQ(Canonical("\"\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\\u0041\"", limits),
            "\"AAAAAAAA\"");
  EXPECT_EQ(Canonical(std::string(69, ' ') + "1", {10, 10}), refused);
}

TEST(ParseJson, NamesTheArgument) {
  std::string stored;
  EXPECT_EQ(ParseJson("x", kLimits, "DEFAULT", &stored).status().text(),
            "ERR DEFAULT is not valid JSON: a value is expected at byte 0");
}

TEST(Binary, RootObjectOfThatShapeIsBytes) {
  std::string stored;
  const auto bytes = [&](std::string_view json) {
    const Result<ValueView> value = ParseJson(json, kLimits, "value", &stored);
    EXPECT_TRUE(value.ok() && value->type == ValueType::kString) << json;
    return std::string(value->text);
  };
  EXPECT_EQ(bytes(R"({"$binary":""})"), "");
  EXPECT_EQ(bytes(R"({"$binary":"/w=="})"), "\xff");
  EXPECT_EQ(bytes(R"( { "$binary" : "\/\u002fA=" } )"), "\xff\xf0");
  EXPECT_EQ(bytes(R"({"$binary":"aGVs"})"), "hel");
  EXPECT_EQ(bytes(R"({"$binary":1,"$binary":"aGVs"})"), "hel");
}

TEST(Binary, OtherShapesAreObjects) {
  for (const char* json : {R"({"$binary":5})", R"({"$binary":"aGVs","b":1})", R"({"$binary":{}})",
                           R"({"b":1,"$binary":"aGVs"})", R"([{"$binary":"aGVs"}])",
                           R"({"a":{"$binary":"aGVs"}})", R"({"$binary":"aGVs","b":"c"})"}) {
    EXPECT_EQ(Canonical(json), json);
  }
}

TEST(Binary, BadBase64IsRefused) {
  for (const char* base64 : {"a", "aG", "aGV", "a===", "====", "aGVs!", "aG=s", "aGVs\\n",
                             "aGVt=", "_w==", "/x==", "//9=", "a=Vs"}) {
    EXPECT_EQ(Canonical("{\"$binary\":\"" + std::string(base64) + "\"}"),
              "ERR value is not valid: \"$binary\" needs base64 text")
        << base64;
  }
}

TEST(Binary, ThereAndBack) {
  std::string bytes;
  for (int size = 0; size < 300; ++size) {
    std::string json;
    AppendJson(StringValue(bytes + "\xff"), &json);
    std::string stored;
    const Result<ValueView> value = ParseJson(json, kLimits, "value", &stored);
    ASSERT_TRUE(value.ok());
    EXPECT_EQ(value->text, bytes + "\xff");
    bytes.push_back(static_cast<char>(size * 37));
  }
}

TEST(AppendJson, ByType) {
  const auto json = [](ValueView value) {
    std::string out = "before ";
    AppendJson(value, &out);
    return out.substr(7);
  };
  EXPECT_EQ(json({}), "null");
  EXPECT_EQ(json({ValueType::kTrue, "true"}), "true");
  EXPECT_EQ(json(NumberValue("1.50")), "1.50");
  EXPECT_EQ(json({ValueType::kObject, "{}"}), "{}");
  EXPECT_EQ(json(StringValue("")), "\"\"");
  EXPECT_EQ(json(StringValue("a\"\\\n\x01é/")), R"("a\"\\\n\u0001é/")");
  EXPECT_EQ(json(StringValue("\0"sv)), R"("\u0000")");
  EXPECT_EQ(json(StringValue("\xff")), R"({"$binary":"/w=="})");
  EXPECT_EQ(json(StringValue("long enough\n before the bad byte \xc3")),
            R"({"$binary":"bG9uZyBlbm91Z2gKIGJlZm9yZSB0aGUgYmFkIGJ5dGUgww=="})");
}

TEST(AppendJson, KeysAndStrings) {
  std::string out;
  AppendJsonKey("orders:1|\"", &out);
  AppendJsonKey("\x80", &out);
  AppendJsonString("İzmir\t", &out);
  EXPECT_EQ(out, R"("orders:1|\""{"$binary":"gA=="}"İzmir\t")");
}

TEST(ObjectReader, Members) {
  const std::string object =
      R"({"a":1,"b\"\\":"x\"}{","":{"a":[{"b":"]"}],"c":"}"},"d":[],"e":true,"f":null,"g":false})";
  ASSERT_EQ(Canonical(object), object);
  std::vector<std::string> seen;
  ObjectReader reader(object);
  std::vector<ValueType> types;
  for (ObjectReader::Member member; reader.Next(&member);) {
    seen.push_back(std::string(member.name) + " = " + std::string(member.json) + " = " +
                   std::string(member.value.text));
    types.push_back(member.value.type);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "a = 1 = 1", R"(b\"\\ = "x\"}{" = x\"}{)",
                      R"( = {"a":[{"b":"]"}],"c":"}"} = {"a":[{"b":"]"}],"c":"}"})", "d = [] = []",
                      "e = true = true", "f = null = null", "g = false = false"}));
  EXPECT_EQ(types, (std::vector<ValueType>{ValueType::kNumber, ValueType::kString,
                                           ValueType::kObject, ValueType::kArray, ValueType::kTrue,
                                           ValueType::kNull, ValueType::kFalse}));
  ObjectReader::Member member;
  EXPECT_FALSE(reader.Next(&member));
  EXPECT_FALSE(ObjectReader("{}").Next(&member));
}

TEST(Names, EscapedAndBack) {
  std::string scratch;
  const std::string_view plain = "İ name/of some length";
  EXPECT_EQ(EscapedName(plain, &scratch).data(), plain.data());
  EXPECT_EQ(EscapedName("", &scratch), "");
  EXPECT_EQ(EscapedName("a\"b\\c\nd\x1f", &scratch), R"(a\"b\\c\nd\u001f)");
  std::string all;
  for (int c = 0; c < 128; ++c) all.push_back(static_cast<char>(c));
  std::string back;
  UnescapeString(EscapedName(all, &scratch), &back);
  EXPECT_EQ(back, all);
  // As it stands in canonical text.
  std::string json;
  AppendJsonString(all, &json);
  EXPECT_EQ(json, "\"" + scratch + "\"");
  EXPECT_EQ(Canonical(json), json);
}

}  // namespace
}  // namespace ampt
