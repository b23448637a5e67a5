#include "commands/move_family.h"

#include <string>

namespace ampt {

ItemState StateAside(Context& context, const Item& item) {
  ItemState state = item.state();
  std::string& aside = context.scratch.value;
  aside.assign(state.value.text);
  for (const std::string_view label : state.labels) aside.append(label);
  // Only now, when the buffer grows no more.
  const std::string_view all = aside;
  size_t at = state.value.text.size();
  state.value.text = all.substr(0, at);
  for (std::string_view& label : state.labels) {
    label = all.substr(at, label.size());
    at += label.size();
  }
  return state;
}

void MoveItem(Context& context, std::string_view from, Store& target, std::string_view to) {
  KeyRef source = context.store.Open(from, context.now_ms);
  const ItemState state = StateAside(context, source.item());
  source.Erase(Origin::kMoved);
  target.Open(to, context.now_ms).Put(state, Origin::kMoved);
}

Result<Store*> DatabaseAt(Context& context, int64_t number) {
  if (number < 0 || static_cast<uint64_t>(number) >= context.databases.size()) {
    return Status::Err("DB index is out of range");
  }
  return &context.database(static_cast<int>(number));
}

Status SameObject() {
  return Status::Err("source and destination objects are the same");
}

}  // namespace ampt
