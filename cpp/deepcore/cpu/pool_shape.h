// The sizes of a pooling, and how its windows are shared out.
#pragma once

#include <algorithm>
#include <cstdint>

#include "deepcore/core/shape.h"
#include "deepcore/cpu/backend.h"
#include "deepcore/ops/kinds.h"

namespace deepcore {

struct PoolShape {
  std::int64_t n, h, w, c, oh, ow;
  std::array<int, 2> size;
  Window2D window;

  std::int64_t image() const { return h * w * c; }
  std::int64_t row() const { return w * c; }
  std::int64_t out_row() const { return ow * c; }
  // The input rows that window row i sees, cut to the image.
  Range rows(std::int64_t i) const {
    const std::int64_t first = i * window.stride[0] - window.pad_low[0];
    const std::int64_t begin = std::clamp<std::int64_t>(first, 0, h);
    return {begin, std::clamp<std::int64_t>(first + size[0], begin, h)};
  }
};

inline PoolShape pool_shape(const Shape& x, const Shape& y, std::array<int, 2> size,
                            const Window2D& window) {
  return {x[0], x[1], x[2], x[3], y[1], y[2], size, window};
}

// A task: some rows of windows of one sample, with the input rows that no other task writes.
struct PoolBand {
  std::int64_t n;
  Range out, in;
};

class PoolBands {
 public:
  // Gradients of windows that overlap from row to row can't be cut inside a sample.
  PoolBands(const PoolShape& shape, bool gradient) : shape_(shape) {
    constexpr std::int64_t kFloatsATask = 1 << 14;
    const bool whole = gradient && shape.size[0] > shape.window.stride[0];
    bands_ = whole ? 1
                   : std::clamp<std::int64_t>(shape.image() / kFloatsATask, 1,
                                              std::max<std::int64_t>(1, shape.oh));
  }
  std::int64_t count() const { return shape_.n * bands_; }
  PoolBand operator[](std::int64_t task) const {
    const std::int64_t b = task % bands_;
    const Range out = piece(shape_.oh, bands_, b);
    const auto begins = [&](std::int64_t i) {
      return std::clamp<std::int64_t>(i * shape_.window.stride[0] - shape_.window.pad_low[0], 0,
                                      shape_.h);
    };
    return {task / bands_,
            out,
            {b == 0 ? 0 : begins(out.begin), b == bands_ - 1 ? shape_.h : begins(out.end)}};
  }

 private:
  PoolShape shape_;
  std::int64_t bands_;
};

}  // namespace deepcore
