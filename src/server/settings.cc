#include "server/settings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>

#include "base/bytes.h"
#include "model/eviction.h"
#include "model/glob.h"
#include "server/notifications.h"

namespace ampt {
namespace {

using Values = std::span<const std::string>;

constexpr int64_t kMaxInt = std::numeric_limits<int>::max();
constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr int64_t kMegabyte = 1 << 20;
constexpr size_t kMaxBindAddresses = 16;  // Redis' own bound
constexpr size_t kMostSaveRules = 64;
constexpr size_t kEchoedBytes = 128;

// --- the names of enumerated values, in the order of their enumerators ---

template <typename E>
constexpr std::array<std::string_view, 0> kNames{};
template <>
constexpr std::array<std::string_view, 4> kNames<LogLevel>{"debug", "verbose", "notice", "warning"};
template <>
constexpr std::array<std::string_view, 8> kNames<EvictionPolicy>{
    "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
    "allkeys-lru",  "allkeys-lfu",  "allkeys-random",  "noeviction"};
template <>
constexpr std::array<std::string_view, 3> kNames<Supervision>{"no", "systemd", "auto"};
template <>
constexpr std::array<std::string_view, 2> kNames<EventsOverflow>{"refuse", "drop"};
template <>
constexpr std::array<std::string_view, 3> kNames<DebugAccess>{"no", "yes", "local"};
template <>
constexpr std::array<std::string_view, 2> kNames<PubsubDefault>{"resetchannels", "allchannels"};
template <>
constexpr std::array<std::string_view, 3> kNames<TlsAuthClients>{"no", "optional", "yes"};
template <>
constexpr std::array<std::string_view, kClientClasses> kNames<ClientClass>{"normal", "replica",
                                                                           "pubsub"};

template <>
constexpr std::array<std::string_view, 3> kNames<SyncPolicy>{"always", "everysec", "no"};
template <>
constexpr std::array<std::string_view, 2> kNames<bool>{"no", "yes"};

template <typename E>
std::optional<E> FindName(std::string_view word) {
  for (size_t i = 0; i < kNames<E>.size(); ++i) {
    if (EqualsIgnoreCase(word, kNames<E>[i])) return static_cast<E>(i);
  }
  return std::nullopt;
}

template <typename E>
std::string_view NameOfAny(E value) {
  return kNames<E>[static_cast<size_t>(value)];
}

// --- kinds of settings: each a reader, a writer and a phrase for one field ---

std::string Join(Values words) {
  return fmt::format("{}", fmt::join(words, " "));
}

// The words of a value that is a list, which CONFIG SET gets as one string.
std::vector<std::string> SplitAtSpaces(Values values) {
  std::vector<std::string> words;
  for (std::string_view value : values) {
    while (!value.empty()) {
      const size_t space = value.find(' ');
      if (space != 0) words.emplace_back(value.substr(0, space));
      if (space == std::string_view::npos) break;
      value.remove_prefix(space + 1);
    }
  }
  return words;
}

std::string OutOfRange(std::string_view smallest, std::string_view largest) {
  return fmt::format("argument must be between {} and {} inclusive", smallest, largest);
}

using StringMember = std::string Settings::*;

template <auto kField>
using FieldOf = std::remove_reference_t<decltype(std::declval<Settings&>().*kField)>;

template <auto kField, int64_t kMin, int64_t kMax>
struct Number {
  static std::string Bounds() { return fmt::format("a number from {} to {}", kMin, kMax); }
  static std::string Get(const Settings& settings) { return fmt::format("{}", settings.*kField); }
  static std::string Set(Settings& settings, const std::string& word) {
    const std::optional<int64_t> value = ParseInteger(word);
    if (!value) return "argument couldn't be parsed into an integer";
    if (*value < kMin || *value > kMax) {
      return OutOfRange(IntegerText(kMin).view(), IntegerText(kMax).view());
    }
    settings.*kField = static_cast<FieldOf<kField>>(*value);
    return {};
  }
};

template <auto kField, int64_t kMin, int64_t kMax>
struct Size {
  static std::string Bounds() {
    return kMax == kMaxInt64
               ? fmt::format("a size of at least {}, such as 100mb", FormatSize(kMin))
               : fmt::format("a size from {} to {}", FormatSize(kMin), FormatSize(kMax));
  }
  static std::string Get(const Settings& settings) { return fmt::format("{}", settings.*kField); }
  static std::vector<std::string> Words(const Settings& settings) {
    return {FormatSize(settings.*kField)};
  }
  static std::string Set(Settings& settings, const std::string& word) {
    int64_t value;
    if (!ParseSize(word, &value)) return "argument must be a memory value";
    if (value < kMin || value > kMax) {
      return OutOfRange(IntegerText(kMin).view(), IntegerText(kMax).view());
    }
    settings.*kField = value;
    return {};
  }
};

// Bytes, or a share of maxmemory that is kept as a negative number.
template <auto kField>
struct SizeOrPercent {
  static std::string Bounds() { return "a size, such as 100mb, or 0% to 100%"; }
  static std::string Get(const Settings& settings) {
    const int64_t value = settings.*kField;
    return value < 0 ? fmt::format("{}%", -value) : fmt::format("{}", value);
  }
  static std::vector<std::string> Words(const Settings& settings) {
    const int64_t value = settings.*kField;
    return {value < 0 ? Get(settings) : FormatSize(value)};
  }
  static std::string Set(Settings& settings, const std::string& word) {
    int64_t value;
    if (word.ends_with('%')) {
      const std::optional<int64_t> percent =
          ParseInteger(std::string_view(word).substr(0, word.size() - 1));
      if (!percent || *percent < 0) return "argument must be a memory or percent value";
      if (*percent > 100) return "percentage argument must be less or equal to 100";
      value = -*percent;
    } else if (!ParseSize(word, &value)) {
      return "argument must be a memory or percent value";
    }
    settings.*kField = value;
    return {};
  }
};

template <auto kField>
struct Permissions {
  static std::string Bounds() { return "an octal number from 0 to 777"; }
  static std::string Get(const Settings& settings) { return fmt::format("{:o}", settings.*kField); }
  static std::string Set(Settings& settings, const std::string& word) {
    int value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, 8);
    if (error == std::errc::invalid_argument || end != word.data() + word.size()) {
      return "argument couldn't be parsed as an octal number";
    }
    if (error != std::errc() || value < 0 || value > 0777) return OutOfRange("0", "777");
    settings.*kField = value;
    return {};
  }
};

// A name for the operating system, which would end at a zero byte.
template <StringMember kField>
struct Path {
  static std::string Bounds() { return "one word without zero bytes, quoted if it has spaces"; }
  static std::string Get(const Settings& settings) { return settings.*kField; }
  static std::string Set(Settings& settings, const std::string& word) {
    if (word.find('\0') != std::string::npos) return "argument must not hold a zero byte";
    settings.*kField = word;
    return {};
  }
};

template <StringMember kField>
struct Secret {
  static constexpr bool kSecret = true;
  static std::string Bounds() { return "one word, quoted if it has spaces"; }
  static std::string Get(const Settings& settings) { return settings.*kField; }
  static std::string Set(Settings& settings, const std::string& word) {
    settings.*kField = word;
    return {};
  }
};

template <auto kField>
struct Choice {
  using E = FieldOf<kField>;
  static std::string Bounds() {
    if (kNames<E>.size() == 1) return std::string(kNames<E>[0]);
    return fmt::format("one of {}", fmt::join(kNames<E>, ", "));
  }
  static std::string Get(const Settings& settings) {
    return std::string(NameOfAny(settings.*kField));
  }
  static std::string Set(Settings& settings, const std::string& word) {
    const std::optional<E> value = FindName<E>(word);
    if (!value) {
      return fmt::format("argument(s) must be one of the following: {}",
                         fmt::join(kNames<E>, ", "));
    }
    settings.*kField = *value;
    return {};
  }
};

// A string literal as a template argument.
template <size_t N>
struct Literal {
  constexpr Literal(const char (&text)[N]) { std::copy_n(text, N, bytes); }
  constexpr std::string_view view() const { return {bytes, N - 1}; }
  char bytes[N];
};

// What clients and tools ask for although there is nothing to choose. A file written for Redis, and
// a client that sets what is in force anyhow, are not refused.
template <Literal kValue>
struct Fact {
  static std::string Bounds() {
    return fmt::format("{}: this server has no other",
                       kValue.view().empty() ? "\"\"" : kValue.view());
  }
  static std::string Get(const Settings&) { return std::string(kValue.view()); }
  static std::string Set(Settings&, const std::string& word) {
    return EqualsIgnoreCase(word, kValue.view()) ? "" : "can't set immutable config";
  }
};

template <std::vector<std::string> Settings::*kField>
struct Addresses {
  static std::string Bounds() { return fmt::format("1 to {} addresses", kMaxBindAddresses); }
  static std::string Get(const Settings& settings) { return Join(settings.*kField); }
  static std::vector<std::string> Words(const Settings& settings) { return settings.*kField; }
  static std::string SetList(Settings& settings, std::vector<std::string> words) {
    if (words.empty()) return "wrong number of arguments";
    if (words.size() > kMaxBindAddresses) return "Too many bind addresses specified.";
    settings.*kField = std::move(words);
    return {};
  }
};

struct Percentiles {
  static std::string Bounds() { return "numbers from 0 to 100, such as 50 99 99.9"; }
  static std::string Get(const Settings& settings) { return Join(Words(settings)); }
  static std::vector<std::string> Words(const Settings& settings) {
    std::vector<std::string> words;
    for (const double percent : settings.latency_percentiles) {
      words.push_back(fmt::format("{}", percent));
    }
    return words;
  }
  static std::string SetList(Settings& settings, std::vector<std::string> words) {
    std::vector<double> percentiles;
    for (const std::string& word : words) {
      const char* const end = word.data() + word.size();
      double percent = 0;
      const auto [stop, error] = std::from_chars(word.data(), end, percent);
      if (error != std::errc() || stop != end || !(percent >= 0 && percent <= 100)) {
        return "latency percentiles must be numbers from 0 to 100";
      }
      percentiles.push_back(percent);
    }
    settings.latency_percentiles = std::move(percentiles);
    return {};
  }
};

struct OutputBufferLimits {
  static std::string Bounds() {
    return "normal, replica or pubsub, a hard size, a soft size and seconds (pubsub 32mb 8mb 60), "
           "once for each class";
  }
  // With the older name of `replica`, as Redis answers.
  static std::string Get(const Settings& settings) {
    return Join(Format(settings, "slave", [](int64_t bytes) { return fmt::format("{}", bytes); }));
  }
  static std::vector<std::string> Words(const Settings& settings) {
    return Format(settings, "replica", FormatSize);
  }
  static std::string SetList(Settings& settings, std::vector<std::string> words) {
    if (words.empty() || words.size() % 4 != 0) {
      return "Wrong number of arguments in buffer limit configuration.";
    }
    auto limits = settings.client_output_buffer_limit;
    for (size_t i = 0; i < words.size(); i += 4) {
      const std::optional<ClientClass> of = EqualsIgnoreCase(words[i], "slave")
                                                ? ClientClass::kReplica
                                                : FindName<ClientClass>(words[i]);
      if (!of) return "Invalid client class specified in buffer limit configuration.";
      OutputBufferLimit limit;
      const std::optional<int64_t> seconds = ParseInteger(words[i + 3]);
      if (!ParseSize(words[i + 1], &limit.hard_bytes) ||
          !ParseSize(words[i + 2], &limit.soft_bytes) || !seconds || *seconds < 0) {
        return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
      }
      limit.soft_s = *seconds;
      limits[static_cast<size_t>(*of)] = limit;
    }
    settings.client_output_buffer_limit = limits;
    return {};
  }

