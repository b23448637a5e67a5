#include "model/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory_resource>
#include <vector>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <fmt/format.h>

#include "base/assert.h"
#include "base/base64.h"
#include "base/byte_masks.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "model/decimal.h"

namespace ampt {
namespace {

// What ends a run of bytes that stand for themselves in a JSON string.
const char* FindSpecial(const char* at, const char* end) {
#ifdef __SSE2__
  // Pages of items spend their time here, so sixteen bytes at once where every processor can. As a
  // signed number a byte above ASCII is below the space, too.
  const __m128i space = _mm_set1_epi8(' ');
  const __m128i quote = _mm_set1_epi8('"');
  const __m128i backslash = _mm_set1_epi8('\\');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i special =
        _mm_or_si128(_mm_cmplt_epi8(bytes, space),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash)));
    if (const int mask = _mm_movemask_epi8(special); mask != 0) {
      return at + std::countr_zero(static_cast<unsigned>(mask));
    }
  }
#endif
  return FindByte(at, end, [](uint64_t word) {
    return BytesEqual(word, '"') | BytesEqual(word, '\\') | BytesBelow(word, ' ') |
           BytesAboveAscii(word);
  });
}
const char* FindEscapable(const char* at, const char* end) {
  return FindByte(at, end, [](uint64_t word) {
    return BytesEqual(word, '"') | BytesEqual(word, '\\') | BytesBelow(word, ' ');
  });
}

// --- escapes ------------------------------------------------------------------------------------

