// StridedCopy: moves a box of elements between two layouts. Transpose, slice, pad, concatenate and
// broadcast are all this, with different strides.
#pragma once

#include <cstddef>
#include <cstdint>

#include "deepcore/core/shape.h"
#include "deepcore/cpu/backend.h"

namespace deepcore {

// Element (i, j, ...) is at begin + i strides[0] + j strides[1] ...; strides may be 0 or negative.
struct Layout {
  std::int64_t begin = 0;
  Dims strides;
};

class StridedCopy {
 public:
  // `element`: 1, 2, 4 or 8 bytes.
  StridedCopy(std::size_t element, const Dims& size, const Layout& from, const Layout& to);

  // Independent pieces: stretches of rows, or strips of a transposition.
  std::int64_t items() const { return items_; }
  std::int64_t tasks() const;
  void run(const void* from, void* to, Range items) const;
  // The whole of it, from an input to output 0.
  Phase phase(int input = 0) const;

 private:
  template <class T>
  void run_rows(const T* from, T* to, Range items) const;
  template <class T>
  void run_strips(const T* from, T* to, Range items) const;

  std::size_t element_;
  Dims size_, from_, to_;  // axes merged where both layouts allow; at least one
  std::int64_t from_begin_, to_begin_;
  bool strips_ = false;  // reads run along the last axis but one, writes along the last
  bool far_ = false;     // too large for the near caches,
  bool past_ = false;    // for all of them
  std::int64_t items_ = 0;
};

// Writes n copies of the element at `value`, of `element` bytes.
void fill(void* to, std::int64_t n, const void* value, std::size_t element);

}  // namespace deepcore
