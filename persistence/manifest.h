// Manifest: which files make up the data of a directory.
//
// A small text file that is only ever replaced as a whole (FORMAT.md shows one), so that at every
// moment, crashes included, the directory means exactly one set of files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace ampt {

struct Manifest {
  // Made by chance when the directory was first used; all files of the directory carry it.
  uint64_t directory_id = 0;
  // The snapshot to begin with; none: with nothing.
  std::optional<uint64_t> base;
  // Files of the log to replay behind it, in this order; ascending.
  std::vector<uint64_t> segments;

  bool operator==(const Manifest&) const = default;
};

std::string FormatManifest(const Manifest& manifest);
// Errors begin with FOREIGN, VERSION or DAMAGED and say what is wrong without saying where.
Result<Manifest> ParseManifest(std::string_view text);

// The names of files in a data directory. A temporary file is whatever else begins with "ampt-" and
// ends in ".temp".
inline constexpr std::string_view kManifestName = "ampt-manifest";
inline constexpr std::string_view kManifestTempName = "ampt-manifest.temp";
inline constexpr std::string_view kLockName = "ampt-lock";
std::string BaseName(uint64_t number);     // ampt-base-00000007.snapshot
std::string SegmentName(uint64_t number);  // ampt-log-00000008.log

enum class FileRole : uint8_t { kUnknown, kManifest, kLock, kBase, kSegment, kTemp };
struct NamedFile {
  FileRole role = FileRole::kUnknown;
  uint64_t number = 0;  // of a base or segment
};
NamedFile ReadName(std::string_view name);

}  // namespace ampt
