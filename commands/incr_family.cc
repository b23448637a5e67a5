#include "commands/incr_family.h"

#include <optional>

#include "base/bytes.h"
#include "commands/string_write.h"
#include "commands/texts.h"

namespace ampt {

Status IncrementBy(Context& context, std::string_view key, int64_t by) {
  AMPT_RETURN_IF_ERROR(CheckRawKey(key));
  KeyRef ref = context.store.Open(key, context.now_ms);
  int64_t value = 0;
  if (ref.exists()) {
    const ValueView stored = ref.item().value();
    if (!stored.is_scalar()) return WrongType();
    const std::optional<int64_t> number = ParseInteger(stored.text);
    if (!number) return NotAnIntegerOrOutOfRange();
    value = *number;
  }
  if (__builtin_add_overflow(value, by, &value)) {
    return Status::Err("increment or decrement would overflow");
  }
  const IntegerText text(value);
  AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, text.view().size()));
  StoreChanged(ref, NumberValue(text), context.now_s());
  context.reply.Integer(value);
  return {};
}

}  // namespace ampt
