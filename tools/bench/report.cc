#include "tools/bench/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <utility>

namespace ampt::bench {
namespace {

constexpr double kBusy = 0.95;
const std::vector<std::pair<const char*, double>> kPercentiles = {
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

// Subject over baseline, round by round: neighbours in time are compared with each other.
Spread RatioOf(const RowResult& result, double Sample::*figure) {
  std::vector<double> values;
  if (result.samples.size() < 2) return {};
  const auto& baseline = result.samples[0];
  const auto& subject = result.samples[1];
  for (size_t i = 0; i < std::min(baseline.size(), subject.size()); i++) {
    values.push_back(subject[i].*figure / (baseline[i].*figure));
  }
  return SpreadOf(std::move(values));
}

std::string RatioText(double ratio) {
  return fmt::format("{:.2f}", ratio);
}

std::string WithRange(const Spread& spread, const std::function<std::string(double)>& text) {
  if (spread.high == 0) return "–";
  return fmt::format("{} ({}–{})", text(spread.median), text(spread.low), text(spread.high));
}

std::string Met(bool has_target, bool compared, bool met) {
  if (!has_target || !compared) return "–";
  return met ? "yes" : "no";
}

// Columns on a terminal, not bytes: the only characters beyond ASCII here are one column wide.
size_t Width(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

Spread SpreadOf(const std::vector<Sample>& samples, double Sample::*figure) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(sample.*figure);
  return SpreadOf(std::move(values));
}

std::string RateText(double per_s) {
  if (per_s >= 9.995e5) return fmt::format("{:.2f}M", per_s / 1e6);
  if (per_s >= 1000) return fmt::format("{:.1f}k", per_s / 1e3);
  return fmt::format("{:.0f}", per_s);
}

std::string MicrosecondsText(double us) {
  return fmt::format("{:.{}f}", us, us < 10 ? 2 : us < 100 ? 1 : 0);
}

void WriteFile(const std::string& path, std::string_view text) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;  // what matters is whether the file can be written
  if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
  std::ofstream file(path);
  file << text;
  file.close();
  if (!file) throw Failure(fmt::format("cannot write {}", path));
}

std::string Plot(const Settings& settings, const std::string& file, const Chart& chart) {
  WriteFile(fmt::format("{}/{}.svg", settings.plots_dir, file), Svg(chart));
  return fmt::format("![{}]({}.svg)\n", chart.title, file);
}

std::string Table::Text() const {
  std::vector<size_t> widths(lines_[0].size(), 3);
  for (const auto& line : lines_) {
    for (size_t i = 0; i < line.size(); i++) widths[i] = std::max(widths[i], Width(line[i]));
  }
  std::string text;
  for (size_t n = 0; n < lines_.size(); n++) {
    for (size_t i = 0; i < widths.size(); i++) {
      const std::string padding(widths[i] - Width(lines_[n][i]), ' ');
      text += i == 0 ? "| " + lines_[n][i] + padding : " | " + padding + lines_[n][i];
    }
    text += " |\n";
    if (n > 0) continue;
    for (size_t i = 0; i < widths.size(); i++) {
      text += i == 0 ? "|" + std::string(widths[i] + 2, '-')
                     : "|" + std::string(widths[i] + 1, '-') + ":";
    }
    text += "|\n";
  }
  return text;
}

namespace {

// The baseline and the subject, with what is between them, of the rows that have these `names`.
std::string ClosedLoopTable(const Results& results, const std::vector<std::string>& names) {
  const size_t shown = std::min<size_t>(names.size(), 2);
  const bool compared = shown == 2;
  std::vector<std::string> header{"row", "P"};
  for (size_t i = 0; i < shown; i++) header.push_back(names[i] + " req/s");
  header.push_back("ratio");
  for (size_t i = 0; i < shown; i++) header.push_back(names[i] + " us");
  header.insert(header.end(), {"CPU ratio", "target", "met"});
  Table table(std::move(header));
  for (const RowResult& result : results.rows) {
    if (result.names != names) continue;
    const Row& row = result.row;
    std::vector<std::string> line{row.name, std::to_string(row.depth)};
    const Spread speed = RatioOf(result, &Sample::requests_per_s);
    const Spread cpu = RatioOf(result, &Sample::cpu_us);
    const bool has_ratio = compared && cpu.median > 0;
    for (size_t i = 0; i < shown; i++) {
      const auto& samples = result.samples[i];
      const bool held_back = SpreadOf(samples, &Sample::generator_busy).median > kBusy &&
                             SpreadOf(samples, &Sample::server_busy).median < kBusy;
      line.push_back(WithRange(SpreadOf(samples, &Sample::requests_per_s), RateText) +
                     (held_back ? "*" : ""));
    }
    line.push_back(has_ratio ? RatioText(speed.median) : "–");
    for (size_t i = 0; i < shown; i++) {
      line.push_back(WithRange(SpreadOf(result.samples[i], &Sample::cpu_us), MicrosecondsText));
    }
    line.push_back(has_ratio ? WithRange(cpu, RatioText) : "–");
    line.push_back(row.target > 0 ? fmt::format("<= {}", row.target) : "–");
    line.push_back(Met(row.target > 0, has_ratio, cpu.median <= row.target));
    table.Add(std::move(line));
  }
  return table.Text();
}

// Those of the servers, and below them those of the subject beside itself.
std::string ClosedLoopTables(const Results& results) {
  std::vector<std::vector<std::string>> told;
  std::string text;
  for (const RowResult& result : results.rows) {
    if (std::find(told.begin(), told.end(), result.names) != told.end()) continue;
    told.push_back(result.names);
    text += ClosedLoopTable(results, result.names) + "\n";
  }
  return text;
}

// CPU time of all servers, for those rows that one beyond the first two took part in.
std::string RivalsTable(const Results& results) {
  const size_t servers = results.names.size();
  std::vector<std::string> header{"CPU us per request", "P"};
  header.insert(header.end(), results.names.begin(), results.names.end());
  for (size_t i = 2; i < servers; i++) {
    header.push_back(fmt::format("{} / {}", results.names[1], results.names[i]));
  }
  Table table(std::move(header));
  for (const RowResult& result : results.rows) {
    const auto& samples = result.samples;
    if (samples.size() < servers) continue;
    if (std::all_of(samples.begin() + 2, samples.end(), [](auto& s) { return s.empty(); })) {
      continue;
    }
    std::vector<std::string> line{result.row.name, std::to_string(result.row.depth)};
    std::vector<double> us;
    for (const auto& of_server : samples) {
      us.push_back(SpreadOf(of_server, &Sample::cpu_us).median);
      line.push_back(WithRange(SpreadOf(of_server, &Sample::cpu_us), MicrosecondsText));
    }
    for (size_t i = 2; i < servers; i++) {
      line.push_back(us[1] > 0 && us[i] > 0 ? RatioText(us[1] / us[i]) : "–");
    }
    table.Add(std::move(line));
  }
  return table.Text();
}

std::string OpenLoopTable(const Settings& settings, const Results& results) {
  std::vector<std::string> header{"row", "P", "server", "asked/s", "served/s"};
  for (const auto& [name, share] : kPercentiles) header.push_back(fmt::format("{} us", name));
  header.insert(header.end(), {"max us", "CPU us"});
  Table table(std::move(header));
  for (const RowResult& result : results.rows) {
    for (size_t i = 0; i < result.names.size(); i++) {
      if (result.samples[i].empty()) continue;
      const Histogram& latencies = result.latencies[i];
      std::vector<std::string> line{
          result.row.name, std::to_string(result.row.depth), result.names[i],
          RateText(settings.rate),
          RateText(SpreadOf(result.samples[i], &Sample::requests_per_s).median)};
      for (const auto& [name, share] : kPercentiles) {
        line.push_back(MicrosecondsText(static_cast<double>(latencies.PercentileNs(share)) / 1e3));
      }
      line.push_back(MicrosecondsText(static_cast<double>(latencies.max_ns()) / 1e3));
      line.push_back(MicrosecondsText(SpreadOf(result.samples[i], &Sample::cpu_us).median));
      table.Add(std::move(line));
    }
  }
  return table.Text();
}

std::string MemoryTable(const Results& results) {
  std::vector<std::string> header{"bytes per item (RSS)"};
  for (const auto& name : results.names) header.push_back(name);
  header.insert(header.end(), {"ratio", "target", "met"});
  Table table(std::move(header));
  for (const auto& [row, bytes] : results.memory) {
    std::vector<std::string> line{row.name};
    for (const double value : bytes) {
      line.push_back(value > 0 ? fmt::format("{:.0f}", value) : "–");
    }
    const bool compared = bytes.size() > 1 && bytes[0] > 0 && bytes[1] > 0;
    line.push_back(compared ? RatioText(bytes[1] / bytes[0]) : "–");
    line.push_back(fmt::format("<= {:.0f}", row.target_bytes));
    line.push_back(Met(true, compared, compared && bytes[1] <= row.target_bytes));
    table.Add(std::move(line));
  }
  return table.Text();
}

std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::string KernelRelease() {
  utsname names;
  return uname(&names) == 0 ? names.release : "unknown";
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", c);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string SampleJson(const Sample& sample) {
  return fmt::format(
      R"({{"requests_per_s":{:.1f},"cpu_us":{:.4f},"server_busy":{:.3f},"generator_busy":{:.3f},"reply_bytes":{:.1f}}})",
      sample.requests_per_s, sample.cpu_us, sample.server_busy, sample.generator_busy,
      sample.reply_bytes);
}

std::string LatencyJson(const Histogram& latencies) {
  std::string text = fmt::format("{{\"count\":{}", latencies.count());
  for (const auto& [name, share] : kPercentiles) {
    text += fmt::format(",\"{}_ns\":{}", name, latencies.PercentileNs(share));
  }
  return text + fmt::format(",\"max_ns\":{}}}", latencies.max_ns());
}

std::string RowJson(const RowResult& result) {
  std::vector<std::string> servers;
  for (size_t i = 0; i < result.names.size(); i++) {
    std::vector<std::string> samples;
    for (const Sample& sample : result.samples[i]) samples.push_back(SampleJson(sample));
    servers.push_back(fmt::format(
        "{}:{{\"samples\":[{}]{}}}", Quoted(result.names[i]), fmt::join(samples, ","),
        result.latencies[i].count() > 0 ? ",\"latency\":" + LatencyJson(result.latencies[i]) : ""));
  }
  return fmt::format(
      R"({{"row":{},"depth":{},"requests":{},"target":{},"cpu_ratio":{:.4f},"servers":{{{}}}}})",
      Quoted(result.row.name), result.row.depth, result.row.requests,
      result.row.target > 0 ? fmt::format("{}", result.row.target) : "null",
      RatioOf(result, &Sample::cpu_us).median, fmt::join(servers, ","));
}

}  // namespace

std::string Heading(const Settings& settings) {
  std::vector<std::string> names;
  for (const ServerSpec& server : settings.servers) names.push_back(server.name);
  const auto absent = AbsentPrograms();
  return fmt::format(
      "{} · Linux {} · {} · {} clients · {} rounds: median (lowest–highest){}\n\n", ProcessorName(),
      KernelRelease(), fmt::join(names, ", "), settings.clients, settings.rounds,
      absent.empty()
          ? ""
          : fmt::format("\nNot installed here, so left out: {}.", fmt::join(absent, ", ")));
}

std::string MarkdownReport(const Settings& settings, const Results& results) {
  std::string text = fmt::format("{}\n\n", fmt::join(results.versions, ", "));
  if (!results.rows.empty()) {
    text += settings.rate > 0 ? OpenLoopTable(settings, results) + "\n" : ClosedLoopTables(results);
    if (text.find(")*") != std::string::npos) {
      text += "\\* the load generator was the limit: believe the CPU ratio\n\n";
    }
    if (results.names.size() > 2 && settings.rate == 0) text += RivalsTable(results) + "\n";
  }
  if (!results.memory.empty()) text += MemoryTable(results) + "\n";
  return text;
}

std::string JsonReport(const Settings& settings, const Results& results) {
  std::vector<std::string> servers, rows, memory;
  for (size_t i = 0; i < results.names.size(); i++) {
    servers.push_back(fmt::format(R"({{"name":{},"version":{},"command":{}}})",
                                  Quoted(results.names[i]), Quoted(results.versions[i]),
                                  Quoted(settings.servers[i].command)));
  }
  for (const RowResult& result : results.rows) rows.push_back(RowJson(result));
  for (const auto& [row, bytes] : results.memory) {
    std::vector<std::string> values;
    for (size_t i = 0; i < bytes.size(); i++) {
      values.push_back(fmt::format("{}:{:.1f}", Quoted(results.names[i]), bytes[i]));
    }
    memory.push_back(fmt::format(R"({{"row":{},"target_bytes":{},"bytes_per_item":{{{}}}}})",
                                 Quoted(row.name), row.target_bytes, fmt::join(values, ",")));
  }
  return fmt::format(
      "{{\"processor\":{},\"kernel\":{},\"clients\":{},\"rounds\":{},\"rate\":{},\n"
      "\"servers\":[{}],\n\"rows\":[\n{}\n],\n\"memory\":[\n{}\n]}}\n",
      Quoted(ProcessorName()), Quoted(KernelRelease()), settings.clients, settings.rounds,
      settings.rate, fmt::join(servers, ","), fmt::join(rows, ",\n"), fmt::join(memory, ",\n"));
}

std::string RowList(const std::vector<Row>& rows, const std::vector<MemoryRow>& memory_rows) {
  std::string text;
  for (const Row& row : rows) {
    text += fmt::format("{:<50} {}\n", row.title(),
                        row.target > 0 ? fmt::format("CPU <= {}", row.target) : "");
  }
  for (const MemoryRow& row : memory_rows) {
    text += fmt::format("{:<50} bytes <= {:.0f}\n", row.title(), row.target_bytes);
  }
  return text;
}

}  // namespace ampt::bench
