// MatMul through the backend, in GFLOP/s: cubes, the products of a small network's training step,
// odd sizes.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/threads.h"

namespace deepcore {
namespace {

// One region for all rounds, as in a training loop: what is timed is the step and one barrier.
void run(benchmark::State& state, const MatMul& op, const Type& a, const Type& b) {
  set_num_threads(static_cast<int>(state.range(3)));
  const CpuBackend& backend = CpuBackend::instance();
  const Types out = op.infer({a, b});
  const Buffer x = backend.allocate(a.bytes()), y = backend.allocate(b.bytes()),
               z = backend.allocate(out[0].bytes());
  std::fill_n(static_cast<float*>(x.data()), a.elements(), 1.0f);
  std::fill_n(static_cast<float*>(y.data()), b.elements(), 0.5f);
  const void* in[] = {x.data(), y.data()};
  void* results[] = {z.data()};
  Step step;
  step.runner = *backend.runner(op, {a, b}, out);
  const Buffer workspace = backend.allocate(step.runner.workspace);
  step.in = in;
  step.out = results;
  step.workspace = workspace.data();
  backend.execute({&step, 1}, [&] { return state.KeepRunning(); });
  state.counters["GFLOP/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(op.flops({a, b}, out)) * 1e-9,
      benchmark::Counter::kIsRate);
  set_num_threads(0);
}

Type f32(std::int64_t rows, std::int64_t cols) { return {DType::kFloat32, {rows, cols}}; }

void BM_MatMul(benchmark::State& state) {
  const std::int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  run(state, MatMul(false, false), f32(m, k), f32(k, n));
}
void BM_MatMulTransposedA(benchmark::State& state) {
  const std::int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  run(state, MatMul(true, false), f32(k, m), f32(k, n));
}
void BM_MatMulTransposedB(benchmark::State& state) {
  const std::int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  run(state, MatMul(false, true), f32(m, k), f32(n, k));
}

constexpr std::int64_t kForward[][3] = {
    {64, 64, 64},       {128, 128, 128},   {256, 256, 256}, {512, 512, 512}, {1024, 1024, 1024},
    {2048, 2048, 2048}, {32, 784, 64},     {32, 64, 64},    {32, 64, 10},    {256, 784, 64},
    {256, 64, 64},      {256, 64, 10},     {1, 784, 64},    {1, 64, 64},     {1, 64, 10},
    {32, 128, 512},     {32, 64, 1},       {256, 784, 1},   {1, 1024, 1024}, {33, 65, 17},
    {100, 1000, 100},   {1000, 1000, 1000}};
constexpr std::int64_t kWeightGradient[][3] = {{784, 32, 64},     {64, 32, 64},  {64, 32, 10},
                                               {784, 256, 64},    {784, 256, 1}, {512, 512, 512},
                                               {1024, 1024, 1024}};
constexpr std::int64_t kInputGradient[][3] = {{32, 64, 64},      {32, 10, 64}, {256, 64, 64},
                                              {256, 10, 64},     {1, 64, 64},  {512, 512, 512},
                                              {1024, 1024, 1024}};
// Each on one thread and on two.
template <const auto& kShapes>
void each(benchmark::internal::Benchmark* b) {
  for (const auto& s : kShapes)
    for (const std::int64_t threads : {1, 2}) b->Args({s[0], s[1], s[2], threads});
  b->ArgNames({"M", "K", "N", "threads"})->UseRealTime();
}

BENCHMARK(BM_MatMul)->Apply(each<kForward>);
BENCHMARK(BM_MatMulTransposedA)->Apply(each<kWeightGradient>);
BENCHMARK(BM_MatMulTransposedB)->Apply(each<kInputGradient>);

}  // namespace
}  // namespace deepcore
