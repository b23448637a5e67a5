// Grammar: how the words of a command become the members of its Args.
//
// A grammar is a constexpr list of parts bound to members. It is the parser (a fold over the parts,
// resolved by the compiler), and it knows its arity, key positions and usage line. The factories:
//
//   Key("key", &Args::key)                   a word that is a key
//   Word("value", &Args::value)              a word; the member's type says how it is read
//   Maybe("count", &Args::count)             a last positional word that may be missing; if the
//   member
//                                            is Words: none or more words to the end
//   Rest("key", &Args::keys, kAreKeys)       one or more words to the end; Rest(..., step) in
//   tuples Counted("numkeys", "key", &Args::keys)   a count, then so many keys Flag("META",
//   &Args::meta)                an option that is a word (bool, or a value of an enum)
//   Option("TTL", "when", &Args::ttl)        an option with a word
//   Several("UNSET", "attribute", &Args::a)   an option with a count and so many words
//   OneOf(Flag(…), Option(…), …)             options that exclude each other
//
// Positional parts first, options behind them in any order. Members and how a word becomes them:
// std::string_view as it is; int64_t Redis' integer; bool true|false|yes|no; std::optional of these
// where a part may be missing. An odd command takes what follows its positional part as
// Rest("…", &Args::words) and parses by hand.
//
// Errors: style kAmpt names the option ("ERR syntax error: unknown option 'FOO'", "… option 'LIMIT'
// given twice", "… META and QUIET exclude each other"); style kRedis says what Redis says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "commands/spec.h"

namespace ampt::grammar {

enum class Style : uint8_t { kAmpt, kRedis };

// --- from a word to a member
// ----------------------------------------------------------------------

Status NotAnInteger();                      // Redis' text
Status NotABoolean(std::string_view name);  // "ERR EXISTS must be true, false, yes or no"
Status UnknownOption(Style style, std::string_view word);
Status GivenTwice(Style style, std::string_view option);
Status Excludes(Style style, std::string_view a, std::string_view b);
Status MissingWord(Style style, std::string_view option);
Status BadCount(Style style, std::string_view name);

inline Status Read(std::string_view word, std::string_view, std::string_view* out) {
  *out = word;
  return {};
}
inline Status Read(std::string_view word, std::string_view, int64_t* out) {
  const std::optional<int64_t> value = ParseInteger(word);
  if (!value) return NotAnInteger();
  *out = *value;
  return {};
}
inline Status Read(std::string_view word, std::string_view name, bool* out) {
  if (EqualsIgnoreCase(word, "true") || EqualsIgnoreCase(word, "yes")) {
    *out = true;
  } else if (EqualsIgnoreCase(word, "false") || EqualsIgnoreCase(word, "no")) {
    *out = false;
  } else {
    return NotABoolean(name);
  }
  return {};
}
template <typename T>
Status Read(std::string_view word, std::string_view name, std::optional<T>* out) {
  T value{};
  AMPT_RETURN_IF_ERROR(Read(word, name, &value));
  *out = value;
  return {};
}

template <typename T>
constexpr std::string_view TypeName() {
  if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, std::optional<int64_t>>) {
    return "integer";
  } else {
    return "string";
  }
}

// --- the parts
// ------------------------------------------------------------------------------------

enum class Kind : uint8_t { kPositional, kMaybe, kRest, kCounted, kOption };
inline constexpr bool kAreKeys = true;

template <typename A, typename T>
struct WordPart {
  static constexpr Kind kKind = Kind::kPositional;
  std::string_view name;
  T A::*member;
  bool is_key;
};
template <typename A, typename T>
struct MaybePart {
  static constexpr Kind kKind = Kind::kMaybe;
  std::string_view name;
  T A::*member;
};
template <typename Part>
inline constexpr bool kIsWords = false;
template <typename A>
inline constexpr bool kIsWords<MaybePart<A, Words>> = true;
template <typename A>
struct RestPart {
  static constexpr Kind kKind = Kind::kRest;
  std::string_view name;  // several names for tuples, as "key value"
  Words A::*member;
  bool are_keys;
  int step;
};
template <typename A>
struct CountedPart {
  static constexpr Kind kKind = Kind::kCounted;
  std::string_view count_name;
  std::string_view name;
  Words A::*member;
  int step;
};
template <typename A, typename T>
struct FlagPart {
  static constexpr Kind kKind = Kind::kOption;
  std::string_view word;
  T A::*member;
  T value;
};
template <typename A, typename T>
struct OptionPart {
  static constexpr Kind kKind = Kind::kOption;
  std::string_view word;
  std::string_view name;
  T A::*member;
};
template <typename A>
struct SeveralPart {
  static constexpr Kind kKind = Kind::kOption;
  std::string_view word;
  std::string_view name;
  Words A::*member;
};
template <typename... Parts>
struct OneOfPart {
  static constexpr Kind kKind = Kind::kOption;
  std::tuple<Parts...> parts;
};

