#include "model/record.h"

#include <cstring>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/little_endian.h"
#include "model/json.h"

namespace ampt {

namespace {

constexpr uint8_t kTypeBits = 7;
constexpr uint8_t kDeadlineBit = 8;
constexpr uint8_t kLabelBits = (1 << limits::kLabels) - 1;

// The grammar of a JSON number.
bool IsNumber(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at > from;
  };
  if (text.size() > limits::kNumberBytes) return false;
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const size_t whole = at;
  if (!digits() || (zero && at > whole + 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (!digits()) return false;
  }
  return at == text.size();
}

bool Encloses(std::string_view text, char first, char last) {
  return text.size() >= 2 && text.front() == first && text.back() == last;
}

bool IsPlausible(const ValueView& value) {
  switch (value.type) {
    case ValueType::kNull:
      return value.text == "null";
    case ValueType::kFalse:
      return value.text == "false";
    case ValueType::kTrue:
      return value.text == "true";
    case ValueType::kNumber:
      return IsNumber(value.text);
    case ValueType::kString:
      return true;
    case ValueType::kArray:
      return Encloses(value.text, '[', ']');
    case ValueType::kObject:
      return Encloses(value.text, '{', '}');
  }
  return false;
}

bool IsEncodedLabel(std::string_view label) {
  for (size_t i = 0; i < label.size(); ++i) {
    const auto byte = static_cast<uint8_t>(label[i]);
    if (byte > 1) continue;
    if (byte == 0 || ++i == label.size() || (label[i] != 1 && label[i] != 2)) return false;
  }
  return true;
}

}  // namespace

size_t RecordBytes(const ItemState& state) {
  size_t bytes = kRecordHeaderBytes + state.value.text.size();
  if (state.deadline_ms != kNoDeadline) bytes += sizeof(uint64_t);
  for (const std::string_view label : state.labels) {
    if (!label.empty()) bytes += sizeof(uint16_t) + label.size();
  }
  return bytes;
}

void AppendRecord(const ItemState& state, std::string* out) {
  // All but the texts is put together here, so that it takes one append.
  char head[kRecordHeaderBytes + sizeof(uint64_t) + limits::kLabels * sizeof(uint16_t)];
  const bool has_deadline = state.deadline_ms != kNoDeadline;
  uint8_t mask = 0;
  char* at = head + kRecordHeaderBytes;
  if (has_deadline) at = PutLittle64(static_cast<uint64_t>(state.deadline_ms), at);
  for (size_t n = 0; n < limits::kLabels; ++n) {
    if (state.labels[n].empty()) continue;
    AMPT_ASSERT(state.labels[n].size() <= kEncodedLabelBytes);
    mask = static_cast<uint8_t>(mask | 1u << n);
    at = PutLittle16(static_cast<uint16_t>(state.labels[n].size()), at);
  }
  head[0] = static_cast<char>(kRecordVersion);
  head[1] =
      static_cast<char>(static_cast<uint8_t>(state.value.type) | (has_deadline ? kDeadlineBit : 0));
  head[2] = static_cast<char>(mask);
  head[3] = 0;
  PutLittle32(state.created_s, head + 4);
  PutLittle32(state.modified_s, head + 8);
  PutLittle32(static_cast<uint32_t>(state.value.text.size()), head + 12);
  out->append(head, static_cast<size_t>(at - head));
  if (mask != 0) {
    for (const std::string_view label : state.labels) out->append(label);
  }
  out->append(state.value.text);
}

Status ReadRecord(std::string_view bytes, ItemState* state) {
  if (bytes.size() < kRecordHeaderBytes) return Status::Err("an item record is cut short");
  const auto version = static_cast<uint8_t>(bytes[0]);
  const auto flags = static_cast<uint8_t>(bytes[1]);
  const auto mask = static_cast<uint8_t>(bytes[2]);
  if (version != kRecordVersion) {
    return Status::Err("an item record has version " + std::string(IntegerText(version).view()) +
                       ", this program knows version 1");
  }
  if ((flags & ~(kTypeBits | kDeadlineBit)) != 0 ||
      (flags & kTypeBits) > static_cast<uint8_t>(ValueType::kObject)) {
    return Status::Err("an item record has an unknown value type");
  }
  if ((mask & ~kLabelBits) != 0 || bytes[3] != 0) {
    return Status::Err("an item record has unknown flags");
  }
  state->created_s = GetLittle32(&bytes[4]);
  state->modified_s = GetLittle32(&bytes[8]);
  const uint64_t value_bytes = GetLittle32(&bytes[12]);

  std::string_view rest = bytes.substr(kRecordHeaderBytes);
  state->deadline_ms = kNoDeadline;
  if ((flags & kDeadlineBit) != 0) {
    if (rest.size() < sizeof(uint64_t)) return Status::Err("an item record is cut short");
    state->deadline_ms = static_cast<TimeMs>(GetLittle64(rest.data()));
    if (state->deadline_ms == kNoDeadline || state->deadline_ms == INT64_MIN) {
      return Status::Err("an item record has no such deadline");
    }
    rest.remove_prefix(sizeof(uint64_t));
  }
  state->labels = {};
  if (mask != 0) {
    const size_t sizes = static_cast<size_t>(__builtin_popcount(mask)) * sizeof(uint16_t);
    if (rest.size() < sizes) return Status::Err("an item record is cut short");
    const char* size_at = rest.data();
    rest.remove_prefix(sizes);
    for (size_t n = 0; n < limits::kLabels; ++n) {
      if ((mask >> n & 1) == 0) continue;
      const size_t size = GetLittle16(size_at);
      size_at += sizeof(uint16_t);
      if (size > rest.size()) return Status::Err("an item record is cut short");
      const std::string_view label = rest.substr(0, size);
      if (size == 0 || size > kEncodedLabelBytes || !IsEncodedLabel(label)) {
        return Status::Err("an item record has a label that none can be");
      }
      state->labels[n] = label;
      rest.remove_prefix(size);
    }
  }
  if (rest.size() != value_bytes || value_bytes > limits::kMaxItemBytesCeiling) {
    return Status::Err("an item record has a value of another size than it says");
  }
  state->value = {static_cast<ValueType>(flags & kTypeBits), rest};
  if (!IsPlausible(state->value)) {
    return Status::Err("an item record has a value that is not of its type");
  }
  return Status::Ok();
}

Status CheckValue(const ValueView& value) {
  if (!IsPlausible(value)) return Status::Err("the value is not of its type");
  if (value.is_scalar()) return Status::Ok();
  std::string canonical;
  const JsonLimits limits{limits::kMaxJsonDepthCeiling, limits::kMaxItemBytesCeiling};
  const Result<ValueView> parsed = ParseJson(value.text, limits, "the value", &canonical);
  if (!parsed.ok()) return parsed.status();
  if (parsed->type != value.type || parsed->text != value.text) {
    return Status::Err("the value is not canonical JSON");
  }
  return Status::Ok();
}

}  // namespace ampt