 private:
  template <typename FormatBytes>
  static std::vector<std::string> Format(const Settings& settings, std::string_view replica,
                                         FormatBytes format) {
    std::vector<std::string> words;
    for (size_t i = 0; i < kClientClasses; ++i) {
      const ClientClass of = static_cast<ClientClass>(i);
      const OutputBufferLimit& limit = settings.output_buffer_limit(of);
      words.emplace_back(of == ClientClass::kReplica ? replica : NameOfAny(of));
      words.push_back(format(limit.hard_bytes));
      words.push_back(format(limit.soft_bytes));
      words.push_back(fmt::format("{}", limit.soft_s));
    }
    return words;
  }
};

struct SaveRules {
  static std::string Bounds() {
    return "\"\", or pairs of seconds and changes, such as 3600 1 300 100";
  }
  static std::string Get(const Settings& settings) { return Join(Words(settings)); }
  static std::vector<std::string> Words(const Settings& settings) {
    std::vector<std::string> words;
    for (const SaveSchedule::Rule& rule : settings.save) {
      words.push_back(fmt::format("{}", rule.seconds));
      words.push_back(fmt::format("{}", rule.changes));
    }
    if (words.empty()) words.emplace_back();
    return words;
  }
  static std::string SetList(Settings& settings, std::vector<std::string> words) {
    if (words.size() % 2 != 0) return "Invalid save parameters";
    std::vector<SaveSchedule::Rule> rules;
    for (size_t i = 0; i < words.size(); i += 2) {
      const std::optional<int64_t> seconds = ParseInteger(words[i]);
      const std::optional<int64_t> changes = ParseInteger(words[i + 1]);
      if (!seconds || !changes || *seconds < 1 || *seconds > kMaxInt || *changes < 0) {
        return "Invalid save parameters";
      }
      if (rules.size() == kMostSaveRules) return "Too many save parameters";
      rules.push_back({*seconds, static_cast<uint64_t>(*changes)});
    }
    settings.save = std::move(rules);
    return {};
  }
};

struct NotifyFlags {
  static std::string Bounds() { return "characters out of Ag$lshzxeKEtmdn, or \"\""; }
  static std::string Get(const Settings& settings) {
    return FormatNotifyFlags(settings.notify_keyspace_events);
  }
  static std::string Set(Settings& settings, const std::string& word) {
    const std::optional<uint32_t> flags = ParseNotifyFlags(word);
    if (!flags) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    settings.notify_keyspace_events = *flags;
    return {};
  }
};

// A row of the table: a kind with a name. Kinds that are lists have SetList, all others Set; what a
// file has is what Get says unless the kind has Words.
template <typename Kind>
constexpr Setting Row(std::string_view name, Change change, std::string_view documentation) {
  return {.name = name,
          .change = change,
          .documentation = documentation,
          .bounds = Kind::Bounds,
          .set = [](Settings& settings, Values values) -> std::string {
            if constexpr (requires { Kind::SetList; }) {
              return Kind::SetList(settings, SplitAtSpaces(values));
            } else {
              if (values.size() != 1) return "wrong number of arguments";
              return Kind::Set(settings, values[0]);
            }
          },
          .get = Kind::Get,
          .words = [](const Settings& settings) -> std::vector<std::string> {
            if constexpr (requires { Kind::Words; }) {
              return Kind::Words(settings);
            } else {
              return {Kind::Get(settings)};
            }
          },
          .secret = requires {Kind::kSecret;
}
};  // namespace
}  // namespace ampt

// --- the table ---

using S = Settings;
constexpr Change kAnyTime = Change::kAnyTime;
constexpr Change kAtStart = Change::kAtStart;
constexpr Change kNever = Change::kNever;

constexpr Setting kTable[] = {
    Row<Number<&S::port, 0, 65535>>("port", kAnyTime, "TCP port to listen on; 0 is none."),
    Row<Addresses<&S::bind>>(
        "bind", kAnyTime,
        "Addresses to listen on; one that cannot be had is an error unless a '-' stands "
        "before it."),
    Row<Number<&S::tcp_backlog, 1, kMaxInt>>(
        "tcp-backlog", kAtStart,
        "How many connections may wait to be accepted; the system's own limit holds too."),
    Row<Path<&S::unixsocket>>("unixsocket", kAtStart,
                              "Path of a Unix socket to listen on as well; \"\" is none."),
    Row<Permissions<&S::unixsocketperm>>(
        "unixsocketperm", kAtStart,
        "Permissions of the Unix socket, such as 700; 0 leaves them to the umask."),
    Row<Number<&S::tls_port, 0, 65535>>("tls-port", kAnyTime,
                                        "TCP port to listen on for TLS; 0 is none."),
    Row<Path<&S::tls_cert_file>>(
        "tls-cert-file", kAnyTime,
        "The server's certificate in PEM, with those between it and its authority behind it; read "
        "anew by CONFIG SET and SIGHUP, as all of TLS."),
    Row<Path<&S::tls_key_file>>("tls-key-file", kAnyTime, "The key of that certificate in PEM."),
    Row<Secret<&S::tls_key_file_pass>>("tls-key-file-pass", kAnyTime,
                                       "Password of the key's file; \"\" is none."),
    Row<Path<&S::tls_ca_cert_file>>(
        "tls-ca-cert-file", kAnyTime,
        "Certificates in PEM of the authorities that clients' certificates are checked against."),
    Row<Path<&S::tls_ca_cert_dir>>("tls-ca-cert-dir", kAnyTime,
                                   "The same as a directory, as openssl rehash makes it."),
    Row<Choice<&S::tls_auth_clients>>("tls-auth-clients", kAnyTime,
                                      "Whether TLS clients need a certificate: yes; optional, but "
                                      "one that is shown must be good; "
                                      "or no."),
    Row<Path<&S::tls_protocols>>("tls-protocols", kAnyTime,
                                 "TLSv1.2, TLSv1.3 or, as with \"\", both in quotes."),
    Row<Path<&S::tls_ciphers>>(
        "tls-ciphers", kAnyTime,
        "Ciphers for TLSv1.2 as OpenSSL writes them; \"\" is OpenSSL's choice."),
    Row<Path<&S::tls_ciphersuites>>(
        "tls-ciphersuites", kAnyTime,
        "Ciphersuites for TLSv1.3 as OpenSSL writes them; \"\" is OpenSSL's choice."),
    Row<Number<&S::timeout_s, 0, kMaxInt>>(
        "timeout", kAnyTime, "Seconds after which an idle connection is closed; 0 is never."),
    Row<Number<&S::tcp_keepalive_s, 0, kMaxInt>>(
        "tcp-keepalive", kAnyTime,
        "Seconds after which a silent TCP connection is probed; 0 is never; for new connections."),
    Row<Number<&S::maxclients, 1, 4294967295>>("maxclients", kAnyTime,
                                               "How many connections there may be at a time."),
    Row<Secret<&S::requirepass>>(
        "requirepass", kAnyTime,
        "Password of the default user, which clients must give with AUTH or HELLO; \"\" is none."),
    Row<Choice<&S::protected_mode>>(
        "protected-mode", kAnyTime,
        "Whether clients from elsewhere are refused as long as the default user has no password."),
    Row<Path<&S::aclfile>>(
        "aclfile", kAtStart,
        "File of users, for ACL LOAD and ACL SAVE; \"\": users are lines of this file."),
    Row<Number<&S::acllog_max_len, 0, kMaxInt>>(
        "acllog-max-len", kAnyTime, "How many entries ACL LOG keeps of what users were refused."),
    Row<Choice<&S::acl_pubsub_default>>(
        "acl-pubsub-default", kAnyTime,
        "Which channels a new user may use: resetchannels is none, allchannels is all."),
    Row<Size<&S::proto_max_bulk_len, kMegabyte, kMaxInt64>>(
        "proto-max-bulk-len", kAnyTime, "Largest single argument that a client may send."),
    Row<Size<&S::client_query_buffer_limit, kMegabyte, kMaxInt64>>(
        "client-query-buffer-limit", kAnyTime,
        "Size of unread commands beyond which a connection is closed."),
    Row<OutputBufferLimits>(
        "client-output-buffer-limit", kAnyTime,
        "Unsent replies beyond which a connection is closed: for each class of clients a size that "
        "is too much at once, and one that is too much for that many seconds; 0 is no limit."),

    Row<Number<&S::databases, 1, 10000>>("databases", kAtStart,
                                         "How many databases there are, for SELECT 0 and up."),
    Row<Size<&S::max_item_size, 1024, static_cast<int64_t>(limits::kMaxItemBytesCeiling)>>(
        "max-item-size", kAnyTime, "Largest value of one item."),
    Row<Number<&S::max_json_depth, 1, limits::kMaxJsonDepthCeiling>>(
        "max-json-depth", kAnyTime, "How deep objects and arrays may be nested in a JSON value."),
    Row<Size<&S::maxmemory, 0, kMaxInt64>>(
        "maxmemory", kAnyTime, "How much memory items and their indexes may take; 0 is no limit."),
    Row<Choice<&S::maxmemory_policy>>(
        "maxmemory-policy", kAnyTime,
        "What is evicted at maxmemory: of all items or of those with a deadline (volatile) the "
        "least recently used (lru), the least often used (lfu), any (random), the nearest to its "
        "deadline (volatile-ttl); with noeviction none, and commands that need memory are "
        "refused."),
    Row<Number<&S::maxmemory_samples, 1, static_cast<int64_t>(Evictor::kMostSamples)>>(
        "maxmemory-samples", kAnyTime,
        "How many items lru and lfu look at for one that they evict: more come closer to the true "
        "least, and take longer."),
    Row<Number<&S::lfu_log_factor, 0, kMaxInt>>(
        "lfu-log-factor", kAnyTime,
        "How fast lfu's counters fill: at 10 a million uses reach the highest count, more uses "
        "with a greater factor."),
    Row<Number<&S::lfu_decay_time_min, 0, kMaxInt>>(
        "lfu-decay-time", kAnyTime,
        "Minutes without a use after which lfu counts one less; 0 is never."),
    Row<SizeOrPercent<&S::maxmemory_clients>>(
        "maxmemory-clients", kAnyTime,
        "How much memory all clients' buffers may take together, before those of the largest are "
        "closed: a size, or a percentage of maxmemory; 0 is no limit."),
    Row<Number<&S::busy_reply_threshold_ms, 0, 3'600'000>>(
        "lua-time-limit", kAnyTime, "The older name of busy-reply-threshold, which wins."),
    Row<Number<&S::busy_reply_threshold_ms, 0, 3'600'000>>(
        "busy-reply-threshold", kAnyTime,
        "Milliseconds after which other clients are answered BUSY while a script runs, and SCRIPT "
        "KILL ends it if it has written nothing; 0 is never."),
    Row<Size<&S::events_max_memory, 0, kMaxInt64>>(
        "events-max-memory", kAnyTime,
        "Memory that the backlogs of all event consumers may take together; 0 is no limit."),
    Row<Choice<&S::events_overflow>>("events-overflow", kAnyTime,
                                     "What happens beyond events-max-memory: refuse, writes that "
                                     "would add an event are refused; "
                                     "drop, the event is left out, counted and logged."),
    Row<Number<&S::events_max_dead, 0, 100000000>>(
        "events-max-dead", kAnyTime,
        "How many dead letters each event consumer keeps; the oldest gives way."),
    Row<NotifyFlags>(
        "notify-keyspace-events", kAnyTime,
        "Which keyspace notifications are published: K and E choose the channels, of keys and of "
        "events; g, $, x, e, n and m the events, A all but the last two; \"\" is none."),

    Row<Choice<&S::appendonly>>(
        "appendonly", kAnyTime,
        "Whether every write is logged to a file before or soon after it is answered; with no, "
        "data is as safe as the latest snapshot."),
    Row<Choice<&S::appendfsync>>(
        "appendfsync", kAnyTime,
        "When the log is synced: always, before any write is answered; everysec, so that at most "
        "the last two seconds can be lost; no, when the system likes."),
    Row<SaveRules>(
        "save", kAnyTime,
        "When snapshots are saved by themselves: pairs of seconds and changes, a snapshot once so "
        "many seconds have passed and so many changes have come since the one before; \"\" is "
        "never."),
    Row<Choice<&S::stop_writes_on_bgsave_error>>(
        "stop-writes-on-bgsave-error", kAnyTime,
        "Whether writes are refused after a snapshot failed, where snapshots are all there is "
        "(appendonly no, and save has rules)."),
    Row<Number<&S::auto_aof_rewrite_percentage, 0, 1000000>>(
        "auto-aof-rewrite-percentage", kAnyTime,
        "The log is replaced by a snapshot once it is so many percent of the latest one's size "
        "(before compression); 0 is never."),
    Row<Size<&S::auto_aof_rewrite_min_size, 0, kMaxInt64>>(
        "auto-aof-rewrite-min-size", kAnyTime,
        "The size of snapshot and log together below which the log is not replaced by itself."),
    Row<Choice<&S::rdbcompression>>("rdbcompression", kAnyTime,
                                    "Whether snapshots are compressed (LZ4)."),

    Row<Number<&S::slowlog_log_slower_than_us, -1, kMaxInt64>>(
        "slowlog-log-slower-than", kAnyTime,
        "Microseconds from which on a command is noted in the slow log; 0 is every command, -1 "
        "none."),
    Row<Number<&S::slowlog_max_len, 0, 1'000'000>>(
        "slowlog-max-len", kAnyTime, "How many entries the slow log has; older ones give way."),
    Row<Number<&S::latency_monitor_threshold_ms, 0, 3'600'000>>(
        "latency-monitor-threshold", kAnyTime,
        "Milliseconds from which on LATENCY notes what held the server up; 0 is off."),
    Row<Choice<&S::latency_tracking>>(
        "latency-tracking", kAnyTime,
        "Whether INFO latencystats tells how long commands take; it is counted anyway."),
    Row<Percentiles>("latency-tracking-info-percentiles", kAnyTime,
                     "Which percentiles of that INFO latencystats shows."),
    Row<Number<&S::metrics_port, 0, 65535>>(
        "metrics-port", kAtStart,
        "TCP port for HTTP: /metrics for Prometheus, and /healthz; 0 is none."),
    Row<Addresses<&S::metrics_bind>>(
        "metrics-bind", kAtStart,
        "Addresses for metrics-port, as in bind; whoever reaches them may read, without a "
        "password."),

    Row<Path<&S::dir>>(
        "dir", kAtStart,
        "Directory that the server works in and keeps its data in; no two servers may share one."),
    Row<Path<&S::logfile>>("logfile", kAtStart, "File to log to; \"\" is standard output."),
    Row<Choice<&S::loglevel>>(
        "loglevel", kAnyTime,
        "What is logged: debug, verbose, notice or warning, and what is graver."),
    Row<Path<&S::pidfile>>(
        "pidfile", kAtStart,
        "File that holds the process number while the server runs; \"\" is none."),
    Row<Choice<&S::supervised>>(
        "supervised", kAtStart,
        "Whom the server tells that it is ready: no, systemd, or auto for systemd where that "
        "started it."),
    Row<Fact<"no">>("daemonize", kNever,
                    "Whether the server leaves the terminal: no, a service manager sees to that."),
    Row<Choice<&S::enable_debug_command>>(
        "enable-debug-command", kAtStart,
        "Whether DEBUG may be used: no, yes, or local for connections from this machine."),
    Row<Number<&S::debug_clock, 0, 253402300799999>>(
        "debug-clock", kAtStart,
        "For tests: where the clock stands until DEBUG CLOCK moves it, as epoch milliseconds; 0 is "
        "the machine's clock."),
};

// Levenshtein's distance, with no regard to case.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (AsciiLower(a[i]) == AsciiLower(b[j]) ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({changed, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::span<const Setting> AllSettings() {
  return kTable;
}