template <typename A, typename T>
constexpr auto Key(std::string_view name, T A::*member) {
  return WordPart<A, T>{name, member, true};
}
template <typename A, typename T>
constexpr auto Word(std::string_view name, T A::*member) {
  return WordPart<A, T>{name, member, false};
}
template <typename A, typename T>
constexpr auto Maybe(std::string_view name, T A::*member) {
  return MaybePart<A, T>{name, member};
}
template <typename A>
constexpr auto Rest(std::string_view name, Words A::*member, bool are_keys = false, int step = 1) {
  return RestPart<A>{name, member, are_keys, step};
}
template <typename A>
constexpr auto Counted(std::string_view count_name, std::string_view name, Words A::*member,
                       int step = 1) {
  return CountedPart<A>{count_name, name, member, step};
}
template <typename A>
constexpr auto Flag(std::string_view word, bool A::*member) {
  return FlagPart<A, bool>{word, member, true};
}
template <typename A, typename T>
constexpr auto Flag(std::string_view word, T A::*member, T value) {
  return FlagPart<A, T>{word, member, value};
}
template <typename A, typename T>
constexpr auto Option(std::string_view word, std::string_view name, T A::*member) {
  return OptionPart<A, T>{word, name, member};
}
template <typename A>
constexpr auto Several(std::string_view word, std::string_view name, Words A::*member) {
  return SeveralPart<A>{word, name, member};
}
template <typename... Parts>
constexpr auto OneOf(Parts... parts) {
  return OneOfPart<Parts...>{std::tuple<Parts...>(parts...)};
}

// --- the whole
// ------------------------------------------------------------------------------------

// Which option words were seen: one bit each, for "given twice" and "exclude each other".
struct Seen {
  uint64_t options = 0;
  static constexpr int kMax = 64;
};

enum class Took : uint8_t { kNo, kYes, kError };

template <typename A, typename... Parts>
class Grammar {
 public:
  using Args = A;
  constexpr Grammar(Style style, Parts... parts) : style_(style), parts_(parts...) {}

  // Reads words[1..] into `*args`.
  Status Parse(Words words, A* args) const { return ParseFrom(words, 1, args); }

  // The same from another word on: for commands that read their first words by hand.
  Status ParseFrom(Words words, size_t at, A* args) const {
    Status status;
    bool good = true;
    std::apply(
        [&](const Parts&... part) {
          ((good = good && TakePositional(part, words, &at, args, &status)), ...);
        },
        parts_);
    if (!good) return status;
    Seen seen;
    while (at < words.size()) {
      Took took = Took::kNo;
      int bit = 0;
      std::apply(
          [&](const Parts&... part) {
            ((took = took == Took::kNo ? TakeOption(part, words, &at, args, &seen, &bit, &status)
                                       : took),
             ...);
          },
          parts_);
      if (took == Took::kError) return status;
      if (took == Took::kNo) return UnknownOption(style_, words[at]);
    }
    return status;
  }

  constexpr int Arity() const {
    int least = 1;
    bool open = false;
    std::apply([&](const Parts&... part) { (CountWords(part, &least, &open), ...); }, parts_);
    return open ? -least : least;
  }

  constexpr KeyPositions Keys() const {
    KeyPositions keys;
    int at = 1;
    std::apply([&](const Parts&... part) { (FindKeys(part, &at, &keys), ...); }, parts_);
    return keys;
  }

  std::string Usage() const {
    std::string usage;
    std::apply([&](const Parts&... part) { (AppendUsage(part, &usage), ...); }, parts_);
    return usage;
  }

  std::vector<ArgumentDoc> Arguments() const {
    std::vector<ArgumentDoc> all;
    std::apply([&](const Parts&... part) { (Document(part, &all), ...); }, parts_);
    return all;
  }

