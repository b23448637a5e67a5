#include "commands/context.h"

namespace ampt {

void RunSliced(Context& context, std::unique_ptr<SlicedWork> work) {
  bool done = work->DoSome(context.now_ms);
  while (!done && context.to_the_end) done = work->DoSome(context.now_ms);
  if (done) {
    while (!work->Answer(context.reply)) {
    }
  } else {
    context.work = std::move(work);
  }
}

}  // namespace ampt
