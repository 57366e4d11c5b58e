// Convolutions and pooling: GFLOP/s (or GB/s) of the layers of small and large networks.
// Each op runs as a step of a plan would, on as many threads as DEEPCORE_NUM_THREADS says.
#include <benchmark/benchmark.h>

#include <random>

#include "deepcore/cpu/backend.h"

namespace deepcore {
namespace {

// Runs `op` on random inputs of these types until the clock says enough.
void run(benchmark::State& state, const OpPtr& op, const Types& in) {
  const Types out = op->infer(in);
  const auto& backend = CpuBackend::instance();
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<Buffer> buffers;
  std::vector<const void*> inputs;
  for (const Type& t : in) {
    buffers.push_back(Buffer::allocate(t.bytes()));
    float* p = static_cast<float*>(buffers.back().data());
    for (std::int64_t i = 0; i < t.elements(); ++i) p[i] = uniform(random);
    inputs.push_back(p);
  }
  const Buffer result = Buffer::allocate(out[0].bytes());
  void* output = result.data();
  Step step{.runner = *backend.runner(*op, in, out), .in = inputs.data(), .out = &output, .op = op};
  const Buffer workspace = Buffer::allocate(step.runner.workspace);
  step.workspace = workspace.data();
  backend.execute({&step, 1}, [&] { return state.KeepRunning(); });
  const double flops = static_cast<double>(op->flops(in, out));
  std::size_t bytes = out[0].bytes();
  for (const Type& t : in) bytes += t.bytes();
  const auto rate = [](double each) {
    return benchmark::Counter(each * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
  };
  if (flops > 0) state.counters["GFLOP/s"] = rate(flops);
  state.counters["GB/s"] = rate(static_cast<double>(bytes));
}

struct Layer {
  const char* name;
  Shape x, kernel;
  int stride, pad, groups;
};

const Layer kLayers[] = {
    {"mnist1", Shape{32, 28, 28, 1}, Shape{3, 3, 1, 32}, 1, 0, 1},
    {"mnist2", Shape{32, 13, 13, 32}, Shape{3, 3, 32, 64}, 1, 0, 1},
    {"mnist1_b1", Shape{1, 28, 28, 1}, Shape{3, 3, 1, 32}, 1, 0, 1},
    {"mnist2_b1", Shape{1, 13, 13, 32}, Shape{3, 3, 32, 64}, 1, 0, 1},
    {"3x3_56x56x64", Shape{8, 56, 56, 64}, Shape{3, 3, 64, 64}, 1, 1, 1},
    {"3x3_28x28x128", Shape{8, 28, 28, 128}, Shape{3, 3, 128, 128}, 1, 1, 1},
    {"3x3_14x14x256", Shape{8, 14, 14, 256}, Shape{3, 3, 256, 256}, 1, 1, 1},
    {"3x3_7x7x512", Shape{8, 7, 7, 512}, Shape{3, 3, 512, 512}, 1, 1, 1},
    {"3x3_s2_56x56x64", Shape{8, 56, 56, 64}, Shape{3, 3, 64, 128}, 2, 1, 1},
    {"1x1_56x56x64_256", Shape{8, 56, 56, 64}, Shape{1, 1, 64, 256}, 1, 0, 1},
    {"3x3_32x32x16", Shape{64, 32, 32, 16}, Shape{3, 3, 16, 16}, 1, 1, 1},
    {"7x7_s2_224x224x3", Shape{2, 224, 224, 3}, Shape{7, 7, 3, 64}, 2, 3, 1},
    {"depthwise_112x112x32", Shape{8, 112, 112, 32}, Shape{3, 3, 1, 32}, 1, 1, 32},
};

Window2D window(const Layer& l) {
  return {{l.stride, l.stride}, {1, 1}, {l.pad, l.pad}, {l.pad, l.pad}};
}

[[maybe_unused]] const bool registered = [] {
  constexpr DType f = DType::kFloat32;
  const auto add = [](const std::string& name, auto op, const Types& in) {
    benchmark::RegisterBenchmark(
        name.c_str(),
        [op, in](benchmark::State& state) { run(state, std::make_shared<decltype(op)>(op), in); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  };
  for (const Layer& l : kLayers) {
    const Conv conv(window(l), l.groups, {.bias = true, .activation = Kind::kRelu});
    const Types in{{f, l.x}, {f, l.kernel}, {f, Shape{l.kernel[3]}}};
    const Shape y = conv.infer(in)[0].shape;
    const std::string name = l.name;
    add("conv/" + name + "/forward", conv, in);
    add("conv/" + name + "/grad_input", ConvGradInput(window(l), l.groups, l.x),
        {{f, y}, {f, l.kernel}});
    add("conv/" + name + "/grad_filter", ConvGradFilter(window(l), l.groups, l.kernel),
        {{f, l.x}, {f, y}});
  }
  const Window2D two{{2, 2}, {1, 1}, {}, {}};
  for (const Shape& x : {Shape{32, 26, 26, 32}, Shape{32, 11, 11, 64}}) {
    const Pool pool(PoolKind::kMax, {2, 2}, two);
    const Shape y = pool.infer({{f, x}})[0].shape;
    const std::string name = join(x[1], "x", x[2], "x", x[3]);
    add("max_pool/" + name + "/forward", pool, {{f, x}});
    add("max_pool/" + name + "/grad", MaxPoolGrad({2, 2}, two), {{f, x}, {f, y}});
    add("average_pool/" + name + "/forward", Pool(PoolKind::kAverage, {2, 2}, two), {{f, x}});
    add("average_pool/" + name + "/grad", AveragePoolGrad({2, 2}, two, x), {{f, y}});
  }
  return true;
}();

}  // namespace
}  // namespace deepcore
