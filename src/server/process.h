// The process around the server: its folder, its pid file, how many sockets it may have.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "server/log.h"
#include "server/settings.h"

namespace ampt {

// All bytes of a file, or why they cannot be had.
Result<std::string> ReadWholeFile(const std::string& path);
// Puts `text` in the place of a file, at once and for good: a crash leaves the old or the new one.
// A link stays one; who may read the old file may read the new one, a new one only its owner.
Status ReplaceFile(const std::string& path, std::string_view text);
// "conf/ampt.conf" as seen from the root.
std::string AbsolutePath(const std::string& path);

// Goes to `dir`.
Status EnterFolder(const std::string& dir);
// Raises the limit of open files to what `maxclients` needs; where the system refuses, lowers
// `maxclients` to what there is, and says so.
void MakeRoomForClients(Settings& settings, Log& log);

// The file that holds the process id while the server runs.
class PidFile {
 public:
  // Empty path: none. A file that cannot be written is a warning.
  PidFile(const std::string& path, Log& log);
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::string path_;
};

}  // namespace ampt
