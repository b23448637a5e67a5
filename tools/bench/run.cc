#include "tools/bench/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>
#include <memory>
#include <numeric>
#include <utility>

namespace ampt::bench {
namespace {

// Requests written out at once. Between two such chunks clocks are stopped.
constexpr uint64_t kChunk = 256 * 1024;
constexpr size_t kLoadDepth = 64;

// Which key each request of a run is about.
using KeyOf = std::function<uint64_t(uint64_t index, Random& random)>;

struct Totals {
  LoadResult load;
  int64_t server_cpu_ns = 0;
};

class Runner {
 public:
  explicit Runner(const Settings& settings) : settings_(settings), cores_(ChooseCores()) {
    PinTo(cores_.generator);
    for (const ServerSpec& spec : settings.servers) results_.names.push_back(spec.name);
    results_.versions = results_.names;
  }

  void RunDataset(Dataset dataset, uint64_t keys, std::vector<Row> rows,
                  const std::vector<MemoryRow>& memory_rows);
  void RunFill(const Row& row);

  Results Take() { return std::move(results_); }

 private:
  // A server and what it takes to talk to it.
  struct Rival {
    std::unique_ptr<Server> server;
    std::unique_ptr<Load> load;
    Dialect dialect;
  };

  Rival Start(size_t index, Dataset dataset);
  Totals Drive(Rival* rival, const Writer& write, const KeyOf& key_of, uint64_t keys,
               uint64_t requests, size_t depth, uint64_t seed, double rate, Histogram* latencies);
  void Fill(Rival* rival, Dataset dataset, uint64_t keys);
  RowResult& AddRow(const Row& row);
  void AddSample(RowResult* result, size_t index, const Totals& totals);

  Settings settings_;
  Cores cores_;
  Results results_;
};

// 0 … count-1 in a random order.
std::vector<uint32_t> Shuffled(uint64_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  Random random(2);
  for (uint64_t i = count; i > 1; i--) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

Runner::Rival Runner::Start(size_t index, Dataset dataset) {
  Rival rival;
  rival.server = std::make_unique<Server>(settings_.servers[index], cores_.server);
  results_.versions[index] = rival.server->version();
  Client client(rival.server->port());
  rival.dialect = PrepareDialect(&client, rival.server->speaks_ampt(), dataset);
  rival.load = std::make_unique<Load>(rival.server->port(), settings_.clients);
  return rival;
}

Totals Runner::Drive(Rival* rival, const Writer& write, const KeyOf& key_of, uint64_t keys,
                     uint64_t requests, size_t depth, uint64_t seed, double rate,
                     Histogram* latencies) {
  Random random(seed);
  Totals totals;
  try {
    for (uint64_t done = 0; done < requests;) {
      Batches batches(depth);
      for (const uint64_t end = std::min(requests, done + kChunk); done < end; done++) {
        write({rival->dialect, keys, key_of(done, random), random}, &batches);
      }
      const int64_t cpu_begin_ns = rival->server->CpuNs();
      const LoadResult part = rate > 0 ? rival->load->RunOpen(batches, rate, latencies)
                                       : rival->load->RunClosed(batches);
      totals.server_cpu_ns += rival->server->CpuNs() - cpu_begin_ns;
      totals.load.requests += part.requests;
      totals.load.reply_bytes += part.reply_bytes;
      totals.load.elapsed_ns += part.elapsed_ns;
      totals.load.generator_cpu_ns += part.generator_cpu_ns;
    }
  } catch (const Failure& failure) {
    throw Failure(
        fmt::format("{}: {}\n{}", rival->server->name(), failure.what(), rival->server->Autopsy()));
  }
  return totals;
}

void Runner::Fill(Rival* rival, Dataset dataset, uint64_t keys) {
  const auto order = Shuffled(keys);
  Drive(
      rival, WriterOf(dataset), [&](uint64_t i, Random&) { return order[i]; }, keys, keys,
      kLoadDepth, 3, 0, nullptr);
}

RowResult& Runner::AddRow(const Row& row) {
  const size_t servers = settings_.servers.size();
  results_.rows.push_back(
      {row, std::vector<std::vector<Sample>>(servers), std::vector<Histogram>(servers)});
  return results_.rows.back();
}

void Runner::AddSample(RowResult* result, size_t index, const Totals& totals) {
  const double requests = static_cast<double>(totals.load.requests);
  const double elapsed_ns = static_cast<double>(totals.load.elapsed_ns);
  const double cpu_ns = static_cast<double>(totals.server_cpu_ns);
  const Sample sample{requests / elapsed_ns * 1e9, cpu_ns / requests / 1e3, cpu_ns / elapsed_ns,
                      static_cast<double>(totals.load.generator_cpu_ns) / elapsed_ns,
                      static_cast<double>(totals.load.reply_bytes) / requests};
  result->samples[index].push_back(sample);
  fmt::print(stderr, "  {:<50} {:<8} {:>10.0f} req/s {:>8.3f} us{}\n", result->row.title(),
             settings_.servers[index].name, sample.requests_per_s, sample.cpu_us,
             sample.generator_busy > 0.95 ? "  (generator busy)" : "");
}

void Runner::RunDataset(Dataset dataset, uint64_t keys, std::vector<Row> rows,
                        const std::vector<MemoryRow>& memory_rows) {
  std::vector<Rival> rivals;
  std::vector<double> bytes_per_item;
  for (size_t i = 0; i < settings_.servers.size(); i++) {
    rivals.push_back(Start(i, dataset));
    const uint64_t empty_bytes = rivals[i].server->RssBytes();
    Fill(&rivals[i], dataset, keys);
    const uint64_t full_bytes = rivals[i].server->RssBytes();
    bytes_per_item.push_back((static_cast<double>(full_bytes) - static_cast<double>(empty_bytes)) /
                             static_cast<double>(keys));
    fmt::print(stderr, "loaded {} with {} items: {:.1f} bytes each\n", settings_.servers[i].name,
               keys, bytes_per_item[i]);
  }
  for (const MemoryRow& row : memory_rows) results_.memory.push_back({row, bytes_per_item});
  for (const Row& row : rows) {
    RowResult& result = AddRow(row);
    for (size_t round = 0; round < settings_.rounds; round++) {
      for (size_t i = 0; i < rivals.size(); i++) {
        const auto any_key = [&](uint64_t, Random& random) { return random.Below(row.keys); };
        AddSample(&result, i,
                  Drive(&rivals[i], row.write, any_key, row.keys, row.requests, row.depth,
                        100 + round, settings_.rate, &result.latencies[i]));
      }
    }
  }
}

void Runner::RunFill(const Row& row) {
  const auto order = Shuffled(row.keys);
  RowResult& result = AddRow(row);
  for (size_t round = 0; round < settings_.rounds; round++) {
    for (size_t i = 0; i < settings_.servers.size(); i++) {
      Rival rival = Start(i, row.dataset);
      const auto next_key = [&](uint64_t index, Random&) { return order[index]; };
      AddSample(&result, i,
                Drive(&rival, row.write, next_key, row.keys, row.requests, row.depth, 100 + round,
                      settings_.rate, &result.latencies[i]));
    }
  }
}

}  // namespace

Results RunAll(const Settings& settings, const std::vector<Row>& rows,
               const std::vector<MemoryRow>& memory_rows, uint64_t keys) {
  Runner runner(settings);
  for (const Dataset dataset :
       {Dataset::kStrings, Dataset::kCounters, Dataset::kObjects, Dataset::kRecords}) {
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
