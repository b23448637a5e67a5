#include "commands/spec.h"

#include <bit>
#include <cstring>

#include "base/bytes.h"

namespace ampt {
namespace {

// Redis' own bound on what an error repeats of a client's word.
constexpr size_t kEchoedBytes = 128;

std::string Upper(std::string_view text) {
  std::string upper;
  upper.reserve(text.size());
  for (const char c : text) upper.push_back(AsciiUpper(c));
  return upper;
}

uint64_t LoadFolded(const char* bytes, size_t size) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, size);
  return word | 0x2020202020202020;
}

// Of the length, the first and the last eight bytes, which tell all commands apart. Setting bit 5
// folds the case of letters; that it also joins some signs costs a comparison that fails.
uint64_t HashName(std::string_view name, uint64_t factor) {
  const size_t size = name.size();
  const size_t head = size < 8 ? size : 8;
  const uint64_t first = LoadFolded(name.data(), head);
  const uint64_t last = LoadFolded(name.data() + size - head, head);
  return ((first + size) * factor ^ std::rotl(last, 32)) * factor;
}

size_t SlotOf(std::string_view name, uint64_t factor, size_t slots) {
  return static_cast<size_t>(HashName(name, factor) >> 32) & (slots - 1);
}

void AnswerHelp(Context& context, const Command& container) {
  const std::string name = Upper(container.spec.name);
  context.reply.Array(1 + 2 * (container.subcommands.size() + 1));
  context.reply.Simple(name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const Command* subcommand : container.subcommands) {
    context.reply.Simple(subcommand->Usage().substr(name.size() + 1));
    context.reply.Simple("    " + std::string(subcommand->spec.summary) + ".");
  }
  context.reply.Simple("HELP");
  context.reply.Simple("    Prints this help.");
}

}  // namespace

std::string Command::Usage() const {
  std::string usage = Upper(spec.name);
  for (char& c : usage) {
    if (c == '|') c = ' ';
  }
  return usage + grammar.usage();
}

std::vector<std::string_view> KeysOf(const Command& command, Words words) {
  const KeyPositions& at = command.grammar.keys;
  std::vector<std::string_view> keys;
  if (at.first == 0) return keys;
  const auto size = static_cast<int64_t>(words.size());
  int64_t end = at.last < 0 ? size + at.last + 1 : at.last + 1;
  if (at.count_at > 0) {
    const std::optional<int64_t> count = ParseInteger(words[static_cast<size_t>(at.count_at)]);
    if (!count || *count < 0 || *count > (size - at.first) / at.step) return keys;
    end = at.first + *count * at.step;
  }
  for (int64_t i = at.first; i < end && i < size; i += at.step) {
    keys.push_back(words[static_cast<size_t>(i)]);
  }
  return keys;
}

std::vector<std::string_view> AclCategories(const Command& command) {
  std::vector<std::string_view> categories;
  const Group group = command.spec.group;
  // Of the server's commands those about a whole database: DBSIZE, FLUSHDB, …
  const bool is_about_databases = group == Group::kServer && !command.Is(kAdmin) &&
                                  command.grammar.keys.first == 0 &&
                                  (command.Is(kReadonly) || command.Is(kWrite));
  if (group == Group::kGeneric || is_about_databases) categories.push_back("keyspace");
  if (command.Is(kReadonly)) categories.push_back("read");
  if (command.Is(kWrite)) categories.push_back("write");
  if (group == Group::kItems) categories.push_back("items");
  if (group == Group::kString) categories.push_back("string");
  if (command.Is(kAdmin)) categories.push_back("admin");
  categories.push_back(command.Is(kFast) ? "fast" : "slow");
  if (command.Is(kBlocking)) categories.push_back("blocking");
  if (command.Is(kAdmin) || command.Is(kDangerous)) categories.push_back("dangerous");
  if (group == Group::kConnection || command.spec.name.starts_with("command")) {
    categories.push_back("connection");
  }
  if (group == Group::kTransactions) categories.push_back("transaction");
  if (group == Group::kScripting) categories.push_back("scripting");
  if (command.Is(kPubsub)) categories.push_back("pubsub");
  return categories;
}

std::string_view GroupName(Group group) {
  constexpr std::string_view kNames[] = {"items",     "string", "generic",    "transactions",
                                         "scripting", "pubsub", "connection", "server"};
  return kNames[static_cast<size_t>(group)];
}

Status WrongArity(std::string_view name) {
  return Status::Err("wrong number of arguments for '" + std::string(name) + "' command");
}

Status UnknownSubcommand(const Command& container, std::string_view word) {
  return Status::Err("unknown subcommand '" + std::string(word.substr(0, kEchoedBytes)) +
                     "'. Try " + Upper(container.spec.name) + " HELP.");
}

CommandTable::CommandTable() : all_(AllCommands().begin(), AllCommands().end()) {
  // Looks for a factor under which no two names meet; with eight slots a name few are tried.
  const size_t slots = std::bit_ceil(all_.size() * 8);
  for (factor_ = 0x9e3779b97f4a7c15;; factor_ += 0x632be59bd9b4e01a) {
    slots_.assign(slots, nullptr);
    bool free = true;
    for (const Command* command : all_) {
      const Command*& slot = slots_[SlotOf(command->spec.name, factor_, slots)];
      free = free && slot == nullptr;
      slot = command;
    }
    if (free) return;
  }
}

const Command* CommandTable::Find(std::string_view name) const {
  if (name.empty()) return nullptr;
  const Command* command = slots_[SlotOf(name, factor_, slots_.size())];
  if (command != nullptr && EqualsIgnoreCase(command->spec.name, name)) return command;
  for (const auto& [new_name, renamed] : renamed_) {
    if (EqualsIgnoreCase(new_name, name)) return renamed;
  }
  return nullptr;
}

Status CommandTable::Rename(std::string_view name, std::string_view new_name) {
  const Command* const command = Find(name);
  if (command == nullptr) return Status::Err("there is no command '" + std::string(name) + "'");
  if (Find(new_name) != nullptr) {
    return Status::Err("'" + std::string(new_name) + "' is a command already");
  }
  const auto erased =
      std::erase_if(renamed_, [&](const auto& entry) { return entry.second == command; });
  if (erased == 0) slots_[SlotOf(command->spec.name, factor_, slots_.size())] = nullptr;
  if (new_name.empty()) {
    std::erase(all_, command);
  } else {
    renamed_.emplace_back(new_name, command);
  }
  return {};
}

const Command* Command::Subcommand(std::string_view word) const {
  for (const Command* subcommand : subcommands) {
    if (EqualsIgnoreCase(subcommand->spec.name.substr(spec.name.size() + 1), word)) {
      return subcommand;
    }
  }
  return nullptr;
}

void ExecuteSubcommand(Context& context, Words words, const Command& container) {
  const Command* subcommand = container.Subcommand(words[1]);
  if (subcommand == nullptr && EqualsIgnoreCase(words[1], "help")) {
    if (words.size() == 2) return AnswerHelp(context, container);
    return context.reply.Error(WrongArity(std::string(container.spec.name) + "|help"));
  }
  if (subcommand == nullptr) {
    return context.reply.Error(UnknownSubcommand(container, words[1]));
  }
  if (!subcommand->ArityFits(words.size())) {
    return context.reply.Error(WrongArity(subcommand->spec.name));
  }
  subcommand->execute(context, words.subspan(1));
}

}  // namespace ampt
