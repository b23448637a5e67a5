// The list of all commands, the only one: a command that is not here does not exist.
#include "commands/spec.h"

namespace ampt {

extern const Command kAmptSet;
extern const Command kAmptMset;
extern const Command kAmptGet;
extern const Command kAmptGetbylabel;
extern const Command kAmptMget;
extern const Command kAmptAdd;
extern const Command kAmptRemove;
extern const Command kAmptCount;
extern const Command kAmptRemoverange;
extern const Command kAmptEvents;
extern const Command kGet;
extern const Command kSet;
extern const Command kSetex;
extern const Command kPsetex;
extern const Command kSetnx;
extern const Command kGetset;
extern const Command kGetdel;
extern const Command kGetex;
extern const Command kMget;
extern const Command kMset;
extern const Command kMsetnx;
extern const Command kAppend;
extern const Command kStrlen;
extern const Command kGetrange;
extern const Command kSetrange;
extern const Command kIncr;
extern const Command kDecr;
extern const Command kIncrby;
extern const Command kDecrby;
extern const Command kIncrbyfloat;
extern const Command kDel;
extern const Command kUnlink;
extern const Command kExists;
extern const Command kType;
extern const Command kHlen;
extern const Command kLlen;
extern const Command kTouch;
extern const Command kKeys;
extern const Command kScan;
extern const Command kRandomkey;
extern const Command kRename;
extern const Command kRenamenx;
extern const Command kCopy;
extern const Command kMove;
extern const Command kExpire;
extern const Command kPexpire;
extern const Command kExpireat;
extern const Command kPexpireat;
extern const Command kExpiretime;
extern const Command kPexpiretime;
extern const Command kTtl;
extern const Command kPttl;
extern const Command kPersist;
extern const Command kObject;
extern const Command kMulti;
extern const Command kExec;
extern const Command kDiscard;
extern const Command kWatch;
extern const Command kUnwatch;
extern const Command kEval;
extern const Command kEvalsha;
extern const Command kEvalRo;
extern const Command kEvalshaRo;
extern const Command kScript;
extern const Command kSubscribe;
extern const Command kUnsubscribe;
extern const Command kPsubscribe;
extern const Command kPunsubscribe;
extern const Command kPublish;
extern const Command kPubsubCommand;
extern const Command kPing;
extern const Command kEcho;
extern const Command kHello;
extern const Command kAuth;
extern const Command kSelect;
extern const Command kQuit;
extern const Command kReset;
extern const Command kClient;
extern const Command kReadonlyCommand;
extern const Command kReadwrite;
extern const Command kWait;
extern const Command kAcl;
extern const Command kCommand;
extern const Command kInfo;
extern const Command kConfig;
extern const Command kTime;
extern const Command kRole;
extern const Command kMemory;
extern const Command kSlowlog;
extern const Command kLatency;
extern const Command kMonitor;
extern const Command kDebug;
extern const Command kSave;
extern const Command kBgsave;
extern const Command kBgrewriteaof;
extern const Command kLastsave;
extern const Command kShutdown;
extern const Command kDbsize;
extern const Command kFlushdb;
extern const Command kFlushall;

namespace {

constexpr const Command* kAll[] = {
    // Items
    &kAmptSet,
    &kAmptMset,
    &kAmptGet,
    &kAmptGetbylabel,
    &kAmptMget,
    &kAmptAdd,
    &kAmptRemove,
    &kAmptCount,
    &kAmptRemoverange,
    &kAmptEvents,
    // Strings
    &kGet,
    &kSet,
    &kSetex,
    &kPsetex,
    &kSetnx,
    &kGetset,
    &kGetdel,
    &kGetex,
    &kMget,
    &kMset,
    &kMsetnx,
    &kAppend,
    &kStrlen,
    &kGetrange,
    &kSetrange,
    &kIncr,
    &kDecr,
    &kIncrby,
    &kDecrby,
    &kIncrbyfloat,
    // Generic
    &kDel,
    &kUnlink,
    &kExists,
    &kType,
    &kHlen,
    &kLlen,
    &kTouch,
    &kKeys,
    &kScan,
    &kRandomkey,
    &kRename,
    &kRenamenx,
    &kCopy,
    &kMove,
    &kExpire,
    &kPexpire,
    &kExpireat,
    &kPexpireat,
    &kExpiretime,
    &kPexpiretime,
    &kTtl,
    &kPttl,
    &kPersist,
    &kObject,
    // Transactions
    &kMulti,
    &kExec,
    &kDiscard,
    &kWatch,
    &kUnwatch,
    // Scripts
    &kEval,
    &kEvalsha,
    &kEvalRo,
    &kEvalshaRo,
    &kScript,
    // Publish and subscribe
    &kSubscribe,
    &kUnsubscribe,
    &kPsubscribe,
    &kPunsubscribe,
    &kPublish,
    &kPubsubCommand,
    // Connection
    &kPing,
    &kEcho,
    &kHello,
    &kAuth,
    &kSelect,
    &kQuit,
    &kReset,
    &kClient,
    &kReadonlyCommand,
    &kReadwrite,
    &kWait,
    // Server
    &kAcl,
    &kCommand,
    &kInfo,
    &kConfig,
    &kTime,
    &kRole,
    &kMemory,
    &kSlowlog,
    &kLatency,
    &kMonitor,
    &kDebug,
    &kSave,
    &kBgsave,
    &kBgrewriteaof,
    &kLastsave,
    &kShutdown,
    &kDbsize,
    &kFlushdb,
    &kFlushall,
};

}  // namespace

std::span<const Command* const> AllCommands() {
  return kAll;
}

}  // namespace ampt
