#include "server/server.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <random>
#include <utility>

#include "server/info.h"
#include "server/metrics.h"
#include "server/process.h"

namespace ampt {
namespace {

// How long the loop may sleep over a deadline; wall clocks are set.
constexpr TimeMs kLongestSleepMs = 1000;
constexpr uint64_t kTenthMs = 100;
constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
// Said every second, so a load that does not go on is noticed after this.
constexpr int64_t kLoadingGoesOnForUs = 60'000'000;

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

Server& ServerOf(void* handle) {
  return *static_cast<Server*>(static_cast<uv_handle_t*>(handle)->data);
}

Databases MakeDatabases(int count, Allocator& allocator, uint64_t hash_seed) {
  Databases databases;
  for (int number = 0; number < count; ++number) {
    databases.push_back(std::make_unique<Keyspace>(allocator, number, hash_seed));
  }
  return databases;
}

}  // namespace

Server::Server(Settings& settings, Log& log, Supervisor& supervisor, Invocation invocation)
    : settings_(settings),
      log_(log),
      supervisor_(supervisor),
      random_(RandomSeed()),
      statistics_(commands_.all()),
      databases_(MakeDatabases(settings.databases, allocator_, random_.Next())),
      memory_(settings, allocator_, databases_, random_.Next()),
      events_(settings.databases, MakeEventSettings()),
      storage_(&loop_, *this, AbsolutePath("."), settings, log, clock_, databases_, random_.Next()),
      pubsub_(random_.Next(), slices_),
      notifications_(pubsub_, settings, commands_),
      expire_lag_(clock_),
      blocked_(
          [this](int64_t id, const std::function<bool(Reply&)>& answer) { TryAnswer(id, answer); },
          log),
      monitoring_(settings, clock_, random_.Next()),
      acl_(settings, this),
      host_(*this, settings, statistics_, clock_, log, databases_, storage_, pubsub_, events_,
            expire_lag_, memory_, monitoring_, acl_, std::move(invocation)),
      tcp_listeners_(&loop_, log,
                     [this](uv_stream_t* stream, int error, bool is_tls) {
                       Accept(stream, /*is_unix=*/false, error, is_tls);
                     }),
      http_(&loop_, [this](std::string_view path) { return AnswerHttp(path); }),
      connection_environment_{&loop_,   *this,   settings_,   statistics_,
                              buffers_, pubsub_, monitoring_, acl_},
      dispatcher_({databases_, host_, settings_, acl_, commands_, statistics_, memory_, random_,
                   storage_, watches_, old_queues_, notifications_, events_, log, monitoring_}),
      batch_(*this, dispatcher_, commands_, databases_, settings_, monitoring_.hot_keys()) {
  statistics_.Watch(allocator_);
  statistics_.Watch(events_.allocator());
  // The log first: what others add about a change belongs behind it.
  effects_.Add(storage_.effects());
  storage_.set_on_log_written([this](int64_t nanos) { monitoring_.EventTook("aof-write", nanos); });
  if (settings.debug_clock > 0) clock_.BeginStopped(settings.debug_clock);
  effects_.Add(events_);
  effects_.Add(watches_);
  effects_.Add(notifications_);
  effects_.Add(expire_lag_);
  events_.set_journal(&storage_.journal());
  events_.set_host(&blocked_);
  events_.set_live_sink(&pubsub_);
  pubsub_.set_on_live([this](int database, bool is_live) {
    if (!storage_.loading()) events_.SetLive(database, is_live);
  });
  storage_.set_keeper(event_keeper_);
  storage_.set_before_close([this] { events_.Close(); });
  signal(SIGPIPE, SIG_IGN);
  uv_check_init(&loop_, &after_poll_);
  uv_idle_init(&loop_, &keep_awake_);
  uv_timer_init(&loop_, &deadline_timer_);
  uv_timer_init(&loop_, &regular_timer_);
  uv_timer_init(&loop_, &pause_timer_);
  for (uv_signal_t& handle : signals_) uv_signal_init(&loop_, &handle);
  after_poll_.data = deadline_timer_.data = regular_timer_.data = pause_timer_.data = this;
  for (uv_signal_t& handle : signals_) handle.data = this;
}

Server::~Server() {
  Shutdown();
  uv_run(&loop_, UV_RUN_DEFAULT);
  uv_loop_close(&loop_);
}

Status Server::Prepare() {
  AMPT_RETURN_IF_ERROR(RenameCommands(settings_, commands_));
  AMPT_RETURN_IF_ERROR(acl_.LoadAtStart());
  return ReadTls();
}

HttpAnswer Server::AnswerHttp(std::string_view path) {
  if (path == "/metrics") return {200, kMetricsContentType, host_.MetricsPage()};
  if (path != "/healthz") return {404, kPlainText, "there are /metrics and /healthz\n"};
  if (storage_.loading()) return {503, kPlainText, "loading\n"};
  return {200, kPlainText, "ok\n"};
}

Status Server::Run() {
  uv_check_start(&after_poll_, [](uv_check_t* check) { ServerOf(check).Turn(); });
  uv_timer_start(
      &regular_timer_, [](uv_timer_t* timer) { ServerOf(timer).EveryTenthOfASecond(); }, kTenthMs,
      kTenthMs);
  const auto on_signal = [](uv_signal_t* handle, int number) { ServerOf(handle).OnSignal(number); };
  uv_signal_start(&signals_[0], on_signal, SIGTERM);
  uv_signal_start(&signals_[1], on_signal, SIGINT);
  uv_signal_start(&signals_[2], on_signal, SIGHUP);
  statistics_.MarkStartup();
  storage_.StartLoading();
  if (storage_.loading()) ReportLoading();
  if (!is_stopping_) uv_run(&loop_, UV_RUN_DEFAULT);
  return end_;
}

void Server::LoadEnded(const Status& status) {
  if (!status.ok()) {
    // To be told to stop meanwhile is no failure.
    if (!status.text().starts_with("STOPPED ")) end_ = status;
    is_stopping_ = true;
    return Shutdown();
  }
  if (const Status ready = BecomeReady(); !ready.ok()) {
    end_ = ready;
    is_stopping_ = true;
    return Shutdown();
  }
  log_.Notice("Ready to accept connections");
  supervisor_.Ready();
}

Status Server::BecomeReady() {
  std::vector<Keyspace*> keyspaces;
  for (const auto& database : databases_) {
    database->set_effects(&effects_);
    keyspaces.push_back(database.get());
  }
  events_.Recovered(clock_.NowMs(), keyspaces);
  expire_lag_.Start();
  // Ids of events that are given out must not come again after a crash.
  AMPT_RETURN_IF_ERROR(storage_.SyncNow());
  // What came while the loader had the databases.
  for (const Keyspace* keyspace : keyspaces) {
    const int database = keyspace->database();
    events_.SetLive(database, pubsub_.HasEventSubscribers(database));
  }
  return SettingsChanged();
}

Status Server::SettingsChanged() {
  // While data is loaded all these belong to the loader; BecomeReady() comes back to them.
  if (storage_.loading()) return {};
  memory_.ApplySettings();
  events_.set_settings(MakeEventSettings());
  return storage_.ApplySettings();
}

EventSettings Server::MakeEventSettings() const {
  return {.max_memory_bytes = static_cast<size_t>(settings_.events_max_memory),
          .drop_on_overflow = settings_.events_overflow == EventsOverflow::kDrop,
          .max_dead = static_cast<size_t>(settings_.events_max_dead)};
}

void Server::ReportLoading() {
  const StorageFigures figures = storage_.Figures();
  const uint64_t total_bytes = std::max<uint64_t>(1, figures.loading_total_bytes);
  const std::string status =
      fmt::format("Loading: {} of {}, {} %, {} seconds left",
                  HumanBytes(figures.loading_loaded_bytes), HumanBytes(figures.loading_total_bytes),
                  figures.loading_loaded_bytes * 100 / total_bytes, figures.loading_eta_s);
  log_.Notice("{}", status);
  if (supervisor_.is_there()) supervisor_.Loading(status, kLoadingGoesOnForUs);
}

void Server::OnSignal(int number) {
  if (number == SIGHUP) {
    // Another program has moved the file away to keep it.
    const Status status = log_.Open(settings_.logfile);
    if (status.ok()) {
      log_.Notice("SIGHUP received, the log file is open anew");
    } else {
      std::string_view reason = status.text();
      if (reason.starts_with("ERR ")) reason.remove_prefix(4);
      log_.Warning("SIGHUP received, but {}", reason);
    }
    if (const Status tls = ReadTls(); !tls.ok()) {
      log_.Warning("SIGHUP received, TLS goes on with the old certificates: {}", tls.text());
    } else if (tls_ != nullptr) {
      log_.Notice("SIGHUP received, the certificates are read anew");
    }
    return;
  }
  log_.Warning("{} received, stopping", number == SIGTERM ? "SIGTERM" : "SIGINT");
  if (!dispatcher_.is_busy() || std::exchange(stops_after_script_, true)) return StopAsTold();
  if (dispatcher_.EndScript("Script ended: the server is stopping").ok()) return;
  log_.Warning(
      "A script runs that has written: the server stops when that is over. Send the signal again "
      "to stop as SHUTDOWN NOSAVE does.");
}

void Server::StopAsTold() {
  if (has_refused_to_stop_) {
    end_ = Status::Err("stopped although not everything could be written");
    return Stop();
  }
  const auto save = dispatcher_.is_busy() ? ShutdownSave::kNo : ShutdownSave::kAsConfigured;
  if (host_.Shutdown(save, /*force=*/false).ok()) return;
  has_refused_to_stop_ = true;
  log_.Warning("Not stopping, as writes would be lost. Make room or send the signal again.");
}

bool Server::AbandonScript() {
  if (!dispatcher_.is_busy()) return false;
  Connection& connection = *dispatcher_.busy_connection();
  storage_.Hold(dispatcher_.mark());
  dispatcher_.Abandon();
  EndSuspension(connection);
  return storage_.TakeBackHeld();
}

void Server::Stop() {
  is_stopping_ = true;
  AbandonScript();
  // Whoever sees his connection closed is not to be let in again.
  tcp_listeners_.Close();
  if (unix_listener_ != nullptr) unix_listener_->Close();
  supervisor_.Stopping();
  // What was written is on the disk now, so all may see their replies.
  connection_environment_.sendable_bytes_left = SIZE_MAX;
  clients_.ForEach([](Connection& connection) {
    connection.LetGo(UINT64_MAX);
    connection.SendMore();
    connection.Flush();
    connection.Close();
  });
  if (!is_in_turn_) Shutdown();
}

void Server::Shutdown() {
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&after_poll_)) != 0) return;
  const auto close = [](auto& handle) {
    auto* const base = reinterpret_cast<uv_handle_t*>(&handle);
    if (!uv_is_closing(base)) uv_close(base, nullptr);
  };
  clients_.ForEach([](Connection& connection) { connection.Close(); });
  tcp_listeners_.Close();
  if (unix_listener_ != nullptr) unix_listener_->Close();
  http_.Close();
  close(after_poll_);
  close(keep_awake_);
  close(deadline_timer_);
  close(regular_timer_);
  close(pause_timer_);
  for (uv_signal_t& handle : signals_) close(handle);
  storage_.CloseHandles();
}

