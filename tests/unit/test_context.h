// A server for tests of commands: databases, a clock that stands still, a host and a connection
// that only remember, and replies as redis-cli prints them.
//
//   TestContext server;
//   EXPECT_EQ(server.Run("SET greeting hello"), "OK");
//   EXPECT_EQ(server.Run("GET greeting"), "\"hello\"");
//   EXPECT_EQ(server.TakeEvents(), "created greeting hello");
#pragma once

#include <array>
#include <cctype>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "commands/context.h"
#include "commands/spec.h"
#include "model/glob.h"
#include "model/keyspace.h"

namespace ampt {

// Renders as redis-cli does on a terminal, without the last line end.
class RecordingReply : public Reply {
 public:
  void Simple(std::string_view text) override { Leaf(std::string(text)); }
  void Error(std::string_view text) override { Leaf("(error) " + std::string(text)); }
  using Reply::Error;
  void Integer(int64_t value) override {
    Leaf("(integer) " + std::string(IntegerText(value).view()));
  }
  void Bulk(std::string_view bytes) override { Leaf(Quoted(bytes)); }
  void Null() override { Leaf("(nil)"); }
  void NullArray() override { Leaf("(nil)"); }
  void Double(double value) override {
    char text[64];
    std::snprintf(text, sizeof text, "%.17g", value);
    Leaf(std::string("(double) ") + text);
  }
  void Boolean(bool value) override { Leaf(value ? "(true)" : "(false)"); }
  void Verbatim(std::string_view text) override { Leaf(std::string(text)); }

  void Array(size_t n) override { Open({')', n, "(empty array)", {}}); }
  void Map(size_t n) override { Open({'#', 2 * n, "(empty hash)", {}}); }
  void Set(size_t n) override { Open({'~', n, "(empty set)", {}}); }
  void Push(size_t n) override { Open({')', n, "(empty push)", {}}); }

  std::string* OpenBulk() override { return &bulk_; }
  void CloseBulk() override { Bulk(std::exchange(bulk_, {})); }

  // What was answered. A reply that is not one whole one shows as a text no test expects.
  std::string text() const {
    if (!open_.empty()) return "<a container lacks elements>";
    if (replies_ != 1) return "<" + std::to_string(replies_) + " replies>";
    return text_;
  }

  static std::string Quoted(std::string_view bytes) {
    std::string out = "\"";
    for (const char c : bytes) {
      switch (c) {
        case '\\':
        case '"':
          out.append(1, '\\').append(1, c);
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        case '\a':
          out += "\\a";
          break;
        case '\b':
          out += "\\b";
          break;
        default:
          if (c >= ' ' && c <= '~') {
            out.push_back(c);
          } else {
            char hex[8];
            std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
            out += hex;
          }
      }
    }
    return out + "\"";
  }

 private:
  struct Container {
    char mark;
    size_t expected;
    const char* if_empty;
    std::vector<std::string> elements;
  };

  void Open(Container container) {
    open_.push_back(std::move(container));
    CloseFull();
  }
  void Leaf(std::string text) {
    if (open_.empty()) {
      ++replies_;
      text_ = std::move(text);
      return;
    }
    open_.back().elements.push_back(std::move(text));
    CloseFull();
  }
  void CloseFull() {
    while (!open_.empty() && open_.back().elements.size() == open_.back().expected) {
      std::string text = Render(open_.back());
      open_.pop_back();
      if (open_.empty()) {
        ++replies_;
        text_ = std::move(text);
      } else {
        open_.back().elements.push_back(std::move(text));
      }
    }
  }
  static std::string Render(const Container& container) {
    if (container.elements.empty()) return container.if_empty;
    const bool map = container.mark == '#';
    const size_t entries = container.elements.size() / (map ? 2 : 1);
    const size_t width = std::to_string(entries).size();
    const std::string indent(width + 2, ' ');
    std::string out;
    for (size_t i = 0; i < entries; ++i) {
      if (i > 0) out.push_back('\n');
      const std::string number = std::to_string(i + 1);
      out.append(width - number.size(), ' ').append(number);
      out.append(1, container.mark).append(1, ' ');
      const auto append = [&](const std::string& element) {
        for (const char c : element) {
          out.push_back(c);
          if (c == '\n') out += indent;
        }
      };
      if (map) {
        append(container.elements[2 * i]);
        out += " => ";
        append(container.elements[2 * i + 1]);
      } else {
        append(container.elements[i]);
      }
    }
    return out;
  }

