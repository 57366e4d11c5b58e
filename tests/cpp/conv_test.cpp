// Convolution and its gradients against seven plain loops in double precision.
#include <algorithm>
#include <cmath>
#include <random>

#include "deepcore/cpu/conv_shape.h"
#include "runner_call.h"

namespace deepcore {
namespace {

using test::run_op;

struct Case {
  Shape x, kernel;
  Window2D window;
  int groups = 1;
  Epilogue epilogue = {};

  Conv op() const { return Conv(window, groups, epilogue); }
  Shape y() const { return op().infer(types(DType::kFloat32))[0].shape; }
  Types types(DType d) const {
    Types in{{d, x}, {d, kernel}};
    if (epilogue.scale) in.push_back({d, Shape{kernel[3]}});
    if (epilogue.bias) in.push_back({d, Shape{kernel[3]}});
    if (epilogue.residual)
      in.push_back({d, Conv(window, groups).infer({{d, x}, {d, kernel}})[0].shape});
    return in;
  }
  std::string str() const { return join("x ", x, " kernel ", kernel, " ", op().str()); }
};

std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> v(static_cast<std::size_t>(count));
  for (float& f : v) f = uniform(random);
  return v;
}

template <class T>
std::vector<T> cast(const std::vector<float>& v) {
  return std::vector<T>(v.begin(), v.end());
}

double activated(double v, Kind kind) {
  switch (kind) {
    case Kind::kRelu:
      return v > 0 ? v : 0;
    case Kind::kRelu6:
      return std::clamp(v, 0.0, 6.0);
    case Kind::kTanh:
      return std::tanh(v);
    case Kind::kSigmoid:
      return 1 / (1 + std::exp(-v));
    default:
      return v;
  }
}

// The sum over all products, told once: forward adds to y, the gradients to x or to the kernel.
enum class To { kY, kX, kKernel };
std::vector<double> reference(const Case& c, To to, const std::vector<float>& x,
                              const std::vector<float>& kernel, const std::vector<float>& gy) {
  const Shape y = c.y();
  std::vector<double> out(static_cast<std::size_t>((to == To::kY   ? y
                                                    : to == To::kX ? c.x
                                                                   : c.kernel)
                                                       .elements()));
  const auto at = [](std::int64_t i) { return static_cast<std::size_t>(i); };
  const std::int64_t cg = c.kernel[2], og = c.kernel[3] / c.groups;
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t i = 0; i < y[1]; ++i)
      for (std::int64_t j = 0; j < y[2]; ++j)
        for (std::int64_t a = 0; a < c.kernel[0]; ++a)
          for (std::int64_t b = 0; b < c.kernel[1]; ++b)
            for (std::int64_t o = 0; o < y[3]; ++o)
              for (std::int64_t k = 0; k < cg; ++k) {
                const std::int64_t h =
                    i * c.window.stride[0] + a * c.window.dilation[0] - c.window.pad_low[0];
                const std::int64_t w =
                    j * c.window.stride[1] + b * c.window.dilation[1] - c.window.pad_low[1];
                if (h < 0 || h >= c.x[1] || w < 0 || w >= c.x[2]) continue;
                const std::size_t px =
                    at(((n * c.x[1] + h) * c.x[2] + w) * c.x[3] + o / og * cg + k);
                const std::size_t pk = at(((a * c.kernel[1] + b) * cg + k) * c.kernel[3] + o);
                const std::size_t py = at(((n * y[1] + i) * y[2] + j) * y[3] + o);
                if (to == To::kY) out[py] += double{x[px]} * kernel[pk];
                if (to == To::kX) out[px] += double{gy[py]} * kernel[pk];
                if (to == To::kKernel) out[pk] += double{x[px]} * gy[py];
              }
  return out;
}

template <class T>
void expect_near(const std::vector<T>& got, const std::vector<double>& want, double terms,
                 const std::string& what) {
  const double unit = std::is_same_v<T, float> ? 1.2e-7 : 2.3e-16;
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double allowed = unit * (4 + terms) * std::max(1.0, std::abs(want[i]));
    ASSERT_NEAR(got[i], want[i], allowed) << what << " at " << i;
  }
}

