// Moments against double, with means far from zero, and against its definition.
#include <gtest/gtest.h>

#include <cmath>

#include "call_op.h"
#include "deepcore/cpu/threads.h"
#include "deepcore/ops/ops.h"
#include "simd_tables.h"

namespace deepcore {
namespace {

using test::Array;
using test::random_array;

TEST(Moments, ColumnsAgreeWithDoubleOnEveryInstructionSet) {
  for (const Kernels* table : test::simd_tables())
    for (std::int64_t rows : {1, 2, 3, 127, 128, 129, 1000})
      for (std::int64_t cols : {1, 3, 7, 8, 9, 31, 33, 70, 131, 1100})
        for (double centre : {0.0, -1000.0}) {
          const Array x = random_array({rows, cols}, 5, DType::kFloat32, centre - 1, centre + 1);
          const std::vector<double> values = x.numbers();
          std::vector<double> mean(static_cast<std::size_t>(cols)), m2 = mean;
          table->reduce.moments(x.data<float>(), rows, cols, cols, rows * cols, mean.data(),
                                m2.data());
          for (std::int64_t c = 0; c < cols; ++c) {
            double want = 0, squares = 0;
            for (std::int64_t r = 0; r < rows; ++r)
              want += values[static_cast<std::size_t>(r * cols + c)];
            want /= static_cast<double>(rows);
            for (std::int64_t r = 0; r < rows; ++r)
              squares += std::pow(values[static_cast<std::size_t>(r * cols + c)] - want, 2);
            const auto i = static_cast<std::size_t>(c);
            EXPECT_NEAR(mean[i], want, 1e-7 * (1 + std::abs(centre))) << rows << " x " << cols;
            EXPECT_NEAR(m2[i], squares, 1e-5 * squares + 1e-6) << rows << " x " << cols;
          }
        }
}

// Deviations are taken from a centre that the first rows gave.
TEST(Moments, FirstRowsUnlikeTheOthersCostFewDigits) {
  constexpr std::int64_t kRows = 600, kCols = 100;
  for (const Kernels* table : test::simd_tables())
    for (std::int64_t unlike : {1, 7, 8, 100, 128, 130}) {
      const Array x = random_array({kRows, kCols}, 3, DType::kFloat32, 999, 1001);
      std::vector<float> values(x.data<float>(), x.data<float>() + kRows * kCols);
      for (std::int64_t i = 0; i < unlike * kCols; ++i) values[static_cast<std::size_t>(i)] -= 1e6f;
      const auto at = [&](std::int64_t r, std::int64_t c) {
        return static_cast<double>(values[static_cast<std::size_t>(r * kCols + c)]);
      };
      std::vector<double> mean(kCols), m2(kCols);
      table->reduce.moments(values.data(), kRows, kCols, kCols, kRows * kCols, mean.data(),
                            m2.data());
      for (std::int64_t c = 0; c < kCols; ++c) {
        double want = 0, squares = 0;
        for (std::int64_t r = 0; r < kRows; ++r) want += at(r, c);
        want /= static_cast<double>(kRows);
        for (std::int64_t r = 0; r < kRows; ++r) squares += std::pow(at(r, c) - want, 2);
        const auto i = static_cast<std::size_t>(c);
        EXPECT_NEAR(mean[i], want, 1e-6 * std::sqrt(squares / kRows))
            << table->isa << " " << unlike;
        EXPECT_NEAR(m2[i] / squares, 1, 1e-5) << table->isa << " " << unlike;
      }
    }
}

TEST(Moments, PiecesCombineToTheDefinitionOnAnyNumberOfThreads) {
  for (const Shape& shape : {Shape{2, 5}, Shape{3000, 17}, Shape{2, 33, 35, 8}, Shape{5000, 1}}) {
    const Array x = random_array(shape, 7, DType::kFloat32, 3, 5);
    Tensor tensor = full(shape, 0, DType::kFloat32);
    std::memcpy(tensor.data(), x.bytes.data(), x.bytes.size());
    const Tensors want = Moments().compose({cast(tensor, DType::kFloat64)});
    Tensors first;
    for (int threads : {1, 3}) {
      force_team_size(threads);
      const Tensors got = moments(tensor);
      force_team_size(0);
      for (std::size_t k = 0; k < 2; ++k)
        for (std::int64_t c = 0; c < shape.back(); ++c) {
          const double w = want[k].data<double>()[c];
          EXPECT_NEAR(got[k].data<float>()[c], w, 1e-6 * std::abs(w)) << shape;
          if (first.empty()) continue;
          EXPECT_EQ(got[k].data<float>()[c], first[k].data<float>()[c]);
        }
      first = got;
    }
  }
}

TEST(Moments, RefusesWhatHasNoChannels) {
  EXPECT_THROW(moments(ones({DType::kFloat32, Shape{3}})), ValueError);
  EXPECT_THROW(moments(ones({DType::kInt32, Shape{3, 2}})), TypeError);
}

}  // namespace
}  // namespace deepcore
