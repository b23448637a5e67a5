#include "persistence/codec.h"

#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/little_endian.h"
#include "model/record.h"

namespace ampt {

namespace {

constexpr std::string_view kSegmentMagic = "AMPTLOG\n";
constexpr std::string_view kSnapshotMagic = "AMPTSNP\n";
constexpr uint32_t kVersion = 1;

constexpr size_t kEffectHeaderBytes = 4;

char* PutEffectHeader(EffectKind kind, int database, char* to) {
  AMPT_ASSERT(database >= 0 && database < 65536);
  *to++ = static_cast<char>(kind);
  *to++ = 0;
  return PutLittle16(static_cast<uint16_t>(database), to);
}

std::string Number(uint64_t number) {
  return std::to_string(number);
}

// Cuts bytes off the front of what is left of a payload.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool empty() const { return rest_.empty(); }
  // False if there are fewer.
  bool Take(size_t bytes, std::string_view* out) {
    if (rest_.size() < bytes) return false;
    *out = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return true;
  }
  bool Take32(uint32_t* out) {
    std::string_view bytes;
    if (!Take(sizeof *out, &bytes)) return false;
    *out = GetLittle32(bytes.data());
    return true;
  }

 private:
  std::string_view rest_;
};

Status ReadEffect(Reader& reader, EffectSink& sink) {
  const auto cut = [] { return Status::Err("is cut short"); };
  std::string_view head;
  if (!reader.Take(kEffectHeaderBytes, &head)) return cut();
  // Of all kinds only a deletion says more here.
  const bool deletes = head[0] == static_cast<char>(EffectKind::kDelete);
  const auto reason = static_cast<DeleteReason>(head[1]);
  if (deletes ? reason > DeleteReason::kEvicted : head[1] != 0) {
    return Status::Err("has unknown flags");
  }
  const int database = GetLittle16(head.data() + 2);
  uint32_t key_bytes = 0;
  uint32_t more_bytes = 0;
  std::string_view key;
  switch (static_cast<EffectKind>(head[0])) {
    case EffectKind::kPut: {
      std::string_view record;
      if (!reader.Take32(&key_bytes) || !reader.Take32(&more_bytes) ||
          !reader.Take(key_bytes, &key) || !reader.Take(more_bytes, &record)) {
        return cut();
      }
      if (key.size() > limits::kRawKeyBytes) return Status::Err("has a key that is too long");
      ItemState state;
      AMPT_RETURN_IF_ERROR(ReadRecord(record, &state));
      return sink.Put(database, key, state);
    }
    case EffectKind::kDelete:
      if (!reader.Take32(&key_bytes) || !reader.Take(key_bytes, &key)) return cut();
      if (key.size() > limits::kRawKeyBytes) return Status::Err("has a key that is too long");
      return sink.Delete(database, key, reason);
    case EffectKind::kFlush:
      return sink.Flush(database);
    case EffectKind::kOther: {
      uint32_t kind = 0;
      std::string_view bytes;
      if (!reader.Take32(&kind) || !reader.Take32(&more_bytes) ||
          !reader.Take(more_bytes, &bytes)) {
        return cut();
      }
      return sink.Other(database, kind, bytes);
    }
  }
  return Status::Err("is of a kind this program does not know");
}

// The effects that a reader will reach, some way ahead of it.
class Scout {
 public:
  explicit Scout(std::string_view bytes) : reader_(bytes) {}

  // Tells the sink of one more. Stops at what makes no sense: the reader will say so.
  void Next(EffectSink& sink) {
    std::string_view head;
    std::string_view key;
    std::string_view rest;
    uint32_t key_bytes = 0;
    uint32_t record_bytes = 0;
    if (stopped_) return;
    stopped_ = !reader_.Take(kEffectHeaderBytes, &head) ||
               head[0] != static_cast<char>(EffectKind::kPut) || !reader_.Take32(&key_bytes) ||
               !reader_.Take32(&record_bytes) || !reader_.Take(key_bytes, &key) ||
               !reader_.Take(record_bytes, &rest);
    if (!stopped_) sink.Expect(GetLittle16(head.data() + 2), key);
  }

