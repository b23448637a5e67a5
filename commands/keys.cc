// KEYS. Runs and answers in slices between which other clients are served: keys there from begin to
// end come once, others may. In a cluster: the nodes' answers joined.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

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
    return walk_.Advance(store_, now_ms, limits::kScanItemsPerCall, [this](const Item& item) {
      keys_.append(item.key());
      ends_.push_back(keys_.size());
    });
  }

  bool Answer(Reply& reply) override {
    if (answered_ == 0) reply.Array(ends_.size());
    const size_t until = std::min(ends_.size(), answered_ + kAnsweredAtOnce);
    size_t begin = answered_ == 0 ? 0 : ends_[answered_ - 1];
    for (; answered_ < until; ++answered_) {
      reply.Bulk(std::string_view(keys_).substr(begin, ends_[answered_] - begin));
      begin = ends_[answered_];
    }
    return answered_ == ends_.size();
  }

 private:
  static constexpr size_t kAnsweredAtOnce = 5000;

  const Store& store_;
  KeyWalk walk_;
  std::string keys_;  // copies, one behind the other: items may go between slices
  std::vector<size_t> ends_;
  size_t answered_ = 0;
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
