// Settings: what an operator can change about the server, and the one table that describes it.
//
// A plain struct with typed fields, which the server reads directly, and a table with one row a
// setting: name, when it may change, bounds, one sentence, reader and writer. The configuration
// file, the command line, CONFIG GET, SET and REWRITE and the check of conf/ampt.conf all work from
// that table, so a setting is added in two places: a field here and a row in settings.cc.
//
// The fields' initial values are the defaults. Values are written as in redis.conf: sizes with a
// unit (1k = 1000, 1kb = 1024, m, mb, g, gb), switches as yes and no.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "model/eviction_policy.h"
#include "persistence/log_writer.h"
#include "persistence/rewrite.h"

namespace ampt {

enum class LogLevel : uint8_t { kDebug, kVerbose, kNotice, kWarning };
// Whom the server tells that it is ready: nobody, systemd, systemd if it started the server.
enum class Supervision : uint8_t { kNo, kSystemd, kAuto };
// What happens when the backlogs of event consumers are full: writes that would add an event are
// refused, or the event is left out.
enum class EventsOverflow : uint8_t { kRefuse, kDrop };
// Who may use DEBUG: nobody, everybody, connections from this machine.
enum class DebugAccess : uint8_t { kNo, kYes, kLocal };

// Which channels a new user may use.
enum class PubsubDefault : uint8_t { kResetChannels, kAllChannels };

// Whether clients' certificates are asked for and checked.
enum class TlsAuthClients : uint8_t { kNo, kOptional, kYes };

// Whose replies pile up; the index into Settings::client_output_buffer_limit.
enum class ClientClass : uint8_t { kNormal, kReplica, kPubsub };
inline constexpr size_t kClientClasses = 3;

// A connection is closed when its unsent replies reach `hard_bytes`, or stay at `soft_bytes` or
// more for `soft_s` seconds. 0: no such limit.
struct OutputBufferLimit {
  int64_t hard_bytes = 0;
  int64_t soft_bytes = 0;
  int64_t soft_s = 0;
  bool operator==(const OutputBufferLimit&) const = default;
};

// A line `user name rules …` of a configuration file.
struct UserLine {
  std::string place;  // "ampt.conf:12"
  std::string name;
  std::vector<std::string> rules;
};

// A line `rename-command name new-name`.
struct RenamedCommand {
  std::string place;
  std::string name;
  std::string new_name;  // empty: the command is not to be had
};

struct Settings {
  // Listening.
  int port = 6379;                             // 0: no TCP
  std::vector<std::string> bind{"127.0.0.1"};  // a leading '-': not an error if it cannot be bound
  int tcp_backlog = 511;
  std::string unixsocket;  // empty: none
  int unixsocketperm = 0;  // 0: as the umask leaves it
  int tls_port = 0;        // 0: no TLS
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_key_file_pass;
  std::string tls_ca_cert_file;
  std::string tls_ca_cert_dir;
  TlsAuthClients tls_auth_clients = TlsAuthClients::kYes;
  std::string tls_protocols;     // empty: TLSv1.2 and TLSv1.3
  std::string tls_ciphers;       // of TLSv1.2; empty: OpenSSL's choice
  std::string tls_ciphersuites;  // of TLSv1.3

  // Connections.
  int64_t timeout_s = 0;          // 0: idle connections stay
  int64_t tcp_keepalive_s = 300;  // 0: off
  int64_t maxclients = 10000;
  bool protected_mode = true;
  std::string requirepass;       // empty: no password
  std::string aclfile;           // empty: users are in the configuration file
  int64_t acllog_max_len = 128;  // entries
  PubsubDefault acl_pubsub_default = PubsubDefault::kResetChannels;
  // Directives of the file that are no settings, in its order.
  std::vector<UserLine> users;
  std::vector<RenamedCommand> renamed_commands;
  int64_t proto_max_bulk_len = limits::kMaxBulkBytesDefault;  // bytes
  int64_t client_query_buffer_limit = int64_t{1} << 30;       // bytes
  std::array<OutputBufferLimit, kClientClasses> client_output_buffer_limit{
      {{0, 0, 0}, {256 << 20, 64 << 20, 60}, {32 << 20, 8 << 20, 60}}};

