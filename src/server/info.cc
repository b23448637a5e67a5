#include "server/info.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "server/monitoring.h"

namespace ampt {
namespace {

using Output = std::back_insert_iterator<std::string>;

template <typename... T>
void Field(std::string& out, std::string_view name, fmt::format_string<T...> format,
           T&&... values) {
  out.append(name).append(1, ':');
  fmt::format_to(std::back_inserter(out), format, std::forward<T>(values)...);
  out += "\r\n";
}

template <typename T>
void Field(std::string& out, std::string_view name, const T& value) {
  Field(out, name, "{}", value);
}

void Bytes(std::string& out, std::string_view name, uint64_t bytes) {
  Field(out, name, bytes);
  Field(out, fmt::format("{}_human", name), HumanBytes(bytes));
}

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

int64_t Difference(uint64_t a, uint64_t b) {
  return static_cast<int64_t>(a - b);
}

uint64_t SystemMemoryBytes() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void Server(const InfoSource& source, std::string& out) {
  utsname system{};
  uname(&system);
  Field(out, "redis_version", kRedisVersion);
  Field(out, "ampt_version", kAmptVersion);
  Field(out, "redis_mode", "standalone");
  Field(out, "os", "{} {} {}", system.sysname, system.release, system.machine);
  Field(out, "arch_bits", sizeof(void*) * 8);
  Field(out, "monotonic_clock", "POSIX clock_gettime");
  Field(out, "multiplexing_api", "epoll");
  Field(out, "gcc_version", "{}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
  Field(out, "process_id", getpid());
  Field(out, "run_id", source.run_id);
  Field(out, "process_supervised", source.invocation.supervised_by);
  Field(out, "tcp_port", source.settings.port);
  Field(out, "server_time_usec", source.wall_us);
  Field(out, "uptime_in_seconds", source.uptime_s);
  Field(out, "uptime_in_days", source.uptime_s / 86400);
  Field(out, "executable", source.invocation.executable);
  Field(out, "config_file", source.invocation.config_file);
}

void Clients(const InfoSource& source, std::string& out) {
  Field(out, "connected_clients", source.clients.connected);
  Field(out, "cluster_connections", 0);
  Field(out, "maxclients", source.settings.maxclients);
  Field(out, "client_recent_max_input_buffer", source.clients.largest_input_buffer_bytes);
  Field(out, "client_recent_max_output_buffer", source.clients.largest_output_buffer_bytes);
  Field(out, "blocked_clients", source.clients.blocked);
  Field(out, "tracking_clients", 0);
}

void Memory(const InfoSource& source, std::string& out) {
  const Statistics& statistics = source.statistics;
  const MemoryFigures& memory = statistics.memory();
  const uint64_t used = memory.allocated_bytes;
  const uint64_t counted = source.memory.counted_bytes();
  const uint64_t rss = ResidentBytes();
  const uint64_t overhead = MemoryOverheadBytes(source);
  const uint64_t dataset = used - std::min(used, overhead);
  const uint64_t net = used - std::min<uint64_t>(used, statistics.startup_memory_bytes());
  Bytes(out, "used_memory", used);
  Bytes(out, "used_memory_rss", rss);
  Bytes(out, "used_memory_peak", statistics.peak_memory_bytes());
  Field(out, "used_memory_peak_perc", "{:.2f}%", 100 * Ratio(used, statistics.peak_memory_bytes()));
  Field(out, "used_memory_overhead", overhead);
  Field(out, "used_memory_startup", statistics.startup_memory_bytes());
  Field(out, "used_memory_dataset", dataset);
  Field(out, "used_memory_dataset_perc", "{:.2f}%", 100 * std::min(1.0, Ratio(dataset, net)));
  Field(out, "allocator_allocated", memory.allocated_bytes);
  Field(out, "allocator_active", memory.active_bytes);
  Field(out, "allocator_resident", memory.resident_bytes);
  Bytes(out, "total_system_memory", SystemMemoryBytes());
  Bytes(out, "maxmemory", static_cast<uint64_t>(source.settings.maxmemory));
  Field(out, "maxmemory_policy", NameOf(source.settings.maxmemory_policy));
  Field(out, "allocator_frag_ratio", "{:.2f}", Ratio(memory.active_bytes, memory.allocated_bytes));
  Field(out, "allocator_frag_bytes", Difference(memory.active_bytes, memory.allocated_bytes));
  Field(out, "allocator_rss_ratio", "{:.2f}", Ratio(memory.resident_bytes, memory.active_bytes));
  Field(out, "allocator_rss_bytes", Difference(memory.resident_bytes, memory.active_bytes));
  Field(out, "rss_overhead_ratio", "{:.2f}", Ratio(rss, memory.resident_bytes));
  Field(out, "rss_overhead_bytes", Difference(rss, memory.resident_bytes));
  Field(out, "mem_fragmentation_ratio", "{:.2f}", Ratio(rss, used));
  Field(out, "mem_fragmentation_bytes", Difference(rss, used));
  Field(out, "mem_not_counted_for_evict", used - std::min(used, counted));
  Field(out, "mem_clients_normal", source.clients.buffer_bytes);
  Field(out, "mem_allocator", AllocatorName());
  Field(out, "lazyfree_pending_objects", source.pending_frees);
}

std::string_view OkOrErr(bool ok) {
  return ok ? "ok" : "err";
}

// Redis tells of its snapshots as "rdb" and of its log as "aof"; a snapshot here is a rewrite of
// the log, too.
void Persistence(const InfoSource& source, std::string& out) {
  const StorageFigures& storage = source.storage;
  Field(out, "loading", storage.loading ? 1 : 0);
  Field(out, "async_loading", 0);
  Field(out, "rdb_changes_since_last_save", storage.changes_since_save);
  Field(out, "rdb_bgsave_in_progress", storage.saving ? 1 : 0);
  Field(out, "rdb_last_save_time", storage.last_save_s);
  Field(out, "rdb_last_bgsave_status", OkOrErr(storage.last_save_ok));
  Field(out, "rdb_last_bgsave_time_sec", storage.last_save_duration_s);
  Field(out, "rdb_current_bgsave_time_sec", storage.current_save_duration_s);
  Field(out, "rdb_saves", storage.saves);
  Field(out, "rdb_last_load_keys_loaded", storage.last_load_items);
  Field(out, "aof_last_load_effects", storage.last_load_effects);
  Field(out, "aof_enabled", storage.log_enabled ? 1 : 0);
  Field(out, "aof_rewrite_in_progress", storage.log_enabled && storage.saving ? 1 : 0);
  Field(out, "aof_rewrite_scheduled", storage.log_enabled && storage.save_scheduled ? 1 : 0);
  Field(out, "aof_last_rewrite_time_sec", storage.last_save_duration_s);
  Field(out, "aof_current_rewrite_time_sec", storage.current_save_duration_s);
  Field(out, "aof_last_bgrewrite_status", OkOrErr(storage.last_save_ok));
  Field(out, "aof_last_write_status", OkOrErr(storage.log_ok));
  if (!storage.log_failure.empty()) Field(out, "aof_last_write_error", storage.log_failure);
  if (storage.log_enabled) {
    Field(out, "aof_current_size", storage.base_bytes + storage.log_bytes);
    Field(out, "aof_base_size", storage.base_bytes);
    Field(out, "aof_pending_rewrite", storage.save_scheduled ? 1 : 0);
    Field(out, "aof_buffer_length", storage.pending_bytes);
    Field(out, "aof_pending_bio_fsync", storage.syncing ? 1 : 0);
    Field(out, "aof_fsyncs", storage.syncs);
    Field(out, "aof_delayed_fsync", storage.delayed_syncs);
  }
  if (storage.loading) {
    const double share = Ratio(storage.loading_loaded_bytes, storage.loading_total_bytes);
    Field(out, "loading_start_time", storage.loading_start_s);
    Field(out, "loading_total_bytes", storage.loading_total_bytes);
    Field(out, "loading_loaded_bytes", storage.loading_loaded_bytes);
    Field(out, "loading_loaded_perc", "{:.2f}", 100 * share);
    Field(out, "loading_eta_seconds", storage.loading_eta_s);
  }
}

void Stats(const InfoSource& source, std::string& out) {
  const Statistics& statistics = source.statistics;
  Field(out, "total_connections_received", statistics.connections_received);
  Field(out, "total_commands_processed", statistics.commands_processed);
  Field(out, "instantaneous_ops_per_sec", statistics.operations().PerSecond());
  Field(out, "total_net_input_bytes", statistics.input_bytes);
  Field(out, "total_net_output_bytes", statistics.output_bytes);
  Field(out, "instantaneous_input_kbps", "{:.2f}",
        static_cast<double>(statistics.input().PerSecond()) / 1024);
  Field(out, "instantaneous_output_kbps", "{:.2f}",
        static_cast<double>(statistics.output().PerSecond()) / 1024);
  Field(out, "rejected_connections", statistics.connections_rejected);
  Field(out, "expired_keys", source.data.expired);
  Field(out, "expire_lag_ms", "p50={:.3f},p99={:.3f},p99.9={:.3f}",
        source.expire_lag.PercentileMs(50), source.expire_lag.PercentileMs(99),
        source.expire_lag.PercentileMs(99.9));
  Field(out, "evicted_keys", source.data.evicted);
  Field(out, "evicted_clients", statistics.evicted_clients);
  Field(out, "total_eviction_exceeded_time", source.memory.total_exceeded_ms());
  Field(out, "current_eviction_exceeded_time", source.memory.current_exceeded_ms());
  Field(out, "keyspace_hits", source.data.hits);
  Field(out, "keyspace_misses", source.data.misses);
  Field(out, "pubsub_channels", source.pubsub_channels);
  Field(out, "pubsub_patterns", source.pubsub_patterns);
  Field(out, "total_error_replies", statistics.error_replies());
  Field(out, "total_reads_processed", statistics.reads);
  Field(out, "total_writes_processed", statistics.writes);
  Field(out, "client_query_buffer_limit_disconnections", statistics.query_limit_disconnections);
  Field(out, "client_output_buffer_limit_disconnections", statistics.output_limit_disconnections);
}

void EventBacklogs(const InfoSource& source, std::string& out) {
  if (source.storage.loading) return;  // they are another thread's
  Field(out, "events_consumers", source.events.consumer_count());
  Field(out, "events_waiting_readers", source.events.waiting_readers());
  Bytes(out, "events_memory", source.events.memory_bytes());
  Field(out, "events_max_memory", source.settings.events_max_memory);
  Field(out, "events_overflow", NameOf(source.settings.events_overflow));
}

void Replication(const InfoSource& source, std::string& out) {
  Field(out, "role", "master");
  Field(out, "connected_slaves", 0);
  Field(out, "master_failover_state", "no-failover");
  Field(out, "master_replid", source.run_id);
  Field(out, "master_repl_offset", 0);
}

void Cpu(const InfoSource&, std::string& out) {
  rusage process{};
  rusage thread{};
  getrusage(RUSAGE_SELF, &process);
  getrusage(RUSAGE_THREAD, &thread);
  Field(out, "used_cpu_sys", "{:.6f}", Seconds(process.ru_stime));
  Field(out, "used_cpu_user", "{:.6f}", Seconds(process.ru_utime));
  Field(out, "used_cpu_sys_main_thread", "{:.6f}", Seconds(thread.ru_stime));
  Field(out, "used_cpu_user_main_thread", "{:.6f}", Seconds(thread.ru_utime));
}

bool WasUsed(const CommandFigures& figures) {
  return figures.calls + figures.rejected + figures.failed > 0;
}

void CommandStats(const InfoSource& source, std::string& out) {
  for (const auto& row : source.statistics.commands()) {
    const CommandFigures& figures = row->figures;
    if (!WasUsed(figures)) continue;
    const double micros = static_cast<double>(figures.nanos) / 1000;
    const double per_call = figures.calls == 0 ? 0 : micros / static_cast<double>(figures.calls);
    Field(out, fmt::format("cmdstat_{}", row->name),
          "calls={},usec={},usec_per_call={:.2f},rejected_calls={},failed_calls={}", figures.calls,
          figures.nanos / 1000, per_call, figures.rejected, figures.failed);
  }
}

void ErrorStats(const InfoSource& source, std::string& out) {
  for (const auto& [word, count] : source.statistics.errors()) {
    Field(out, fmt::format("errorstat_{}", word), "count={}", count);
  }
}

void LatencyStats(const InfoSource& source, std::string& out) {
  const std::vector<double>& percentiles = source.settings.latency_percentiles;
  if (!source.settings.latency_tracking || percentiles.empty()) return;
  for (const auto& row : source.statistics.commands()) {
    const CommandFigures& figures = row->figures;
    if (figures.calls == 0) continue;
    std::string shown;
    for (const double percent : percentiles) {
      const double micros = static_cast<double>(figures.latency.Percentile(percent)) / 1000;
      if (!shown.empty()) shown += ',';
      fmt::format_to(std::back_inserter(shown), "p{}={:.3f}", percent, micros);
    }
    Field(out, fmt::format("latency_percentiles_usec_{}", row->name), shown);
  }
}

// The keys that commands name most: estimates, of the last minutes (hot_keys.h). Those that have a
// share of a percent for certain; where no key is hot there is none.
void HotKeyCounts(const InfoSource& source, std::string& out) {
  constexpr size_t kShown = 16;
  constexpr uint64_t kFewestTimes = 8;
  const HotKeys& hot_keys = source.hot_keys;
  Field(out, "hotkeys_sampled", hot_keys.total());
  size_t number = 0;
  for (const HotKeys::Counter& counter : hot_keys.Top(kShown)) {
    const uint64_t certain = counter.count - counter.error;
    if (certain < std::max(kFewestTimes, hot_keys.total() / 100)) continue;
    std::string key;
    AppendQuoted(counter.key, &key);
    Field(out, fmt::format("hotkey_{}", number++), "db={},share={:.2f}%,error={:.2f}%,key={}",
          counter.database, 100 * Ratio(counter.count, hot_keys.total()),
          100 * Ratio(counter.error, hot_keys.total()), key);
  }
}

void Cluster(const InfoSource&, std::string& out) {
  Field(out, "cluster_enabled", 0);
}

void Keyspaces(const InfoSource& source, std::string& out) {
  if (source.storage.loading) return;  // the databases are another thread's
  const TimeMs now_ms = source.wall_us / 1000;
  for (const auto& database : source.databases) {
    const size_t keys = database->VisibleItems(now_ms);
    if (keys == 0) continue;
    // What has come due but is not removed yet is no key any more, so it has no deadline either.
    const size_t due = database->items() - keys;
    Field(out, fmt::format("db{}", database->database()), "keys={},expires={},avg_ttl={}", keys,
          database->items_with_deadline() - due, database->AverageTtlMs(now_ms));
  }
}

struct Section {
  std::string_view name;   // in lower case, as clients ask
  std::string_view title;  // as it is answered
  bool by_default;
  void (*write)(const InfoSource& source, std::string& out);
};

// In Redis' order.
constexpr Section kSections[] = {
    {"server", "Server", true, Server},
    {"clients", "Clients", true, Clients},
    {"memory", "Memory", true, Memory},
    {"persistence", "Persistence", true, Persistence},
    {"stats", "Stats", true, Stats},
    {"events", "Events", true, EventBacklogs},
    {"replication", "Replication", true, Replication},
    {"cpu", "CPU", true, Cpu},
    {"commandstats", "Commandstats", false, CommandStats},
    {"errorstats", "Errorstats", true, ErrorStats},
    {"latencystats", "Latencystats", false, LatencyStats},
    {"hotkeys", "Hotkeys", false, HotKeyCounts},
    {"cluster", "Cluster", true, Cluster},
    {"keyspace", "Keyspace", true, Keyspaces},
};

bool IsWanted(const Section& section, std::span<const std::string_view> wanted) {
  if (wanted.empty()) return section.by_default;
  return std::ranges::any_of(wanted, [&](std::string_view word) {
    return word == section.name || word == "all" || word == "everything" ||
           (word == "default" && section.by_default);
  });
}

}  // namespace

std::string MakeInfo(const InfoSource& source, std::span<const std::string_view> sections) {
  std::string out;
  for (const Section& section : kSections) {
    if (!IsWanted(section, sections)) continue;
    if (!out.empty()) out += "\r\n";
    out.append("# ").append(section.title).append("\r\n");
    section.write(source, out);
  }
  return out;
}

size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  size_t all_pages = 0;
  size_t resident_pages = 0;
  statm >> all_pages >> resident_pages;
  return resident_pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

size_t MemoryOverheadBytes(const InfoSource& source) {
  size_t bytes = source.statistics.startup_memory_bytes() + source.clients.buffer_bytes;
  if (source.storage.loading) return bytes;
  for (const auto& database : source.databases) bytes += database->index_bytes();
  return bytes;
}

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}B", bytes);
  double value = static_cast<double>(bytes);
  constexpr std::string_view kUnits = "KMGTPE";
  size_t unit = 0;
  value /= 1024;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.2f}{}", value, kUnits[unit]);
}

}  // namespace ampt
