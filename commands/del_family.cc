#include "commands/del_family.h"

namespace ampt {

int64_t DeleteKeys(Context& context, Words keys) {
  int64_t deleted = 0;
  for (const std::string_view key : keys) {
    KeyRef ref = context.store.Open(key, context.now_ms);
    if (!ref.exists()) continue;
    ref.Erase();
    ++deleted;
  }
  return deleted;
}

}  // namespace ampt
