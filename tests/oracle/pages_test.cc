// Pages that end because of their size: too large for the random requests.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/oracle/model_oracle.h"
#include "tests/unit/test_context.h"

namespace ampt::oracle {
namespace {

TEST(Oracle, APageEndsWithTheItemThatReachesAMebibyte) {
  for (const size_t value_bytes : {300'000u, (1u << 20) - 2, (1u << 20) - 3, 2u << 20}) {
    SCOPED_TRACE(value_bytes);
    TestContext server;
    Model model;
    model.Begin(server.clock.NowMs());
    for (int i = 0; i < 5; ++i) {
      Write write{.key = "big:" + std::to_string(i),
                  .value = Json::String(std::string(value_bytes, 'x')),
                  .quiet = true};
      write.labels[0] = {"size:big", false};
      ASSERT_EQ(
          server.Run({"AMPT.SET", write.key, write.value.ToText(), "QUIET", "LABEL1", "size:big"}),
          model.Set(write));
    }
    for (const bool reverse : {false, true}) {
      Query query{.expression = {Expression::kAll, "big", {}, {}}, .reverse = reverse};
      size_t pages = 0;
      size_t shown = 0;
      while (true) {
        std::vector<std::string> words = {"AMPT.GET", "big:*"};
        if (reverse) words.push_back("REVERSE");
        if (query.has_start) words.insert(words.end(), {"START", query.start_key});
        const Page page = model.GetPage(query);
        ASSERT_TRUE(server.Run(words) == page.reply);
        ++pages;
        shown += page.keys.size();
        if (!page.more) break;
        query.has_start = true;
        query.start_key = page.last_key;
      }
      EXPECT_EQ(shown, 5u);
      const size_t a_page = ((1u << 20) + value_bytes + 1) / (value_bytes + 2);
      EXPECT_EQ(pages, (5 + a_page - 1) / a_page);
    }
  }
}

}  // namespace
}  // namespace ampt::oracle