  // Data.
  int databases = 16;
  int64_t max_item_size = limits::kMaxItemBytesDefault;  // bytes
  int max_json_depth = limits::kMaxJsonDepthDefault;
  int64_t maxmemory = 0;  // bytes; 0: no limit
  EvictionPolicy maxmemory_policy = EvictionPolicy::kNoEviction;
  int maxmemory_samples = 5;
  int lfu_log_factor = 10;
  int lfu_decay_time_min = 1;              // 0: never
  int64_t maxmemory_clients = 0;           // bytes; 0: no limit; negative: percent of maxmemory
  int64_t busy_reply_threshold_ms = 5000;  // of a script; 0: no limit
  int64_t events_max_memory = 256 << 20;   // bytes; 0: no limit
  EventsOverflow events_overflow = EventsOverflow::kRefuse;
  int64_t events_max_dead = 10000;      // of each consumer
  uint32_t notify_keyspace_events = 0;  // see ParseNotifyFlags(); 0: none

  // Durability.
  bool appendonly = true;
  SyncPolicy appendfsync = SyncPolicy::kEverySecond;
  std::vector<SaveSchedule::Rule> save{{3600, 1}, {300, 100}, {60, 10000}};
  bool stop_writes_on_bgsave_error = true;       // where there is no log
  int64_t auto_aof_rewrite_percentage = 100;     // 0: never
  int64_t auto_aof_rewrite_min_size = 64 << 20;  // bytes
  bool rdbcompression = true;

  // Being watched.
  int64_t slowlog_log_slower_than_us = 10'000;  // negative: nothing
  int64_t slowlog_max_len = 128;                // entries
  int64_t latency_monitor_threshold_ms = 0;     // 0: off
  bool latency_tracking = true;
  std::vector<double> latency_percentiles{50, 99, 99.9};
  int metrics_port = 0;  // 0: none
  std::vector<std::string> metrics_bind{"127.0.0.1"};

  // The process.
  std::string dir = ".";  // the working directory
  std::string logfile;    // empty: standard output
  LogLevel loglevel = LogLevel::kNotice;
  std::string pidfile;  // empty: none
  Supervision supervised = Supervision::kNo;
  DebugAccess enable_debug_command = DebugAccess::kNo;
  int64_t debug_clock = 0;  // milliseconds since 1970; 0: the machine's clock

  // `maxmemory-clients` in bytes; 0: no limit.
  size_t most_client_bytes() const {
    if (maxmemory_clients >= 0) return static_cast<size_t>(maxmemory_clients);
    return static_cast<size_t>(maxmemory / 100 * -maxmemory_clients);
  }

  const OutputBufferLimit& output_buffer_limit(ClientClass of) const {
    return client_output_buffer_limit[static_cast<size_t>(of)];
  }
};

// When a setting may be changed. A fact is not a choice: it tells clients that ask what is in
// force, and takes no value but that.
enum class Change : uint8_t { kAnyTime, kAtStart, kNever };

struct Setting {
  std::string_view name;
  Change change;
  // What it is, in one sentence; the comment above it in conf/ampt.conf.
  std::string_view documentation;
  // What a value must be, to follow "must be": "a number from 0 to 65535".
  std::string (*bounds)();
  // Sets the field from the words that follow the name. Returns nothing, or why not, as Redis says
  // it behind "CONFIG SET failed … -"; the field is then as it was.
  std::string (*set)(Settings& settings, std::span<const std::string> values);
  // The value as CONFIG GET shows it: sizes in bytes, several words joined by spaces.
  std::string (*get)(const Settings& settings);
  // The value as the words a configuration file has behind the name: sizes with a unit where that
  // is exact. Setting them gives the same value.
  std::vector<std::string> (*words)(const Settings& settings);
  // A password: never shown in an error or a log.
  bool secret = false;
};

// Every setting, in the order of conf/ampt.conf.
std::span<const Setting> AllSettings();
// Case-insensitive; null if there is none.
const Setting* FindSetting(std::string_view name);
// The name that was probably meant; empty if none is near.
std::string_view NearestSetting(std::string_view name);

// CONFIG GET: name and value of the settings whose names match a glob (no regard to case).
std::vector<std::pair<std::string, std::string>> MatchSettings(const Settings& settings,
                                                               std::string_view glob);

// CONFIG SET: applies every pair to `settings`, or none and says why in Redis' words. `settings`
// may then need something of the process (a log level, …): see ServerHost::SetSettings.
Status ChangeSettings(Settings& settings,
                      std::span<const std::pair<std::string_view, std::string_view>> pairs);

// "1gb" to bytes; false where it is no size or above int64_t.
bool ParseSize(std::string_view text, int64_t* bytes);
// The largest unit that is exact: 1048576 is "1mb", 1000 is "1000".
std::string FormatSize(int64_t bytes);

// "notice" and so on.
std::string_view NameOf(LogLevel level);
std::string_view NameOf(EventsOverflow overflow);
std::string_view NameOf(EvictionPolicy policy);

}  // namespace ampt
