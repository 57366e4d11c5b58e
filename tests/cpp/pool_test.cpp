// Pooling and its gradients against plain loops over windows.
#include <cmath>
#include <limits>
#include <random>

#include "runner_call.h"

namespace deepcore {
namespace {

using test::run_op;

struct Case {
  Shape x;
  std::array<int, 2> size;
  Window2D window;

  Shape y() const {
    return Pool(PoolKind::kMax, size, window).infer({{DType::kFloat32, x}})[0].shape;
  }
  std::string str() const { return join("x ", x, " size ", size[0], "x", size[1], " ", window); }
};

// Calls f(cells of the window as offsets in x, in row-major order; offset in y).
template <class F>
void each_window(const Case& c, F&& f) {
  const Shape y = c.y();
  std::size_t at = 0;
  for (std::int64_t n = 0; n < y[0]; ++n)
    for (std::int64_t i = 0; i < y[1]; ++i)
      for (std::int64_t j = 0; j < y[2]; ++j)
        for (std::int64_t k = 0; k < y[3]; ++k, ++at) {
          std::vector<std::size_t> cells;
          for (std::int64_t a = 0; a < c.size[0]; ++a)
            for (std::int64_t b = 0; b < c.size[1]; ++b) {
              const std::int64_t h = i * c.window.stride[0] + a - c.window.pad_low[0];
              const std::int64_t w = j * c.window.stride[1] + b - c.window.pad_low[1];
              if (h >= 0 && h < c.x[1] && w >= 0 && w < c.x[2])
                cells.push_back(
                    static_cast<std::size_t>(((n * c.x[1] + h) * c.x[2] + w) * c.x[3] + k));
            }
          f(cells, at);
        }
}

template <class T>
std::size_t first_largest(const std::vector<T>& x, const std::vector<std::size_t>& cells) {
  for (std::size_t at : cells)
    if (x[at] != x[at]) return at;
  return *std::max_element(cells.begin(), cells.end(), [&](auto a, auto b) { return x[a] < x[b]; });
}

template <class T>
void expect_same(const std::vector<T>& got, const std::vector<T>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i]) continue;  // infinities are equal, their difference is not a number
    if (want[i] != want[i])
      ASSERT_TRUE(got[i] != got[i]) << what << " at " << i;
    else
      ASSERT_NEAR(static_cast<double>(got[i]), static_cast<double>(want[i]), 1e-5)
          << what << " at " << i;
  }
}

// Small whole numbers: many ties, and sums that are exact in any order.
template <class T>
std::vector<T> values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<T> v(static_cast<std::size_t>(count));
  for (T& t : v) t = static_cast<T>(static_cast<int>(random() % 7) - 3);
  return v;
}

template <class T>
void check_max(const Case& c, std::vector<T> x) {
  const DType d = DTypeOf<T>::value;
  const Shape y = c.y();
  const auto gy = values<T>(y.elements(), 3), v = values<T>(c.x.elements(), 4);
  std::vector<T> largest(gy.size()), taken(gy.size()), gx(x.size());
  each_window(c, [&](const auto& cells, std::size_t at) {
    const std::size_t from = first_largest(x, cells);
    largest[at] = x[from];
    taken[at] = v[from];
    gx[from] += gy[at];
  });
  expect_same(run_op<T>(Pool(PoolKind::kMax, c.size, c.window), {{d, c.x}}, {{d, y}}, {x}), largest,
              c.str());
  if constexpr (std::is_floating_point_v<T>) {
    expect_same(run_op<T>(MaxPoolTake(c.size, c.window), {{d, c.x}, {d, c.x}}, {x, v}), taken,
                "take " + c.str());
    expect_same(run_op<T>(MaxPoolGrad(c.size, c.window), {{d, c.x}, {d, y}}, {x, gy}), gx,
                "gx " + c.str());
  }
}

template <class T>
void check_average(const Case& c) {
  const DType d = DTypeOf<T>::value;
  const Shape y = c.y();
  const auto x = values<T>(c.x.elements(), 2), gy = values<T>(y.elements(), 3);
  std::vector<T> mean(gy.size()), gx(x.size());
  each_window(c, [&](const auto& cells, std::size_t at) {
    for (std::size_t from : cells) {
      mean[at] += x[from] / static_cast<T>(cells.size());
      gx[from] += gy[at] / static_cast<T>(cells.size());
    }
  });
  expect_same(run_op<T>(Pool(PoolKind::kAverage, c.size, c.window), {{d, c.x}}, {x}), mean,
              c.str());
  expect_same(run_op<T>(AveragePoolGrad(c.size, c.window, c.x), {{d, y}}, {gy}), gx,
              "gx " + c.str());
}

Case random_case(std::mt19937& random) {
  const auto pick = [&](std::initializer_list<int> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
  };
  Case c;
  c.size = {pick({1, 2, 2, 3}), pick({1, 2, 2, 3})};
  c.window.stride = {pick({1, 2, 2, 3}), pick({1, 2, 2, 3})};
  for (std::size_t a = 0; a < 2; ++a)  // every window keeps a cell inside
    if (c.size[a] > 1) {
      c.window.pad_low[a] = pick({0, 0, 1});
      c.window.pad_high[a] = pick({0, 0, 1});
    }
  c.x = Shape{pick({0, 1, 3, 3}), c.size[0] + pick({0, 1, 4, 9}), c.size[1] + pick({0, 1, 3, 8}),
              pick({1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32})};
  return c;
}

TEST(Pool, RandomShapes) {
  std::mt19937 random(1);
  for (std::uint32_t i = 0; i < 400 && !testing::Test::HasFatalFailure(); ++i) {
    const Case c = random_case(random);
    check_max<float>(c, values<float>(c.x.elements(), i));
    check_average<float>(c);
  }
}

TEST(Pool, RandomShapesInOtherTypes) {
  std::mt19937 random(2);
  for (std::uint32_t i = 0; i < 60 && !testing::Test::HasFatalFailure(); ++i) {
    const Case c = random_case(random);
    check_max<double>(c, values<double>(c.x.elements(), i));
    check_average<double>(c);
    check_max<std::int32_t>(c, values<std::int32_t>(c.x.elements(), i));
    check_max<std::int64_t>(c, values<std::int64_t>(c.x.elements(), i));
  }
}

TEST(Pool, LargerShapes) {
  for (const Case& c :
       {Case{Shape{3, 26, 26, 32}, {2, 2}, {{2, 2}}}, Case{Shape{2, 40, 41, 20}, {2, 2}, {{2, 2}}},
        Case{Shape{2, 33, 35, 24}, {3, 3}, {{2, 2}, {1, 1}, {1, 1}, {1, 1}}},
        Case{Shape{3, 17, 19, 11}, {17, 19}, {}}}) {
    check_max<float>(c, values<float>(c.x.elements(), 9));
    check_average<float>(c);
  }
}

TEST(Pool, NanAndInfinity) {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              inf = std::numeric_limits<float>::infinity();
  std::mt19937 random(3);
  for (std::uint32_t i = 0; i < 100 && !testing::Test::HasFatalFailure(); ++i) {
    const Case c = random_case(random);
    auto x = values<float>(c.x.elements(), i);
    for (float& f : x) f = random() % 5 == 0 ? nan : random() % 3 == 0 ? -inf : f;
    check_max<float>(c, x);
  }
}

}  // namespace
}  // namespace deepcore
