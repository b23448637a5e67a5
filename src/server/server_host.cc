#include "server/server_host.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "server/config_file.h"
#include "server/info.h"
#include "server/metrics.h"
#include "server/process.h"
#include "server/scripting.h"
#include "server/tls.h"

namespace ampt {
namespace {

std::string MakeRunId() {
  unsigned char bytes[20];
  // Twenty bytes are never cut short.
  if (getrandom(bytes, sizeof bytes, 0) < 0) std::memset(bytes, 0, sizeof bytes);
  std::string id;
  for (const unsigned char byte : bytes) id += fmt::format("{:02x}", byte);
  return id;
}

// Of an error, what people read.
std::string_view WithoutCode(const Status& status) {
  std::string_view text = status.text();
  if (text.starts_with("ERR ")) text.remove_prefix(4);
  return text;
}

Status CannotSet(const Setting& setting, std::string_view reason) {
  return Status::Err(fmt::format("CONFIG SET failed (possibly related to argument '{}') - {}",
                                 setting.name, reason));
}

}  // namespace

ServerHost::ServerHost(ServerControl& control, Settings& settings, Statistics& statistics,
                       ServerClock& clock, Log& log, Databases& databases, Storage& storage,
                       PubSub& pubsub, Events& events, ExpireLag& expire_lag, MemoryLimit& memory,
                       Monitoring& monitoring, Acl& acl, Invocation invocation)
    : control_(control),
      settings_(settings),
      statistics_(statistics),
      clock_(clock),
      log_(log),
      databases_(databases),
      storage_(storage),
      pubsub_(pubsub),
      events_(events),
      expire_lag_(expire_lag),
      memory_(memory),
      monitoring_(monitoring),
      acl_(acl),
      invocation_(std::move(invocation)),
      run_id_(MakeRunId()),
      started_nanos_(ServerClock::StopwatchNanos()),
      pending_frees_(std::make_shared<size_t>(0)) {
  CopyModelSettings();
}

void ServerHost::CopyModelSettings() {
  model_settings_.json = {settings_.max_json_depth, static_cast<size_t>(settings_.max_item_size)};
  model_settings_.max_bulk_bytes = static_cast<size_t>(settings_.proto_max_bulk_len);
}

// --- connections
// ----------------------------------------------------------------------------------

int64_t ServerHost::ListClients(const ClientFilter& filter, int64_t after_id, size_t most,
                                std::string* list) {
  return control_.ListClients(filter, after_id, most, list);
}

int64_t ServerHost::KillClients(const ClientFilter& filter, const Session& me) {
  return control_.KillClients(filter, me);
}

bool ServerHost::UnblockClient(int64_t id, bool with_error) {
  return control_.UnblockClient(id, with_error);
}

// --- settings
// -------------------------------------------------------------------------------------

std::vector<std::pair<std::string, std::string>> ServerHost::GetSettings(std::string_view glob) {
  return MatchSettings(settings_, glob);
}

Status ServerHost::SetSettings(
    std::span<const std::pair<std::string_view, std::string_view>> pairs) {
  Settings changed = settings_;
  AMPT_RETURN_IF_ERROR(ChangeSettings(changed, pairs));
  if (changed.maxclients > settings_.maxclients) {
    const int64_t wanted = changed.maxclients;
    MakeRoomForClients(changed, log_);
    if (changed.maxclients < wanted) {
      return Status::Err(
          fmt::format("CONFIG SET failed (possibly related to argument 'maxclients') - The "
                      "operating system is not able to handle the specified number of clients, "
                      "try with {}",
                      changed.maxclients));
    }
  }
  const Setting* of_tls = nullptr;
  const Setting* of_listening = nullptr;
  for (const auto& [name, value] : pairs) {
    const Setting* const setting = FindSetting(name);
    const bool is_address =
        setting->name == "port" || setting->name == "bind" || setting->name == "tls-port";
    if (of_tls == nullptr && setting->name.starts_with("tls-")) of_tls = setting;
    if (of_listening == nullptr && is_address) of_listening = setting;
  }
  std::shared_ptr<const TlsContext> tls;
  // Also to the same value: the file may be another one.
  if (of_tls != nullptr && changed.tls_port != 0) {
    auto made = TlsContext::Make(changed);
    if (!made.ok()) return CannotSet(*of_tls, WithoutCode(made.status()));
    tls = std::move(*made);
  }
  if (of_listening != nullptr) {
    const Status status = control_.ListenAt(changed);
    // The beginnings are Redis' own.
    const std::string_view what = of_listening->name == "bind"
                                      ? "Failed to bind to specified addresses"
                                      : "Unable to listen on this port";
    if (!status.ok()) {
      return CannotSet(*of_listening, fmt::format("{}: {}", what, WithoutCode(status)));
    }
  }
  if (tls != nullptr) control_.UseTls(std::move(tls));
  const bool has_new_password = changed.requirepass != settings_.requirepass;
  settings_ = std::move(changed);
  if (has_new_password) acl_.SetDefaultPassword(settings_.requirepass);
  log_.set_level(settings_.loglevel);
  CopyModelSettings();
  monitoring_.SettingsChanged();
  return control_.SettingsChanged();
}

Status ServerHost::RewriteConfig() {
  const std::string& path = invocation_.config_file;
  if (path.empty()) return Status::Err("The server is running without a config file");
  // A file that was removed is made anew.
  Result<std::string> text = std::string();
  if (access(path.c_str(), F_OK) == 0 || errno != ENOENT) text = ReadWholeFile(path);
  Settings as_it_is = settings_;
  as_it_is.users = acl_.LinesForConfig();
  if (text.ok()) text = RewriteConfigText(*text, path, ReadWholeFile, as_it_is);
  Status status = text.ok() ? ReplaceFile(path, *text) : text.status();
  if (!status.ok()) {
    const std::string_view reason = WithoutCode(status);
    log_.Warning("CONFIG REWRITE failed: {}", reason);
    return Status::Err(fmt::format("Rewriting config file: {}", reason));
  }
  log_.Notice("CONFIG REWRITE executed with success.");
  return {};
}

// --- the server as a whole
// ------------------------------------------------------------------------

Status ServerHost::LogIn(Session& session, std::string_view user, std::string_view password,
                         std::string_view command) {
  const AclUser* const found = acl_.LogIn(session, user, password, command);
  if (found == nullptr) {
    return Status::Coded("WRONGPASS", "invalid username-password pair or user is disabled.");
  }
  control_.LogIn(session, *found);
  return {};
}

InfoSource ServerHost::MakeInfoSource() {
  const DataFigures counted = CountedByDatabases();
  return {.settings = settings_,
          .statistics = statistics_,
          .databases = databases_,
          .invocation = invocation_,
          .clients = control_.client_figures(),
          .run_id = run_id_,
          .wall_us = clock_.WallMicros(),
          .uptime_s = (ServerClock::StopwatchNanos() - started_nanos_) / 1'000'000'000,
          .pending_frees = *pending_frees_,
          .pubsub_channels = pubsub_.channel_count(),
          .pubsub_patterns = pubsub_.pattern_count(),
          .storage = storage_.Figures(),
          .events = events_,
          .expire_lag = expire_lag_,
          .memory = memory_,
          .data = {.expired = counted.expired - counted_at_reset_.expired,
                   .evicted = counted.evicted - counted_at_reset_.evicted,
                   .hits = counted.hits - counted_at_reset_.hits,
                   .misses = counted.misses - counted_at_reset_.misses},
          .hot_keys = monitoring_.hot_keys()};
}

std::string ServerHost::Info(std::span<const std::string_view> sections) {
  statistics_.SampleMemory();
  return MakeInfo(MakeInfoSource(), sections);
}

std::string ServerHost::MetricsPage() {
  statistics_.SampleMemory();
  return MakeMetrics(MakeInfoSource());
}

DataFigures ServerHost::CountedByDatabases() const {
  DataFigures figures;
  if (storage_.loading()) return figures;
  for (const auto& database : databases_) {
    figures.expired += database->expired();
    figures.evicted += database->evicted();
    figures.hits += database->hits();
    figures.misses += database->misses();
  }
  return figures;
}

void ServerHost::ResetStatistics() {
  statistics_.Reset();
  expire_lag_.Reset();
  memory_.ResetStatistics();
  monitoring_.hot_keys().Reset();
  counted_at_reset_ = CountedByDatabases();
}

std::string ServerHost::MemoryDoctor() {
  constexpr uint64_t kLittle = 5u << 20;
  constexpr double kMuch = 1.4;
  statistics_.SampleMemory();
  const MemoryFigures& memory = statistics_.memory();
  if (memory.allocated_bytes < kLittle) {
    return "This server holds next to nothing, so its memory says nothing either. Ask again when "
           "there is data.";
  }
  const auto ratio = [](size_t a, size_t b) {
    return static_cast<double>(a) / static_cast<double>(std::max<size_t>(b, 1));
  };
  std::string findings;
  const double peak = ratio(statistics_.peak_memory_bytes(), memory.allocated_bytes);
  if (peak > kMuch) {
    findings += fmt::format(
        "* Peak: {} was in use once, {:.1f} times what is now. The process may keep more than it "
        "needs; MEMORY PURGE gives back what is free.\n",
        HumanBytes(statistics_.peak_memory_bytes()), peak);
  }
  const double fragmentation = ratio(memory.active_bytes, memory.allocated_bytes);
  if (fragmentation > kMuch) {
    findings += fmt::format(
        "* Fragmentation: pages in use are {:.1f} times what is in them. This passes as data is "
        "rewritten; loading the data anew cures it.\n",
        fragmentation);
  }
  const double overhead = ratio(ResidentBytes(), memory.resident_bytes);
  if (overhead > kMuch) {
    findings += fmt::format(
        "* Outside the allocator: the process is {:.1f} times what the allocator holds.\n",
        overhead);
  }
  const auto most = static_cast<size_t>(settings_.maxmemory);
  const size_t counted = memory_.counted_bytes();
  if (most != 0 && counted > most - most / 10) {
    const bool evicts = settings_.maxmemory_policy != EvictionPolicy::kNoEviction;
    findings += fmt::format(
        "* Limit: {} of maxmemory's {} is in use; from there on {}. Raise "
        "maxmemory or remove items.\n",
        HumanBytes(counted), HumanBytes(most),
        evicts ? "items are evicted" : "commands that need more are refused");
  }
  if (findings.empty()) return "Nothing is wrong with this server's memory.";
  return "What stands out in this server's memory:\n\n" + findings;
}

void ServerHost::MemoryPurge() {
  databases_.front()->allocator().slabs().ReleaseAll();
  events_.allocator().slabs().ReleaseAll();
  PurgeMemory();
}

// Under Redis' names and in its order. What this server has none of is 0, as it is in a Redis that
// does not use it.
std::vector<MemoryFigure> ServerHost::MemoryStats() {
  statistics_.SampleMemory();
  const InfoSource source = MakeInfoSource();
  const MemoryFigures& memory = statistics_.memory();
  const size_t used = memory.allocated_bytes;
  const size_t peak = statistics_.peak_memory_bytes();
  const size_t startup = statistics_.startup_memory_bytes();
  const size_t overhead = MemoryOverheadBytes(source);
  const size_t dataset = used - std::min(used, overhead);
  const size_t net = used - std::min(used, startup);
  const size_t rss = ResidentBytes();
  size_t keys = 0;
  for (const auto& database : databases_) keys += database->items();
  const auto difference = [](size_t a, size_t b) { return static_cast<int64_t>(a - b); };
  const auto figure = [](size_t bytes) { return static_cast<int64_t>(bytes); };
  const auto ratio = [](size_t a, size_t b) {
    return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
  };
  std::vector<MemoryFigure> figures{{"peak.allocated", figure(peak)},
                                    {"total.allocated", figure(used)},
                                    {"startup.allocated", figure(startup)},
                                    {"replication.backlog", int64_t{0}},
                                    {"clients.slaves", int64_t{0}},
                                    {"clients.normal", figure(source.clients.buffer_bytes)},
                                    {"cluster.links", int64_t{0}},
                                    {"aof.buffer", figure(source.storage.pending_bytes)}};
  for (const auto& database : databases_) {
    if (database->items() == 0) continue;
    const size_t deadline_bytes = database->by_deadline().allocated_bytes();
    figures.push_back(
        {fmt::format("db.{}", database->database()),
         MemoryFigure::Parts{
             {"overhead.hashtable.main", figure(database->index_bytes() - deadline_bytes)},
             {"overhead.hashtable.expires", figure(deadline_bytes)}}});
  }
  const MemoryFigure rest[] = {
      {"overhead.total", figure(overhead)},
      {"keys.count", figure(keys)},
      {"keys.bytes-per-key", figure(keys == 0 ? 0 : net / keys)},
      {"dataset.bytes", figure(dataset)},
      {"dataset.percentage", std::min(100.0, 100 * ratio(dataset, net))},
      {"peak.percentage", 100 * ratio(used, peak)},
      {"allocator.allocated", figure(memory.allocated_bytes)},
      {"allocator.active", figure(memory.active_bytes)},
      {"allocator.resident", figure(memory.resident_bytes)},
      {"allocator-fragmentation.ratio", ratio(memory.active_bytes, memory.allocated_bytes)},
      {"allocator-fragmentation.bytes", difference(memory.active_bytes, memory.allocated_bytes)},
      {"allocator-rss.ratio", ratio(memory.resident_bytes, memory.active_bytes)},
      {"allocator-rss.bytes", difference(memory.resident_bytes, memory.active_bytes)},
      {"rss-overhead.ratio", ratio(rss, memory.resident_bytes)},
      {"rss-overhead.bytes", difference(rss, memory.resident_bytes)},
      {"fragmentation", ratio(rss, used)},
      {"fragmentation.bytes", difference(rss, used)}};
  figures.insert(figures.end(), std::begin(rest), std::end(rest));
  return figures;
}

Status ServerHost::Shutdown(ShutdownSave save, bool force) {
  if (control_.is_busy() && save != ShutdownSave::kNo) return Scripting::BusyError();
  log_.Warning("Shutting down...");
  const bool must_end = control_.AbandonScript();
  // The log has everything that a snapshot would.
  const bool by_settings = !settings_.appendonly && !settings_.save.empty();
  const bool wanted =
      save == ShutdownSave::kYes || (save == ShutdownSave::kAsConfigured && by_settings);
  if (const Status status = storage_.Close(wanted && !storage_.loading()); !status.ok()) {
    log_.Warning("Not everything could be written: {}", status.text());
    if (!force && !must_end) return Status::Err("Errors trying to SHUTDOWN. Check logs.");
  }
  control_.Stop();
  return {};
}

Status ServerHost::StartSaveAndAnswer(const Session& me) {
  AMPT_RETURN_IF_ERROR(storage_.RequestSave());
  control_.AnswerAfterSave(me);
  return {};
}

void ServerHost::FreeLater(size_t bytes, std::function<bool()> free_some) {
  ++*pending_frees_;
  memory_.AddDetached(bytes);
  control_.RunInSlices(
      [this, bytes, pending = pending_frees_, free_some = std::move(free_some)]() mutable {
        // A running snapshot may be about these items.
        if (!storage_.MayFreeDetached()) return false;
        const size_t used_before = memory_.used_bytes();
        const bool is_done = free_some();
        // `bytes` was a guess: the last slice settles it.
        const size_t freed = is_done ? bytes : std::min(bytes, used_before - memory_.used_bytes());
        memory_.SubtractDetached(freed);
        bytes -= freed;
        if (is_done) --*pending;
        return is_done;
      });
}

// --- debugging
// ------------------------------------------------------------------------------------

bool ServerHost::DebugAllowed(const Session& me) const {
  switch (settings_.enable_debug_command) {
    case DebugAccess::kNo:
      return false;
    case DebugAccess::kYes:
      return true;
    case DebugAccess::kLocal:
      return control_.IsLocal(me);
  }
  return false;
}

void ServerHost::Sleep(double seconds) {
  constexpr double kLongestSeconds = 3600;
  if (!(seconds > 0)) return;
  std::this_thread::sleep_for(std::chrono::duration<double>(std::min(seconds, kLongestSeconds)));
}

Status ServerHost::Reload() {
  return control_.Reload();
}

Status ServerHost::SetFailpoint(std::optional<std::string_view> operation, std::string_view action,
                                int64_t number) {
  if (operation) return storage_.failpoints().Set(*operation, action, number);
  storage_.failpoints().Clear();
  return {};
}

}  // namespace ampt