template <class T>
void check(const Case& c, std::uint32_t seed) {
  const DType d = DTypeOf<T>::value;
  const Shape y = c.y();
  const auto x = random_values(c.x.elements(), seed),
             kernel = random_values(c.kernel.elements(), seed + 1);
  const auto gy = random_values(y.elements(), seed + 2),
             bias = random_values(c.kernel[3], seed + 3),
             scale = random_values(c.kernel[3], seed + 4),
             residual = random_values(y.elements(), seed + 5);
  std::vector<double> want = reference(c, To::kY, x, kernel, gy);
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (c.epilogue.scale) want[i] *= scale[i % scale.size()];
    if (c.epilogue.bias) want[i] += bias[i % bias.size()];
    if (c.epilogue.residual) want[i] += residual[i];
    want[i] = activated(want[i], c.epilogue.activation);
  }
  std::vector<std::vector<T>> in{cast<T>(x), cast<T>(kernel)};
  if (c.epilogue.scale) in.push_back(cast<T>(scale));
  if (c.epilogue.bias) in.push_back(cast<T>(bias));
  if (c.epilogue.residual) in.push_back(cast<T>(residual));
  const double terms = static_cast<double>(c.kernel.elements(0, 3));
  expect_near(run_op<T>(c.op(), c.types(d), in), want, terms, c.str());

  const ConvGradInput grad_input(c.window, c.groups, c.x);
  expect_near(run_op<T>(grad_input, {{d, y}, {d, c.kernel}}, {cast<T>(gy), cast<T>(kernel)}),
              reference(c, To::kX, x, kernel, gy),
              terms * static_cast<double>(c.kernel[3]) / static_cast<double>(c.kernel[2]),
              "gx of " + c.str());
  const ConvGradFilter grad_filter(c.window, c.groups, c.kernel);
  const Types filter_types{{d, c.x}, {d, y}};
  const auto gw = run_op<T>(grad_filter, filter_types, {cast<T>(x), cast<T>(gy)});
  expect_near(gw, reference(c, To::kKernel, x, kernel, gy), static_cast<double>(y.elements(0, 3)),
              "gw of " + c.str());
  const auto again = run_op<T>(grad_filter, filter_types, {cast<T>(x), cast<T>(gy)}, true);
  EXPECT_EQ(std::memcmp(gw.data(), again.data(), gw.size() * sizeof(T)), 0)
      << "the order of tasks changes bits of " << c.str();
}

Window2D same(const Shape& x, const Shape& kernel, std::array<int, 2> stride,
              std::array<int, 2> dilation) {
  Window2D w{stride, dilation, {}, {}};
  for (std::size_t a = 0; a < 2; ++a) {
    const int size = static_cast<int>(x[static_cast<int>(a) + 1]);
    const int reach = (static_cast<int>(kernel[static_cast<int>(a)]) - 1) * dilation[a] + 1;
    const int out = (size + stride[a] - 1) / stride[a];
    const int pad = std::max(0, (out - 1) * stride[a] + reach - size);
    w.pad_low[a] = pad / 2;
    w.pad_high[a] = pad - pad / 2;
  }
  return w;
}

// A random convolution: channels around the register widths, odd sizes, everything else mixed.
Case random_case(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
  };
  Case c;
  const int channels = pick({1, 2, 3, 5, 7, 8, 9, 16, 17, 32});
  const int kind = pick({0, 0, 0, 1, 2});  // dense, grouped, depthwise
  c.groups = kind == 0 ? 1 : channels;
  int cg = kind == 0 ? channels : 1,
      o = kind == 0 ? pick({1, 3, 7, 8, 15, 16, 17, 31, 33}) : channels;
  if (kind == 1) {
    c.groups = pick({2, 3});
    cg = pick({1, 2, 5, 8, 9});
    o = c.groups * pick({1, 3, 8, 17});
  }
  const int kh = pick({1, 2, 3, 3, 5}), kw = pick({1, 2, 3, 3, 4, 5});
  std::array<int, 2> stride{pick({1, 1, 2, 3}), pick({1, 1, 2, 3})},
      dilation{pick({1, 1, 2, 3}), pick({1, 1, 2, 3})};
  const int rh = (kh - 1) * dilation[0] + 1, rw = (kw - 1) * dilation[1] + 1;
  c.x = Shape{pick({0, 1, 3, 3}), rh + pick({0, 1, 3, 6, 11}), rw + pick({0, 1, 4, 7, 13}),
              cg * c.groups};
  c.kernel = Shape{kh, kw, cg, o};
  switch (pick({0, 1, 2})) {
    case 0:
      c.window = {stride, dilation, {}, {}};
      break;
    case 1:
      c.window = same(c.x, c.kernel, stride, dilation);
      break;
    default:
      c.window = {
          stride, dilation, {pick({0, 1, 2}), pick({0, 3})}, {pick({0, 2, 4}), pick({0, 1})}};
  }
  constexpr Kind kActivations[] = {Kind::kIdentity, Kind::kRelu, Kind::kRelu6, Kind::kTanh,
                                   Kind::kSigmoid};
  c.epilogue = {pick({0, 1}) == 1, pick({0, 1}) == 1, pick({0, 1}) == 1,
                kActivations[random() % 5]};
  return c;
}

TEST(Conv, RandomShapes) {
  std::mt19937 random(1);
  for (std::uint32_t i = 0; i < 600 && !testing::Test::HasFatalFailure(); ++i)
    check<float>(random_case(random), i);
}

