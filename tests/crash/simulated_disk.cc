#include "tests/crash/simulated_disk.h"

#include <algorithm>
#include <cstring>

namespace ampt {

namespace {
constexpr size_t kSector = 512;

void Overwrite(std::string* contents, uint64_t offset, std::string_view bytes) {
  const auto at = static_cast<size_t>(offset);
  if (contents->size() < at + bytes.size()) contents->resize(at + bytes.size(), '\0');
  if (!bytes.empty()) std::memcpy(contents->data() + at, bytes.data(), bytes.size());
}
}  // namespace

class SimulatedDisk::SimulatedFile : public File {
 public:
  SimulatedFile(SimulatedDisk& disk, std::string path, std::shared_ptr<Inode> inode, bool writable)
      : File(std::move(path)), disk_(disk), inode_(std::move(inode)), writable_(writable) {}

  Result<size_t> ReadAt(uint64_t offset, char* to, size_t bytes) override {
    if (auto error = disk_.Begin(false, "read", path())) return *error;
    const std::string& contents = inode_->cached;
    if (offset >= contents.size()) return size_t{0};
    const size_t count = std::min(bytes, contents.size() - static_cast<size_t>(offset));
    if (count > 0) std::memcpy(to, contents.data() + offset, count);
    return count;
  }

  Status WriteAt(uint64_t offset, std::string_view bytes) override {
    if (!writable_) return Status::Coded("EBADF", "cannot write " + path());
    if (auto error = disk_.Begin(true, "write", path())) {
      if (disk_.fault_ == Fault::kPartDone && !bytes.empty()) {
        Do({false, offset, std::string(bytes.substr(0, disk_.random_.Below(bytes.size())))});
      }
      return *error;
    }
    Do({false, offset, std::string(bytes)});
    return Status::Ok();
  }

  Status Sync() override {
    if (auto error = disk_.Begin(true, "sync", path())) {
      // Whatever was not on its way yet is forgotten, and no later sync brings it back.
      for (const Change& change : inode_->pending) {
        ApplySome(change, disk_.random_, &inode_->durable);
      }
      inode_->pending.clear();
      if (disk_.fault_ == Fault::kForgetful) inode_->cached = inode_->durable;
      return *error;
    }
    for (const Change& change : inode_->pending) Apply(change, &inode_->durable);
    inode_->pending.clear();
    return Status::Ok();
  }

  Status Truncate(uint64_t bytes) override {
    if (!writable_) return Status::Coded("EBADF", "cannot truncate " + path());
    if (auto error = disk_.Begin(true, "truncate", path())) return *error;
    Do({true, bytes, {}});
    return Status::Ok();
  }

  // It has room for everything until it is told to fail.
  void Reserve(uint64_t, uint64_t) override {}

  Result<uint64_t> Size() override {
    if (auto error = disk_.Begin(false, "stat", path())) return *error;
    return static_cast<uint64_t>(inode_->cached.size());
  }

 private:
  void Do(Change change) {
    Apply(change, &inode_->cached);
    inode_->pending.push_back(std::move(change));
  }

  SimulatedDisk& disk_;
  std::shared_ptr<Inode> inode_;
  bool writable_;
};

class SimulatedDisk::SimulatedLock : public FileLock {
 public:
  SimulatedLock(SimulatedDisk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}
  ~SimulatedLock() override { disk_.locks_.erase(path_); }

