#include "tests/server/durability.h"

#include <algorithm>
#include <filesystem>

namespace ampt::test {

void DurabilityTest::WaitForSave() {
  EXPECT_TRUE(WaitFor([this] { return !IsSaving(); }));
}

void DurabilityTest::WaitUntilWritten() {
  EXPECT_TRUE(WaitFor([this] { return InfoNumber("aof_buffer_length") == 0; }));
}

std::vector<std::string> DurabilityTest::Names(const std::string& directory, std::string_view begin,
                                               std::string_view end) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(begin) && name.ends_with(end)) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

void DurabilityTest::FillDatabases() {
  for (const int database : {0, 3, 15}) {
    Client client = Connect();
    ASSERT_EQ(client.Ask("SELECT " + std::to_string(database)), "OK");
    for (const std::string_view line : {
             R"(SET text Hello)",
             R"(SET "" "no key")",
             R"(SET "\x00\xff" "\x00\xff\r\n")",
             R"(SET due soon PX 100000000)",
             R"(SET large %{0123456789*20000})",
             R"(AMPT.SET user:1 '{"name":"Ann","tags":["a",null,{"b":1.50}]}' TTL 4000000000 )"
             R"(LABEL1 blue LABEL2 " x : y " LABEL5 last)",
             R"(AMPT.SET user:2 '{"name":"Bob"}' LABEL1 blue)",
             R"(AMPT.SET user:1 '{"age":40}')",
             R"(AMPT.SET user:2 true OVERWRITE LABEL3 green)",
             R"(AMPT.SET list [1,2,3])",
             R"(AMPT.SET nothing null REMOVENULLS false)",
             R"(AMPT.MSET 2 many:1 '{"value":1}' many:2 '{"value":{"a":[]},"label1":"blue"}')",
             R"(AMPT.ADD sum 0.1)",
             R"(AMPT.ADD sum 0.2)",
             R"(AMPT.SET gone:1 1)",
             R"(AMPT.SET gone:2 2 LABEL1 blue)",
             R"(AMPT.REMOVERANGE gone:*)",
             R"(INCR count)",
             R"(INCRBY count 41)",
             R"(SET half 10)",
             R"(INCRBYFLOAT half 0.5)",
             R"(APPEND text " world")",
             R"(SETRANGE text 3 p)",
             R"(MSET a 1 b 2 c 3)",
             R"(RENAME a user:9)",
             R"(COPY b d)",
             R"(MOVE c 7)",
             R"(EXPIRE b 100000)",
             R"(PERSIST due)",
             R"(DEL d)",
         }) {
      const std::string reply = client.Ask(line);
      EXPECT_EQ(reply.find("(error)"), std::string::npos) << line << ": " << reply;
    }
  }
  Client client = Connect();
  client.Ask("SELECT 5");
  client.Ask("SET flushed 1");
  client.Ask("FLUSHDB");
  client.Ask("SET after 1");
}

}  // namespace ampt::test