// The letter of the two-byte escape of `c`, or 0.
char ShortEscape(char c) {
  switch (c) {
    case '"':
      return '"';
    case '\\':
      return '\\';
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

// Writes the escape of a byte that has to be escaped: at most 6 bytes.
char* PutEscape(char c, char* to) {
  *to++ = '\\';
  if (const char letter = ShortEscape(c); letter != 0) {
    *to++ = letter;
    return to;
  }
  std::memcpy(to, "u00", 3);
  to[3] = "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
  to[4] = "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  return to + 5;
}

// The value of four hexadecimal digits in [at, end), or -1.
int ParseHex4(const char* at, const char* end) {
  if (end - at < 4) return -1;
  int value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = at[i];
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      value = value << 4 | (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value << 4 | (lower - 'a' + 10);
    } else {
      return -1;
    }
  }
  return value;
}

struct Escape {
  const char* error = nullptr;  // what is wrong with it, or null
  uint32_t code_point = 0;
  size_t size = 0;  // bytes, backslash included
};

// Reads the escape whose backslash is at `at`; a surrogate pair is one escape of 12 bytes.
Escape ReadEscape(const char* at, const char* end) {
  if (end - at < 2) return {"the text ends in an escape"};
  switch (at[1]) {
    case '"':
    case '\\':
    case '/':
      return {nullptr, static_cast<uint8_t>(at[1]), 2};
    case 'b':
      return {nullptr, '\b', 2};
    case 'f':
      return {nullptr, '\f', 2};
    case 'n':
      return {nullptr, '\n', 2};
    case 'r':
      return {nullptr, '\r', 2};
    case 't':
      return {nullptr, '\t', 2};
    case 'u':
      break;
    default:
      return {"unknown escape"};
  }
  const int unit = ParseHex4(at + 2, end);
  if (unit < 0) return {"\\u needs four hexadecimal digits"};
  if (unit < 0xd800 || unit > 0xdfff) return {nullptr, static_cast<uint32_t>(unit), 6};
  const bool pair = unit < 0xdc00 && end - at >= 12 && at[6] == '\\' && at[7] == 'u';
  const int low = pair ? ParseHex4(at + 8, end) : -1;
  if (low < 0xdc00 || low > 0xdfff) return {"a lone surrogate"};
  return {nullptr, static_cast<uint32_t>((unit - 0xd800) << 10 | (low - 0xdc00)) + 0x10000, 12};
}

// --- the scanner --------------------------------------------------------------------------------

ValueType TypeOfFirstByte(char c) {
  switch (c) {
    case '{':
      return ValueType::kObject;
    case '[':
      return ValueType::kArray;
    case '"':
      return ValueType::kString;
    case 't':
      return ValueType::kTrue;
    case 'f':
      return ValueType::kFalse;
    case 'n':
      return ValueType::kNull;
    default:
      return ValueType::kNumber;
  }
}

// Checks one JSON text and makes it canonical in place: no part of the canonical form is longer
// than what it is made from, so `write_` never overtakes `read_`, and text that is canonical
// already is only looked at. Equal names are noticed when their object is closed, and taken out at
// the end by a list of edits, so that objects inside each other do not copy each other's bytes
// again and again.
class Canonicalizer {
 public:
  // Eight bytes that can be read behind the text must be zero.
  static constexpr size_t kPadding = 8;

  Canonicalizer(char* text, size_t size, const JsonLimits& limits, std::string_view what)
      : begin_(text), end_(text + size), read_(text), write_(text), limits_(limits), what_(what) {}

  // Leaves the stored form of the value in the buffer, except that equal names are still there when
  // has_edits() says so.
  Result<ValueView> Run();

  bool has_edits() const { return !edits_.empty(); }
  // Appends the value without its equal names to `*out`. REQUIRES: Run() went well.
  void ApplyEdits(std::string* out);

 private:
  struct Name {
    uint32_t begin;  // offset in the buffer, behind the opening quote
    uint32_t size;
    uint64_t hash;
  };
  struct Frame {
    bool object;
    bool suspect;         // two names may be equal
    uint32_t first_name;  // in names_
    uint64_t hash_bits;   // a Bloom filter of one word
  };
  // Bytes [begin, end) of the buffer give way to [from, to).
  struct Edit {
    uint32_t begin, end, from, to;
  };

  void SkipSpace() {
    while (*read_ == ' ' || *read_ == '\n' || *read_ == '\r' || *read_ == '\t') ++read_;
  }
  // Moves what was read from `from` on to the write position.
  void Keep(const char* from) {
    const auto size = static_cast<size_t>(read_ - from);
    if (write_ != from) std::memmove(write_, from, size);
    write_ += size;
  }
  void Put(char c) { *write_++ = c; }

  uint32_t Offset(const char* at) const { return static_cast<uint32_t>(at - begin_); }
  std::string_view Text(const Name& name) const { return {begin_ + name.begin, name.size}; }
  bool Equal(const Name& a, const Name& b) const { return a.hash == b.hash && Text(a) == Text(b); }

  bool Fail(const char* reason, const char* at) {
    error_ = Status::Err(fmt::format("{} is not valid JSON: {} at byte {}", what_,
                                     at >= end_ ? "the text ends too early" : reason, at - begin_));
    return false;
  }
  bool Fail(const char* reason) { return Fail(reason, read_); }

  bool Containers();
  bool Open(bool object);
  void Close();
  bool ReadName();
  bool Scalar();
  // Reads from behind the opening quote to behind the closing one. `kRaw` leaves the bytes the
  // string stands for, else its canonical text with the closing quote.
  template <bool kRaw>
  bool String();
  bool Number();
  bool Word(std::string_view word);
  void RecordEqualNames(const Frame& frame);

  char* const begin_;
  const char* const end_;
  const char* read_;
  char* write_;
  const JsonLimits& limits_;
  const std::string_view what_;
  Status error_;

  // Room for ordinary values, so that they cost no allocation.
  std::array<std::byte, 1536> room_;
  std::pmr::monotonic_buffer_resource memory_{room_.data(), room_.size()};
  std::pmr::vector<Frame> frames_{&memory_};
  std::pmr::vector<Name> names_{&memory_};
  std::vector<Edit> edits_;
};

template <bool kRaw>
bool Canonicalizer::String() {
  const char* run = read_;
  for (;;) {
    read_ = FindSpecial(read_, end_ + kPadding);
    const char c = *read_;
    if (c == '"') {
      if (kRaw) {
        Keep(run);
        ++read_;
      } else {
        ++read_;
        Keep(run);
      }
      return true;
    }
    if (c == '\\') {
      Keep(run);
      const Escape escape = ReadEscape(read_, end_);
      if (escape.error != nullptr) return Fail(escape.error);
      const auto byte = static_cast<char>(escape.code_point);
      if (!kRaw &&
          (escape.code_point < 0x20 || escape.code_point == '"' || escape.code_point == '\\')) {
        write_ = PutEscape(byte, write_);
      } else {
        write_ = PutUtf8(escape.code_point, write_);
      }
      read_ += escape.size;
      run = read_;
    } else if (static_cast<uint8_t>(c) < 0x20) {
      return Fail("a control character in a string must be escaped");
    } else {
      const size_t size = Utf8Sequence(read_, end_);
      if (size == 0) {
        return Fail("invalid UTF-8");
      }
      read_ += size;
    }
  }
}

bool Canonicalizer::Number() {
  const size_t size = JsonNumberPrefix({read_, static_cast<size_t>(end_ - read_)});
  if (size == 0) return Fail("a digit is missing", read_ + 1);
  if (size > limits::kNumberBytes) return Fail("a number of more than 256 bytes");
  const char* from = read_;
  read_ += size;
  if (*from == '-' && from[1] == '0') {
    const std::string_view number(from + 1, size - 1);
    const std::string_view significand = number.substr(0, number.find_first_of("eE"));
    if (significand.find_first_of("123456789") == std::string_view::npos) ++from;
  }
  Keep(from);
  return true;
}

bool Canonicalizer::Word(std::string_view word) {
  if (std::string_view(read_, static_cast<size_t>(end_ - read_)).substr(0, word.size()) != word) {
    return Fail("a value is expected");
  }
  const char* from = read_;
  read_ += word.size();
  Keep(from);
  return true;
}

bool Canonicalizer::Scalar() {
  switch (*read_) {
    case '"':
      ++read_;
      Put('"');
      return String<false>();
    case 't':
      return Word("true");
    case 'f':
      return Word("false");
    case 'n':
      return Word("null");
    default:
      break;
  }
  if (*read_ == '-' || (*read_ >= '0' && *read_ <= '9')) return Number();
  return Fail("a value is expected");
}

bool Canonicalizer::Open(bool object) {
  if (frames_.size() >= static_cast<size_t>(limits_.max_depth)) {
    error_ = Status::Err(fmt::format("{} is nested deeper than max-json-depth ({}) at byte {}",
                                     what_, limits_.max_depth, read_ - begin_));
    return false;
  }
  frames_.push_back({object, false, static_cast<uint32_t>(names_.size()), 0});
  Put(*read_++);
  return true;
}

// REQUIRES: the closing bracket is at read_ and is the right one.
void Canonicalizer::Close() {
  const Frame frame = frames_.back();
  if (frame.object) {
    if (frame.suspect) RecordEqualNames(frame);
    names_.resize(frame.first_name);
  }
  frames_.pop_back();
  Put(*read_++);
}

bool Canonicalizer::ReadName() {
  if (*read_ != '"') return Fail("a name in double quotes is expected");
  // What has been written cannot shrink much any more; the list of names must not grow for nothing.
  if (static_cast<size_t>(write_ - begin_) > limits_.max_bytes) {
    error_ = JsonTooLarge(what_, limits_);
    return false;
  }
  ++read_;
  Put('"');
  const char* const name = write_;
  if (!String<false>()) return false;
  const auto size = static_cast<size_t>(write_ - name) - 1;

  // Not for looking up, only for telling apart: first and last bytes and the size will do.
  const uint64_t head = LoadBytes(name);
  const uint64_t tail = size > 8 ? LoadBytes(name + size - 8) : 0;
  const uint64_t kept = size < 8 ? head & ((uint64_t{1} << (8 * size)) - 1) : head;
  const uint64_t hash = (kept ^ std::rotl(tail, 29) ^ size) * 0x9e3779b97f4a7c15;
  Frame& frame = frames_.back();
  const uint64_t bit = uint64_t{1} << (hash >> 58);
  frame.suspect |= (frame.hash_bits & bit) != 0;
  frame.hash_bits |= bit;
  names_.push_back({Offset(name), static_cast<uint32_t>(size), hash});

  SkipSpace();
  if (*read_ != ':') return Fail("missing ':' after a name");
  Put(*read_++);
  SkipSpace();
  return true;
}

// REQUIRES: an opening bracket is at read_.
bool Canonicalizer::Containers() {
  names_.reserve(24);
  frames_.reserve(16);
  for (;;) {
    // At a value.
    if (*read_ == '{' || *read_ == '[') {
      const bool object = *read_ == '{';
      if (!Open(object)) return false;
      SkipSpace();
      if (*read_ != (object ? '}' : ']')) {
        if (object && !ReadName()) return false;
        continue;
      }
      Close();
    } else if (!Scalar()) {
      return false;
    }
    // Behind a value.
    for (;;) {
      if (frames_.empty()) return true;
      const bool object = frames_.back().object;
      SkipSpace();
      if (*read_ == ',') {
        Put(*read_++);
        SkipSpace();
        if (object && !ReadName()) return false;
        break;
      }
      if (*read_ != (object ? '}' : ']')) {
        return Fail(object ? "missing a comma or '}'" : "missing a comma or ']'");
      }
      Close();
    }
  }
}

// Called when the object's closing bracket is about to be written.
void Canonicalizer::RecordEqualNames(const Frame& frame) {
  const Name* const names = names_.data() + frame.first_name;
  const size_t count = names_.size() - frame.first_name;
  if (count <= 16) {
    bool equal = false;
    for (size_t i = 1; i < count && !equal; ++i) {
      for (size_t j = 0; j < i && !equal; ++j) equal = Equal(names[i], names[j]);
    }
    if (!equal) return;
  }
  // Sorted rather than hashed: no choice of names makes this quadratic.
  std::vector<uint32_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = static_cast<uint32_t>(i);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    if (names[a].hash != names[b].hash) return names[a].hash < names[b].hash;
    const int compared = Text(names[a]).compare(Text(names[b]));
    return compared != 0 ? compared < 0 : a < b;
  });
  const auto value_begin = [&](uint32_t i) { return names[i].begin + names[i].size + 2; };
  const auto value_end = [&](uint32_t i) {
    return i + 1 == count ? Offset(write_) : names[i + 1].begin - 2;
  };
  for (size_t i = 0, next; i < count; i = next) {
    next = i + 1;
    while (next < count && Equal(names[order[next]], names[order[i]])) {
      // This member goes, with the comma and the quote before its name.
      const uint32_t gone = order[next++];
      edits_.push_back({names[gone].begin - 2, value_end(gone), 0, 0});
    }
    if (next - i > 1) {
      const uint32_t first = order[i];
      const uint32_t last = order[next - 1];
      edits_.push_back({value_begin(first), value_end(first), value_begin(last), value_end(last)});
    }
  }
}

