#include "tests/server/replies.h"

#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstdlib>

namespace ampt::test {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Words> SplitWords(std::string_view line) {
  Words words;
  size_t at = 0;
  const auto is_space = [&] { return std::isspace(static_cast<unsigned char>(line[at])) != 0; };
  while (true) {
    while (at < line.size() && is_space()) ++at;
    if (at == line.size()) return words;
    std::string& word = words.emplace_back();
    while (at < line.size() && !is_space()) {
      const char quote = line[at];
      if (quote != '"' && quote != '\'') {
        word.push_back(line[at++]);
        continue;
      }
      for (++at; at < line.size() && line[at] != quote; ++at) {
        if (line[at] != '\\' || at + 1 == line.size()) {
          word.push_back(line[at]);
        } else if (quote == '\'') {
          if (line[at + 1] == '\'') ++at;
          word.push_back(line[at]);
        } else if (const char c = line[++at]; c == 'x' && at + 2 < line.size() &&
                                              HexDigit(line[at + 1]) >= 0 &&
                                              HexDigit(line[at + 2]) >= 0) {
          word.push_back(static_cast<char>(HexDigit(line[at + 1]) * 16 + HexDigit(line[at + 2])));
          at += 2;
        } else {
          constexpr std::string_view kNames = "nrtba";
          constexpr std::string_view kCharacters = "\n\r\t\b\a";
          const size_t special = kNames.find(c);
          word.push_back(special == std::string_view::npos ? c : kCharacters[special]);
        }
      }
      if (at == line.size()) return std::nullopt;
      ++at;
      if (at < line.size() && !is_space()) return std::nullopt;
    }
  }
}

std::string ExpandRepeats(std::string_view text) {
  std::string expanded;
  while (true) {
    const size_t open = text.find("%{");
    const size_t close = open == std::string_view::npos ? open : text.find('}', open + 3);
    const size_t star = close == std::string_view::npos ? close : text.rfind('*', close);
    size_t count = 0;
    const auto is_count = [&] {
      const char* const end = text.data() + close;
      return star > open + 2 && std::from_chars(text.data() + star + 1, end, count).ptr == end;
    };
    if (star == std::string_view::npos || !is_count()) return expanded.append(text);
    expanded.append(text.substr(0, open));
    const std::string_view unit = text.substr(open + 2, star - open - 2);
    for (size_t i = 0; i < count; ++i) expanded.append(unit);
    text.remove_prefix(close + 1);
  }
}

std::string Encode(const Words& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes.append("$").append(std::to_string(word.size())).append("\r\n");
    bytes.append(word).append("\r\n");
  }
  return bytes;
}

int64_t Value::integer() const {
  return type == ':' ? std::atoll(text.c_str()) : 0;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\':
      case '"':
        quoted.append(1, '\\').append(1, c);
        break;
      case '\n':
        quoted.append("\\n");
        break;
      case '\r':
        quoted.append("\\r");
        break;
      case '\t':
        quoted.append("\\t");
        break;
      case '\a':
        quoted.append("\\a");
        break;
      case '\b':
        quoted.append("\\b");
        break;
      default:
        if (c >= 0x20 && c < 0x7F) {
          quoted.push_back(c);
        } else {
          char code[8];
          std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(c));
          quoted.append(code);
        }
    }
  }
  return quoted.append("\"");
}

