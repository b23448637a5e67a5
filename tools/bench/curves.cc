#include "tools/bench/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/bench/contender.h"
#include "tools/bench/report.h"
#include "tools/bench/svg.h"

namespace ampt::bench {
namespace {

// Most rounds of a point: its neighbours on the curve tell as much as more rounds would.
constexpr size_t kMaxRounds = 3;

class Field {
 public:
  explicit Field(const Settings& settings) : settings_(settings), cores_(ChooseCores()) {
    PinTo(cores_.generator);
  }

  size_t size() const { return settings_.servers.size(); }
  const std::string& name(size_t i) const { return settings_.servers[i].name; }
  size_t rounds() const { return std::min(settings_.rounds, kMaxRounds); }

  std::unique_ptr<Contender> Start(size_t i) const {
    return std::make_unique<Contender>(settings_.servers[i], cores_, settings_.clients);
  }
  std::vector<std::unique_ptr<Contender>> StartAll() const {
    std::vector<std::unique_ptr<Contender>> contenders;
    for (size_t i = 0; i < size(); i++) contenders.push_back(Start(i));
    return contenders;
  }
  // A line for each server, without points yet.
  std::vector<Series> Lines() const {
    std::vector<Series> lines;
    for (size_t i = 0; i < size(); i++) lines.push_back({name(i), i, 0, {}});
    return lines;
  }
  std::vector<std::string> Header(std::string first) const {
    std::vector<std::string> header{std::move(first)};
    for (size_t i = 0; i < size(); i++) header.push_back(name(i));
    return header;
  }

 private:
  const Settings& settings_;
  const Cores cores_;
};

uint64_t Scaled(double requests, double scale) {
  return std::max<uint64_t>(100, static_cast<uint64_t>(requests * scale));
}

// --- depths --------------------------------------------------------------------------------------

constexpr struct {
  Op op;
  std::string_view name;
} kDepthOps[] = {{Op::kGet, "GET"}, {Op::kSet, "SET"}};
constexpr size_t kDepths[] = {1, 2, 4, 8, 16, 32, 64, 128, 256};

}  // namespace

std::string RunDepths(const Settings& settings, uint64_t keys, double scale) {
  const Field field(settings);
  const auto contenders = field.StartAll();
  for (const auto& contender : contenders) contender->Fill(Op::kSet, keys);
  std::string text = "### Pipelining\n\n";
  for (const auto& [op, name] : kDepthOps) {
    auto speed = field.Lines();
    auto cost = field.Lines();
    Table table(field.Header(fmt::format("{}: req/s (CPU us), P", name)));
    for (const size_t depth : kDepths) {
      const double requests = std::clamp(25e3 * static_cast<double>(depth), 100e3, 400e3);
      std::vector<std::vector<Sample>> samples(field.size());
      for (size_t round = 0; round < field.rounds(); round++) {
        for (size_t i = 0; i < field.size(); i++) {
          samples[i].push_back(
              contenders[i]->Do({op, keys, Scaled(requests, scale), depth, 200 + round}));
        }
      }
      std::vector<std::string> line{std::to_string(depth)};
      for (size_t i = 0; i < field.size(); i++) {
        const double per_s = SpreadOf(samples[i], &Sample::requests_per_s).median;
        const double us = SpreadOf(samples[i], &Sample::cpu_us).median;
        speed[i].points.push_back({static_cast<double>(depth), per_s});
        cost[i].points.push_back({static_cast<double>(depth), us});
        line.push_back(fmt::format("{} ({})", RateText(per_s), MicrosecondsText(us)));
        fmt::print(stderr, "  {} P={:<4} {:<9} {:>10.0f} req/s {:>8.3f} us\n", name, depth,
                   field.name(i), per_s, us);
      }
      table.Add(std::move(line));
    }
    const Axis depth_axis{"P: requests that a client sends at once", 2};
    text += table.Text() + "\n";
    text += Plot(settings, fmt::format("depth-{}", name),
                 {fmt::format("{}: throughput", name), depth_axis, {"requests per second"}, speed});
    text += Plot(settings, fmt::format("depth-{}-cpu", name),
                 {fmt::format("{}: cost", name),
                  depth_axis,
                  {"CPU time of the server per request, µs", 10},
                  cost});
    text += "\n";
  }
  return text;
}

// --- memory --------------------------------------------------------------------------------------

namespace {

constexpr size_t kKeyBytes = 16;
constexpr size_t kValueSizes[] = {16, 32, 64, 100, 150, 200};
// Over the bytes of key and value.
constexpr double kOverheadTarget = 64;

}  // namespace

std::string RunMemory(const Settings& settings, uint64_t keys, double /*scale*/) {
  const Field field(settings);
  auto lines = field.Lines();
  Series payload{"key and value", 6, 2, {}};
  auto header = field.Header(fmt::format("bytes over key and value, {} items", keys));
  header.insert(header.end(), {"target", "met"});
  Table table(std::move(header));
  for (const size_t value_bytes : kValueSizes) {
    const auto own_bytes = static_cast<double>(kKeyBytes + value_bytes);
    payload.points.push_back({static_cast<double>(value_bytes), own_bytes});
    std::vector<std::string> line{fmt::format("{}-byte values", value_bytes)};
    for (size_t i = 0; i < field.size(); i++) {
      const double bytes = field.Start(i)->Fill(Op::kSet, keys, value_bytes);
      lines[i].points.push_back({static_cast<double>(value_bytes), bytes});
      line.push_back(fmt::format("{:.0f}", bytes - own_bytes));
      fmt::print(stderr, "  memory, {:>3}-byte values {:<9} {:>6.1f} bytes an item\n", value_bytes,
                 field.name(i), bytes);
    }
    const bool has_subject = field.size() > 1;
    line.push_back(fmt::format("<= {}", kOverheadTarget));
    line.push_back(!has_subject                                              ? "–"
                   : lines[1].points.back().y - own_bytes <= kOverheadTarget ? "yes"
                                                                             : "no");
    table.Add(std::move(line));
  }
  lines.push_back(std::move(payload));
  return "### Memory\n\n" + table.Text() + "\n" +
         Plot(settings, "memory",
              {"Memory of an item, 16-byte keys", {"bytes of a value"}, {"bytes (RSS)"}, lines}) +
         "\n";
}

// --- latency -------------------------------------------------------------------------------------

namespace {

constexpr struct {
  Op op;
  std::string_view name;
  size_t depth;
  double requests;  // to find out what a server manages
} kLatencyLoads[] = {{Op::kGet, "GET", 1, 100e3}, {Op::kSet, "SET", 16, 800e3}};
constexpr double kShares[] = {0.10, 0.25, 0.50, 0.70, 0.80, 0.90, 0.95};
constexpr double kPointSeconds = 1;
constexpr struct {
  const char* name;
  double share;
} kPercentiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};

}  // namespace

