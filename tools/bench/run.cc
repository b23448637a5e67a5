#include "tools/bench/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <utility>

namespace ampt::bench {
namespace {

class Runner {
 public:
  explicit Runner(const Settings& settings) : settings_(settings), cores_(ChooseCores()) {
    PinTo(cores_.generator);
    for (const ServerSpec& spec : settings.servers) results_.names.push_back(spec.name);
    results_.versions = results_.names;
  }

  void RunDataset(Op dataset, uint64_t keys, const std::vector<Row>& rows,
                  const std::vector<MemoryRow>& memory_rows);
  void RunFill(const Row& row);

  Results Take() { return std::move(results_); }

 private:
  size_t servers() const { return settings_.servers.size(); }
  std::unique_ptr<Contender> Start(size_t index);
  bool HasRound(size_t index, size_t round) const { return index < 2 || round < kRoundsOfOthers; }
  Work WorkOf(const Row& row, size_t round, Histogram* latencies) const;
  RowResult& AddRow(const Row& row);
  void AddSample(RowResult* result, size_t index, const Sample& sample);

  const Settings& settings_;
  const Cores cores_;
  Results results_;
};

std::unique_ptr<Contender> Runner::Start(size_t index) {
  auto contender = std::make_unique<Contender>(settings_.servers[index], cores_, settings_.clients);
  results_.versions[index] = contender->server().version();
  return contender;
}

Work Runner::WorkOf(const Row& row, size_t round, Histogram* latencies) const {
  return {.op = row.op,
          .keys = row.keys,
          .requests = row.requests,
          .depth = row.depth,
          .seed = 100 + round,
          .rate = settings_.rate,
          .latencies = latencies};
}

RowResult& Runner::AddRow(const Row& row) {
  std::vector<std::string> names = results_.names;
  if (row.own_baseline) names = {fmt::format("{}, {}", names[1], row.own_baseline->name), names[1]};
  const size_t columns = names.size();
  results_.rows.push_back({row, std::move(names), std::vector<std::vector<Sample>>(columns),
                           std::vector<Histogram>(columns)});
  return results_.rows.back();
}

void Runner::AddSample(RowResult* result, size_t index, const Sample& sample) {
  result->samples[index].push_back(sample);
  fmt::print(stderr, "  {:<50} {:<9} {:>10.0f} req/s {:>8.3f} us{}\n", result->row.title(),
             result->names[index], sample.requests_per_s, sample.cpu_us,
             sample.generator_busy > 0.95 ? "  (generator busy)" : "");
}

void Runner::RunDataset(Op dataset, uint64_t keys, const std::vector<Row>& rows,
                        const std::vector<MemoryRow>& memory_rows) {
  std::vector<std::unique_ptr<Contender>> contenders;
  std::vector<double> bytes_per_item;
  for (size_t i = 0; i < servers(); i++) {
    contenders.push_back(Start(i));
    bytes_per_item.push_back(0);
    if (!contenders[i]->Can(dataset)) continue;
    bytes_per_item[i] = contenders[i]->Fill(dataset, keys);
    fmt::print(stderr, "loaded {} with {} items: {:.1f} bytes each\n", settings_.servers[i].name,
               keys, bytes_per_item[i]);
  }
  for (const MemoryRow& row : memory_rows) results_.memory.push_back({row, bytes_per_item});
  for (const Row& row : rows) {
    const bool of_one = row.own_baseline.has_value();
    if (of_one && servers() < 2) continue;
    RowResult& result = AddRow(row);
    for (size_t round = 0; round < settings_.rounds; round++) {
      for (size_t i = 0; i < result.names.size(); i++) {
        Contender& contender = *contenders[of_one ? 1 : i];
        if (!contender.Can(dataset) || !contender.Can(row.op)) continue;
        if (!HasRound(i, round)) continue;
        Row part = row;
        if (of_one && i == 0) part.op = row.own_baseline->op;
        if (round == 0) contender.WarmUp(WorkOf(part, settings_.rounds, nullptr));
        AddSample(&result, i, contender.Do(WorkOf(part, round, &result.latencies[i])));
      }
    }
  }
}

void Runner::RunFill(const Row& row) {
  const auto order = Shuffled(row.keys);
  RowResult& result = AddRow(row);
  for (size_t round = 0; round < settings_.rounds; round++) {
    for (size_t i = 0; i < servers(); i++) {
      if (!HasRound(i, round)) continue;
      const auto contender = Start(i);
      if (!contender->Can(row.op)) continue;
      const Work work = WorkOf(row, round, &result.latencies[i]);
      AddSample(&result, i, contender->DoInOrder(work, order, 0));
    }
  }
}

}  // namespace

Results RunAll(const Settings& settings, const std::vector<Row>& rows,
               const std::vector<MemoryRow>& memory_rows, uint64_t keys) {
  Runner runner(settings);
  for (const Op dataset : {Op::kSet, Op::kCounter, Op::kObject, Op::kRecord}) {
    std::vector<Row> wanted;
    std::vector<MemoryRow> memory;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(wanted),
                 [&](const Row& row) { return row.dataset == dataset && !row.fills_empty_server; });
    std::copy_if(memory_rows.begin(), memory_rows.end(), std::back_inserter(memory),
                 [&](const MemoryRow& row) { return row.dataset == dataset; });
    if (!wanted.empty() || !memory.empty()) runner.RunDataset(dataset, keys, wanted, memory);
  }
  for (const Row& row : rows) {
    if (row.fills_empty_server) runner.RunFill(row);
  }
  return runner.Take();
}

}  // namespace ampt::bench
