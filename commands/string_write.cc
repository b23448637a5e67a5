#include "commands/string_write.h"

#include <string>

#include "commands/texts.h"

namespace ampt {

Status CheckRawKey(std::string_view key) {
  if (key.size() <= limits::kRawKeyBytes) [[likely]]
    return {};
  return Status::Err("key of " + std::to_string(key.size()) + " bytes is longer than " +
                     std::to_string(limits::kRawKeyBytes) + " bytes");
}

Status CheckValueBytes(const ModelSettings& settings, uint64_t bytes) {
  if (bytes <= settings.json.max_bytes) [[likely]]
    return {};
  return JsonTooLarge("value", settings.json);
}

Status CheckLengthenedBytes(const ModelSettings& settings, uint64_t bytes) {
  if (bytes > settings.max_bulk_bytes) return StringTooLong();
  return CheckValueBytes(settings, bytes);
}

void StoreChanged(KeyRef& ref, const ValueView& value, uint32_t now_s) {
  if (ref.exists()) {
    ref.SetValue(value, now_s);
  } else {
    ref.Put(NewItem(value, now_s));
  }
}

Status AnswerText(Reply& reply, const Item* item) {
  if (item == nullptr) {
    reply.Null();
    return {};
  }
  const ValueView value = item->value();
  if (!value.is_scalar()) return WrongType();
  reply.Bulk(value.text);
  return {};
}

}  // namespace ampt
