// KEYS. Runs and answers in slices between which other clients are served: keys there from begin to
// end come once, others may. In a cluster: the nodes' answers joined.
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "commands/grammar.h"
#include "commands/key_walk.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view pattern;
};

constexpr auto kGrammar = Redis<Args>(Word("pattern", &Args::pattern));

constexpr Example kExamples[] = {
    {"MSET user:1 Ann user:2 Bob visits 7", "OK"},
    {"KEYS user:*", "1) \"user:1\"\n2) \"user:2\""},
    {"KEYS v?[a-z]its", "1) \"visits\""},
    {"KEYS nothing", "(empty array)"},
};

constexpr Spec kSpec{
    .name = "keys",
    .group = Group::kGeneric,
    .summary = "Returns all keys that match a pattern",
    .since = "1.0.0",
    .complexity = "O(n) for n keys with the pattern's literal beginning",
    .flags = kReadonly | kDangerous | kEveryKey,
    .scope = Scope::kNode,
    .examples = kExamples,
};

class Collect : public SlicedWork {
 public:
  Collect(const Store& store, std::string_view pattern) : store_(store), walk_(pattern) {}

  bool DoSome(TimeMs now_ms) override {
    return walk_.Advance(store_, now_ms, limits::kSliceKeys, [this](const Item& item) {
      if (blocks_.empty() || blocks_.back().keys.size() >= kBlockBytes) blocks_.emplace_back();
      Block& block = blocks_.back();
      block.keys.append(item.key());
      block.ends.push_back(block.keys.size());
      ++found_;
    });
  }

  bool Answer(Reply& reply) override {
    if (!std::exchange(has_begun_, true)) reply.Array(found_);
    if (blocks_.empty()) return true;
    const Block& block = blocks_.front();
    size_t begin = 0;
    for (const size_t end : block.ends) {
      reply.Bulk(std::string_view(block.keys).substr(begin, end - begin));
      begin = end;
    }
    blocks_.pop_front();
    return blocks_.empty();
  }

 private:
  static constexpr size_t kBlockBytes = 64 << 10;

  // Copies of keys, one behind the other: items may go between slices. In blocks, since a string of
  // all of them would be copied as it grows, for many milliseconds at a time.
  struct Block {
    std::string keys;
    std::vector<size_t> ends;
  };

  const Store& store_;
  KeyWalk walk_;
  std::deque<Block> blocks_;
  size_t found_ = 0;
  bool has_begun_ = false;
};

Status Run(Context& context, const Args& args) {
  AMPT_RETURN_IF_ERROR(CheckPattern(args.pattern));
  RunSliced(context, std::make_unique<Collect>(context.store, args.pattern));
  return {};
}

}  // namespace

extern const Command kKeys;
constexpr Command kKeys = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
