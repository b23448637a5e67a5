// EXISTS and TOUCH: how many of the keys are there, however each is looked up. Many keys are looked
// up in slices between which other clients are served.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/limits.h"
#include "base/status.h"
#include "commands/context.h"
#include "commands/word_slices.h"

namespace ampt {

using LookUp = const Item* (Store::*)(std::string_view key, TimeMs now_ms) const;

template <LookUp kLookUp>
class CountKeysWork : public SlicedWork {
 public:
  static int64_t Count(const Store& store, Words keys, TimeMs now_ms) {
    int64_t found = 0;
    for (const std::string_view key : keys) found += (store.*kLookUp)(key, now_ms) != nullptr;
    return found;
  }

  CountKeysWork(const Store& store, Words keys) : store_(store), left_(keys) {}

  bool DoSome(TimeMs now_ms) override {
    found_ += Count(store_, TakeSlice(&left_, limits::kSliceKeys), now_ms);
    return left_.empty();
  }
  bool Answer(Reply& reply) override {
    reply.Integer(found_);
    return true;
  }
  bool keeps_words() const override { return true; }

 private:
  const Store& store_;
  Words left_;
  int64_t found_ = 0;
};

template <LookUp kLookUp>
Status CountKeys(Context& context, Words keys) {
  using Work = CountKeysWork<kLookUp>;
  if (keys.size() <= limits::kSliceKeys) {
    context.reply.Integer(Work::Count(context.store, keys, context.now_ms));
  } else {
    RunSliced(context, std::make_unique<Work>(context.store, keys));
  }
  return {};
}

}  // namespace ampt
