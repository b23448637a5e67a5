// DataDirectory: the lock, the manifest and the names of one server's data files.
//
// Blocking; made and used on worker threads, one call at a time, except where noted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/status.h"
#include "persistence/manifest.h"

namespace ampt {

class DataDirectory {
 public:
  // Locks the directory and reads its manifest; in one that was never used it makes an empty one.
  // `random` is the seed of ids and salts: unknown to clients, another one at every start.
  // `disk` outlives the directory. Errors: LOCKED where another server uses it; DAMAGED, VERSION or
  // FOREIGN with file and what to do; or the system's.
  static Result<std::unique_ptr<DataDirectory>> Open(Disk& disk, std::string path, uint64_t random);

  Disk& disk() const { return disk_; }
  const std::string& path() const { return path_; }
  std::string PathOf(std::string_view name) const { return JoinPath(path_, name); }
  std::string BasePath(uint64_t number) const { return PathOf(BaseName(number)); }
  std::string SegmentPath(uint64_t number) const { return PathOf(SegmentName(number)); }
  const Manifest& manifest() const { return manifest_; }

  // Makes the directory mean `next`: written aside, synced, renamed, the directory synced. Files
  // that only the manifest before named are removed then. REQUIRES: all files of `next` are
  // durable. On an error manifest() stays. It is known that the directory means that, too, unless
  // in_doubt(): then a crash may reveal either, so the files of both must stay as they are until a
  // later Commit succeeds (which also removes what it does not name of both).
  Status Commit(const Manifest& next);
  bool in_doubt() const { return in_doubt_; }

  // Removes a file that no manifest names; that it fails is of no importance.
  void Discard(const std::string& path);
  // Removes temporary files and those of this directory's own files that the manifest does not
  // name, as a crash leaves them. Whatever is not surely ours stays. REQUIRES: no other file of the
  // directory is open. Returns one line for each file that was removed or looks strange.
  std::vector<std::string> RemoveLeftovers();

  // A number that no file of the directory has had. From any thread.
  uint64_t TakeNumber() { return next_number_.fetch_add(1, std::memory_order_relaxed); }
  // The salt for the file of a number. From any thread.
  uint64_t SaltFor(uint64_t number) const;

 private:
  DataDirectory(Disk& disk, std::string path, uint64_t random)
      : disk_(disk), path_(std::move(path)), random_(random) {}
  Status Load();
  Status Replace(const Manifest& next, bool* renamed);

  Disk& disk_;
  std::string path_;
  uint64_t random_;
  std::unique_ptr<FileLock> lock_;
  Manifest manifest_;
  bool in_doubt_ = false;
  // Names of files that are to go with the next successful Commit, unless it names them.
  std::vector<std::string> condemned_;
  std::atomic<uint64_t> next_number_{1};
};

}  // namespace ampt