// --- a turn
// ---------------------------------------------------------------------------------------

void Server::Turn() {
  const Monitoring::Stopwatch stopwatch(monitoring_, "event-loop");
  is_in_turn_ = true;
  connection_environment_.BeginTurn();
  accepts_left_ = kAcceptsOfTurn;
  // The loop looks at a listener again when its client is taken.
  for (const auto& [listener, is_unix, is_tls] : std::exchange(waiting_listeners_, {})) {
    const auto* const handle = reinterpret_cast<const uv_handle_t*>(listener);
    if (uv_is_closing(handle) == 0) Accept(listener, is_unix, 0, is_tls);
  }
  now_ms_ = clock_.NowMs();
  const bool writes_wait = storage_.WritersMustWait();
  const bool was_busy = dispatcher_.is_busy();
  if (!storage_.loading() && !was_busy) {
    memory_.BeginTurn(now_ms_);
    events_.SetNow(now_ms_);
    // In front of commands, which see what lapsed as lapsed.
    if (!writes_wait && !storage_.log_failed()) events_.RunDue(kDueAtOnce);
  }
  running_.swap(ready_);
  for (Connection* connection : running_) connection->set_listed(false);
  batch_.Run(running_, kForLittle, now_ms_, writes_wait);
  const int64_t nanos = dispatcher_.last_nanos();
  // A piece of a long pipeline may be short.
  if (std::ranges::any_of(running_, [nanos](const Connection* connection) {
        return nanos - connection->demanded_nanos() > kOthersStayNanos;
      })) {
    others_stay_until_nanos_ = nanos + kOthersStayNanos;
  }
  // Of those who wait only who did so when the turn began: others may have come meanwhile.
  const bool runs_postponed = !postponed_.empty();
  const bool runs_demanding = !demanding_.empty();
  const bool is_busy = !running_.empty() || runs_postponed || runs_demanding;
  KeepUnfinished();
  if (runs_postponed && !is_stopping_) RunWaiting(postponed_, kForPostponed, writes_wait);
  // Whoever asked for little does not wait for those who asked for much.
  if (!waiting_to_send_.empty() && !is_stopping_) {
    Answer();
    SendMore();
  }
  if (runs_demanding && !is_stopping_) {
    Answer();
    const bool alone = dispatcher_.last_nanos() >= others_stay_until_nanos_;
    RunWaiting(demanding_, alone ? kForMuchAlone : kForMuch, writes_wait);
  }
  if (is_stopping_) {
    is_in_turn_ = false;
    return Shutdown();
  }
  Answer();
  FlushPushed();
  bool more = false;
  if (dispatcher_.is_busy()) {
    if (was_busy) GoOnWithScript();
    if (is_stopping_) {
      is_in_turn_ = false;
      return Shutdown();
    }
    FlushPushed();
    more = true;
  } else if (!storage_.loading()) {
    // Last, so that clients wait for one slice of each at most.
    // During a pause data is to stay as it is: what is due is invisible, and removed behind it.
    if (!batch_.is_paused()) {
      const Monitoring::Stopwatch stopwatch(monitoring_, "expire-cycle");
      more = !ExpireDue() || more;
    }
    {
      const Monitoring::Stopwatch stopwatch(monitoring_, "slice");
      // Of what runs in slices only TOUCH uses items, and that counts for every client.
      memory_.tracker().set_paused(false);
      slices_.RunOne(now_ms_);
    }
    if (!batch_.is_paused()) {
      const Monitoring::Stopwatch stopwatch(monitoring_, "eviction-cycle");
      more = !memory_.EvictSome() || more;
    }
    {
      const Monitoring::Stopwatch stopwatch(monitoring_, "snapshot-slice");
      more = !storage_.DoSome(is_busy) || !slices_.empty() || more;
    }
    more = WorkOnEvents() || more;
    more = storage_.EndTurn() || more;
    FlushPushed();
  } else {
    // What may run while data is loaded does without it.
    slices_.RunOne(now_ms_);
    more = !slices_.empty();
  }
  is_in_turn_ = false;
  if (settings_.maxmemory_clients != 0) clients_.EvictLargest();
  if (std::exchange(log_has_advanced_, false) || !waiting_for_disk_.empty()) ReactToLog();
  if (std::exchange(pause_is_over_, false)) LetGoOn(waiting_for_pause_);
  // Clients that were closed last may have left something behind.
  more = more || !slices_.empty() || !waiting_to_send_.empty();
  SetAlarm(more || HasReady());
}

