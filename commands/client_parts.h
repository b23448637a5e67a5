// The parts of CLIENT that have files of their own.
#pragma once

#include "commands/spec.h"

namespace ampt {

// client_pause.cc
extern const Command kClientPause;
extern const Command kClientUnpause;
// client_tracking.cc
extern const Command kClientTracking;
extern const Command kClientTrackinginfo;
extern const Command kClientGetredir;
extern const Command kClientCaching;

}  // namespace ampt
