// The fused optimizer steps: the bits of their definitions run op by op, over odd sizes,
// misaligned, in place and cut into tasks.
#include <gtest/gtest.h>

#include <random>

#include "deepcore/cpu/backend.h"
#include "deepcore/cpu/kernels.h"
#include "deepcore/ops/ops.h"

namespace deepcore {
namespace baseline {
extern const Kernels table;
}

namespace {

using Floats = std::vector<float>;

Floats random_floats(std::int64_t n, unsigned seed, float low) {
  std::mt19937 source(seed);
  std::uniform_real_distribution<float> draw(low, 1);
  Floats out(static_cast<std::size_t>(n));
  for (float& x : out) x = draw(source);
  return out;
}

Tensor tensor_of(const Floats& values, const Shape& shape) {
  const Type type{DType::kFloat32, shape};
  const Buffer buffer = Buffer::allocate(type.bytes());
  std::copy(values.begin(), values.end(), static_cast<float*>(buffer.data()));
  return Tensor(type, buffer);
}

// The runner's outputs: inputs and outputs off every alignment, a canary after each; state in place
// if asked.
std::vector<Floats> fused(const Op& op, const std::vector<Floats>& in,
                          const std::vector<int>& state, bool in_place) {
  Types types;
  const Shape shape{static_cast<std::int64_t>(in[0].size())};
  for (std::size_t i = 0; i < in.size(); ++i)
    types.push_back({DType::kFloat32, i == 2 ? Shape{} : shape});
  const Types outs = op.infer(types);
  const auto runner = CpuBackend::instance().runner(op, types, outs);
  EXPECT_TRUE(runner.has_value());
  std::vector<Floats> inputs, outputs(outs.size(), Floats(in[0].size() + 2, -7.0f));
  for (const Floats& x : in) {
    inputs.emplace_back(1, -7.0f);
    inputs.back().insert(inputs.back().end(), x.begin(), x.end());
    inputs.back().push_back(-7.0f);
  }
  std::vector<const void*> from;
  std::vector<void*> to;
  for (Floats& x : inputs) from.push_back(x.data() + 1);
  for (std::size_t k = 0; k < outs.size(); ++k)
    to.push_back((in_place ? inputs[static_cast<std::size_t>(state[k])] : outputs[k]).data() + 1);
  std::atomic<int> fault{0};
  const Call call{from.data(), to.data(), nullptr, &fault};
  for (const Phase& phase : runner->phases)
    for (std::int64_t task = phase.tasks - 1; task >= 0; --task) phase.run(call, task, nullptr);
  std::vector<Floats> results;
  for (std::size_t k = 0; k < outs.size(); ++k) {
    const Floats& y = in_place ? inputs[static_cast<std::size_t>(state[k])] : outputs[k];
    EXPECT_EQ(y.front(), -7.0f);
    EXPECT_EQ(y.back(), -7.0f);
    results.emplace_back(y.begin() + 1, y.end() - 1);
  }
  return results;
}

std::vector<Floats> defined(const Op& op, const std::vector<Floats>& in) {
  Tensors tensors;
  for (std::size_t i = 0; i < in.size(); ++i)
    tensors.push_back(
        tensor_of(in[i], i == 2 ? Shape{} : Shape{static_cast<std::int64_t>(in[i].size())}));
  std::vector<Floats> results;
  for (const Tensor& t : op.compose(tensors))
    results.emplace_back(t.data<float>(), t.data<float>() + t.elements());
  return results;
}

void expect_defined(const Op& op, const std::vector<Floats>& in, const std::vector<int>& state) {
  const std::vector<Floats> want = defined(op, in);
  EXPECT_EQ(fused(op, in, state, false), want) << op.str() << " of " << in[0].size();
  EXPECT_EQ(fused(op, in, state, true), want) << op.str() << " in place of " << in[0].size();
}

const std::int64_t kSizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1023, 1024, 1025, 40001};

TEST(Update, SgdIsItsDefinition) {
  for (std::int64_t n : kSizes) {
    const Floats p = random_floats(n, 1, -1), g = random_floats(n, 2, -1),
                 v = random_floats(n, 3, -1);
    expect_defined(SgdUpdate{0, false}, {p, g, {0.1f}}, {0});
    expect_defined(SgdUpdate{0.9, false}, {p, g, {0.1f}, v}, {0, 3});
    expect_defined(SgdUpdate{0.9, true}, {p, g, {0.1f}, v}, {0, 3});
  }
}

TEST(Update, AdamIsItsDefinition) {
  for (std::int64_t n : kSizes) {
    const Floats p = random_floats(n, 1, -1), g = random_floats(n, 2, -1),
                 m = random_floats(n, 3, -1);
    expect_defined(AdamUpdate{0.9, 0.999, 1e-7}, {p, g, {0.001f}, m, random_floats(n, 4, 0)},
                   {0, 3, 4});
  }
}

TEST(Update, Float64GoesThroughTheDefinition) {
  const Type x{DType::kFloat64, {3}}, rate{DType::kFloat64, {}};
  EXPECT_FALSE(CpuBackend::instance().runner(SgdUpdate{0, false}, {x, x, rate}, {x}));
  EXPECT_FALSE(
      CpuBackend::instance().runner(AdamUpdate{0.9, 0.999, 1e-7}, {x, x, rate, x, x}, {x, x, x}));
}

TEST(Update, EveryInstructionSetGivesTheSameBitsAndDropsDeadOutputs) {
  const Kernels& other = kernels();
  const Floats p = random_floats(37, 1, -1), g = random_floats(37, 2, -1),
               v = random_floats(37, 3, 0);
  const AdamNumbers numbers{0.1f, 0.001f, 1e-7f};
  Floats a(37), b(37), c(37);
  baseline::table.update.adam(p.data(), g.data(), 0.01f, v.data(), v.data(), numbers, a.data(),
                              b.data(), c.data(), 37);
  Floats d(37);
  other.update.adam(p.data(), g.data(), 0.01f, v.data(), v.data(), numbers, d.data(), nullptr,
                    nullptr, 37);
  EXPECT_EQ(a, d);
  baseline::table.update.sgd_momentum(p.data(), g.data(), 0.01f, v.data(), 0.9f, true, a.data(),
                                      b.data(), 37);
  other.update.sgd_momentum(p.data(), g.data(), 0.01f, v.data(), 0.9f, true, d.data(), nullptr, 37);
  EXPECT_EQ(a, d);
}

}  // namespace
}  // namespace deepcore
