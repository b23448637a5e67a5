#include "model/update.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include <fmt/format.h>

#include "base/assert.h"
#include "model/decimal.h"

namespace ampt {
namespace {

using Member = ObjectReader::Member;

constexpr std::string_view kAdd = "$add";

// --- $add ---------------------------------------------------------------------------------------

enum class AddForm { kNone, kNumber, kNotNumber, kOtherNames };

// What `value` is as an {"$add":n}; `*number` is n.
AddForm ReadAdd(const ValueView& value, std::string_view* number) {
  // Nearly every object is told apart here, without reading its members.
  if (!value.is_object() || value.text.find("$add\":") == std::string_view::npos) {
    return AddForm::kNone;
  }
  ObjectReader reader(value.text);
  size_t names = 0;
  bool add = false;
  bool is_number = false;
  for (Member member; reader.Next(&member); ++names) {
    if (member.name != kAdd) continue;
    add = true;
    is_number = member.value.type == ValueType::kNumber;
    *number = member.json;
  }
  if (!add) return AddForm::kNone;
  if (names > 1) return AddForm::kOtherNames;
  return is_number ? AddForm::kNumber : AddForm::kNotNumber;
}

Status CheckAdd(AddForm form) {
  if (form == AddForm::kOtherNames) {
    return Status::Err(
        "'$add' is a reserved keyword and must be in an object with a single key of $add");
  }
  if (form == AddForm::kNotNumber) {
    return Status::Err("'value' must be a number when using $add");
  }
  return Status::Ok();
}

std::string_view TypeWords(ValueType type) {
  switch (type) {
    case ValueType::kNull:
      return "null";
    case ValueType::kFalse:
    case ValueType::kTrue:
      return "a boolean";
    case ValueType::kNumber:
      return "a number";
    case ValueType::kString:
      return "a string";
    case ValueType::kArray:
      return "an array";
    case ValueType::kObject:
      return "an object";
  }
  __builtin_unreachable();
}

Status AddToWrongType(std::string_view where, ValueType type) {
  return Status::Coded("WRONGTYPE",
                       fmt::format("$add needs a number, {} holds {}", where, TypeWords(type)));
}

Status ObjectToScalar() {
  return Status::Coded("WRONGTYPE", "Cannot convert an existing object to a simple value.");
}

std::string Unescaped(std::string_view escaped) {
  std::string name;
  UnescapeString(escaped, &name);
  return name;
}

// --- the request --------------------------------------------------------------------------------

const ValueView* FallbackOf(const Update& update) {
  return update.fallback && update.fallback->type != ValueType::kNull ? &*update.fallback : nullptr;
}

// The value, or null where only the default counts.
const ValueView* ValueOf(const Update& update) {
  if (!update.value) return nullptr;
  return update.value->type == ValueType::kNull && FallbackOf(update) != nullptr ? nullptr
                                                                                 : &*update.value;
}

// `true` and `false` are of one type.
ValueType KindOf(ValueType type) {
  return type == ValueType::kTrue ? ValueType::kFalse : type;
}

// --- merging a default below a value ------------------------------------------------------------

// Finds names in a list by binary search (which no choice of names can slow down), or by looking at
// all of a short list. Of equal names the first is found.
class NameIndex {
 public:
  static constexpr uint32_t kNotFound = UINT32_MAX;

  explicit NameIndex(std::pmr::memory_resource* memory) : names_(memory), order_(memory) {}

  void reserve(size_t names) { names_.reserve(names); }
  void Add(std::string_view name) { names_.push_back(name); }
  size_t size() const { return names_.size(); }

  uint32_t Find(std::string_view name) {
    if (names_.size() <= kShort) {
      for (size_t i = 0; i < names_.size(); ++i) {
        if (names_[i] == name) return static_cast<uint32_t>(i);
      }
      return kNotFound;
    }
    if (order_.size() != names_.size()) Sort();
    const auto found = std::lower_bound(
        order_.begin(), order_.end(), name,
        [this](uint32_t i, auto wanted) { return Compare(names_[i], wanted) < 0; });
    return found != order_.end() && names_[*found] == name ? *found : kNotFound;
  }

 private:
  static constexpr size_t kShort = 8;