  std::vector<Container> open_;
  std::string bulk_;
  std::string text_;
  int replies_ = 0;
};

// A connection that remembers what it was told.
class FakeSession : public Session {
 public:
  int64_t id() const override { return 7; }
  int database() const override { return number; }
  void set_database(int database) override { number = database; }
  int resp_version() const override { return resp; }
  void set_resp_version(int version) override { resp = version; }
  bool authenticated() const override { return is_authenticated; }
  void set_authenticated(bool authenticated) override { is_authenticated = authenticated; }
  std::string_view name() const override { return client_name; }
  void set_name(std::string_view name) override { client_name = name; }
  void set_library(std::string_view name, std::string_view version) override {
    if (name.data() != nullptr) library_name = name;
    if (version.data() != nullptr) library_version = version;
  }
  void set_no_evict(bool on) override { no_evict = on; }
  void set_no_touch(bool on) override { no_touch = on; }
  void set_reply_mode(ReplyMode mode) override { reply_mode = mode; }
  std::string Describe() const override { return "id=7 name=" + client_name; }
  void Reset() override { *this = FakeSession(); }
  void CloseAfterReply() override { closing = true; }
  void Subscribe(Topic topic, std::string_view name) override {
    topics[static_cast<size_t>(topic)].emplace(name);
  }
  void Unsubscribe(Topic topic, std::string_view name) override {
    topics[static_cast<size_t>(topic)].erase(std::string(name));
  }
  std::vector<std::string> Subscriptions(Topic topic) const override {
    const auto& names = topics[static_cast<size_t>(topic)];
    return {names.begin(), names.end()};
  }
  std::optional<std::string_view> FirstSubscription(Topic topic) const override {
    const auto& names = topics[static_cast<size_t>(topic)];
    if (names.empty()) return std::nullopt;
    return *names.begin();
  }
  void set_subscribing(bool on) override { subscribing = on; }
  bool is_subscribing() const override { return subscribing; }
  size_t subscription_count() const override { return topics[0].size() + topics[1].size(); }

  int number = 0;
  int resp = 2;
  bool is_authenticated = true;
  std::string client_name;
  std::string library_name;
  std::string library_version;
  bool no_evict = false;
  bool no_touch = false;
  bool closing = false;
  bool subscribing = false;
  ReplyMode reply_mode = ReplyMode::kOn;
  std::array<std::set<std::string>, kTopics> topics;
};

// A program that answers what it is told to answer and remembers what it is asked.
class FakeHost : public Host {
 public:
  ~FakeHost() override { FreeAll(); }

  int64_t ListClients(const ClientFilter& filter, int64_t after_id, size_t,
                      std::string* list) override {
    last_filter = filter;
    // In two parts.
    const size_t half = client_list.size() / 2;
    list->append(after_id == 0 ? client_list.substr(0, half) : client_list.substr(half));
    return after_id == 0 ? 1 : 0;
  }
  int64_t KillClients(const ClientFilter& filter, const Session&) override {
    last_filter = filter;
    return kill_count;
  }
  bool UnblockClient(int64_t id, bool with_error) override {
    unblocked_id = id;
    unblocked_with_error = with_error;
    return unblock_result;
  }
  void Monitor(Session& me) override { monitors.insert(me.id()); }
  void PauseClients(int64_t duration_ms, bool writes_only) override {
    pause = {duration_ms, writes_only};
  }
  void UnpauseClients() override { pause.reset(); }
  SlowLog& slow_log() override { return slow; }
  LatencyMonitor& latency_monitor() override { return latency; }
  std::vector<CommandLatency> CommandLatencies() const override { return command_latencies; }
  int64_t Publish(std::string_view channel, std::string_view message) override {
    published.emplace_back(channel, message);
    return static_cast<int64_t>(SubscriberCount(channel));
  }
  std::vector<std::string> ActiveChannels(std::string_view glob) const override {
    std::vector<std::string> found;
    for (const auto& [channel, count] : channels) {
      if (GlobMatches(glob, channel)) found.push_back(channel);
    }
    return found;
  }
  size_t SubscriberCount(std::string_view channel) const override {
    const auto found = channels.find(std::string(channel));
    return found == channels.end() ? 0 : found->second;
  }
  size_t pattern_count() const override { return patterns; }

  // `glob`: only `*` and exact names.
  std::vector<std::pair<std::string, std::string>> GetSettings(std::string_view glob) override {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& setting : settings) {
      if (glob == "*" || EqualsIgnoreCase(glob, setting.first)) found.push_back(setting);
    }
    return found;
  }
  Status SetSettings(
      std::span<const std::pair<std::string_view, std::string_view>> changes) override {
    auto changed = settings;
    for (const auto& [name, value] : changes) {
      bool known = false;
      for (auto& setting : changed) {
        if (!EqualsIgnoreCase(setting.first, name)) continue;
        setting.second = value;
        known = true;
      }
      if (!known) {
        return Status::Err("Unknown option or number of arguments for CONFIG SET - '" +
                           std::string(name) + "'");
      }
    }
    settings = std::move(changed);
    return {};
  }
  Status RewriteConfig() override {
    ++config_rewrites;
    return {};
  }

