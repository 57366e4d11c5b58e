// Depthwise convolutions by rows of pixels against those by single taps, which conv_test.cpp holds
// against loops in double precision: the same bits.
#include "deepcore/cpu/conv_depthwise.h"

#include <random>

#include "runner_call.h"

namespace deepcore {
namespace {

using test::run_runner;
using Floats = std::vector<float>;

Floats values(const Shape& shape, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-8, 8);
  Floats v(static_cast<std::size_t>(shape.elements()));
  for (float& f : v) f = uniform(random);
  return v;
}

TEST(Depthwise, RowsGiveTheBitsOfSingleTaps) {
  std::mt19937 random(3);
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
  };
  for (int i = 0; i < 200 && !testing::Test::HasFailure(); ++i) {
    const int channels = pick({2, 5, 16, 31, 64, 70, 200});
    const Window2D window{.stride = {pick({1, 2, 3}), pick({1, 2})},
                          .pad_low = {pick({0, 1, 3}), pick({0, 1, 3})},
                          .pad_high = {pick({0, 1, 2}), pick({0, 1, 2})}};
    const Shape x{pick({1, 3}), pick({3, 4, 8, 15}), pick({3, 4, 5, 6, 9, 17, 30}), channels};
    const Shape kernel{3, 3, 1, channels};
    const Kind kinds[] = {Kind::kIdentity, Kind::kRelu, Kind::kRelu6, Kind::kTanh};
    const Epilogue epilogue{pick({0, 1}) == 1, pick({0, 1}) == 1, pick({0, 1}) == 1,
                            kinds[random() % 4]};
    constexpr DType f = DType::kFloat32;
    const Shape y = Conv(window, channels).infer({{f, x}, {f, kernel}})[0].shape;
    const ConvShape shape = conv_shape(x, kernel, y, window, channels);
    ASSERT_TRUE(depthwise_rows_fit(shape, ConvDirection::kForward));
    std::vector<Floats> in{values(x, random), values(kernel, random)};
    if (epilogue.scale) in.push_back(values(Shape{channels}, random));
    if (epilogue.bias) in.push_back(values(Shape{channels}, random));
    if (epilogue.residual) in.push_back(values(y, random));
    const auto run = [&](bool rows, bool backwards) {
      return run_runner<float>(depthwise_runner(shape, ConvDirection::kForward, epilogue, rows),
                               {f, y}, in, backwards);
    };
    const Floats want = run(false, false);
    for (const bool backwards : {false, true}) {
      const Floats got = run(true, backwards);
      EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * 4), 0)
          << x << " " << Conv(window, channels, epilogue).str();
    }
  }
}

TEST(Depthwise, RowsGiveTheBitsOfSingleTapsBackward) {
  std::mt19937 random(4);
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
  };
  for (int i = 0; i < 200 && !testing::Test::HasFailure(); ++i) {
    const int channels = pick({2, 5, 16, 31, 64, 70, 200});
    const Window2D window{.pad_low = {pick({0, 1, 3}), pick({0, 1, 3})},
                          .pad_high = {pick({0, 1, 2}), pick({0, 1, 2})}};
    const Shape x{pick({1, 3}), pick({3, 4, 8, 15}), pick({3, 4, 5, 6, 9, 17, 30}), channels};
    const Shape kernel{3, 3, 1, channels};
    constexpr DType f = DType::kFloat32;
    const Shape y = Conv(window, channels).infer({{f, x}, {f, kernel}})[0].shape;
    const ConvShape shape = conv_shape(x, kernel, y, window, channels);
    ASSERT_TRUE(depthwise_rows_fit(shape, ConvDirection::kBackward));
    const std::vector<Floats> in{values(y, random), values(kernel, random)};
    const auto run = [&](bool rows) {
      return run_runner<float>(depthwise_runner(shape, ConvDirection::kBackward, {}, rows), {f, x},
                               in, false);
    };
    const Floats want = run(false), got = run(true);
    EXPECT_EQ(std::memcmp(got.data(), want.data(), want.size() * 4), 0) << x << " " << y;
  }
}

TEST(Depthwise, OtherWindowsHaveNoRows) {
  const Shape x{1, 9, 9, 4};
  const auto fits = [&](std::int64_t side, const Window2D& window, ConvDirection direction) {
    const Shape kernel{side, side, 1, 4};
    constexpr DType f = DType::kFloat32;
    const Shape y = Conv(window, 4).infer({{f, x}, {f, kernel}})[0].shape;
    return depthwise_rows_fit(conv_shape(x, kernel, y, window, 4), direction);
  };
  constexpr auto forward = ConvDirection::kForward, backward = ConvDirection::kBackward;
  EXPECT_TRUE(fits(3, {}, forward));
  EXPECT_TRUE(fits(3, {}, backward));
  EXPECT_FALSE(fits(3, {.stride = {1, 2}}, backward));
  EXPECT_FALSE(fits(3, {.stride = {2, 1}}, backward));
  EXPECT_FALSE(fits(5, {}, forward));
  EXPECT_FALSE(fits(3, {.dilation = {1, 2}}, forward));
  EXPECT_FALSE(fits(3, {.stride = {1, 3}}, forward));
}

}  // namespace
}  // namespace deepcore