const Setting* FindSetting(std::string_view name) {
  for (const Setting& setting : kTable) {
    if (EqualsIgnoreCase(setting.name, name)) return &setting;
  }
  return nullptr;
}

std::string_view NearestSetting(std::string_view name) {
  std::string_view nearest;
  if (name.size() > kEchoedBytes) return nearest;
  // More changes than this make another word.
  size_t least = std::max<size_t>(2, name.size() / 4) + 1;
  for (const Setting& setting : kTable) {
    const size_t distance = EditDistance(name, setting.name);
    if (distance < least) {
      least = distance;
      nearest = setting.name;
    }
  }
  return nearest;
}

Status ChangeSettings(Settings& settings,
                      std::span<const std::pair<std::string_view, std::string_view>> pairs) {
  Settings changed = settings;
  std::vector<const Setting*> seen;
  const auto failed = [](const Setting& setting, std::string_view reason) {
    return Status::Err(fmt::format("CONFIG SET failed (possibly related to argument '{}') - {}",
                                   setting.name, reason));
  };
  for (const auto& [name, value] : pairs) {
    const Setting* setting = FindSetting(name);
    if (setting == nullptr) {
      return Status::Err(fmt::format("Unknown option or number of arguments for CONFIG SET - '{}'",
                                     name.substr(0, kEchoedBytes)));
    }
    if (setting->change == kAtStart) return failed(*setting, "can't set immutable config");
    if (std::ranges::find(seen, setting) != seen.end()) {
      return failed(*setting, "duplicate parameter");
    }
    seen.push_back(setting);
    const std::string word(value);
    const std::string reason = setting->set(changed, Values(&word, 1));
    if (!reason.empty()) return failed(*setting, reason);
  }
  settings = std::move(changed);
  return {};
}

