#include "persistence/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

#include "model/json.h"
#include "model/label.h"
#include "model/record.h"
#include "persistence/codec.h"
#include "persistence/data_directory.h"
#include "persistence/log_reader.h"
#include "persistence/snapshot.h"

namespace ampt {

namespace {

// Prints effects and checks what loading does not: every byte of every value.
class CheckSink : public EffectSink {
 public:
  CheckSink(const CheckOptions& options, const CheckOutput& output)
      : options_(options), output_(output) {}

  uint64_t puts = 0;
  uint64_t deletes = 0;
  uint64_t flushes = 0;
  uint64_t others = 0;
  uint64_t bad_values = 0;

  Status Put(int database, std::string_view key, const ItemState& state) override {
    ++puts;
    if (const Status value = CheckValue(state.value); !value.ok()) {
      ++bad_values;
      output_(fmt::format("  bad value of {}: {}", Quoted(key), value.text()));
    }
    if (!options_.print) return Status::Ok();
    std::string line = fmt::format("  put {} {} created {} modified {}", database, Quoted(key),
                                   state.created_s, state.modified_s);
    if (state.deadline_ms != kNoDeadline) line += fmt::format(" deadline {}", state.deadline_ms);
    for (size_t n = 0; n < limits::kLabels; ++n) {
      if (state.labels[n].empty()) continue;
      std::string scratch;
      line += fmt::format(" label{} {}", n + 1, Quoted(DecodeLabel(state.labels[n], &scratch)));
    }
    line += " value ";
    AppendJson(state.value, &line);
    output_(line);
    return Status::Ok();
  }
  Status Delete(int database, std::string_view key, DeleteReason reason) override {
    ++deletes;
    if (options_.print) {
      constexpr std::string_view kReasons[] = {"removed", "expired", "evicted"};
      output_(fmt::format("  delete {} {} {}", database, Quoted(key),
                          kReasons[static_cast<size_t>(reason)]));
    }
    return Status::Ok();
  }
  Status Flush(int database) override {
    ++flushes;
    if (options_.print) output_(fmt::format("  flush {}", database));
    return Status::Ok();
  }
  Status Other(int database, uint32_t kind, std::string_view bytes) override {
    ++others;
    if (options_.print) {
      output_(fmt::format("  other {} kind {} of {} bytes", database, kind, bytes.size()));
    }
    return Status::Ok();
  }

  std::string Summary() const {
    return fmt::format("{} puts, {} deletes, {} flushes, {} others", puts, deletes, flushes,
                       others);
  }

 private:
  static std::string Quoted(std::string_view key) {
    std::string text;
    AppendJsonKey(key, &text);
    return text;
  }

