#include "server/scripting.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "server/server_clock.h"

namespace ampt {

extern const Command kPublish;

namespace {

constexpr size_t kDigestDigits = 40;
constexpr const char* kErrorHandler = "ampt.error_handler";
constexpr const char* kSelf = "ampt.scripting";
// Lua instructions between two looks at the clock.
constexpr int kInstructions = 10'000;
// How long a busy script runs before others do.
constexpr int64_t kSliceNanos = 5'000'000;
// Garbage is collected a step every so many runs.
constexpr uint64_t kRunsPerStep = 50;

std::string Sha1(std::string_view text) {
  unsigned char hash[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
  std::string digest;
  for (const unsigned char byte : hash) digest += fmt::format("{:02x}", byte);
  return digest;
}

std::string LowerCase(std::string_view text) {
  std::string lower;
  for (const char c : text) lower.push_back(AsciiLower(c));
  return lower;
}

// The words of a first line, which may be quoted. nullopt: the quotes do not match.
std::optional<std::vector<std::string>> SplitShebang(std::string_view line) {
  std::vector<std::string> words;
  size_t at = 0;
  while (true) {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r')) ++at;
    if (at == line.size()) return words;
    std::string word;
    char quote = 0;
    for (; at < line.size() && (quote != 0 || (line[at] != ' ' && line[at] != '\t')); ++at) {
      const char c = line[at];
      if (quote == 0 && (c == '"' || c == '\'')) {
        quote = c;
      } else if (c == quote) {
        quote = 0;
      } else {
        word.push_back(c);
      }
    }
    if (quote != 0) return std::nullopt;
    words.push_back(std::move(word));
  }
}

// Reads "EVAL script numkeys key … arg …" from the number on.
Result<int64_t> ReadKeyCount(Words words) {
  const std::optional<int64_t> count = ParseInteger(words[2]);
  if (!count) return Status::Err("value is not an integer or out of range");
  if (*count > static_cast<int64_t>(words.size()) - 3) {
    return Status::Err("Number of keys can't be greater than number of args");
  }
  if (*count < 0) return Status::Err("Number of keys can't be negative");
  return *count;
}

// Adds to an error that leaves a script where it came from.
int HandleError(lua_State* lua) {
  lua_Debug where;
  bool is_known = lua_getstack(lua, 1, &where) != 0 && lua_getinfo(lua, "Sl", &where) != 0;
  if (is_known && where.what[0] == 'C') {
    is_known = lua_getstack(lua, 2, &where) != 0 && lua_getinfo(lua, "Sl", &where) != 0;
  }
  lua_settop(lua, 1);
  if (lua_istable(lua, 1) == 0) {
    lua_createtable(lua, 0, 3);
    const char* text = lua_tostring(lua, 1);
    lua_pushfstring(lua, "ERR %s", text != nullptr ? text : luaL_typename(lua, 1));
    lua_setfield(lua, -2, "err");
  }
  if (is_known) {
    lua_pushliteral(lua, "source");
    lua_pushstring(lua, where.source);
    lua_rawset(lua, -3);
    lua_pushliteral(lua, "line");
    lua_pushinteger(lua, where.currentline);
    lua_rawset(lua, -3);
  }
  return 1;
}

// Pushes what KEYS and ARGV are.
void PushArray(lua_State* lua, Words words) {
  lua_createtable(lua, static_cast<int>(words.size()), 0);
  for (size_t i = 0; i < words.size(); ++i) {
    lua_pushlstring(lua, words[i].data(), words[i].size());
    lua_rawseti(lua, -2, static_cast<int>(i + 1));
  }
}

std::string_view FieldText(lua_State* lua, const char* name) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  size_t bytes = 0;
  const char* text = lua_tolstring(lua, -1, &bytes);
  lua_pop(lua, 1);  // the table keeps it alive
  return text == nullptr ? std::string_view() : std::string_view(text, bytes);
}

int RaiseError(lua_State* lua, std::string_view text) {
  PushError(lua, text);
  return lua_error(lua);
}

}  // namespace

Scripting::Scripting(Caller& caller, const CommandTable& commands, const Settings& settings,
                     Log& log)
    : caller_(caller), commands_(commands), settings_(settings), log_(log) {
  Flush();
}

void Scripting::Flush() {
  scripts_.clear();
  evaluated_.clear();
  sandbox_ = std::make_unique<Sandbox>();
  const Unbounded unbounded(*sandbox_);
  lua_State* const lua = sandbox_->lua();
  lua_pushlightuserdata(lua, this);
  lua_setfield(lua, LUA_REGISTRYINDEX, kSelf);
  lua_pushcfunction(lua, HandleError);
  lua_setfield(lua, LUA_REGISTRYINDEX, kErrorHandler);
  AddRedisLibrary();
}

Status Scripting::End(const char* why) {
  if (running_ == nullptr) {
    return Status::Coded("NOTBUSY", "No scripts in execution right now.");
  }
  if (running_->has_written) {
    return Status::Coded(
        "UNKILLABLE",
        "Sorry the script already executed write commands against the dataset. You can either wait "
        "the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE "
        "command.");
  }
  running_->ended_why = why;
  return {};
}

bool Scripting::Exists(std::string_view digest) const {
  return scripts_.contains(LowerCase(digest));
}

// --- compiling
// ------------------------------------------------------------------------------------

Result<uint32_t> Scripting::ReadShebang(std::string_view script, std::string_view* rest) {
  *rest = script;
  if (!script.starts_with("#!")) return uint32_t{0};
  const size_t end = script.find('\n');
  if (end == std::string_view::npos) return Status::Err("Invalid script shebang");
  // The line end stays, so that line numbers are right.
  *rest = script.substr(end);
  const auto words = SplitShebang(script.substr(0, end));
  if (!words) return Status::Err("Invalid engine in script shebang");
  if ((*words)[0] != "#!lua") {
    return Status::Err("Unexpected engine in script shebang: " + (*words)[0]);
  }
  uint32_t flags = kHasShebang;
  for (size_t i = 1; i < words->size(); ++i) {
    std::string_view word = (*words)[i];
    if (!word.starts_with("flags=")) {
      return Status::Err("Unknown lua shebang option: " + std::string(word));
    }
    word.remove_prefix(6);
    while (!word.empty()) {
      const std::string_view flag = word.substr(0, word.find(','));
      word.remove_prefix(std::min(word.size(), flag.size() + 1));
      if (flag == "no-writes") {
        flags |= kNoWrites;
      } else if (flag == "allow-oom") {
        flags |= kAllowOom;
      } else if (flag != "allow-stale" && flag != "no-cluster" && flag != "allow-cross-slot-keys") {
        return Status::Err("Unexpected flag in script shebang: " + std::string(flag));
      }
    }
  }
  return flags;
}

Result<Scripting::Cache::iterator> Scripting::Compile(std::string_view script,
                                                      const std::string& digest, bool load) {
  const auto found = scripts_.find(digest);
  if (found != scripts_.end()) {
    Script& known = found->second;
    if (!known.was_loaded && load) {
      evaluated_.erase(known.recent);
      known.was_loaded = true;
    } else if (!known.was_loaded) {
      evaluated_.splice(evaluated_.end(), evaluated_, known.recent);
    }
    return found;
  }
  std::string_view rest;
  const Result<uint32_t> flags = ReadShebang(script, &rest);
  if (!flags.ok()) return flags.status();
  const Status bytecode =
      Status::Err("Error compiling script (new function): bytecode is not allowed");
  if (rest.starts_with(LUA_SIGNATURE[0])) return bytecode;

  // What was only evaluated makes room for what is needed now.
  while (!evaluated_.empty() &&
         (evaluated_.size() >= kMostEvaluated || allocated_bytes() > Sandbox::kMostBytes / 2)) {
    Forget(scripts_.find(evaluated_.front()));
    if (allocated_bytes() > Sandbox::kMostBytes / 2) lua_gc(sandbox_->lua(), LUA_GCCOLLECT, 0);
  }
  lua_State* const lua = sandbox_->lua();
  if (luaL_loadbuffer(lua, rest.data(), rest.size(), "@user_script") != 0) {
    const char* reason = lua_tostring(lua, -1);
    const Status error = Status::Err(
        fmt::format("Error compiling script (new function): {}", reason != nullptr ? reason : "?"));
    lua_pop(lua, 1);
    return error;
  }
  const Unbounded unbounded(*sandbox_);
  Script compiled{luaL_ref(lua, LUA_REGISTRYINDEX), *flags, load, {}};
  if (!load) compiled.recent = evaluated_.insert(evaluated_.end(), digest);
  return scripts_.emplace(digest, compiled).first;
}

void Scripting::Forget(Cache::iterator script) {
  luaL_unref(sandbox_->lua(), LUA_REGISTRYINDEX, script->second.function);
  if (!script->second.was_loaded) evaluated_.erase(script->second.recent);
  scripts_.erase(script);
}

Result<std::string> Scripting::Load(std::string_view script) {
  std::string digest = Sha1(script);
  const Result<Cache::iterator> compiled = Compile(script, digest, true);
  if (!compiled.ok()) return compiled.status();
  return digest;
}

// --- running
// --------------------------------------------------------------------------------------

Status Scripting::Eval(Context& context, Words words, Access access) {
  const Result<int64_t> keys = ReadKeyCount(words);
  if (!keys.ok()) return keys.status();
  const Result<Cache::iterator> script = Compile(words[1], Sha1(words[1]), false);
  if (!script.ok()) return script.status();
  return Run(context, *script, words, *keys, access);
}

Status Scripting::EvalSha(Context& context, Words words, Access access) {
  const Status no_script = Status::Coded("NOSCRIPT", "No matching script. Please use EVAL.");
  if (words[1].size() != kDigestDigits) return no_script;
  const Result<int64_t> keys = ReadKeyCount(words);
  if (!keys.ok()) return keys.status();
  const auto script = scripts_.find(LowerCase(words[1]));
  if (script == scripts_.end()) return no_script;
  if (!script->second.was_loaded) {
    evaluated_.splice(evaluated_.end(), evaluated_, script->second.recent);
  }
  return Run(context, script, words, *keys, access);
}

Status Scripting::CheckBeforeRun(const Script& script, Access access,
                                 const Status& memory_refusal) const {
  // One without a first line of flags is checked command by command.
  if ((script.flags & kHasShebang) == 0 || (script.flags & kNoWrites) != 0) return {};
  if (access == Access::kReadonly) {
    return Status::Err("Can not execute a script with write flag using *_ro command.");
  }
  AMPT_RETURN_IF_ERROR(caller_.WriteRefusal());
  return memory_refusal;
}

Status Scripting::Run(Context& context, Cache::iterator script, Words words, int64_t keys,
                      Access access) {
  const Script& found = script->second;
  const Status memory_refusal = (found.flags & kAllowOom) != 0 ? Status() : caller_.MakeRoom();
  AMPT_RETURN_IF_ERROR(CheckBeforeRun(found, access, memory_refusal));
  lua_State* const lua = sandbox_->lua();
  const Unbounded unbounded(*sandbox_);
  const Words behind = words.subspan(3);
  PushArray(lua, behind.first(static_cast<size_t>(keys)));
  sandbox_->SetGlobal("KEYS");
  PushArray(lua, behind.subspan(static_cast<size_t>(keys)));
  sandbox_->SetGlobal("ARGV");

  Running running{context, access == Access::kReadonly || (found.flags & kNoWrites) != 0,
                  memory_refusal};
  running.digest = script->first;
  running.began_nanos = ServerClock::StopwatchNanos();
  if (const int64_t threshold_ms = settings_.busy_reply_threshold_ms; threshold_ms > 0) {
    running.until_nanos = running.began_nanos + threshold_ms * 1'000'000;
  }
  running_ = &running;
  const int database = context.session.database();
  lua_sethook(lua, CheckTime, LUA_MASKCOUNT, kInstructions);
  lua_getfield(lua, LUA_REGISTRYINDEX, kErrorHandler);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, found.function);
  const int status = sandbox_->CallBounded(0, 1, -2);
  lua_sethook(lua, nullptr, 0, 0);
  running_ = nullptr;
  context.session.set_database(database);

