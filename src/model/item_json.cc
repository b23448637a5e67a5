#include "model/item_json.h"

#include "model/json.h"
#include "model/label.h"
#include "model/when.h"

namespace ampt {

namespace {

size_t AppendKeyAndValue(std::string_view key, const ValueView& value, std::string* out) {
  out->append("{\"key\":");
  AppendJsonKey(key, out);
  out->append(",\"value\":");
  const size_t before = out->size();
  AppendJson(value, out);
  return out->size() - before;
}

void AppendMeta(const ItemState& state, std::string* out) {
  out->append(",\"created\":\"");
  AppendIsoDate(TimeMs{state.created_s} * 1000, out);
  out->append("\",\"modified\":\"");
  AppendIsoDate(TimeMs{state.modified_s} * 1000, out);
  out->append("\"");
  std::string scratch;
  for (size_t n = 0; n < limits::kLabels; ++n) {
    if (state.labels[n].empty()) continue;
    out->append(",\"label").append(1, static_cast<char>('1' + n)).append("\":");
    AppendJsonKey(DecodeLabel(state.labels[n], &scratch), out);
  }
  if (state.deadline_ms != kNoDeadline) {
    out->append(",\"ttl\":\"");
    AppendIsoDate(state.deadline_ms, out);
    out->append("\"");
  }
}

}  // namespace

void AppendItem(std::string_view key, const ItemState& state, std::string* out) {
  AppendKeyAndValue(key, state.value, out);
  AppendMeta(state, out);
  out->append("}");
}

size_t AppendElement(std::string_view key, const ItemState& state, bool meta, std::string* out) {
  const size_t value_bytes = AppendKeyAndValue(key, state.value, out);
  if (meta) AppendMeta(state, out);
  out->append("}");
  return value_bytes;
}

size_t AppendElement(const Item& item, bool meta, std::string* out) {
  const size_t value_bytes = AppendKeyAndValue(item.key(), item.value(), out);
  if (meta) AppendMeta(item.state(), out);
  out->append("}");
  return value_bytes;
}

}  // namespace ampt
