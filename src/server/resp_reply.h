// RespReply: a Reply as the bytes of RESP2 or RESP3, appended to a string. No I/O.
//
// In RESP2 a map or a set is an array, a push too, a double its text, a boolean 1 or 0, a verbatim
// text a bulk string. Integers and short bulk strings are what clients ask for most: they cost one
// append.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "commands/reply.h"

namespace ampt {

class RespReply final : public Reply {
 public:
  // Both outlive the reply. `*version`, 2 or 3, may change on the way: HELLO answers in the version
  // that it chooses.
  RespReply(std::string* out, const int* version) : out_(out), version_(version) {}

  // Errors answered so far, and the first word of the latest.
  uint64_t errors() const { return errors_; }
  std::string_view error_code() const { return error_code_; }
  // Whether something was pushed, which CLIENT REPLY does not silence.
  bool has_pushed() const { return has_pushed_; }

  using Reply::Error;
  void Simple(std::string_view text) override;
  void Error(std::string_view text) override;
  void Integer(int64_t value) override;
  void Bulk(std::string_view bytes) override;
  void Null() override;
  void NullArray() override;
  void Double(double value) override;
  void Boolean(bool value) override;
  void Verbatim(std::string_view text) override;
  void Array(size_t n) override { Header('*', n); }
  void Map(size_t n) override;
  void Set(size_t n) override { Header(is_resp3() ? '~' : '*', n); }
  void Push(size_t n) override {
    has_pushed_ = true;
    Header(is_resp3() ? '>' : '*', n);
  }
  // The length is guessed to have as many digits as the last one; where that is wrong, CloseBulk()
  // moves the bytes, once.
  std::string* OpenBulk() override;
  void CloseBulk() override;

 private:
  bool is_resp3() const { return *version_ == 3; }
  void Header(char type, size_t n);
  // Appends a line without the characters that would end it.
  void Line(char type, std::string_view text);

  std::string* out_;
  const int* version_;
  size_t bulk_begin_ = 0;  // where the open bulk's header begins
  size_t guessed_digits_ = 4;
  uint64_t errors_ = 0;
  bool has_pushed_ = false;
  std::string error_code_;
};

}  // namespace ampt
