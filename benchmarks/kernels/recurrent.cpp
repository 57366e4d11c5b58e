// Recurrent layers over a whole sequence on one thread: the steps alone, whose products of the
// inputs are a matmul before. GFLOP/s count the recurrent products.
#include "deepcore/ops/recurrent.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <vector>

#include "deepcore/cpu/backend.h"

namespace deepcore {
namespace {

// All tasks of an op, one after another, on small random numbers.
void run(benchmark::State& state, const Op& op, const Types& in) {
  const Types out = op.infer(in);
  const auto runner = CpuBackend::instance().runner(op, in, out);
  std::mt19937 source(1);
  std::uniform_real_distribution<float> draw(-0.1f, 0.1f);
  std::vector<std::vector<float>> held;
  std::vector<const void*> from;
  std::vector<void*> to;
  for (const Types* types : {&in, &out})
    for (const Type& type : *types) {
      held.emplace_back(static_cast<std::size_t>(type.elements()));
      for (float& v : held.back()) v = draw(source);
      if (types == &in) {
        from.push_back(held.back().data());
      } else {
        to.push_back(held.back().data());
      }
    }
  std::vector<std::byte> workspace(runner->workspace), scratch(runner->scratch);
  std::atomic<int> fault{0};
  const Call call{from.data(), to.data(), workspace.data(), &fault};
  for (auto _ : state)
    for (const Phase& phase : runner->phases)
      for (std::int64_t i = 0; i < phase.tasks; ++i) phase.run(call, i, scratch.data());
  state.counters["FLOP/s"] = benchmark::Counter(static_cast<double>(op.flops(in, out)),
                                                benchmark::Counter::kIsIterationInvariantRate,
                                                benchmark::Counter::kIs1000);
}

Type floats(Shape shape) { return {DType::kFloat32, std::move(shape)}; }

// (batch, steps, units)
struct Sizes {
  std::int64_t n, t, u;
  explicit Sizes(const benchmark::State& s) : n(s.range(0)), t(s.range(1)), u(s.range(2)) {}
  Type sequence(std::int64_t gates = 1) const { return floats({n, t, gates * u}); }
  Type kernel(std::int64_t gates) const { return floats({u, gates * u}); }
  Type state() const { return floats({n, u}); }
};

void lstm(benchmark::State& state) {
  const Sizes s(state);
  run(state, Lstm(false), {s.sequence(4), s.kernel(4), s.state(), s.state()});
}
void lstm_grad(benchmark::State& state) {
  const Sizes s(state);
  run(state, LstmGrad(false, false),
      {s.sequence(4), s.kernel(4), s.sequence(), s.state(), s.sequence()});
}
void gru(benchmark::State& state) {
  const Sizes s(state);
  run(state, Gru(true, false), {s.sequence(3), s.kernel(3), s.state(), floats({3 * s.u})});
}
void gru_grad(benchmark::State& state) {
  const Sizes s(state);
  run(state, GruGrad(true, false),
      {s.sequence(3), s.kernel(3), s.sequence(), s.state(), s.sequence(), s.sequence()});
}

void sizes(benchmark::internal::Benchmark* b) {
  b->Args({32, 80, 128})->Args({64, 100, 64})->Args({32, 60, 64})->Args({1, 80, 128});
}
BENCHMARK(lstm)->Apply(sizes);
BENCHMARK(lstm_grad)->Apply(sizes);
BENCHMARK(gru)->Apply(sizes);
BENCHMARK(gru_grad)->Apply(sizes);

}  // namespace
}  // namespace deepcore
