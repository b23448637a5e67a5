#include "model/update.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/limits.h"

namespace ampt {
namespace {

constexpr JsonLimits kLimits{limits::kMaxJsonDepthDefault, limits::kMaxItemBytesDefault};

constexpr char kScalar[] = "WRONGTYPE Cannot convert an existing object to a simple value.";
constexpr char kUndefined[] = "ERR Value can not be undefined without setting a 'default'";
constexpr char kReserved[] =
    "ERR '$add' is a reserved keyword and must be in an object with a single key of $add";
constexpr char kAddNumber[] = "ERR 'value' must be a number when using $add";
constexpr char kDefaultType[] = "ERR 'default' must be of the same type as the value";
constexpr char kDefaultAdd[] = "ERR 'default' cannot use the $add keyword";

// One write, with all texts as JSON; "" is absent.
struct Write {
  std::string_view stored;
  std::string_view value;
  std::string_view fallback = "";
  std::vector<std::string_view> unset = {};
  bool remove_nulls = true;
  bool overwrite = false;
  JsonLimits limits = kLimits;
};

// The value after the write as JSON, or the error.
std::string After(const Write& write) {
  std::string texts[3];
  const auto parse = [](std::string_view json, std::string* text) -> std::optional<ValueView> {
    if (json.empty()) return std::nullopt;
    const Result<ValueView> value = ParseJson(json, kLimits, "test", text);
    EXPECT_TRUE(value.ok()) << json;
    return *value;
  };
  const std::optional<ValueView> stored = parse(write.stored, &texts[0]);
  Update update;
  update.value = parse(write.value, &texts[1]);
  update.fallback = parse(write.fallback, &texts[2]);
  update.unset = write.unset;
  update.remove_nulls = write.remove_nulls;
  update.overwrite = write.overwrite;
  if (Status status = CheckUpdate(update); !status.ok()) return status.text();
  std::string out = "left over";
  const Result<ValueView> result =
      ApplyUpdate(stored ? &*stored : nullptr, update, write.limits, &out);
  if (!result.ok()) return result.status().text();
  std::string json;
  AppendJson(*result, &json);
  if (!result->is_scalar()) {
    std::string canonical;
    EXPECT_EQ(ParseJson(json, kLimits, "result", &canonical)->text, json);
  }
  return json;
}

TEST(Update, NewValues) {
  for (const char* value : {"\"x\"", "\"\"", "5", "1.50", "true", "false", "[1,null]", "{}",
                            R"({"a":{"b":null,"$ad":1}})", R"({"$binary":"/w=="})"}) {
    EXPECT_EQ(After({"", value}), value);
  }
}

TEST(Update, ObjectsMergeAtTheRoot) {
  EXPECT_EQ(After({R"({"a":1,"b":{"c":1},"d":[1]})", R"({"b":{"x":2},"e":5,"a":"new"})"}),
            R"({"a":"new","b":{"x":2},"d":[1],"e":5})");
  EXPECT_EQ(After({R"({"a":1})", "{}"}), R"({"a":1})");
  EXPECT_EQ(After({"{}", R"({"a":1})"}), R"({"a":1})");
  EXPECT_EQ(After({R"({"a":1})", R"({"A":2})"}), R"({"a":1,"A":2})");
  EXPECT_EQ(After({R"({"a.b":1})", R"({"a":{"b":2}})"}), R"({"a.b":1,"a":{"b":2}})");
  EXPECT_EQ(After({R"({"\n":1,"\"":2})", R"({"\u000a":3,"\u0022":4})"}), R"({"\n":3,"\"":4})");
  EXPECT_EQ(After({R"({"":1})", R"({"":2})"}), R"({"":2})");
}

TEST(Update, UnchangedResultsAreNotCopied) {
  const ValueView stored{ValueType::kObject, R"({"a":1})"};
  std::string out;
  Update update;
  update.value = ValueView{ValueType::kObject, "{}"};
  EXPECT_EQ(ApplyUpdate(&stored, update, kLimits, &out)->text.data(), stored.text.data());
  update.value = ValueView{ValueType::kObject, R"({"b":2})"};
  EXPECT_EQ(ApplyUpdate(nullptr, update, kLimits, &out)->text.data(), update.value->text.data());
}

TEST(Update, RemovedAttributes) {
  const std::string stored = R"({"a":1,"b":2,"c":3})";
  EXPECT_EQ(After({stored, R"({"a":null})"}), R"({"b":2,"c":3})");
  EXPECT_EQ(After({stored, R"({"b":null})"}), R"({"a":1,"c":3})");
  EXPECT_EQ(After({stored, R"({"c":null})"}), R"({"a":1,"b":2})");
  EXPECT_EQ(After({stored, R"({"a":null,"b":null})"}), R"({"c":3})");
  EXPECT_EQ(After({stored, R"({"a":null,"c":null})"}), R"({"b":2})");
  EXPECT_EQ(After({stored, R"({"b":null,"c":null})"}), R"({"a":1})");
  EXPECT_EQ(After({stored, R"({"c":null,"b":null,"a":null})"}), "{}");
  EXPECT_EQ(After({stored, R"({"a":null,"b":9})"}), R"({"b":9,"c":3})");
  EXPECT_EQ(After({stored, R"({"a":null,"c":9})"}), R"({"b":2,"c":9})");
  EXPECT_EQ(After({stored, R"({"b":null,"z":9})"}), R"({"a":1,"c":3,"z":9})");
  EXPECT_EQ(After({stored, R"({"c":null,"z":9})"}), R"({"a":1,"b":2,"z":9})");
  EXPECT_EQ(After({R"({"a":1})", R"({"a":null,"z":9})"}), R"({"z":9})");
  EXPECT_EQ(After({R"({"a":1})", R"({"nope":null})"}), R"({"a":1})");
  // Removed and put back later it goes last.
  EXPECT_EQ(After({After({stored, R"({"a":null})"}), R"({"a":1})"}), R"({"b":2,"c":3,"a":1})");
}

TEST(Update, NullsBelowTheRootAreData) {
  EXPECT_EQ(After({"", R"({"a":null,"b":{"c":null},"d":[null]})"}),
            R"({"b":{"c":null},"d":[null]})");
  EXPECT_EQ(After({R"({"b":1})", R"({"b":{"c":null}})"}), R"({"b":{"c":null}})");
  EXPECT_EQ(After({"", R"({"a":null})"}), "{}");
}

TEST(Update, NullsAreStoredWithRemoveNullsOff) {
  EXPECT_EQ(After({"", R"({"a":null})", "", {}, false}), R"({"a":null})");
  EXPECT_EQ(After({R"({"a":1})", R"({"a":null,"b":null})", "", {}, false}),
            R"({"a":null,"b":null})");
  EXPECT_EQ(After({"", "null", "", {}, false}), "null");
  EXPECT_EQ(After({"\"x\"", "null", "", {}, false}), "null");
  EXPECT_EQ(After({"\"x\"", "null", "", {}, false, true}), "null");
  EXPECT_EQ(After({"{}", "null", "", {}, false}), kScalar);
  EXPECT_EQ(After({"null", "1"}), "1");
  EXPECT_EQ(After({"", "null", "null", {}, false}), "null");
}

TEST(Update, NullNeedsADefault) {
  EXPECT_EQ(After({"", "null"}), kUndefined);
  EXPECT_EQ(After({"5", "null"}), kUndefined);
  EXPECT_EQ(After({"", "null", "", {}, true, true}), kUndefined);
  EXPECT_EQ(After({"", "null", "null"}), kUndefined);
  EXPECT_EQ(After({"", "", "null"}), kUndefined);
  EXPECT_EQ(After({"", ""}), kUndefined);
}

TEST(Update, SimpleValues) {
  EXPECT_EQ(After({"5", "\"x\""}), "\"x\"");
  EXPECT_EQ(After({"[1]", "false"}), "false");
  EXPECT_EQ(After({"false", "[1]"}), "[1]");
  EXPECT_EQ(After({"[1]", R"({"k":1})"}), R"({"k":1})");
  EXPECT_EQ(After({"\"s\"", "{}"}), "{}");
  EXPECT_EQ(After({"{}", "1"}), kScalar);
  EXPECT_EQ(After({R"({"a":1})", "[1]"}), kScalar);
  EXPECT_EQ(After({R"({"a":1})", "\"s\""}), kScalar);
}

TEST(Update, Overwrite) {
  EXPECT_EQ(After({R"({"a":1})", "\"s\"", "", {}, true, true}), "\"s\"");
  EXPECT_EQ(After({R"({"a":1})", R"({"b":2,"c":null})", "", {}, true, true}), R"({"b":2})");
  EXPECT_EQ(After({R"({"a":1})", R"({"b":{"$add":2},"c":"x"})", "", {}, true, true}),
            R"({"b":2,"c":"x"})");
  EXPECT_EQ(After({"10", R"({"$add":3})", "", {}, true, true}), "3");
  EXPECT_EQ(After({"\"old\"", "", "\"d\"", {}, true, true}), "\"d\"");
  EXPECT_EQ(After({R"({"b":9})", R"({"a":1})", R"({"b":2})", {}, true, true}), R"({"a":1,"b":2})");
  EXPECT_EQ(After({R"({"b":9})", R"({"c":"x"})", "", {"c"}, true, true}), "{}");
}

TEST(Update, AddToTheValue) {
  EXPECT_EQ(After({"", R"({"$add":5})"}), "5");
  EXPECT_EQ(After({"5", R"({"$add":-2})"}), "3");
  EXPECT_EQ(After({"0.1", R"({"$add":0.2})"}), "0.3");
  EXPECT_EQ(After({"", R"({"$add":1.50})"}), "1.5");
  EXPECT_EQ(After({"", R"({"$add":1e3})"}), "1000");
  EXPECT_EQ(After({"5", R"({"\u0024add":-5})"}), "0");
  EXPECT_EQ(After({"", R"({"$add":1})", "10"}), "1");
  EXPECT_EQ(After({"1", R"({"$add":1})", "10"}), "2");
  EXPECT_EQ(After({"{}", R"({"$add":1})"}), kScalar);
  EXPECT_EQ(After({"\"text\"", R"({"$add":1})"}),
            "WRONGTYPE $add needs a number, the value holds a string");
  EXPECT_EQ(After({"[1]", R"({"$add":1})"}),
            "WRONGTYPE $add needs a number, the value holds an array");
  EXPECT_EQ(After({"true", R"({"$add":1})"}),
            "WRONGTYPE $add needs a number, the value holds a boolean");
  EXPECT_EQ(After({"null", R"({"$add":1})"}),
            "WRONGTYPE $add needs a number, the value holds null");
  EXPECT_EQ(After({"1", R"({"$add":1e-300})"}), "ERR the sum would take more than 256 bytes");
}

TEST(Update, AddToAttributes) {
  EXPECT_EQ(After({"", R"({"n":{"$add":1},"s":"foo"})"}), R"({"n":1,"s":"foo"})");
  EXPECT_EQ(After({R"({"n":1,"s":"x","m":2.5})", R"({"m":{"$add":0.5},"q":"z","n":{"$add":-1}})"}),
            R"({"n":0,"s":"x","m":3,"q":"z"})");
  EXPECT_EQ(After({R"({"s":"x"})", R"({"fresh":{"$add":3},"s":null})"}), R"({"fresh":3})");
  EXPECT_EQ(After({"7", R"({"c":{"$add":1}})"}), R"({"c":1})");
  EXPECT_EQ(After({R"({"n":1,"a":[1]})", R"({"n":{"$add":1},"a":{"$add":1}})"}),
            "WRONGTYPE $add needs a number, a holds an array");
  EXPECT_EQ(After({R"({"s\n":"x"})", R"({"s\n":{"$add":1}})"}),
            "WRONGTYPE $add needs a number, s\n holds a string");
  EXPECT_EQ(After({R"({"m":{"k":1}})", R"({"m":{"$add":1}})"}),
            "WRONGTYPE $add needs a number, m holds an object");
  EXPECT_EQ(After({R"({"n":1})", R"({"n":{"$add":1e999}})"}),
            "ERR the sum would take more than 256 bytes");
}

TEST(Update, AddIsPlainDataElsewhere) {
  EXPECT_EQ(After({"", R"({"a":{"b":{"$add":1}}})"}), R"({"a":{"b":{"$add":1}}})");
  EXPECT_EQ(After({"", R"([{"$add":1}])"}), R"([{"$add":1}])");
  EXPECT_EQ(After({"", R"({"a":[{"$add":1}]})"}), R"({"a":[{"$add":1}]})");
  EXPECT_EQ(After({"", R"({"a":"$add\":"})"}), R"({"a":"$add\":"})");
  EXPECT_EQ(After({"", R"({"$added":1,"a":{"x$add":"y"}})"}), R"({"$added":1,"a":{"x$add":"y"}})");
}

TEST(Update, BadAdds) {
  EXPECT_EQ(After({"", R"({"$add":1,"b":2})"}), kReserved);
  EXPECT_EQ(After({"", R"({"b":2,"$add":"x"})"}), kReserved);
  EXPECT_EQ(After({"", R"({"a":{"$add":1,"b":2}})"}), kReserved);
  for (const char* operand : {"\"5\"", "\"\"", "null", "true", "[5]", "{}", R"({"$add":1})"}) {
    EXPECT_EQ(After({"1", R"({"$add":)" + std::string(operand) + "}"}), kAddNumber);
    EXPECT_EQ(After({"{}", R"({"a":{"$add":)" + std::string(operand) + "}}"}), kAddNumber);
    EXPECT_EQ(After({"{}", R"({"a":{"$add":)" + std::string(operand) + "}}", "", {}, true, true}),
              kAddNumber);
  }
}

TEST(Update, SimpleDefaults) {
  EXPECT_EQ(After({"", "", "\"d\""}), "\"d\"");
  EXPECT_EQ(After({"", "null", "\"d\""}), "\"d\"");
  EXPECT_EQ(After({"", "null", "[2,3]"}), "[2,3]");
  EXPECT_EQ(After({"", "", "false"}), "false");
  EXPECT_EQ(After({"\"old\"", "null", "\"d\""}), "\"old\"");
  EXPECT_EQ(After({"\"old\"", "", "5"}), "\"old\"");
  EXPECT_EQ(After({"[2]", "", "[9]"}), "[2]");
  EXPECT_EQ(After({"\"old\"", "", R"({"a":1})"}), "\"old\"");
  EXPECT_EQ(After({"null", "", "5"}), "null");
  EXPECT_EQ(After({"\"old\"", "null", "5", {}, false}), "\"old\"");
  EXPECT_EQ(After({"", "null", "5", {}, false}), "5");
  EXPECT_EQ(After({R"({"a":1})", "", "\"x\""}), kScalar);
  EXPECT_EQ(After({"", "false", "true"}), "false");
  EXPECT_EQ(After({"", "0", "5"}), "0");
  EXPECT_EQ(After({"\"old\"", "\"val\"", "\"other\""}), "\"val\"");
  EXPECT_EQ(After({"", "[1]", "[2,3]"}), "[1]");
}

TEST(Update, DefaultsTypeIsTheValues) {
  const std::vector<std::string_view> values{"\"x\"", "5", "true", "[1]", R"({"a":1})"};
  for (const std::string_view value : values) {
    for (const std::string_view fallback : values) {
      EXPECT_EQ(After({"", value, fallback}),
                value == fallback ? std::string(value) : kDefaultType);
    }
  }
  EXPECT_EQ(After({"", R"({"$add":1})", R"({"a":1})"}), kDefaultType);
  EXPECT_EQ(After({"", R"({"$add":1})", "\"x\""}), kDefaultType);
}

TEST(Update, ObjectDefaultsFillIn) {
  EXPECT_EQ(After({"", R"({"a":1})", R"({"b":2})"}), R"({"a":1,"b":2})");
  EXPECT_EQ(After({R"({"a":1,"b":2})", R"({"a":3})", R"({"b":4,"c":5})"}),
            R"({"a":3,"b":2,"c":5})");
  EXPECT_EQ(After({R"({"a":1,"b":2})", R"({"b":3})", R"({"b":4,"a":5})"}), R"({"a":1,"b":3})");
  EXPECT_EQ(After({R"({"a":1})", "", R"({"a":2,"z":9})"}), R"({"a":1,"z":9})");
  EXPECT_EQ(After({R"({"a":1})", "null", R"({"a":2,"z":9})"}), R"({"a":1,"z":9})");
  EXPECT_EQ(After({"", "", R"({"a":1,"b":{"c":1}})"}), R"({"a":1,"b":{"c":1}})");
  EXPECT_EQ(After({"\"scalar\"", R"({"a":1})", R"({"b":2})"}), R"({"a":1,"b":2})");
  EXPECT_EQ(After({R"({"y":1})", R"({"z":1})", R"({"x":1,"w":1})"}),
            R"({"y":1,"z":1,"x":1,"w":1})");
}

TEST(Update, ObjectDefaultsMergeDeeply) {
  EXPECT_EQ(After({"", R"({"a":{"x":1,"arr":[1]}})",
                   R"({"a":{"y":2,"arr":[8,9],"z":{"q":1}},"b":{"k":1}})"}),
            R"({"a":{"x":1,"arr":[1],"y":2,"z":{"q":1}},"b":{"k":1}})");
  EXPECT_EQ(After({R"({"a":{"x":1},"b":{"k":1}})", R"({"a":{"only":1}})", R"({"a":{"y":3}})"}),
            R"({"a":{"only":1,"y":3},"b":{"k":1}})");
  EXPECT_EQ(After({R"({"b":{"k":1}})", R"({"c":1})", R"({"b":{"new":1}})"}),
            R"({"b":{"k":1},"c":1})");
  EXPECT_EQ(After({"", R"({"l":[{"a":1}]})", R"({"l":[{"b":2},{"c":3}]})"}), R"({"l":[{"a":1}]})");
  EXPECT_EQ(After({"", R"({"a":1,"c":{"d":1}})", R"({"a":{"b":1},"c":5})"}),
            R"({"a":1,"c":{"d":1}})");
  EXPECT_EQ(After({"", R"({"a":{"b":{"x":1,"n":null},"c":{}}})",
                   R"({"a":{"c":{"d":{}},"b":{"n":1,"y":[{}]},"e":"}"}})"}),
            R"({"a":{"b":{"x":1,"n":null,"y":[{}]},"c":{"d":{}},"e":"}"}})");
  EXPECT_EQ(After({"", R"({"a":{}})", R"({"a":{}})"}), R"({"a":{}})");
}

TEST(Update, ManyNamesInADefault) {
  std::string value = R"({"a":{)";
  std::string fallback = value;
  std::string expected = value;
  for (int i = 0; i < 50; ++i) {
    const std::string name = (i ? ",\"n" : "\"n") + std::to_string(i);
    value += name + "\":1";
    expected += name + "\":1";
  }
  for (int i = 99; i >= 25; --i) {
    const std::string member = (i < 99 ? ",\"n" : "\"n") + std::to_string(i) + "\":2";
    fallback += member;
    if (i >= 50) expected += (i == 99 ? "," : "") + member;
  }
  EXPECT_EQ(After({"", value + "}}", fallback + "}}"}), expected + "}}");
}

TEST(Update, DeepDefaultsAreLinear) {
  constexpr int kDepth = 4000;
  std::string open;
  for (int i = 0; i < kDepth; ++i) open += R"({"a":)";
  const std::string load = "\"" + std::string(1 << 20, 'x') + "\"";
  const std::string close(kDepth - 1, '}');
  const std::string value = open + R"({"v":)" + load + "}" + close + "}";
  const std::string fallback = open + R"({"d":)" + load + "}" + close + "}";
  Update update;
  update.value = ValueView{ValueType::kObject, value};
  update.fallback = ValueView{ValueType::kObject, fallback};
  ASSERT_TRUE(CheckUpdate(update).ok());
  std::string out;
  EXPECT_EQ(ApplyUpdate(nullptr, update, kLimits, &out)->text,
            open + R"({"v":)" + load + R"(,"d":)" + load + "}" + close + "}");
}

TEST(Update, NullBeatsADefault) {
  EXPECT_EQ(After({"", R"({"a":null})", R"({"a":1,"b":2})"}), R"({"b":2})");
  EXPECT_EQ(After({R"({"b":2})", R"({"b":null})", R"({"b":7})"}), "{}");
  EXPECT_EQ(After({"", R"({"a":null})", R"({"a":1,"b":2})", {}, false}), R"({"a":null,"b":2})");
  EXPECT_EQ(After({"{}", R"({"x":1})", R"({"y":null})"}), R"({"x":1})");
  EXPECT_EQ(After({"{}", R"({"x":1})", R"({"y":null})", {}, false}), R"({"x":1,"y":null})");
}

TEST(Update, DefaultsAndAdd) {
  EXPECT_EQ(After({"", "", R"({"$add":1})"}), kDefaultAdd);
  EXPECT_EQ(After({"", "{}", R"({"$add":1,"b":2})"}), kDefaultAdd);
  EXPECT_EQ(After({"", "{}", R"({"b":1,"a":{"$add":1}})"}),
            "ERR '$add' cannot be used as a default (a)");
  EXPECT_EQ(After({"", "", R"({"a\n":{"$add":"x","y":1}})"}),
            "ERR '$add' cannot be used as a default (a\n)");
  EXPECT_EQ(After({"", R"({"a":{"$add":1}})", R"({"b":2})"}), R"({"a":1,"b":2})");
  EXPECT_EQ(After({R"({"a":1})", R"({"a":{"$add":1}})", R"({"b":2})"}), R"({"a":2,"b":2})");
  EXPECT_EQ(After({"", R"({"a":{"$add":1}})", R"({"a":5})"}), R"({"a":1})");
  EXPECT_EQ(After({"", R"({"a":{"$add":1}})", R"({"a":{"b":1}})"}), R"({"a":1})");
}

TEST(Update, Unset) {
  EXPECT_EQ(After({R"({"a":1,"b":2,"c":3})", "{}", "", {"b"}}), R"({"a":1,"c":3})");
  EXPECT_EQ(After({R"({"a":1,"b":2})", R"({"c":3})", "", {"a", "b", "a", "zz"}}), R"({"c":3})");
  EXPECT_EQ(After({R"({"a":1})", "{}", "", {"zz"}}), R"({"a":1})");
  EXPECT_EQ(After({R"({"a\n\"":1,"b":2})", "{}", "", {"a\n\""}}), R"({"b":2})");
  EXPECT_EQ(After({R"({"a":null})", "{}", "", {"a"}, false}), "{}");
  // It wins over the value and over the default.
  EXPECT_EQ(After({R"({"a":1})", R"({"a":2})", "", {"a"}}), "{}");
  EXPECT_EQ(After({"", R"({"a":2,"b":3})", "", {"a"}}), R"({"b":3})");
  EXPECT_EQ(After({"", R"({"b":3})", R"({"a":2})", {"a"}}), R"({"b":3})");
  EXPECT_EQ(After({"", "", R"({"a":2,"b":1})", {"a"}}), R"({"b":1})");
  EXPECT_EQ(After({"5", R"({"a":2})", "", {"a"}}), "{}");
  EXPECT_EQ(After({"5", "", R"({"a":2})", {"a"}}), "5");
}

