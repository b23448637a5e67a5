// Key expressions: what follows GET, GETBYLABEL, COUNT and REMOVERANGE.
//
//   simple          exact            ns:*        all of a namespace      ns:>x  ns:>=x  from x up
//   ns:name         exact            ns:pre*     by prefix               ns:<x  ns:<=x  up to x
//   *               every item       ns:a|b      from a to b, both included
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace ampt {

// A range of byte strings in memcmp order.
struct Range {
  std::string lower;  // "" with lower_inclusive = false: all but the empty string
  std::string upper;  // ignored unless has_upper
  bool lower_inclusive = true;
  bool upper_inclusive = false;
  bool has_upper = true;

  bool AboveLower(std::string_view text) const {
    const int c = text.compare(lower);
    return lower_inclusive ? c >= 0 : c > 0;
  }
  bool BelowUpper(std::string_view text) const {
    if (!has_upper) return true;
    const int c = text.compare(upper);
    return upper_inclusive ? c <= 0 : c < 0;
  }
  bool Contains(std::string_view text) const { return AboveLower(text) && BelowUpper(text); }
};

struct Expression {
  bool exact = false;       // then range is [key, key]
  bool everything = false;  // the expression `*`
  Range range;
};

// Errors, in the order in which they are looked for: those of CanonicalKey (the size limits hold
// for the whole expression, operators included), "Wildcards ('*') can only be used at the end of a
// key expression", "You must supply a key name after '>'" or "… before and after '|'", and "The
// BETWEEN operator requires upper bound to be greater than or equal to lower bound; …".
Result<Expression> ParseExpression(std::string_view raw);

enum class KeyForm : uint8_t {
  kExact,              // ParseExpression gives the key itself
  kQuery,              // it has an operator, a '|' or a '*' at the end (it may still be in error)
  kMisplacedWildcard,  // neither: it has a '*' elsewhere; only as a literal is it a key
};
// How ParseExpression reads the canonical `key`. Cost: one pass, no allocation: ask this first
// where most keys are exact.
KeyForm FormOf(std::string_view key);

// The least string that is greater than every string that starts with `prefix`; "" if there is
// none.
std::string PrefixSuccessor(std::string_view prefix);

// `lastKey` of a label page: key and label joined by '|', '\' and '|' written '\\' and '\|'.
std::string JoinLabelCursor(std::string_view key, std::string_view label);
// The reverse; error "Invalid key" for anything else. The parts are not trimmed.
struct LabelCursor {
  std::string key;
  std::string label;
};
Result<LabelCursor> SplitLabelCursor(std::string_view cursor);

// Where a page starts. `start` is taken byte for byte if it lies in the range, else read like a key
// (trimmed), and must then lie in the range, else "The provided starting key does not match the
// range key predicate".
Result<std::string> ResolveStart(std::string_view start, const Range& range);
// The same for a label page: the label must lie in the range.
Result<LabelCursor> ResolveLabelStart(std::string_view start, const Range& range);

}  // namespace ampt
