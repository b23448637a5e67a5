// Filters: which events they match, and what is none.
#include "event/filter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ampt {
namespace {

using enum EventName;

bool Matches(std::string_view filter, EventName name, std::string_view key) {
  const Result<Filter> parsed = Filter::Parse(filter);
  EXPECT_TRUE(parsed.ok()) << filter;
  EXPECT_EQ(parsed.ok() ? parsed->text() : "", filter);
  return parsed.ok() && parsed->Matches(name, key);
}

TEST(EventFilterTest, NamesMeanTheirEvents) {
  for (const EventName name : {kCreated, kUpdated, kDeleted}) {
    EXPECT_TRUE(Matches("*", name, "a"));
    EXPECT_TRUE(Matches("*:*:*", name, "a:b"));
    EXPECT_EQ(Matches("created", name, "a"), name == kCreated);
    EXPECT_EQ(Matches("updated", name, "a"), name == kUpdated);
    EXPECT_EQ(Matches("deleted", name, "a"), name == kDeleted);
  }
}

TEST(EventFilterTest, KeysByTheNumberOfParts) {
  struct Case {
    std::string_view filter;
    std::vector<std::string_view> matching;
    std::vector<std::string_view> others;
  };
  const Case cases[] = {
      {"created", {"", "a", "a:b", "a:b:c", ":", ":x", std::string_view("\0\xff", 2)}, {}},
      {"created:*", {"", "a", "order_1"}, {"a:b", ":", "a:"}},
      {"created:*:*", {"a:b", "a:b:c", ":", ":x", "a:"}, {"", "a"}},
      {"created:order", {"order"}, {"order1", "orde", "order:1", "Order", ""}},
      {"created:order*", {"order", "order1", "order*"}, {"orde", "order:1", "order1:x"}},
      {"created:ns:a", {"ns:a"}, {"ns", "ns:a:", "ns:ab", "nsx:a", "a"}},
      {"created:ns:a:*", {"ns:a:", "ns:a:b", "ns:a:b:c"}, {"ns:a", "ns:ab", "ns"}},
      {"created:ns:*", {"ns:", "ns:a", "ns:a:b"}, {"ns", "nsx:a"}},
      {"created:n*:a*", {"n:a", "ns:ab", "n:a:b"}, {"m:a", "n:b", "na"}},
      // Only a last `*` is special.
      {"created:a*b:c", {"a*b:c"}, {"axb:c", "ab:c"}},
      {"created:a*b", {"a*b"}, {"axb"}},
      {"created:a**", {"a*", "a*b"}, {"a", "ab"}},
      // Not trimmed.
      {"created: a", {" a"}, {"a"}},
      {"created:ns: a ", {"ns: a "}, {"ns:a"}},
      {"created:ns::a", {"ns::a"}, {"ns:a"}},
  };
  for (const Case& test : cases) {
    for (const std::string_view key : test.matching) {
      EXPECT_TRUE(Matches(test.filter, kCreated, key)) << test.filter << " and " << key;
      EXPECT_FALSE(Matches(test.filter, kDeleted, key)) << test.filter << " and " << key;
    }
    for (const std::string_view key : test.others) {
      EXPECT_FALSE(Matches(test.filter, kCreated, key)) << test.filter << " and " << key;
    }
  }
}

TEST(EventFilterTest, ErrorsNameWhatIsWrong) {
  const auto error = [](std::string_view text) {
    const Result<Filter> filter = Filter::Parse(text);
    EXPECT_FALSE(filter.ok()) << text;
    return filter.ok() ? std::string() : filter.status().text();
  };
  EXPECT_EQ(error("renamed"), "ERR Invalid event name: renamed");
  EXPECT_EQ(error("renamed:ns:*"), "ERR Invalid event name: renamed");
  EXPECT_EQ(error(""), "ERR Invalid event name: ");
  EXPECT_EQ(error(":a"), "ERR Invalid event name: ");
  EXPECT_EQ(error("Created"), "ERR Invalid event name: Created");
  EXPECT_EQ(error(" created"), "ERR Invalid event name:  created");
  EXPECT_EQ(error("create*"), "ERR Invalid event name: create*");
  EXPECT_EQ(error("created:"), "ERR Invalid event filter: created:: no part may be empty");
  EXPECT_EQ(error("created::a"), "ERR Invalid event filter: created::a: no part may be empty");
  EXPECT_EQ(error("created:ns:"), "ERR Invalid event filter: created:ns:: no part may be empty");
  EXPECT_TRUE(Filter::Parse("*:" + std::string(1022, 'x')).ok());
  EXPECT_NE(error("*:" + std::string(1023, 'x')).find("it is longer than 1024 bytes"),
            std::string::npos);
}

TEST(EventFilterTest, OfASetAnyMayMatch) {
  const auto set = FilterSet::Parse({"created:ns:*", "deleted:order"});
  ASSERT_TRUE(set.ok());
  EXPECT_TRUE((*set)->Matches(kCreated, "ns:a"));
  EXPECT_TRUE((*set)->Matches(kDeleted, "order"));
  EXPECT_FALSE((*set)->Matches(kDeleted, "ns:a"));
  EXPECT_TRUE((*set)->MatchesKey("ns:a"));
  EXPECT_FALSE((*set)->MatchesKey("ns"));
  EXPECT_TRUE((*set)->MatchesName(kDeleted));
  EXPECT_FALSE((*set)->MatchesName(kUpdated));
  EXPECT_EQ(FilterSet::Parse({"created", "x"}).status().text(), "ERR Invalid event name: x");
}

}  // namespace
}  // namespace ampt