TEST(Conv, RandomShapesInDouble) {
  std::mt19937 random(2);
  for (std::uint32_t i = 0; i < 60 && !testing::Test::HasFatalFailure(); ++i)
    check<double>(random_case(random), i);
}

TEST(Conv, LargerShapes) {
  const Case cases[] = {
      {Shape{4, 28, 28, 1}, Shape{3, 3, 1, 32}, {}, 1, {.bias = true, .activation = Kind::kRelu}},
      {Shape{5, 13, 13, 32}, Shape{3, 3, 32, 64}, {}},
      {Shape{2, 32, 32, 3}, Shape{3, 3, 3, 16}, {.pad_low = {1, 1}, .pad_high = {1, 1}}},
      {Shape{1, 30, 34, 64}, Shape{3, 3, 64, 64}, {.pad_low = {1, 1}, .pad_high = {1, 1}}},
      {Shape{3, 7, 7, 130}, Shape{3, 3, 130, 70}, {.pad_low = {1, 1}, .pad_high = {1, 1}}},
      {Shape{2, 9, 9, 500},
       Shape{1, 1, 500, 40},
       {},
       1,
       {.bias = true, .activation = Kind::kTanh}},  // K in two blocks
      {Shape{2, 1, 500, 6}, Shape{1, 3, 6, 20}, {.pad_low = {0, 1}, .pad_high = {0, 1}}},
      {Shape{40, 4, 4, 16}, Shape{4, 4, 16, 10}, {}},  // one pixel a sample
      {Shape{1, 40, 44, 3}, Shape{7, 7, 3, 24}, {{2, 2}, {1, 1}, {3, 3}, {3, 3}}},
      {Shape{2, 20, 24, 70}, Shape{3, 3, 1, 70}, {.pad_low = {1, 1}, .pad_high = {1, 1}}, 70},
      {Shape{2, 21, 23, 130}, Shape{5, 5, 1, 130}, {{2, 2}, {1, 1}, {2, 2}, {2, 2}}, 130},
      {Shape{1, 12, 400, 2}, Shape{3, 3, 2, 3}, {}},  // a row is more than one unit
      // Depthwise, in bands.
      {Shape{1, 40, 44, 70}, Shape{3, 3, 1, 70}, {.pad_low = {1, 1}, .pad_high = {1, 1}}, 70},
      {Shape{1, 75, 70, 48}, Shape{3, 3, 1, 48}, {{2, 1}, {2, 2}, {2, 1}, {1, 2}}, 48},
  };
  std::uint32_t seed = 7;
  for (const Case& c : cases) check<float>(c, seed += 10);
}

TEST(Conv, SameBitsInAnyBatch) {
  const Case cases[] = {
      {Shape{32, 28, 28, 1}, Shape{3, 3, 1, 32}, {}, 1, {.bias = true, .activation = Kind::kRelu}},
      {Shape{32, 13, 13, 32}, Shape{3, 3, 32, 33}, {}},
      {Shape{32, 7, 7, 3},
       Shape{3, 3, 3, 17},
       {.pad_low = {1, 1}, .pad_high = {1, 1}},
       1,
       {.bias = true, .activation = Kind::kSigmoid}},
      {Shape{32, 4, 5, 40}, Shape{3, 3, 40, 9}, {{2, 2}, {1, 1}, {1, 1}, {1, 1}}},
      {Shape{32, 5, 5, 19}, Shape{3, 3, 1, 19}, {.pad_low = {1, 1}, .pad_high = {1, 1}}, 19},
      {Shape{32, 3, 3, 8}, Shape{3, 3, 8, 5}, {}},
  };
  for (const Case& c : cases) {
    const auto run = [&](std::int64_t first, std::int64_t count) {
      Case part = c;
      part.x[0] = count;
      auto x = random_values(c.x.elements(), 5);
      const auto one = static_cast<std::ptrdiff_t>(c.x.elements(1, 4));
      x = {x.begin() + first * one, x.begin() + (first + count) * one};
      std::vector<std::vector<float>> in{x, random_values(c.kernel.elements(), 6)};
      if (c.epilogue.bias) in.push_back(random_values(c.kernel[3], 8));
      return run_op<float>(part.op(), part.types(DType::kFloat32), in);
    };
    const auto whole = run(0, 32);
    for (const auto& [first, count] : {std::pair{0, 1}, {31, 1}, {3, 7}, {20, 12}}) {
      const auto part = run(first, count);
      const std::size_t one = whole.size() / 32;
      EXPECT_EQ(std::memcmp(part.data(), whole.data() + static_cast<std::size_t>(first) * one,
                            part.size() * 4),
                0)
          << "samples from " << first << ", " << count << " of them: " << c.str();
    }
  }
}

}  // namespace
}  // namespace deepcore
