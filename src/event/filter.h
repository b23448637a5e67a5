// Filter: which events a consumer, or a subscription to `ampt:<filter>`, is about.
//
//   <event>                    every key
//   <event>:<key>              simple keys only
//   <event>:<namespace>:<key>  namespaced keys only
//
// <event> is created, updated, deleted or *. Each other part is exact, or a prefix where it ends in
// `*`; a `*` elsewhere is itself. The text is split at its first two colons and not trimmed, so the
// key part may hold colons.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "event/event.h"

namespace ampt {

class Filter {
 public:
  static constexpr size_t kMostBytes = 1024;

  // Errors: "Invalid event name: <event>", "Invalid event filter: …" (an empty part, a text over
  // kMostBytes).
  static Result<Filter> Parse(std::string_view text);

  // Cost: a comparison of one or two parts.
  bool Matches(EventName name, std::string_view key) const {
    return MatchesName(name) && MatchesKey(key);
  }
  bool MatchesName(EventName name) const { return (names_ >> static_cast<int>(name) & 1) != 0; }
  bool MatchesKey(std::string_view key) const;

  // As it was given.
  const std::string& text() const { return text_; }

 private:
  enum class Keys : uint8_t { kAll, kSimple, kNamespaced };
  // A part of the text: where it ends without its `*`.
  struct Part {
    uint16_t begin = 0;
    uint16_t size = 0;
    bool is_prefix = false;
  };
  static Part MakePart(size_t begin, std::string_view part);
  bool Fits(const Part& part, std::string_view text) const;

  std::string text_;
  uint8_t names_ = 0;  // bit n: EventName n
  Keys keys_ = Keys::kAll;
  Part first_;   // the simple key, or the namespace
  Part second_;  // the name behind the namespace
};

// Some filters of which any may match. Shared by whoever still needs the ones before a change.
class FilterSet {
 public:
  explicit FilterSet(std::vector<Filter> filters) : filters_(std::move(filters)) {}
  static Result<std::shared_ptr<const FilterSet>> Parse(const std::vector<std::string_view>& texts);

  // Cost: linear in the filters.
  bool Matches(EventName name, std::string_view key) const {
    for (const Filter& filter : filters_) {
      if (filter.Matches(name, key)) return true;
    }
    return false;
  }
  // Whether any event of that key may match.
  bool MatchesKey(std::string_view key) const {
    for (const Filter& filter : filters_) {
      if (filter.MatchesKey(key)) return true;
    }
    return false;
  }
  bool MatchesName(EventName name) const {
    for (const Filter& filter : filters_) {
      if (filter.MatchesName(name)) return true;
    }
    return false;
  }
  const std::vector<Filter>& filters() const { return filters_; }

 private:
  std::vector<Filter> filters_;
};

}  // namespace ampt