std::string RunLatency(const Settings& settings, uint64_t keys, double scale) {
  const Field field(settings);
  const auto contenders = field.StartAll();
  for (const auto& contender : contenders) contender->Fill(Op::kSet, keys);
  std::string text = "### Latency against load\n\n";
  for (const auto& [op, name, depth, requests] : kLatencyLoads) {
    std::vector<double> capacity;
    for (const auto& contender : contenders) {
      std::vector<Sample> samples;
      for (size_t round = 0; round < kMaxRounds; round++) {
        samples.push_back(contender->Do({op, keys, Scaled(requests, scale), depth, 300 + round}));
      }
      capacity.push_back(SpreadOf(samples, &Sample::requests_per_s).median);
    }
    Table table({fmt::format("{} P={}", name, depth), "of what it manages", "offered/s", "served/s",
                 "p50 us", "p99 us", "p99.9 us", "max us"});
    std::vector<Series> lines;
    for (size_t i = 0; i < field.size(); i++) {
      for (size_t n = 0; n < std::size(kPercentiles); n++) {
        lines.push_back({fmt::format("{} {}", field.name(i), kPercentiles[n].name), i, n, {}});
      }
    }
    for (const double share : kShares) {
      std::vector<Histogram> latencies(field.size());
      std::vector<std::vector<Sample>> samples(field.size());
      for (size_t round = 0; round < settings.rounds; round++) {
        for (size_t i = 0; i < field.size(); i++) {
          const double rate = share * capacity[i];
          samples[i].push_back(contenders[i]->Do({.op = op,
                                                  .keys = keys,
                                                  .requests = Scaled(kPointSeconds * rate, scale),
                                                  .depth = depth,
                                                  .seed = 400 + round,
                                                  .rate = rate,
                                                  .latencies = &latencies[i]}));
        }
      }
      for (size_t i = 0; i < field.size(); i++) {
        const double served = SpreadOf(samples[i], &Sample::requests_per_s).median;
        std::vector<std::string> line{field.name(i), fmt::format("{:.0f} %", 100 * share),
                                      RateText(share * capacity[i]), RateText(served)};
        for (size_t n = 0; n < std::size(kPercentiles); n++) {
          const double us =
              static_cast<double>(latencies[i].PercentileNs(kPercentiles[n].share)) / 1e3;
          line.push_back(MicrosecondsText(us));
          lines[i * std::size(kPercentiles) + n].points.push_back({share * capacity[i], us});
        }
        line.push_back(MicrosecondsText(static_cast<double>(latencies[i].max_ns()) / 1e3));
        fmt::print(stderr, "  {} P={} at {:>2.0f} % {:<9} p50 {} p99 {} p99.9 {} max {} us\n", name,
                   depth, 100 * share, field.name(i), line[4], line[5], line[6], line[7]);
        table.Add(std::move(line));
      }
    }
    text += table.Text() + "\n";
    text += Plot(settings, fmt::format("latency-{}-{}", name, depth),
                 {fmt::format("{}, P={}: latency against load", name, depth),
                  {"offered load, requests per second"},
                  {"latency, µs", 10},
                  lines}) +
            "\n";
  }
  return text;
}

// --- growth --------------------------------------------------------------------------------------