void Canonicalizer::ApplyEdits(std::string* out) {
  // No two edits begin at one byte, and every byte of the buffer is copied at most once: a value
  // that moves is left out where it stood.
  std::sort(edits_.begin(), edits_.end(),
            [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
  struct Range {
    uint32_t at, end;
  };
  std::vector<Range> ranges{{0, Offset(write_)}};
  while (!ranges.empty()) {
    Range& range = ranges.back();
    const auto edit = std::lower_bound(edits_.begin(), edits_.end(), range.at,
                                       [](const Edit& e, uint32_t at) { return e.begin < at; });
    const bool edited = edit != edits_.end() && edit->begin < range.end;
    out->append(begin_ + range.at, (edited ? edit->begin : range.end) - range.at);
    if (edited) {
      range.at = edit->end;
      if (edit->from != edit->to) ranges.push_back({edit->from, edit->to});
    } else {
      ranges.pop_back();
    }
  }
}

Result<ValueView> Canonicalizer::Run() {
  SkipSpace();
  if (read_ == end_) {
    return Status::Err(
        fmt::format("{} is not valid JSON: the text is empty at byte {}", what_, read_ - begin_));
  }
  const ValueType type = TypeOfFirstByte(*read_);
  bool ok;
  if (type == ValueType::kString) {
    ++read_;
    ok = String<true>();
  } else if (type == ValueType::kObject || type == ValueType::kArray) {
    ok = Containers();
  } else {
    ok = Scalar();
  }
  if (!ok) return std::move(error_);
  SkipSpace();
  if (read_ != end_) {
    (void)Fail("unexpected text after the value");
    return std::move(error_);
  }
  const std::string_view text(begin_, static_cast<size_t>(write_ - begin_));
  if (text.size() > limits_.max_bytes) return JsonTooLarge(what_, limits_);
  return ValueView{type, text};
}

// --- binary strings -----------------------------------------------------------------------------

constexpr std::string_view kBinaryHead = R"({"$binary":")";
constexpr std::string_view kBinaryTail = R"("})";