 private:
  Reader reader_;
  bool stopped_ = false;
};

// Errors of sinks and readers have a first word that says nothing here.
std::string_view WithoutCode(std::string_view text) {
  return text.starts_with("ERR ") ? text.substr(4) : text;
}

Status CheckMagic(std::string_view bytes, std::string_view magic, size_t size,
                  std::string_view what) {
  const std::string_view start = bytes.substr(0, magic.size());
  if (!magic.starts_with(start)) {
    return Status::Coded("FOREIGN", "this is not " + std::string(what) + " of ampt-server");
  }
  if (bytes.size() < size) return Status::Coded("DAMAGED", "its header is cut short");
  // Every version keeps this header's size and checksum, so that damage is not taken for a version.
  if (GetLittle64(bytes.data() + size - 8) != Checksum(bytes.substr(0, size - 8), 0)) {
    return Status::Coded("DAMAGED", "its header has a wrong checksum");
  }
  const uint32_t version = GetLittle32(bytes.data() + 8);
  if (version != kVersion) {
    return Status::Coded("VERSION", "it has version " + Number(version) +
                                        ", this program knows version " + Number(kVersion) +
                                        ": use a newer ampt-server");
  }
  if (GetLittle32(bytes.data() + 12) != 0) {
    return Status::Coded("VERSION", "its header has flags this program does not know");
  }
  return Status::Ok();
}

char* PutMagic(std::string_view magic, char* to) {
  std::memcpy(to, magic.data(), magic.size());
  to = PutLittle32(kVersion, to + magic.size());
  return PutLittle32(0, to);
}

}  // namespace

// --- effects
// --------------------------------------------------------------------------------------

void AppendPut(int database, std::string_view key, const ItemState& state, std::string* out) {
  char head[kPutHeaderBytes];
  char* at = PutEffectHeader(EffectKind::kPut, database, head);
  at = PutLittle32(static_cast<uint32_t>(key.size()), at);
  PutLittle32(static_cast<uint32_t>(RecordBytes(state)), at);
  out->append(head, sizeof head).append(key);
  AppendRecord(state, out);
}

void AppendDelete(int database, std::string_view key, DeleteReason reason, std::string* out) {
  char head[kEffectHeaderBytes + 4];
  PutLittle32(static_cast<uint32_t>(key.size()),
              PutEffectHeader(EffectKind::kDelete, database, head));
  head[1] = static_cast<char>(reason);
  out->append(head, sizeof head).append(key);
}

void AppendFlush(int database, std::string* out) {
  char head[kEffectHeaderBytes];
  PutEffectHeader(EffectKind::kFlush, database, head);
  out->append(head, sizeof head);
}

void AppendOther(int database, uint32_t kind, std::string_view bytes, std::string* out) {
  char head[kEffectHeaderBytes + 8];
  char* at = PutEffectHeader(EffectKind::kOther, database, head);
  at = PutLittle32(kind, at);
  PutLittle32(static_cast<uint32_t>(bytes.size()), at);
  out->append(head, sizeof head).append(bytes);
}

Status ReadEffects(std::string_view bytes, uint32_t count, EffectSink& sink) {
  constexpr int kAhead = 12;
  Reader reader(bytes);
  Scout scout(bytes);
  for (int n = 0; n < kAhead; ++n) scout.Next(sink);
  for (uint32_t n = 0; n < count; ++n) {
    scout.Next(sink);
    const Status status = ReadEffect(reader, sink);
    if (!status.ok()) {
      return Status::Err("effect " + Number(n + 1) + " of " + Number(count) + ": " +
                         std::string(WithoutCode(status.text())));
    }
  }
  if (!reader.empty()) return Status::Err("more bytes than effects");
  return Status::Ok();
}

// --- files
// ----------------------------------------------------------------------------------------

uint64_t Checksum(std::string_view bytes, uint64_t salt) {
  return HashBytes(bytes, salt);
}

void WriteHeader(const SegmentHeader& header, char* to) {
  char* at = PutMagic(kSegmentMagic, to);
  at = PutLittle64(header.directory_id, at);
  at = PutLittle64(header.number, at);
  at = PutLittle64(header.first_sequence, at);
  at = PutLittle64(header.salt, at);
  PutLittle64(Checksum({to, SegmentHeader::kBytes - 8}, 0), at);
}

Status ReadHeader(std::string_view bytes, SegmentHeader* header) {
  AMPT_RETURN_IF_ERROR(
      CheckMagic(bytes, kSegmentMagic, SegmentHeader::kBytes, "a file of the log"));
  header->directory_id = GetLittle64(bytes.data() + 16);
  header->number = GetLittle64(bytes.data() + 24);
  header->first_sequence = GetLittle64(bytes.data() + 32);
  header->salt = GetLittle64(bytes.data() + 40);
  return Status::Ok();
}