 private:
  template <typename Part>
  bool TakePositional(const Part& part, Words words, size_t* at, A* args, Status* status) const {
    if constexpr (Part::kKind == Kind::kPositional) {
      *status = Read(words[(*at)++], part.name, &(args->*part.member));
      return status->ok();
    } else if constexpr (Part::kKind == Kind::kMaybe) {
      if constexpr (kIsWords<Part>) {
        args->*part.member = words.subspan(*at);
        *at = words.size();
        return true;
      } else {
        if (*at == words.size()) return true;
        *status = Read(words[(*at)++], part.name, &(args->*part.member));
        return status->ok();
      }
    } else if constexpr (Part::kKind == Kind::kRest) {
      args->*part.member = words.subspan(*at);
      *at = words.size();
      return true;
    } else if constexpr (Part::kKind == Kind::kCounted) {
      const std::optional<int64_t> count = ParseInteger(words[(*at)++]);
      const auto left = static_cast<int64_t>(words.size() - *at);
      if (!count || *count < 0 || *count > left / part.step) {
        *status = BadCount(style_, part.count_name);
        return false;
      }
      const auto taken = static_cast<size_t>(*count * part.step);
      args->*part.member = words.subspan(*at, taken);
      *at += taken;
      return true;
    } else {
      return true;
    }
  }

  template <typename Part>
  Took TakeOption(const Part&, Words, size_t*, A*, Seen*, int*, Status*) const
      requires(Part::kKind != Kind::kOption) {
    return Took::kNo;
  }

  bool Repeated(Seen* seen, int bit) const {
    const uint64_t mask = uint64_t{1} << bit;
    const bool repeated = (seen->options & mask) != 0;
    seen->options |= mask;
    return repeated;
  }

  template <typename T>
  Took TakeOption(const FlagPart<A, T>& part, Words words, size_t* at, A* args, Seen* seen,
                  int* bit, Status* status) const {
    const int mine = (*bit)++;
    if (!EqualsIgnoreCase(words[*at], part.word)) return Took::kNo;
    if (Repeated(seen, mine) && style_ == Style::kAmpt) {
      *status = GivenTwice(style_, part.word);
      return Took::kError;
    }
    args->*part.member = part.value;
    ++*at;
    return Took::kYes;
  }

  template <typename T>
  Took TakeOption(const OptionPart<A, T>& part, Words words, size_t* at, A* args, Seen* seen,
                  int* bit, Status* status) const {
    const int mine = (*bit)++;
    if (!EqualsIgnoreCase(words[*at], part.word)) return Took::kNo;
    if (Repeated(seen, mine)) {
      *status = GivenTwice(style_, part.word);
      return Took::kError;
    }
    if (*at + 1 >= words.size()) {
      *status = MissingWord(style_, part.word);
      return Took::kError;
    }
    *status = Read(words[*at + 1], part.word, &(args->*part.member));
    if (!status->ok()) return Took::kError;
    *at += 2;
    return Took::kYes;
  }

  Took TakeOption(const SeveralPart<A>& part, Words words, size_t* at, A* args, Seen* seen,
                  int* bit, Status* status) const {
    const int mine = (*bit)++;
    if (!EqualsIgnoreCase(words[*at], part.word)) return Took::kNo;
    if (Repeated(seen, mine)) {
      *status = GivenTwice(style_, part.word);
      return Took::kError;
    }
    const std::optional<int64_t> count =
        *at + 1 < words.size() ? ParseInteger(words[*at + 1]) : std::nullopt;
    const auto left = static_cast<int64_t>(words.size() - *at) - 2;
    if (!count || *count < 1 || *count > left) {
      *status = BadCount(style_, part.word);
      return Took::kError;
    }
    args->*part.member = words.subspan(*at + 2, static_cast<size_t>(*count));
    *at += 2 + static_cast<size_t>(*count);
    return Took::kYes;
  }

