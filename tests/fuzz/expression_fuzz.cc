// Expressions against a matcher written from the contract's prose, and the promises of keys, label
// cursors and deadlines that hold for every input.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "model/expression.h"
#include "model/key.h"
#include "model/when.h"

namespace {

using ampt::KeyUse;

void Require(bool condition) {
  if (!condition) std::abort();
}

std::string WithoutFirstStar(std::string text) {
  if (const size_t star = text.find('*'); star != std::string::npos) text.erase(star, 1);
  return text;
}

// Does the well-formed canonical `expression` select `key`? Compares names, never whole keys, and
// knows nothing of ranges.
bool Selects(std::string_view expression, std::string_view key) {
  const size_t colon = expression.find(':');
  if (colon == std::string_view::npos) return expression == "*" ? !key.empty() : key == expression;
  if (key.substr(0, key.find(':')) != expression.substr(0, colon)) return false;
  if (key.find(':') == std::string_view::npos) return false;
  const std::string_view name = key.substr(key.find(':') + 1);
  const std::string_view pattern = expression.substr(colon + 1);

  const auto operand = [](std::string_view text) {
    return WithoutFirstStar(std::string(ampt::TrimEcma(text)));
  };
  if (pattern.starts_with("<=")) return name <= operand(pattern.substr(2));
  if (pattern.starts_with("<")) return name < operand(pattern.substr(1));
  if (pattern.starts_with(">=")) return name >= operand(pattern.substr(2));
  if (pattern.starts_with(">")) return name > operand(pattern.substr(1));
  if (const size_t bar = pattern.find('|'); bar != std::string_view::npos) {
    const std::string_view second = pattern.substr(bar + 1);
    return name >= operand(pattern.substr(0, bar)) &&
           name <= operand(second.substr(0, second.find('|')));
  }
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

// Keys on and beside the bounds, where mistakes are.
std::vector<std::string> Neighbours(const std::string& key) {
  std::vector<std::string> keys = {key, key + '\0', key + '\xFF', key + "a"};
  if (key.empty()) return keys;
  keys.push_back(key.substr(0, key.size() - 1));
  for (const int step : {-1, 1}) {
    keys.push_back(key);
    keys.back().back() = static_cast<char>(keys.back().back() + step);
  }
  return keys;
}

void CheckExpression(const std::string& raw, const std::string& candidate) {
  std::string scratch;
  const auto canonical = ampt::CanonicalKey(raw, KeyUse::kRead, &scratch);
  const auto expression = ampt::ParseExpression(raw);
  if (!canonical.ok()) {
    Require(!expression.ok());
    Require(canonical.status().text() == expression.status().text());
    return;
  }
  const ampt::KeyForm form = ampt::FormOf(*canonical);
  if (!expression.ok()) {
    Require(form != ampt::KeyForm::kExact);
    return;
  }
  Require(expression->exact == (form == ampt::KeyForm::kExact));
  const ampt::Range& range = expression->range;
  std::vector<std::string> keys = {candidate};
  for (const std::string& bound : {range.lower, range.upper, std::string(*canonical)}) {
    for (std::string& key : Neighbours(bound)) keys.push_back(std::move(key));
  }
  for (const std::string& key : keys) {
    Require(range.Contains(key) == Selects(*canonical, key));
    const auto start = ampt::ResolveStart(key, range);
    if (range.Contains(key)) Require(start.ok() && *start == key);
    if (start.ok()) Require(range.Contains(*start));
  }
}

void CheckKey(const std::string& raw) {
  for (const KeyUse use : {KeyUse::kWrite, KeyUse::kRead, KeyUse::kLabel}) {
    std::string scratch;
    const auto key = ampt::CanonicalKey(raw, use, &scratch);
    if (!key.ok()) continue;
    Require(!key->empty() && key->size() <= 513);
    std::string again_scratch;
    const auto again = ampt::CanonicalKey(*key, use, &again_scratch);
    Require(again.ok() && *again == *key);
    if (use == KeyUse::kWrite) Require(ampt::FormOf(*key) == ampt::KeyForm::kExact);
  }
}

void CheckCursor(const std::string& key, const std::string& label) {
  const auto parts = ampt::SplitLabelCursor(ampt::JoinLabelCursor(key, label));
  Require(parts.ok() == (!key.empty() && !label.empty()));
  if (parts.ok()) Require(parts->key == key && parts->label == label);
  if (const auto other = ampt::SplitLabelCursor(key); other.ok()) {
    Require(ampt::JoinLabelCursor(other->key, other->label) == key);
  }
}

void CheckWhen(const std::string& text, ampt::TimeMs any_time) {
  constexpr ampt::TimeMs kNow = 1'795'301'726'000;
  const auto when = ampt::ParseWhen(text, kNow);
  if (when.ok() && when->has_value()) {
    std::string shown;
    ampt::AppendIsoDate(**when, &shown);
    if (shown.size() == 24) {
      const auto again = ampt::ParseIsoDate(shown);
      Require(again.ok() && *again == **when);
    }
  }
  std::string shown;
  ampt::AppendIsoDate(any_time, &shown);
  Require(shown.size() >= 24 && shown.ends_with('Z'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  const auto any_time = input.ConsumeIntegral<ampt::TimeMs>();
  const std::string first = input.ConsumeRandomLengthString();
  const std::string second = input.ConsumeRemainingBytesAsString();
  CheckExpression(first, second);
  CheckKey(first);
  CheckCursor(first, second);
  CheckWhen(first, any_time);
  return 0;
}
