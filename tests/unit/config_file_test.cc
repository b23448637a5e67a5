// Configuration files and command lines, and what CONFIG REWRITE makes of a file.
#include "server/config_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace ampt {
namespace {

using Texts = std::map<std::string, std::string>;

// Files that exist only here.
FileReader Files(Texts texts) {
  return [texts = std::move(texts)](const std::string& path) -> Result<std::string> {
    const auto found = texts.find(path);
    if (found == texts.end()) return Status::Err("No such file or directory");
    return found->second;
  };
}

const FileReader kNoFiles = Files({});

Result<Settings> Read(std::string_view text, const FileReader& files = kNoFiles,
                      const std::string& name = "ampt.conf") {
  Settings settings;
  AMPT_RETURN_IF_ERROR(ReadConfigText(text, name, files, settings));
  return settings;
}

std::string ErrorOf(std::string_view text, const FileReader& files = kNoFiles,
                    const std::string& name = "ampt.conf") {
  const Result<Settings> settings = Read(text, files, name);
  return settings.ok() ? "OK" : settings.status().text();
}

std::string Rewrite(std::string_view text, const Settings& settings,
                    const FileReader& files = kNoFiles) {
  const Result<std::string> rewritten = RewriteConfigText(text, "ampt.conf", files, settings);
  return rewritten.ok() ? *rewritten : rewritten.status().text();
}

TEST(ConfigFileTest, SplitsWordsAsRedisDoes) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(SplitWords(""), Words());
  EXPECT_EQ(SplitWords("  a\t b  "), (Words{"a", "b"}));
  EXPECT_EQ(SplitWords(R"(a "b c" 'd e')"), (Words{"a", "b c", "d e"}));
  EXPECT_EQ(SplitWords(R"("" '')"), (Words{"", ""}));
  EXPECT_EQ(SplitWords(R"("\n\r\t\b\a\\\"\x41\xfF\q")"), (Words{"\n\r\t\b\a\\\"A\xffq"}));
  EXPECT_EQ(SplitWords(R"('it\'s \n')"), (Words{R"(it's \n)"}));
  EXPECT_EQ(SplitWords(R"("\xzz")"), (Words{"xzz"}));
  EXPECT_EQ(SplitWords(R"(ab"c d")"), (Words{"abc d"}));
  for (const std::string_view open :
       {R"("a)", R"('a)", R"("a"b)", R"('a'b)", R"("a\)", R"("\x4)"}) {
    EXPECT_EQ(SplitWords(open), std::nullopt) << open;
  }
}

TEST(ConfigFileTest, QuotedWordsReadBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  for (const std::string& word :
       {std::string(), std::string("plain"), std::string("a b"), std::string("#x"), all}) {
    EXPECT_EQ(SplitWords("name " + QuoteWord(word)), (std::vector<std::string>{"name", word}));
  }
  EXPECT_EQ(QuoteWord("plain/path-1.log"), "plain/path-1.log");
}

TEST(ConfigFileTest, ReadsDirectives) {
  const Result<Settings> settings = Read(
      "# comment\n"
      "\n"
      "  PORT 7000\r\n"
      "bind 127.0.0.1 -::1\n"
      "maxmemory 2gb\n"
      "logfile \"/var/log/a b.log\"\n"
      "client-output-buffer-limit normal 1mb 0 0\n"
      "client-output-buffer-limit pubsub 2mb 0 0\n"
      "save \"\"\n"
      "port 7001");
  ASSERT_TRUE(settings.ok()) << settings.status().text();
  EXPECT_EQ(settings->port, 7001);
  EXPECT_EQ(settings->bind, (std::vector<std::string>{"127.0.0.1", "-::1"}));
  EXPECT_EQ(settings->maxmemory, int64_t{2} << 30);
  EXPECT_EQ(settings->logfile, "/var/log/a b.log");
  EXPECT_EQ(settings->output_buffer_limit(ClientClass::kNormal).hard_bytes, 1 << 20);
  EXPECT_EQ(settings->output_buffer_limit(ClientClass::kPubsub).hard_bytes, 2 << 20);
}

