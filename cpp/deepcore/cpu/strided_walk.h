// Walk: positions of a broadcast output, as runs along its innermost axis with a fixed step for
// each input.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "deepcore/core/shape.h"

namespace deepcore {

template <int N>
class Walk {
 public:
  using Numbers = std::array<std::int64_t, N>;

  // Axes along which all inputs go on evenly become one.
  Walk(const std::array<Shape, N>& in, const Shape& out) {
    std::array<Dims, N> strides;
    for (int k = 0; k < N; ++k) strides[k] = broadcast_strides(in[k], out);
    for (int i = 0; i < out.rank(); ++i) {
      if (out[i] == 1) continue;
      bool joins = rank_ > 0;
      for (int k = 0; k < N && joins; ++k) joins = step_[rank_ - 1][k] == strides[k][i] * out[i];
      if (!joins) size_[rank_++] = 1;
      size_[rank_ - 1] *= out[i];
      for (int k = 0; k < N; ++k) step_[rank_ - 1][k] = strides[k][i];
    }
    if (rank_ == 0) size_[rank_++] = 1;
  }

  // f(offsets into the inputs, offset into the output, steps of the inputs, count), over [begin,
  // end).
  template <class F>
  void run(std::int64_t begin, std::int64_t end, F f) const {
    std::array<std::int64_t, kMaxRank> index{};
    Numbers offset{};
    std::int64_t rest = begin;
    for (int axis = rank_ - 1; axis >= 0; --axis) {
      index[axis] = rest % size_[axis];
      rest /= size_[axis];
      move(offset, axis, index[axis]);
    }
    const int last = rank_ - 1;
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t n = std::min(size_[last] - index[last], end - at);
      f(offset, at, step_[last], n);
      at += n;
      index[last] += n;
      move(offset, last, n);
      for (int axis = last; axis > 0 && index[axis] == size_[axis]; --axis) {
        move(offset, axis, -index[axis]);
        index[axis] = 0;
        move(offset, axis - 1, 1);
        ++index[axis - 1];
      }
    }
  }

 private:
  void move(Numbers& offset, int axis, std::int64_t by) const {
    for (int k = 0; k < N; ++k) offset[k] += step_[axis][k] * by;
  }

  int rank_ = 0;
  std::array<std::int64_t, kMaxRank> size_{};
  std::array<Numbers, kMaxRank> step_{};
};

}  // namespace deepcore