TEST(Update, UnsetNeedsAnObject) {
  constexpr char kUnset[] = "ERR UNSET needs an object as the value";
  EXPECT_EQ(After({R"({"a":1})", "1", "", {"a"}}), kUnset);
  EXPECT_EQ(After({"5", "[1]", "", {"a"}}), kUnset);
  EXPECT_EQ(After({"5", R"({"$add":1})", "", {"a"}}), kUnset);
  EXPECT_EQ(After({"5", "", "7", {"a"}}), kUnset);
}

TEST(Update, ManyNames) {
  std::string stored = "{";
  std::string value = "{";
  std::string expected = "{";
  for (int i = 0; i < 20000; ++i) {
    const std::string name = (i ? ",\"attribute " : "\"attribute ") + std::to_string(i) + "\":";
    stored += name + "1";
    value += name + (i % 2 ? "null" : R"({"$add":1})");
    if (i % 2 == 0) expected += name + "2";
  }
  EXPECT_EQ(After({stored + "}", value + "}"}), expected + "}");
}

TEST(Update, Size) {
  const JsonLimits limits{10, 14};
  EXPECT_EQ(After({R"({"a":12})", R"({"b":1})", "", {}, true, false, limits}), R"({"a":12,"b":1})");
  EXPECT_EQ(After({R"({"a":123})", R"({"b":1})", "", {}, true, false, limits}),
            "ERR value is more than max-item-size (14 bytes)");
}

TEST(Update, ChecksInOrder) {
  EXPECT_EQ(After({"", R"({"$add":"x"})", R"({"$add":1})"}), kAddNumber);
  EXPECT_EQ(After({"", "5", R"({"$add":1})"}), kDefaultAdd);
  EXPECT_EQ(After({"", R"({"a":{"$add":"x"}})", "5"}), kDefaultType);
  EXPECT_EQ(After({"", R"({"a":{"$add":"x"}})", R"({"b":{"$add":1}})"}), kAddNumber);
}

}  // namespace
}  // namespace ampt