TEST(ConfigFileTest, ErrorsNameTheLineAndWhatIsRight) {
  EXPECT_EQ(ErrorOf("\n# x\nport abc"),
            "ampt.conf:3: 'port abc': must be a number from 0 to 65535");
  EXPECT_EQ(ErrorOf("port"), "ampt.conf:1: 'port': must be a number from 0 to 65535");
  EXPECT_EQ(ErrorOf("port 1 2"), "ampt.conf:1: 'port 1 2': must be a number from 0 to 65535");
  EXPECT_EQ(ErrorOf("maxmemroy 1gb"),
            "ampt.conf:1: 'maxmemroy': there is no such setting, did you mean 'maxmemory'?");
  EXPECT_EQ(ErrorOf("nothing-like-it 1"),
            "ampt.conf:1: 'nothing-like-it': there is no such setting");
  EXPECT_EQ(ErrorOf("logfile \"a"), "ampt.conf:1: 'logfile \"a': quotes are not balanced");
  EXPECT_EQ(ErrorOf("appendonly yes"),
            "ampt.conf:1: 'appendonly yes': must be no: this server has no other");
  EXPECT_EQ(ErrorOf("max-item-size 1gb"),
            "ampt.conf:1: 'max-item-size 1gb': must be a size from 1kb to 512mb");
  EXPECT_EQ(ErrorOf("unixsocketperm 888"),
            "ampt.conf:1: 'unixsocketperm 888': must be an octal number from 0 to 777");
  EXPECT_EQ(ErrorOf("loglevel loud"),
            "ampt.conf:1: 'loglevel loud': must be one of debug, verbose, notice, warning");
}

TEST(ConfigFileTest, ErrorsShowNoPassword) {
  EXPECT_EQ(ErrorOf("requirepass two words"),
            "ampt.conf:1: 'requirepass … …': must be one word, quoted if it has spaces");
  EXPECT_EQ(ErrorOf("requirepas hidden").find("hidden"), std::string::npos);
  EXPECT_EQ(ErrorOf("requirepass \"hidden").find("hidden"), std::string::npos);
}

TEST(ConfigFileTest, AnErrorChangesNothing) {
  Settings settings;
  EXPECT_FALSE(ReadConfigText("port 1\nport x", "f", kNoFiles, settings).ok());
  EXPECT_EQ(settings.port, 6379);
  const std::string_view words[] = {"--port", "1", "--port", "x"};
  EXPECT_FALSE(ReadCommandLine(words, settings).ok());
  EXPECT_EQ(settings.port, 6379);
}

TEST(ConfigFileTest, IncludesAreReadInPlace) {
  const FileReader files =
      Files(Texts{{"/etc/ampt/a.conf", "port 1\ntimeout 5\ninclude sub/b.conf\n"},
                  {"/etc/ampt/sub/b.conf", "maxclients 7\ninclude /abs.conf"},
                  {"/abs.conf", "port 2"},
                  {"/etc/ampt/loop.conf", "include loop.conf"},
                  {"/etc/ampt/wrong.conf", "\nport x"}});
  const std::string name = "/etc/ampt/main.conf";
  const Result<Settings> settings = Read("timeout 1\ninclude a.conf\nport 3", files, name);
  ASSERT_TRUE(settings.ok()) << settings.status().text();
  EXPECT_EQ(settings->port, 3);
  EXPECT_EQ(settings->timeout_s, 5);
  EXPECT_EQ(settings->maxclients, 7);
  EXPECT_EQ(ErrorOf("include none.conf", files, name),
            "/etc/ampt/main.conf:1: 'include none.conf': cannot read /etc/ampt/none.conf: No such "
            "file or directory");
  EXPECT_EQ(ErrorOf("include wrong.conf", files, name),
            "/etc/ampt/wrong.conf:2: 'port x': must be a number from 0 to 65535");
  EXPECT_NE(ErrorOf("include loop.conf", files, name).find("includes itself"), std::string::npos);
  EXPECT_EQ(ErrorOf("include", files, name),
            "/etc/ampt/main.conf:1: 'include': must be followed by the path of one file");
}