std::vector<std::pair<std::string, std::string>> MatchSettings(const Settings& settings,
                                                               std::string_view glob) {
  std::vector<std::pair<std::string, std::string>> matches;
  for (const Setting& setting : kTable) {
    if (GlobMatches(glob, setting.name, Case::kIgnore)) {
      matches.emplace_back(setting.name, setting.get(settings));
    }
  }
  return matches;
}

bool ParseSize(std::string_view text, int64_t* bytes) {
  const char* const end = text.data() + text.size();
  uint64_t number;
  const auto [unit_begin, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return false;
  constexpr std::pair<std::string_view, uint64_t> kUnits[] = {
      {"", 1},          {"b", 1},        {"k", 1000},          {"kb", 1 << 10},
      {"m", 1'000'000}, {"mb", 1 << 20}, {"g", 1'000'000'000}, {"gb", 1 << 30},
  };
  const std::string_view unit(unit_begin, static_cast<size_t>(end - unit_begin));
  for (const auto& [name, factor] : kUnits) {
    if (!EqualsIgnoreCase(unit, name)) continue;
    uint64_t product;
    if (__builtin_mul_overflow(number, factor, &product)) return false;
    if (product > static_cast<uint64_t>(kMaxInt64)) return false;
    *bytes = static_cast<int64_t>(product);
    return true;
  }
  return false;
}

std::string FormatSize(int64_t bytes) {
  constexpr std::pair<int64_t, std::string_view> kUnits[] = {
      {1 << 30, "gb"}, {1 << 20, "mb"}, {1 << 10, "kb"}};
  if (bytes != 0) {
    for (const auto& [factor, name] : kUnits) {
      if (bytes % factor == 0) return fmt::format("{}{}", bytes / factor, name);
    }
  }
  return fmt::format("{}", bytes);
}

std::string_view NameOf(EventsOverflow overflow) {
  return NameOfAny(overflow);
}
std::string_view NameOf(LogLevel level) {
  return NameOfAny(level);
}
std::string_view NameOf(EvictionPolicy policy) {
  return NameOfAny(policy);
}

}  // namespace ampt
