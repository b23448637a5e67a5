#include "persistence/log_reader.h"

#include <algorithm>
#include <cstring>

#include "base/little_endian.h"

namespace ampt {

namespace {
constexpr size_t kWindowBytes = 1u << 20;
}

Status LogReader::Open() {
  Result<uint64_t> size = file_.Size();
  if (!size.ok()) return size.status();
  file_bytes_ = *size;
  Result<std::string_view> head = Load(0, SegmentHeader::kBytes);
  if (!head.ok()) return head.status();
  const Status status = ReadHeader(*head, &header_);
  if (!status.ok()) {
    const size_t code = status.text().find(' ');
    return Status::Coded(status.text().substr(0, code),
                         file_.path() + " at byte 0:" + status.text().substr(code));
  }
  offset_ = SegmentHeader::kBytes;
  highest_mark_ = offset_;
  next_sequence_ = header_.first_sequence;
  return Status::Ok();
}

Result<std::string_view> LogReader::Load(uint64_t offset, size_t bytes) {
  bytes = static_cast<size_t>(std::min<uint64_t>(bytes, file_bytes_ - offset));
  if (offset >= window_offset_ && offset + bytes <= window_offset_ + window_bytes_) {
    return std::string_view(window_.get() + (offset - window_offset_), bytes);
  }
  const size_t want =
      static_cast<size_t>(std::min<uint64_t>(std::max(bytes, kWindowBytes), file_bytes_ - offset));
  // What is there of it already is kept.
  size_t kept = 0;
  const char* old = nullptr;
  if (offset >= window_offset_ && offset < window_offset_ + window_bytes_) {
    kept = static_cast<size_t>(window_offset_ + window_bytes_ - offset);
    old = window_.get() + (offset - window_offset_);
  }
  if (want > window_capacity_ || (window_capacity_ > kWindowBytes && want <= kWindowBytes)) {
    auto larger = std::make_unique_for_overwrite<char[]>(want);
    if (kept > 0) std::memcpy(larger.get(), old, kept);
    window_ = std::move(larger);
    window_capacity_ = want;
  } else if (kept > 0) {
    std::memmove(window_.get(), old, kept);
  }
  window_offset_ = offset;
  window_bytes_ = kept;
  Result<size_t> got = file_.ReadAt(offset + kept, window_.get() + kept, want - kept);
  if (!got.ok()) return got.status();
  window_bytes_ += *got;
  return std::string_view(window_.get(), std::min(bytes, window_bytes_));
}

Result<LogReader::Outcome> LogReader::Next(Frame* frame) {
  const auto bad = [&](std::string_view reason) {
    reason_ = reason;
    return Outcome::kBad;
  };
  if (offset_ == file_bytes_) return Outcome::kEnd;
  Result<std::string_view> head = Load(offset_, FrameHeader::kBytes);
  if (!head.ok()) return head.status();
  if (head->size() < FrameHeader::kBytes) return bad("the header of a frame is cut short");
  FrameHeader& header = frame->header;
  if (!ReadHeader(*head, header_.salt, &header)) return bad("no header of a frame");
  if (header.sequence != next_sequence_) {
    return bad("frame " + std::to_string(header.sequence) + " where frame " +
               std::to_string(next_sequence_) + " should be");
  }
  if (header.synced_offset > offset_ || header.synced_offset < highest_mark_) {
    return bad("a frame with an impossible mark");
  }
  if (header.payload_bytes > file_bytes_ - offset_ - FrameHeader::kBytes) {
    // The mark of a whole header counts, though its payload does not.
    highest_mark_ = header.synced_offset;
    return bad("the payload of a frame is cut short");
  }
  const size_t bytes = FrameHeader::kBytes + static_cast<size_t>(header.payload_bytes);
  Result<std::string_view> whole = Load(offset_, bytes);
  if (!whole.ok()) return whole.status();
  highest_mark_ = header.synced_offset;
  if (whole->size() < bytes) return bad("the payload of a frame is cut short");
  frame->payload = whole->substr(FrameHeader::kBytes);
  if (Checksum(frame->payload, header_.salt) != header.payload_checksum) {
    return bad("wrong checksum of the payload of a frame");
  }
  frame->offset = offset_;
  offset_ += bytes;
  ++next_sequence_;
  return Outcome::kFrame;
}

Result<LogReader::Tail> LogReader::ReadTail() {
  Tail tail;
  tail.highest_mark = highest_mark_;
  char magic[4];
  PutLittle32(kFrameMagic, magic);
  const std::string_view needle(magic, sizeof magic);
  uint64_t at = offset_ + 1;
  while (at + FrameHeader::kBytes <= file_bytes_) {
    Result<std::string_view> rest = Load(at, kWindowBytes);
    if (!rest.ok()) return rest.status();
    if (rest->size() < FrameHeader::kBytes) break;
    size_t from = 0;
    // Headers that reach past the window are looked at with the next one.
    while ((from = rest->find(needle, from)) != std::string_view::npos &&
           from + FrameHeader::kBytes <= rest->size()) {
      FrameHeader header;
      if (ReadHeader(rest->substr(from), header_.salt, &header) &&
          header.synced_offset <= at + from) {
        ++tail.frames;
        tail.highest_mark = std::max(tail.highest_mark, header.synced_offset);
      }
      ++from;
    }
    at += rest->size() - (FrameHeader::kBytes - 1);
  }
  tail.damage = offset_ < tail.highest_mark;
  return tail;
}

}  // namespace ampt
