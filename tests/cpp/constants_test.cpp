// Constant weights, laid out once in the life of a plan: the same bits as packing in every run, and
// no second copy.
#include <random>

#include "deepcore/core/switches.h"
#include "plan_call.h"
#include "runner_call.h"

namespace deepcore {
namespace {

using namespace test;
using Floats = std::vector<float>;

Floats values(const Shape& shape, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  Floats v(static_cast<std::size_t>(shape.elements()));
  for (float& f : v) f = uniform(random);
  return v;
}

// With input 1 constant and without.
void expect_bits_of_packing(const Op& op, const Types& in, std::mt19937& random) {
  const Types out = op.infer(in);
  std::vector<Floats> inputs;
  for (const Type& type : in) inputs.push_back(values(type.shape, random));
  const CpuBackend& cpu = CpuBackend::instance();
  const Runner plain = *cpu.runner(op, in, out), packed = *cpu.runner(op, in, out, 1u << 1);
  EXPECT_TRUE(plain.setup.empty());
  EXPECT_FALSE(packed.setup.empty());
  EXPECT_EQ(packed.absorbed, 1u << 1);
  const Floats want = run_runner<float>(plain, out[0], inputs);
  for (const bool backwards : {false, true}) {
    const Floats got = run_runner<float>(packed, out[0], inputs, backwards);
    EXPECT_TRUE(want.empty() || std::memcmp(got.data(), want.data(), want.size() * 4) == 0)
        << op.str() << " of " << in[0] << " and " << in[1];
  }
}

Type f32(const Shape& shape) { return {DType::kFloat32, shape}; }

TEST(Constants, RandomConvolutions) {
  std::mt19937 random(7);
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
  };
  for (int i = 0; i < 120 && !testing::Test::HasFailure(); ++i) {
    const int groups = pick({1, 1, 1, 2}), side = pick({1, 2, 3, 3, 3, 5});
    const int channels = groups * pick({1, 3, 8, 17, 40}),
              filters = groups * pick({1, 7, 16, 33, 70});
    if (groups > 1 && channels == groups && filters == groups) continue;  // depthwise packs nothing
    const Window2D window{.stride = {pick({1, 1, 2, 3}), pick({1, 1, 2})},
                          .dilation = {pick({1, 1, 2}), 1},
                          .pad_low = {pick({0, 1, 2}), 1},
                          .pad_high = {pick({0, 1}), pick({0, 2})}};
    const Shape x{pick({1, 2, 9}), 9 + pick({0, 1, 7}), 5 + pick({0, 3, 9}), channels};
    const Shape kernel{side, pick({1, 2, 3}), channels / groups, filters};
    const Epilogue epilogue{.bias = true, .activation = Kind::kRelu6};
    expect_bits_of_packing(Conv(window, groups, epilogue),
                           {f32(x), f32(kernel), f32(Shape{filters})}, random);
    const Shape y = Conv(window, groups).infer({f32(x), f32(kernel)})[0].shape;
    expect_bits_of_packing(ConvGradInput(window, groups, x), {f32(y), f32(kernel)}, random);
  }
}

// By Winograd: small and large kernels, one block of tiles and several.
TEST(Constants, ThreeByThreeConvolutions) {
  std::mt19937 random(8);
  const Window2D same{.pad_low = {1, 1}, .pad_high = {1, 1}};
  for (const auto& [x, filters] : {std::pair{Shape{1, 8, 8, 64}, 64},
                                   {Shape{5, 13, 16, 24}, 40},
                                   {Shape{1, 7, 7, 200}, 130},
                                   {Shape{1, 14, 14, 161}, 160},
                                   {Shape{3, 16, 16, 190}, 150},
                                   {Shape{0, 8, 8, 64}, 64}})
    expect_bits_of_packing(Conv(same, 1, {}), {f32(x), f32(Shape{3, 3, x[3], filters})}, random);
}

TEST(Constants, RandomProducts) {
  std::mt19937 random(9);
  const auto size = [&](std::uint32_t most) {
    return static_cast<std::int64_t>(random() % most) + 1;
  };
  for (int i = 0; i < 80; ++i) {
    const std::int64_t m = i % 3 ? size(5) : size(250), k = size(500), n = 1 + size(300);
    const bool tb = i % 2;
    const Shape b = tb ? Shape{n, k} : Shape{k, n};
    expect_bits_of_packing(MatMul{false, tb, {}}, {f32(Shape{m, k}), f32(b)}, random);
    expect_bits_of_packing(MatMul{false, tb, {.bias = true}},
                           {f32(Shape{2, m, k}), f32(b), f32(Shape{n})}, random);
  }
}

TEST(Constants, PlansGiveTheBitsOfEagerOps) {
  const Tensor kernel = numbers({3, 3, 24, 40}, 1), weights = numbers({40, 30}, 2);
  const Window2D same{.pad_low = {1, 1}, .pad_high = {1, 1}};
  const Function f = [&](const Tensors& x) {
    const Tensor y = conv(x[0], kernel, same);
    const std::int64_t rows = y.elements() / 40;
    return Tensors{matmul(reshape(y, Shape{rows, 40}), weights)};
  };
  for (const std::int64_t n : {1, 5}) expect_same_everywhere(f, {numbers({n, 13, 9, 24}, 3)});
}

TEST(Constants, APackedWeightIsHeldOnce) {
  if (!enabled(FastPath::kPackOnce)) GTEST_SKIP();
  const Tensor a = numbers({40, 30}, 1), b = numbers({40, 30}, 2);
  const Tensors in{numbers({3, 40}, 3), numbers({40, 30}, 4)};
  const Function f = [&](const Tensors& x) {
    return Tensors{matmul(x[0], a), matmul(x[0], b),
                   x[1] * b};  // the last one reads b in every run
  };
  const Tensors want = f(in);
  Plan plan(*trace(f, in), backend());
  EXPECT_EQ(a.buffer().use_count(), 1) << "only the test holds it";
  for (int i = 0; i < 2; ++i) {
    const Tensors got = plan.run(in);
    for (std::size_t k = 0; k < want.size(); ++k) expect_same_bits(got[k], want[k]);
  }
}

}  // namespace
}  // namespace deepcore
