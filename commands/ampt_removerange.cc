// AMPT.REMOVERANGE: removes what a query finds, however much that is, in slices between which other
// clients are served. It walks in the order of the index and never comes back: items that are there
// from begin to end are removed once; what is written meanwhile may be removed or not.
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
    {"AMPT.SET log:2026-10-31 1 QUIET", "OK"}, {"AMPT.SET log:2026-11-01 2 QUIET", "OK"},
    {"AMPT.SET log:2026-11-02 3 QUIET", "OK"}, {"AMPT.REMOVERANGE log:<2026-11", "(integer) 1"},
    {"AMPT.REMOVERANGE log:*", "(integer) 2"},
};

constexpr Spec kSpec{
    .name = "ampt.removerange",
    .group = Group::kItems,
    .summary = "Removes all items that a query finds and returns how many there were",
    .since = "1.0.0",
    .complexity = "O(M log N) for M items found",
    .flags = kWrite | kQuery,
    .scope = Scope::kNamespace,
    .examples = kExamples,
};

class RemoveWork : public SlicedWork {
 public:
  RemoveWork(Store& store, Target target)
      : store_(store), stretch_(std::move(target.stretch)), label_(target.label) {}

  bool DoSome(TimeMs now_ms) override {
    return label_ ? RemoveSome(store_.by_label(*label_), ByLabel{*label_}, now_ms)
                  : RemoveSome(store_.by_key(), ByKey(), now_ms);
  }
  bool Answer(Reply& reply) override {
    reply.Integer(removed_);
    return true;
  }

 private:
  template <typename Index, typename Order>
  bool RemoveSome(const Index& index, Order order, TimeMs now_ms) {
    constexpr int kItems = 200;
    for (int i = 0; i < kItems; ++i) {
      const typename Index::Cursor at = index.Seek(stretch_.begin);
      if (!at.Valid()) return true;
      {
        const auto& text = order.TextOf(*at.item());
        if (stretch_.has_end && text.Compare(stretch_.end, 0) >= 0) return true;
        std::string flat;
        stretch_.begin.assign(text.Flat(&flat)).push_back('\0');
      }
      key_.assign(at.item()->key());
      // Opening removes an item that is past its deadline, as such.
      KeyRef ref = store_.Open(key_, now_ms);
      if (!ref.exists()) continue;
      ref.Erase();
      ++removed_;
    }
    return false;
  }

  Store& store_;
  Stretch stretch_;
  std::optional<int> label_;
  std::string key_;
  int64_t removed_ = 0;
};

Status Run(Context& context, const Args& args) {
  Result<Target> target = ReadTarget(args.expression, args.label);
  if (!target.ok()) return target.status();
  RunSliced(context, std::make_unique<RemoveWork>(context.store, std::move(*target)));
  return {};
}

}  // namespace

extern const Command kAmptRemoverange;
constexpr Command kAmptRemoverange = Define<kGrammar, Run>(kSpec);

}  // namespace ampt
