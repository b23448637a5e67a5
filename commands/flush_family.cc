#include "commands/flush_family.h"

#include <memory>
#include <optional>
#include <utility>

namespace ampt {

void Flush(Context& context, Store& store) {
  if (store.items() == 0) return;
  // About a thousand items a step: some tens of microseconds.
  constexpr size_t kNodes = 16;
  // Where somebody listens, the items are yet to become events.
  std::optional<DetachedItems> left = context.events.TakeFlushed(store.database(), store.Detach());
  if (!left) return;
  auto detached = std::make_shared<DetachedItems>(std::move(*left));
  const size_t bytes = detached->EstimateBytes() + detached->index_bytes();
  context.host.FreeLater(bytes, [detached] { return detached->FreeSome(kNodes); });
}

}  // namespace ampt