void Server::RunWaiting(std::deque<Connection*>& waiting, Batch::Budget budget, bool writes_wait) {
  const int64_t until_nanos = ServerClock::StopwatchNanos() + budget.run_nanos;
  while (!waiting.empty() && !is_stopping_) {
    Connection* const connection = waiting.front();
    waiting.pop_front();
    connection->set_listed(false);
    batch_.Run({&connection, 1}, budget, now_ms_, writes_wait);
    running_.push_back(connection);
    KeepUnfinished();
    if (ServerClock::StopwatchNanos() >= until_nanos) return;
  }
}

bool Server::Demands(Connection& connection) {
  if (!AsksForMuch(connection)) return false;
  connection.set_demanded_nanos(dispatcher_.last_nanos());
  demanding_.push_back(&connection);
  return true;
}

void Server::KeepUnfinished() {
  for (Connection* const connection : batch_.unfinished()) {
    if (connection->is_listed()) continue;
    connection->set_listed(true);
    if (!Demands(*connection)) postponed_.push_back(connection);
  }
}

void Server::GoOnWithScript() {
  Connection& connection = *dispatcher_.busy_connection();
  if (!dispatcher_.GoOn()) return;
  storage_.Release();
  storage_.EndTurn();
  EndSuspension(connection);
  if (stops_after_script_) StopAsTold();
}

