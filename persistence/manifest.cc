#include "persistence/manifest.h"

#include <fmt/format.h>

#include <charconv>

#include "persistence/codec.h"

namespace ampt {

namespace {

constexpr std::string_view kFirstLine = "ampt-manifest 1\n";
constexpr size_t kChecksumDigits = 16;

Status Damaged(std::string_view what) {
  return Status::Coded("DAMAGED", what);
}

template <typename T>
bool ParseNumber(std::string_view text, int base, T* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end);
  *text = end == std::string_view::npos ? std::string_view() : text->substr(end + 1);
  return line;
}

// The number in `prefix` number `suffix`.
bool ReadNumbered(std::string_view name, std::string_view prefix, std::string_view suffix,
                  uint64_t* number) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix) ||
      name.size() < prefix.size() + suffix.size() + 8) {
    return false;
  }
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  return ParseNumber(name, 10, number);
}

}  // namespace

std::string BaseName(uint64_t number) {
  return fmt::format("ampt-base-{:08}.snapshot", number);
}
std::string SegmentName(uint64_t number) {
  return fmt::format("ampt-log-{:08}.log", number);
}

NamedFile ReadName(std::string_view name) {
  NamedFile file;
  if (name == kManifestName) {
    file.role = FileRole::kManifest;
  } else if (name == kLockName) {
    file.role = FileRole::kLock;
  } else if (name.starts_with("ampt-") && name.ends_with(".temp")) {
    file.role = FileRole::kTemp;
  } else if (ReadNumbered(name, "ampt-base-", ".snapshot", &file.number) &&
             name == BaseName(file.number)) {
    file.role = FileRole::kBase;
  } else if (ReadNumbered(name, "ampt-log-", ".log", &file.number) &&
             name == SegmentName(file.number)) {
    file.role = FileRole::kSegment;
  }
  return file;
}

std::string FormatManifest(const Manifest& manifest) {
  std::string text(kFirstLine);
  text += fmt::format("id {:016x}\n", manifest.directory_id);
  if (manifest.base) text += fmt::format("base {}\n", *manifest.base);
  for (const uint64_t segment : manifest.segments) text += fmt::format("log {}\n", segment);
  text += fmt::format("checksum {:016x}\n", Checksum(text, 0));
  return text;
}

Result<Manifest> ParseManifest(std::string_view text) {
  if (!text.starts_with("ampt-manifest ")) {
    return Status::Coded("FOREIGN", "this is not a manifest of ampt-server");
  }
  const size_t last = text.rfind("checksum ");
  uint64_t checksum = 0;
  if (last == std::string_view::npos || last + 9 + kChecksumDigits + 1 != text.size() ||
      text[last - 1] != '\n' || text.back() != '\n' ||
      !ParseNumber(text.substr(last + 9, kChecksumDigits), 16, &checksum) ||
      checksum != Checksum(text.substr(0, last), 0)) {
    return Damaged("its checksum is wrong");
  }
  if (!text.starts_with(kFirstLine)) {
    return Status::Coded("VERSION", "it has another version than 1: use a newer ampt-server");
  }
  std::string_view rest = text.substr(kFirstLine.size(), last - kFirstLine.size());
  Manifest manifest;
  const std::string_view id = TakeLine(&rest);
  if (!id.starts_with("id ") || !ParseNumber(id.substr(3), 16, &manifest.directory_id)) {
    return Damaged("its second line is no id");
  }
  while (!rest.empty()) {
    const std::string_view line = TakeLine(&rest);
    uint64_t number = 0;
    if (line.starts_with("base ") && ParseNumber(line.substr(5), 10, &number) && !manifest.base &&
        manifest.segments.empty()) {
      manifest.base = number;
    } else if (line.starts_with("log ") && ParseNumber(line.substr(4), 10, &number) &&
               (manifest.segments.empty() || number > manifest.segments.back())) {
      manifest.segments.push_back(number);
    } else {
      return Damaged("the line '" + std::string(line) + "' has no meaning there");
    }
  }
  return manifest;
}

}  // namespace ampt
