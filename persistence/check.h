// Checking data files without a server: what ampt-check does, as functions on any Disk.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"

namespace ampt {

struct CheckOptions {
  bool print = false;   // every effect, a line each
  bool repair = false;  // cut a file of the log in front of its first bad frame
};

// Receives lines without their ends.
using CheckOutput = std::function<void(std::string_view line)>;

enum class CheckResult : uint8_t {
  kGood,
  kTornTail,  // a server would cut the tail and start
  kBad,       // a server would refuse to start
};

// Checks one file, whose first bytes tell what it is: every byte of it, and every value. With
// `repair`, cuts off the bad end of a file of the log; the bytes go to a file beside it, its name
// with ".cut-<offset>" behind it, and the result is what the file was before. Reads a file of any
// size in little memory; no bytes crash it. An error: the file cannot be read, or not be repaired.
Result<CheckResult> CheckFile(Disk& disk, const std::string& path, const CheckOptions& options,
                              const CheckOutput& output);

// Checks the manifest of a data directory and all files it names, and that they go on where the one
// before ends. With `repair`, where a file of the log is cut in front of another, the manifest is
// changed to end with it, as what comes behind has lost its beginning.
// REQUIRES: no server uses the directory (an error, where one does).
Result<CheckResult> CheckDirectory(Disk& disk, const std::string& path, const CheckOptions& options,
                                   const CheckOutput& output);

}  // namespace ampt
