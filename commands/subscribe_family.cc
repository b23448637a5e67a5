#include "commands/subscribe_family.h"

#include <memory>
#include <optional>
#include <string>

#include "base/limits.h"
#include "commands/word_slices.h"
#include "event/filter.h"

namespace ampt {
namespace {

Status CheckName(Topic topic, std::string_view name) {
  if (topic == Topic::kPattern || !name.starts_with(kEventChannelPrefix)) return {};
  return Filter::Parse(name.substr(kEventChannelPrefix.size())).status();
}

// One of the four commands for one client.
struct Subscribing {
  Session& session;
  Topic topic;
  std::string_view word;  // how the answers begin

  void Answer(Reply& reply, std::optional<std::string_view> name) const {
    reply.Push(3);
    reply.Bulk(word);
    if (name) {
      reply.Bulk(*name);
    } else {
      reply.Null();
    }
    reply.Integer(static_cast<int64_t>(session.subscription_count()));
  }
  void Subscribe(Reply& reply, Words names) const {
    for (const std::string_view name : names) {
      session.Subscribe(topic, name);
      Answer(reply, name);
    }
  }
  void Unsubscribe(Reply& reply, Words names) const {
    for (const std::string_view name : names) {
      session.Unsubscribe(topic, name);
      Answer(reply, name);
    }
  }
  // From the first `most` of its names; true if there are no more.
  bool UnsubscribeFirst(Reply& reply, size_t most) const {
    for (std::string name; most > 0; --most) {
      const std::optional<std::string_view> first = session.FirstSubscription(topic);
      if (!first) return true;
      name = *first;
      session.Unsubscribe(topic, name);
      Answer(reply, name);
    }
    return !session.FirstSubscription(topic);
  }
};

// All work is done with the answers: it stops where the client does not read these, and where it
// has gone.
class SubscribeWork : public SlicedWork {
 public:
  SubscribeWork(const Subscribing& how, Words names) : how_(how), unchecked_(names), names_(names) {
    how_.session.set_subscribing(true);
  }

  bool DoSome(TimeMs) override {
    for (const std::string_view name : TakeSlice(&unchecked_, limits::kSliceKeys)) {
      refusal_ = CheckName(how_.topic, name);
      if (!refusal_.ok()) return true;
    }
    return unchecked_.empty();
  }
  bool Answer(Reply& reply) override {
    if (refusal_.ok()) {
      how_.Subscribe(reply, TakeSlice(&names_, limits::kSliceNames));
      if (!names_.empty()) return false;
    } else {
      reply.Error(refusal_);
    }
    how_.session.set_subscribing(false);
    return true;
  }
  bool keeps_words() const override { return true; }

 private:
  const Subscribing how_;
  Words unchecked_;
  Words names_;
  Status refusal_;
};

class UnsubscribeWork : public SlicedWork {
 public:
  UnsubscribeWork(const Subscribing& how, Words names) : how_(how), names_(names) {}

  bool DoSome(TimeMs) override { return true; }
  bool Answer(Reply& reply) override {
    how_.Unsubscribe(reply, TakeSlice(&names_, limits::kSliceNames));
    return names_.empty();
  }
  bool keeps_words() const override { return true; }

 private:
  const Subscribing how_;
  Words names_;
};

class UnsubscribeFromAllWork : public SlicedWork {
 public:
  explicit UnsubscribeFromAllWork(const Subscribing& how) : how_(how) {}

  bool DoSome(TimeMs) override { return true; }
  bool Answer(Reply& reply) override { return how_.UnsubscribeFirst(reply, limits::kSliceNames); }

 private:
  const Subscribing how_;
};

}  // namespace

Status SubscribeTo(Context& context, Topic topic, std::string_view word, Words names) {
  const Subscribing how{context.session, topic, word};
  if (names.size() > limits::kSliceNames && !context.to_the_end) {
    context.work = std::make_unique<SubscribeWork>(how, names);
    return {};
  }
  for (const std::string_view name : names) AMPT_RETURN_IF_ERROR(CheckName(topic, name));
  how.Subscribe(context.reply, names);
  return {};
}

void UnsubscribeFrom(Context& context, Topic topic, std::string_view word, Words names) {
  const Subscribing how{context.session, topic, word};
  const size_t count = names.empty() ? context.session.subscription_count() : names.size();
  const bool in_slices = count > limits::kSliceNames && !context.to_the_end;
  if (!names.empty()) {
    if (!in_slices) return how.Unsubscribe(context.reply, names);
    context.work = std::make_unique<UnsubscribeWork>(how, names);
  } else if (!context.session.FirstSubscription(topic)) {
    how.Answer(context.reply, std::nullopt);
  } else if (in_slices) {
    context.work = std::make_unique<UnsubscribeFromAllWork>(how);
  } else {
    how.UnsubscribeFirst(context.reply, count);
  }
}

}  // namespace ampt
