// Queries: from an expression to positions in an index, and pages of what lies there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "commands/context.h"
#include "model/expression.h"

namespace ampt {

// The stretch of an ordered index that a range covers: from `begin` up to, not including, `end`.
// Both are texts of the index (a key; or an encoded label, a zero byte and a key).
struct Stretch {
  std::string begin;
  std::string end;
  bool has_end = true;
};
Stretch KeyStretch(const Range& range);
Stretch LabelStretch(const Range& range);
// The text of an item in a label's index.
std::string LabelText(std::string_view encoded_label, std::string_view key);

// 0 to 4 for label1 to label5 or 1 to 5. Error: "Labels must be specified as 'label1' through
// 'label5'."
Result<int> LabelNumber(std::string_view word);

// What COUNT and REMOVERANGE work on: a stretch of the key index, or of a label's.
struct Target {
  Stretch stretch;
  std::optional<int> label;  // 0 to 4
};
Result<Target> ReadTarget(std::string_view expression,
                          const std::optional<std::string_view>& label);

struct Query {
  std::string_view expression;
  bool meta = false;
  bool reverse = false;
  std::optional<std::string_view> limit;
  std::optional<std::string_view> start;
  std::optional<int> label;  // 0 to 4
};

// Answers a query: an item or null for an exact key, else a page.
// Cost: O(log n) and what is shown; a page ends at limits::kPageValueBytes.
Status AnswerQuery(Context& context, const Query& query);

}  // namespace ampt