TEST(ConfigFileTest, ReadsCommandLines) {
  Settings settings;
  const std::string_view words[] = {"--port", "7000", "--bind", "127.0.0.1", "::1", "--save", ""};
  ASSERT_TRUE(ReadCommandLine(words, settings).ok());
  EXPECT_EQ(settings.port, 7000);
  EXPECT_EQ(settings.bind, (std::vector<std::string>{"127.0.0.1", "::1"}));
  const auto error = [](std::vector<std::string_view> line) {
    Settings unchanged;
    const Status status = ReadCommandLine(line, unchanged);
    return status.ok() ? "OK" : status.text();
  };
  EXPECT_EQ(error({"--port", "abc"}),
            "command line: '--port abc': must be a number from 0 to 65535");
  EXPECT_EQ(error({"--prot", "1"}),
            "command line: '--prot': there is no such setting, did you mean 'port'?");
  EXPECT_EQ(error({"7000"}), "command line: '7000': settings begin with --, as in --port 7000");
}

TEST(ConfigFileTest, RewriteKeepsWhatIsRight) {
  const std::string text = "# mine\n\nPORT  7000 \ntimeout 0\n\n# end\n";
  Settings settings;
  settings.port = 7000;
  EXPECT_EQ(Rewrite(text, settings), text);
}

TEST(ConfigFileTest, RewriteChangesInPlaceAndAppends) {
  Settings settings;
  settings.port = 7001;
  settings.maxmemory = 100 << 20;
  settings.requirepass = "a b\"c";
  EXPECT_EQ(Rewrite("# mine\nport 1\n# between\nport 7000\ntimeout 0", settings),
            "# mine\n# between\nport 7001\ntimeout 0\n# Generated by CONFIG REWRITE\n"
            "requirepass \"a b\\\"c\"\nmaxmemory 100mb\n");
}

TEST(ConfigFileTest, RewriteIsStable) {
  Settings settings;
  settings.timeout_s = 9;
  settings.client_output_buffer_limit[0] = {1 << 20, 0, 0};
  const std::string once = Rewrite("client-output-buffer-limit pubsub 1mb 0 0\n", settings);
  EXPECT_EQ(Rewrite(once, settings), once);
  const Result<Settings> read = Read(once);
  ASSERT_TRUE(read.ok());
  for (const Setting& setting : AllSettings()) {
    EXPECT_EQ(setting.words(*read), setting.words(settings)) << setting.name;
  }
}

TEST(ConfigFileTest, RewriteOverrulesIncludes) {
  const FileReader files = Files(Texts{{"other.conf", "timeout 5\nport 2"}});
  Settings settings;
  settings.port = 3;
  settings.timeout_s = 5;
  EXPECT_EQ(Rewrite("port 1\ninclude other.conf\n", settings, files),
            "port 3\ninclude other.conf\n# Generated by CONFIG REWRITE\nport 3\n");
}

TEST(ConfigFileTest, RewriteOfAFileWithErrorsIsRefused) {
  EXPECT_EQ(Rewrite("port x\n", Settings()),
            "ampt.conf:1: 'port x': must be a number from 0 to 65535");
}

// conf/ampt.conf against the table, both ways: every setting once, with its sentence above it and
// its default.
TEST(ConfigFileTest, TheShippedFileListsEverySetting) {
  std::ifstream file("conf/ampt.conf");
  ASSERT_TRUE(file) << "run the tests from the repository's folder";
  std::map<std::string, std::string> sentences;
  std::string comment;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) {
      comment += (comment.empty() ? "" : " ") + line.substr(2);
      continue;
    }
    if (!line.empty() && line[0] != '#') {
      const auto words = SplitWords(line);
      ASSERT_TRUE(words) << line;
      const Setting* setting = FindSetting(words->front());
      ASSERT_NE(setting, nullptr) << line;
      EXPECT_TRUE(sentences.emplace(setting->name, comment).second) << "twice: " << line;
      EXPECT_EQ(std::vector<std::string>(words->begin() + 1, words->end()),
                setting->words(Settings()))
          << line;
    }
    comment.clear();
  }
  for (const Setting& setting : AllSettings()) {
    EXPECT_EQ(sentences[std::string(setting.name)], setting.documentation) << setting.name;
  }
}

}  // namespace
}  // namespace ampt
