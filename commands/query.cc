#include "commands/query.h"

#include "model/item_json.h"
#include "model/json.h"
#include "model/key.h"
#include "model/label.h"

namespace ampt {

namespace {

// How far ahead of the page items are asked for: their cache misses overlap.
constexpr int kPrefetchAhead = 16;

Result<int64_t> ReadLimit(const std::optional<std::string_view>& word) {
  if (!word) return limits::kPageItemsDefault;
  const std::optional<int64_t> limit = ParseInteger(*word);
  if (!limit || *limit < 1 || *limit > limits::kPageItemsMax) {
    return Status::Err("'limit' must be between 1 and 1000");
  }
  return *limit;
}

template <typename Index, typename Order>
class Page {
 public:
  Page(const Index& index, Order order, const Stretch& stretch, bool reverse, TimeMs now_ms)
      : order_(order), stretch_(stretch), reverse_(reverse), now_ms_(now_ms) {
    if (!reverse) {
      at_ = index.Seek(stretch.begin);
    } else {
      at_ = stretch.has_end ? index.SeekBefore(stretch.end) : index.Last();
    }
    at_.PrefetchFirst(reverse_ ? -kPrefetchAhead : kPrefetchAhead);
    SkipInvisible();
  }

  bool Valid() const { return at_.Valid(); }
  const Item& item() const { return *at_.item(); }
  void Next() {
    Step();
    SkipInvisible();
  }

 private:
  void Step() {
    if (reverse_) {
      at_.Prev();
    } else {
      at_.Next();
    }
  }
  // Moves on to an item that is visible and in the stretch, or to the end.
  void SkipInvisible() {
    while (at_.Valid()) {
      at_.Prefetch(reverse_ ? -kPrefetchAhead : kPrefetchAhead);
      const Item& item = *at_.item();
      const auto& text = order_.TextOf(item);
      const bool inside = reverse_ ? text.Compare(stretch_.begin, 0) >= 0
                                   : !stretch_.has_end || text.Compare(stretch_.end, 0) < 0;
      if (!inside) {
        at_ = {};
        return;
      }
      if (item.IsVisible(now_ms_)) return;
      Step();
    }
  }

