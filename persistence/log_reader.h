// LogReader: the frames of one file of the log, one after another.
//
//   LogReader reader(file);
//   AMPT_RETURN_IF_ERROR(reader.Open());
//   LogReader::Frame frame;
//   while (true) {
//     switch (*reader.Next(&frame)) { … }
//   }
//
// A frame is good if its header and payload have the right checksums and it goes on where the one
// before ended: next in sequence, and with a mark (synced_offset) that lies in front of it and
// never behind an earlier one's. At the first bad frame reading ends, and TailStart() decides what
// it is: every frame was written with the offset that was known to be synced before, so a bad frame
// in front of the highest mark in the file was once on the disk, and whole: it is *damage*. Behind
// it, a crash of the machine explains it: a *torn tail*.
//
// Memory: a window of 1 MiB, or one frame where that is larger; a frame is never believed to be
// larger than what is left of the file. Blocking.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/status.h"
#include "persistence/codec.h"

namespace ampt {

class LogReader {
 public:
  // `file` outlives the reader and does not grow while it reads.
  explicit LogReader(File& file) : file_(file) {}

  // Reads the header of the file. Errors name file and offset (FOREIGN, VERSION, DAMAGED, or the
  // system's).
  Status Open();
  const SegmentHeader& header() const { return header_; }
  uint64_t file_bytes() const { return file_bytes_; }

  struct Frame {
    FrameHeader header;
    uint64_t offset = 0;       // in the file, of its header
    std::string_view payload;  // good until the next call
  };
  enum class Outcome : uint8_t {
    kFrame,  // `*frame` is good
    kEnd,    // the file ends behind the last good frame
    kBad,    // what stands at offset() is no good frame: reason()
  };
  // An error only where the file cannot be read.
  Result<Outcome> Next(Frame* frame);

  // Where the next frame begins, or the bad one stands.
  uint64_t offset() const { return offset_; }
  // The highest mark of the frames read: all before it was synced.
  uint64_t synced_offset() const { return highest_mark_; }
  // The sequence the next frame has to have.
  uint64_t next_sequence() const { return next_sequence_; }
  // What is wrong with the bad frame, as in "wrong checksum of the payload".
  const std::string& reason() const { return reason_; }

  struct Tail {
    uint64_t highest_mark = 0;
    uint64_t frames = 0;  // headers found behind the bad frame
    bool damage = false;  // the bad frame stands in front of the mark
  };
  // After kBad: looks through the rest of the file. Cost: a pass over it.
  Result<Tail> ReadTail();

 private:
  // Makes [offset, offset + bytes) of the file available; fewer where it ends.
  Result<std::string_view> Load(uint64_t offset, size_t bytes);

  File& file_;
  SegmentHeader header_;
  uint64_t file_bytes_ = 0;
  uint64_t offset_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t highest_mark_ = 0;
  std::string reason_;
  std::unique_ptr<char[]> window_;
  size_t window_capacity_ = 0;
  size_t window_bytes_ = 0;
  uint64_t window_offset_ = 0;
};

}  // namespace ampt