  // Any order will do: by size first is the cheapest.
  static int Compare(std::string_view a, std::string_view b) {
    return a.size() != b.size() ? (a.size() < b.size() ? -1 : 1) : a.compare(b);
  }
  void Sort() {
    order_.resize(names_.size());
    for (size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<uint32_t>(i);
    std::sort(order_.begin(), order_.end(), [this](uint32_t a, uint32_t b) {
      const int compared = Compare(names_[a], names_[b]);
      return compared != 0 ? compared < 0 : a < b;
    });
  }

  std::pmr::vector<std::string_view> names_;
  std::pmr::vector<uint32_t> order_;
};

// The objects of a default as a tree, so that merging far down does not scan its text once a level.
class DefaultTree {
 public:
  struct Node {
    std::string_view name;
    std::string_view json;
    uint32_t next;  // the node behind this one and all below it
  };

  // Node 0 is the root, the members of an object follow it. REQUIRES: canonical text of an object.
  explicit DefaultTree(std::string_view object) {
    const char* at = object.data();
    const char* const end = at + object.size();
    std::vector<uint32_t> open;
    const auto push = [&](std::string_view name) {
      nodes_.push_back({name, {at, 0}, 0});
      return static_cast<uint32_t>(nodes_.size() - 1);
    };
    const auto close = [&](uint32_t node) {
      nodes_[node].json = {nodes_[node].json.data(), at};
      nodes_[node].next = static_cast<uint32_t>(nodes_.size());
    };
    open.push_back(push({}));
    ++at;
    while (!open.empty()) {
      if (*at == '}') {
        ++at;
        close(open.back());
        open.pop_back();
        continue;
      }
      if (*at == ',') ++at;
      const char* const quote = SkipJsonValue(at, end) - 1;
      const std::string_view name(at + 1, quote);
      at = quote + 2;
      const uint32_t node = push(name);
      if (*at == '{') {
        open.push_back(node);
        ++at;
      } else {
        at = SkipJsonValue(at, end);
        close(node);
      }
    }
  }

  const Node& operator[](uint32_t node) const { return nodes_[node]; }

 private:
  std::vector<Node> nodes_;
};

// Appends `object` with what only `fallback` has, on all levels: the object's members come first
// and win, arrays are taken whole. Cost: linear in both, O(n log n) in the names of the default.
void AppendMerged(std::string_view object, std::string_view fallback, std::string* out) {
  const DefaultTree tree(fallback);
  struct Frame {
    NameIndex names{std::pmr::get_default_resource()};
    std::vector<uint32_t> nodes;
    std::vector<bool> shadowed;
  };
  std::vector<Frame> frames;
  const auto enter = [&](uint32_t node) {
    Frame& frame = frames.emplace_back();
    for (uint32_t child = node + 1; child != tree[node].next; child = tree[child].next) {
      frame.names.Add(tree[child].name);
      frame.nodes.push_back(child);
    }
    frame.shadowed.resize(frame.nodes.size());
    out->push_back('{');
  };
  const auto separate = [&] {
    if (out->back() != '{') out->push_back(',');
  };

  const char* at = object.data() + 1;
  const char* const end = object.data() + object.size();
  enter(0);
  while (!frames.empty()) {
    Frame& frame = frames.back();
    if (*at == '}') {
      for (size_t i = 0; i < frame.nodes.size(); ++i) {
        if (frame.shadowed[i]) continue;
        const DefaultTree::Node& node = tree[frame.nodes[i]];
        separate();
        out->append(1, '"').append(node.name).append("\":").append(node.json);
      }
      out->push_back('}');
      frames.pop_back();
      ++at;
      continue;
    }
    if (*at == ',') ++at;
    separate();
    const char* const value = SkipJsonValue(at, end) + 1;
    const uint32_t twin = frame.names.Find({at + 1, value - 2});
    out->append(at, value);
    at = value;
    if (twin != NameIndex::kNotFound) {
      frame.shadowed[twin] = true;
      const uint32_t node = frame.nodes[twin];
      if (*at == '{' && tree[node].json.front() == '{') {
        ++at;
        enter(node);
        continue;
      }
    }
    at = SkipJsonValue(value, end);
    out->append(value, at);
  }
}

// --- updating an object -------------------------------------------------------------------------

enum class Action : uint8_t { kPut, kAdd, kRemove, kPutIfAbsent };

// What the update wants done with one root attribute.
struct Entry {
  std::string_view name;           // escaped
  std::string_view json;           // the value to put, or the number to add
  std::string_view fallback = {};  // an object to merge below `json`, if not empty
  Action action;
  bool done = false;
};

// The splicing of one stored object.
class ObjectUpdate {
 public:
  // `value` and `fallback` are objects or null.
  ObjectUpdate(const Update& update, const ValueView* value, const ValueView* fallback)
      : update_(update) {
    entries_.reserve(8);
    names_.reserve(8);
    // Of equal names the first entry counts: UNSET, then the value, then the default.
    for (const std::string_view raw : update.unset) AddUnset(raw);
    if (value != nullptr) AddValue(*value);
    if (fallback != nullptr) AddFallback(*fallback);
  }

