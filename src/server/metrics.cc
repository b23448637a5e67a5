#include "server/metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <iterator>

#include "base/alloc.h"

namespace ampt {
namespace {

// Of a duration's histogram: 1 us, 4 us, … 17 s, as powers of two nanoseconds.
constexpr int kFirstPower = 10;
constexpr int kLastPower = 34;
constexpr int kPowersApart = 2;

// Each has a dozen lines.
constexpr size_t kMostConsumers = 100;

class Page {
 public:
  // What follows belongs to this metric.
  void Begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(Out(), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename T>
  void Sample(const T& value, std::string_view labels = {}, std::string_view suffix = {}) {
    text_.append(name_).append(suffix);
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    fmt::format_to(Out(), " {}\n", value);
  }
  template <typename T>
  void Gauge(std::string_view name, std::string_view help, const T& value) {
    Begin(name, "gauge", help);
    Sample(value);
  }
  template <typename T>
  void Counter(std::string_view name, std::string_view help, const T& value) {
    Begin(name, "counter", help);
    Sample(value);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> Out() { return std::back_inserter(text_); }
  std::string text_;
  std::string_view name_;
};

std::string Label(std::string_view name, std::string_view value) {
  std::string label = fmt::format("{}=\"", name);
  for (const char c : value) {
    if (c == '\n') {
      label += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') label += '\\';
    label += c;
  }
  return label += '"';
}

double Seconds(int64_t nanos) {
  return static_cast<double>(nanos) / 1e9;
}
double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

void Server(const InfoSource& source, Page& page) {
  page.Begin("ampt_build_info", "gauge", "The version of the server.");
  page.Sample(1, Label("version", kAmptVersion) + "," + Label("redis_version", kRedisVersion));
  page.Gauge("ampt_up", "Whether the data is loaded.", source.storage.loading ? 0 : 1);
  page.Gauge("ampt_uptime_seconds", "Since the start.", source.uptime_s);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  page.Begin("ampt_cpu_seconds_total", "counter", "Processor time of the process.");
  page.Sample(Seconds(usage.ru_utime), "mode=\"user\"");
  page.Sample(Seconds(usage.ru_stime), "mode=\"system\"");
}

void Clients(const InfoSource& source, Page& page) {
  const Statistics& statistics = source.statistics;
  page.Gauge("ampt_connected_clients", "Connections there are.", source.clients.connected);
  page.Gauge("ampt_blocked_clients", "Connections that wait for something.",
             source.clients.blocked);
  page.Gauge("ampt_max_clients", "Connections there may be.", source.settings.maxclients);
  page.Gauge("ampt_client_buffer_bytes", "Memory of the connections' buffers.",
             source.clients.buffer_bytes);
  page.Counter("ampt_connections_received_total", "Connections accepted.",
               statistics.connections_received);
  page.Counter("ampt_connections_rejected_total", "Connections refused because of maxclients.",
               statistics.connections_rejected);
  page.Begin("ampt_connections_cut_off_total", "counter", "Connections closed at a limit.");
  page.Sample(statistics.output_limit_disconnections, "limit=\"output\"");
  page.Sample(statistics.query_limit_disconnections, "limit=\"query\"");
  page.Sample(statistics.evicted_clients, "limit=\"memory\"");
  page.Counter("ampt_net_input_bytes_total", "Bytes read from clients.", statistics.input_bytes);
  page.Counter("ampt_net_output_bytes_total", "Bytes sent to clients.", statistics.output_bytes);
  page.Gauge("ampt_pubsub_channels", "Channels with subscribers.", source.pubsub_channels);
  page.Gauge("ampt_pubsub_patterns", "Patterns with subscribers.", source.pubsub_patterns);
}

void Memory(const InfoSource& source, Page& page) {
  const Statistics& statistics = source.statistics;
  page.Gauge("ampt_memory_used_bytes", "Memory in use.", statistics.memory().allocated_bytes);
  page.Gauge("ampt_memory_peak_bytes", "The most memory in use so far.",
             statistics.peak_memory_bytes());
  page.Gauge("ampt_memory_resident_bytes", "Physical memory of the process.", ResidentBytes());
  page.Gauge("ampt_memory_overhead_bytes", "Memory in use that is not data.",
             MemoryOverheadBytes(source));
  page.Gauge("ampt_memory_max_bytes", "The setting maxmemory; 0 is no limit.",
             source.settings.maxmemory);
}

void Persistence(const InfoSource& source, Page& page) {
  const StorageFigures& storage = source.storage;
  page.Gauge("ampt_loading", "Whether data is being loaded.", storage.loading ? 1 : 0);
  page.Gauge("ampt_loading_total_bytes", "What there is to load.", storage.loading_total_bytes);
  page.Gauge("ampt_loading_loaded_bytes", "What is loaded.", storage.loading_loaded_bytes);
  page.Gauge("ampt_snapshot_changes", "Changes since the latest snapshot.",
             storage.changes_since_save);
  page.Gauge("ampt_snapshot_in_progress", "Whether a snapshot is being taken.",
             storage.saving ? 1 : 0);
  page.Gauge("ampt_snapshot_last_timestamp_seconds", "When the latest snapshot was saved.",
             storage.last_save_s);
  page.Gauge("ampt_snapshot_last_ok", "Whether the latest snapshot could be saved.",
             storage.last_save_ok ? 1 : 0);
  page.Counter("ampt_snapshots_total", "Snapshots saved.", storage.saves);
  page.Gauge("ampt_log_enabled", "Whether writes are logged.", storage.log_enabled ? 1 : 0);
  page.Gauge("ampt_log_ok", "Whether the log can be written.", storage.log_ok ? 1 : 0);
  page.Gauge("ampt_log_bytes", "Size of the log.", storage.log_bytes);
  page.Gauge("ampt_log_base_bytes", "Size of the snapshot that the log follows.",
             storage.base_bytes);
  page.Gauge("ampt_log_pending_bytes", "What is not written yet.", storage.pending_bytes);
  page.Counter("ampt_log_syncs_total", "How often the log was synced.", storage.syncs);
  page.Counter("ampt_log_delayed_syncs_total", "How often writes waited for a sync.",
               storage.delayed_syncs);
}

void Data(const InfoSource& source, Page& page) {
  page.Counter("ampt_items_expired_total", "Items removed by their deadline.", source.data.expired);
  page.Counter("ampt_items_evicted_total", "Items removed to make room.", source.data.evicted);
  page.Begin("ampt_lookups_total", "counter", "Reads of keys.");
  page.Sample(source.data.hits, "result=\"hit\"");
  page.Sample(source.data.misses, "result=\"miss\"");
  if (source.storage.loading) return;  // the databases are another thread's
  const TimeMs now_ms = source.wall_us / 1000;
  page.Begin("ampt_items", "gauge", "Items of a database.");
  for (const auto& database : source.databases) {
    const size_t items = database->VisibleItems(now_ms);
    if (items > 0) page.Sample(items, fmt::format("db=\"{}\"", database->database()));
  }
  page.Begin("ampt_items_with_deadline", "gauge", "Items of a database that will expire.");
  for (const auto& database : source.databases) {
    const size_t items = database->VisibleItems(now_ms);
    const size_t due = database->items() - items;
    if (items > 0) {
      page.Sample(database->items_with_deadline() - due,
                  fmt::format("db=\"{}\"", database->database()));
    }
  }
}

void EventBacklogs(const InfoSource& source, Page& page) {
  if (source.storage.loading) return;  // they are another thread's
  const Events& events = source.events;
  page.Gauge("ampt_events_consumers", "Consumers of all databases.", events.consumer_count());
  page.Gauge("ampt_events_waiting_readers", "Connections that wait for an event.",
             events.waiting_readers());
  page.Gauge("ampt_events_memory_bytes", "Memory of the backlogs of all consumers.",
             events.memory_bytes());
  page.Gauge("ampt_events_memory_max_bytes", "The setting events-max-memory; 0 is no limit.",
             source.settings.events_max_memory);

  const auto rows = events.ConsumerRows(kMostConsumers);
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help,
                        auto value_of) {
    page.Begin(name, type, help);
    for (const Events::ConsumerRow& row : rows) {
      page.Sample(value_of(row), fmt::format("db=\"{}\",{}", row.database,
                                             Label("consumer", row.consumer->name())));
    }
  };
  using Row = const Events::ConsumerRow&;
  each("ampt_events_backlog", "gauge", "Events that a consumer is not done with.",
       [](Row row) { return row.figures.backlog; });
  each("ampt_events_lag_seconds", "gauge", "The age of the oldest event of a backlog.",
       [](Row row) { return static_cast<double>(row.figures.lag_ms) / 1000; });
  each("ampt_events_in_flight", "gauge", "Events that were handed out and not answered for.",
       [](Row row) { return row.figures.in_flight; });
  each("ampt_events_blocked", "gauge", "Namespaces that wait for the retry of an event.",
       [](Row row) { return row.figures.blocked; });
  each("ampt_events_dead", "gauge", "Dead letters.", [](Row row) { return row.figures.dead; });
  each("ampt_events_delivered_total", "counter", "Events handed out, retries included.",
       [](Row row) { return row.consumer->activity.delivered; });
  each("ampt_events_retried_total", "counter", "Events handed out again.",
       [](Row row) { return row.consumer->activity.retried; });
  each("ampt_events_acknowledged_total", "counter", "Events done with.",
       [](Row row) { return row.consumer->activity.acknowledged; });
  each("ampt_events_died_total", "counter", "Events that became dead letters.",
       [](Row row) { return row.consumer->counters.deaths; });
  each("ampt_events_dropped_total", "counter", "Events left out for want of memory.",
       [](Row row) { return row.consumer->counters.left_out; });
}

void Commands(const InfoSource& source, Page& page) {
  const Statistics& statistics = source.statistics;
  page.Counter("ampt_commands_processed_total", "Commands that were answered.",
               statistics.commands_processed);
  page.Begin("ampt_command_duration_seconds", "histogram", "How long calls of a command took.");
  for (const auto& row : statistics.commands()) {
    const CommandFigures& figures = row->figures;
    if (figures.calls == 0) continue;
    const std::string command = Label("command", row->name);
    for (int power = kFirstPower; power <= kLastPower; power += kPowersApart) {
      page.Sample(figures.latency.CountBelowPower(power),
                  fmt::format("{},le=\"{}\"", command, Seconds(int64_t{1} << power)), "_bucket");
    }
    page.Sample(figures.calls, command + ",le=\"+Inf\"", "_bucket");
    page.Sample(Seconds(figures.nanos), command, "_sum");
    page.Sample(figures.calls, command, "_count");
  }
  page.Begin("ampt_command_failures_total", "counter",
             "Calls of a command that were refused, or answered with an error.");
  for (const auto& row : statistics.commands()) {
    const CommandFigures& figures = row->figures;
    if (figures.rejected + figures.failed == 0) continue;
    const std::string command = Label("command", row->name);
    page.Sample(figures.rejected, command + ",reason=\"rejected\"");
    page.Sample(figures.failed, command + ",reason=\"failed\"");
  }
  page.Begin("ampt_errors_total", "counter", "Errors answered, by their first word.");
  for (const auto& [word, count] : statistics.errors()) page.Sample(count, Label("error", word));
}

}  // namespace

std::string MakeMetrics(const InfoSource& source) {
  Page page;
  Server(source, page);
  Clients(source, page);
  Memory(source, page);
  Persistence(source, page);
  Data(source, page);
  EventBacklogs(source, page);
  Commands(source, page);
  return page.Take();
}

}  // namespace ampt