  if (status == 0) {
    ReplyWithValue(lua, running.resp, context.reply);
  } else {
    ReplyWithFailure(script->first, context.reply);
  }
  lua_settop(lua, 0);
  lua_pushnil(lua);
  sandbox_->SetGlobal("KEYS");
  lua_pushnil(lua);
  sandbox_->SetGlobal("ARGV");
  if (status == LUA_ERRMEM || allocated_bytes() > Sandbox::kMostBytes / 2) {
    lua_gc(lua, LUA_GCCOLLECT, 0);
  } else if (++runs_ % kRunsPerStep == 0) {
    lua_gc(lua, LUA_GCSTEP, static_cast<int>(kRunsPerStep));
  }
  return {};
}

void Scripting::ReplyWithFailure(const std::string& digest, Reply& reply) {
  lua_State* const lua = sandbox_->lua();
  if (lua_istable(lua, -1) == 0) {
    // Lua does not call the handler where memory has run out.
    const char* text = lua_tostring(lua, -1);
    return reply.Error(
        fmt::format("ERR {} script: {}", text != nullptr ? text : "unknown error", digest));
  }
  std::string text(FieldText(lua, "err"));
  if (text.empty()) text = "ERR unknown error";
  const std::string_view source = FieldText(lua, "source");
  lua_pushliteral(lua, "line");
  lua_rawget(lua, -2);
  const auto line = static_cast<int64_t>(lua_tonumber(lua, -1));
  lua_pop(lua, 1);
  if (!source.empty()) text += fmt::format(" script: {}, on {}:{}.", digest, source, line);
  reply.Error(text);
}

