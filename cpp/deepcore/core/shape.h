// Shape: the sizes of a tensor's axes, inline and copyable. Tensors are contiguous: no strides.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "deepcore/core/error.h"

namespace deepcore {

inline constexpr int kMaxRank = 8;

// A short list of integers: sizes, axes, strides, paddings.
class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<std::int64_t> values)
      : Dims(std::span<const std::int64_t>(values.begin(), values.size())) {}
  explicit Dims(std::span<const std::int64_t> values) {
    require(values.size() <= kMaxRank, "shape", "at most ", kMaxRank, " axes are supported, got ",
            values.size());
    for (std::int64_t v : values) push_back(v);
  }
  static Dims filled(int count, std::int64_t value) {
    Dims d;
    for (int i = 0; i < count; ++i) d.push_back(value);
    return d;
  }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::int64_t operator[](int i) const { return values_[static_cast<std::size_t>(i)]; }
  std::int64_t& operator[](int i) { return values_[static_cast<std::size_t>(i)]; }
  std::int64_t back() const { return values_[static_cast<std::size_t>(size_ - 1)]; }
  const std::int64_t* begin() const { return values_.data(); }
  const std::int64_t* end() const { return values_.data() + size_; }
  void push_back(std::int64_t v) {
    require(size_ < kMaxRank, "shape", "at most ", kMaxRank, " axes are supported");
    values_[static_cast<std::size_t>(size_++)] = v;
  }
  void insert(int at, std::int64_t v) {
    push_back(v);
    for (int i = size_ - 1; i > at; --i) std::swap((*this)[i], (*this)[i - 1]);
  }
  void erase(int at) {
    for (int i = at; i + 1 < size_; ++i) (*this)[i] = (*this)[i + 1];
    --size_;
  }
  bool contains(std::int64_t v) const { return std::find(begin(), end(), v) != end(); }
  bool operator==(const Dims& o) const { return std::equal(begin(), end(), o.begin(), o.end()); }

 private:
  std::array<std::int64_t, kMaxRank> values_{};
  int size_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Dims& dims);  // [8, 32, 32, 3]

class Shape : public Dims {
 public:
  using Dims::Dims;
  Shape() = default;
  explicit Shape(const Dims& dims) : Dims(dims) {}

  int rank() const { return size(); }
  std::int64_t elements() const {  // 1 for a scalar
    std::int64_t n = 1;
    for (std::int64_t d : *this) n *= d;
    return n;
  }
  // The product of the axes [first, last).
  std::int64_t elements(int first, int last) const {
    std::int64_t n = 1;
    for (int i = first; i < last; ++i) n *= (*this)[i];
    return n;
  }
};

// NumPy's rule; throws with both shapes when they don't fit.
Shape broadcast(std::string_view op, const Shape& a, const Shape& b);
// -1 becomes rank - 1; throws when outside.
int normalize_axis(std::string_view op, std::int64_t axis, int rank);
// Sorted, unique, non-negative; throws on duplicates.
Dims normalize_axes(std::string_view op, const Dims& axes, int rank);
// Row-major strides in elements.
Dims strides_of(const Shape& shape);
// Strides in elements with which a tensor of shape `from` reads as `to`: 0 where broadcast.
Dims broadcast_strides(const Shape& from, const Shape& to);

}  // namespace deepcore
