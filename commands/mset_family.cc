#include "commands/mset_family.h"

#include "commands/spec.h"
#include "commands/string_write.h"

namespace ampt {

Status CheckPairs(const Context& context, Words pairs, std::string_view command) {
  if (pairs.size() % 2 != 0) return WrongArity(command);
  for (size_t i = 0; i < pairs.size(); i += 2) {
    AMPT_RETURN_IF_ERROR(CheckRawKey(pairs[i]));
    AMPT_RETURN_IF_ERROR(CheckValueBytes(context.settings, pairs[i + 1].size()));
  }
  return {};
}

void SetPairs(Context& context, Words pairs) {
  for (size_t i = 0; i < pairs.size(); i += 2) {
    KeyRef ref = context.store.Open(pairs[i], context.now_ms);
    ref.Put(NewItem(StringValue(pairs[i + 1]), context.now_s()));
  }
}

}  // namespace ampt