  // True if on an empty object the update is just the value as it is.
  bool plain() const { return plain_; }

  Result<ValueView> Apply(const ValueView& object, const JsonLimits& limits, std::string* out);

 private:
  void Add(Entry entry) {
    names_.Add(entry.name);
    entries_.push_back(entry);
  }
  void AddUnset(std::string_view raw) {
    plain_ = false;
    std::string scratch;
    std::string_view name = EscapedName(raw, &scratch);
    if (name.data() != raw.data()) {
      char* const copy = static_cast<char*>(memory_.allocate(name.size(), 1));
      name = {copy, name.copy(copy, name.size())};
    }
    Add({.name = name, .action = Action::kRemove});
  }
  void AddValue(const ValueView& value) {
    ObjectReader reader(value.text);
    for (Member member; reader.Next(&member);) {
      Entry entry{.name = member.name, .json = member.json, .action = Action::kPut};
      if (member.value.type == ValueType::kNull && update_.remove_nulls) {
        entry.action = Action::kRemove;
        plain_ = false;
      } else if (std::string_view number; ReadAdd(member.value, &number) == AddForm::kNumber) {
        entry.action = Action::kAdd;
        entry.json = number;
        plain_ = false;
      }
      Add(entry);
    }
  }
  void AddFallback(const ValueView& fallback) {
    plain_ = false;
    ObjectReader reader(fallback.text);
    std::pmr::vector<Entry> added(&memory_);
    for (Member member; reader.Next(&member);) {
      if (member.value.type == ValueType::kNull && update_.remove_nulls) continue;
      const uint32_t twin = names_.Find(member.name);
      if (twin == NameIndex::kNotFound) {
        added.push_back({.name = member.name, .json = member.json, .action = Action::kPutIfAbsent});
      } else if (Entry& entry = entries_[twin]; entry.action == Action::kPut &&
                                                entry.json.front() == '{' &&
                                                member.value.is_object()) {
        entry.fallback = member.json;
      }
    }
    for (const Entry& entry : added) Add(entry);
  }

  Status AppendResult(const Entry& entry, std::string_view stored_number, std::string* out) {
    if (entry.action == Action::kAdd) {
      AMPT_RETURN_IF_ERROR(AddDecimals(stored_number, entry.json, &sum_));
      out->append(sum_);
    } else if (!entry.fallback.empty()) {
      AppendMerged(entry.json, entry.fallback, out);
    } else {
      out->append(entry.json);
    }
    return Status::Ok();
  }

