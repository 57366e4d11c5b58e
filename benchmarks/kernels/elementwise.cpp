// Elementwise loops: single ops, chains and optimizer steps, in and out of the caches; one thread.
#include <benchmark/benchmark.h>

#include <vector>

#include "deepcore/cpu/kernels.h"

namespace deepcore {
namespace {

Program one_instruction(Kind kind, int inputs) {
  Program p{};
  p.inputs = static_cast<std::uint8_t>(inputs);
  p.instrs = p.outputs = 1;
  p.code[0] = {kind, p.inputs, 0, 1, 2};
  p.output_register[0] = p.inputs;
  p.registers = static_cast<std::uint8_t>(inputs + 1);
  return p;
}

void run(benchmark::State& state, const Program& program, const std::vector<Operand>& operands) {
  const std::int64_t n = state.range(0);
  const std::vector<std::vector<float>> x(program.inputs,
                                          std::vector<float>(static_cast<std::size_t>(n), 0.7f));
  std::vector<float> y(static_cast<std::size_t>(n)), scratch(kProgramScratch);
  std::vector<const void*> in;
  for (const auto& v : x) in.push_back(v.data());
  void* out = y.data();
  for (auto _ : state) {
    kernels().elementwise.run(program, operands.data(), in.data(), &out, 0, n, scratch.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n);
  state.SetBytesProcessed(state.iterations() * n * (program.inputs + 1) * 4);
}

const Operand kFull{Pattern::kFull, Element::kF32, 1, 1, {}, {}};

void unary(benchmark::State& state, Kind kind) { run(state, one_instruction(kind, 1), {kFull}); }
void binary(benchmark::State& state, Kind kind) {
  run(state, one_instruction(kind, 2), {kFull, kFull});
}
void bias(benchmark::State& state) {
  run(state, one_instruction(Kind::kAdd, 2),
      {kFull, {Pattern::kSuffix, Element::kF32, 2, 64, {}, {}}});
}

// relu(a * b + c) - 0.5, squared.
void chain(benchmark::State& state) {
  Program p{};
  p.inputs = 3;
  p.n_constants = 1;
  p.constants[0] = 0.5f;
  p.registers = 5;
  p.code[0] = {Kind::kMultiply, 4, 0, 1, 0};
  p.code[1] = {Kind::kAdd, 4, 4, 2, 0};
  p.code[2] = {Kind::kRelu, 4, 4, 0, 0};
  p.code[3] = {Kind::kSubtract, 4, 4, 3, 0};
  p.code[4] = {Kind::kSquare, 4, 4, 0, 0};
  p.instrs = 5;
  p.outputs = 1;
  p.output_register[0] = 4;
  run(state, p, {kFull, kFull, kFull});
}

void adam(benchmark::State& state) {
  const std::int64_t n = state.range(0);
  std::vector<float> p(static_cast<std::size_t>(n), 1), g = p, m = p, v = p;
  const AdamNumbers numbers{0.1f, 0.001f, 1e-7f};
  for (auto _ : state) {
    kernels().update.adam(p.data(), g.data(), 1e-3f, m.data(), v.data(), numbers, p.data(),
                          m.data(), v.data(), n);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n);
  state.SetBytesProcessed(state.iterations() * n * 7 * 4);
}

constexpr std::int64_t kSmall = 10, kCached = 8192, kMemory = 1 << 24;

BENCHMARK_CAPTURE(binary, add, Kind::kAdd)->Arg(kSmall)->Arg(kCached)->Arg(kMemory);
BENCHMARK_CAPTURE(unary, relu, Kind::kRelu)->Arg(kSmall)->Arg(kCached)->Arg(kMemory);
BENCHMARK(bias)->Arg(kSmall)->Arg(kCached)->Arg(kMemory);
BENCHMARK(chain)->Arg(kSmall)->Arg(kCached)->Arg(kMemory);
BENCHMARK(adam)->Arg(kSmall)->Arg(kCached)->Arg(kMemory);
BENCHMARK_CAPTURE(unary, exp, Kind::kExp)->Arg(kCached);
BENCHMARK_CAPTURE(unary, log, Kind::kLog)->Arg(kCached);
BENCHMARK_CAPTURE(unary, tanh, Kind::kTanh)->Arg(kCached);
BENCHMARK_CAPTURE(unary, sigmoid, Kind::kSigmoid)->Arg(kCached);
BENCHMARK_CAPTURE(unary, expm1, Kind::kExpm1)->Arg(kCached);
BENCHMARK_CAPTURE(unary, log1p, Kind::kLog1p)->Arg(kCached);
BENCHMARK_CAPTURE(unary, erf, Kind::kErf)->Arg(kCached);
BENCHMARK_CAPTURE(unary, softplus, Kind::kSoftplus)->Arg(kCached);
BENCHMARK_CAPTURE(unary, sin, Kind::kSin)->Arg(kCached);
BENCHMARK_CAPTURE(unary, asin, Kind::kAsin)->Arg(kCached);
BENCHMARK_CAPTURE(unary, log2, Kind::kLog2)->Arg(kCached);
BENCHMARK_CAPTURE(binary, power, Kind::kPower)->Arg(kCached);
BENCHMARK_CAPTURE(binary, mod, Kind::kMod)->Arg(kCached);

}  // namespace
}  // namespace deepcore