  template <typename... Choices>
  Took TakeOption(const OneOfPart<Choices...>& part, Words words, size_t* at, A* args, Seen* seen,
                  int* bit, Status* status) const {
    const int first = *bit;
    Took took = Took::kNo;
    std::apply(
        [&](const Choices&... choice) {
          ((took =
                took == Took::kNo ? TakeOption(choice, words, at, args, seen, bit, status) : took),
           ...);
        },
        part.parts);
    *bit = first + static_cast<int>(sizeof...(Choices));
    if (took != Took::kYes) return took;
    const uint64_t group = ((uint64_t{1} << sizeof...(Choices)) - 1) << first;
    const uint64_t in_group = seen->options & group;
    if ((in_group & (in_group - 1)) == 0) return took;
    std::string_view names[2];
    int found = 0;
    int i = first;
    std::apply(
        [&](const Choices&... choice) {
          ((in_group >> i++ & 1 && found < 2 ? void(names[found++] = choice.word) : void()), ...);
        },
        part.parts);
    *status = Excludes(style_, names[0], names[1]);
    return Took::kError;
  }

  template <typename Part>
  static constexpr void CountWords(const Part& part, int* least, bool* open) {
    if constexpr (Part::kKind == Kind::kPositional) {
      ++*least;
    } else if constexpr (Part::kKind == Kind::kRest) {
      *least += part.step;
      *open = true;
    } else if constexpr (Part::kKind == Kind::kCounted) {
      *least += 1;  // a count of 0 has a clearer error than the arity
      *open = true;
    } else {
      *open = true;
    }
  }

  template <typename Part>
  static constexpr void FindKeys(const Part& part, int* at, KeyPositions* keys) {
    if constexpr (Part::kKind == Kind::kPositional) {
      if (part.is_key) {
        if (keys->first == 0) keys->first = *at;
        keys->last = *at;
        keys->step = 1;
      }
      ++*at;
    } else if constexpr (Part::kKind == Kind::kRest) {
      if (part.are_keys) {
        if (keys->first == 0) keys->first = *at;
        keys->last = -1;
        keys->step = part.step;
      }
    } else if constexpr (Part::kKind == Kind::kCounted) {
      keys->count_at = *at;
      keys->first = *at + 1;
      keys->last = *at + 1;
      keys->step = part.step;
      *at += 2;
    }
  }

  // A name of several words is a usage by itself: it says what may be repeated.
  static constexpr bool SpeaksForItself(std::string_view name) {
    return name.find(' ') != std::string_view::npos;
  }

  template <typename Part>
  static void AppendUsage(const Part& part, std::string* usage) {
    if constexpr (Part::kKind == Kind::kPositional) {
      usage->append(" ").append(part.name);
    } else if constexpr (Part::kKind == Kind::kMaybe) {
      usage->append(" [").append(part.name);
      usage->append(kIsWords<Part> && !SpeaksForItself(part.name) ? " ...]" : "]");
    } else if constexpr (Part::kKind == Kind::kRest) {
      usage->append(" ").append(part.name).append(" [").append(part.name).append(" ...]");
    } else if constexpr (Part::kKind == Kind::kCounted) {
      usage->append(" ").append(part.count_name).append(" ").append(part.name);
      usage->append(" [").append(part.name).append(" ...]");
    } else {
      usage->append(" [").append(OptionUsage(part)).append("]");
    }
  }
  template <typename T>
  static std::string OptionUsage(const FlagPart<A, T>& part) {
    return std::string(part.word);
  }
  template <typename T>
  static std::string OptionUsage(const OptionPart<A, T>& part) {
    return std::string(part.word) + " " + std::string(part.name);
  }
  static std::string OptionUsage(const SeveralPart<A>& part) {
    const std::string name(part.name);
    return std::string(part.word) + " n " + name + " [" + name + " ...]";
  }
  template <typename... Choices>
  static std::string OptionUsage(const OneOfPart<Choices...>& part) {
    std::string usage;
    std::apply(
        [&](const Choices&... choice) {
          ((usage += (usage.empty() ? "" : " | ") + OptionUsage(choice)), ...);
        },
        part.parts);
    return usage;
  }

