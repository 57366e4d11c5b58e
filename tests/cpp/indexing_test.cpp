// Gather and ScatterAdd against plain loops.
#include <gtest/gtest.h>

#include <cstring>

#include "call_op.h"

namespace deepcore {
namespace {

using test::Array;
using test::array;
using test::call_every_way;
using test::call_op;
using test::random_array;

const std::vector<DType> kIndexTypes = {DType::kInt32, DType::kInt64, DType::kUInt8};

struct Row {
  Shape x, indices;
  int axis;
};
const std::vector<Row> kRows = {
    {{5}, {}, 0},
    {{5}, {3}, 0},
    {{7, 3}, {4}, 0},
    {{7, 3}, {2, 5}, 0},
    {{3, 7}, {9}, 1},
    {{2, 5, 3}, {4}, 1},
    {{2, 5, 16}, {3, 3}, 1},
    {{2, 3, 9}, {17}, 2},
    {{5, 33}, {0}, 0},
    {{5, 0}, {3}, 0},
    {{0, 5}, {3}, 1},
    {{90, 1000}, {200}, 0},
    {{4, 200, 7}, {3000}, 1},
};

Array random_indices(const Row& row, DType dtype, unsigned seed) {
  const auto size = static_cast<double>(std::min<std::int64_t>(row.x[row.axis], 200));
  return random_array(row.indices, seed, dtype, dtype == DType::kUInt8 ? 0 : -size, size);
}

TEST(Gather, AnyAxisAndElement) {
  for (DType dtype : {DType::kBool, DType::kFloat16, DType::kFloat32, DType::kFloat64})
    for (DType index_type : kIndexTypes)
      for (const Row& row : kRows) {
        Array x{{dtype, row.x}, {}};
        for (std::size_t i = 0; i < x.type.bytes(); ++i)
          x.bytes.push_back(static_cast<unsigned char>(i * 7 + i / 256));
        const Array indices = random_indices(row, index_type, 3);
        const test::Outcome got = call_every_way(Gather{row.axis}, {x, indices});
        EXPECT_EQ(got.fault, Fault::kNone);
        const std::int64_t outer = row.x.elements(0, row.axis), size = row.x[row.axis];
        const std::size_t bytes =
            static_cast<std::size_t>(row.x.elements(row.axis + 1, row.x.rank())) * size_of(dtype);
        std::vector<unsigned char> want;
        for (std::int64_t o = 0; o < outer; ++o)
          for (double index : indices.numbers()) {
            const auto k =
                static_cast<std::int64_t>(index < 0 ? index + static_cast<double>(size) : index);
            const unsigned char* from =
                x.bytes.data() + static_cast<std::size_t>(o * size + k) * bytes;
            want.insert(want.end(), from, from + bytes);
          }
        EXPECT_EQ(got.out.bytes, want) << row.x << row.indices << row.axis;
      }
}

TEST(Gather, OutsideIsAFaultAndZero) {
  for (DType index_type : kIndexTypes)
    for (double bad : {3.0, -4.0, 100.0}) {
      if (index_type == DType::kUInt8 && bad < 0) continue;
      const Array x = random_array({3, 2}, 1), indices = array({3}, {0, bad, 2}, index_type);
      const test::Outcome got = call_op(Gather{0}, {x, indices});
      EXPECT_EQ(got.fault, Fault::kIndexOutOfRange);
      EXPECT_EQ(got.out.numbers()[2], 0);
      EXPECT_EQ(got.out.numbers()[3], 0);
      EXPECT_EQ(got.out.numbers()[5], x.numbers()[5]);
    }
  EXPECT_EQ(call_op(Gather{0}, {random_array({0, 2}, 1), array({1}, {0}, DType::kInt32)}).fault,
            Fault::kIndexOutOfRange);
}

TEST(ScatterAdd, AnyAxisInIndexOrder) {
  for (DType dtype : {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64})
    for (DType index_type : kIndexTypes)
      for (const Row& row : kRows) {
        const Array indices = random_indices(row, index_type, 5);
        Shape shape;
        for (int i = 0; i < row.axis; ++i) shape.push_back(row.x[i]);
        for (std::int64_t d : row.indices) shape.push_back(d);
        for (int i = row.axis + 1; i < row.x.rank(); ++i) shape.push_back(row.x[i]);
        const Array g = random_array(shape, 7, dtype, -50, 50);
        const test::Outcome got = call_every_way(ScatterAdd{row.x, row.axis}, {g, indices});
        EXPECT_EQ(got.fault, Fault::kNone);
        const std::int64_t size = row.x[row.axis],
                           inner = row.x.elements(row.axis + 1, row.x.rank());
        std::vector<double> want(static_cast<std::size_t>(row.x.elements()));
        const std::vector<double> from = g.numbers(), index = indices.numbers();
        const auto count = static_cast<std::int64_t>(index.size());
        for (std::int64_t i = 0; i < g.type.elements(); ++i) {
          const std::int64_t o = i / inner / count;
          auto k = static_cast<std::int64_t>(index[static_cast<std::size_t>(i / inner % count)]);
          if (k < 0) k += size;
          double& to = want[static_cast<std::size_t>((o * size + k) * inner + i % inner)];
          // Rounded after each addition, as an element of the dtype is: additions in index order.
          to += from[static_cast<std::size_t>(i)];
          if (dtype == DType::kFloat32) to = static_cast<float>(to);
        }
        EXPECT_EQ(got.out.numbers(), want) << row.x << row.indices << row.axis;
      }
}

TEST(ScatterAdd, OutsideIsAFaultAndSkipped) {
  const Array g = array({3, 1}, {1, 2, 4});
  for (double bad : {3.0, -4.0}) {
    const test::Outcome got =
        call_op(ScatterAdd{Shape{3, 1}, 0}, {g, array({3}, {-1, bad, 2}, DType::kInt64)});
    EXPECT_EQ(got.fault, Fault::kIndexOutOfRange);
    EXPECT_EQ(got.out.numbers(), (std::vector<double>{0, 0, 5}));
  }
}

}  // namespace
}  // namespace deepcore
