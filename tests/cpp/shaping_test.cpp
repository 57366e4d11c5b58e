// Ops that only move elements, against a loop over coordinates.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "call_op.h"

namespace deepcore {
namespace {

using test::Array;
using test::call_every_way;
using test::call_op;

// Every dtype: elements of 1, 2, 4 and 8 bytes.
const std::vector<DType> kDTypes = {DType::kBool,  DType::kUInt8, DType::kFloat16, DType::kBFloat16,
                                    DType::kInt32, DType::kInt64, DType::kFloat32, DType::kFloat64};

// Bytes that differ from element to element; bools are bytes like others here.
Array patterned(const Shape& shape, DType dtype) {
  Array a{{dtype, shape}, {}};
  unsigned state = 1;
  for (std::size_t i = 0; i < a.type.bytes(); ++i)
    a.bytes.push_back(static_cast<unsigned char>((state = state * 1103515245u + 12345u) >> 16));
  return a;
}

using Coordinates = std::vector<std::int64_t>;

Coordinates coordinates(const Shape& shape, std::int64_t i) {
  Coordinates at(static_cast<std::size_t>(shape.rank()));
  for (int k = shape.rank() - 1; k >= 0; --k) {
    at[static_cast<std::size_t>(k)] = i % shape[k];
    i /= shape[k];
  }
  return at;
}
std::int64_t position(const Shape& shape, const Coordinates& at) {
  std::int64_t i = 0;
  for (int k = 0; k < shape.rank(); ++k) i = i * shape[k] + at[static_cast<std::size_t>(k)];
  return i;
}

// y[at] = from(at) where that is a position of x, `otherwise` at -1.
using From = std::function<std::int64_t(const Coordinates&)>;
void expect_moved(const Op& op, const std::vector<Array>& in, const From& from,
                  const std::vector<unsigned char>& otherwise = {}) {
  const Array y = call_every_way(op, in).out;
  const std::size_t size = size_of(y.type.dtype);
  for (std::int64_t i = 0; i < y.type.elements(); ++i) {
    const std::int64_t k = from(coordinates(y.type.shape, i));
    const unsigned char* want =
        k < 0 ? otherwise.data() : in[0].bytes.data() + static_cast<std::size_t>(k) * size;
    ASSERT_EQ(std::memcmp(y.bytes.data() + static_cast<std::size_t>(i) * size, want, size), 0)
        << op.str() << " of " << in[0].type << " at " << i;
  }
}

TEST(Transpose, EveryPermutation) {
  for (DType dtype : kDTypes)
    for (const Shape& shape :
         {Shape{}, Shape{5}, Shape{3, 7}, Shape{33, 17}, Shape{2, 3, 5}, Shape{17, 1, 19},
          Shape{2, 3, 4, 5}, Shape{3, 16, 1, 17}, Shape{0, 3}}) {
      Dims perm;
      for (int i = 0; i < shape.rank(); ++i) perm.push_back(i);
      do {
        expect_moved(Transpose{perm}, {patterned(shape, dtype)}, [&](const Coordinates& at) {
          Coordinates from(at.size());
          for (std::size_t i = 0; i < at.size(); ++i)
            from[static_cast<std::size_t>(perm[static_cast<int>(i)])] = at[i];
          return position(shape, from);
        });
      } while (!perm.empty() && std::next_permutation(&perm[0], &perm[0] + perm.size()));
    }
}

TEST(Transpose, Large) {
  for (const Shape& shape : {Shape{700, 300}, Shape{40, 50, 70}})
    for (const Dims& perm : {Dims{1, 0}, Dims{2, 1, 0}, Dims{0, 2, 1}, Dims{1, 2, 0}}) {
      if (perm.size() != shape.rank()) continue;
      expect_moved(Transpose{perm}, {patterned(shape, DType::kFloat32)},
                   [&](const Coordinates& at) {
                     Coordinates from(at.size());
                     for (std::size_t i = 0; i < at.size(); ++i)
                       from[static_cast<std::size_t>(perm[static_cast<int>(i)])] = at[i];
                     return position(shape, from);
                   });
    }
}

// Past the caches where the rows begin lines, as those of 3,200 do.
TEST(Transpose, LargerThanTheCaches) {
  for (const std::int64_t rows : {3200, 3203}) {
    const std::int64_t cols = 2801;
    const Array x = patterned({rows, cols}, DType::kInt32);
    const Array y = call_op(Transpose{Dims{1, 0}}, {x}).out;
    const auto* from = reinterpret_cast<const std::int32_t*>(x.bytes.data());
    const auto* to = reinterpret_cast<const std::int32_t*>(y.bytes.data());
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < cols; ++c)
        ASSERT_EQ(to[c * rows + r], from[r * cols + c]) << rows << " " << r << " " << c;
  }
}

TEST(BroadcastTo, NewAndStretchedAxes) {
  struct Row {
    Shape from, to;
  };
  const std::vector<Row> rows = {{{}, {}},
                                 {{}, {3, 5}},
                                 {{1}, {17}},
                                 {{4}, {3, 4}},
                                 {{3, 1}, {3, 33}},
                                 {{2, 1, 5}, {2, 9, 5}},
                                 {{1, 3, 1}, {4, 3, 2}},
                                 {{1, 1}, {0, 3}},
                                 {{3, 1, 1}, {2, 3, 5, 7}},
                                 {{5, 1}, {5, 70000}}};
  for (DType dtype : kDTypes)
    for (const Row& row : rows)
      expect_moved(BroadcastTo{row.to}, {patterned(row.from, dtype)}, [&](Coordinates at) {
        at.erase(at.begin(), at.end() - row.from.rank());
        for (std::size_t i = 0; i < at.size(); ++i)
          if (row.from[static_cast<int>(i)] == 1) at[i] = 0;
        return position(row.from, at);
      });
}

struct SliceRow {
  Shape shape;
  Dims begin, size, stride;
};
const std::vector<SliceRow> kSlices = {
    {{}, {}, {}, {}},
    {{9}, {2}, {5}, {1}},
    {{9}, {8}, {9}, {-1}},
    {{9}, {8}, {3}, {-3}},
    {{9}, {0}, {0}, {1}},
    {{4, 33}, {1, 0}, {2, 33}, {1, 1}},
    {{4, 33}, {3, 31}, {2, 11}, {-2, -3}},
    {{4, 5, 6}, {0, 1, 0}, {4, 3, 6}, {1, 1, 1}},
    {{4, 5, 6}, {0, 4, 1}, {4, 5, 3}, {1, -1, 2}},
    {{2, 3, 4, 5}, {1, 0, 3, 0}, {1, 2, 4, 5}, {1, 2, -1, 1}},
    {{3, 1, 7}, {2, 0, 0}, {3, 1, 7}, {-1, 1, 1}},
};

TEST(Slice, AnyStride) {
  for (DType dtype : kDTypes)
    for (const SliceRow& row : kSlices)
      expect_moved(Slice{row.begin, row.size, row.stride}, {patterned(row.shape, dtype)},
                   [&](Coordinates at) {
                     for (int i = 0; i < row.shape.rank(); ++i) {
                       auto& a = at[static_cast<std::size_t>(i)];
                       a = row.begin[i] + a * row.stride[i];
                     }
                     return position(row.shape, at);
                   });
}

// Rows that come from memory, those of 4,416 and 80,000 bytes past all caches where they begin
// lines.
TEST(Slice, Large) {
  for (const std::int64_t width : {552, 549, 10000}) {
    const std::int64_t rows = 5000000 / width, skip = 3;
    const Array x = patterned({rows + 5, width + 7}, DType::kFloat64);
    const Array y = call_every_way(Slice{{2, skip}, {rows, width}, {1, 1}}, {x}).out;
    const std::size_t row = static_cast<std::size_t>(width) * sizeof(double);
    for (std::int64_t r = 0; r < rows; ++r)
      ASSERT_EQ(
          std::memcmp(y.bytes.data() + static_cast<std::size_t>(r) * row,
                      x.bytes.data() +
                          static_cast<std::size_t>((r + 2) * (width + 7) + skip) * sizeof(double),
                      row),
          0)
          << width << " " << r;
  }
}

TEST(Unslice, AnyStride) {
  for (DType dtype : kDTypes)
    for (const SliceRow& row : kSlices) {
      const Shape x(row.size);
      expect_moved(
          Unslice{row.shape, row.begin, row.stride}, {patterned(x, dtype)},
          [&](Coordinates at) -> std::int64_t {
            for (int i = 0; i < x.rank(); ++i) {
              auto& a = at[static_cast<std::size_t>(i)];
              const std::int64_t steps = a - row.begin[i];
              if (steps % row.stride[i] != 0) return -1;
              a = steps / row.stride[i];
              if (a < 0 || a >= x[i]) return -1;
            }
            return position(x, at);
          },
          std::vector<unsigned char>(8, 0));
    }
}

TEST(Pad, LowAndHigh) {
  struct Row {
    Shape shape;
    Dims low, high;
  };
  const std::vector<Row> rows = {{{}, {}, {}},
                                 {{5}, {0}, {0}},
                                 {{5}, {2}, {3}},
                                 {{0}, {2}, {1}},
                                 {{3, 17}, {1, 0}, {0, 4}},
                                 {{2, 5, 5, 3}, {0, 1, 2, 0}, {0, 2, 1, 0}},
                                 {{2, 0, 3}, {0, 1, 1}, {1, 1, 0}}};
  for (DType dtype : kDTypes)
    for (const Row& row : rows) {
      const Array fill = patterned({}, dtype);
      expect_moved(
          Pad{row.low, row.high}, {patterned(row.shape, dtype), fill},
          [&](Coordinates at) -> std::int64_t {
            for (int i = 0; i < row.shape.rank(); ++i) {
              auto& a = at[static_cast<std::size_t>(i)];
              a -= row.low[i];
              if (a < 0 || a >= row.shape[i]) return -1;
            }
            return position(row.shape, at);
          },
          fill.bytes);
    }
}

TEST(Concat, AnyAxis) {
  const std::vector<std::vector<std::int64_t>> sizes = {
      {3}, {1, 2}, {0, 5, 0}, {7, 0, 1, 16}, {2, 30000}, {0, 0}, {30000, 30000}};
  for (DType dtype : kDTypes)
    for (const Shape& base : {Shape{1}, Shape{3, 1}, Shape{1, 5}, Shape{2, 1, 3}})
      for (const auto& parts : sizes) {
        int axis = 0;
        while (base[axis] != 1) ++axis;
        std::vector<Array> in;
        for (std::int64_t size : parts) {
          Shape shape = base;
          shape[axis] = size;
          in.push_back(patterned(shape, dtype));
        }
        const Array y = call_op(Concat{axis}, in).out;
        EXPECT_EQ(call_op(Concat{axis}, in, {0, true}).out.bytes, y.bytes);
        // Taken apart again, each part is what it was.
        Dims begin = Dims::filled(base.rank(), 0);
        for (const Array& part : in) {
          const Slice back{begin, part.type.shape, Dims::filled(base.rank(), 1)};
          EXPECT_EQ(call_op(back, {y}).out.bytes, part.bytes);
          begin[axis] += part.type.shape[axis];
        }
      }
}

// Parts of several tasks that take turns, larger than the near caches, in rows of whole lines and
// others.
TEST(Concat, LargePartsOfOneSize) {
  for (const std::int64_t width : {64, 61}) {
    std::vector<Array> in;
    for (int i = 0; i < 3; ++i) in.push_back(patterned({20000, width}, DType::kFloat32));
    in[1].bytes[7] = 1;
    in[2].bytes[7] = 2;
    const Array y = call_every_way(Concat{1}, in).out;
    const std::size_t row = static_cast<std::size_t>(width) * sizeof(float);
    for (std::size_t r = 0; r < 20000; ++r)
      for (std::size_t i = 0; i < 3; ++i)
        ASSERT_EQ(
            std::memcmp(y.bytes.data() + (3 * r + i) * row, in[i].bytes.data() + r * row, row), 0)
            << width << " " << r << " " << i;
  }
}

TEST(Reshape, Copies) {
  for (DType dtype : kDTypes)
    for (std::int64_t n : test::kOddSizes) {
      const Array x = patterned({n, 6}, dtype);
      EXPECT_EQ(call_every_way(Reshape{Shape{3, n, 2}}, {x}, true).out.bytes, x.bytes);
    }
}

TEST(Shaping, LargeEnoughForSeveralTasks) {
  const Array x = patterned({300, 1000}, DType::kFloat32);
  expect_moved(Slice{{299, 1}, {300, 900}, {-1, 1}}, {x},
               [](const Coordinates& at) { return (299 - at[0]) * 1000 + at[1] + 1; });
  expect_moved(
      Pad{{1, 2}, {0, 3}}, {x, patterned({}, DType::kFloat32)},
      [](const Coordinates& at) -> std::int64_t {
        const std::int64_t i = at[0] - 1, j = at[1] - 2;
        return i < 0 || j < 0 || j >= 1000 ? -1 : i * 1000 + j;
      },
      patterned({}, DType::kFloat32).bytes);
  expect_moved(Reshape{Shape{300000}}, {x}, [](const Coordinates& at) { return at[0]; });
}

}  // namespace
}  // namespace deepcore
