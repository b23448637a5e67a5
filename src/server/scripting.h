// Scripting: EVAL and the scripts that it has seen.
//
// A script runs to its end in one go, so it is alone with the data, and all that it does happens at
// one time. Its commands are checked like a client's. What it writes reaches log and listeners as
// the effects of its commands; the script itself goes nowhere.
//
// The loop stands still while a script runs. One that runs longer than `busy-reply-threshold` lets
// the loop go on now and then (Caller::LetOthersRun), so that others are told that it runs (BUSY)
// and may end it. One that has written is not ended, as that cannot be undone: it runs on, or the
// server stops without it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "commands/runner.h"
#include "commands/spec.h"
#include "server/log.h"
#include "server/script_sandbox.h"
#include "server/script_values.h"
#include "server/settings.h"

namespace ampt {

class Scripting final : public Scripts {
 public:
  // Scripts that came with EVAL and are kept; those of SCRIPT LOAD are kept until SCRIPT FLUSH.
  static constexpr size_t kMostEvaluated = 500;

  // Who runs a script's commands.
  class Caller {
   public:
    virtual ~Caller() = default;
    // Why commands that write must not run now (the disk); OK if they may.
    virtual Status WriteRefusal() const = 0;
    // Why commands that need memory must not run now; OK if they may.
    virtual Status MakeRoom() = 0;
    // Whether the user that `context` runs for may run a command with these words.
    virtual bool IsPermitted(Context& context, const Command& part, Words words) const = 0;
    // Runs a command that has passed all checks but the user's, on behalf of the one in `context`.
    virtual void RunForScript(Context& context, const Command* command, Words words,
                              ScriptReply& reply) = 0;
    // Returns when the script may go on for a while. Until then nothing happens to the data, and
    // of this object only End() and Abandon() are called.
    virtual void LetOthersRun() = 0;
  };

  // All outlive it.
  Scripting(Caller& caller, const CommandTable& commands, const Settings& settings, Log& log);

  // --- Scripts ---
  Status Eval(Context& context, Words words, Access access) override;
  Status EvalSha(Context& context, Words words, Access access) override;
  Result<std::string> Load(std::string_view script) override;
  bool Exists(std::string_view digest) const override;
  void Flush() override;
  Status Kill() override { return End("Script killed by user with SCRIPT KILL..."); }

  // What others are told while a script runs.
  static Status BusyError() {
    return Status::Coded(
        "BUSY",
        "Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN "
        "NOSAVE.");
  }
  // The running script fails, with that error, as soon as it goes on; or why it must not.
  Status End(const char* why);
  // The same, whatever it has written. REQUIRES: a script runs.
  void Abandon() { running_->ended_why = "Script ended by SHUTDOWN NOSAVE"; }

  size_t allocated_bytes() const { return sandbox_->allocated_bytes(); }
  size_t scripts() const { return scripts_.size(); }

 private:
  // Of a script's first line (#!lua flags=…).
  enum Flag : uint32_t { kNoWrites = 1, kAllowOom = 2, kHasShebang = 4 };
  using Digests = std::list<std::string>;
  struct Script {
    int function;  // reference in Lua's registry
    uint32_t flags;
    bool was_loaded;           // by SCRIPT LOAD
    Digests::iterator recent;  // REQUIRES: !was_loaded
  };
  using Cache = std::unordered_map<std::string, Script>;
  // The script that runs.
  struct Running {
    Context& context;
    bool is_readonly;
    Status memory_refusal;  // of commands that need memory, as it began
    bool has_written = false;
    bool is_busy = false;             // it ran longer than the threshold
    const char* ended_why = nullptr;  // null: it runs on
    int resp = 2;
    std::string_view digest;
    int64_t began_nanos = 0;
    int64_t until_nanos = INT64_MAX;  // when others are to run
  };

  static Result<uint32_t> ReadShebang(std::string_view script, std::string_view* rest);
  Result<Cache::iterator> Compile(std::string_view script, const std::string& digest, bool load);
  void Forget(Cache::iterator script);
  Status Run(Context& context, Cache::iterator script, Words words, int64_t keys, Access access);
  Status CheckBeforeRun(const Script& script, Access access, const Status& memory_refusal) const;
  // Makes the error on top of the stack, of a script that failed, the reply.
  void ReplyWithFailure(const std::string& digest, Reply& reply);

  // --- what scripts call ---
  static Scripting& Of(lua_State* lua) {
    return *static_cast<Scripting*>(lua_touserdata(lua, lua_upvalueindex(1)));
  }
  void AddRedisLibrary();
  template <bool kRaises>
  static int Call(lua_State* lua);
  // Runs a command; its reply, or {err = …}, is pushed. False if it is an error.
  bool CallCommand(lua_State* lua);
  // The arguments as words; false if there is one that is none.
  bool ReadArguments(lua_State* lua);
  // The command that the words name, and its part; both null if there is none.
  std::pair<const Command*, const Command*> FindCommand() const;
  Status CheckCommand(const Command* command, const Command* part) const;
  static int ErrorReply(lua_State* lua);
  static int StatusReply(lua_State* lua);
  static int Sha1Hex(lua_State* lua);
  static int WriteLog(lua_State* lua);
  static int SetResp(lua_State* lua);
  static int SetRepl(lua_State* lua);
  static int AclCheckCommand(lua_State* lua);
  // Called by Lua every so many instructions.
  static void CheckTime(lua_State* lua, lua_Debug*);
  void LetOthersRunIfDue();

  Caller& caller_;
  const CommandTable& commands_;
  const Settings& settings_;
  Log& log_;
  std::unique_ptr<Sandbox> sandbox_;
  Cache scripts_;
  Digests evaluated_;  // used longest ago first
  Running* running_ = nullptr;
  uint64_t runs_ = 0;
  // Of the command being called; kept for their memory.
  std::vector<std::string_view> words_;
  std::vector<std::string> numbers_;
};

}  // namespace ampt
