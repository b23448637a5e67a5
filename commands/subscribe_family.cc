#include "commands/subscribe_family.h"

#include <optional>
#include <string>
#include <vector>

#include "event/filter.h"

namespace ampt {
namespace {

Status CheckName(Topic topic, std::string_view name) {
  if (topic == Topic::kPattern || !name.starts_with(kEventChannelPrefix)) return {};
  return Filter::Parse(name.substr(kEventChannelPrefix.size())).status();
}

void Answer(Context& context, std::string_view word, std::optional<std::string_view> name) {
  context.reply.Push(3);
  context.reply.Bulk(word);
  if (name) {
    context.reply.Bulk(*name);
  } else {
    context.reply.Null();
  }
  context.reply.Integer(static_cast<int64_t>(context.session.subscription_count()));
}

}  // namespace

Status SubscribeTo(Context& context, Topic topic, std::string_view word, Words names) {
  for (const std::string_view name : names) AMPT_RETURN_IF_ERROR(CheckName(topic, name));
  for (const std::string_view name : names) {
    context.session.Subscribe(topic, name);
    Answer(context, word, name);
  }
  return {};
}

void UnsubscribeFrom(Context& context, Topic topic, std::string_view word, Words names) {
  const auto unsubscribe = [&](std::string_view name) {
    context.session.Unsubscribe(topic, name);
    Answer(context, word, name);
  };
  for (const std::string_view name : names) unsubscribe(name);
  if (!names.empty()) return;
  const std::vector<std::string> all = context.session.Subscriptions(topic);
  for (const std::string& name : all) unsubscribe(name);
  if (all.empty()) Answer(context, word, std::nullopt);
}

}  // namespace ampt