void Server::EndSuspension(Connection& connection) {
  batch_.ForgetSuspended();
  connection.set_suspended(false);
  if (std::exchange(suspended_has_gone_, false)) return HasClosed(connection);
  connection.CheckHeldUp();
  Flush(connection, storage_.last_sequence());
  connection.FinishTurn();
  if (!connection.is_closing()) BecameReady(connection);
}

bool Server::WorkOnEvents() {
  bool more = false;
  const bool writes_wait = !storage_.WriteRefusal().ok() || storage_.WritersMustWait();
  if (!writes_wait) more = events_.RunDue(kDueAtOnce) == kDueAtOnce;
  if (storage_.MayFreeDetached()) {
    more = !events_.ConvertSome(kDueAtOnce) || more;
    more = !events_.FreeSome(kDueAtOnce) || more;
  }
  blocked_.Work(now_ms_, writes_wait, kDueAtOnce);
  return more || (blocked_.has_woken() && !writes_wait);
}

void Server::LetGoOn(std::vector<int64_t>& waiting) {
  for (const int64_t id : std::exchange(waiting, {})) {
    Connection* const connection = clients_.Find(id);
    if (connection == nullptr) continue;
    connection->set_waits_for_disk(false);
    connection->FinishTurn();
    BecameReady(*connection);
  }
  if (HasReady()) SetAlarm(true);
}

