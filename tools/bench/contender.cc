#include "tools/bench/contender.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace ampt::bench {
namespace {

// Requests written out at once. Between two such chunks clocks are stopped.
constexpr uint64_t kChunk = 256 * 1024;

Dialect DialectOf(const Server& server, const Scripts& scripts) {
  if (server.protocol() == Protocol::kMemcached) return Dialect::kMemcached;
  if (server.protocol() == Protocol::kIproto) return Dialect::kTarantool;
  if (server.speaks_ampt()) return Dialect::kAmpt;
  return scripts.put.empty() ? Dialect::kRedis : Dialect::kRedisWithLua;
}

}  // namespace

Contender::Contender(const ServerSpec& spec, const Cores& cores, size_t clients)
    : server_(std::make_unique<Server>(spec, cores.server)),
      load_(std::make_unique<Load>(server_->port(), clients, spec.protocol)) {
  if (spec.protocol == Protocol::kResp) scripts_ = LoadScripts(server_->port());
  dialect_ = DialectOf(*server_, scripts_);
}

Sample Contender::Do(const Work& work) {
  const Writer write = WriterOf(dialect_, work.op);
  if (write == nullptr) {
    throw Failure(fmt::format("{} cannot do what this part measures", server_->name()));
  }
  Random random(work.seed);
  LoadResult total;
  int64_t server_cpu_ns = 0;
  try {
    for (uint64_t done = 0; done < work.requests;) {
      Batches batches(work.depth);
      for (const uint64_t end = std::min(work.requests, done + kChunk); done < end; done++) {
        const uint64_t key = work.key_of ? work.key_of(done, random) : random.Below(work.keys);
        write({scripts_, work.keys, key, random, work.value_bytes}, &batches);
      }
      const int64_t cpu_begin_ns = server_->CpuNs();
      const LoadResult part = work.rate > 0 ? load_->RunOpen(batches, work.rate, work.latencies)
                                            : load_->RunClosed(batches);
      server_cpu_ns += server_->CpuNs() - cpu_begin_ns;
      total.requests += part.requests;
      total.reply_bytes += part.reply_bytes;
      total.elapsed_ns += part.elapsed_ns;
      total.generator_cpu_ns += part.generator_cpu_ns;
      total.longest.Take(part.longest);
    }
  } catch (const Failure& failure) {
    throw Failure(fmt::format("{}: {}\n{}", server_->name(), failure.what(), server_->Autopsy()));
  }
  const auto requests = static_cast<double>(total.requests);
  const auto elapsed_ns = static_cast<double>(total.elapsed_ns);
  const auto cpu_ns = static_cast<double>(server_cpu_ns);
  return {requests / elapsed_ns * 1e9,
          cpu_ns / requests / 1e3,
          cpu_ns / elapsed_ns,
          static_cast<double>(total.generator_cpu_ns) / elapsed_ns,
          static_cast<double>(total.reply_bytes) / requests,
          total.longest};
}

void Contender::WarmUp(Work work) {
  constexpr uint64_t kShare = 4;
  constexpr uint64_t kLeast = 5'000;
  work.requests = std::max(work.requests / kShare, kLeast);
  work.rate = 0;
  work.latencies = nullptr;
  Do(work);
}

Sample Contender::DoInOrder(Work work, const std::vector<uint32_t>& order, uint64_t begin) {
  work.key_of = [&order, begin](uint64_t index, Random&) { return order[begin + index]; };
  return Do(work);
}

double Contender::Fill(Op op, uint64_t keys, size_t value_bytes) {
  const auto empty_bytes = static_cast<double>(server_->RssBytes());
  Work work{op, keys, keys};
  work.value_bytes = value_bytes;
  DoInOrder(work, Shuffled(keys), 0);
  return (static_cast<double>(server_->SettledRssBytes()) - empty_bytes) /
         static_cast<double>(keys);
}

std::vector<uint32_t> Shuffled(uint64_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  Random random(2);
  for (uint64_t i = count; i > 1; i--) std::swap(order[i - 1], order[random.Below(i)]);
  return order;
}

}  // namespace ampt::bench
