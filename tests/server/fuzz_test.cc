// A bounded fuzzer of the whole server: requests made from the commands' own grammar, then damaged.
//
// Each connection sends a batch and closes its sending half; the server must answer with nothing
// but RESP and close. In the end it must still serve, with all its structures sound. SEED=n repeats
// a run, CONNECTIONS=n sets its length.
#include <cstdlib>
#include <random>

#include "commands/spec.h"
#include "tests/server/harness.h"

namespace ampt::test {
namespace {

constexpr int kConnectionsDefault = 1500;
constexpr int kRequestsPerConnection = 40;

uint64_t NumberFrom(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class RequestMaker {
 public:
  explicit RequestMaker(uint64_t seed) : random_(seed) { Collect(table_.all()); }

  // A request, one in a hundred damaged.
  std::string Make() {
    Words words = MakeWords();
    if (OneIn(16)) words.erase(words.begin() + Below(words.size()));
    if (OneIn(16)) words.insert(words.begin() + Below(words.size() + 1), Text());
    std::string bytes = words.empty() ? "\r\n" : Encode(words);
    // A subscriber may do little else, so most are none for long.
    const bool subscribes = !words.empty() && words[0].ends_with("subscribe");
    if (subscribes && !OneIn(8)) bytes += Encode({"RESET"});
    if (OneIn(100)) Damage(&bytes);
    return bytes;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  bool OneIn(size_t n) { return Below(n) == 0; }

  template <size_t n>
  std::string Pick(const std::string_view (&choices)[n]) {
    return std::string(choices[Below(n)]);
  }

  // Without those that end the server, make it stand still, or change how it serves the rest.
  void Collect(std::span<const Command* const> commands) {
    for (const Command* command : commands) {
      const std::string_view name = command->spec.name;
      if (name == "shutdown" || name == "quit" || name == "auth" || name == "debug|sleep" ||
          name == "debug|clock" || name == "client|pause" || name == "debug|populate" ||
          name == "config|set" || name == "config|rewrite") {
        continue;
      }
      if (command->subcommands.empty()) {
        commands_.push_back(command);
      } else {
        Collect(command->subcommands);
      }
    }
  }

  Words MakeWords() {
    const Command& command = *commands_[Below(commands_.size())];
    Words words;
    const std::string name(command.spec.name);
    const size_t bar = name.find('|');
    words.push_back(name.substr(0, bar));
    if (bar != std::string::npos) words.push_back(name.substr(bar + 1));
    for (const ArgumentDoc& argument : command.grammar.arguments()) Append(argument, &words);
    return words;
  }

  void Append(const ArgumentDoc& argument, Words* words) {
    if (argument.optional && OneIn(2)) return;
    const size_t times = argument.multiple ? 1 + Below(4) : 1;
    if (!argument.token.empty()) words->push_back(argument.token);
    if (argument.type == "pure-token") return;
    for (size_t i = 0; i < times; ++i) {
      if (argument.type == "oneof") {
        if (!argument.parts.empty()) Append(argument.parts[Below(argument.parts.size())], words);
      } else if (argument.type == "block") {
        for (const ArgumentDoc& part : argument.parts) Append(part, words);
      } else if (argument.type == "key") {
        words->push_back(Key());
      } else if (argument.type == "integer") {
        words->push_back(Number());
      } else {
        words->push_back(Text());
      }
    }
  }

  std::string Key() {
    constexpr std::string_view kKeys[] = {
        "a",   "b", "ns:a", "ns:b", "ns:c:d", "ns:*", "ns:>a", "*",     "ns:a|c", "",
        " a ", "o", "l",    "n",    "\xFF",   "ns:",  ":x",    "ns:b*", "ns:<=b"};
    return Pick(kKeys);
  }

  std::string Number() {
    constexpr std::string_view kNumbers[] = {"0",
                                             "1",
                                             "2",
                                             "3",
                                             "-1",
                                             "10",
                                             "100",
                                             "1000",
                                             "1001",
                                             "25",
                                             "26",
                                             "9223372036854775807",
                                             "-9223372036854775808",
                                             "9223372036854775808",
                                             "1.5",
                                             "",
                                             "abc",
                                             "4102444800",
                                             "536870911"};
    return Pick(kNumbers);
  }

  std::string Text() {
    constexpr std::string_view kTexts[] = {
        R"({"a":1,"b":{"c":[1,2,null]}})",
        R"({"a":{"$add":1}})",
        R"({"$add":0.1})",
        R"({"value":{"x":1},"ttl":60,"label1":["red"]})",
        R"({"$binary":"/wA="})",
        R"("text")",
        R"({"a":null,"a":2)",
        "[[[[[[[[]]]]]]]]",
        "null",
        "1e300",
        "-0.5",
        "true",
        "label1",
        "3",
        "red",
        "ns:red",
        "ns:a|red",
        "2101-01-01",
        "META",
        "GET",
        "*",
        "[a-",
        "\\",
        "",
    };
    const size_t choice = Below(8);
    if (choice == 0) return Key();
    if (choice == 1) return Number();
    if (choice > 2) return Pick(kTexts);
    std::string text(Below(300), ' ');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }

  void Damage(std::string* bytes) {
    const size_t at = Below(bytes->size());
    switch (Below(5)) {
      case 0:
        (*bytes)[at] = static_cast<char>(random_());
        break;
      case 1:
        bytes->resize(at);
        break;
      case 2:
        bytes->insert(at, bytes->substr(Below(bytes->size()), Below(20)));
        break;
      case 3:
        bytes->erase(at, 1 + Below(10));
        break;
      default: {
        // Another number where the protocol has one.
        constexpr std::string_view kLengths[] = {
            "-1", "0", "7", "99999", "1048577", "-2147483648", "536870912", "99999999999999999999"};
        const size_t number = bytes->find_first_of("0123456789", at);
        if (number != std::string::npos) bytes->replace(number, 1, Pick(kLengths));
      }
    }
  }

  const CommandTable table_;
  std::vector<const Command*> commands_;
  std::mt19937_64 random_;
};

class FuzzTest : public ServerTest {};

TEST_F(FuzzTest, NoRequestBreaksTheServer) {
  const uint64_t seed = NumberFrom("SEED", std::random_device()());
  const auto connections = static_cast<int>(NumberFrom("CONNECTIONS", kConnectionsDefault));
  std::printf("SEED=%llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("SEED=" + std::to_string(seed));
  RequestMaker maker(seed);
  int replies = 0;
  // A small limit lets requests of plausible size reach it.
  StartServer({{"max-item-size", "64kb"}});
  for (int i = 0; i < connections; ++i) {
    SCOPED_TRACE("connection " + std::to_string(i));
    std::string batch;
    for (int n = 0; n < kRequestsPerConnection; ++n) batch += maker.Make();
    Client client = Connect();
    client.Send(batch);
    client.FinishSending();
    while (client.Read()) ++replies;
    ASSERT_TRUE(client.WaitClosed());
    ASSERT_FALSE(HasFailure());
    ASSERT_TRUE(server().running()) << "the server ended";
    if (i % 50 == 49) {
      ASSERT_EQ(Connect().Ask("DEBUG VERIFY"), "OK");
    }
  }
  // Else most requests would not have been understood at all.
  EXPECT_GT(replies, connections * kRequestsPerConnection / 4);
  ExpectAlive();
  EXPECT_EQ(Connect().Ask("DEBUG VERIFY"), "OK");
}

}  // namespace
}  // namespace ampt::test
