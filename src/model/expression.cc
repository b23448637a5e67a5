#include "model/expression.h"

#include "model/key.h"

namespace ampt {
namespace {

// The part of an operand that counts: without white space around it and without the first '*',
// which people write there out of habit (`>=2021*`).
std::string Operand(std::string_view text) {
  std::string operand(TrimEcma(text));
  if (const size_t star = operand.find('*'); star != std::string::npos) operand.erase(star, 1);
  return operand;
}

Expression Exactly(std::string_view key) {
  Expression expression;
  expression.exact = true;
  expression.range = {.lower = std::string(key),
                      .upper = std::string(key),
                      .lower_inclusive = true,
                      .upper_inclusive = true,
                      .has_upper = true};
  return expression;
}

Expression Everything() {
  Expression expression;
  expression.everything = true;
  expression.range.lower_inclusive = false;
  expression.range.has_upper = false;
  return expression;
}

Status MissingOperand(std::string_view op) {
  return Status::Err("You must supply a key name after '" + std::string(op) + "'");
}

}  // namespace

KeyForm FormOf(std::string_view key) {
  const size_t colon = key.find(':');
  if (colon == std::string_view::npos) return key == "*" ? KeyForm::kQuery : KeyForm::kExact;
  const std::string_view name = key.substr(colon + 1);
  if (name.starts_with('<') || name.starts_with('>')) return KeyForm::kQuery;
  if (name.find('|') != std::string_view::npos || name.ends_with('*')) return KeyForm::kQuery;
  if (name.find('*') == std::string_view::npos) return KeyForm::kExact;
  return KeyForm::kMisplacedWildcard;
}

Result<Expression> ParseExpression(std::string_view raw) {
  std::string scratch;
  const Result<std::string_view> canonical = CanonicalKey(raw, KeyUse::kRead, &scratch);
  if (!canonical.ok()) return canonical.status();
  const std::string_view text = *canonical;

  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return text == "*" ? Everything() : Exactly(text);
  const std::string space(text.substr(0, colon + 1));  // with the colon
  const std::string_view name = text.substr(colon + 1);

  const size_t star = name.find('*');
  if (star != std::string_view::npos && star + 1 != name.size()) {
    return Status::Err("Wildcards ('*') can only be used at the end of a key expression");
  }

  Expression expression;
  Range& range = expression.range;
  range.lower = space;
  range.upper = PrefixSuccessor(space);
  for (const std::string_view op : {"<=", "<", ">=", ">"}) {
    if (!name.starts_with(op)) continue;
    const std::string operand = Operand(name.substr(op.size()));
    if (operand.empty()) return MissingOperand(op);
    if (op.front() == '<') {
      range.upper = space + operand;
      range.upper_inclusive = op.size() == 2;
    } else {
      range.lower = space + operand;
      range.lower_inclusive = op.size() == 2;
    }
    return expression;
  }

  if (const size_t bar = name.find('|'); bar != std::string_view::npos) {
    const std::string_view rest = name.substr(bar + 1);
    const std::string from = Operand(name.substr(0, bar));
    const std::string to = Operand(rest.substr(0, rest.find('|')));
    if (from.empty() || to.empty()) {
      return Status::Err("You must supply a key name before and after '|'");
    }
    if (from > to) {
      return Status::Err(
          "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
          "swap the names around '|'");
    }
    range.lower = space + from;
    range.upper = space + to;
    range.upper_inclusive = true;
    return expression;
  }

  if (star == std::string_view::npos) return Exactly(text);
  range.lower = space + std::string(name.substr(0, star));
  range.upper = PrefixSuccessor(range.lower);
  return expression;
}

std::string PrefixSuccessor(std::string_view prefix) {
  std::string successor(prefix);
  while (!successor.empty() && static_cast<unsigned char>(successor.back()) == 0xFF) {
    successor.pop_back();
  }
  if (!successor.empty()) ++successor.back();
  return successor;
}

std::string JoinLabelCursor(std::string_view key, std::string_view label) {
  std::string cursor;
  cursor.reserve(key.size() + label.size() + 1);
  const auto append_escaped = [&cursor](std::string_view text) {
    for (const char c : text) {
      if (c == '\\' || c == '|') cursor.push_back('\\');
      cursor.push_back(c);
    }
  };
  append_escaped(key);
  cursor.push_back('|');
  append_escaped(label);
  return cursor;
}

Result<LabelCursor> SplitLabelCursor(std::string_view cursor) {
  LabelCursor parts;
  std::string* part = &parts.key;
  for (size_t i = 0; i < cursor.size(); ++i) {
    char c = cursor[i];
    if (c == '|') {
      if (part == &parts.label) return Status::Err("Invalid key");
      part = &parts.label;
      continue;
    }
    if (c == '\\') {
      if (++i == cursor.size()) return Status::Err("Invalid key");
      c = cursor[i];
      if (c != '\\' && c != '|') return Status::Err("Invalid key");
    }
    part->push_back(c);
  }
  if (parts.key.empty() || parts.label.empty()) return Status::Err("Invalid key");
  return parts;
}

namespace {

Status OutsideRange() {
  return Status::Err("The provided starting key does not match the range key predicate");
}

}  // namespace

Result<std::string> ResolveStart(std::string_view start, const Range& range) {
  if (range.Contains(start)) return std::string(start);
  std::string scratch;
  const Result<std::string_view> key = CanonicalKey(start, KeyUse::kRead, &scratch);
  if (!key.ok()) return key.status();
  if (!range.Contains(*key)) return OutsideRange();
  return std::string(*key);
}

Result<LabelCursor> ResolveLabelStart(std::string_view start, const Range& range) {
  Result<LabelCursor> cursor = SplitLabelCursor(start);
  if (!cursor.ok() || range.Contains(cursor->label)) return cursor;
  std::string scratch;
  const Result<std::string_view> key = CanonicalKey(cursor->key, KeyUse::kRead, &scratch);
  if (!key.ok()) return key.status();
  LabelCursor trimmed{.key = std::string(*key), .label = {}};
  const Result<std::string_view> label = CanonicalKey(cursor->label, KeyUse::kLabel, &scratch);
  if (!label.ok()) return label.status();
  if (!range.Contains(*label)) return OutsideRange();
  trimmed.label = *label;
  return trimmed;
}

}  // namespace ampt