namespace {

constexpr uint64_t kSizes[] = {10'000, 100'000, 1'000'000, 5'000'000, 10'000'000};
// What a record takes in the baseline and the subject together, roughly, and which share of the
// machine's free memory is for them.
constexpr uint64_t kRecordBytes = 1000;
constexpr double kMemoryShare = 0.7;
constexpr size_t kGrowthDepth = 16;

// What is measured in each data set: first how it grows, then what is asked of it.
struct GrowthOp {
  Op op;
  std::string_view name;
  std::string_view file;
  double requests;  // the most of a round
};
constexpr GrowthOp kStringOps[] = {
    {Op::kSet, "SET new key", "set-new", 50e3},
    {Op::kGet, "GET", "get", 200e3},
    {Op::kSet, "SET existing key", "set", 200e3},
};
constexpr GrowthOp kRecordOps[] = {
    {Op::kRecord, "insert with 2 labels", "insert", 50e3},
    {Op::kRangeByKey, "range of 100 by key", "range", 4e3},
};
// `times` what other parts call a data set is the most. Scripts that insert records into redis take
// minutes beyond that.
constexpr struct {
  uint64_t times;
  const GrowthOp* begin;
  const GrowthOp* end;
} kGrowthSets[] = {{10, std::begin(kStringOps), std::end(kStringOps)},
                   {5, std::begin(kRecordOps), std::end(kRecordOps)}};

uint64_t FreeMemoryBytes() {
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("MemAvailable:")) return std::stoull(line.substr(13)) * 1024;
  }
  return 0;
}

std::vector<uint64_t> SizesTo(uint64_t most) {
  std::vector<uint64_t> sizes;
  for (const uint64_t size : kSizes) {
    if (sizes.empty() || size <= most) sizes.push_back(size);
  }
  return sizes;
}

}  // namespace

std::string RunGrowth(const Settings& settings, uint64_t keys, double scale) {
  const Field field(settings);
  const auto by_memory =
      static_cast<uint64_t>(kMemoryShare * static_cast<double>(FreeMemoryBytes())) / kRecordBytes;
  auto header = field.Header("CPU us per request, P=16");
  header.insert(header.begin() + 1, "items");
  header.push_back("ratio");
  Table table(std::move(header));
  std::string plots;
  for (const auto& [times, first_op, last_op] : kGrowthSets) {
    const auto sizes = SizesTo(std::min(times * keys, by_memory));
    const uint64_t most = sizes.back();
    const auto order = Shuffled(most);
    const auto contenders = field.StartAll();
    std::vector<std::vector<Series>> lines(last_op - first_op, field.Lines());
    uint64_t count = 0;
    for (const uint64_t size : sizes) {
      // New items are measured with the last of those that lead to this size.
      const auto measured = std::min<uint64_t>(Scaled(first_op->requests, scale),
                                               (size - count) / (2 * field.rounds()));
      const uint64_t unmeasured = size - count - field.rounds() * measured;
      for (const auto& contender : contenders) {
        contender->DoInOrder({first_op->op, most, unmeasured}, order, count);
      }
      count += unmeasured;
      for (const GrowthOp* op = first_op; op != last_op; op++) {
        std::vector<std::vector<Sample>> samples(field.size());
        for (size_t round = 0; round < field.rounds(); round++) {
          for (size_t i = 0; i < field.size(); i++) {
            Work work{op->op, most, measured, kGrowthDepth, 500 + round};
            if (op == first_op) {
              samples[i].push_back(contenders[i]->DoInOrder(work, order, count));
            } else {
              work.requests = Scaled(op->requests, scale);
              work.key_of = [&](uint64_t, Random& random) { return order[random.Below(count)]; };
              if (round == 0) contenders[i]->WarmUp(work);
              samples[i].push_back(contenders[i]->Do(work));
            }
          }
          if (op == first_op) count += measured;
        }
        std::vector<std::string> line{std::string(op->name), ShortNumber(double(size))};
        for (size_t i = 0; i < field.size(); i++) {
          const double us = SpreadOf(samples[i], &Sample::cpu_us).median;
          lines[op - first_op][i].points.push_back({static_cast<double>(size), us});
          line.push_back(MicrosecondsText(us));
          fmt::print(stderr, "  {:<22} among {:>8} {:<9} {:>8.3f} us\n", op->name, size,
                     field.name(i), us);
        }
        const auto& of_op = lines[op - first_op];
        line.push_back(of_op.size() < 2 ? "–"
                                        : fmt::format("{:.2f}", of_op[1].points.back().y /
                                                                    of_op[0].points.back().y));
        table.Add(std::move(line));
      }
    }
    for (const GrowthOp* op = first_op; op != last_op; op++) {
      plots += Plot(settings, fmt::format("growth-{}", op->file),
                    {fmt::format("{}: cost against size", op->name),
                     {"items", 10},
                     {"CPU time of the server per request, µs"},
                     lines[op - first_op]});
    }
  }
  return "### Growth\n\n" + table.Text() + "\n" + plots + "\n";
}

}  // namespace ampt::bench
