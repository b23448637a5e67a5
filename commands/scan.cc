// SCAN. Walks in key order; the server keeps the key that a cursor stands for
// (model/scan_cursors.h), so a scan goes on exactly there whatever was written meanwhile. In a
// cluster: each node is scanned by itself.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "commands/grammar.h"
#include "commands/key_walk.h"
#include "commands/texts.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view cursor;
  std::optional<std::string_view> pattern;
  int64_t count = 10;
  std::optional<std::string_view> type;
};

constexpr auto kGrammar =
    Redis<Args>(Word("cursor", &Args::cursor), Option("MATCH", "pattern", &Args::pattern),
                Option("COUNT", "count", &Args::count), Option("TYPE", "type", &Args::type));

constexpr Example kExamples[] = {
    {"MSET user:1 Ann user:2 Bob visits 7", "OK"},
    {"SCAN 0 MATCH user:*", "1) \"0\"\n2) 1) \"user:1\"\n   2) \"user:2\""},
    {"SCAN 0 COUNT 100 TYPE hash", "1) \"0\"\n2) (empty array)"},
    {"SCAN 18446744073709551615", "(error) ERR invalid cursor"},
};

constexpr Spec kSpec{
    .name = "scan",
    .group = Group::kGeneric,
    .summary = "Returns some keys and a cursor to go on with",
    .since = "2.8.0",
    .complexity = "O(m + log n) for COUNT m",
    .flags = kReadonly | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status InvalidCursor() {
  return Status::Err("invalid cursor");
}

Result<uint64_t> ReadCursor(std::string_view word) {
  uint64_t cursor = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), cursor);
  if (error != std::errc() || end != word.data() + word.size()) return InvalidCursor();
  return cursor;
}

Status Run(Context& context, const Args& args) {
  const Result<uint64_t> cursor = ReadCursor(args.cursor);
  if (!cursor.ok()) return cursor.status();
  if (args.count < 1) return SyntaxError();
  const std::string_view pattern = args.pattern.value_or("*");
  AMPT_RETURN_IF_ERROR(CheckPattern(pattern));
  KeyWalk walk(pattern);
  if (*cursor != 0) {
    const std::optional<std::string_view> last_key = context.store.scan_cursors().Find(*cursor);
    if (!last_key) return InvalidCursor();
    walk.GoOnBehind(*last_key);
  }
  std::vector<std::string_view> keys;
  const bool ended =
      walk.Advance(context.store, context.now_ms,
                   std::min<size_t>(static_cast<size_t>(args.count), limits::kScanItemsPerCall),
                   [&](const Item& item) {
                     if (!args.type || EqualsIgnoreCase(*args.type, RedisType(item.value()))) {
                       keys.push_back(item.key());
                     }
                   });
  const uint64_t next = ended ? 0 : context.store.scan_cursors().Remember(walk.position());
  context.reply.Array(2);
  context.reply.Bulk(std::to_string(next));
  context.reply.Array(keys.size());
  for (const std::string_view key : keys) context.reply.Bulk(key);
  return {};
}

}  // namespace

extern const Command kScan;
constexpr Command kScan = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