  const Update& update_;
  std::array<std::byte, 1536> room_;
  std::pmr::monotonic_buffer_resource memory_{room_.data(), room_.size()};
  std::pmr::vector<Entry> entries_{&memory_};
  NameIndex names_{&memory_};
  std::string sum_;
  bool plain_ = true;
};

Result<ValueView> ObjectUpdate::Apply(const ValueView& object, const JsonLimits& limits,
                                      std::string* out) {
  // What is kept is copied in runs: `kept` is where the next one begins.
  const char* kept = object.text.data();
  const char* const end = kept + object.text.size() - 1;  // at '}'
  bool changed = false;
  const auto keep_until = [&](const char* to) {
    if (!changed) out->reserve(object.text.size() + 64);
    // Where the first member has gone, the comma behind it goes too.
    if (kept < to && *kept == ',' && out->size() == 1) ++kept;
    out->append(kept, to);
    changed = true;
  };

  size_t left = entries_.size();
  ObjectReader reader(object.text);
  for (Member member; left > 0 && reader.Next(&member);) {
    const uint32_t found = names_.Find(member.name);
    if (found == NameIndex::kNotFound) continue;
    Entry& entry = entries_[found];
    entry.done = true;
    --left;
    switch (entry.action) {
      case Action::kPutIfAbsent:
        continue;
      case Action::kRemove:
        // With the quote and the comma (or the bracket, which stays) before the name.
        keep_until(member.name.data() - (member.name.data() - 2 == object.text.data() ? 1 : 2));
        break;
      case Action::kAdd:
        if (member.value.type != ValueType::kNumber) {
          return AddToWrongType(Unescaped(member.name), member.value.type);
        }
        [[fallthrough]];
      case Action::kPut:
        keep_until(member.json.data());
        AMPT_RETURN_IF_ERROR(AppendResult(entry, member.json, out));
    }
    kept = member.json.data() + member.json.size();
  }

  for (uint32_t i = 0; left > 0 && i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.done || entry.action == Action::kRemove) continue;
    if (!update_.unset.empty() && names_.Find(entry.name) != i) continue;
    if (kept < end || !changed) keep_until(end);
    kept = end;
    if (out->size() > 1) out->push_back(',');
    out->append(1, '"').append(entry.name).append("\":");
    AMPT_RETURN_IF_ERROR(AppendResult(entry, "0", out));
  }
  if (!changed) return object;
  keep_until(end + 1);
  if (out->size() > limits.max_bytes) return JsonTooLarge("value", limits);
  return ValueView{ValueType::kObject, *out};
}

}  // namespace

Status CheckUpdate(const Update& update) {
  const ValueView* const value = ValueOf(update);
  const ValueView* const fallback = FallbackOf(update);
  std::string_view number;

  AddForm root = AddForm::kNone;
  if (value != nullptr) {
    root = ReadAdd(*value, &number);
    AMPT_RETURN_IF_ERROR(CheckAdd(root));
  }

  if (fallback == nullptr &&
      (value == nullptr || (value->type == ValueType::kNull && update.remove_nulls))) {
    return Status::Err("Value can not be undefined without setting a 'default'");
  }
  if (fallback != nullptr) {
    if (ReadAdd(*fallback, &number) != AddForm::kNone) {
      return Status::Err("'default' cannot use the $add keyword");
    }
    if (value != nullptr) {
      const ValueType type = root == AddForm::kNumber ? ValueType::kNumber : value->type;
      if (KindOf(type) != KindOf(fallback->type)) {
        return Status::Err("'default' must be of the same type as the value");
      }
    }
  }

  if (!update.unset.empty() &&
      (root == AddForm::kNumber || !(value != nullptr ? value : fallback)->is_object())) {
    return Status::Err("UNSET needs an object as the value");
  }

  const auto has_add = [](const ValueView& object) {
    return object.text.find("$add\":") != std::string_view::npos;
  };
  if (value != nullptr && root == AddForm::kNone && value->is_object() && has_add(*value)) {
    ObjectReader reader(value->text);
    for (Member member; reader.Next(&member);) {
      AMPT_RETURN_IF_ERROR(CheckAdd(ReadAdd(member.value, &number)));
    }
  }
  if (fallback != nullptr && fallback->is_object() && has_add(*fallback)) {
    ObjectReader reader(fallback->text);
    for (Member member; reader.Next(&member);) {
      if (ReadAdd(member.value, &number) != AddForm::kNone) {
        return Status::Err(
            fmt::format("'$add' cannot be used as a default ({})", Unescaped(member.name)));
      }
    }
  }
  return Status::Ok();
}

Result<ValueView> ApplyUpdate(const ValueView* stored, const Update& update,
                              const JsonLimits& limits, std::string* out) {
  out->clear();
  if (update.overwrite) stored = nullptr;
  const ValueView* const value = ValueOf(update);
  const ValueView* const fallback = FallbackOf(update);
  AMPT_ASSERT(value != nullptr || fallback != nullptr);
  const bool on_object = stored != nullptr && stored->is_object();

  // A default alone never replaces anything.
  if (value == nullptr && stored != nullptr && !on_object) return *stored;

  std::string_view number;
  const bool add = value != nullptr && ReadAdd(*value, &number) == AddForm::kNumber;
  const bool object = !add && (value != nullptr ? value : fallback)->is_object();
  if (on_object && !object) return ObjectToScalar();

  if (add) {
    if (stored != nullptr && stored->type != ValueType::kNumber) {
      return AddToWrongType("the value", stored->type);
    }
    AMPT_RETURN_IF_ERROR(AddDecimals(stored != nullptr ? stored->text : "0", number, out));
    return NumberValue(*out);
  }
  if (!object) return value != nullptr ? *value : *fallback;

  ObjectUpdate object_update(update, value,
                             fallback != nullptr && fallback->is_object() ? fallback : nullptr);
  if (on_object) return object_update.Apply(*stored, limits, out);
  if (object_update.plain()) return *value;
  return object_update.Apply({ValueType::kObject, "{}"}, limits, out);
}

}  // namespace ampt
