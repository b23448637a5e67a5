// Metrics: the server's state as Prometheus reads it, in the text format 0.0.4.
//
// The same figures as INFO's under names that begin with ampt_, in base units (seconds, bytes).
// What grows for ever is a counter and ends in _total; durations of commands are histograms, so
// that several servers can be added up. The page has a bounded number of lines: those of commands
// that were called, of databases that have items, and of the first 100 consumers of events. What
// was delivered, retried and acknowledged counts from the start of the process.
#pragma once

#include <string>
#include <string_view>

#include "server/info.h"

namespace ampt {

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// Cost: about a hundred microseconds.
std::string MakeMetrics(const InfoSource& source);

}  // namespace ampt