void WriteHeader(const FrameHeader& header, uint64_t salt, char* to) {
  char* at = PutLittle32(kFrameMagic, to);
  at = PutLittle32(header.effects, at);
  at = PutLittle64(header.payload_bytes, at);
  at = PutLittle64(header.sequence, at);
  at = PutLittle64(header.synced_offset, at);
  at = PutLittle64(header.payload_checksum, at);
  PutLittle64(Checksum({to, FrameHeader::kBytes - 8}, salt), at);
}

bool ReadHeader(std::string_view bytes, uint64_t salt, FrameHeader* header) {
  if (bytes.size() < FrameHeader::kBytes || GetLittle32(bytes.data()) != kFrameMagic ||
      GetLittle64(bytes.data() + 40) != Checksum(bytes.substr(0, 40), salt)) {
    return false;
  }
  header->effects = GetLittle32(bytes.data() + 4);
  header->payload_bytes = GetLittle64(bytes.data() + 8);
  header->sequence = GetLittle64(bytes.data() + 16);
  header->synced_offset = GetLittle64(bytes.data() + 24);
  header->payload_checksum = GetLittle64(bytes.data() + 32);
  return true;
}

void WriteHeader(const SnapshotHeader& header, char* to) {
  char* at = PutMagic(kSnapshotMagic, to);
  at = PutLittle64(header.directory_id, at);
  at = PutLittle64(header.number, at);
  at = PutLittle64(header.sequence, at);
  at = PutLittle64(static_cast<uint64_t>(header.created_ms), at);
  at = PutLittle64(header.salt, at);
  PutLittle64(Checksum({to, SnapshotHeader::kBytes - 8}, 0), at);
}

Status ReadHeader(std::string_view bytes, SnapshotHeader* header) {
  AMPT_RETURN_IF_ERROR(CheckMagic(bytes, kSnapshotMagic, SnapshotHeader::kBytes, "a snapshot"));
  header->directory_id = GetLittle64(bytes.data() + 16);
  header->number = GetLittle64(bytes.data() + 24);
  header->sequence = GetLittle64(bytes.data() + 32);
  header->created_ms = static_cast<int64_t>(GetLittle64(bytes.data() + 40));
  header->salt = GetLittle64(bytes.data() + 48);
  return Status::Ok();
}

void WriteHeader(const BlockHeader& header, uint64_t salt, char* to) {
  char* at = PutLittle32(kBlockMagic, to);
  *at++ = static_cast<char>(header.kind);
  *at++ = static_cast<char>(header.compression);
  at = PutLittle16(0, at);
  at = PutLittle32(header.index, at);
  at = PutLittle32(header.effects, at);
  at = PutLittle32(header.raw_bytes, at);
  at = PutLittle32(header.stored_bytes, at);
  at = PutLittle64(header.payload_checksum, at);
  PutLittle64(Checksum({to, BlockHeader::kBytes - 8}, salt), at);
}

bool ReadHeader(std::string_view bytes, uint64_t salt, BlockHeader* header) {
  if (bytes.size() < BlockHeader::kBytes || GetLittle32(bytes.data()) != kBlockMagic ||
      GetLittle64(bytes.data() + 32) != Checksum(bytes.substr(0, 32), salt)) {
    return false;
  }
  header->kind = static_cast<BlockKind>(bytes[4]);
  header->compression = static_cast<Compression>(bytes[5]);
  header->index = GetLittle32(bytes.data() + 8);
  header->effects = GetLittle32(bytes.data() + 12);
  header->raw_bytes = GetLittle32(bytes.data() + 16);
  header->stored_bytes = GetLittle32(bytes.data() + 20);
  header->payload_checksum = GetLittle64(bytes.data() + 24);
  return true;
}

void WriteCounts(const SnapshotCounts& counts, char* to) {
  char* at = PutLittle64(counts.sorted, to);
  at = PutLittle64(counts.unsorted, at);
  PutLittle64(counts.others, at);
}

void ReadCounts(std::string_view bytes, SnapshotCounts* counts) {
  AMPT_ASSERT(bytes.size() == SnapshotCounts::kBytes);
  counts->sorted = GetLittle64(bytes.data());
  counts->unsorted = GetLittle64(bytes.data() + 8);
  counts->others = GetLittle64(bytes.data() + 16);
}

}  // namespace ampt