void Scripting::LetOthersRunIfDue() {
  Running& running = *running_;
  const int64_t nanos = ServerClock::StopwatchNanos();
  if (nanos < running.until_nanos) return;
  if (!running.is_busy) {
    log_.Warning(
        "Slow script detected: still in execution after {} milliseconds. You can try killing the "
        "script using the SCRIPT KILL command. Script name is: {}.",
        (nanos - running.began_nanos) / 1'000'000, running.digest);
    running.is_busy = true;
  }
  caller_.LetOthersRun();
  running.until_nanos = ServerClock::StopwatchNanos() + kSliceNanos;
  if (running.ended_why != nullptr) log_.Warning("{}", running.ended_why);
}

void Scripting::CheckTime(lua_State* lua, lua_Debug*) {
  lua_getfield(lua, LUA_REGISTRYINDEX, kSelf);
  Scripting& self = *static_cast<Scripting*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  const Running& running = *self.running_;
  if (running.ended_why == nullptr) self.LetOthersRunIfDue();
  if (running.ended_why == nullptr) return;
  self.sandbox_->Stop();
  lua_createtable(lua, 0, 1);
  lua_pushfstring(lua, "ERR %s", running.ended_why);
  lua_setfield(lua, -2, "err");
  lua_error(lua);
}

