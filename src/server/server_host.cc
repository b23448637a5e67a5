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
#include "server/process.h"

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

// How long it takes tells nothing about `expected` but whether it is empty.
bool EqualsInConstantTime(std::string_view given, std::string_view expected) {
  if (expected.empty()) return given.empty();
  size_t different = given.size() ^ expected.size();
  for (size_t i = 0; i < given.size(); ++i) {
    different |= static_cast<unsigned char>(given[i] ^ expected[i % expected.size()]);
  }
  return different == 0;
}

Status SystemError(std::string_view what, const std::string& path) {
  return Status::Err(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

// Writes all of `text` to a new file that only its owner and the old file's readers can read, and
// waits until it is on the disk.
Status WriteNewFile(const std::string& path, std::string_view text, mode_t mode) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return SystemError("create", path);
  Status status;
  while (status.ok() && !text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written > 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      status = SystemError("write", path);
    }
  }
  if (status.ok() && fchmod(file, mode) != 0) status = SystemError("set the mode of", path);
  if (status.ok() && fsync(file) != 0) status = SystemError("sync", path);
  if (close(file) != 0 && status.ok()) status = SystemError("close", path);
  return status;
}

// Puts `text` in the place of a file, at once and for good: a crash leaves the old or the new one.
Status ReplaceFile(const std::string& link, std::string_view text) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::weakly_canonical(link, error);
  const std::string path = error ? link : target.string();
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  struct stat old {};
  const mode_t mode = stat(path.c_str(), &old) == 0 ? old.st_mode & 0777 : 0600;
  Status status = WriteNewFile(temporary, text, mode);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) {
    status = SystemError("rename a file to", path);
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  // The name is safe once its folder is.
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return SystemError("open", folder);
  if (fsync(directory) != 0) status = SystemError("sync", folder);
  close(directory);
  return status;
}

}  // namespace

ServerHost::ServerHost(ServerControl& control, Settings& settings, Statistics& statistics,
                       ServerClock& clock, Log& log, Databases& databases, Invocation invocation)
    : control_(control),
      settings_(settings),
      statistics_(statistics),
      clock_(clock),
      log_(log),
      databases_(databases),
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

std::string ServerHost::ListClients(const ClientFilter& filter) {
  return control_.ListClients(filter);
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
  settings_ = std::move(changed);
  log_.set_level(settings_.loglevel);
  CopyModelSettings();
  control_.SettingsChanged();
  return {};
}

Status ServerHost::RewriteConfig() {
  const std::string& path = invocation_.config_file;
  if (path.empty()) return Status::Err("The server is running without a config file");
  // A file that was removed is made anew.
  Result<std::string> text = std::string();
  if (access(path.c_str(), F_OK) == 0 || errno != ENOENT) text = ReadWholeFile(path);
  if (text.ok()) text = RewriteConfigText(*text, path, ReadWholeFile, settings_);
  Status status = text.ok() ? ReplaceFile(path, *text) : text.status();
  if (!status.ok()) {
    std::string_view reason = status.text();
    if (reason.starts_with("ERR ")) reason.remove_prefix(4);
    log_.Warning("CONFIG REWRITE failed: {}", reason);
    return Status::Err(fmt::format("Rewriting config file: {}", reason));
  }
  log_.Notice("CONFIG REWRITE executed with success.");
  return {};
}

// --- the server as a whole
// ------------------------------------------------------------------------

Status ServerHost::CheckPassword(std::string_view user, std::string_view password) {
  // As in Redis, any password opens what has none.
  const bool matches = !AuthRequired() || EqualsInConstantTime(password, settings_.requirepass);
  if (user == "default" && matches) return {};
  return Status::Coded("WRONGPASS", "invalid username-password pair or user is disabled.");
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
          .data = {.expired = counted.expired - counted_at_reset_.expired,
                   .hits = counted.hits - counted_at_reset_.hits,
                   .misses = counted.misses - counted_at_reset_.misses}};
}

std::string ServerHost::Info(std::span<const std::string_view> sections) {
  statistics_.SampleMemory();
  return MakeInfo(MakeInfoSource(), sections);
}

DataFigures ServerHost::CountedByDatabases() const {
  DataFigures figures;
  for (const auto& database : databases_) {
    figures.expired += database->expired();
    figures.hits += database->hits();
    figures.misses += database->misses();
  }
  return figures;
}

void ServerHost::ResetStatistics() {
  statistics_.Reset();
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
  if (most != 0 && memory.allocated_bytes > most - most / 10) {
    findings += fmt::format(
        "* Limit: {} of maxmemory's {} is in use; commands that need more are refused from there "
        "on. Raise maxmemory or remove items.\n",
        HumanBytes(memory.allocated_bytes), HumanBytes(most));
  }
  if (findings.empty()) return "Nothing is wrong with this server's memory.";
  return "What stands out in this server's memory:\n\n" + findings;
}

void ServerHost::MemoryPurge() {
  PurgeMemory();
}

std::vector<std::pair<std::string, int64_t>> ServerHost::MemoryStats() {
  statistics_.SampleMemory();
  const InfoSource source = MakeInfoSource();
  const MemoryFigures& memory = statistics_.memory();
  const size_t used = memory.allocated_bytes;
  const size_t overhead = MemoryOverheadBytes(source);
  const size_t dataset = used - std::min(used, overhead);
  const size_t rss = ResidentBytes();
  size_t keys = 0;
  for (const auto& database : databases_) keys += database->items();
  const auto difference = [](size_t a, size_t b) { return static_cast<int64_t>(a - b); };
  const auto figure = [](size_t bytes) { return static_cast<int64_t>(bytes); };
  std::vector<std::pair<std::string, int64_t>> figures{
      {"peak.allocated", figure(statistics_.peak_memory_bytes())},
      {"total.allocated", figure(used)},
      {"startup.allocated", figure(statistics_.startup_memory_bytes())},
      {"clients.normal", figure(source.clients.buffer_bytes)}};
  for (const auto& database : databases_) {
    if (database->items() == 0) continue;
    figures.emplace_back(fmt::format("db.{}.indexes", database->database()),
                         figure(database->index_bytes()));
  }
  const std::pair<std::string, int64_t> rest[] = {
      {"overhead.total", figure(overhead)},
      {"keys.count", figure(keys)},
      {"keys.bytes-per-key", figure(keys == 0 ? 0 : dataset / keys)},
      {"dataset.bytes", figure(dataset)},
      {"allocator.allocated", figure(memory.allocated_bytes)},
      {"allocator.active", figure(memory.active_bytes)},
      {"allocator.resident", figure(memory.resident_bytes)},
      {"allocator-fragmentation.bytes", difference(memory.active_bytes, memory.allocated_bytes)},
      {"allocator-rss.bytes", difference(memory.resident_bytes, memory.active_bytes)},
      {"rss-overhead.bytes", difference(rss, memory.resident_bytes)},
      {"fragmentation.bytes", difference(rss, used)}};
  figures.insert(figures.end(), std::begin(rest), std::end(rest));
  return figures;
}

// With data in memory only there is nothing to save, so `now` makes no difference.
Status ServerHost::Shutdown(bool /*now*/) {
  log_.Warning("User requested shutdown...");
  control_.Stop();
  return {};
}

void ServerHost::FreeLater(std::function<bool()> free_some) {
  ++*pending_frees_;
  control_.RunInSlices([pending = pending_frees_, free_some = std::move(free_some)] {
    if (!free_some()) return false;
    --*pending;
    return true;
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

}  // namespace ampt
