// Runner: what a command may ask of whoever runs commands, for the few that run others: MULTI and
// EXEC, EVAL.
//
// The server's dispatcher implements it. Where commands are run one by one (a module, whose engine
// has its own MULTI and EVAL, and most tests) there is none, and no command of the model needs it.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "commands/context.h"

namespace ampt {

// One transaction a connection: from MULTI on its commands are queued instead of run.
class Transactions {
 public:
  virtual ~Transactions() = default;
  virtual Status Multi(Session& session) = 0;
  // Runs what is queued as one and answers.
  virtual Status Exec(Context& context) = 0;
  virtual Status Discard(Session& session) = 0;
  virtual Status MayWatch(Session& session) = 0;
  // From now on a change of one of these keys makes the connection's next EXEC fail. A client may
  // be closed that watches too many. REQUIRES: it may watch.
  virtual void Watch(Session& session, Store& store, Words keys, TimeMs now_ms) = 0;
  virtual void Unwatch(Session& session) = 0;
};

// Programs in Lua that clients send.
class Scripts {
 public:
  enum class Access : uint8_t { kWrite, kReadonly };
  virtual ~Scripts() = default;
  // Runs a script and answers what it returns. `words` is the whole request: name, script (or its
  // digest), number of keys, keys, arguments.
  virtual Status Eval(Context& context, Words words, Access access) = 0;
  virtual Status EvalSha(Context& context, Words words, Access access) = 0;
  // Compiles a script and keeps it; its digest, 40 hexadecimal digits.
  virtual Result<std::string> Load(std::string_view script) = 0;
  virtual bool Exists(std::string_view digest) const = 0;
  virtual void Flush() = 0;
  // Ends the script that runs, if it has written nothing.
  virtual Status Kill() = 0;
};

class Runner {
 public:
  virtual ~Runner() = default;
  virtual Transactions& transactions() = 0;
  virtual Scripts& scripts() = 0;
};

}  // namespace ampt
