// WATCH. Optimistic locking: what was read since WATCH is still so when EXEC runs, or EXEC runs
// nothing. A write through any command counts, one that leaves the value as it was included, and so
// does a deadline that comes.
//
// Many keys are watched in slices, each from when it is its turn.
#include <memory>

#include "base/limits.h"
#include "commands/grammar.h"
#include "commands/runner.h"
#include "commands/word_slices.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  Words keys;
};

constexpr auto kGrammar = Redis<Args>(Rest("key", &Args::keys, kAreKeys));

constexpr Example kExamples[] = {
    {"WATCH stock", "OK"}, {"AMPT.SET stock 3", "\"3\""}, {"MULTI", "OK"}, {"DECR stock", "QUEUED"},
    {"EXEC", "(nil)"},
};

constexpr Spec kSpec{
    .name = "watch",
    .group = Group::kTransactions,
    .summary = "Lets the next EXEC run only if none of these keys changes before it",
    .since = "2.2.0",
    .complexity = "O(k) for k keys",
    .flags = kNoScript | kStale | kFast | kAllowBusy,
    .scope = Scope::kKeys,
    .examples = kExamples,
};

// Watches as it answers: only then the client is known to be there.
class WatchWork : public SlicedWork {
 public:
  WatchWork(const Context& context, Words keys)
      : transactions_(context.runner->transactions()),
        session_(context.session),
        store_(context.store),
        left_(keys) {}

  bool DoSome(TimeMs now_ms) override {
    now_ms_ = now_ms;
    return true;
  }
  // What passes its deadline meanwhile counts as having been there: EXEC fails for it.
  bool Answer(Reply& reply) override {
    transactions_.Watch(session_, store_, TakeSlice(&left_, limits::kSliceNames), now_ms_);
    if (!left_.empty()) return false;
    reply.Ok();
    return true;
  }
  bool keeps_words() const override { return true; }

 private:
  Transactions& transactions_;
  Session& session_;
  Store& store_;
  Words left_;
  TimeMs now_ms_ = 0;
};

Status Run(Context& context, const Args& args) {
  Transactions& transactions = context.runner->transactions();
  AMPT_RETURN_IF_ERROR(transactions.MayWatch(context.session));
  if (args.keys.size() > limits::kSliceNames) {
    context.work = std::make_unique<WatchWork>(context, args.keys);
    return {};
  }
  transactions.Watch(context.session, context.store, args.keys, context.now_ms);
  context.reply.Ok();
  return {};
}

}  // namespace

extern const Command kWatch;
constexpr Command kWatch = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
