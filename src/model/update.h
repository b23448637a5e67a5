// What a write makes of a stored value: the rules of AMPT.SET, MSET and ADD, without any storage.
//
// A pure function of the stored value and the request, so that the server, the tests' model, the
// fuzzer and a later module agree by construction. All root-level: an update scans the stored
// object once and splices, it never parses below the root. (Only DEFAULT looks deeper, and only
// into attributes that are objects both there and in the value.)
//
// Where the contract leaves room:
//  - A null value beside a default is as no value, whatever `remove_nulls` says; a null default is
//    as no default.
//  - A name both in the value and in UNSET is removed, as one that is null in the value.
//  - UNSET beside a value that is no object is refused. A stored scalar that stays (a default alone
//    never replaces it) has no attributes, so there it does nothing.
//  - `$add` ignores a default for the same number: what is absent counts as 0.
//  - Where an object replaces a scalar, its default fills in as on a new item.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "model/json.h"
#include "model/value.h"

namespace ampt {

struct Update {
  // The new value, canonical. Absent only when `fallback` is there and nothing else was asked for.
  std::optional<ValueView> value;
  // DEFAULT: used where nothing is stored, merged below `value` where both are objects.
  std::optional<ValueView> fallback;
  // Root attributes to remove in the same write (raw UTF-8 names, as sent).
  std::span<const std::string_view> unset;
  // Root nulls remove their attribute; else they are stored.
  bool remove_nulls = true;
  // Full replacement: the stored value is not looked at.
  bool overwrite = false;
};

// Checks that need no stored value: null without a default, `$add` forms, default's type. In the
// order of the contract. A refused update has no effect.
Status CheckUpdate(const Update& update);

// Computes the value after the write. `stored` is null where there is no (visible) item.
// `*out` (cleared first; nothing passed in may lie in it) receives the stored form; the view points
// into it, or at `*stored` or `update` where the result is one of them unchanged.
// REQUIRES: CheckUpdate(update) passed.
// Errors: WRONGTYPE (object to scalar; $add on something that is not a number), size, sums.
// Cost: linear in stored + update, O(n log n) in the names of the update; an update of one
// attribute of a small object takes no allocation but `*out`'s.
Result<ValueView> ApplyUpdate(const ValueView* stored, const Update& update,
                              const JsonLimits& limits, std::string* out);

}  // namespace ampt
