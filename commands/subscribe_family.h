// SUBSCRIBE, PSUBSCRIBE and their opposites: one answer for each name, which is a push and so is
// never silenced. Each says how many channels and patterns the client has then.
//
// Many names are worked off in slices. A message to one that was subscribed to in an earlier slice
// comes between the answers, behind the one that says so; one to a name that is not unsubscribed
// from yet before that one. That is the order clients know from one command for each name.
#pragma once

#include <string_view>

#include "base/status.h"
#include "commands/context.h"

namespace ampt {

// `word` is how the answers begin: "subscribe", "psubscribe". A refused name refuses all.
Status SubscribeTo(Context& context, Topic topic, std::string_view word, Words names);
// No names: from all of them, in order; from none is one answer without a name.
void UnsubscribeFrom(Context& context, Topic topic, std::string_view word, Words names);

}  // namespace ampt
