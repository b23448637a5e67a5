// The binary record of an item: everything but its key, in one versioned form.
//
// One form for all who keep or send items: log, snapshot, replication, dump. Numbers are
// little-endian. A reader takes exactly the versions it knows.
//
//   offset size
//     0     1   version, 1
//     1     1   bits 0-2 value type (model/value.h), bit 3 has a deadline, others 0
//     2     1   bits 0-4 which labels it has, others 0
//     3     1   0
//     4     4   created, seconds
//     8     4   modified, seconds
//    12     4   bytes of the value
//    16     8   deadline in milliseconds, if it has one
//           2   bytes of each label it has, in order
//               the labels, as they are kept (model/label.h)
//               the value, to the end
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/item.h"

namespace ampt {

inline constexpr uint8_t kRecordVersion = 1;
inline constexpr size_t kRecordHeaderBytes = 16;
// What a label of two segments with a ':' may take once it is encoded.
inline constexpr size_t kEncodedLabelBytes = 2 * (2 * limits::kKeySegmentBytes + 1);

// How large the record of a state is. Cost: constant.
size_t RecordBytes(const ItemState& state);

// Appends the record. Cost: one copy of labels and value.
void AppendRecord(const ItemState& state, std::string* out);

// Reads a record that takes all of `bytes`; the views of `*state` point into it. Whatever the bytes
// are, it reads none beyond them, and what it accepts can be put into a keyspace: sizes, types,
// words, numbers and the encoding of labels are checked. That the text of an array or object is
// canonical JSON is not (CheckValue does): it costs more than all the rest of loading an item.
// Errors say what is wrong, without saying where: the caller knows.
// Cost: constant, plus the labels and a number.
Status ReadRecord(std::string_view bytes, ItemState* state);

// Whether a value is what its type says it is, down to the last byte of its JSON. For records from
// somebody who is not trusted, and for checking files. Cost: a parse of the value.
Status CheckValue(const ValueView& value);

}  // namespace ampt