namespace {

std::string_view EmptyName(char type) {
  switch (type) {
    case '%':
      return "(empty hash)";
    case '~':
      return "(empty set)";
    case '>':
      return "(empty push)";
    default:
      return "(empty array)";
  }
}

void RenderTo(const Value& value, const std::string& indent, std::string* out) {
  switch (value.type) {
    case '_':
      out->append("(nil)");
      return;
    case '+':
    case '=':
      out->append(value.text);
      return;
    case '-':
      out->append("(error) ").append(value.text);
      return;
    case ':':
      out->append("(integer) ").append(value.text);
      return;
    case ',':
      out->append("(double) ").append(value.text);
      return;
    case '(':
      out->append("(big number) ").append(value.text);
      return;
    case '#':
      out->append(value.text == "t" ? "(true)" : "(false)");
      return;
    case '$':
      out->append(Quoted(value.text));
      return;
    default:
      break;
  }
  if (value.elements.empty()) {
    out->append(EmptyName(value.type));
    return;
  }
  const size_t step = value.type == '%' ? 2 : 1;
  const size_t width = std::to_string(value.elements.size() / step).size();
  const char mark = value.type == '%' ? '#' : value.type == '~' ? '~' : ')';
  const std::string deeper = indent + std::string(width + 2, ' ');
  for (size_t i = 0; i < value.elements.size(); i += step) {
    const std::string number = std::to_string(i / step + 1);
    if (i > 0) out->append("\n").append(indent);
    out->append(width - number.size(), ' ').append(number).append(1, mark).append(" ");
    RenderTo(value.elements[i], deeper, out);
    if (step == 1) continue;
    out->append(" => ");
    if (value.elements[i + 1].elements.size() > 1) out->append("\n").append(deeper);
    RenderTo(value.elements[i + 1], deeper, out);
  }
}

// Takes replies off a buffer.
class ReplyParser {
 public:
  ReplyParser(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}

  Taken Take(Value* value) {
    std::string_view line;
    if (!TakeLine(&line)) return Taken::kIncomplete;
    if (line.empty()) return Taken::kBroken;
    const char type = line.front();
    line.remove_prefix(1);
    value->type = type;
    switch (type) {
      case '+':
      case '-':
      case ':':
      case ',':
      case '#':
      case '(':
      case '_':
        value->text = line;
        return Taken::kReply;
      case '$':
      case '=':
        return TakeText(line, value);
      case '*':
      case '%':
      case '~':
      case '>':
        return TakeElements(line, value);
      default:
        return Taken::kBroken;
    }
  }
  size_t at() const { return at_; }

 private:
  bool TakeLine(std::string_view* line) {
    const size_t end = bytes_.find("\r\n", at_);
    if (end == std::string_view::npos) return false;
    *line = bytes_.substr(at_, end - at_);
    at_ = end + 2;
    return true;
  }

  Taken TakeText(std::string_view head, Value* value) {
    int64_t size = 0;
    if (!TakeNumber(head, &size)) return Taken::kBroken;
    if (size == -1) {
      value->type = '_';
      return Taken::kReply;
    }
    if (bytes_.size() - at_ < static_cast<size_t>(size) + 2) return Taken::kIncomplete;
    value->text = bytes_.substr(at_, static_cast<size_t>(size));
    if (bytes_.substr(at_ + value->text.size(), 2) != "\r\n") return Taken::kBroken;
    at_ += value->text.size() + 2;
    // The first four bytes of a verbatim string say what kind of text it is.
    if (value->type == '=') value->text.erase(0, 4);
    return Taken::kReply;
  }

  Taken TakeElements(std::string_view head, Value* value) {
    int64_t count = 0;
    if (!TakeNumber(head, &count)) return Taken::kBroken;
    if (count == -1) {
      value->type = '_';
      return Taken::kReply;
    }
    if (value->type == '%') count *= 2;
    for (int64_t i = 0; i < count; ++i) {
      const Taken taken = Take(&value->elements.emplace_back());
      if (taken != Taken::kReply) return taken;
    }
    return Taken::kReply;
  }

  static bool TakeNumber(std::string_view text, int64_t* number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
    return error == std::errc() && end == text.data() + text.size() && *number >= -1;
  }

  std::string_view bytes_;
  size_t at_;
};

}  // namespace

std::string Render(const Value& value) {
  std::string text;
  RenderTo(value, "", &text);
  return text;
}

Taken TakeReply(std::string_view bytes, size_t* at, Value* value) {
  ReplyParser parser(bytes, *at);
  const Taken taken = parser.Take(value);
  *at = parser.at();
  return taken;
}

}  // namespace ampt::test
