// Reductions, softmax rows, draws and moves on one thread. GB/s count what is read and written
// once.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

std::vector<float> floats(std::int64_t n) {
  std::mt19937 source(1);
  std::uniform_real_distribution<float> draw(-1, 1);
  std::vector<float> out(static_cast<std::size_t>(n));
  for (float& v : out) v = draw(source);
  return out;
}

void moved(benchmark::State& state, std::int64_t floats_per_round) {
  state.SetBytesProcessed(state.iterations() * floats_per_round * 4);
}

// (rows, n)
void sum_rows(benchmark::State& state) {
  const std::int64_t rows = state.range(0), n = state.range(1);
  const auto x = floats(rows * n);
  std::vector<double> y(static_cast<std::size_t>(rows));
  for (auto _ : state) {
    kernels().reduce.rows[ReduceKernels::kSum](x.data(), rows, n, y.data());
    benchmark::ClobberMemory();
  }
  moved(state, rows * n);
}
BENCHMARK(sum_rows)->Args({1, 65536})->Args({6000, 10})->Args({64, 1024});

void max_rows(benchmark::State& state) {
  const std::int64_t rows = state.range(0), n = state.range(1);
  const auto x = floats(rows * n);
  std::vector<double> y(static_cast<std::size_t>(rows));
  for (auto _ : state) {
    kernels().reduce.rows[ReduceKernels::kMax](x.data(), rows, n, y.data());
    benchmark::ClobberMemory();
  }
  moved(state, rows * n);
}
BENCHMARK(max_rows)->Args({1, 65536});

// The gradient of a bias: (rows, channels) -> (channels)
void sum_columns(benchmark::State& state) {
  const std::int64_t rows = state.range(0), n = state.range(1);
  const auto x = floats(rows * n);
  std::vector<double> y(static_cast<std::size_t>(n));
  for (auto _ : state) {
    kernels().reduce.columns[ReduceKernels::kSum](x.data(), rows, n, n, rows * n, y.data());
    benchmark::ClobberMemory();
  }
  moved(state, rows * n);
}
BENCHMARK(sum_columns)
    ->Args({21632, 32})
    ->Args({32, 64})
    ->Args({32, 10})
    ->Args({256, 784})
    ->Args({16384, 3});

void softmax(benchmark::State& state) {
  const std::int64_t rows = state.range(0), n = state.range(1);
  const auto x = floats(rows * n);
  std::vector<float> y(x.size());
  for (auto _ : state) {
    kernels().softmax.softmax(x.data(), y.data(), rows, n);
    benchmark::ClobberMemory();
  }
  moved(state, 2 * rows * n);
}
BENCHMARK(softmax)->Args({32, 10})->Args({64, 1000})->Args({8, 32000});

void cross_entropy_grad(benchmark::State& state) {
  const std::int64_t rows = state.range(0), n = state.range(1);
  const auto x = floats(rows * n), g = floats(rows);
  const std::vector<std::int64_t> labels(static_cast<std::size_t>(rows), n / 2);
  std::vector<float> y(x.size());
  for (auto _ : state) {
    kernels().softmax.cross_entropy_grad(x.data(), labels.data(), g.data(), y.data(), rows, n);
    benchmark::ClobberMemory();
  }
  moved(state, 2 * rows * n);
}
BENCHMARK(cross_entropy_grad)->Args({32, 10})->Args({64, 1000});

void draw(benchmark::State& state, decltype(RandomKernels::uniform) loop) {
  std::vector<float> y(16384);
  for (auto _ : state) {
    loop({1, 2}, 0, y.data(), 16384);
    benchmark::ClobberMemory();
  }
  moved(state, 16384);
}
BENCHMARK_CAPTURE(draw, uniform, kernels().random.uniform);
BENCHMARK_CAPTURE(draw, normal, kernels().random.normal);
BENCHMARK_CAPTURE(draw, truncated_normal, kernels().random.truncated_normal);

void dropout(benchmark::State& state) {
  auto x = floats(16384);
  for (auto _ : state) {
    kernels().random.dropout({1, 2}, 0, x.data(), x.data(), 16384, 0.25f, 1.0f);
    benchmark::ClobberMemory();
  }
  moved(state, 2 * 16384);
}
BENCHMARK(dropout);

// All tasks of an op with one input, one after another.
void run(benchmark::State& state, const Op& op, const Type& in) {
  const Types out = op.infer({in});
  const auto runner = CpuBackend::instance().runner(op, {in}, out);
  const auto x = floats(in.elements());
  std::vector<float> y(static_cast<std::size_t>(out[0].elements()));
  const void* from = x.data();
  void* to = y.data();
  std::atomic<int> fault{0};
  const Call call{&from, &to, nullptr, &fault};
  for (auto _ : state)
    for (const Phase& phase : runner->phases)
      for (std::int64_t i = 0; i < phase.tasks; ++i) phase.run(call, i, nullptr);
  moved(state, in.elements() + out[0].elements());
}
void transpose_matrix(benchmark::State& state) {
  run(state, Transpose{Dims{1, 0}}, {DType::kFloat32, {512, 512}});
}
BENCHMARK(transpose_matrix);
void channels_first(benchmark::State& state) {
  run(state, Transpose{Dims{0, 3, 1, 2}}, {DType::kFloat32, {8, 28, 28, 32}});
}
BENCHMARK(channels_first);
void slice_columns(benchmark::State& state) {
  run(state, Slice{{0, 3}, {1000, 200}, {1, 1}}, {DType::kFloat32, {1000, 256}});
}
BENCHMARK(slice_columns);
void broadcast_rows(benchmark::State& state) {
  run(state, BroadcastTo{Shape{1000, 256}}, {DType::kFloat32, {256}});
}
BENCHMARK(broadcast_rows);

}  // namespace
}  // namespace deepcore
