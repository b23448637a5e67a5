// Error texts that more than one command gives. Redis' own where Redis has the error.
#pragma once

#include "base/status.h"

namespace ampt {

inline Status WrongType() {
  return Status::Coded("WRONGTYPE", "Operation against a key holding the wrong kind of value");
}
inline Status SyntaxError() {
  return Status::Err("syntax error");
}
inline Status NotAnIntegerOrOutOfRange() {
  return Status::Err("value is not an integer or out of range");
}
inline Status NotAFloat() {
  return Status::Err("value is not a valid float");
}
inline Status NoSuchKey() {
  return Status::Err("no such key");
}
inline Status InvalidExpire(std::string_view command) {
  return Status::Err("invalid expire time in '" + std::string(command) + "' command");
}
inline Status StringTooLong() {
  return Status::Err("string exceeds maximum allowed size (proto-max-bulk-len)");
}

}  // namespace ampt
