#include "commands/item_write.h"

#include "model/decimal.h"
#include "model/item_json.h"
#include "model/key.h"
#include "model/label.h"
#include "model/when.h"

namespace ampt {

namespace {

struct LabelChange {
  bool given = false;
  bool only_if_absent = false;
  std::string_view encoded;  // "" removes
};
using LabelChanges = std::array<LabelChange, limits::kLabels>;

Status ReadLabels(Context& context, const ItemWriteArgs& args, LabelChanges* changes,
                  bool* any_given) {
  const std::optional<std::string_view>* const plain[] = {&args.label1, &args.label2, &args.label3,
                                                          &args.label4, &args.label5};
  const std::optional<std::string_view>* const if_absent[] = {
      &args.label1_nx, &args.label2_nx, &args.label3_nx, &args.label4_nx, &args.label5_nx};
  for (size_t n = 0; n < limits::kLabels; ++n) {
    const bool nx = if_absent[n]->has_value();
    if (!nx && !plain[n]->has_value()) continue;
    const std::string_view text = nx ? **if_absent[n] : **plain[n];
    LabelChange& change = (*changes)[n];
    change.given = *any_given = true;
    change.only_if_absent = nx;
    if (text.empty() && !nx) continue;
    const Result<std::string_view> encoded = EncodedLabel(context, n, text);
    if (!encoded.ok()) return encoded.status();
    change.encoded = *encoded;
  }
  return {};
}

Status CreatedMismatch() {
  return Status::Coded("CREATED",
                       "The 'created' date integrity check failed. The dates must match.");
}

// The CREATED option: nullopt where it is absent or 0, however that is spelled; -1 where it can
// match no item.
Result<std::optional<int64_t>> ReadCreated(const std::optional<std::string_view>& word) {
  if (!word) return std::optional<int64_t>();
  if (!IsJsonNumber(*word)) return Status::Err("'created' value must be a number");
  const std::string_view digits = word->substr(0, word->find_first_of("eE"));
  if (digits.find_first_of("123456789") == std::string_view::npos) return std::optional<int64_t>();
  return std::optional<int64_t>(ParseInteger(*word).value_or(-1));
}

}  // namespace

Result<std::string_view> EncodedLabel(Context& context, size_t n, std::string_view text) {
  Result<std::string_view> canonical =
      CanonicalKey(text, KeyUse::kLabel, &context.scratch.labels[n]);
  if (!canonical.ok()) return canonical;
  return EncodeLabel(*canonical, &context.scratch.encoded_labels[n]);
}

void StoreOrExpire(KeyRef ref, const ItemState& state, TimeMs now_ms) {
  if (state.deadline_ms <= now_ms) {
    if (ref.exists()) ref.Erase(Origin::kExpired);
    return;
  }
  ref.Put(state);
}

Status WriteItem(Context& context, const ItemWriteArgs& args, Update update) {
  const Result<std::string_view> key = CanonicalKey(args.key, KeyUse::kWrite, &context.scratch.key);
  if (!key.ok()) return key.status();
  update.remove_nulls = args.remove_nulls;
  update.overwrite = args.overwrite;
  AMPT_RETURN_IF_ERROR(CheckUpdate(update));
  LabelChanges labels;
  bool labels_given = false;
  AMPT_RETURN_IF_ERROR(ReadLabels(context, args, &labels, &labels_given));
  const Result<std::optional<int64_t>> created = ReadCreated(args.created);
  if (!created.ok()) return created.status();
  std::optional<TimeMs> deadline_ms;
  if (args.ttl) {
    const Result<std::optional<TimeMs>> when = ParseWhen(*args.ttl, context.now_ms);
    if (!when.ok()) return when.status();
    deadline_ms = when->value_or(kNoDeadline);
  }

  KeyRef ref = context.store.Open(*key, context.now_ms);
  if (args.exists && *args.exists != ref.exists()) {
    return ref.exists() ? Status::Coded("EXISTS", "Item already exists")
                        : Status::Coded("NOTFOUND", "Item does not exist");
  }
  const bool check_created = args.overwrite && created->has_value();
  if (check_created && (!ref.exists() || ref.item().created_s() != **created)) {
    return CreatedMismatch();
  }
  ValueView stored;
  if (ref.exists()) stored = ref.item().value();
  const Result<ValueView> value = ApplyUpdate(ref.exists() ? &stored : nullptr, update,
                                              context.settings.json, &context.scratch.result);
  if (!value.ok()) return value.status();

  const bool replaces = args.overwrite || !ref.exists();
  const bool simple = !replaces && !labels_given && !deadline_ms;
  ItemState state;
  if (!simple || args.meta) {
    if (!replaces) state = ref.item().state();
    state.value = *value;
    state.created_s =
        ref.exists() && (!replaces || check_created) ? ref.item().created_s() : context.now_s();
    state.modified_s = context.now_s();
    if (deadline_ms) state.deadline_ms = *deadline_ms;
    for (size_t n = 0; labels_given && n < limits::kLabels; ++n) {
      const LabelChange& change = labels[n];
      if (!change.given || (change.only_if_absent && !state.labels[n].empty())) continue;
      state.labels[n] = change.encoded;
    }
  }
  if (args.quiet) {
    context.reply.Ok();
  } else {
    std::string* out = context.reply.OpenBulk();
    if (args.meta) {
      AppendItem(*key, state, out);
    } else {
      AppendJson(*value, out);
    }
    context.reply.CloseBulk();
  }
  if (simple) {
    ref.SetValue(*value, context.now_s());
  } else {
    StoreOrExpire(ref, state, context.now_ms);
  }
  return {};
}

}  // namespace ampt
