// FLUSHDB and FLUSHALL.
#pragma once

#include "commands/context.h"

namespace ampt {

// Empties a database at once; the host frees its items in slices, whatever there were, so that no
// client waits for that. No effect where there was nothing.
void Flush(Context& context, Store& store);

}  // namespace ampt
