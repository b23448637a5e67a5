#include "server/resp_reply.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace ampt {
namespace {

// A bulk string up to this size is put together on the stack and appended once.
constexpr size_t kShortBulkBytes = 480;
// Type, 20 digits, line end.
constexpr size_t kHeaderBytes = 24;
// For a header that is written later, over it.
constexpr char kRoom[kHeaderBytes] = {'$'};

// Writes "<type><number>\r\n" and returns its end.
inline char* WriteHeader(char* to, char type, int64_t number) {
  *to++ = type;
  to = std::to_chars(to, to + 20, number).ptr;
  *to++ = '\r';
  *to++ = '\n';
  return to;
}

// A double as Redis 7.0 writes it ("%.17g").
std::string_view DoubleText(double value, char (&text)[40]) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 17);
  return {text, static_cast<size_t>(end.ptr - text)};
}

}  // namespace

void RespReply::Header(char type, size_t n) {
  char header[kHeaderBytes];
  const char* end = WriteHeader(header, type, static_cast<int64_t>(n));
  out_->append(header, static_cast<size_t>(end - header));
}

void RespReply::Line(char type, std::string_view text) {
  const size_t begin = out_->size();
  out_->resize(begin + 1 + text.size() + 2);
  char* to = out_->data() + begin;
  *to++ = type;
  for (const char c : text) *to++ = c == '\r' || c == '\n' ? ' ' : c;
  *to++ = '\r';
  *to = '\n';
}

void RespReply::Simple(std::string_view text) {
  if (text == "OK") {
    out_->append("+OK\r\n", 5);
    return;
  }
  Line('+', text);
}

void RespReply::Error(std::string_view text) {
  ++errors_;
  error_code_.assign(text.substr(0, text.find(' ')));
  Line('-', text);
}

void RespReply::Integer(int64_t value) {
  char line[kHeaderBytes];
  const char* end = WriteHeader(line, ':', value);
  out_->append(line, static_cast<size_t>(end - line));
}

void RespReply::Bulk(std::string_view bytes) {
  char text[kHeaderBytes + kShortBulkBytes + 2];
  char* end = WriteHeader(text, '$', static_cast<int64_t>(bytes.size()));
  if (bytes.size() > kShortBulkBytes) {
    out_->append(text, static_cast<size_t>(end - text));
    out_->append(bytes);
    out_->append("\r\n", 2);
    return;
  }
  if (!bytes.empty()) std::memcpy(end, bytes.data(), bytes.size());
  end += bytes.size();
  *end++ = '\r';
  *end++ = '\n';
  out_->append(text, static_cast<size_t>(end - text));
}

void RespReply::Null() {
  out_->append(is_resp3() ? "_\r\n" : "$-1\r\n");
}

void RespReply::NullArray() {
  out_->append(is_resp3() ? "_\r\n" : "*-1\r\n");
}

void RespReply::Double(double value) {
  char buffer[40];
  const std::string_view text = DoubleText(value, buffer);
  if (is_resp3()) {
    out_->append(1, ',').append(text).append("\r\n");
  } else {
    Bulk(text);
  }
}

void RespReply::Boolean(bool value) {
  if (is_resp3()) {
    out_->append(value ? "#t\r\n" : "#f\r\n");
  } else {
    Integer(value ? 1 : 0);
  }
}

void RespReply::Verbatim(std::string_view text) {
  if (!is_resp3()) {
    Bulk(text);
    return;
  }
  Header('=', text.size() + 4);
  out_->append("txt:").append(text).append("\r\n");
}

void RespReply::Map(size_t n) {
  if (is_resp3()) {
    Header('%', n);
  } else {
    Header('*', 2 * n);
  }
}

std::string* RespReply::OpenBulk() {
  bulk_begin_ = out_->size();
  out_->append(kRoom, 1 + guessed_digits_ + 2);
  return out_;
}

void RespReply::CloseBulk() {
  const size_t guessed_bytes = 1 + guessed_digits_ + 2;
  const size_t size = out_->size() - (bulk_begin_ + guessed_bytes);
  char header[kHeaderBytes];
  const char* const end = WriteHeader(header, '$', static_cast<int64_t>(size));
  const auto bytes = static_cast<size_t>(end - header);
  if (bytes == guessed_bytes) {
    std::memcpy(out_->data() + bulk_begin_, header, bytes);
  } else {
    out_->replace(bulk_begin_, guessed_bytes, header, bytes);
    guessed_digits_ = bytes - 3;
  }
  out_->append("\r\n", 2);
}

}  // namespace ampt
