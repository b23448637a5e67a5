// Status and Result: how a layer tells the one above it that something was refused.
//
// A Status is either OK or an error for the person who gets it: one line of text whose first word
// is for programs (`ERR`, `WRONGTYPE`, `EXISTS`, …) and whose rest says what was wrong and what to
// do. OK costs one null pointer. No exceptions cross a layer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ampt {

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  Status(const Status& other)
      : text_(other.text_ ? std::make_unique<std::string>(*other.text_) : nullptr) {}
  Status& operator=(const Status& other) { return *this = Status(other); }

  static Status Ok() { return {}; }
  // `message` without a first word: the reply is "ERR message".
  static Status Err(std::string_view message) { return Coded("ERR", message); }
  // The reply is "CODE message"; CODE is one word in capitals.
  static Status Coded(std::string_view code, std::string_view message) {
    Status status;
    status.text_ = std::make_unique<std::string>();
    status.text_->reserve(code.size() + 1 + message.size());
    status.text_->append(code).append(1, ' ').append(message);
    return status;
  }

  bool ok() const { return text_ == nullptr; }
  // The whole text, first word included. REQUIRES: !ok().
  const std::string& text() const { return *text_; }

 private:
  std::unique_ptr<std::string> text_;
};

// A value or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Status status) : status_(std::move(status)) {}

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace ampt

// Returns from the enclosing function when `expr` (a Status) is an error.
#define AMPT_RETURN_IF_ERROR(expr)                                                  \
  do {                                                                              \
    if (::ampt::Status ampt_status = (expr); !ampt_status.ok()) return ampt_status; \
  } while (0)