void AppendBinary(std::string_view bytes, std::string* out) {
  out->append(kBinaryHead);
  AppendBase64(bytes, out);
  out->append(kBinaryTail);
}

// Turns a root value {"$binary":"…"} into its bytes. `*value` is all of `*out`.
Status DecodeBinary(std::string_view what, std::string* out, ValueView* value) {
  const std::string_view text = value->text;
  const size_t frame = kBinaryHead.size() + kBinaryTail.size();
  if (text.size() < frame || !text.starts_with(kBinaryHead)) return Status::Ok();
  const char* const string = text.data() + kBinaryHead.size() - 1;
  const char* const end = text.data() + text.size();
  if (end - SkipJsonValue(string, end) != 1) return Status::Ok();  // more members
  const ptrdiff_t size = DecodeBase64(out->data() + kBinaryHead.size(), text.size() - frame);
  if (size < 0) {
    return Status::Err(fmt::format("{} is not valid: \"$binary\" needs base64 text", what));
  }
  out->erase(0, kBinaryHead.size());
  out->resize(static_cast<size_t>(size));
  *value = StringValue(*out);
  return Status::Ok();
}

// Appends `text` quoted and escaped. False, and `*out` as it was, where it is not valid UTF-8.
bool AppendQuoted(std::string_view text, std::string* out) {
  const size_t size_before = out->size();
  out->push_back('"');
  const char* at = text.data();
  const char* const end = at + text.size();
  for (const char* run = at;;) {
    at = FindSpecial(at, end);
    if (at != end && static_cast<uint8_t>(*at) >= 0x80) {
      const size_t size = Utf8Sequence(at, end);
      if (size == 0) {
        out->resize(size_before);
        return false;
      }
      at += size;
      continue;
    }
    out->append(run, static_cast<size_t>(at - run));
    if (at == end) break;
    char escape[6];
    out->append(escape, PutEscape(*at++, escape));
    run = at;
  }
  out->push_back('"');
  return true;
}