  template <typename T>
  static void Document(const WordPart<A, T>& part, std::vector<ArgumentDoc>* all) {
    all->push_back(
        {std::string(part.name), part.is_key ? "key" : TypeName<T>(), "", false, false, {}});
  }
  template <typename T>
  static void Document(const MaybePart<A, T>& part, std::vector<ArgumentDoc>* all) {
    all->push_back({std::string(part.name),
                    TypeName<T>(),
                    "",
                    true,
                    std::is_same_v<T, Words> && !SpeaksForItself(part.name),
                    {}});
  }
  static void Document(const RestPart<A>& part, std::vector<ArgumentDoc>* all) {
    all->push_back({std::string(part.name),
                    part.are_keys && part.step == 1 ? "key" : "string",
                    "",
                    false,
                    true,
                    {}});
  }
  static void Document(const CountedPart<A>& part, std::vector<ArgumentDoc>* all) {
    all->push_back({std::string(part.count_name), "integer", "", false, false, {}});
    all->push_back(
        {std::string(part.name), part.step == 1 ? "key" : "string", "", false, true, {}});
  }
  template <typename T>
  static void Document(const FlagPart<A, T>& part, std::vector<ArgumentDoc>* all) {
    all->push_back({Lower(part.word), "pure-token", std::string(part.word), true, false, {}});
  }
  template <typename T>
  static void Document(const OptionPart<A, T>& part, std::vector<ArgumentDoc>* all) {
    all->push_back(
        {std::string(part.name), TypeName<T>(), std::string(part.word), true, false, {}});
  }
  static void Document(const SeveralPart<A>& part, std::vector<ArgumentDoc>* all) {
    all->push_back({Lower(part.word),
                    "block",
                    std::string(part.word),
                    true,
                    false,
                    {{"n", "integer", "", false, false, {}},
                     {std::string(part.name), "string", "", false, true, {}}}});
  }
  template <typename... Choices>
  static void Document(const OneOfPart<Choices...>& part, std::vector<ArgumentDoc>* all) {
    ArgumentDoc doc{"", "oneof", "", true, false, {}};
    std::apply([&](const Choices&... choice) { (Document(choice, &doc.parts), ...); }, part.parts);
    for (ArgumentDoc& choice : doc.parts) {
      choice.optional = false;
      doc.name += (doc.name.empty() ? "" : "-or-") + choice.name;
    }
    all->push_back(std::move(doc));
  }
  static std::string Lower(std::string_view word) {
    std::string lower;
    for (const char c : word) lower.push_back(AsciiLower(c));
    return lower;
  }

  Style style_;
  std::tuple<Parts...> parts_;
};

// The grammar of an AMPT command, and of a Redis one.
template <typename A, typename... Parts>
constexpr auto Ampt(Parts... parts) {
  return Grammar<A, Parts...>(Style::kAmpt, parts...);
}
template <typename A, typename... Parts>
constexpr auto Redis(Parts... parts) {
  return Grammar<A, Parts...>(Style::kRedis, parts...);
}

// --- tying a command together
// ---------------------------------------------------------------------

template <const auto& kGrammar, auto kRun>
void Execute(Context& context, Words words) {
  typename std::remove_cvref_t<decltype(kGrammar)>::Args args{};
  Status status = kGrammar.Parse(words, &args);
  if (status.ok()) status = kRun(context, args);
  if (!status.ok()) context.reply.Error(status);
}

// What a subcommand's words are behind: one word more than a grammar knows of.
constexpr int WordsBefore(const Spec& spec) {
  return spec.name.find('|') == std::string_view::npos ? 0 : 1;
}
constexpr int Shifted(int arity, int by) {
  return arity < 0 ? arity - by : arity + by;
}
constexpr KeyPositions Shifted(KeyPositions keys, int by) {
  if (keys.first == 0) return keys;
  return {keys.first + by, keys.last < 0 ? keys.last : keys.last + by, keys.step,
          keys.count_at == 0 ? 0 : keys.count_at + by};
}

template <const auto& kGrammar, auto kRun>
constexpr Command Define(Spec spec) {
  const int by = WordsBefore(spec);
  return {spec,
          {Shifted(kGrammar.Arity(), by), Shifted(kGrammar.Keys(), by),
           [] { return kGrammar.Usage(); }, [] { return kGrammar.Arguments(); }},
          &Execute<kGrammar, kRun>,
          {}};
}

// A command that is made of subcommands. `kSelf` is the Command being defined.
template <const Command& kSelf>
constexpr Command DefineContainer(Spec spec, std::span<const Command* const> subcommands) {
  return {spec,
          {-2,
           {},
           [] { return std::string(" subcommand [argument ...]"); },
           [] { return std::vector<ArgumentDoc>(); }},
          [](Context& context, Words words) { ExecuteSubcommand(context, words, kSelf); },
          subcommands};
}

}  // namespace ampt::grammar
