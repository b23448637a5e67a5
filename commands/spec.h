// Command: all that is known of one command, in one place.
//
// A command's file has five parts in this order: why it is as it is; its Args; its grammar (the
// parser, from which arity, key positions, usage and option errors follow); its Spec; its Run, the
// only part with logic. DEFINE_COMMAND ties them together; commands/table.cc lists them. From the
// table come dispatch, COMMAND and its documentation, HELP and the README's table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "commands/context.h"

namespace ampt {

enum class Group : uint8_t {
  kItems,
  kString,
  kGeneric,
  kTransactions,
  kScripting,
  kPubsub,
  kConnection,
  kServer
};

// What a command touches, and so where it may run in a cluster. Whole-node commands say in their
// why-comment how the answers of several nodes merge.
enum class Scope : uint8_t { kNone, kKey, kNamespace, kKeys, kNode };

// Redis' command flags, as far as they mean something here.
enum CommandFlag : uint32_t {
  kWrite = 1u << 0,
  kReadonly = 1u << 1,
  kDenyOom = 1u << 2,  // refused when memory is full
  kAdmin = 1u << 3,
  kNoScript = 1u << 4,
  kFast = 1u << 5,
  kLoading = 1u << 6,  // allowed while data is loaded
  kStale = 1u << 7,
  kNoAuth = 1u << 8,  // allowed before AUTH
  kNoMulti = 1u << 9,
  kAllowBusy = 1u << 10,
  kDangerous = 1u << 11,  // ACL category only
  kBlocking = 1u << 12,
  kPubsub = 1u << 13,      // about channels
  kSubscribed = 1u << 14,  // allowed to a RESP2 client that has subscriptions
  kMayWrite = 1u << 15,    // runs other commands, which may write
  kEveryKey = 1u << 16,    // may touch keys that it does not name
  kQuery = 1u << 17,       // its key is an expression, its options are AMPT.GET's
  kRunsOthers = 1u << 18,  // runs other commands, and may take any time
  kBrief = 1u << 19,       // as brief as those that are fast, but Redis does not call it so
};

// One step of a conversation. Executed by the tests, in order, on an empty database; `reply` as
// redis-cli prints it, lines joined by \n. An empty reply: not compared.
struct Example {
  std::string_view command;
  std::string_view reply;
};

struct Spec {
  std::string_view name;  // lower case; a subcommand as "client|list"
  Group group;
  std::string_view summary;  // one sentence without a full stop
  std::string_view since;    // Redis' version, or ours for AMPT.*
  std::string_view complexity;
  uint32_t flags;
  Scope scope;
  std::span<const Example> examples;
};

// Where the keys are among the words: first, last (negative: from the end), step; 0 if none.
struct KeyPositions {
  int first = 0;
  int last = 0;
  int step = 0;
  int count_at =
      0;  // >0: that word says how many keys there are, `step` words apart from `first` on
};

// One argument for COMMAND DOCS.
struct ArgumentDoc {
  std::string name;
  std::string_view type;  // key string integer double pure-token oneof block
  std::string token;      // the option's word, if any
  bool optional = false;
  bool multiple = false;
  std::vector<ArgumentDoc> parts;  // of oneof and block
};

// What a grammar says about itself.
struct GrammarInfo {
  int arity;  // as Redis counts it: with the name; negative: at least. A subcommand counts its
              // container's name too, and so do its key positions.
  KeyPositions keys;
  std::string (*usage)();  // the words behind the name
  std::vector<ArgumentDoc> (*arguments)();
};

struct Command {
  Spec spec;
  GrammarInfo grammar;
  // Parses the words and runs; an error is answered. A subcommand gets the words from its own name
  // on. REQUIRES: the arity fits.
  void (*execute)(Context& context, Words words);
  // Of a container (CLIENT, CONFIG, …): its parts, then `execute` finds and runs the right one.
  std::span<const Command* const> subcommands;

  bool Is(CommandFlag flag) const { return (spec.flags & flag) != 0; }
  bool ArityFits(size_t words) const {
    return grammar.arity >= 0 ? words == static_cast<size_t>(grammar.arity)
                              : words >= static_cast<size_t>(-grammar.arity);
  }
  // Null if this is no container or has no such part. Case-insensitive. Cost: linear in the parts.
  const Command* Subcommand(std::string_view word) const;
  // "SET key value [NX | XX] …", "CLIENT KILL …"
  std::string Usage() const;
};

// The keys among the words of a request. Of a container: ask with the subcommand, and all words.
// REQUIRES: the arity fits. A count that fits no words gives no keys.
std::vector<std::string_view> KeysOf(const Command& command, Words words);

// Redis' ACL categories without the '@': "read", "string", "fast", …
std::vector<std::string_view> AclCategories(const Command& command);

// "string", "generic", … as COMMAND DOCS says it.
std::string_view GroupName(Group group);

// "ERR wrong number of arguments for 'get' command"
Status WrongArity(std::string_view name);
// "ERR unknown subcommand 'foo'. Try CLIENT HELP."
Status UnknownSubcommand(const Command& container, std::string_view word);

// By group, then as listed in table.cc. Lives as long as the program.
std::span<const Command* const> AllCommands();

// All commands, found by name.
class CommandTable {
 public:
  CommandTable();
  // Case-insensitive; null if unknown. Cost: one hash and one comparison.
  const Command* Find(std::string_view name) const;
  // In the order of table.cc: by group, then as listed.
  std::span<const Command* const> all() const { return all_; }
  // From now on the command goes by another name; by none if that is empty. Error: there is no such
  // command, or the new name is another one's.
  Status Rename(std::string_view name, std::string_view new_name);

 private:
  std::vector<const Command*> all_;
  std::vector<const Command*> slots_;  // a power of two, no two commands in one
  std::vector<std::pair<std::string, const Command*>> renamed_;
  uint64_t factor_;
};

// Runs the part of a container that words[1] names; HELP is made from the table.
void ExecuteSubcommand(Context& context, Words words, const Command& container);

}  // namespace ampt