 private:
  SimulatedDisk& disk_;
  std::string path_;
};

void SimulatedDisk::FailAt(uint64_t operation, Fault fault, std::string code, uint64_t more) {
  fail_from_ = operation;
  fail_to_ = operation + more;
  fault_ = fault;
  fault_code_ = std::move(code);
}

std::optional<Status> SimulatedDisk::Begin(bool changes, const std::string& what,
                                           const std::string& path) {
  if (changes && before_operation_) before_operation_();
  const uint64_t operation = operations_++;
  if (operation < fail_from_ || operation > fail_to_) return std::nullopt;
  return Status::Coded(fault_code_, "cannot " + what + " " + path + ": simulated fault");
}

void SimulatedDisk::Apply(const Change& change, std::string* contents) {
  if (change.truncate) {
    contents->resize(static_cast<size_t>(change.offset), '\0');
  } else {
    Overwrite(contents, change.offset, change.bytes);
  }
}

void SimulatedDisk::ApplySome(const Change& change, Random& random, std::string* contents) {
  if (change.truncate) {
    if (random.OneIn(2)) Apply(change, contents);
    return;
  }
  const std::string_view bytes = change.bytes;
  switch (random.Below(6)) {
    case 0:  // nothing
      return;
    case 1:  // all
      Overwrite(contents, change.offset, bytes);
      return;
    case 2:  // a first part
      Overwrite(contents, change.offset, bytes.substr(0, random.Below(bytes.size() + 1)));
      return;
    case 3: {  // a last part
      const size_t from = random.Below(bytes.size() + 1);
      Overwrite(contents, change.offset + from, bytes.substr(from));
      return;
    }
    case 4: {  // the new size, and zeros
      const size_t size = static_cast<size_t>(change.offset) + bytes.size();
      if (contents->size() < size) contents->resize(size, '\0');
      return;
    }
    default:  // some sectors
      for (size_t at = 0; at < bytes.size();) {
        const size_t next =
            std::min<size_t>(bytes.size(), at + kSector - (change.offset + at) % kSector);
        if (random.OneIn(2)) Overwrite(contents, change.offset + at, bytes.substr(at, next - at));
        at = next;
      }
  }
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::Crash(uint64_t seed) const {
  Random random(seed);
  auto disk = std::make_unique<SimulatedDisk>(random.Next());
  auto names = durable_names_;
  const bool in_order = random.OneIn(2);
  size_t left = random.Below(pending_names_.size() + 1);
  for (const NameChange& change : pending_names_) {
    if (in_order ? left == 0 : random.OneIn(2)) {
      if (in_order) break;
      continue;
    }
    --left;
    if (!change.removed.empty()) names.erase(change.removed);
    if (!change.added.empty()) names[change.added] = change.inode;
  }
  // Two names may mean one file for a moment: then they have one content.
  std::map<const Inode*, std::shared_ptr<Inode>> copies;
  for (const auto& [name, inode] : names) {
    std::shared_ptr<Inode>& copy = copies[inode.get()];
    if (copy == nullptr) {
      copy = std::make_shared<Inode>();
      copy->durable = inode->durable;
      for (const Change& change : inode->pending) ApplySome(change, random, &copy->durable);
      copy->cached = copy->durable;
    }
    disk->names_[name] = copy;
  }
  disk->durable_names_ = disk->names_;
  return disk;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::Kill(uint64_t seed) const {
  auto disk = std::make_unique<SimulatedDisk>(seed);
  std::map<const Inode*, std::shared_ptr<Inode>> copies;
  const auto copy_of = [&](const std::shared_ptr<Inode>& inode) -> std::shared_ptr<Inode> {
    if (inode == nullptr) return nullptr;
    std::shared_ptr<Inode>& copy = copies[inode.get()];
    if (copy == nullptr) copy = std::make_shared<Inode>(*inode);
    return copy;
  };
  for (const auto& [name, inode] : names_) disk->names_[name] = copy_of(inode);
  for (const auto& [name, inode] : durable_names_) disk->durable_names_[name] = copy_of(inode);
  for (NameChange change : pending_names_) {
    change.inode = copy_of(change.inode);
    disk->pending_names_.push_back(std::move(change));
  }
  return disk;
}

void SimulatedDisk::AddName(NameChange change) {
  if (!change.removed.empty()) names_.erase(change.removed);
  if (!change.added.empty()) names_[change.added] = change.inode;
  pending_names_.push_back(std::move(change));
}

std::string SimulatedDisk::Contents(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? std::string() : found->second->cached;
}

void SimulatedDisk::SetContents(const std::string& path, std::string bytes) {
  auto inode = std::make_shared<Inode>();
  inode->cached = inode->durable = std::move(bytes);
  names_[path] = durable_names_[path] = inode;
}

std::vector<std::string> SimulatedDisk::Paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) paths.push_back(path);
  return paths;
}

Result<std::unique_ptr<File>> SimulatedDisk::Open(const std::string& path, OpenMode mode) {
  if (auto error = Begin(mode == OpenMode::kCreate, "open", path)) return *error;
  const auto found = names_.find(path);
  std::shared_ptr<Inode> inode = found == names_.end() ? nullptr : found->second;
  if (inode == nullptr) {
    if (mode != OpenMode::kCreate) {
      return Status::Coded("ENOENT", "cannot open " + path + ": No such file or directory");
    }
    inode = std::make_shared<Inode>();
    AddName({"", path, inode});
  } else if (mode == OpenMode::kCreate) {
    inode->cached.clear();
    inode->pending.push_back({true, 0, {}});
  }
  return std::unique_ptr<File>(
      std::make_unique<SimulatedFile>(*this, path, inode, mode != OpenMode::kRead));
}

Status SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  const auto error = Begin(true, "rename", to);
  if (error && fault_ != Fault::kPartDone) return *error;
  const auto found = names_.find(from);
  if (found == names_.end()) return Status::Coded("ENOENT", "cannot rename " + from);
  AddName({from, to, found->second});
  return error ? *error : Status::Ok();
}

Status SimulatedDisk::Remove(const std::string& path) {
  const auto error = Begin(true, "remove", path);
  if (error && fault_ != Fault::kPartDone) return *error;
  if (!names_.contains(path)) return Status::Coded("ENOENT", "cannot remove " + path);
  AddName({path, "", nullptr});
  return error ? *error : Status::Ok();
}

Result<std::vector<std::string>> SimulatedDisk::List(const std::string& directory) {
  if (auto error = Begin(false, "list", directory)) return *error;
  std::vector<std::string> names;
  const std::string prefix = JoinPath(directory, "");
  for (const auto& [path, inode] : names_) {
    if (path.starts_with(prefix)) names.push_back(path.substr(prefix.size()));
  }
  return names;
}

Status SimulatedDisk::SyncDirectory(const std::string& directory) {
  if (auto error = Begin(true, "sync directory", directory)) return *error;
  durable_names_ = names_;
  pending_names_.clear();
  return Status::Ok();
}

Result<std::unique_ptr<FileLock>> SimulatedDisk::Lock(const std::string& path) {
  if (auto error = Begin(false, "lock", path)) return *error;
  if (!locks_.insert(path).second) {
    return Status::Coded("LOCKED", path + " is locked by another process (pid 1)");
  }
  if (!names_.contains(path)) AddName({"", path, std::make_shared<Inode>()});
  return std::unique_ptr<FileLock>(std::make_unique<SimulatedLock>(*this, path));
}

}  // namespace ampt