  Order order_;
  const Stretch& stretch_;
  bool reverse_;
  TimeMs now_ms_;
  typename Index::Cursor at_;
};

template <typename Index, typename Order>
void AnswerPage(Context& context, const Index& index, Order order, const Stretch& stretch,
                const Query& query, int64_t limit) {
  Page<Index, Order> page(index, order, stretch, query.reverse, context.now_ms);
  std::string* out = context.reply.OpenBulk();
  out->append("{\"items\":[");
  size_t value_bytes = 0;
  const Item* last = nullptr;
  for (; page.Valid(); page.Next()) {
    if (limit == 0 || value_bytes >= limits::kPageValueBytes) {
      out->append("],\"lastKey\":");
      if (query.label) {
        std::string scratch;
        const std::string_view label = DecodeLabel(last->label(*query.label), &scratch);
        AppendJsonKey(JoinLabelCursor(last->key(), label), out);
      } else {
        AppendJsonKey(last->key(), out);
      }
      out->append("}");
      context.reply.CloseBulk();
      return;
    }
    last = &page.item();
    if (out->back() != '[') out->append(",");
    value_bytes += AppendElement(*last, query.meta, out);
    --limit;
  }
  out->append("]}");
  context.reply.CloseBulk();
}

Status AnswerExact(Context& context, const Query& query, std::string_view key) {
  // `start` is exclusive: it leaves nothing of a single key.
  const Item* item =
      query.start && !query.start->empty() ? nullptr : context.store.Find(key, context.now_ms);
  if (item == nullptr) {
    context.reply.Null();
    return {};
  }
  if (!query.meta && item->value().type != ValueType::kString) {
    context.reply.Bulk(item->value().text);  // JSON as it stands
    return {};
  }
  std::string* out = context.reply.OpenBulk();
  if (query.meta) {
    AppendItem(item->key(), item->state(), out);
  } else {
    AppendJson(item->value(), out);
  }
  context.reply.CloseBulk();
  return {};
}

}  // namespace

Stretch KeyStretch(const Range& range) {
  Stretch stretch{range.lower, range.upper, range.has_upper};
  if (!range.lower_inclusive) stretch.begin.push_back('\0');
  if (range.has_upper && range.upper_inclusive) stretch.end.push_back('\0');
  return stretch;
}

Stretch LabelStretch(const Range& range) {
  // Behind an encoded label comes a zero byte and the key; 0x01 is above all of these and below
  // whatever a longer label goes on with.
  const Range encoded = EncodeLabelRange(range);
  Stretch stretch{encoded.lower, encoded.upper, encoded.has_upper};
  if (!range.lower_inclusive) stretch.begin.push_back('\x01');
  if (range.has_upper && range.upper_inclusive) stretch.end.push_back('\x01');
  return stretch;
}

std::string LabelText(std::string_view encoded_label, std::string_view key) {
  std::string text(encoded_label);
  text.append(1, '\0').append(key);
  return text;
}

Result<int> LabelNumber(std::string_view word) {
  const bool named = word.size() == 6 && EqualsIgnoreCase(word.substr(0, 5), "label");
  const char digit = named ? word[5] : word.size() == 1 ? word[0] : '0';
  if (digit < '1' || digit > '5') {
    return Status::Err("Labels must be specified as 'label1' through 'label5'.");
  }
  return digit - '1';
}

Result<Target> ReadTarget(std::string_view expression,
                          const std::optional<std::string_view>& label) {
  Target target;
  if (label) {
    const Result<int> number = LabelNumber(*label);
    if (!number.ok()) return number.status();
    target.label = *number;
  }
  const Result<Expression> parsed = ParseExpression(expression);
  if (!parsed.ok()) return parsed.status();
  target.stretch = target.label ? LabelStretch(parsed->range) : KeyStretch(parsed->range);
  return target;
}

Status AnswerQuery(Context& context, const Query& query) {
  if (!query.label && !query.limit && !query.start) {
    // The hot path: most keys are told from a query by their bytes alone, other exact keys by their
    // form, without parsing one.
    if (IsPlainKey(query.expression)) return AnswerExact(context, query, query.expression);
    const Result<std::string_view> key =
        CanonicalKey(query.expression, KeyUse::kRead, &context.scratch.key);
    if (key.ok() && FormOf(*key) == KeyForm::kExact) return AnswerExact(context, query, *key);
  }
  const Result<Expression> parsed = ParseExpression(query.expression);
  // The limit is complained of before the parts of an expression, a key before the limit.
  const Result<int64_t> limit = ReadLimit(query.limit);
  if (!parsed.ok()) {
    const bool key_first = parsed.status().text().starts_with("ERR Invalid key");
    return key_first || limit.ok() ? parsed.status() : limit.status();
  }
  if (!limit.ok()) return limit.status();
  const Range& range = parsed->range;
  const bool has_start = query.start && !query.start->empty();
  if (query.label) {
    Stretch stretch = LabelStretch(range);
    if (has_start) {
      const Result<LabelCursor> start = ResolveLabelStart(*query.start, range);
      if (!start.ok()) return start.status();
      std::string scratch;
      std::string text = LabelText(EncodeLabel(start->label, &scratch), start->key);
      if (query.reverse) {
        stretch.end = std::move(text);
        stretch.has_end = true;
      } else {
        text.push_back('\0');
        stretch.begin = std::move(text);
      }
    }
    AnswerPage(context, context.store.by_label(*query.label), ByLabel{*query.label}, stretch, query,
               *limit);
    return {};
  }
  std::string start;
  if (has_start) {
    Result<std::string> resolved = ResolveStart(*query.start, range);
    if (!resolved.ok()) return resolved.status();
    start = std::move(*resolved);
  }
  if (parsed->exact) return AnswerExact(context, query, range.lower);
  Stretch stretch = KeyStretch(range);
  if (has_start) {
    if (query.reverse) {
      stretch.end = std::move(start);
      stretch.has_end = true;
    } else {
      start.push_back('\0');
      stretch.begin = std::move(start);
    }
  }
  AnswerPage(context, context.store.by_key(), ByKey(), stretch, query, *limit);
  return {};
}

}  // namespace ampt