void Server::LogAdvanced() {
  if (is_in_turn_) {
    log_has_advanced_ = true;
  } else if (!is_stopping_) {
    ReactToLog();
  }
}

void Server::WaitForDisk(Connection& connection) {
  connection.set_waits_for_disk(true);
  waiting_for_disk_.push_back(connection.id());
}

void Server::WaitForPause(Connection& connection) {
  connection.set_waits_for_disk(true);
  waiting_for_pause_.push_back(connection.id());
}

void Server::PauseClients(int64_t duration_ms, bool writes_only) {
  batch_.set_pause(writes_only ? Pause::kWrites : Pause::kAll);
  uv_timer_start(
      &pause_timer_, [](uv_timer_t* timer) { ServerOf(timer).UnpauseClients(); },
      static_cast<uint64_t>(duration_ms), 0);
}

void Server::UnpauseClients() {
  uv_timer_stop(&pause_timer_);
  batch_.set_pause(Pause::kNone);
  // The group at work may have words of those who wait.
  pause_is_over_ = is_in_turn_;
  if (is_in_turn_ || is_stopping_) return;
  LetGoOn(waiting_for_pause_);
  SetAlarm(true);  // something may have become due
}

void Server::AnswerAfterSave(const Session& session) {
  Connection* const connection = clients_.Find(session.id());
  connection->set_blocked(true);
  waiting_for_save_.push_back(session.id());
}

Status Server::Reload() {
  // Readers of events would wait for consumers of before.
  blocked_.UnblockAll();
  Status status = storage_.Reload([this] { events_.Clear(); });
  if (status.ok()) status = BecomeReady();
  if (!status.ok()) {
    // A part of the data is worse than none.
    end_ = status;
    Stop();
  }
  return status;
}

