// LATENCY. What held the server up (latency-monitor-threshold says from when on), and how long the
// calls of each command take, which is always counted. In a cluster every node speaks for itself.
#include "commands/grammar.h"
#include "commands/latency_monitor.h"

namespace ampt {
namespace {

using namespace grammar;

constexpr uint32_t kFlags = kAdmin | kNoScript | kLoading | kStale;

struct NoArgs {};
constexpr auto kNoWords = Redis<NoArgs>();

struct NamesArgs {
  Words names;
};
struct EventArgs {
  std::string_view event;
};

int64_t NowS(Context& context) {
  return context.host.WallMicros() / 1'000'000;
}

// --- LATENCY LATEST, HISTORY, RESET
// ---------------------------------------------------------------

namespace latest {

constexpr Example kExamples[] = {{"LATENCY LATEST", "(empty array)"}};

constexpr Spec kSpec{
    .name = "latency|latest",
    .group = Group::kServer,
    .summary = "Returns for every event its name, its latest time and duration, and the longest",
    .since = "2.8.13",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  const LatencyMonitor::Events& events = context.host.latency_monitor().events();
  context.reply.Array(events.size());
  for (const auto& [name, event] : events) {
    context.reply.Array(4);
    context.reply.Bulk(name);
    context.reply.Integer(event.samples.back().time_s);
    context.reply.Integer(event.samples.back().duration_ms);
    context.reply.Integer(event.worst_ms);
  }
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace latest

namespace history {

constexpr auto kGrammar = Redis<EventArgs>(Word("event", &EventArgs::event));

constexpr Example kExamples[] = {{"LATENCY HISTORY command", "(empty array)"}};

constexpr Spec kSpec{
    .name = "latency|history",
    .group = Group::kServer,
    .summary = "Returns the times and durations of an event, oldest first",
    .since = "2.8.13",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const EventArgs& args) {
  const LatencyMonitor::Events& events = context.host.latency_monitor().events();
  const auto found = events.find(args.event);
  if (found == events.end()) {
    context.reply.Array(0);
    return {};
  }
  context.reply.Array(found->second.samples.size());
  for (const LatencyMonitor::Sample& sample : found->second.samples) {
    context.reply.Array(2);
    context.reply.Integer(sample.time_s);
    context.reply.Integer(sample.duration_ms);
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace history

namespace reset {

constexpr auto kGrammar = Redis<NamesArgs>(Maybe("event", &NamesArgs::names));

constexpr Example kExamples[] = {{"LATENCY RESET command", "(integer) 0"}};

constexpr Spec kSpec{
    .name = "latency|reset",
    .group = Group::kServer,
    .summary = "Forgets these events, or all, and returns how many there were",
    .since = "2.8.13",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NamesArgs& args) {
  context.reply.Integer(static_cast<int64_t>(context.host.latency_monitor().Reset(args.names)));
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace reset

// --- LATENCY GRAPH, DOCTOR
// ------------------------------------------------------------------------

namespace graph {

constexpr auto kGrammar = Redis<EventArgs>(Word("event", &EventArgs::event));

constexpr Example kExamples[] = {
    {"LATENCY GRAPH command", "(error) ERR No samples available for event 'command'"},
};

constexpr Spec kSpec{
    .name = "latency|graph",
    .group = Group::kServer,
    .summary = "Returns the durations of an event as a chart of characters",
    .since = "2.8.13",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const EventArgs& args) {
  const LatencyMonitor& monitor = context.host.latency_monitor();
  if (!monitor.events().contains(args.event)) {
    return Status::Err("No samples available for event '" + std::string(args.event.substr(0, 128)) +
                       "'");
  }
  context.reply.Verbatim(monitor.Graph(args.event, NowS(context)));
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace graph

namespace doctor {

constexpr Example kExamples[] = {{"LATENCY DOCTOR", ""}};

constexpr Spec kSpec{
    .name = "latency|doctor",
    .group = Group::kServer,
    .summary = "Returns what there is to say about the events, and what may help",
    .since = "2.8.13",
    .complexity = "O(1)",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

Status Run(Context& context, const NoArgs&) {
  context.reply.Verbatim(context.host.latency_monitor().Report());
  return {};
}

constexpr Command kCommand = Define<kNoWords, Run>(kSpec);

}  // namespace doctor

// --- LATENCY HISTOGRAM
// ----------------------------------------------------------------------------

namespace histogram {

constexpr auto kGrammar = Redis<NamesArgs>(Maybe("command", &NamesArgs::names));

constexpr Example kExamples[] = {
    {"LATENCY HISTOGRAM", ""},
    {"LATENCY HISTOGRAM nothing", ""},
};

constexpr Spec kSpec{
    .name = "latency|histogram",
    .group = Group::kServer,
    .summary = "Returns how many calls of these commands, or of all, took how long",
    .since = "7.0.0",
    .complexity = "O(n) where n is the number of commands",
    .flags = kFlags,
    .scope = Scope::kNode,
    .examples = kExamples,
};

// A container's name means all its parts, too.
bool Means(std::string_view word, std::string_view name) {
  return EqualsIgnoreCase(word, name) || EqualsIgnoreCase(word, name.substr(0, name.find('|')));
}

Status Run(Context& context, const NamesArgs& args) {
  std::vector<CommandLatency> shown = context.host.CommandLatencies();
  std::erase_if(shown, [&](const CommandLatency& latency) {
    if (args.names.empty()) return false;
    for (const std::string_view name : args.names) {
      if (Means(name, latency.name)) return false;
    }
    return true;
  });
  context.reply.Map(shown.size());
  for (const CommandLatency& latency : shown) {
    context.reply.Bulk(latency.name);
    context.reply.Map(2);
    context.reply.Bulk("calls");
    context.reply.Integer(static_cast<int64_t>(latency.calls));
    context.reply.Bulk("histogram_usec");
    context.reply.Map(latency.not_above_us.size());
    for (const auto& [duration_us, calls] : latency.not_above_us) {
      context.reply.Integer(duration_us);
      context.reply.Integer(static_cast<int64_t>(calls));
    }
  }
  return {};
}

constexpr Command kCommand = Define<kGrammar, Run>(kSpec);

}  // namespace histogram

// --- the container
// --------------------------------------------------------------------------------

constexpr const Command* kParts[] = {&latest::kCommand, &history::kCommand, &reset::kCommand,
                                     &graph::kCommand,  &doctor::kCommand,  &histogram::kCommand};

constexpr Example kExamples[] = {
    {"LATENCY FOO", "(error) ERR unknown subcommand 'FOO'. Try LATENCY HELP."},
};

constexpr Spec kSpec{
    .name = "latency",
    .group = Group::kServer,
    .summary = "Commands about what takes long",
    .since = "2.8.13",
    .complexity = "Depends on subcommand",
    .flags = 0,
    .scope = Scope::kNode,
    .examples = kExamples,
};

}  // namespace

extern const Command kLatency;
constexpr Command kLatency = DefineContainer<kLatency>(kSpec, kParts);

}  // namespace ampt
