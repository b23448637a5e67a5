// Requests that nobody should send: bytes for a Crowd.
#pragma once

#include <cstdint>

#include "tools/bench/crowd.h"

namespace ampt::bench {

// Random bytes; one block in four begins as a command does.
Source Noise(uint64_t seed);

// Requests of all commands with words of all kinds, one in ten damaged: a byte changed, a piece cut
// out, doubled or cut off, a length replaced. At an end after some blocks. None of the commands
// that end a server, make it stand still, log others out or close their connections.
Source DamagedRequests(uint64_t seed);

}  // namespace ampt::bench