  const CheckOptions& options_;
  const CheckOutput& output_;
};

// What a directory wants to know of a file.
struct Facts {
  CheckResult result = CheckResult::kGood;
  uint64_t directory_id = 0;
  uint64_t number = 0;
  uint64_t first_sequence = 0;  // of a file of the log
  uint64_t next_sequence = 0;
  uint64_t cut_offset = 0;  // where its bad end begins; 0: it has none
};

// Moves the end of a file to one beside it.
Status Cut(Disk& disk, const std::string& path, uint64_t offset, const CheckOutput& output) {
  Result<std::unique_ptr<File>> file = disk.Open(path, OpenMode::kReadWrite);
  if (!file.ok()) return file.status();
  const std::string aside = fmt::format("{}.cut-{}", path, offset);
  Result<std::unique_ptr<File>> kept = disk.Open(aside, OpenMode::kCreate);
  if (!kept.ok()) return kept.status();
  std::string bytes(1u << 20, '\0');
  uint64_t copied = 0;
  while (true) {
    const Result<size_t> got = (*file)->ReadAt(offset + copied, bytes.data(), bytes.size());
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    AMPT_RETURN_IF_ERROR((*kept)->WriteAt(copied, std::string_view(bytes).substr(0, *got)));
    copied += *got;
  }
  AMPT_RETURN_IF_ERROR((*kept)->Sync());
  AMPT_RETURN_IF_ERROR((*file)->Truncate(offset));
  AMPT_RETURN_IF_ERROR((*file)->Sync());
  output(fmt::format("{}: cut at byte {}; the {} bytes behind it are now in {}", path, offset,
                     copied, aside));
  return Status::Ok();
}

Result<Facts> CheckSegment(File& file, const CheckOptions& options, const CheckOutput& output) {
  Facts facts;
  LogReader reader(file);
  if (const Status status = reader.Open(); !status.ok()) {
    output(status.text());
    facts.result = CheckResult::kBad;
    return facts;
  }
  facts.directory_id = reader.header().directory_id;
  facts.number = reader.header().number;
  facts.first_sequence = reader.header().first_sequence;
  CheckSink sink(options, output);
  LogReader::Frame frame;
  uint64_t frames = 0;
  std::string reason;
  while (true) {
    const uint64_t offset = reader.offset();
    const Result<LogReader::Outcome> outcome = reader.Next(&frame);
    if (!outcome.ok()) return outcome.status();
    if (*outcome == LogReader::Outcome::kEnd) break;
    if (*outcome == LogReader::Outcome::kBad) {
      const Result<LogReader::Tail> tail = reader.ReadTail();
      if (!tail.ok()) return tail.status();
      facts.result = tail->damage ? CheckResult::kBad : CheckResult::kTornTail;
      facts.cut_offset = offset;
      reason = fmt::format("{} ({}; {} frame headers behind it)", reader.reason(),
                           tail->damage ? "damage: this was synced" : "a torn tail", tail->frames);
      break;
    }
    if (options.print) {
      output(fmt::format("frame {} at byte {}: {} effects, {} bytes, synced to {}",
                         frame.header.sequence, offset, frame.header.effects,
                         frame.header.payload_bytes, frame.header.synced_offset));
    }
    if (const Status status = ReadEffects(frame.payload, frame.header.effects, sink);
        !status.ok()) {
      facts.result = CheckResult::kBad;
      facts.cut_offset = offset;
      reason = status.text().substr(4);
      break;
    }
    ++frames;
    facts.next_sequence = reader.next_sequence();
  }
  if (frames == 0) facts.next_sequence = facts.first_sequence;
  output(fmt::format("{}: log {} of directory {:016x}, frames {} to {}: {}", file.path(),
                     facts.number, facts.directory_id, facts.first_sequence,
                     facts.next_sequence - 1, sink.Summary()));
  if (facts.result != CheckResult::kGood) {
    output(fmt::format("{} at byte {} of {}: {}", file.path(), facts.cut_offset,
                       reader.file_bytes(), reason));
  } else if (sink.bad_values > 0) {
    facts.result = CheckResult::kBad;
  }
  return facts;
}

Result<Facts> CheckSnapshot(File& file, const CheckOptions& options, const CheckOutput& output) {
  Facts facts;
  CheckSink sink(options, output);
  const Result<SnapshotFacts> read = ReadSnapshot(file, sink, ReadProgress());
  if (!read.ok()) {
    const std::string& text = read.status().text();
    const bool content = text.starts_with("DAMAGED ") || text.starts_with("FOREIGN ") ||
                         text.starts_with("VERSION ");
    if (!content) return read.status();
    output(text);
    output(fmt::format("{}: until there {}", file.path(), sink.Summary()));
    facts.result = CheckResult::kBad;
    return facts;
  }
  facts.directory_id = read->header.directory_id;
  facts.number = read->header.number;
  facts.next_sequence = read->header.sequence + 1;
  output(fmt::format("{}: snapshot {} of directory {:016x}, up to frame {}, made at {} ms: {}",
                     file.path(), facts.number, facts.directory_id, read->header.sequence,
                     read->header.created_ms, sink.Summary()));
  if (sink.bad_values > 0) facts.result = CheckResult::kBad;
  return facts;
}

Result<Facts> CheckOne(Disk& disk, const std::string& path, const CheckOptions& options,
                       const CheckOutput& output) {
  Result<std::unique_ptr<File>> file = disk.Open(path, OpenMode::kRead);
  if (!file.ok()) return file.status();
  char magic[8] = {};
  const Result<size_t> got = (*file)->ReadAt(0, magic, sizeof magic);
  if (!got.ok()) return got.status();
  const std::string_view start(magic, *got);
  if (start == "AMPTSNP\n") return CheckSnapshot(**file, options, output);
  if (start == "ampt-man") {
    const Result<std::string> text = ReadWhole(**file, 1u << 20);
    if (!text.ok()) return text.status();
    const Result<Manifest> manifest = ParseManifest(*text);
    output(path + ": " + (manifest.ok() ? "a good manifest" : manifest.status().text()));
    Facts facts;
    if (!manifest.ok()) facts.result = CheckResult::kBad;
    return facts;
  }
  Result<Facts> facts = CheckSegment(**file, options, output);
  if (facts.ok() && facts->cut_offset > 0 && options.repair) {
    AMPT_RETURN_IF_ERROR(Cut(disk, path, facts->cut_offset, output));
  }
  return facts;
}

}  // namespace

Result<CheckResult> CheckFile(Disk& disk, const std::string& path, const CheckOptions& options,
                              const CheckOutput& output) {
  const Result<Facts> facts = CheckOne(disk, path, options, output);
  if (!facts.ok()) return facts.status();
  return facts->result;
}

Result<CheckResult> CheckDirectory(Disk& disk, const std::string& path, const CheckOptions& options,
                                   const CheckOutput& output) {
  // Opening would make a manifest where there is none; a checker leaves things as they are.
  if (Result<std::unique_ptr<File>> file =
          disk.Open(JoinPath(path, kManifestName), OpenMode::kRead);
      !file.ok()) {
    return file.status();
  }
  Result<std::unique_ptr<DataDirectory>> directory = DataDirectory::Open(disk, path, 0);
  if (!directory.ok()) {
    const std::string& text = directory.status().text();
    if (!text.starts_with("DAMAGED ") && !text.starts_with("VERSION ") &&
        !text.starts_with("FOREIGN ")) {
      return directory.status();
    }
    output(text);
    return CheckResult::kBad;
  }
  const Manifest manifest = (*directory)->manifest();
  output(fmt::format("{}: directory {:016x}, {} and {} files of the log", path,
                     manifest.directory_id, manifest.base ? "a snapshot" : "no snapshot",
                     manifest.segments.size()));
  CheckResult worst = CheckResult::kGood;
  uint64_t next_sequence = 1;
  const auto take = [&](const Facts& facts, uint64_t number, const std::string& file) {
    if (facts.result == CheckResult::kBad) worst = CheckResult::kBad;
    if (facts.next_sequence == 0) return;
    if (facts.directory_id != manifest.directory_id || facts.number != number) {
      output(file + ": it was made for another directory or name");
      worst = CheckResult::kBad;
    }
  };
  if (manifest.base) {
    const std::string file = (*directory)->BasePath(*manifest.base);
    const Result<Facts> facts = CheckOne(disk, file, options, output);
    if (!facts.ok()) return facts.status();
    take(*facts, *manifest.base, file);
    next_sequence = facts->next_sequence;
  }
  for (size_t n = 0; n < manifest.segments.size(); ++n) {
    const std::string file = (*directory)->SegmentPath(manifest.segments[n]);
    const Result<Facts> facts = CheckOne(disk, file, options, output);
    if (!facts.ok()) return facts.status();
    take(*facts, manifest.segments[n], file);
    if (next_sequence != 0 && facts->first_sequence != next_sequence) {
      output(fmt::format("{}: it begins with frame {} where frame {} should be", file,
                         facts->first_sequence, next_sequence));
      worst = CheckResult::kBad;
    }
    next_sequence = facts->next_sequence;
    if (facts->result != CheckResult::kTornTail && facts->cut_offset == 0) continue;
    if (n + 1 == manifest.segments.size()) {
      if (worst == CheckResult::kGood) worst = CheckResult::kTornTail;
      continue;
    }
    worst = CheckResult::kBad;
    if (!options.repair) continue;
    // Moved out of the manifest, not removed: their bytes may still help somebody.
    Manifest shorter = manifest;
    shorter.segments.resize(n + 1);
    for (size_t later = n + 1; later < manifest.segments.size(); ++later) {
      const std::string from = (*directory)->SegmentPath(manifest.segments[later]);
      AMPT_RETURN_IF_ERROR(disk.Rename(from, from + ".cut"));
      output(
          fmt::format("{}: put aside as {}.cut, because what comes before it was cut", from, from));
    }
    AMPT_RETURN_IF_ERROR((*directory)->Commit(shorter));
    break;
  }
  return worst;
}

}  // namespace ampt
