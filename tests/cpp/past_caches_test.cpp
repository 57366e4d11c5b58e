// Results that go past the caches against their halves, which do not: the same bits.
#include "deepcore/cpu/past_caches.h"

#include <random>

#include "deepcore/core/switches.h"
#include "runner_call.h"

namespace deepcore {
namespace {

using test::run_op;
using Floats = std::vector<float>;
constexpr DType kF = DType::kFloat32;

Floats values(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  Floats v(static_cast<std::size_t>(shape.elements()));
  for (float& f : v) f = uniform(random);
  return v;
}

Shape halved(const Shape& shape) {
  Shape half{shape[0] / 2};
  for (int i = 1; i < shape.rank(); ++i) half.push_back(shape[i]);
  return half;
}

// The first input and the result have the samples or rows as their first axis.
void expect_the_bits_of_halves(const Op& op, const Op& half, const Shape& x, const Types& others) {
  Types in{{kF, x}}, in_half{{kF, halved(x)}};
  std::vector<Floats> whole{values(x, 1)};
  for (const Type& each : others) {
    in.push_back(each);
    in_half.push_back(each);
    whole.push_back(values(each.shape, static_cast<unsigned>(in.size())));
  }
  const Shape y = op.infer(in)[0].shape;
  ASSERT_TRUE(past_caches(y.elements(), y[y.rank() - 1])) << y;
  ASSERT_FALSE(past_caches(y.elements() / 2, y[y.rank() - 1])) << y;
  const Floats got = run_op<float>(op, in, whole, true);
  for (const std::size_t which : {0u, 1u}) {
    std::vector<Floats> part = whole;
    const std::size_t size = whole[0].size() / 2;
    part[0] = Floats(whole[0].data() + which * size, whole[0].data() + (which + 1) * size);
    const Floats want = run_op<float>(half, in_half, part);
    EXPECT_EQ(std::memcmp(got.data() + which * want.size(), want.data(), want.size() * 4), 0)
        << op.str() << ", half " << which;
  }
}
void expect_the_bits_of_halves(const Op& op, const Shape& x, const Types& others) {
  expect_the_bits_of_halves(op, op, x, others);
}

// A pair of images whose results with so many channels are just too large.
Shape images(std::int64_t written, std::int64_t channels) {
  std::int64_t side = 1;
  while (!past_caches(2 * side * side * written, 16)) ++side;
  return {2, side, side, channels};
}

// The switch may be off.
class PastCaches : public testing::Test {
 protected:
  void SetUp() override {
    if (!enabled(FastPath::kPastCaches)) GTEST_SKIP();
  }
};

TEST_F(PastCaches, ProductsOfManyRows) {
  std::int64_t rows = 2;
  while (!past_caches(rows * 48, 48)) rows += 2;
  expect_the_bits_of_halves(MatMul(false, false), {rows, 5}, {{kF, {5, 48}}});
  const Epilogue epilogue{.bias = true, .activation = Kind::kRelu};
  expect_the_bits_of_halves(MatMul(false, false, epilogue), {rows, 3}, {{kF, {3, 48}}, {kF, {48}}});
}

TEST_F(PastCaches, ProductsOfFewRows) {
  std::int64_t columns = 16;
  while (!past_caches(2 * columns, columns)) columns += 16;
  expect_the_bits_of_halves(MatMul(false, false), {2, 3}, {{kF, {3, columns}}});
}

TEST_F(PastCaches, Convolutions) {
  for (const std::int64_t filters : {32, 48}) {
    const Epilogue epilogue{.bias = true, .activation = Kind::kRelu};
    expect_the_bits_of_halves(Conv({}, 1, epilogue), images(filters, 3),
                              {{kF, {1, 1, 3, filters}}, {kF, {filters}}});
  }
  const Window2D same{.pad_low = {1, 1}, .pad_high = {1, 1}};
  expect_the_bits_of_halves(Conv(same, 1), images(32, 2), {{kF, {3, 3, 2, 32}}});
}

TEST_F(PastCaches, DepthwiseConvolutions) {
  constexpr int kChannels = 48;
  const Shape x = images(kChannels, kChannels);
  for (const std::int64_t side : {3, 5}) {
    const int pad = static_cast<int>(side / 2);
    const Window2D same{.pad_low = {pad, pad}, .pad_high = {pad, pad}};
    const Type kernel{kF, {side, side, 1, kChannels}};
    expect_the_bits_of_halves(Conv(same, kChannels), x, {kernel});
    expect_the_bits_of_halves(ConvGradInput(same, kChannels, x),
                              ConvGradInput(same, kChannels, halved(x)), x, {kernel});
  }
}

TEST_F(PastCaches, RowsTaken) {
  std::int64_t count = 2;
  while (!past_caches(count * 48, 48)) count += 2;
  const Type indices{DType::kInt32, {count}};
  for (const std::int64_t columns : {48, 49}) {  // 49: not whole lines
    const Type x{kF, {7, columns}};
    std::vector<std::int32_t> order(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = static_cast<std::int32_t>(i * i % 7) - 3;
    const Floats from = values(x.shape, 5);
    Floats y(static_cast<std::size_t>(count * columns));
    const Runner runner =
        *CpuBackend::instance().runner(Gather{0}, {x, indices}, {{kF, {count, columns}}}, 0);
    const void* in[] = {from.data(), order.data()};
    void* out[] = {y.data()};
    std::atomic<int> fault{0};
    const Call call{in, out, nullptr, &fault};
    for (const Phase& phase : runner.phases)
      for (std::int64_t task = 0; task < phase.tasks; ++task) phase.run(call, task, nullptr);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t k = (order[static_cast<std::size_t>(i)] + 7) % 7;
      ASSERT_EQ(std::memcmp(y.data() + i * columns, from.data() + k * columns,
                            static_cast<std::size_t>(columns) * sizeof(float)),
                0)
          << i;
    }
    EXPECT_EQ(fault.load(), 0);
  }
}

TEST_F(PastCaches, RowsMustTakeWholeLines) {
  EXPECT_TRUE(past_caches(std::int64_t{1} << 40, 16));
  EXPECT_FALSE(past_caches(std::int64_t{1} << 40, 24));
  EXPECT_FALSE(past_caches(1000, 16));
}

}  // namespace
}  // namespace deepcore