// --- what scripts call
// ----------------------------------------------------------------------------

void Scripting::AddRedisLibrary() {
  lua_State* const lua = sandbox_->lua();
  lua_newtable(lua);
  const auto add_function = [&](const char* name, lua_CFunction function) {
    lua_pushlightuserdata(lua, this);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, name);
  };
  const auto add_number = [&](const char* name, int value) {
    lua_pushinteger(lua, value);
    lua_setfield(lua, -2, name);
  };
  add_function("call", Call<true>);
  add_function("pcall", Call<false>);
  add_function("error_reply", ErrorReply);
  add_function("status_reply", StatusReply);
  add_function("sha1hex", Sha1Hex);
  add_function("log", WriteLog);
  add_function("setresp", SetResp);
  add_function("set_repl", SetRepl);
  add_function("acl_check_cmd", AclCheckCommand);
  // Effects are replicated in any case.
  add_function("replicate_commands", [](lua_State* state) {
    lua_pushboolean(state, 1);
    return 1;
  });
  // There is no debugger.
  add_function("breakpoint", [](lua_State* state) {
    lua_pushboolean(state, 0);
    return 1;
  });
  add_function("debug", [](lua_State*) { return 0; });
  add_number("LOG_DEBUG", 0);
  add_number("LOG_VERBOSE", 1);
  add_number("LOG_NOTICE", 2);
  add_number("LOG_WARNING", 3);
  add_number("REPL_NONE", 0);
  add_number("REPL_AOF", 1);
  add_number("REPL_SLAVE", 2);
  add_number("REPL_REPLICA", 2);
  add_number("REPL_ALL", 3);
  add_number("REDIS_VERSION_NUM", 0x070204);
  lua_pushliteral(lua, "7.2.4");
  lua_setfield(lua, -2, "REDIS_VERSION");
  sandbox_->AddLibrary("redis");
}