  bool AuthRequired() const override { return !password.empty(); }
  Status LogIn(Session& session, std::string_view user, std::string_view given,
               std::string_view) override {
    if (user == "default" && given == password) {
      session.set_authenticated(true);
      return {};
    }
    return Status::Coded("WRONGPASS", "invalid username-password pair or user is disabled.");
  }
  std::string Info(std::span<const std::string_view> sections) override {
    info_sections.assign(sections.begin(), sections.end());
    return info;
  }
  void ResetStatistics() override { ++statistics_resets; }
  std::string MemoryDoctor() override { return "Hi Sam, all is well."; }
  void MemoryPurge() override { ++memory_purges; }
  std::vector<MemoryFigure> MemoryStats() override { return memory_stats; }
  int database_count() const override { return 16; }
  Status Shutdown(ShutdownSave save, bool force) override {
    shutdown_asked = true;
    shutdown_save = save;
    shutdown_force = force;
    return shutdown_status;
  }
  Status StartSave() override {
    if (is_saving) return Status::Err("Background save already in progress");
    is_saving = true;
    return {};
  }
  Status StartSaveAndAnswer(const Session& me) override {
    AMPT_RETURN_IF_ERROR(StartSave());
    answered_after_save = me.id();
    return {};
  }
  bool saving() const override { return is_saving; }
  void SaveAgain() override { save_again = true; }
  int64_t last_save_s() const override { return 1234567890; }
  void FreeLater(size_t, std::function<bool()> free_some) override {
    to_free.push_back(std::move(free_some));
  }
  int64_t WallMicros() override { return wall_micros; }

  bool DebugAllowed(const Session&) const override { return debug_allowed; }
  void SetClock(std::optional<TimeMs> now_ms) override { clock = now_ms; }
  void Sleep(double seconds) override { slept_seconds += seconds; }
  Status Reload() override {
    ++reloads;
    return {};
  }
  Status SetFailpoint(std::optional<std::string_view> operation, std::string_view action,
                      int64_t number) override {
    failpoint = operation ? std::string(*operation) + " " + std::string(action) + " " +
                                std::to_string(number)
                          : "off";
    return {};
  }

  void FreeAll() {
    for (const auto& free_some : to_free) {
      while (!free_some()) {
      }
    }
    to_free.clear();
  }

  std::optional<ClientFilter> last_filter;
  std::string client_list = "id=7 name=\n";
  int64_t kill_count = 0;
  int64_t unblocked_id = 0;
  bool unblocked_with_error = false;
  bool unblock_result = false;
  std::vector<std::pair<std::string, std::string>> settings = {{"maxmemory", "0"},
                                                               {"appendonly", "yes"}};
  std::set<int64_t> monitors;
  std::optional<std::pair<int64_t, bool>> pause;  // milliseconds, whether of writes only
  SlowLog slow;
  LatencyMonitor latency;
  std::vector<CommandLatency> command_latencies;
  std::vector<std::pair<std::string, std::string>> published;
  std::map<std::string, size_t> channels;  // and how many subscribers each has
  size_t patterns = 0;
  int config_rewrites = 0;
  std::string password;
  std::string info = "# Server\r\nredis_version:7.0.15\r\n";
  std::vector<std::string> info_sections;
  int statistics_resets = 0;
  int memory_purges = 0;
  std::vector<MemoryFigure> memory_stats = {{"total.allocated", int64_t{1000}}};
  bool shutdown_asked = false;
  ShutdownSave shutdown_save = ShutdownSave::kAsConfigured;
  bool shutdown_force = false;
  bool is_saving = false;
  bool save_again = false;
  int64_t answered_after_save = 0;
  int reloads = 0;
  std::string failpoint;
  Status shutdown_status;
  std::vector<std::function<bool()>> to_free;
  int64_t wall_micros = 1'700'000'000'123'456;
  bool debug_allowed = true;
  std::optional<TimeMs> clock;
  double slept_seconds = 0;
};

