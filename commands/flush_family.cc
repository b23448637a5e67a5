#include "commands/flush_family.h"

#include <memory>

namespace ampt {

void Flush(Context& context, Store& store) {
  if (store.items() == 0) return;
  // About a thousand items a step: some tens of microseconds.
  constexpr size_t kNodes = 16;
  auto detached = std::make_shared<DetachedItems>(store.Detach());
  context.host.FreeLater([detached] { return detached->FreeSome(kNodes); });
}

}  // namespace ampt
