// Rows added into zeros: against a walk over the indices one by one, to the bit, over random
// shapes, types and threads; rows of less than a line of memory and more, results past the caches.
#include <gtest/gtest.h>

#include <random>

#include "deepcore/cpu/threads.h"
#include "deepcore/ops/ops.h"
#include "numeric.h"

namespace deepcore::testing {
namespace {

std::int64_t between(std::mt19937& source, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(source);
}

// Small numbers, whole for integers.
Tensor random_values(std::mt19937& source, const Shape& shape, DType dtype) {
  const double unit = is_floating(dtype) ? 0.37 : 1;
  Numbers values;
  for (std::int64_t i = 0; i < shape.elements(); ++i)
    values.push_back(unit * static_cast<double>(between(source, 0, 9)));
  return tensor(values, shape, dtype);
}

Tensor random_indices(std::mt19937& source, std::int64_t size, std::int64_t count, DType dtype) {
  Numbers values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<double>(between(source, -size, size - 1)));
  return tensor(values, {count}, dtype);
}

template <class T>
void add_one_by_one(const Tensor& x, const Tensor& indices, const Shape& shape, Numbers& y) {
  const std::int64_t outer = shape[0], size = shape[1], inner = shape[2];
  const Numbers from = numbers(x), at = numbers(indices);
  std::vector<T> sums(static_cast<std::size_t>(shape.elements()));
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::size_t i = 0; i < at.size(); ++i)
      for (std::int64_t j = 0; j < inner; ++j) {
        const std::int64_t k = static_cast<std::int64_t>(at[i]);
        const std::int64_t row = k < 0 ? k + size : k;
        T& sum = sums[static_cast<std::size_t>((o * size + row) * inner + j)];
        const auto count = static_cast<std::int64_t>(at.size());
        const std::int64_t source = (o * count + static_cast<std::int64_t>(i)) * inner + j;
        sum = static_cast<T>(sum + static_cast<T>(from[static_cast<std::size_t>(source)]));
      }
  y.assign(sums.begin(), sums.end());
}

Numbers expected(const Tensor& x, const Tensor& indices, const Shape& shape) {
  Numbers y;
  switch (x.dtype()) {
    case DType::kFloat32:
      add_one_by_one<float>(x, indices, shape, y);
      break;
    case DType::kFloat64:
      add_one_by_one<double>(x, indices, shape, y);
      break;
    case DType::kUInt8:
      add_one_by_one<std::uint8_t>(x, indices, shape, y);
      break;
    default:
      add_one_by_one<std::int64_t>(x, indices, shape, y);
  }
  return y;
}

TEST(Scatter, AddsInTheOrderOfTheIndices) {
  std::mt19937 source(1);
  constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64,
                              DType::kUInt8};
  for (int turn = 0; turn < 150; ++turn) {
    const DType dtype = kTypes[turn % 5];
    const std::int64_t most = turn % 7 == 0 ? 3000 : 40, width = turn % 7 == 0 ? 40 : 150;
    const Shape shape{between(source, 1, 3), between(source, 1, most), between(source, 1, width)};
    const std::int64_t count = between(source, 0, turn % 3 ? 60 : 300);
    const Tensor indices =
        random_indices(source, shape[1], count, turn % 2 ? DType::kInt32 : DType::kInt64);
    const Tensor x = random_values(source, {shape[0], count, shape[2]}, dtype);
    SCOPED_TRACE(join("shape ", shape, ", ", count, " indices, type ", turn % 5));
    ASSERT_EQ(numbers(scatter_add(x, indices, shape, 1)), expected(x, indices, shape));
  }
}

// So many that the indices are counted in chunks.
TEST(Scatter, TheSameBitsOnAnyNumberOfThreads) {
  std::mt19937 source(2);
  for (const std::int64_t size : {3, 700, 5000}) {
    const Shape shape{2, size, 17};
    const Tensor indices = random_indices(source, size, 20000, DType::kInt32);
    const Tensor x = random_values(source, {2, 20000, 17}, DType::kFloat32);
    const Numbers want = expected(x, indices, shape);
    for (const int threads : {1, 3}) {
      force_team_size(threads);
      const Numbers got = numbers(scatter_add(x, indices, shape, 1));
      force_team_size(0);
      ASSERT_EQ(got, want) << size << " rows, " << threads << " threads";
    }
  }
}

TEST(Scatter, LargeResultsGoPastTheCaches) {
  std::mt19937 source(3);
  const Shape shape{1, 70000, 128};  // 36 MB
  const Tensor indices = random_indices(source, shape[1], 9000, DType::kInt32);
  const Tensor x = random_values(source, {1, 9000, 128}, DType::kFloat32);
  EXPECT_EQ(numbers(scatter_add(x, indices, shape, 1)), expected(x, indices, shape));
}

TEST(Scatter, TellsOfIndicesOutside) {
  const Tensor outside = tensor({0, 5}, {2}, DType::kInt32);
  for (const std::int64_t width : {3, 64}) {
    const Tensor x = zeros({DType::kFloat32, {2, width}});
    EXPECT_THROW(scatter_add(x, outside, {5, width}, 0), IndexError) << width;
    EXPECT_THROW(scatter_add(x, outside, {0, width}, 0), IndexError) << width;
    const Tensor none = zeros({DType::kFloat32, {0, width}});
    EXPECT_EQ(numbers(scatter_add(none, tensor({}, {0}, DType::kInt32), {2, width}, 0)),
              Numbers(static_cast<std::size_t>(2 * width), 0.0));
  }
}

}  // namespace
}  // namespace deepcore::testing