void Server::SaveEnded(const Status& status) {
  for (const int64_t id : std::exchange(waiting_for_save_, {})) {
    Answer(id, [&](Reply& reply) {
      if (status.ok()) {
        reply.Ok();
      } else {
        reply.Error(status);
      }
    });
  }
}

bool Server::ExpireDue() {
  const int64_t until_us = clock_.StopwatchMicros() + limits::kSliceMicros;
  for (size_t tried = 0; tried < databases_.size(); ++tried) {
    Keyspace& keyspace = *databases_[next_to_expire_];
    if (keyspace.items_with_deadline() > 0) {
      while (keyspace.ExpireSome(now_ms_, kExpireAtOnce) == kExpireAtOnce) {
        if (clock_.StopwatchMicros() >= until_us) return false;
      }
    }
    next_to_expire_ = (next_to_expire_ + 1) % databases_.size();
  }
  return true;
}

void Server::SetAlarm(bool at_once) {
  if (!at_once && !storage_.loading()) {
    TimeMs deadline_ms = kNoDeadline;
    for (const auto& keyspace : databases_) {
      if (keyspace->items_with_deadline() == 0 || batch_.is_paused()) continue;
      deadline_ms = std::min(deadline_ms, keyspace->NextDeadline());
    }
    deadline_ms = std::min(deadline_ms, blocked_.NextDeadline());
    // While writes wait the regular timer is often enough.
    if (!storage_.log_failed() && !storage_.WritersMustWait()) {
      deadline_ms = std::min(deadline_ms, events_.NextDue());
    }
    if (deadline_ms == kNoDeadline) {
      uv_timer_stop(&deadline_timer_);
    } else {
      // A deadline may have come since the turn began.
      const TimeMs wait_ms = deadline_ms - clock_.NowMs();
      at_once = wait_ms <= 0;
      if (!at_once) {
        uv_timer_start(
            &deadline_timer_, [](uv_timer_t* timer) { ServerOf(timer).Turn(); },
            static_cast<uint64_t>(std::min(wait_ms, kLongestSleepMs)), 0);
      }
    }
  }
  if (at_once) {
    uv_idle_start(&keep_awake_, [](uv_idle_t*) {});
  } else {
    uv_idle_stop(&keep_awake_);
  }
}

void Server::EveryTenthOfASecond() {
  statistics_.Sample(ServerClock::StopwatchNanos());
  monitoring_.Tick();
  storage_.CheckSchedule();
  if (storage_.EndTurn()) SetAlarm(true);
  // A load allocates on a thread of its own.
  if (!storage_.loading()) {
    allocator_.slabs().ReleaseSome(limits::kRegionsPerTick);
    events_.allocator().slabs().ReleaseSome(limits::kRegionsPerTick);
  }
  if (++tenths_ % 10 != 0) return;
  if (!std::exchange(is_checking_clients_, true)) {
    RunInSlices([this, after_id = int64_t{0}]() mutable { return CheckSomeClients(&after_id); });
    GoOnWithSlices();
  }
  http_.CheckTime();
  if (storage_.loading()) ReportLoading();
}

// --- slices
// ---------------------------------------------------------------------------------------

void Server::GoOnWithSlices() {
  const bool is_ending = uv_is_closing(reinterpret_cast<uv_handle_t*>(&keep_awake_)) != 0;
  if (!slices_.empty() && !is_in_turn_ && !is_ending) SetAlarm(true);
}

void Server::RunInSlices(Connection& connection, std::unique_ptr<SlicedWork> work) {
  connection.set_blocked(true);
  slices_.Add([this, id = connection.id(),
               work = std::shared_ptr<SlicedWork>(std::move(work))](TimeMs now_ms) {
    // What it does may need memory as well (DEBUG POPULATE).
    if (memory_.WritersMustWait() || !work->DoSome(now_ms)) return false;
    if (!AnswerInParts(id, work)) {
      slices_.Add([this, id, work](TimeMs) { return AnswerInParts(id, work); });
    }
    return true;
  });
}

void Server::RunInSlices(std::function<bool()> do_some) {
  slices_.Add([do_some = std::move(do_some)](TimeMs) { return do_some(); });
}

}  // namespace ampt