// The closing quote of the canonical string whose text begins at `at`.
const char* FindClosingQuote(const char* at, const char* end) {
  for (;;) {
    at = FindByte(at, end,
                  [](uint64_t word) { return BytesEqual(word, '"') | BytesEqual(word, '\\'); });
    if (at >= end || *at == '"') return at;
    at += 2;
  }
}

}  // namespace

Status JsonTooLarge(std::string_view what, const JsonLimits& limits) {
  return Status::Err(
      fmt::format("{} is more than max-item-size ({} bytes)", what, limits.max_bytes));
}

Result<ValueView> ParseJson(std::string_view json, const JsonLimits& limits, std::string_view what,
                            std::string* out) {
  out->clear();
  if (json.size() / 6 > limits.max_bytes || json.size() > UINT32_MAX - Canonicalizer::kPadding) {
    return JsonTooLarge(what, limits);
  }
  out->reserve(json.size() + Canonicalizer::kPadding);
  out->append(json).append(Canonicalizer::kPadding, '\0');
  Canonicalizer canonicalizer(out->data(), json.size(), limits, what);
  Result<ValueView> value = canonicalizer.Run();
  if (!value.ok()) return value;
  if (canonicalizer.has_edits()) {
    std::string edited;
    edited.reserve(value->text.size());
    canonicalizer.ApplyEdits(&edited);
    *out = std::move(edited);
  } else {
    out->resize(value->text.size());
  }
  value->text = *out;
  if (value->is_object()) AMPT_RETURN_IF_ERROR(DecodeBinary(what, out, &*value));
  return value;
}

