#include "persistence/data_directory.h"

#include <algorithm>

#include "persistence/codec.h"

namespace ampt {

namespace {

constexpr size_t kMostManifestBytes = 1u << 20;

std::vector<std::string> NamesOf(const Manifest& manifest) {
  std::vector<std::string> names;
  if (manifest.base) names.push_back(BaseName(*manifest.base));
  for (const uint64_t segment : manifest.segments) names.push_back(SegmentName(segment));
  return names;
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::Open(Disk& disk, std::string path,
                                                           uint64_t random) {
  std::unique_ptr<DataDirectory> directory(new DataDirectory(disk, std::move(path), random));
  Result<std::unique_ptr<FileLock>> lock = disk.Lock(directory->PathOf(kLockName));
  if (!lock.ok()) {
    if (!lock.status().text().starts_with("LOCKED ")) return lock.status();
    return Status::Coded("LOCKED", "another server uses the directory " + directory->path() + ": " +
                                       lock.status().text().substr(7) +
                                       "; stop it, or give this one a `dir` of its own");
  }
  directory->lock_ = std::move(*lock);
  AMPT_RETURN_IF_ERROR(directory->Load());
  return directory;
}

Status DataDirectory::Load() {
  Result<std::vector<std::string>> names = disk_.List(path_);
  if (!names.ok()) return names.status();
  std::string data_file;
  for (const std::string& name : *names) {
    const NamedFile file = ReadName(name);
    if (file.role != FileRole::kBase && file.role != FileRole::kSegment) continue;
    data_file = name;
    if (file.number >= next_number_) next_number_ = file.number + 1;
  }
  const std::string path = PathOf(kManifestName);
  Result<std::unique_ptr<File>> file = disk_.Open(path, OpenMode::kRead);
  if (file.ok()) {
    Result<std::string> text = ReadWhole(**file, kMostManifestBytes);
    if (!text.ok()) return text.status();
    Result<Manifest> manifest = ParseManifest(*text);
    if (!manifest.ok()) {
      const std::string& why = manifest.status().text();
      const size_t code = why.find(' ');
      return Status::Coded(why.substr(0, code),
                           path + " at byte 0:" + why.substr(code) +
                               " (restore the file from a backup, or run ampt-check)");
    }
    manifest_ = std::move(*manifest);
    if (manifest_.base && *manifest_.base >= next_number_) next_number_ = *manifest_.base + 1;
    if (!manifest_.segments.empty() && manifest_.segments.back() >= next_number_) {
      next_number_ = manifest_.segments.back() + 1;
    }
    return Status::Ok();
  }
  if (!IsNotFound(file.status())) return file.status();
  if (!data_file.empty()) {
    return Status::Coded("DAMAGED", path + " is missing though there are data files such as " +
                                        data_file +
                                        ": restore it from a backup, or move the data files away "
                                        "to begin with nothing");
  }
  Manifest first;
  first.directory_id = Checksum("id", random_);
  return Commit(first);
}

uint64_t DataDirectory::SaltFor(uint64_t number) const {
  return Checksum({reinterpret_cast<const char*>(&number), sizeof number}, random_);
}

Status DataDirectory::Replace(const Manifest& next, bool* renamed) {
  *renamed = false;
  const std::string temp = PathOf(kManifestTempName);
  {
    Result<std::unique_ptr<File>> file = disk_.Open(temp, OpenMode::kCreate);
    if (!file.ok()) return file.status();
    AMPT_RETURN_IF_ERROR((*file)->WriteAt(0, FormatManifest(next)));
    AMPT_RETURN_IF_ERROR((*file)->Sync());
  }
  // From here on nobody can say which of the two a crash would reveal.
  *renamed = true;
  AMPT_RETURN_IF_ERROR(disk_.Rename(temp, PathOf(kManifestName)));
  return disk_.SyncDirectory(path_);
}

Status DataDirectory::Commit(const Manifest& next) {
  const std::vector<std::string> wanted = NamesOf(next);
  bool renamed = false;
  if (Status status = Replace(next, &renamed); !status.ok()) {
    if (renamed) {
      in_doubt_ = true;
      condemned_.insert(condemned_.end(), wanted.begin(), wanted.end());
    } else {
      Discard(PathOf(kManifestTempName));
    }
    return status;
  }
  in_doubt_ = false;
  const std::vector<std::string> before = NamesOf(manifest_);
  condemned_.insert(condemned_.end(), before.begin(), before.end());
  manifest_ = next;
  for (const std::string& name : condemned_) {
    if (!Contains(wanted, name)) Discard(PathOf(name));
  }
  condemned_.clear();
  return Status::Ok();
}

void DataDirectory::Discard(const std::string& path) {
  // What cannot be removed now is removed at the next start.
  [[maybe_unused]] const Status ignored = disk_.Remove(path);
}

std::vector<std::string> DataDirectory::RemoveLeftovers() {
  std::vector<std::string> lines;
  Result<std::vector<std::string>> names = disk_.List(path_);
  if (!names.ok()) return {names.status().text()};
  const std::vector<std::string> wanted = NamesOf(manifest_);
  for (const std::string& name : *names) {
    const NamedFile named = ReadName(name);
    const bool data = named.role == FileRole::kBase || named.role == FileRole::kSegment;
    if (named.role != FileRole::kTemp && (!data || Contains(wanted, name))) continue;
    const std::string path = PathOf(name);
    bool ours = true;
    if (data) {
      // The header tells whether it belongs here; a file that never got one holds nothing.
      Result<std::unique_ptr<File>> file = disk_.Open(path, OpenMode::kRead);
      char head[SnapshotHeader::kBytes] = {};
      Result<size_t> got = file.ok() ? (*file)->ReadAt(0, head, sizeof head) : file.status();
      if (!got.ok()) {
        lines.push_back(got.status().text());
        continue;
      }
      const std::string_view bytes(head, *got);
      SegmentHeader segment;
      SnapshotHeader base;
      const bool whole = named.role == FileRole::kSegment
                             ? ReadHeader(bytes.substr(0, SegmentHeader::kBytes), &segment).ok()
                             : ReadHeader(bytes, &base).ok();
      const uint64_t id =
          named.role == FileRole::kSegment ? segment.directory_id : base.directory_id;
      const bool blank =
          std::all_of(bytes.begin(), bytes.end(), [](char byte) { return byte == '\0'; });
      ours = whole ? id == manifest_.directory_id : blank;
    }
    if (!ours) {
      lines.push_back(path + " is not part of the data and was left alone");
    } else if (const Status removed = disk_.Remove(path); removed.ok()) {
      lines.push_back("removed " + path + ", left by a crash");
    } else {
      lines.push_back(removed.text());
    }
  }
  return lines;
}

}  // namespace ampt
