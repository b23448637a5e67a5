// Reply: what a command answers, in the types of RESP3, without its bytes.
//
// A command calls exactly one of these (a container and then its elements). The server writes them
// as RESP2 or RESP3, the tests as text, a module through its own API. Where RESP2 lacks a type the
// server writes what Redis writes there: a map as a flat array, a null as a null bulk string, a
// double as text, a boolean as an integer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace ampt {

class Reply {
 public:
  virtual ~Reply() = default;

  virtual void Simple(std::string_view text) = 0;  // one line, as OK or PONG
  virtual void Error(std::string_view text) = 0;   // first word included; line breaks become spaces
  virtual void Integer(int64_t value) = 0;
  virtual void Bulk(std::string_view bytes) = 0;
  virtual void Null() = 0;
  virtual void NullArray() = 0;
  virtual void Double(double value) = 0;
  virtual void Boolean(bool value) = 0;
  // Text for people (INFO): a verbatim string, a bulk string in RESP2.
  virtual void Verbatim(std::string_view text) = 0;

  // The elements follow: n of them, a map's pairs as 2n.
  virtual void Array(size_t n) = 0;
  virtual void Map(size_t n) = 0;
  virtual void Set(size_t n) = 0;
  virtual void Push(size_t n) = 0;

  // A bulk string of unknown length: append to what OpenBulk() returns, touch nothing before what
  // is there already and call nothing else until CloseBulk().
  virtual std::string* OpenBulk() = 0;
  virtual void CloseBulk() = 0;

  void Ok() { Simple("OK"); }
  void Error(const Status& status) { Error(std::string_view(status.text())); }
};

}  // namespace ampt
