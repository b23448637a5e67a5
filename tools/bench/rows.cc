#include "tools/bench/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "tools/bench/contender.h"

namespace ampt::bench {
namespace {

constexpr size_t kDepths[] = {1, 16, 64};
// Before they are divided by what a request costs.
constexpr double kRequests[] = {100'000, 500'000, 800'000};

// Requests about random keys of a loaded data set.
struct LoadedRow {
  std::string_view name;
  Op dataset;
  Op op;
  double cost;        // about how many GETs one request is worth
  double targets[3];  // at each of kDepths; 0: none; kAbsent: not measured there
  std::optional<OwnBaseline> own_baseline = std::nullopt;
};
constexpr double kAbsent = -1;
constexpr LoadedRow kLoadedRows[] = {
    {"PING", Op::kSet, Op::kPing, 1, {1.0, 0, 0}},
    {"GET", Op::kSet, Op::kGet, 1, {0.85, 0.42, 0.28}},
    {"SET existing key", Op::kSet, Op::kSet, 1, {0.88, 0.40, 0.28}},
    {"MSET of 10", Op::kSet, Op::kMset, 8, {0, 0.25, 0}},
    // 1.15 times the targets of GET, a little less at P=16.
    {"AMPT.GET (GET)", Op::kSet, Op::kAmptGet, 1, {0.98, 0.46, 0.32}},
    {"AMPT.GET (own GET)",
     Op::kSet,
     Op::kAmptGet,
     1,
     {kAbsent, 1.15, kAbsent},
     {{Op::kGet, "GET"}}},
    {"INCR", Op::kCounter, Op::kIncrement, 1, {0, 0.65, 0}},
    {"AMPT.ADD (INCR)", Op::kCounter, Op::kAmptAdd, 1, {0, 0, 0}},
    {"AMPT.SET object (SET)", Op::kObject, Op::kObject, 2, {0, 0, 0}},
    {"AMPT.SET one attribute (SET of all)", Op::kObject, Op::kAttribute, 2, {0, 1.0, 0}},
    {"range of 100 by key (Lua)", Op::kRecord, Op::kRangeByKey, 40, {kAbsent, 0.067, kAbsent}},
    {"range of 100 by label (Lua)", Op::kRecord, Op::kRangeByLabel, 40, {kAbsent, 0.085, kAbsent}},
    {"update both labels (Lua)", Op::kRecord, Op::kUpdate, 8, {kAbsent, 0.14, kAbsent}},
};

// Empty servers filled with a data set.
struct FillRow {
  std::string_view name;  // {}: to how many thousand items
  Op dataset;
  uint64_t times;  // the size of the other rows' data sets
  size_t depth;
  double target;
};
constexpr FillRow kFillRows[] = {
    {"SET new random key, to {}k", Op::kSet, 1, 64, 1.0},
    {"SET new random key, to {}k", Op::kSet, 5, 64, 1.0},
    {"insert with 2 labels (Lua)", Op::kRecord, 1, 16, 0.25},
};

}  // namespace

std::string Row::title() const {
  return fmt::format("{} P={}", name, depth);
}

std::vector<Row> AllRows(uint64_t keys, double scale) {
  std::vector<Row> rows;
  for (const LoadedRow& row : kLoadedRows) {
    for (size_t i = 0; i < std::size(kDepths); i++) {
      if (row.targets[i] == kAbsent) continue;
      // Without pipelining the kernel's share is what counts, and that is the same for all.
      const double cost = kDepths[i] == 1 ? 1 : row.cost;
      const auto requests = static_cast<uint64_t>(std::ceil(kRequests[i] / cost * scale));
      rows.push_back({std::string(row.name), kDepths[i], row.dataset, row.op, false, keys, requests,
                      row.targets[i], row.own_baseline});
    }
  }
  for (const FillRow& row : kFillRows) {
    const uint64_t count = row.times * keys;
    rows.push_back({fmt::format(fmt::runtime(row.name), count / 1000), row.depth, row.dataset,
                    row.dataset, true, count, count, row.target, std::nullopt});
  }
  return rows;
}

std::vector<MemoryRow> AllMemoryRows() {
  return {
      // 64 bytes over those of key and value.
      {"memory, 16-byte key, 64-byte value", Op::kSet, 16 + kValueBytes + 64.0},
      {"memory, the same with 2 labels", Op::kRecord, 200},
      {"memory, JSON object of 130 bytes", Op::kObject, 200},
  };
}

}  // namespace ampt::bench