// Words as redis-cli splits a line: quotes, \n \r \t \a \b \xhh between double ones, \' between
// single ones.
inline std::vector<std::string> SplitCommand(std::string_view line) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : AsciiLower(c) - 'a' + 10; };
  std::vector<std::string> words;
  size_t i = 0;
  while (true) {
    while (i < line.size() && line[i] == ' ') ++i;
    if (i == line.size()) return words;
    std::string word;
    char quote = 0;
    for (; i < line.size() && (quote != 0 || line[i] != ' '); ++i) {
      const char c = line[i];
      if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (quote != 0 && c == quote) {
        quote = 0;
      } else if (quote == '"' && c == '\\' && i + 1 < line.size()) {
        const char e = line[++i];
        if (e == 'x' && i + 2 < line.size()) {
          word.push_back(static_cast<char>(digit(line[i + 1]) * 16 + digit(line[i + 2])));
          i += 2;
        } else {
          const size_t at = std::string_view("nrtab").find(e);
          word.push_back(at == std::string_view::npos ? e : "\n\r\t\a\b"[at]);
        }
      } else if (quote == '\'' && c == '\\' && i + 1 < line.size() && line[i + 1] == '\'') {
        word.push_back(line[++i]);
      } else {
        word.push_back(c);
      }
    }
    words.push_back(std::move(word));
  }
}

class TestContext : private Effects {
 public:
  TestContext() {
    for (int number = 0; number < host.database_count(); ++number) {
      databases.push_back(
          std::make_unique<Keyspace>(allocator, number, 0x5eed + static_cast<uint64_t>(number)));
      databases.back()->set_effects(this);
      databases.back()->set_access_tracker(&tracker);
    }
  }
  ~TestContext() override { host.FreeAll(); }

  // The reply as redis-cli prints it. Sliced work is done to its end, slice by slice.
  std::string Run(std::string_view line) { return Run(SplitCommand(line)); }
  std::string Run(const std::vector<std::string>& words) {
    RecordingReply reply;
    Execute(words, reply);
    return reply.text();
  }
  // The same with any Reply.
  void Execute(const std::vector<std::string>& words, Reply& reply) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    const Command* command = table.Find(views[0]);
    if (command == nullptr) return reply.Error("ERR unknown command '" + words[0] + "'");
    if (!command->ArityFits(views.size())) return reply.Error(WrongArity(command->spec.name));
    Context context{.databases = databases,
                    .store = store(),
                    .reply = reply,
                    .now_ms = clock.NowMs(),
                    .session = session,
                    .host = host,
                    .settings = settings,
                    .commands = table,
                    .random = random,
                    .events = events,
                    .scratch = scratch,
                    .to_the_end = to_the_end,
                    .work = nullptr,
                    .blocked = nullptr};
    events.SetNow(clock.NowMs());
    command->execute(context, views);
    if (context.blocked != nullptr) blocked = std::move(context.blocked);
    slices = 0;
    if (context.work == nullptr) return;
    do {
      ++slices;
      if (between_slices) between_slices();
    } while (!context.work->DoSome(clock.NowMs()));
    while (!context.work->Answer(reply)) {
    }
  }

  // What was emitted since the last call: "created key value", "updated key value", "deleted key
  // removed|expired|moved|evicted", "flush", joined by ", "; a database but 0 as "3/created …".
  std::string TakeEvents() {
    std::string all;
    for (const std::string& event : std::exchange(events_, {})) {
      all += (all.empty() ? "" : ", ") + event;
    }
    return all;
  }

  Keyspace& store() { return *databases[static_cast<size_t>(session.number)]; }
  // Null if there is none.
  const Item* Find(std::string_view key) { return store().Find(key, clock.NowMs()); }
  void CheckInvariants() const {
    for (const auto& database : databases) database->CheckInvariants();
  }

  Allocator allocator;
  FakeHost host;
  FakeSession session;
  ManualClock clock{1'700'000'000'000};
  ModelSettings settings;
  CommandTable table;
  Random random{1};
  AccessTracker tracker{1};
  Events events{16, EventSettings()};
  Context::Scratch scratch;
  Databases databases;
  bool to_the_end = false;
  std::unique_ptr<BlockedWork> blocked;  // what the last command that waits left
  int slices = 0;                        // after the command itself, of the last one
  std::function<void()> between_slices;

 private:
  void WillChange(int database, const Item& item, Origin origin) override {
    events.WillChange(database, item, origin);
  }
  void DidChange(int database, ChangeKind kind, const Item& item, Origin origin) override {
    events.DidChange(database, kind, item, origin);
    static constexpr const char* kKinds[] = {"created ", "updated ", "deleted "};
    static constexpr const char* kOrigins[] = {"removed", "expired", "evicted", "moved", "loaded"};
    std::string event = Prefix(database) + kKinds[static_cast<int>(kind)];
    event.append(item.key()).append(1, ' ');
    if (kind == ChangeKind::kDeleted) {
      event.append(kOrigins[static_cast<int>(origin)]);
    } else {
      event.append(item.value().text);
    }
    events_.push_back(std::move(event));
  }
  void WillFlush(int database) override { events_.push_back(Prefix(database) + "flush"); }
  static std::string Prefix(int database) {
    return database == 0 ? "" : std::to_string(database) + "/";
  }

  std::vector<std::string> events_;
};

}  // namespace ampt