void AppendJson(const ValueView& value, std::string* out) {
  if (value.type == ValueType::kString) {
    AppendJsonKey(value.text, out);
  } else {
    out->append(value.text);
  }
}

void AppendJsonString(std::string_view utf8, std::string* out) {
  const bool valid = AppendQuoted(utf8, out);
  AMPT_ASSERT(valid);
}

void AppendJsonKey(std::string_view key, std::string* out) {
  if (!AppendQuoted(key, out)) AppendBinary(key, out);
}

ObjectReader::ObjectReader(std::string_view object)
    : at_(object.data()), end_(object.data() + object.size()) {
  AMPT_ASSERT(object.size() >= 2 && object.front() == '{');
}

bool ObjectReader::Next(Member* member) {
  // At '{' or ',' before a member, else at '}'.
  if (++at_ >= end_ || *at_ != '"') return false;
  const char* const name = at_ + 1;
  const char* const quote = FindClosingQuote(name, end_);
  member->name = {name, static_cast<size_t>(quote - name)};
  const char* const value = quote + 2;
  at_ = SkipJsonValue(value, end_);
  member->json = {value, static_cast<size_t>(at_ - value)};
  member->value = {TypeOfFirstByte(*value), member->json};
  if (*value == '"') member->value.text = member->json.substr(1, member->json.size() - 2);
  return true;
}

const char* SkipJsonValue(const char* at, const char* end) {
  size_t depth = 0;
  do {
    switch (*at) {
      case '"':
        at = FindClosingQuote(at + 1, end) + 1;
        break;
      case '{':
      case '[':
        ++depth;
        ++at;
        break;
      case '}':
      case ']':
        --depth;
        ++at;
        break;
      case ',':
      case ':':
        ++at;
        break;
      default:  // a number or a word
        while (at < end && *at != ',' && *at != '}' && *at != ']') ++at;
    }
  } while (depth > 0 && at < end);
  return at;
}

std::string_view EscapedName(std::string_view name, std::string* scratch) {
  const char* at = name.data();
  const char* const end = at + name.size();
  const char* special = FindEscapable(at, end);
  if (special == end) return name;
  scratch->clear();
  while (special != end) {
    char escape[6];
    scratch->append(at, special).append(escape, PutEscape(*special, escape));
    at = special + 1;
    special = FindEscapable(at, end);
  }
  return scratch->append(at, end);
}

void UnescapeString(std::string_view escaped, std::string* out) {
  out->clear();
  out->reserve(escaped.size());
  for (;;) {
    const size_t backslash = escaped.find('\\');
    out->append(escaped.substr(0, backslash));
    if (backslash == std::string_view::npos) return;
    const Escape escape = ReadEscape(escaped.data() + backslash, escaped.data() + escaped.size());
    AMPT_ASSERT(escape.error == nullptr);
    char utf8[4];
    out->append(utf8, PutUtf8(escape.code_point, utf8));
    escaped.remove_prefix(backslash + escape.size);
  }
}

}  // namespace ampt