template <bool kRaises>
int Scripting::Call(lua_State* lua) {
  // Inside of CallCommand nothing raises, and here no C++ object is alive.
  const bool is_error = !Of(lua).CallCommand(lua);
  return kRaises && is_error ? lua_error(lua) : 1;
}

bool Scripting::ReadArguments(lua_State* lua) {
  const int count = lua_gettop(lua);
  words_.clear();
  words_.resize(static_cast<size_t>(count));
  if (numbers_.size() < words_.size()) numbers_.resize(words_.size());
  for (int i = 1; i <= count; ++i) {
    const auto at = static_cast<size_t>(i - 1);
    if (lua_type(lua, i) == LUA_TNUMBER) {
      const double number = lua_tonumber(lua, i);
      const auto integer = static_cast<int64_t>(std::abs(number) < 9e18 ? number : 0.5);
      numbers_[at] = static_cast<double>(integer) == number ? fmt::format("{}", integer)
                                                            : fmt::format("{:.17g}", number);
      words_[at] = numbers_[at];
    } else if (lua_type(lua, i) == LUA_TSTRING) {
      size_t bytes = 0;
      const char* text = lua_tolstring(lua, i, &bytes);
      words_[at] = {text, bytes};
    } else {
      return false;
    }
  }
  return true;
}

std::pair<const Command*, const Command*> Scripting::FindCommand() const {
  const Command* command = commands_.Find(words_[0]);
  if (command == nullptr || command->subcommands.empty() || words_.size() < 2) {
    return {command, command};
  }
  const Command* part = command->Subcommand(words_[1]);
  if (part != nullptr) return {command, part};
  if (EqualsIgnoreCase(words_[1], "help")) return {command, command};
  return {};
}

Status Scripting::CheckCommand(const Command* command, const Command* part) const {
  if (command == nullptr) return Status::Err("Unknown Redis command called from script");
  if (!command->ArityFits(words_.size()) || !part->ArityFits(words_.size())) {
    return Status::Err("Wrong number of args calling Redis command from script");
  }
  if (part->Is(kNoScript)) {
    return Status::Err("This Redis command is not allowed from script");
  }
  const Running& running = *running_;
  // To publish is to change something for others.
  if (running.is_readonly && (part->Is(kWrite) || part == &kPublish)) {
    return Status::Err("Write commands are not allowed from read-only scripts.");
  }
  // A script that has begun to write may end what it has begun.
  if (running.has_written) return {};
  if (part->Is(kWrite)) AMPT_RETURN_IF_ERROR(caller_.WriteRefusal());
  return part->Is(kDenyOom) ? running.memory_refusal : Status();
}

bool Scripting::CallCommand(lua_State* lua) {
  const Unbounded unbounded(*sandbox_);
  const auto fail = [lua](std::string_view text) {
    PushError(lua, text);
    return false;
  };
  lua_checkstack(lua, LUA_MINSTACK);
  if (lua_gettop(lua) == 0) {
    return fail("ERR Please specify at least one argument for this redis lib call");
  }
  if (!ReadArguments(lua)) {
    return fail("ERR Lua redis lib command arguments must be strings or integers");
  }
  const auto [command, part] = FindCommand();
  if (const Status refusal = CheckCommand(command, part); !refusal.ok()) {
    return fail(refusal.text());
  }
  if (part->Is(kWrite)) running_->has_written = true;
  ScriptReply reply(lua, running_->resp);
  caller_.RunForScript(running_->context, command, words_, reply);
  if (!reply.is_complete()) return fail("ERR this command has no reply for a script");
  return !reply.is_error();
}

