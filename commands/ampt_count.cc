// AMPT.COUNT: how many items a query finds. The index knows ranks, so the answer takes two
// descents; only items that are past their deadline and not yet removed stand in the way, and those
// are removed first, in slices.
//
// On several nodes: the numbers are added.
#include "commands/grammar.h"
#include "commands/query.h"

namespace ampt {
namespace {

using namespace grammar;

struct Args {
  std::string_view expression;
  std::optional<std::string_view> label;
};

constexpr auto kGrammar =
    Ampt<Args>(Key("expression", &Args::expression), Option("LABEL", "label", &Args::label));

constexpr Example kExamples[] = {
    {"AMPT.SET n:1 1 QUIET LABEL1 odd", "OK"}, {"AMPT.SET n:2 2 QUIET", "OK"},
    {"AMPT.SET n:3 3 QUIET LABEL1 odd", "OK"}, {"AMPT.COUNT n:*", "(integer) 3"},
    {"AMPT.COUNT n:>1", "(integer) 2"},        {"AMPT.COUNT odd LABEL 1", "(integer) 2"},
};

constexpr Spec kSpec{
    .name = "ampt.count",
    .group = Group::kItems,
    .summary = "Returns how many items a query finds",
    .since = "1.0.0",
    .complexity = "O(log N)",
    .flags = kReadonly | kFast | kQuery,
    .scope = Scope::kNamespace,
    .examples = kExamples,
};

template <typename Index>
int64_t CountOf(const Index& index, const Stretch& stretch) {
  const size_t begin = index.Rank(stretch.begin);
  const size_t end = stretch.has_end ? index.Rank(stretch.end) : index.size();
  return end > begin ? static_cast<int64_t>(end - begin) : 0;
}

class CountWork : public SlicedWork {
 public:
  CountWork(Store& store, Target target)
      : store_(store), stretch_(std::move(target.stretch)), label_(target.label) {}

  bool DoSome(TimeMs now_ms) override {
    constexpr size_t kItems = 256;
    if (store_.ExpireSome(now_ms, kItems) == kItems) return false;
    count_ =
        label_ ? CountOf(store_.by_label(*label_), stretch_) : CountOf(store_.by_key(), stretch_);
    return true;
  }
  bool Answer(Reply& reply) override {
    reply.Integer(count_);
    return true;
  }

 private:
  Store& store_;
  Stretch stretch_;
  std::optional<int> label_;
  int64_t count_ = 0;
};

Status Run(Context& context, const Args& args) {
  Result<Target> target = ReadTarget(args.expression, args.label);
  if (!target.ok()) return target.status();
  RunSliced(context, std::make_unique<CountWork>(context.store, std::move(*target)));
  return {};
}

}  // namespace

extern const Command kAmptCount;
constexpr Command kAmptCount = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
