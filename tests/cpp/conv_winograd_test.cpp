// Winograd's convolutions against the gathered ones, which test conv_test.cpp holds against loops
// in double precision; the bound of their error; the same bits in any batch.
#include "deepcore/cpu/conv_winograd.h"

#include <cmath>
#include <random>

#include "deepcore/core/switches.h"
#include "deepcore/cpu/conv_filter.h"
#include "deepcore/cpu/conv_gather.h"
#include "runner_call.h"

namespace deepcore {
namespace {

using test::run_runner;
using Floats = std::vector<float>;

struct Case {
  Shape x;
  std::int64_t o;
  std::array<int, 2> low{1, 1}, high{1, 1};

  Shape kernel() const { return Shape{3, 3, x[3], o}; }
  Window2D window() const { return {.pad_low = low, .pad_high = high}; }
  Shape y() const {
    constexpr DType f = DType::kFloat32;
    return Conv(window(), 1, {}).infer({{f, x}, {f, kernel()}})[0].shape;
  }
  ConvShape shape() const { return conv_shape(x, kernel(), y(), window(), 1); }
  std::string str() const {
    return join("x ", x, " filters ", o, " ", Conv(window(), 1, {}).str());
  }
};

Floats values(const Shape& shape, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Floats v(static_cast<std::size_t>(shape.elements()));
  for (float& f : v) f = uniform(random);
  return v;
}

// The largest difference, as a part of the largest result.
double error(const Floats& got, const Floats& want) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0, largest = 1e-30;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double d = std::abs(double{got[i]} - want[i]);
    difference = std::isnan(d) ? INFINITY : std::max(difference, d);
    largest = std::max(largest, double{std::abs(want[i])});
  }
  return difference / largest;
}

struct Errors {
  double forward, input, filter;
};

Errors check(const Case& c, std::uint32_t seed, const Epilogue& epilogue = {}) {
  EXPECT_TRUE(winograd_fits(c.shape())) << c.str();
  const ConvShape s = c.shape();
  const auto type = [](const Shape& shape) { return Type{DType::kFloat32, shape}; };
  const Floats x = values(c.x, seed), kernel = values(c.kernel(), seed + 1);
  const Floats gy = values(c.y(), seed + 2), bias = values(Shape{c.o}, seed + 3);
  // tanh, sigmoid and relu6 keep the difference of their arguments, not their size.
  const bool bounded = epilogue.activation != Kind::kIdentity && epilogue.activation != Kind::kRelu;
  const double allowed = bounded ? 1e-4 : 1e-5;
  const auto compare = [&](const Runner& fast, const Runner& plain, const Shape& out,
                           const std::vector<Floats>& in) {
    const Floats got = run_runner<float>(fast, type(out), in);
    const Floats again = run_runner<float>(fast, type(out), in, true);
    EXPECT_TRUE(got.empty() || std::memcmp(got.data(), again.data(), got.size() * 4) == 0)
        << "the order of tasks changes bits of " << c.str();
    const double e = error(got, run_runner<float>(plain, type(out), in));
    EXPECT_LT(e, allowed) << c.str();
    return e;
  };
  constexpr auto forward = ConvDirection::kForward, backward = ConvDirection::kBackward;
  std::vector<Floats> in{x, kernel};
  if (epilogue.scale) in.push_back(values(Shape{c.o}, seed + 4));
  if (epilogue.bias) in.push_back(bias);
  if (epilogue.residual) in.push_back(values(c.y(), seed + 5));
  return {compare(winograd_runner(s, forward, epilogue), ConvGather::runner(s, forward, epilogue),
                  c.y(), in),
          compare(winograd_runner(s, backward, {}), ConvGather::runner(s, backward, {}), c.x,
                  {gy, kernel}),
          compare(winograd_filter_runner(s), ConvFilter::runner(s), c.kernel(), {x, gy})};
}

