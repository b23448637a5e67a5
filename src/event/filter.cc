#include "event/filter.h"

namespace ampt {
namespace {

constexpr uint8_t kAllNames = 7;

// The bits of the events that a first part means; 0 if there is no such event.
uint8_t NamesOf(std::string_view text) {
  if (text == "*") return kAllNames;
  for (const EventName name : {EventName::kCreated, EventName::kUpdated, EventName::kDeleted}) {
    if (text == TextOf(name)) return static_cast<uint8_t>(1u << static_cast<int>(name));
  }
  return 0;
}

Status Invalid(std::string_view text, std::string_view what) {
  return Status::Err("Invalid event filter: " + std::string(text.substr(0, 128)) + ": " +
                     std::string(what));
}

}  // namespace

Filter::Part Filter::MakePart(size_t begin, std::string_view part) {
  const bool is_prefix = part.ends_with('*');
  return {static_cast<uint16_t>(begin), static_cast<uint16_t>(part.size() - (is_prefix ? 1 : 0)),
          is_prefix};
}

Result<Filter> Filter::Parse(std::string_view text) {
  constexpr size_t kNone = std::string_view::npos;
  if (text.size() > kMostBytes) return Invalid(text, "it is longer than 1024 bytes");
  const size_t colon = text.find(':');
  Filter filter;
  filter.names_ = NamesOf(text.substr(0, colon));
  if (filter.names_ == 0) {
    return Status::Err("Invalid event name: " + std::string(text.substr(0, colon)));
  }
  filter.text_ = text;
  if (colon == kNone) return filter;
  const size_t first = colon + 1;
  const size_t second_colon = text.find(':', first);
  const std::string_view first_part =
      text.substr(first, second_colon == kNone ? kNone : second_colon - first);
  if (first_part.empty()) return Invalid(text, "no part may be empty");
  filter.first_ = MakePart(first, first_part);
  filter.keys_ = Keys::kSimple;
  if (second_colon == kNone) return filter;
  const size_t second = second_colon + 1;
  if (second == text.size()) return Invalid(text, "no part may be empty");
  filter.second_ = MakePart(second, text.substr(second));
  filter.keys_ = Keys::kNamespaced;
  return filter;
}

bool Filter::Fits(const Part& part, std::string_view text) const {
  const std::string_view own = std::string_view(text_).substr(part.begin, part.size);
  return part.is_prefix ? text.starts_with(own) : text == own;
}

bool Filter::MatchesKey(std::string_view key) const {
  if (keys_ == Keys::kAll) return true;
  const size_t colon = key.find(':');
  const bool is_simple = colon == std::string_view::npos;
  if (is_simple != (keys_ == Keys::kSimple)) return false;
  if (is_simple) return Fits(first_, key);
  return Fits(first_, key.substr(0, colon)) && Fits(second_, key.substr(colon + 1));
}

Result<std::shared_ptr<const FilterSet>> FilterSet::Parse(
    const std::vector<std::string_view>& texts) {
  std::vector<Filter> filters;
  filters.reserve(texts.size());
  for (const std::string_view text : texts) {
    Result<Filter> filter = Filter::Parse(text);
    if (!filter.ok()) return filter.status();
    filters.push_back(std::move(*filter));
  }
  return std::make_shared<const FilterSet>(std::move(filters));
}

}  // namespace ampt
