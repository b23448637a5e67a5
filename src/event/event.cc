#include "event/event.h"

#include "base/bytes.h"
#include "model/item_json.h"
#include "model/json.h"
#include "model/when.h"

namespace ampt {

std::string_view TextOf(EventName name) {
  constexpr std::string_view kTexts[] = {"created", "updated", "deleted"};
  return kTexts[static_cast<size_t>(name)];
}

std::string_view TextOf(DeleteReason reason) {
  constexpr std::string_view kTexts[] = {"removed", "expired", "evicted"};
  return kTexts[static_cast<size_t>(reason)];
}

void AppendEventJson(const Event& event, const EventDelivery& delivery, std::string* out) {
  out->append("{\"id\":\"").append(IntegerText(static_cast<int64_t>(event.id)));
  out->append("\",\"name\":\"").append(TextOf(event.name)).append("\"");
  if (event.name == EventName::kDeleted) {
    out->append(",\"reason\":\"").append(TextOf(event.reason)).append("\"");
  }
  if (delivery.attempt > 0) {
    out->append(",\"attempt\":").append(IntegerText(delivery.attempt));
  }
  if (delivery.replayed) out->append(",\"replayed\":true");
  out->append(",\"item\":");
  AppendItem(event.key, event.item, out);
  if (event.previous) {
    out->append(",\"previous\":");
    AppendItem(event.key, *event.previous, out);
  }
  if (delivery.failed) {
    const EventDelivery::Failure& failed = *delivery.failed;
    out->append(",\"failed\":{\"attempts\":").append(IntegerText(failed.attempts));
    out->append(",\"reason\":");
    AppendJsonKey(failed.reason, out);
    out->append(",\"first\":\"");
    AppendIsoDate(failed.first_ms, out);
    out->append("\",\"last\":\"");
    AppendIsoDate(failed.last_ms, out);
    out->append("\"}");
  }
  out->append("}");
}

}  // namespace ampt