TEST(Winograd, RandomShapes) {
  std::mt19937 random(1);
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
  };
  for (std::uint32_t i = 0; i < 250 && !testing::Test::HasFailure(); ++i) {
    const std::array<int, 2> low{pick({0, 1, 1, 2, 5}), pick({0, 1, 1, 3})};
    const std::array<int, 2> high{pick({0, 1, 1, 2}), pick({0, 1, 1, 4, 7})};
    const Case c{Shape{pick({0, 1, 2, 5}), pick({3, 4, 5, 7, 8, 9, 13}),
                       pick({3, 4, 6, 7, 8, 11, 12}), pick({1, 3, 8, 15, 16, 17, 33, 70})},
                 pick({1, 5, 8, 16, 17, 31, 64, 66}), low, high};
    const Kind kinds[] = {Kind::kIdentity, Kind::kRelu, Kind::kRelu6, Kind::kTanh, Kind::kSigmoid};
    check(c, i, {pick({0, 1}) == 1, pick({0, 1}) == 1, pick({0, 1}) == 1, kinds[random() % 5]});
  }
}

// Kernels that are packed once and kernels that are not, one block of tiles and several.
TEST(Winograd, LargerShapes) {
  check({Shape{2, 30, 34, 64}, 64}, 1, {.bias = true, .activation = Kind::kRelu});
  check({Shape{9, 14, 14, 160}, 170}, 2);
  check({Shape{1, 14, 14, 256}, 256}, 3);
  check({Shape{7, 7, 7, 200}, 130}, 4);
  check({Shape{20, 13, 13, 32}, 64, {0, 0}, {0, 0}}, 5);
}

// What the package promises is 1e-4; what is measured is a tenth of that.
TEST(Winograd, ErrorGrowsSlowlyWithChannels) {
  for (const std::int64_t channels : {16, 64, 512}) {
    const Errors e = check({Shape{4, 8, 8, channels}, 48}, 9);
    EXPECT_LT(std::max(e.forward, e.filter), 1e-5) << channels << " channels";
  }
  const Errors e = check({Shape{4, 8, 8, 48}, 512}, 10);
  EXPECT_LT(e.input, 1e-5);
}

TEST(Winograd, SameBitsInAnyBatch) {
  for (const Case& c : {Case{Shape{24, 13, 13, 32}, 33, {0, 0}, {0, 0}},
                        Case{Shape{24, 7, 9, 190}, 160}, Case{Shape{24, 16, 16, 17}, 16}}) {
    for (const ConvDirection direction : {ConvDirection::kForward, ConvDirection::kBackward}) {
      const bool forward = direction == ConvDirection::kForward;
      const Floats all = values(forward ? c.x : c.y(), 5), kernel = values(c.kernel(), 6);
      const auto run = [&](std::int64_t first, std::int64_t count) {
        Case part = c;
        part.x[0] = count;
        const auto one = static_cast<std::ptrdiff_t>(all.size() / 24);
        const Floats in(all.begin() + first * one, all.begin() + (first + count) * one);
        return run_runner<float>(winograd_runner(part.shape(), direction, {}),
                                 {DType::kFloat32, forward ? part.y() : part.x}, {in, kernel});
      };
      const Floats whole = run(0, 24);
      for (const auto& [first, count] : {std::pair{0, 1}, {23, 1}, {3, 7}, {11, 12}}) {
        const Floats part = run(first, count);
        EXPECT_EQ(std::memcmp(part.data(),
                              whole.data() + static_cast<std::size_t>(first) * (whole.size() / 24),
                              part.size() * 4),
                  0)
            << "samples from " << first << ", " << count << " of them: " << c.str();
      }
    }
  }
}

TEST(Winograd, IsChosenByTheLayerAlone) {
  const auto pays = [](std::int64_t n, std::int64_t side, std::int64_t c, std::int64_t o) {
    return winograd_pays(Case{Shape{n, side, side, c}, o}.shape());
  };
  if (!enabled(FastPath::kWinograd)) {
    EXPECT_FALSE(pays(1, 56, 64, 64));
    return;
  }
  for (const std::int64_t n : {1, 32}) {
    EXPECT_TRUE(pays(n, 56, 64, 64));
    EXPECT_TRUE(pays(n, 7, 512, 512));
    EXPECT_FALSE(pays(n, 56, 3, 64)) << "few channels";
    EXPECT_FALSE(pays(n, 5, 64, 64)) << "tiles would be half empty";
  }
  Case strided{Shape{1, 28, 28, 64}, 64};
  ConvShape s = strided.shape();
  s.window.stride = {2, 1};
  EXPECT_FALSE(winograd_fits(s));
  s = strided.shape();
  s.groups = 2;
  EXPECT_FALSE(winograd_fits(s));
}

}  // namespace
}  // namespace deepcore
