// A second opinion on JSON for the fuzzers: RapidJSON reads, a tree holds, a plain writer writes.
// Slow and recursive on purpose; depth is bounded by the limits that the fuzzers set.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// RapidJSON 1.1.0 adds to a null pointer when its stack is still empty.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

#include "model/value.h"

namespace ampt {

struct JsonMember;

struct JsonTree {
  ValueType type = ValueType::kNull;
  std::string text = {};  // of a number, or the bytes of a string
  std::vector<JsonTree> elements;
  std::vector<JsonMember> members;

  const JsonTree* Find(std::string_view name) const;
  void Put(std::string_view name, JsonTree value);
  void Erase(std::string_view name);
};

struct JsonMember {
  std::string name;
  JsonTree value;
};

inline const JsonTree* JsonTree::Find(std::string_view name) const {
  for (const JsonMember& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

// In the place of the member of that name, or at the end.
inline void JsonTree::Put(std::string_view name, JsonTree value) {
  for (JsonMember& member : members) {
    if (member.name == name) {
      member.value = std::move(value);
      return;
    }
  }
  members.push_back({std::string(name), std::move(value)});
}

inline void JsonTree::Erase(std::string_view name) {
  std::erase_if(members, [name](const JsonMember& member) { return member.name == name; });
}

// Builds a JsonTree from RapidJSON's events.
class JsonTreeHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, JsonTreeHandler> {
 public:
  bool Null() { return Add({.type = ValueType::kNull}); }
  bool Bool(bool value) { return Add({.type = value ? ValueType::kTrue : ValueType::kFalse}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    std::string number(text, size);
    if (number.front() == '-') {
      const std::string significand = number.substr(1, number.find_first_of("eE") - 1);
      if (significand.find_first_not_of("0.") == std::string::npos) number.erase(0, 1);
    }
    return Add({.type = ValueType::kNumber, .text = number});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return Add({.type = ValueType::kString, .text = std::string(text, size)});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    open_.back().name.assign(text, size);
    return true;
  }
  bool StartObject() { return Open(ValueType::kObject); }
  bool StartArray() { return Open(ValueType::kArray); }
  bool EndObject(rapidjson::SizeType) { return Close(); }
  bool EndArray(rapidjson::SizeType) { return Close(); }

  JsonTree root;

 private:
  struct Frame {
    JsonTree tree;
    std::string name;
  };

  bool Add(JsonTree tree) {
    if (open_.empty()) {
      root = std::move(tree);
    } else if (Frame& frame = open_.back(); frame.tree.type == ValueType::kArray) {
      frame.tree.elements.push_back(std::move(tree));
    } else {
      frame.tree.Put(frame.name, std::move(tree));
    }
    return true;
  }
  bool Open(ValueType type) {
    open_.push_back({JsonTree{.type = type}, {}});
    return true;
  }
  bool Close() {
    JsonTree tree = std::move(open_.back().tree);
    open_.pop_back();
    return Add(std::move(tree));
  }

  std::vector<Frame> open_;
};

inline rapidjson::ParseErrorCode ReadJsonTree(std::string_view json, JsonTree* tree) {
  rapidjson::MemoryStream stream(json.data(), json.size());
  rapidjson::Reader reader;
  JsonTreeHandler handler;
  reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag |
               rapidjson::kParseValidateEncodingFlag>(stream, handler);
  *tree = std::move(handler.root);
  return reader.GetParseErrorCode();
}

inline void WriteJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    static constexpr std::string_view kBytes = "\"\\\b\f\n\r\t";
    static constexpr std::string_view kLetters = "\"\\bfnrt";
    if (const size_t i = kBytes.find(c); i != std::string_view::npos) {
      out->append({'\\', kLetters[i]});
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out->append(c < 0x10 ? "\\u000" : "\\u001").push_back("0123456789abcdef"[c & 15]);
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

inline void WriteJsonTree(const JsonTree& tree, std::string* out) {
  const char* separator = "";
  switch (tree.type) {
    case ValueType::kNull:
      out->append("null");
      break;
    case ValueType::kFalse:
      out->append("false");
      break;
    case ValueType::kTrue:
      out->append("true");
      break;
    case ValueType::kNumber:
      out->append(tree.text);
      break;
    case ValueType::kString:
      WriteJsonString(tree.text, out);
      break;
    case ValueType::kArray:
      out->push_back('[');
      for (const JsonTree& element : tree.elements) {
        out->append(std::exchange(separator, ","));
        WriteJsonTree(element, out);
      }
      out->push_back(']');
      break;
    case ValueType::kObject:
      out->push_back('{');
      for (const auto& [name, value] : tree.members) {
        out->append(std::exchange(separator, ","));
        WriteJsonString(name, out);
        out->push_back(':');
        WriteJsonTree(value, out);
      }
      out->push_back('}');
      break;
  }
}

}  // namespace ampt