int Scripting::ErrorReply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    PushError(lua, "ERR wrong number or type of arguments");
    return 1;
  }
  const char* text = lua_tostring(lua, 1);
  if (text[0] == '-') ++text;
  lua_createtable(lua, 0, 1);
  // Every error has a first word for programs.
  lua_pushfstring(lua, std::string_view(text).find(' ') == std::string_view::npos ? "ERR %s" : "%s",
                  text);
  lua_setfield(lua, -2, "err");
  return 1;
}

int Scripting::StatusReply(lua_State* lua) {
  if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
    PushError(lua, "ERR wrong number or type of arguments");
    return 1;
  }
  lua_createtable(lua, 0, 1);
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "ok");
  return 1;
}

int Scripting::Sha1Hex(lua_State* lua) {
  if (lua_gettop(lua) != 1) return RaiseError(lua, "ERR wrong number of arguments");
  size_t bytes = 0;
  const char* text = lua_tolstring(lua, 1, &bytes);
  Scripting& self = Of(lua);
  {
    const Unbounded unbounded(*self.sandbox_);
    const std::string digest = Sha1({text, text != nullptr ? bytes : 0});
    lua_pushlstring(lua, digest.data(), digest.size());
  }
  return 1;
}

int Scripting::WriteLog(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count < 2) return RaiseError(lua, "ERR redis.log() requires two arguments or more.");
  if (lua_isnumber(lua, 1) == 0) {
    return RaiseError(lua, "ERR First argument must be a number (log level).");
  }
  const auto level = static_cast<int>(lua_tonumber(lua, 1));
  if (level < 0 || level > 3) return RaiseError(lua, "ERR Invalid debug level.");
  Scripting& self = Of(lua);
  const Unbounded unbounded(*self.sandbox_);
  std::string text;
  for (int i = 2; i <= count; ++i) {
    size_t bytes = 0;
    const char* word = lua_tolstring(lua, i, &bytes);
    if (word == nullptr) continue;
    if (i > 2) text += ' ';
    text.append(word, bytes);
  }
  switch (level) {
    case 0:
      self.log_.Debug("{}", text);
      break;
    case 1:
      self.log_.Verbose("{}", text);
      break;
    case 2:
      self.log_.Notice("{}", text);
      break;
    default:
      self.log_.Warning("{}", text);
  }
  return 0;
}

int Scripting::SetResp(lua_State* lua) {
  if (lua_gettop(lua) != 1) {
    return RaiseError(lua, "ERR redis.setresp() requires one argument.");
  }
  const auto resp = static_cast<int>(lua_tonumber(lua, 1));
  if (resp != 2 && resp != 3) return RaiseError(lua, "ERR RESP version must be 2 or 3.");
  Of(lua).running_->resp = resp;
  return 0;
}

// Nothing is replicated but effects, and those always.
int Scripting::SetRepl(lua_State* lua) {
  if (lua_gettop(lua) != 1) {
    return RaiseError(lua, "ERR redis.set_repl() requires two arguments.");
  }
  const auto flags = static_cast<int>(lua_tonumber(lua, 1));
  if ((flags & ~3) != 0) {
    return RaiseError(
        lua, "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  }
  return 0;
}

int Scripting::AclCheckCommand(lua_State* lua) {
  if (lua_gettop(lua) == 0) {
    return RaiseError(lua, "ERR Please specify at least one argument for this redis lib call");
  }
  Scripting& self = Of(lua);
  bool is_command = false;
  bool is_permitted = false;
  {
    const Unbounded unbounded(*self.sandbox_);
    const Command* const part = self.ReadArguments(lua) ? self.FindCommand().second : nullptr;
    is_command = part != nullptr;
    is_permitted =
        is_command && self.caller_.IsPermitted(self.running_->context, *part, self.words_);
  }
  if (!is_command) return RaiseError(lua, "ERR Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(lua, is_permitted ? 1 : 0);
  return 1;
}

}  // namespace ampt
